/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"

static const char *const finish_names[] = {
    [FINISH_NONE] = "",       [FINISH_STOP] = "stop",   [FINISH_LENGTH] = "length",
    [FINISH_ABORT] = "abort", [FINISH_ERROR] = "error",
};

const char *finish_reason_name(enum finish_reason reason)
{
    return (unsigned)reason <= FINISH_ERROR ? finish_names[reason] : "";
}

static void destroy(struct request *request)
{
    constraint_free(request->constraint);
    token_counts_free(&request->counts);
    free(request->times);
    free(request->prompt_top);
    free(request->prompt_logprobs);
    free(request->top);
    free(request->logprobs);
    free(request->bad_ids);
    free(request->bad_word_lengths);
    free(request->bad_words);
    free(request->allowed_bits);
    free(request->masked_ids);
    free(request->stop_ids);
    free(request->logit_bias);
    free(request->sequence.blocks);
    free(request->sequence.tokens);
    pthread_cond_destroy(&request->changed);
    pthread_mutex_destroy(&request->notify_mutex);
    pthread_mutex_destroy(&request->mutex);
    free(request);
}

void request_retain(struct request *request)
{
    atomic_fetch_add(&request->references, 1);
}

void request_release(struct request *request)
{
    if (request && atomic_fetch_sub(&request->references, 1) == 1)
        destroy(request);
}

static octet_status check_prompt(const struct request_limits *limits, const int32_t *prompt,
                                 size_t count, const struct sampling_params *params,
                                 struct octet_error *err)
{
    if (count == 0)
        return error_set(err, OCTET_USAGE, "the prompt is empty; it needs at least one token");
    size_t max = (size_t)limits->max_model_len;
    if (params->max_tokens == 0 ? count > max : count >= max)
        return error_set(err, OCTET_LIMIT,
                         "This model's maximum context length is %d tokens. However, your request "
                         "has %zu input tokens. Please reduce the length of the input messages.",
                         limits->max_model_len, count);
    for (size_t i = 0; i < count; i++) {
        if (prompt[i] < 0 || prompt[i] >= limits->vocab_size)
            return error_set(err, OCTET_USAGE,
                             "prompt token %zu is %d, out of the vocabulary of %d tokens", i,
                             prompt[i], limits->vocab_size);
    }
    size_t blocks = div_ceil_size(count, (size_t)limits->block_size);
    if (blocks > (size_t)limits->block_count)
        return error_set(err, OCTET_LIMIT,
                         "the prompt of %zu tokens needs %zu KV blocks of %d positions, and the "
                         "whole pool has %d; shorten it or give the KV cache more memory",
                         count, blocks, limits->block_size, limits->block_count);
    return OCTET_OK;
}

static bool has_penalties(const struct sampling_params *params)
{
    return params->repetition_penalty != 1 || params->presence_penalty != 0 ||
           params->frequency_penalty != 0;
}

/* Of a position whose log-probabilities are kept. */
static size_t position_bytes(int32_t top_count)
{
    return top_count < 0 ? 0
                         : sizeof(struct position_logprobs) +
                               (size_t)top_count * sizeof(struct token_logprob);
}

size_t request_estimate(const struct request_limits *limits, size_t prompt_count,
                        const struct sampling_params *params)
{
    size_t max = (size_t)limits->max_model_len, vocab = (size_t)limits->vocab_size;
    size_t room = prompt_count < max ? max - prompt_count : 0;
    if (params->max_tokens >= 0 && (size_t)params->max_tokens < room)
        room = (size_t)params->max_tokens;
    size_t prompt = sizeof(int32_t) + position_bytes(params->prompt_logprobs);
    size_t output = sizeof(int32_t) + sizeof(uint64_t) + position_bytes(params->logprobs);
    size_t bytes = sizeof(struct request) + prompt_count * prompt + room * output;
    bytes += (prompt_count + room) / (size_t)limits->block_size * sizeof(int32_t);
    if (params->allowed_ids)
        bytes += vocab / 8;
    if (has_penalties(params))
        bytes += vocab * (sizeof(uint32_t) + sizeof(int32_t));
    return bytes;
}

