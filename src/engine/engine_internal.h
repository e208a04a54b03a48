/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside, shared by its files and the tests that check invariants. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include "engine/engine_request.h"
#include "engine/scheduler.h"
#include "parallel/pool.h"

/* One row of logits: a draw, or the score of a prompt token. */
struct engine_draw {
    struct request *request;
    float *logits;
    int32_t position;     /* of the prompt: the token behind it is scored; -1: draw the next one */
    const uint32_t *bits; /* ids that may be drawn; NULL: all */
    bool gives_way;       /* min_tokens, to a format that has to end */
    int32_t id;           /* what was drawn */
    octet_status status;
    struct octet_error err;
};

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
    float *logits;             /* [max_logit_rows][vocab_size] */
    struct engine_draw *draws; /* [max_logit_rows] of the present step */
    int32_t draw_count;
    uint32_t *mask_bits; /* [max_num_seqs][mask_words] what constraints allow in this step */
    size_t mask_words;   /* (vocab_size + 31) / 32 */
    int32_t mask_count;
    struct sampler *samplers; /* [sampler_count] one a thread */
    int sampler_count;
    struct pool *pool_of_draws; /* NULL: one thread */
    int64_t least_shared;       /* logits to pass over, below which waking threads costs more */
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

/* Engine's thread: use the logits of a step: score, draw, deliver. */
void engine_use_logits(struct engine *engine);

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
