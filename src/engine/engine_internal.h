/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's inside, shared by engine.c, engine_thread.c and the tests that check invariants. */
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
    float *logits; /* [max_logit_rows][vocab_size] */
    uint64_t steps, prompt_tokens, generated_tokens;
    uint64_t finished[FINISH_ERROR + 1];
    bool finished_any; /* in the present step */

    /* Shared, under `mutex`. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct request *arrivals_head, *arrivals_tail;
    int32_t arrival_count;
    int32_t unfinished; /* submitted, not finished */
    uint64_t next_arrival;
    bool cancel_pending;
    bool refusing; /* stopping or draining */
    bool stopping;
    bool has_thread;
    pthread_t thread;
    struct engine_stats stats;
};

/* Engine's thread: end a request that the scheduler may hold, and drop the engine's reference. */
void engine_finish(struct engine *engine, struct request *request, enum finish_reason reason,
                   int32_t stop_token, const struct octet_error *err);
/* Engine's thread (or none): end everything as FINISH_ABORT. */
void engine_abort_all(struct engine *engine);

#endif