/* Tokens and block table at the size they may reach; the prompt's tokens in place. */
static bool init_sequence(struct request *request, const struct request_limits *limits,
                          const int32_t *prompt, int32_t prompt_count, uint64_t cache_salt)
{
    struct sequence *sequence = &request->sequence;
    int32_t room = limits->max_model_len - prompt_count;
    if (request->params.max_tokens >= 0 && request->params.max_tokens < room)
        room = request->params.max_tokens;
    sequence->capacity = prompt_count + room;
    sequence->prompt_count = sequence->token_count = prompt_count;
    sequence->priority = limits->by_priority ? request->params.priority : 0;
    sequence->block_capacity = sequence->capacity / limits->block_size + 1;
    sequence->score_prompt = request->params.prompt_logprobs >= 0;
    sequence->use_cache = limits->prefix_cache && !sequence->score_prompt;
    sequence->cache_root = sequence->cache_parent = kv_blocks_root(cache_salt);
    sequence->tokens = malloc((size_t)sequence->capacity * sizeof(int32_t));
    sequence->blocks = malloc((size_t)sequence->block_capacity * sizeof(int32_t));
    if (!sequence->tokens || !sequence->blocks)
        return false;
    memcpy(sequence->tokens, prompt, (size_t)prompt_count * sizeof(int32_t));
    return true;
}

static bool init_stops(struct request *request, const struct request_limits *limits)
{
    struct sampling_params *params = &request->params;
    size_t most = params->stop_token_id_count + limits->eos_id_count;
    request->stop_ids = malloc((most + 1) * sizeof(int32_t));
    request->masked_ids = malloc((most + 1) * sizeof(int32_t));
    if (!request->stop_ids || !request->masked_ids)
        return false;
    for (size_t i = 0; i < params->stop_token_id_count; i++) {
        request->stop_ids[request->stop_id_count++] = params->stop_token_ids[i];
        request->masked_ids[request->masked_id_count++] = params->stop_token_ids[i];
    }
    for (size_t i = 0; i < limits->eos_id_count; i++) {
        if (!params->ignore_eos)
            request->stop_ids[request->stop_id_count++] = limits->eos_ids[i];
        request->masked_ids[request->masked_id_count++] = limits->eos_ids[i];
    }
    params->stop_token_ids = request->stop_ids;
    return true;
}

static bool init_bias(struct request *request, int32_t vocab_size)
{
    struct sampling_params *params = &request->params;
    if (params->logit_bias_count > 0) {
        size_t bytes = params->logit_bias_count * sizeof *request->logit_bias;
        request->logit_bias = malloc(bytes);
        if (!request->logit_bias)
            return false;
        memcpy(request->logit_bias, params->logit_bias, bytes);
    }
    params->logit_bias = request->logit_bias;
    if (params->allowed_ids) {
        request->allowed_bits = calloc((size_t)vocab_size / 32 + 1, sizeof(uint32_t));
        if (!request->allowed_bits)
            return false;
        for (size_t i = 0; i < params->allowed_id_count; i++) {
            int32_t id = params->allowed_ids[i];
            request->allowed_bits[id >> 5] |= UINT32_C(1) << (id & 31);
        }
    }
    params->allowed_ids = NULL;
    return true;
}

static bool init_bad_words(struct request *request)
{
    struct sampling_params *params = &request->params;
    size_t count = params->bad_word_count, total = 0;
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        total += params->bad_word_lengths[i];
    request->bad_words = malloc(count * sizeof *request->bad_words);
    request->bad_word_lengths = malloc(count * sizeof *request->bad_word_lengths);
    request->bad_ids = malloc(total * sizeof *request->bad_ids);
    if (!request->bad_words || !request->bad_word_lengths || !request->bad_ids)
        return false;
    int32_t *at = request->bad_ids;
    for (size_t i = 0; i < count; i++) {
        size_t length = params->bad_word_lengths[i];
        memcpy(at, params->bad_words[i], length * sizeof *at);
        request->bad_words[i] = at;
        request->bad_word_lengths[i] = length;
        at += length;
    }
    params->bad_words = request->bad_words;
    params->bad_word_lengths = request->bad_word_lengths;
    return true;
}

