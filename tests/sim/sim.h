/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulator's files share: its state, and the checks. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/rng.h"
#include "engine/engine_internal.h"
#include "sim/fake_constraint.h"
#include "sim/fake_executor.h"

#define SIM_VOCAB 40
#define SIM_EOS 3
#define SIM_LIVE_MAX 64
#define SIM_BLOCKS_MAX 256

/* A request that is not over. */
struct sim_request {
    struct request *request;
    bool cancelled;
    bool has_constraint;
    uint64_t constraint_seed;
    uint64_t salt;
    int32_t reached;   /* positions that were computed once, by our own count */
    uint64_t unserved; /* steps in a row in which it was first in order and got nothing */
};

/* What the engine's counters should be, from what requests report. */
struct sim_totals {
    uint64_t prompt_tokens, cached_tokens, generated_tokens, recomputed_tokens, step_tokens, steps,
        failed_steps, preemptions, finished[FINISH_ERROR + 1];
};

/* What a run met; a run that never met one of these proves little. */
struct sim_coverage {
    uint64_t requests, tokens, stops, lengths, aborts, errors;
    uint64_t preemptions, cached_tokens, shared_steps, mixed_steps, overdue, refused_allocations;
    uint64_t refused_queue, engine_failures, constrained_draws, ends_forced, stolen_steps;
    uint64_t cancelled_new, cancelled_queued, cancelled_prompt, cancelled_decoding,
        cancelled_finished;
};

struct sim {
    struct rng rng;
    uint64_t clock_ns;
    struct fake_executor fake;
    struct engine *engine;
    struct engine_options options;
    struct sampler sampler;
    struct sim_request live[SIM_LIVE_MAX];
    int live_count;
    int32_t stolen[64];
    int stolen_count;
    bool step_fails;                            /* the present step was told to fail */
    int failures;                               /* failing steps in a row */
    bool planned;                               /* the present step reached the executor */
    struct sequence *was_running[SIM_LIVE_MAX]; /* before the present step */
    int32_t was_running_count;
    struct sim_totals totals; /* of this engine's finished requests */
    struct sim_coverage coverage;
    uint64_t steps;
    const char *failure;
};

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            if (!sim->failure)                                                                     \
                sim->failure = #condition;                                                         \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* sim_alone.c: a finished request's text, log-probabilities and end are what the definition says.
 */
bool sim_check_finished(struct sim *sim, const struct sim_request *live);

/* sim_check.c: the plan, seen by the executor; and the whole after every step. */
void sim_on_step(void *context, const struct step_batch *batch);
bool sim_check_step(struct sim *sim);

#endif
