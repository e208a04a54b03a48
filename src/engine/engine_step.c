/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the engine: arrivals, cancellations, plan, compute, sample, publish. */
#include <assert.h>
#include <string.h>

#include "engine/engine_internal.h"

static struct request *request_of(struct sequence *sequence)
{
    return (struct request *)sequence;
}

static uint64_t now(const struct engine *engine)
{
    return engine->options.now_ns(engine->options.now_context);
}

void engine_finish(struct engine *engine, struct request *request, enum finish_reason reason,
                   int32_t stop_token, const struct octet_error *err)
{
    scheduler_remove(&engine->scheduler, &request->sequence);
    engine->finished[reason]++;
    engine->finished_any = true;
    /* Counted before the reader hears of it, so that it finds the engine idle if this was the last.
     */
    pthread_mutex_lock(&engine->mutex);
    engine->unfinished--;
    pthread_mutex_unlock(&engine->mutex);
    request_finish(request, reason, stop_token, err, now(engine));
    request_release(request);
}

/* Move what was submitted to the scheduler. Returns whether cancellations are pending. */
static bool take_arrivals(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    struct request *request = engine->arrivals_head;
    bool cancel_pending = engine->cancel_pending;
    engine->arrivals_head = engine->arrivals_tail = NULL;
    engine->arrival_count = 0;
    engine->cancel_pending = false;
    pthread_mutex_unlock(&engine->mutex);
    while (request) {
        struct request *next = request->next_arrival;
        request->next_arrival = NULL;
        scheduler_add(&engine->scheduler, &request->sequence);
        request = next;
    }
    return cancel_pending;
}

static void end_cancelled(struct engine *engine)
{
    struct scheduler *scheduler = &engine->scheduler;
    for (struct sequence *sequence = scheduler->waiting_head; sequence;) {
        struct sequence *next = sequence->next;
        if (atomic_load(&request_of(sequence)->cancelled))
            engine_finish(engine, request_of(sequence), FINISH_ABORT, -1, NULL);
        sequence = next;
    }
    for (int32_t i = scheduler->running_count - 1; i >= 0; i--) {
        struct request *request = request_of(scheduler->running[i]);
        if (atomic_load(&request->cancelled))
            engine_finish(engine, request, FINISH_ABORT, -1, NULL);
    }
}

void engine_abort_all(struct engine *engine)
{
    take_arrivals(engine);
    struct scheduler *scheduler = &engine->scheduler;
    while (scheduler->waiting_head)
        engine_finish(engine, request_of(scheduler->waiting_head), FINISH_ABORT, -1, NULL);
    while (scheduler->running_count > 0)
        engine_finish(engine, request_of(scheduler->running[scheduler->running_count - 1]),
                      FINISH_ABORT, -1, NULL);
}

static bool stops(const struct request *request, int32_t id)
{
    for (size_t i = 0; i < request->stop_id_count; i++) {
        if (request->stop_ids[i] == id)
            return true;
    }
    return false;
}

/* A token was appended: make it readable, and end the request where this was its last. */
static void deliver(struct engine *engine, struct request *request, int32_t id)
{
    struct sequence *sequence = &request->sequence;
    engine->generated_tokens++;
    if (stops(request, id)) {
        engine_finish(engine, request, FINISH_STOP, id, NULL);
    } else if (sequence->token_count == sequence->capacity) {
        engine_finish(engine, request, FINISH_LENGTH, -1, NULL);
    } else if (kv_blocks_needed(&engine->pool, sequence->token_count) > engine->pool.block_count) {
        struct octet_error err;
        error_set(&err, OCTET_LIMIT,
                  "the KV cache holds %d positions in all and this request has reached them; give "
                  "it more memory or ask for fewer tokens",
                  engine->pool.block_count * engine->pool.block_size);
        engine_finish(engine, request, FINISH_ERROR, -1, &err);
    } else {
        request_publish(request, now(engine));
    }
}

