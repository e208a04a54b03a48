/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Far beyond any context, and a second's work: a request has one of a few workers meanwhile. */
#define TEXT_BYTES_MAX ((size_t)8 << 20)
#define PROBE_BYTES ((size_t)64 << 10) /* of text at a time, while it is only counted */

/* The longest prompt that leaves room for an answer; max_tokens 0 asks for none. */
static size_t prompt_room(const struct request_parse *parse)
{
    size_t most = (size_t)parse->model->max_model_len;
    return parse->request->sampling.max_tokens == 0 ? most : most - 1;
}

static octet_status too_long(struct request_parse *parse, const char *param, size_t tokens,
                             const char *qualifier)
{
    (void)api_error_set(parse->error, 400, "context_length_exceeded", param,
                        "This model's maximum context length is %d tokens. However, your request "
                        "has %zu input tokens%s. Please reduce the length of the input messages.",
                        parse->model->max_model_len, tokens, qualifier);
    parse->error->n_prompt_tokens = (int64_t)tokens;
    parse->error->n_ctx = parse->model->max_model_len;
    return OCTET_LIMIT;
}

static octet_status encode(struct request_parse *parse, const char *text, size_t size,
                           bool add_special, struct token_ids *ids)
{
    struct octet_error err = {.status = OCTET_OK};
    octet_status status = tokenizer_encode(parse->model->tokenizer, text, size, SPECIAL_PARSE,
                                           add_special, ids, &err);
    if (status != OCTET_OK)
        api_error_from(parse->error, &err);
    return status;
}

/*
 * A text far beyond the context is refused after a part of it: pieces are tokenised until they have
 * twice the tokens that would fit. A cut adds a token or two, never as many as there are, so the
 * whole text has more than fit.
 */
static octet_status refuse_far_too_long(struct request_parse *parse, const char *text, size_t size,
                                        const char *param)
{
    size_t room = prompt_room(parse), tokens = 0;
    if (size / PROBE_BYTES < 4 || size / 2 < room)
        return OCTET_OK;
    struct token_ids ids = {0};
    octet_status status = OCTET_OK;
    for (size_t at = 0; at < size && tokens / 2 <= room && status == OCTET_OK;) {
        size_t piece =
            size - at < PROBE_BYTES ? size - at : utf8_complete_prefix(text + at, PROBE_BYTES);
        ids.count = 0;
        status = encode(parse, text + at, piece, false, &ids);
        tokens += ids.count;
        at += piece;
    }
    token_ids_free(&ids);
    if (status == OCTET_OK && tokens / 2 > room)
        status = too_long(parse, param, tokens, " or more");
    return status;
}

/* Keep the last ids (the first with truncation_side "right"). */
static octet_status truncate_ids(struct request_parse *parse, struct api_prompt *prompt)
{
    int64_t most = parse->fields.truncate_prompt_tokens;
    const char *side = parse->fields.truncation_side;
    bool right = side && strcmp(side, "right") == 0;
    if (side && !right && strcmp(side, "left") != 0)
        return request_invalid(parse, "truncation_side", "truncation_side: expected left or right");
    if (most == FIELD_ABSENT)
        return OCTET_OK;
    if (most == -1) {
        int32_t answer = parse->request->sampling.max_tokens;
        most = parse->model->max_model_len - (answer > 0 ? answer : 1);
    }
    if (most < 0)
        most = 0;
    if ((uint64_t)most >= prompt->id_count)
        return OCTET_OK;
    size_t keep = (size_t)most;
    if (!right)
        memmove(prompt->ids, prompt->ids + (prompt->id_count - keep), keep * sizeof *prompt->ids);
    prompt->id_count = keep;
    return OCTET_OK;
}

octet_status prompt_fields_ids(struct request_parse *parse, size_t index)
{
    struct api_prompt *prompt = &parse->request->prompts[index];
    struct token_ids ids = {0};
    if (prompt->text_size > TEXT_BYTES_MAX)
        return api_error_set(parse->error, 400, "invalid_value", NULL,
                             "The text has %zu bytes; at most %zu are tokenized in one request.",
                             prompt->text_size, TEXT_BYTES_MAX);
    octet_status status =
        encode(parse, prompt->text, prompt->text_size, parse->fields.add_special_tokens, &ids);
    if (status != OCTET_OK) {
        token_ids_free(&ids);
        return status;
    }
    prompt->ids = ids.ids;
    prompt->id_count = ids.count;
    return OCTET_OK;
}

octet_status prompt_fields_encode(struct request_parse *parse, size_t index, const char *param)
{
    struct api_prompt *prompt = &parse->request->prompts[index];
    if (prompt->text) {
        if (parse->fields.truncate_prompt_tokens == FIELD_ABSENT)
            RETURN_IF_ERROR(refuse_far_too_long(parse, prompt->text, prompt->text_size, param));
        RETURN_IF_ERROR(prompt_fields_ids(parse, index));
    }
    RETURN_IF_ERROR(truncate_ids(parse, prompt));
    if (prompt->id_count == 0)
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "Either prompt or prompt_embeds must be provided and non-empty.");
    if (prompt->id_count > prompt_room(parse))
        return too_long(parse, param, prompt->id_count, "");
    return OCTET_OK;
}

octet_status prompt_fields_limit(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    struct sampling_params *sampling = &request->sampling;
    int64_t context = parse->model->max_model_len, longest = 0;
    for (size_t i = 0; i < request->prompt_count; i++) {
        if ((int64_t)request->prompts[i].id_count > longest)
            longest = (int64_t)request->prompts[i].id_count;
    }
    if (sampling->max_tokens < 0) {
        int32_t most = parse->model->defaults.max_tokens;
        sampling->max_tokens = most > 0 && most < context - longest ? most : -1;
        int64_t reach = sampling->max_tokens < 0 ? context - longest : sampling->max_tokens;
        if (sampling->min_tokens > reach)
            return api_error_set(parse->error, 400, "invalid_value", "min_tokens",
                                 "min_tokens must be less than or equal to max_tokens=%" PRId64
                                 ", got %d.",
                                 reach, sampling->min_tokens);
        return OCTET_OK;
    }
    if (longest + sampling->max_tokens <= context)
        return OCTET_OK;
    bool stated = parse->fields.max_completion_tokens != FIELD_ABSENT ||
                  parse->fields.max_tokens != FIELD_ABSENT;
    if (!stated) { /* the default of completions gives way */
        sampling->max_tokens = (int32_t)(context - longest);
        return OCTET_OK;
    }
    (void)api_error_set(
        parse->error, 400, "context_length_exceeded",
        parse->fields.max_completion_tokens != FIELD_ABSENT ? "max_completion_tokens"
                                                            : "max_tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: %d. This model's "
        "maximum context length is %" PRId64 " tokens and your request has %" PRId64
        " input tokens (%d > %" PRId64 " - %" PRId64 ").",
        sampling->max_tokens, context, longest, sampling->max_tokens, context, longest);
    parse->error->n_prompt_tokens = longest;
    parse->error->n_ctx = context;
    return OCTET_LIMIT;
}
