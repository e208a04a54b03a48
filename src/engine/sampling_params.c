/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sampling.h"

void sampling_params_init(struct sampling_params *params)
{
    memset(params, 0, sizeof *params);
    params->max_tokens = -1;
    params->temperature = 1;
    params->top_p = 1;
    params->repetition_penalty = 1;
    params->logprobs = -1;
    params->prompt_logprobs = -1;
}

static octet_status check_number(const char *name, double value, double min, bool min_allowed,
                                 double max, const char *expected, struct octet_error *err)
{
    if (isfinite(value) && (min_allowed ? value >= min : value > min) && value <= max)
        return OCTET_OK;
    return error_set(err, OCTET_USAGE, "%s must be %s, got %g.", name, expected, value);
}

static octet_status check_ids(const char *name, const int32_t *ids, size_t count,
                              int32_t vocab_size, struct octet_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return error_set(err, OCTET_USAGE,
                             "%s: token id %d is out of the vocabulary of %d tokens", name, ids[i],
                             vocab_size);
    }
    return OCTET_OK;
}

static octet_status check_logprobs(const char *name, int32_t value, int32_t max,
                                   struct octet_error *err)
{
    if (value <= max)
        return OCTET_OK;
    return error_set(err, OCTET_USAGE,
                     "Requested %s logprobs of %d, which is greater than max allowed: %d", name,
                     value, max);
}

static octet_status check_lists(const struct sampling_params *params, int32_t vocab_size,
                                struct octet_error *err)
{
    if (params->stop_token_id_count > SAMPLING_STOP_IDS_MAX)
        return error_set(err, OCTET_USAGE, "stop_token_ids has %zu entries; at most %d are allowed",
                         params->stop_token_id_count, SAMPLING_STOP_IDS_MAX);
    if (params->logit_bias_count > SAMPLING_BIAS_MAX)
        return error_set(err, OCTET_USAGE, "logit_bias has %zu entries; at most %d are allowed",
                         params->logit_bias_count, SAMPLING_BIAS_MAX);
    RETURN_IF_ERROR(check_ids("stop_token_ids", params->stop_token_ids, params->stop_token_id_count,
                              vocab_size, err));
    if (params->allowed_ids && params->allowed_id_count == 0)
        return error_set(err, OCTET_USAGE, "allowed_token_ids must not be empty");
    RETURN_IF_ERROR(check_ids("allowed_token_ids", params->allowed_ids,
                              params->allowed_ids ? params->allowed_id_count : 0, vocab_size, err));
    for (size_t i = 0; i < params->logit_bias_count; i++) {
        RETURN_IF_ERROR(check_ids("logit_bias", &params->logit_bias[i].id, 1, vocab_size, err));
        if (!isfinite(params->logit_bias[i].bias))
            return error_set(err, OCTET_USAGE, "logit_bias of token %d must be finite, got %g",
                             params->logit_bias[i].id, (double)params->logit_bias[i].bias);
    }
    return OCTET_OK;
}

static octet_status check_bad_words(const struct sampling_params *params, int32_t vocab_size,
                                    struct octet_error *err)
{
    if (params->bad_word_count > SAMPLING_BAD_WORDS_MAX)
        return error_set(err, OCTET_USAGE, "bad_words has %zu entries; at most %d are allowed",
                         params->bad_word_count, SAMPLING_BAD_WORDS_MAX);
    size_t total = 0;
    for (size_t i = 0; i < params->bad_word_count; i++) {
        size_t length = params->bad_word_lengths[i];
        if (length == 0)
            return error_set(err, OCTET_USAGE, "bad_words cannot contain an empty string");
        if (length > SAMPLING_BAD_WORD_IDS_MAX - total)
            return error_set(err, OCTET_USAGE, "bad_words has more than %d tokens in all",
                             SAMPLING_BAD_WORD_IDS_MAX);
        total += length;
        RETURN_IF_ERROR(check_ids("bad_words", params->bad_words[i], length, vocab_size, err));
    }
    return OCTET_OK;
}

octet_status sampling_params_check(const struct sampling_params *params, int32_t vocab_size,
                                   int32_t max_logprobs, struct octet_error *err)
{
    const double big = 1e30;
    RETURN_IF_ERROR(check_number("temperature", params->temperature, 0, true, big,
                                 "non-negative and finite", err));
    RETURN_IF_ERROR(check_number("top_p", params->top_p, 0, false, 1, "in (0, 1]", err));
    RETURN_IF_ERROR(check_number("min_p", params->min_p, 0, true, 1, "in [0, 1]", err));
    RETURN_IF_ERROR(check_number("repetition_penalty", params->repetition_penalty, 0, false, big,
                                 "greater than zero and finite", err));
    RETURN_IF_ERROR(
        check_number("presence_penalty", params->presence_penalty, -big, true, big, "finite", err));
    RETURN_IF_ERROR(check_number("frequency_penalty", params->frequency_penalty, -big, true, big,
                                 "finite", err));
    if (params->min_tokens < 0)
        return error_set(err, OCTET_USAGE, "min_tokens must be greater than or equal to 0, got %d.",
                         params->min_tokens);
    if (params->max_tokens >= 0 && params->min_tokens > params->max_tokens)
        return error_set(err, OCTET_USAGE,
                         "min_tokens must be less than or equal to max_tokens=%d, got %d.",
                         params->max_tokens, params->min_tokens);
    RETURN_IF_ERROR(check_logprobs("sample", params->logprobs, max_logprobs, err));
    RETURN_IF_ERROR(check_logprobs("prompt", params->prompt_logprobs, max_logprobs, err));
    RETURN_IF_ERROR(check_lists(params, vocab_size, err));
    return check_bad_words(params, vocab_size, err);
}

octet_status token_counts_init(struct token_counts *counts, int32_t vocab_size,
                               struct octet_error *err)
{
    memset(counts, 0, sizeof *counts);
    counts->vocab_size = vocab_size;
    counts->counts = calloc((size_t)vocab_size, sizeof *counts->counts);
    counts->distinct = calloc((size_t)vocab_size, sizeof *counts->distinct);
    if (counts->counts && counts->distinct)
        return OCTET_OK;
    token_counts_free(counts);
    return error_memory(err, "token counts", (size_t)vocab_size * 2 * sizeof(int32_t));
}

void token_counts_free(struct token_counts *counts)
{
    free(counts->distinct);
    free(counts->counts);
    memset(counts, 0, sizeof *counts);
}

void token_counts_add(struct token_counts *counts, int32_t id, bool output)
{
    if (counts->counts[id] == 0)
        counts->distinct[counts->distinct_count++] = id;
    counts->counts[id] = (counts->counts[id] | 1) + (output ? 2 : 0);
}