/* Pages of these arrays that are never reached are never touched. */
static bool make_logprobs(size_t positions, int32_t top_count, struct position_logprobs **out,
                          struct token_logprob **top)
{
    size_t width = top_count > 0 ? (size_t)top_count : 0, cells = 0;
    if (!checked_mul_size(positions, width, &cells))
        return false;
    *out = calloc(positions + 1, sizeof **out);
    *top = calloc(cells + 1, sizeof **top);
    if (!*out || !*top)
        return false;
    for (size_t i = 0; i < positions; i++)
        (*out)[i].top = *top + i * width;
    return true;
}

static bool init_outputs(struct request *request)
{
    const struct sampling_params *params = &request->params;
    request->times = malloc(((size_t)request_output_room(request) + 1) * sizeof *request->times);
    if (!request->times)
        return false;
    if (params->logprobs >= 0 &&
        !make_logprobs((size_t)request_output_room(request), params->logprobs, &request->logprobs,
                       &request->top))
        return false;
    return params->prompt_logprobs < 0 ||
           make_logprobs((size_t)request->sequence.prompt_count - 1, params->prompt_logprobs,
                         &request->prompt_logprobs, &request->prompt_top);
}

static octet_status init_counts(struct request *request, int32_t vocab_size,
                                struct octet_error *err)
{
    if (!has_penalties(&request->params))
        return OCTET_OK;
    RETURN_IF_ERROR(token_counts_init(&request->counts, vocab_size, err));
    request->has_counts = true;
    for (int32_t i = 0; i < request->sequence.prompt_count; i++)
        token_counts_add(&request->counts, request->sequence.tokens[i], false);
    return OCTET_OK;
}

