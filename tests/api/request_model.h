/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A served model without weights for the tests of requests: the demo model's tokenizer (4096
 * tokens), Qwen3's chat template, a context of 512 tokens.
 */
#ifndef API_REQUEST_MODEL_H
#define API_REQUEST_MODEL_H

#include "api/api_request.h"
#include "template/chat_template.h"

#define REQUEST_MODEL_CONTEXT 512

struct request_model {
    struct api_model model;
    struct tokenizer *tokenizer;
    struct grammar_vocab *vocab;
    struct chat_template *chat_template;
    char *source;
};

/* template_path: from the repository's root. False with a line on stderr. */
bool request_model_open(struct request_model *out, const char *template_path);
/* Use this template from now on. */
bool request_model_set_template(struct request_model *model, const char *source);
void request_model_close(struct request_model *model);

#endif