/* The logits of a sequence's newest token: choose the next one. */
static void sample(struct engine *engine, struct request *request, float *logits)
{
    struct sequence *sequence = &request->sequence;
    if (sequence->token_count == sequence->capacity) {
        engine_finish(engine, request, FINISH_LENGTH, -1, NULL);
        return;
    }
    int32_t output_count = sequence->token_count - sequence->prompt_count;
    const struct sample_input input = {
        .logits = logits,
        .params = &request->params,
        .counts = request->has_counts ? &request->counts : NULL,
        .allowed_bits = request->allowed_bits,
        .masked_ids = request->masked_ids,
        .masked_id_count = request->masked_id_count,
        .seed = request->seed,
        .draw = (uint64_t)output_count,
    };
    struct position_logprobs *logprobs =
        request->logprobs ? &request->logprobs[output_count] : NULL;
    int32_t id = 0;
    struct octet_error err;
    if (sampler_sample(&engine->sampler, &input, &id, logprobs, &err) != OCTET_OK) {
        engine_finish(engine, request, FINISH_ERROR, -1, &err);
        return;
    }
    sequence->tokens[sequence->token_count++] = id;
    if (request->has_counts)
        token_counts_add(&request->counts, id, true);
    deliver(engine, request, id);
}

/* The log-probability of prompt token position + 1. False when the request ended. */
static bool score(struct engine *engine, struct request *request, int32_t position,
                  const float *logits)
{
    struct sequence *sequence = &request->sequence;
    sequence->scored = position + 1;
    if (position + 1 >= sequence->prompt_count)
        return true;
    struct octet_error err;
    octet_status status = sampler_logprobs(&engine->sampler, logits, sequence->tokens[position + 1],
                                           request->params.prompt_logprobs,
                                           &request->prompt_logprobs[position], &err);
    if (status == OCTET_OK)
        return true;
    engine_finish(engine, request, FINISH_ERROR, -1, &err);
    return false;
}

static void use_rows(struct engine *engine, const struct plan_entry *entry, float *logits)
{
    struct request *request = request_of(entry->sequence);
    struct sequence *sequence = entry->sequence;
    size_t vocab_size = (size_t)engine->executor.vocab_size;
    int32_t end = entry->start + entry->count;
    bool newest = end == sequence->token_count;
    for (int32_t i = 0; i < entry->row_count; i++) {
        int32_t position = end - entry->row_count + i;
        if (sequence->score_prompt && position < sequence->prompt_count &&
            !score(engine, request, position, logits + (size_t)i * vocab_size))
            return;
    }
    if (newest)
        sample(engine, request, logits + (size_t)(entry->row_count - 1) * vocab_size);
}

static void mark_scheduled(struct engine *engine)
{
    for (int32_t i = 0; i < engine->plan.entry_count; i++) {
        struct request *request = request_of(engine->plan.entries[i].sequence);
        if (request->was_scheduled)
            continue;
        request->was_scheduled = true;
        uint64_t time = now(engine);
        pthread_mutex_lock(&request->mutex);
        request->status.scheduled_ns = time;
        pthread_mutex_unlock(&request->mutex);
    }
}

static void publish_stats(struct engine *engine)
{
    const struct scheduler *scheduler = &engine->scheduler;
    const struct kv_blocks *pool = &engine->pool;
    uint64_t time = now(engine);
    pthread_mutex_lock(&engine->mutex);
    engine->stats = (struct engine_stats){
        .running = scheduler->running_count,
        .waiting = scheduler->waiting_count,
        .blocks_total = pool->block_count,
        .blocks_used = pool->block_count - pool->free_count,
        .blocks_cached = pool->cached_count,
        .steps = engine->steps,
        .preemptions = scheduler->preemptions,
        .prompt_tokens = engine->prompt_tokens,
        .generated_tokens = engine->generated_tokens,
        .cache_queried_tokens = scheduler->cache_queried,
        .cache_hit_tokens = scheduler->cache_hit,
        .last_step_ns = time,
    };
    memcpy(engine->stats.finished, engine->finished, sizeof engine->finished);
    pthread_mutex_unlock(&engine->mutex);
}

/* Tokens of prompts that this step computes for the first time are counted once. */
static void count_prompt_tokens(struct engine *engine, const struct plan_entry *entry)
{
    struct sequence *sequence = entry->sequence;
    int32_t end = entry->start + entry->count;
    if (end > sequence->prompt_count)
        end = sequence->prompt_count;
    if (end > sequence->counted) {
        engine->prompt_tokens += (uint64_t)(end - sequence->counted);
        sequence->counted = end;
    }
}

