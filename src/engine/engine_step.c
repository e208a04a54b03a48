/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the engine: arrivals, cancellations, plan, compute, sample, publish. */
#include <assert.h>
#include <string.h>

#include "engine/engine_internal.h"

void engine_finish(struct engine *engine, struct request *request, enum finish_reason reason,
                   int32_t stop_token, const struct octet_error *err)
{
    scheduler_remove(&engine->scheduler, &request->sequence);
    engine->counts.finished[reason]++;
    engine->finished_any = true;
    /* Counted before the reader hears of it, so that it finds the engine idle if this was the last,
     * and itself in the statistics. */
    pthread_mutex_lock(&engine->mutex);
    if (!request->was_scheduled)
        engine->queued_tokens -= request->sequence.prompt_count;
    engine_pulse_pending(engine, -1);
    engine_publish_stats(engine);
    pthread_mutex_unlock(&engine->mutex);
    request_finish(request, reason, stop_token, err, engine_now(engine));
    request_release(request);
}

/* Move what was submitted to the scheduler. Returns whether cancellations are pending. */
static bool take_arrivals(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    struct request *request = engine->arrivals_head;
    bool cancel_pending = engine->cancel_pending;
    engine->arrivals_head = engine->arrivals_tail = NULL;
    engine->stats.waiting += engine->arrival_count; /* until the next snapshot */
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

/* Requests that were never scheduled in the time that the queue may take. */
static void end_overdue(struct engine *engine)
{
    const uint64_t limit = engine->options.queue_timeout_ns;
    uint64_t time = engine_now(engine);
    for (struct sequence *sequence = engine->scheduler.waiting_head; sequence;) {
        struct sequence *next = sequence->next;
        struct request *request = request_of(sequence);
        uint64_t waited = time - request->status.submitted_ns;
        if (!request->was_scheduled && waited > limit) {
            struct octet_error err;
            error_set(&err, OCTET_LIMIT,
                      "the request waited %.1f s in the queue, where the limit is %.1f s; the "
                      "server is overloaded, try again later",
                      (double)waited * 1e-9, (double)limit * 1e-9);
            engine_finish(engine, request, FINISH_ERROR, -1, &err);
        }
        sequence = next;
    }
}

void engine_end_all(struct engine *engine, enum finish_reason reason, const struct octet_error *err)
{
    take_arrivals(engine);
    struct scheduler *scheduler = &engine->scheduler;
    while (scheduler->waiting_head)
        engine_finish(engine, request_of(scheduler->waiting_head), reason, -1, err);
    while (scheduler->running_count > 0)
        engine_finish(engine, request_of(scheduler->running[scheduler->running_count - 1]), reason,
                      -1, err);
}

static void mark_scheduled(struct engine *engine)
{
    for (int32_t i = 0; i < engine->plan.entry_count; i++) {
        struct request *request = request_of(engine->plan.entries[i].sequence);
        if (request->was_scheduled)
            continue;
        request->was_scheduled = true;
        pthread_mutex_lock(&engine->mutex);
        engine->queued_tokens -= request->sequence.prompt_count;
        pthread_mutex_unlock(&engine->mutex);
        uint64_t time = engine_now(engine);
        pthread_mutex_lock(&request->mutex);
        request->status.scheduled_ns = time;
        pthread_mutex_unlock(&request->mutex);
    }
}

/* A step failed: its requests end, and after too many in a row everything does. */
static void fail_step(struct engine *engine, const struct octet_error *err)
{
    const struct plan *plan = &engine->plan;
    engine->counts.failed_steps++;
    engine->last_error = *err;
    if (++engine->failures >= ENGINE_FAILED_STEPS)
        atomic_store(&engine->pulse.failed, true);
    for (int32_t i = 0; i < plan->entry_count; i++)
        engine_finish(engine, request_of(plan->entries[i].sequence), FINISH_ERROR, -1, err);
}

static octet_status compute(struct engine *engine, struct octet_error *err)
{
    const struct plan *plan = &engine->plan;
    batch_buffers_fill(&engine->buffers, plan, engine->pool.block_size);
    octet_status status = engine->executor.step(engine->executor.context, &engine->buffers.batch,
                                                engine->logits, err);
    if (status != OCTET_OK) {
        fail_step(engine, err);
        return status;
    }
    engine->failures = 0;
    engine_count_step(engine);
    for (int32_t i = 0; i < plan->entry_count; i++)
        scheduler_computed(&engine->scheduler, &plan->entries[i]);
    engine_use_logits(engine);
    return OCTET_OK;
}

octet_status engine_step(struct engine *engine, bool *worked, struct octet_error *err)
{
    struct octet_error own;
    octet_status status = OCTET_OK;
    engine->finished_any = false;
    engine_pulse_begin(engine);
    if (take_arrivals(engine))
        end_cancelled(engine);
    if (engine->options.queue_timeout_ns > 0)
        end_overdue(engine);
    if (engine_failed(engine))
        engine_end_all(engine, FINISH_ERROR, &engine->last_error);
    scheduler_plan(&engine->scheduler, &engine->plan);
    bool has_plan = engine->plan.entry_count > 0;
    if (has_plan) {
        mark_scheduled(engine);
        status = compute(engine, err ? err : &own);
    }
    engine_pulse_end(engine, has_plan);
    *worked = has_plan || engine->finished_any;
    pthread_mutex_lock(&engine->mutex);
    engine_publish_stats(engine);
    pthread_mutex_unlock(&engine->mutex);
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
