/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request_case.h"

#include "support/testing.h"

#include <inttypes.h>

#define CHAT_HEAD "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define COMPLETION_HEAD "{\"prompt\":\"hello\""

static void expand(const char *body, struct buffer *out)
{
    const char *text = body + 2;
    bool part = body[0] == 'h' || body[0] == 'c';
    if (part)
        buffer_append_str(out, body[0] == 'h' ? CHAT_HEAD : COMPLETION_HEAD);
    if (part && text[0])
        buffer_append_char(out, ',');
    for (; *text; text++)
        buffer_append_char(out, *text == '\'' ? '"' : *text);
    if (part)
        buffer_append_char(out, '}');
}

static void describe_ids(struct buffer *out, const char *name, const int32_t *ids, size_t count)
{
    buffer_printf(out, " %s=[", name);
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s%d", i ? "," : "", ids[i]);
    buffer_append_str(out, "]");
}

static void describe_sampling(struct buffer *out, const struct sampling_params *sampling)
{
    buffer_printf(out, " max_tokens=%d min_tokens=%d temperature=%g top_k=%d top_p=%g min_p=%g",
                  sampling->max_tokens, sampling->min_tokens, sampling->temperature,
                  sampling->top_k, sampling->top_p, sampling->min_p);
    buffer_printf(out, " repetition=%g presence=%g frequency=%g ignore_eos=%d",
                  sampling->repetition_penalty, sampling->presence_penalty,
                  sampling->frequency_penalty, sampling->ignore_eos);
    if (sampling->has_seed)
        buffer_printf(out, " seed=%" PRId64, (int64_t)sampling->seed);
    else
        buffer_append_str(out, " seed=none");
    buffer_printf(out, " logprobs=%d prompt_logprobs=%d priority=%d", sampling->logprobs,
                  sampling->prompt_logprobs, sampling->priority);
    describe_ids(out, "stop_ids", sampling->stop_token_ids, sampling->stop_token_id_count);
    describe_ids(out, "allowed", sampling->allowed_ids, sampling->allowed_id_count);
    for (size_t i = 0; i < sampling->logit_bias_count; i++)
        buffer_printf(out, " bias[%d]=%g", sampling->logit_bias[i].id,
                      (double)sampling->logit_bias[i].bias);
    for (size_t i = 0; i < sampling->bad_word_count; i++)
        describe_ids(out, "bad", sampling->bad_words[i], sampling->bad_word_lengths[i]);
}

static void describe(struct buffer *out, const struct api_request *request)
{
    buffer_printf(out, "model=%s prompts=%zu n=%d", request->model_name, request->prompt_count,
                  request->n);
    for (size_t i = 0; i < request->prompt_count; i++)
        describe_ids(out, "ids", request->prompts[i].ids, request->prompts[i].id_count);
    describe_sampling(out, &request->sampling);
    for (size_t i = 0; i < request->stop_count; i++)
        buffer_printf(out, " stop=<%s>", request->stops[i]);
    buffer_printf(out, " include_stop=%d skip_special=%d salt=%" PRIu64 " stream=%d usage=%d/%d",
                  request->include_stop, request->skip_special, request->cache_salt,
                  request->stream, request->include_usage, request->continuous_usage);
    buffer_printf(out, " interval=%d wants_logprobs=%d wants_prompt_logprobs=%d echo=%d",
                  request->stream_interval, request->logprobs, request->prompt_logprobs,
                  request->echo);
    buffer_printf(out, " token_ids=%d as_ids=%d include_reasoning=%d budget=%d id=%s",
                  request->return_token_ids, request->tokens_as_token_ids,
                  request->include_reasoning, request->thinking_budget,
                  request->request_id ? request->request_id : "none");
    buffer_printf(out, " reasoning=%d start=%d tools=%d parallel=%d mode=%d grammar=%d begins=%d",
                  request->rules.reasoning, request->rules.start, request->rules.tools,
                  request->rules.parallel_tool_calls, request->tool_mode, request->grammar != NULL,
                  request->grammar_start);
    buffer_printf(out, " echo_text=<%s>", request->echo_text ? request->echo_text : "");
    for (size_t i = 0; i < request->prompt_count; i++)
        buffer_printf(out, " text=<%s>", request->prompts[i].text ? request->prompts[i].text : "");
}

static octet_status run(const struct api_model *model, char kind, const struct buffer *body,
                        struct api_error *error, struct buffer *out)
{
    const char *text = buffer_text(body);
    struct api_request *request = NULL;
    octet_status status;
    switch (kind) {
    case 'T':
        return api_tokenize(model, text, body->size, out, error);
    case 'D':
        return api_detokenize(model, text, body->size, out, error);
    case 'R':
        return api_render(model, text, body->size, out, error);
    case 'c':
    case 'C':
        status = api_completion_parse(model, text, body->size, &request, error);
        break;
    default:
        status = api_chat_parse(model, text, body->size, &request, error);
        break;
    }
    assert_true((status == OCTET_OK) == (request != NULL));
    if (request)
        describe(out, request);
    api_request_free(request);
    return status;
}

int request_case_run(const struct api_model *model, const char *body, struct api_error *error,
                     struct buffer *out)
{
    struct buffer text;
    buffer_init(&text, (size_t)1 << 26);
    expand(body, &text);
    memset(error, 0, sizeof *error);
    octet_status status = run(model, body[0], &text, error, out);
    buffer_free(&text);
    if (status == OCTET_OK)
        return 200;
    assert_int_not_equal(error->http_status, 0);
    assert_non_null(error->type);
    buffer_clear(out);
    buffer_append_str(out, error->detail.message);
    return error->http_status;
}

/* Every part between '|' occurs. */
static bool has_all(const char *text, const char *parts)
{
    char part[512];
    while (*parts) {
        size_t length = strcspn(parts, "|");
        assert_true(length < sizeof part);
        memcpy(part, parts, length);
        part[length] = '\0';
        if (!strstr(text, part))
            return false;
        parts += length + (parts[length] == '|');
    }
    return true;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

void request_cases_check(const struct api_model *model, const struct request_case *cases,
                         size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct request_case *row = &cases[i];
        struct api_error error;
        struct buffer text;
        buffer_init(&text, (size_t)1 << 26);
        int status = request_case_run(model, row->body, &error, &text);
        bool fine = status == row->status && has_all(buffer_text(&text), row->expected);
        if (status != 200)
            fine = fine && same(error.param, row->param) && same(error.code, row->code);
        if (!fine) {
            print_error("row %zu %.300s\n  expected %d %s %s %s\n  got      %d %s %s %.1500s\n", i,
                        row->body, row->status, row->param ? row->param : "null",
                        row->code ? row->code : "null", row->expected, status, error.param,
                        error.code ? error.code : "null", buffer_text(&text));
            wrong++;
        }
        buffer_free(&text);
    }
    if (count > 1)
        print_message("%zu rows\n", count);
    assert_int_equal(wrong, 0);
}
