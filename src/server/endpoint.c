/* SPDX-License-Identifier: Apache-2.0 */
#include "server/endpoint.h"

#include <string.h>

#include "server/exchange.h"
#include "server/server_internal.h"

#define METRICS_TEXT_MAX ((size_t)4 << 20)

extern const unsigned char chat_page[];
extern const size_t chat_page_size;

/* The page is one file with its script and style inside; it talks to this server alone. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "      \
    "'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

void endpoint_page(struct exchange *exchange)
{
    answer_fixed(&exchange->answer, 200, "text/html; charset=utf-8", (const char *)chat_page,
                 chat_page_size);
    exchange->answer.extra_name = "Content-Security-Policy";
    exchange->answer.extra_value = PAGE_POLICY;
}

void endpoint_health(struct exchange *exchange)
{
    static const char healthy[] = "{\"status\":\"ok\"}";
    const char *problem = health_problem(exchange->server);
    if (!problem) {
        answer_fixed(&exchange->answer, 200, CONTENT_JSON, healthy, sizeof healthy - 1);
        return;
    }
    enum server_phase phase = server_phase(exchange->server);
    const char *code = phase == SERVER_LOADING   ? "server_overloaded"
                       : phase == SERVER_SERVING ? "engine_dead"
                                                 : "server_shutting_down";
    answer_status(&exchange->answer, 503, code, NULL, "%s", problem);
    exchange->answer.retry_after_ms = 2000;
}

static void answer_text(struct exchange *exchange, bool ok, const char *type, struct buffer *text)
{
    if (!ok)
        text->failed = true;
    answer_body(&exchange->answer, 200, type, text);
    buffer_free(text);
}

void endpoint_version(struct exchange *exchange)
{
    struct buffer text;
    buffer_init(&text, 256);
    bool ok = buffer_printf(&text, "{\"version\":\"%s\"}", octet_version());
    answer_text(exchange, ok, CONTENT_JSON, &text);
}

void endpoint_models(struct exchange *exchange)
{
    struct buffer text;
    buffer_init(&text, METRICS_TEXT_MAX);
    answer_text(exchange, api_models_body(&exchange->server->model, &text), CONTENT_JSON, &text);
}

void endpoint_model(struct exchange *exchange)
{
    struct buffer text;
    struct api_error error;
    buffer_init(&text, METRICS_TEXT_MAX);
    if (api_model_body(&exchange->server->model, exchange->rest, &text, &error) != OCTET_OK)
        answer_error(&exchange->answer, &error);
    else
        answer_body(&exchange->answer, 200, CONTENT_JSON, &text);
    buffer_free(&text);
}

void endpoint_metrics(struct exchange *exchange)
{
    struct buffer text;
    buffer_init(&text, METRICS_TEXT_MAX);
    answer_text(exchange, server_metrics_text(exchange->server, &text),
                "text/plain; version=0.0.4; charset=utf-8", &text);
}

void endpoint_load(struct exchange *exchange)
{
    struct buffer text;
    int load =
        exchange->server->options.load_endpoint ? atomic_load(&exchange->server->generating) : 0;
    buffer_init(&text, 256);
    answer_text(exchange, buffer_printf(&text, "{\"server_load\":%d}", load), CONTENT_JSON, &text);
}

void endpoint_openapi(struct exchange *exchange)
{
    size_t size = 0;
    const char *text = api_openapi(&size);
    answer_fixed(&exchange->answer, 200, CONTENT_JSON, text, size);
}

void endpoint_tokenizer_info(struct exchange *exchange)
{
    struct buffer text;
    buffer_init(&text, (size_t)256 << 20);
    answer_text(exchange, api_tokenizer_info(&exchange->server->model, &text), CONTENT_JSON, &text);
}

void endpoint_debug_requests(struct exchange *exchange)
{
    struct buffer text;
    buffer_init(&text, (size_t)16 << 20);
    answer_text(exchange, server_debug_text(exchange->server, &text), CONTENT_JSON, &text);
}

/* ---- on a worker ---- */

static void generate(struct exchange *exchange,
                     octet_status (*parse)(const struct api_model *model, const char *body,
                                           size_t size, struct api_request **out,
                                           struct api_error *error))
{
    struct api_request *request = NULL;
    struct generating *generating = NULL;
    struct api_error error = {0};
    octet_status status = parse(&exchange->server->model, buffer_text(&exchange->body),
                                exchange->body.size, &request, &error);
    exchange_drop_body(exchange); /* the request lives long and needs none of it */
    if (status != OCTET_OK) {
        if (error.code && strcmp(error.code, "context_length_exceeded") == 0)
            metrics_reject(&exchange->server->metrics, METRICS_TOO_LONG);
    } else {
        status = generating_start(exchange, request, &generating, &error);
    }
    if (status == OCTET_OK) {
        exchange_generate(exchange, generating);
        return;
    }
    answer_error(&exchange->answer, &error);
    if (error.http_status == 429)
        exchange->answer.retry_after_ms = server_retry_after_ms(exchange->server);
    exchange_ready(exchange);
}

void endpoint_chat(struct exchange *exchange)
{
    generate(exchange, api_chat_parse);
}

void endpoint_completion(struct exchange *exchange)
{
    generate(exchange, api_completion_parse);
}

static void convert(struct exchange *exchange,
                    octet_status (*function)(const struct api_model *model, const char *body,
                                             size_t size, struct buffer *out,
                                             struct api_error *error))
{
    struct buffer text;
    struct api_error error = {0};
    buffer_init(&text, (size_t)1 << 30);
    if (function(&exchange->server->model, buffer_text(&exchange->body), exchange->body.size, &text,
                 &error) != OCTET_OK)
        answer_error(&exchange->answer, &error);
    else
        answer_body(&exchange->answer, 200, CONTENT_JSON, &text);
    buffer_free(&text);
    exchange_ready(exchange);
}

void endpoint_tokenize(struct exchange *exchange)
{
    convert(exchange, api_tokenize);
}

void endpoint_detokenize(struct exchange *exchange)
{
    convert(exchange, api_detokenize);
}

void endpoint_render(struct exchange *exchange)
{
    convert(exchange, api_render);
}