static octet_status compute(struct engine *engine, struct octet_error *err)
{
    struct plan *plan = &engine->plan;
    batch_buffers_fill(&engine->buffers, plan, engine->pool.block_size);
    octet_status status = engine->executor.step(engine->executor.context, &engine->buffers.batch,
                                                engine->logits, err);
    if (status != OCTET_OK) {
        for (int32_t i = 0; i < plan->entry_count; i++)
            engine_finish(engine, request_of(plan->entries[i].sequence), FINISH_ERROR, -1, err);
        return status;
    }
    size_t row = 0;
    for (int32_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        count_prompt_tokens(engine, entry);
        scheduler_computed(&engine->scheduler, entry);
        if (entry->row_count > 0)
            use_rows(engine, entry, engine->logits + row * (size_t)engine->executor.vocab_size);
        row += (size_t)entry->row_count;
    }
    return OCTET_OK;
}

octet_status engine_step(struct engine *engine, bool *worked, struct octet_error *err)
{
    struct octet_error own;
    octet_status status = OCTET_OK;
    engine->finished_any = false;
    if (take_arrivals(engine))
        end_cancelled(engine);
    scheduler_plan(&engine->scheduler, &engine->plan);
    if (engine->plan.entry_count > 0) {
        mark_scheduled(engine);
        status = compute(engine, err ? err : &own);
        engine->steps++;
    }
    *worked = engine->plan.entry_count > 0 || engine->finished_any;
    publish_stats(engine);
    return status;
}

/* engine_logits() for a sequence that holds all its blocks. */
static octet_status score_chunks(struct engine *engine, struct sequence *sequence,
                                 bool (*row)(void *context, size_t position, const float *logits),
                                 void *context, struct octet_error *err)
{
    const struct scheduler_limits *limits = &engine->scheduler.limits;
    int32_t most = limits->max_logit_rows < limits->max_num_batched_tokens
                       ? limits->max_logit_rows
                       : limits->max_num_batched_tokens;
    for (int32_t start = 0; start < sequence->token_count;) {
        int32_t left = sequence->token_count - start;
        int32_t count = left < most ? left : most;
        engine->plan.entries[0] = (struct plan_entry){sequence, start, count, count};
        engine->plan.entry_count = 1;
        engine->plan.token_count = engine->plan.row_count = count;
        batch_buffers_fill(&engine->buffers, &engine->plan, engine->pool.block_size);
        RETURN_IF_ERROR(engine->executor.step(engine->executor.context, &engine->buffers.batch,
                                              engine->logits, err));
        for (int32_t i = 0; i < count; i++) {
            const float *logits = engine->logits + (size_t)i * (size_t)engine->executor.vocab_size;
            if (!row(context, (size_t)(start + i), logits))
                return error_set(err, OCTET_CANCELLED, "stopped by the caller");
        }
        start += count;
    }
    return OCTET_OK;
}

octet_status engine_logits(struct engine *engine, const int32_t *ids, size_t count,
                           bool (*row)(void *context, size_t position, const float *logits),
                           void *context, struct octet_error *err)
{
    pthread_mutex_lock(&engine->mutex);
    bool busy = engine->has_thread || engine->unfinished > 0;
    pthread_mutex_unlock(&engine->mutex);
    if (busy)
        return error_set(err, OCTET_STATE,
                         "logits of a whole sequence need an idle engine without thread");
    struct sampling_params params;
    sampling_params_init(&params);
    params.max_tokens = 0;
    struct request *request = NULL;
    RETURN_IF_ERROR(request_new(engine, ids, count, &params, 0, &request, err));
    struct sequence *sequence = &request->sequence;
    int32_t needed = kv_blocks_needed(&engine->pool, sequence->token_count);
    while (sequence->block_count < needed) {
        int32_t block = kv_blocks_take(&engine->pool);
        assert(block != KV_NO_BLOCK); /* request_new checked that the empty pool is enough */
        sequence->blocks[sequence->block_count++] = block;
    }
    octet_status status = score_chunks(engine, sequence, row, context, err);
    while (sequence->block_count > 0)
        kv_blocks_release(&engine->pool, sequence->blocks[--sequence->block_count]);
    request_release(request);
    return status;
}