static bool init_sync(struct request *request)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&request->mutex, NULL) != 0)
        return false;
    if (pthread_mutex_init(&request->notify_mutex, NULL) != 0) {
        pthread_mutex_destroy(&request->mutex);
        return false;
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int result = pthread_cond_init(&request->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (result == 0)
        return true;
    pthread_mutex_destroy(&request->notify_mutex);
    pthread_mutex_destroy(&request->mutex);
    return false;
}

octet_status request_create(const struct request_limits *limits, const int32_t *prompt,
                            size_t prompt_count, const struct sampling_params *params,
                            uint64_t cache_salt, struct request **out, struct octet_error *err)
{
    *out = NULL;
    RETURN_IF_ERROR(sampling_params_check(params, limits->vocab_size, limits->max_logprobs, err));
    RETURN_IF_ERROR(check_prompt(limits, prompt, prompt_count, params, err));
    struct request *request = calloc(1, sizeof *request);
    if (!request || !init_sync(request)) {
        free(request);
        return error_memory(err, "request", sizeof *request);
    }
    atomic_init(&request->references, 1);
    atomic_init(&request->cancelled, false);
    request->params = *params;
    request->status.stop_token = -1;
    request->status.prompt_tokens = (int32_t)prompt_count;
    octet_status status = OCTET_OK;
    if (!init_sequence(request, limits, prompt, (int32_t)prompt_count, cache_salt) ||
        !init_stops(request, limits) || !init_bias(request, limits->vocab_size) ||
        !init_bad_words(request) || !init_outputs(request))
        status = error_memory(err, "request of tokens", (size_t)limits->max_model_len);
    if (status == OCTET_OK)
        status = init_counts(request, limits->vocab_size, err);
    if (status != OCTET_OK) {
        destroy(request);
        return status;
    }
    request->constraint = params->constraint;
    *out = request;
    return OCTET_OK;
}

void request_set_notify(struct request *request, void (*notify)(void *context), void *context)
{
    pthread_mutex_lock(&request->notify_mutex);
    request->notify = notify;
    request->notify_context = context;
    pthread_mutex_unlock(&request->notify_mutex);
}

static void call_notify(struct request *request)
{
    pthread_mutex_lock(&request->notify_mutex);
    if (request->notify)
        request->notify(request->notify_context);
    pthread_mutex_unlock(&request->notify_mutex);
}

/* Under the lock. */
static void update_status(struct request *request, uint64_t now_ns)
{
    const struct sequence *sequence = &request->sequence;
    struct request_status *status = &request->status;
    size_t token_count = (size_t)(sequence->token_count - sequence->prompt_count);
    status->cached_tokens = sequence->cached;
    status->preemptions = sequence->preemptions;
    if (token_count == status->token_count)
        return;
    for (size_t i = status->token_count; i < token_count; i++)
        request->times[i] = now_ns;
    status->token_count = token_count;
    status->last_token_ns = now_ns;
    if (status->first_token_ns == 0)
        status->first_token_ns = now_ns;
}

void request_publish(struct request *request, uint64_t now_ns)
{
    pthread_mutex_lock(&request->mutex);
    update_status(request, now_ns);
    pthread_cond_broadcast(&request->changed);
    pthread_mutex_unlock(&request->mutex);
    call_notify(request);
}

void request_finish(struct request *request, enum finish_reason reason, int32_t stop_token,
                    const struct octet_error *err, uint64_t now_ns)
{
    pthread_mutex_lock(&request->mutex);
    struct request_status *status = &request->status;
    update_status(request, now_ns);
    status->finish_reason = reason;
    status->stop_token = stop_token;
    status->finished_ns = now_ns;
    if (reason == FINISH_ERROR && err) {
        status->error = err->status;
        memcpy(request->error, err->message, sizeof request->error);
    }
    pthread_cond_broadcast(&request->changed);
    pthread_mutex_unlock(&request->mutex);
    call_notify(request);
}

size_t request_read(struct request *request, size_t from, struct token_event *events, size_t limit)
{
    pthread_mutex_lock(&request->mutex);
    size_t available = request->status.token_count;
    pthread_mutex_unlock(&request->mutex);
    if (from >= available)
        return 0;
    size_t count = available - from < limit ? available - from : limit;
    /* Tokens that were published do not change any more. */
    const int32_t *tokens = request->sequence.tokens + request->sequence.prompt_count;
    for (size_t i = 0; i < count; i++) {
        events[i] =
            (struct token_event){.id = tokens[from + i], .time_ns = request->times[from + i]};
        if (request->logprobs) {
            events[i].has_logprobs = true;
            events[i].logprobs = request->logprobs[from + i];
        }
    }
    return count;
}

static bool has_news(const struct request *request, size_t have)
{
    return request->status.token_count > have || request->status.finish_reason != FINISH_NONE;
}

bool request_wait(struct request *request, size_t have, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (timeout_ms > 0) {
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    pthread_mutex_lock(&request->mutex);
    int result = 0;
    while (!has_news(request, have) && result != ETIMEDOUT && timeout_ms != 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(&request->changed, &request->mutex);
        else
            result = pthread_cond_timedwait(&request->changed, &request->mutex, &until);
    }
    bool news = has_news(request, have);
    pthread_mutex_unlock(&request->mutex);
    return news;
}

void request_status(struct request *request, struct request_status *out)
{
    pthread_mutex_lock(&request->mutex);
    *out = request->status;
    pthread_mutex_unlock(&request->mutex);
}

const char *request_error(struct request *request)
{
    pthread_mutex_lock(&request->mutex);
    bool failed = request->status.finish_reason == FINISH_ERROR;
    pthread_mutex_unlock(&request->mutex);
    return failed ? request->error : "";
}

const struct position_logprobs *request_prompt_logprobs(struct request *request, size_t *count)
{
    *count = 0;
    if (!request->prompt_logprobs)
        return NULL;
    pthread_mutex_lock(&request->mutex);
    bool ready = has_news(request, 0) && request->status.error == OCTET_OK &&
                 request->status.finish_reason != FINISH_ABORT;
    pthread_mutex_unlock(&request->mutex);
    if (!ready)
        return NULL;
    *count = (size_t)request->sequence.prompt_count - 1;
    return request->prompt_logprobs;
}
