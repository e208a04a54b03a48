/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte that chooses the endpoint, then a body: every endpoint that takes one answers or refuses
 * with a sentence and a status, and does so again the second time.
 */
#include "api/api_request.h"
#include "template/chat_template.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char template_source[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>\n{{ "
    "m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}{% for c in m.tool_calls %}"
    "<tool_call>{{ c.function.name }}{{ c.function.arguments | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% for t in tools %}{{ t | tojson }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is false %}<think>"
    "\n\n</think>\n\n{% endif %}{% endif %}";

static struct {
    struct tokenizer *tokenizer;
    struct grammar_vocab *vocab;
    struct chat_template *chat_template;
    struct api_model model;
} served;

static octet_status render(void *context, const struct json *variables, struct buffer *out,
                           struct octet_error *err)
{
    (void)context;
    return chat_template_render(served.chat_template, variables, out, err);
}

static void open_model(void)
{
    static const char *const names[] = {"demo"};
    static const int32_t eos_ids[] = {4095};
    struct octet_error err = {.status = OCTET_OK};
    if (served.tokenizer)
        return;
    if (tokenizer_open("models/demo", &served.tokenizer, &err) != OCTET_OK ||
        grammar_vocab_new(served.tokenizer, 4096, eos_ids, 1, &served.vocab, &err) != OCTET_OK ||
        chat_template_compile(template_source, sizeof template_source - 1, "fuzz",
                              &served.chat_template, &err) != OCTET_OK) {
        (void)fprintf(stderr, "%s (run from the repository's root)\n", err.message);
        abort();
    }
    served.model = (struct api_model){
        .names = names,
        .name_count = 1,
        .root = "demo",
        .tokenizer = served.tokenizer,
        .vocab = served.vocab,
        .vocab_size = 4096,
        .max_model_len = 1024,
        .max_logprobs = 20,
        .eos_ids = eos_ids,
        .eos_id_count = 1,
        .render = render,
        .template_source = template_source,
        .response_role = "assistant",
        .reasoning = REASONING_QWEN3,
        .tools = TOOLS_HERMES,
        .auto_tool_choice = true,
        .max_n = 64,
        .max_stop_strings = 64,
        .max_prompts = 64,
        .stream_interval = 1,
    };
    sampling_params_init(&served.model.defaults);
}

/* What holds of every request that was accepted. */
static void check_request(const struct api_request *request)
{
    struct octet_error err = {.status = OCTET_OK};
    struct sampling_params sampling;
    assert(request->n >= 1 && request->prompt_count >= 1);
    assert(api_request_choices(request) <= 64);
    for (size_t i = 0; i < request->prompt_count; i++) {
        const struct api_prompt *prompt = &request->prompts[i];
        assert(prompt->id_count >= 1 && prompt->id_count <= 1024);
        for (size_t k = 0; k < prompt->id_count; k++)
            assert(prompt->ids[k] >= 0 && prompt->ids[k] < 4096);
    }
    octet_status status = api_request_sampling(request, 0, &sampling, &err);
    assert(status == OCTET_OK || (err.status == status && err.message[0]));
    if (status != OCTET_OK)
        return;
    status = sampling_params_check(&sampling, 4096, 20, &err);
    if (status != OCTET_OK)
        (void)fprintf(stderr, "%s\n", err.message);
    assert(status == OCTET_OK);
    constraint_free(sampling.constraint);
}

static octet_status run(unsigned endpoint, const char *body, size_t size, struct buffer *out,
                        struct api_error *error)
{
    struct api_request *request = NULL;
    octet_status status;
    switch (endpoint) {
    case 0:
        status = api_chat_parse(&served.model, body, size, &request, error);
        break;
    case 1:
        status = api_completion_parse(&served.model, body, size, &request, error);
        break;
    case 2:
        return api_tokenize(&served.model, body, size, out, error);
    case 3:
        return api_detokenize(&served.model, body, size, out, error);
    default:
        return api_render(&served.model, body, size, out, error);
    }
    assert((status == OCTET_OK) == (request != NULL));
    if (request)
        check_request(request);
    api_request_free(request);
    return status;
}

static void run_once(unsigned endpoint, const char *body, size_t size, struct buffer *out)
{
    struct api_error error = {0};
    buffer_init(out, (size_t)1 << 26);
    if (run(endpoint, body, size, out, &error) != OCTET_OK) {
        assert(error.http_status == 400 || error.http_status == 404);
        assert(error.type && error.code && error.detail.message[0]);
        buffer_clear(out);
        bool written = api_error_body(&error, out);
        assert(written);
    }
    if (out->size) {
        struct octet_error err;
        struct json *value = NULL;
        octet_status status = json_parse(out->data, out->size, out->size, "answer", &value, &err);
        assert(status == OCTET_OK && json_type(value) == JSON_TYPE_OBJECT);
        json_free(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer first, second;
    if (size == 0)
        return 0;
    open_model();
    char *body = malloc(size - 1 ? size - 1 : 1);
    if (!body)
        return 0;
    memcpy(body, data + 1, size - 1);
    unsigned endpoint = (data[0] - (unsigned)'0') % 5u;
    run_once(endpoint, body, size - 1, &first);
    run_once(endpoint, body, size - 1, &second);
    assert(first.size == second.size);
    assert(!first.size || memcmp(first.data, second.data, first.size) == 0);
    buffer_free(&second);
    buffer_free(&first);
    free(body);
    return 0;
}
