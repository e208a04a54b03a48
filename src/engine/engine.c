/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "engine/engine_internal.h"

static uint64_t monotonic_now(void *context)
{
    (void)context;
    return clock_now_ns();
}

void engine_options_init(struct engine_options *options)
{
    *options = (struct engine_options){
        .max_num_seqs = 16,
        .max_num_batched_tokens = 2048,
        .max_model_len = 4096,
        .max_logprobs = 20,
        .prefix_cache = true,
    };
}

static octet_status check_executor(const struct engine_options *options,
                                   const struct executor *executor, struct octet_error *err)
{
    if (options->max_num_seqs > executor->max_batch_sequences ||
        options->max_num_batched_tokens > executor->max_batch_tokens)
        return error_set(err, OCTET_USAGE,
                         "the model was loaded for %d sequences and %d tokens a step; max_num_seqs "
                         "%d and max_num_batched_tokens %d ask for more",
                         executor->max_batch_sequences, executor->max_batch_tokens,
                         options->max_num_seqs, options->max_num_batched_tokens);
    if (executor->vocab_size < 1)
        return error_set(err, OCTET_USAGE, "vocab_size is %d; at least 1 is needed",
                         executor->vocab_size);
    return OCTET_OK;
}

/* As in vLLM, the threshold of long prompts is also the most that one of them gets in a step. */
static int32_t chunk_of(const struct engine_options *options)
{
    int32_t chunk = options->prefill_chunk, threshold = options->long_prefill_token_threshold;
    return threshold > 0 && (chunk == 0 || threshold < chunk) ? threshold : chunk;
}

static octet_status init_scheduler(struct engine *engine, struct octet_error *err)
{
    const struct engine_options *options = &engine->options;
    const struct executor *executor = &engine->executor;
    const struct scheduler_limits limits = {
        .max_num_seqs = options->max_num_seqs,
        .max_num_batched_tokens = options->max_num_batched_tokens,
        .max_logit_rows = executor->max_logit_rows,
        .max_model_len = options->max_model_len,
        .prefill_chunk = chunk_of(options),
        .mixed_prefill_tokens = options->mixed_prefill_tokens,
        .long_prefill_tokens = options->long_prefill_token_threshold,
        .max_partial_prefills = options->max_num_partial_prefills,
        .max_long_partial_prefills = options->max_long_partial_prefills,
        .whole_prompts = options->whole_prompts,
        .by_priority = options->priority_scheduling,
    };
    RETURN_IF_ERROR(kv_blocks_init(&engine->pool, executor->block_count, executor->block_size,
                                   options->prefix_cache, err));
    RETURN_IF_ERROR(scheduler_init(&engine->scheduler, &limits, &engine->pool, err));
    RETURN_IF_ERROR(batch_buffers_init(&engine->buffers, &limits, executor->block_size, err));
    engine->plan.entries = calloc((size_t)options->max_num_seqs, sizeof *engine->plan.entries);
    if (!engine->plan.entries)
        return error_memory(err, "step plan", (size_t)options->max_num_seqs);
    return OCTET_OK;
}

/* Threads sleep between steps, and are woken for draws that would take one about a millisecond. */
#define LEAST_SHARED 3000000

static octet_status init_samplers(struct engine *engine, struct octet_error *err)
{
    int threads = engine->options.sampling_threads;
    if (threads > engine->executor.max_logit_rows)
        threads = engine->executor.max_logit_rows;
    if (threads < 1)
        threads = 1;
    engine->least_shared = LEAST_SHARED;
    engine->samplers = calloc((size_t)threads, sizeof *engine->samplers);
    if (!engine->samplers)
        return error_memory(err, "samplers", (size_t)threads * sizeof *engine->samplers);
    for (; engine->sampler_count < threads; engine->sampler_count++)
        RETURN_IF_ERROR(sampler_init(&engine->samplers[engine->sampler_count],
                                     engine->executor.vocab_size, err));
    return threads > 1 ? pool_create(threads, &engine->pool_of_draws, err) : OCTET_OK;
}

static octet_status init_tables(struct engine *engine, struct octet_error *err)
{
    const struct executor *executor = &engine->executor;
    size_t rows = (size_t)executor->max_logit_rows, cells = 0, words = 0;
    RETURN_IF_ERROR(init_scheduler(engine, err));
    RETURN_IF_ERROR(init_samplers(engine, err));
    engine->mask_words = ((size_t)executor->vocab_size + 31) / 32;
    if (!checked_mul_size(rows, (size_t)executor->vocab_size, &cells) ||
        !checked_mul_size((size_t)engine->options.max_num_seqs, engine->mask_words, &words))
        return error_set(err, OCTET_LIMIT, "max_logit_rows x vocab_size is too large");
    engine->logits = calloc(cells, sizeof *engine->logits);
    engine->draws = calloc(rows, sizeof *engine->draws);
    engine->mask_bits = calloc(words, sizeof *engine->mask_bits);
    engine->eos_ids = calloc(engine->options.eos_id_count + 1, sizeof *engine->eos_ids);
    if (!engine->logits || !engine->draws || !engine->mask_bits || !engine->eos_ids)
        return error_memory(err, "engine", cells * sizeof *engine->logits);
    return OCTET_OK;
}

