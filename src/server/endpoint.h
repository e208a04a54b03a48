/* SPDX-License-Identifier: Apache-2.0 */
/* What answers the routes: each fills exchange->answer. */
#ifndef SERVER_ENDPOINT_H
#define SERVER_ENDPOINT_H

struct exchange;

/* At once, on the HTTP thread. */
void endpoint_page(struct exchange *exchange);
void endpoint_health(struct exchange *exchange);
void endpoint_version(struct exchange *exchange);
void endpoint_models(struct exchange *exchange);
void endpoint_model(struct exchange *exchange);
void endpoint_metrics(struct exchange *exchange);
void endpoint_load(struct exchange *exchange);
void endpoint_openapi(struct exchange *exchange);
void endpoint_tokenizer_info(struct exchange *exchange);
void endpoint_debug_requests(struct exchange *exchange);

/* On a worker; each ends in exchange_ready() or exchange_generate(). */
void endpoint_chat(struct exchange *exchange);
void endpoint_completion(struct exchange *exchange);
void endpoint_tokenize(struct exchange *exchange);
void endpoint_detokenize(struct exchange *exchange);
void endpoint_render(struct exchange *exchange);

#endif
