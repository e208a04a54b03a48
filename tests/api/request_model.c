/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request_model.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"demo", "models/demo"};
static const int32_t eos_ids[] = {4095, 4093};

static octet_status render(void *context, const struct json *variables, struct buffer *out,
                           struct octet_error *err)
{
    const struct request_model *model = context;
    return chat_template_render(model->chat_template, variables, out, err);
}

bool request_model_set_template(struct request_model *model, const char *source)
{
    struct octet_error err = {.status = OCTET_OK};
    struct chat_template *compiled = NULL;
    char *copy = strdup(source);
    if (!copy ||
        chat_template_compile(source, strlen(source), "template", &compiled, &err) != OCTET_OK) {
        fprintf(stderr, "%s\n", err.message);
        free(copy);
        return false;
    }
    chat_template_free(model->chat_template);
    free(model->source);
    model->chat_template = compiled;
    model->source = copy;
    model->model.template_source = copy;
    return true;
}

static void fill(struct request_model *out)
{
    struct api_model *model = &out->model;
    *model = (struct api_model){
        .names = names,
        .name_count = sizeof names / sizeof names[0],
        .created = 1764000000,
        .root = "models/demo",
        .tokenizer = out->tokenizer,
        .vocab = out->vocab,
        .vocab_size = 4096,
        .max_model_len = REQUEST_MODEL_CONTEXT,
        .max_logprobs = 20,
        .eos_ids = eos_ids,
        .eos_id_count = sizeof eos_ids / sizeof eos_ids[0],
        .render = render,
        .render_context = out,
        .template_source = out->source,
        .fingerprint = "octet-test",
        .version = "0.0",
        .response_role = "assistant",
        .reasoning = REASONING_QWEN3,
        .tools = TOOLS_HERMES,
        .auto_tool_choice = true,
        .max_n = 16384,
        .max_stop_strings = 64,
        .max_prompts = 1024,
        .stream_interval = 1,
    };
    sampling_params_init(&model->defaults);
    model->defaults.temperature = 0.6;
    model->defaults.top_p = 0.95;
    model->defaults.top_k = 20;
}

bool request_model_open(struct request_model *out, const char *template_path)
{
    struct octet_error err = {.status = OCTET_OK};
    struct buffer source;
    memset(out, 0, sizeof *out);
    buffer_init(&source, (size_t)1 << 20);
    bool fine = file_read_all(template_path, (size_t)1 << 20, &source, &err) == OCTET_OK &&
                tokenizer_open("models/demo", &out->tokenizer, &err) == OCTET_OK;
    fine = fine && request_model_set_template(out, buffer_text(&source)) &&
           grammar_vocab_new(out->tokenizer, 4096, eos_ids, 2, &out->vocab, &err) == OCTET_OK;
    buffer_free(&source);
    if (fine)
        fill(out);
    else
        fprintf(stderr, "%s\n", err.message);
    return fine;
}

void request_model_close(struct request_model *model)
{
    chat_template_free(model->chat_template);
    grammar_vocab_free(model->vocab);
    tokenizer_close(model->tokenizer);
    free(model->source);
}
