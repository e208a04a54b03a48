/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside, shared by its files and the tests that check invariants. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include "engine/engine_request.h"
#include "engine/scheduler.h"

struct engine {
    struct engine_options options;
    struct request_limits request_limits;
    struct executor executor;
    int32_t *eos_ids;

    /* The engine's thread. */
    struct kv_blocks pool;
    struct scheduler scheduler;
    struct plan plan;
    struct batch_buffers buffers;
    struct sampler sampler;
    float *logits;              /* [max_logit_rows][vocab_size] */
    uint32_t *mask_bits;        /* [(vocab_size + 31) / 32] what a constraint allows at one draw */
    struct engine_stats counts; /* its counters; what the scheduler and the pool count is added when
                                   it is published */
    int32_t failures;           /* steps that failed since the last that did not */
    bool finished_any;          /* in the present step */
    struct octet_error last_error;

    /* Shared, under `mutex`. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct request *arrivals_head, *arrivals_tail;
    int32_t arrival_count;
    int32_t unfinished;    /* submitted, not finished */
    int64_t queued_tokens; /* of prompts submitted and never scheduled */
    uint64_t next_arrival;
    bool cancel_pending;
    bool refusing; /* stopping or draining */
    bool stopping;
    bool has_thread;
    pthread_t thread;
    struct engine_stats stats;

    /* engine_pulse(). Written by the engine's thread, but `pending` and `idle_end_ns`. */
    struct {
        atomic_int pending;
        atomic_bool stepping, failed;
        atomic_uint_fast64_t steps, began_ns, ended_ns, slowest_ns, idle_end_ns;
    } pulse;
};

static inline uint64_t engine_now(const struct engine *engine)
{
    return engine->options.now_ns(engine->options.now_context);
}

static inline struct request *request_of(struct sequence *sequence)
{
    return (struct request *)sequence; /* its first member */
}

/* Engine's thread: end a request that the scheduler may hold, and drop the engine's reference. */
void engine_finish(struct engine *engine, struct request *request, enum finish_reason reason,
                   int32_t stop_token, const struct octet_error *err);
/* Engine's thread (or none): end everything that was submitted. err: for FINISH_ERROR. */
void engine_end_all(struct engine *engine, enum finish_reason reason,
                    const struct octet_error *err);

/* Engine's thread: use the logits of the rows of one plan entry: score, sample, deliver. */
void engine_use_rows(struct engine *engine, const struct plan_entry *entry, float *logits);

/* Engine's thread: count a step whose plan was computed, before its requests hear of it. */
void engine_count_step(struct engine *engine);
/* The same, under the engine's mutex: make the present counters what engine_stats() gives. */
void engine_publish_stats(struct engine *engine);
void engine_pulse_begin(struct engine *engine);
/* worked: the step had tokens to compute, so its length counts. */
void engine_pulse_end(struct engine *engine, bool worked);
/* Under the engine's mutex: one request more, or fewer, is unfinished. */
void engine_pulse_pending(struct engine *engine, int change);

#endif