static octet_status init_eos(struct engine *engine, struct octet_error *err)
{
    for (size_t i = 0; i < engine->options.eos_id_count; i++) {
        int32_t id = engine->options.eos_ids[i];
        if (id < 0 || id >= engine->executor.vocab_size)
            return error_set(err, OCTET_INPUT,
                             "end-of-text id %d is out of the vocabulary of %d tokens", id,
                             engine->executor.vocab_size);
        engine->eos_ids[i] = id;
    }
    engine->options.eos_ids = engine->eos_ids;
    engine->request_limits = (struct request_limits){
        .vocab_size = engine->executor.vocab_size,
        .max_model_len = engine->options.max_model_len,
        .block_size = engine->executor.block_size,
        .block_count = engine->executor.block_count,
        .max_logprobs = engine->options.max_logprobs,
        .prefix_cache = engine->options.prefix_cache,
        .by_priority = engine->options.priority_scheduling,
        .eos_ids = engine->eos_ids,
        .eos_id_count = engine->options.eos_id_count,
    };
    return OCTET_OK;
}

octet_status engine_new(const struct engine_options *options, const struct executor *executor,
                        struct engine **out, struct octet_error *err)
{
    *out = NULL;
    RETURN_IF_ERROR(check_executor(options, executor, err));
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return error_memory(err, "engine", sizeof *engine);
    engine->options = *options;
    if (!engine->options.now_ns)
        engine->options.now_ns = monotonic_now;
    engine->executor = *executor;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&engine->mutex, NULL);
    pthread_cond_init(&engine->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    octet_status status = init_tables(engine, err);
    if (status == OCTET_OK)
        status = init_eos(engine, err);
    if (status != OCTET_OK) {
        engine_free(engine);
        return status;
    }
    engine_publish_stats(engine);
    *out = engine;
    return OCTET_OK;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    engine_stop(engine, false);
    engine_end_all(engine, FINISH_ABORT, NULL);
    free(engine->eos_ids);
    free(engine->mask_bits);
    free(engine->draws);
    free(engine->logits);
    pool_free(engine->pool_of_draws);
    for (int i = 0; i < engine->sampler_count; i++)
        sampler_free(&engine->samplers[i]);
    free(engine->samplers);
    free(engine->plan.entries);
    batch_buffers_free(&engine->buffers);
    scheduler_free(&engine->scheduler);
    kv_blocks_free(&engine->pool);
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
}

octet_status request_new(const struct engine *engine, const int32_t *prompt, size_t prompt_count,
                         const struct sampling_params *params, uint64_t cache_salt,
                         struct request **out, struct octet_error *err)
{
    return request_create(&engine->request_limits, prompt, prompt_count, params, cache_salt, out,
                          err);
}

size_t request_bytes(const struct engine *engine, size_t prompt_count,
                     const struct sampling_params *params)
{
    return request_estimate(&engine->request_limits, prompt_count, params);
}

/* Under the lock. */
static octet_status check_queue(const struct engine *engine, struct request *const *requests,
                                size_t count, struct octet_error *err)
{
    const struct engine_options *options = &engine->options;
    int64_t tokens = engine->queued_tokens;
    if (engine_failed(engine))
        return error_set(err, OCTET_DEVICE, "the engine has failed: %s",
                         engine->last_error.message);
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->submitted)
            return error_set(err, OCTET_STATE, "the request was submitted before");
        tokens += requests[i]->sequence.prompt_count;
    }
    if (engine->refusing)
        return error_set(err, OCTET_STATE, "the engine is stopping and takes no new requests");
    if (options->max_queued > 0 && engine->unfinished > 0 &&
        (size_t)engine->unfinished + count > (size_t)options->max_queued)
        return error_set(err, OCTET_LIMIT,
                         "the queue is full: %d requests are unfinished, where the limit is %d; "
                         "try again later",
                         engine->unfinished, options->max_queued);
    if (options->max_queued_tokens > 0 && engine->queued_tokens > 0 &&
        tokens > options->max_queued_tokens)
        return error_set(err, OCTET_LIMIT,
                         "the queue is full: %lld prompt tokens wait and this request would add "
                         "%lld, where the limit is %lld; try again later",
                         (long long)engine->queued_tokens,
                         (long long)(tokens - engine->queued_tokens),
                         (long long)options->max_queued_tokens);
    return OCTET_OK;
}

/* Under the lock. */
static void enqueue(struct engine *engine, struct request *request)
{
    request->submitted = true;
    request->sequence.arrival = engine->next_arrival++;
    /* A request without a seed has one of its own that depends on the order of submission only. */
    request->seed = request->params.has_seed ? request->params.seed
                                             : engine->options.seed * UINT64_C(0x9e3779b97f4a7c15) +
                                                   request->sequence.arrival;
    pthread_mutex_lock(&request->mutex);
    request->status.submitted_ns = engine_now(engine);
    pthread_mutex_unlock(&request->mutex);
    request_retain(request);
    if (engine->arrivals_tail)
        engine->arrivals_tail->next_arrival = request;
    else
        engine->arrivals_head = request;
    engine->arrivals_tail = request;
    engine->arrival_count++;
    engine->queued_tokens += request->sequence.prompt_count;
    engine_pulse_pending(engine, 1);
    /* It may have been cancelled before it came here. */
    if (atomic_load(&request->cancelled))
        engine->cancel_pending = true;
    pthread_cond_signal(&engine->wake);
}

octet_status engine_submit_all(struct engine *engine, struct request *const *requests, size_t count,
                               struct octet_error *err)
{
    pthread_mutex_lock(&engine->mutex);
    octet_status status = check_queue(engine, requests, count, err);
    for (size_t i = 0; status == OCTET_OK && i < count; i++)
        enqueue(engine, requests[i]);
    pthread_mutex_unlock(&engine->mutex);
    return status;
}

octet_status engine_submit(struct engine *engine, struct request *request, struct octet_error *err)
{
    return engine_submit_all(engine, &request, 1, err);
}

void engine_cancel(struct engine *engine, struct request *request)
{
    atomic_store(&request->cancelled, true);
    pthread_mutex_lock(&engine->mutex);
    engine->cancel_pending = true;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
}
