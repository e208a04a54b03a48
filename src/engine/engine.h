/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: requests of token ids in, token ids out, many at once, over one executor.
 *
 * One thread owns the engine's state: the caller of engine_step(), or the thread that
 * engine_start() makes; never both. Any thread may make requests, submit, read and cancel them.
 *
 * A request has room for all it may produce from its birth, so the engine never waits for a
 * reader, and a step allocates nothing. Reader and engine each hold a reference.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/executor.h"
#include "engine/sampling.h"

struct engine;
struct request;

struct engine_options {
    int32_t max_num_seqs;
    int32_t max_num_batched_tokens; /* >= max_num_seqs */
    int32_t max_model_len;
    int32_t prefill_chunk; /* most prompt tokens of one request in a step; 0: no further limit */
    int32_t mixed_prefill_tokens; /* most prompt tokens of a step in which somebody decodes; 0: no
                                     further limit */
    int32_t long_prefill_token_threshold; /* longer prompts are "long"; 0: none is */
    int32_t max_num_partial_prefills;     /* most prompts begun and not done; 0: no limit */
    int32_t max_long_partial_prefills;    /* most of them long, shorter ones pass; 0: no limit */
    bool whole_prompts;                   /* no chunked prefill */
    bool priority_scheduling;             /* by params.priority, then by arrival */
    int32_t max_queued; /* submitted and not finished, beyond which submit says OCTET_LIMIT; 0: no
                           limit */
    int64_t max_queued_tokens; /* prompt tokens submitted and never scheduled, likewise; whoever
                                  comes while nobody waits may exceed it; 0: no limit */
    uint64_t queue_timeout_ns; /* never scheduled for so long: ends as FINISH_ERROR with
                                  OCTET_LIMIT; 0: no limit */
    int32_t max_logprobs;      /* largest logprobs and prompt_logprobs; 20 as in vLLM */
    bool prefix_cache;
    int sampling_threads;   /* that draw tokens, the engine's included; 0: 1. Bits do not change */
    uint64_t seed;          /* for requests without one */
    const int32_t *eos_ids; /* end-of-text ids; copied */
    size_t eos_id_count;
    uint64_t (*now_ns)(void *context); /* NULL: the monotonic clock */
    void *now_context;
};
void engine_options_init(struct engine_options *options);

/* The executor is copied; its context must outlive the engine. Errors: OCTET_USAGE, OCTET_MEMORY.
 */
octet_status engine_new(const struct engine_options *options, const struct executor *executor,
                        struct engine **out, struct octet_error *err);
/* Stops the thread if there is one; unfinished requests end as OCTET_CANCELLED. NULL is fine. */
void engine_free(struct engine *engine);

enum finish_reason {
    FINISH_NONE,   /* still going */
    FINISH_STOP,   /* an end-of-text or stop token, which is the last token delivered */
    FINISH_LENGTH, /* max_tokens or the context's end */
    FINISH_ABORT,  /* cancelled */
    FINISH_ERROR,  /* request_error() says why */
};
const char *
finish_reason_name(enum finish_reason reason); /* "stop", "length", "abort", "error", "" */

/*
 * Make a request; prompt and parameters are copied, params->constraint is taken over on success and
 * freed with the request. cache_salt: only requests with the same salt share cached prefixes.
 * Several requests with one prompt (the n choices of a client's request) submitted together compute
 * it once: the later ones wait for the blocks of the first and take them from the prefix cache, all
 * but the last started block. Not with prefix_cache off, nor with prompt_logprobs.
 * Two references: the caller's, and the one that engine_submit takes over.
 * Errors: OCTET_USAGE (bad parameters or ids), OCTET_LIMIT ("This model's maximum context length
 * is ..." when the prompt leaves no room), OCTET_MEMORY.
 */
octet_status request_new(const struct engine *engine, const int32_t *prompt, size_t prompt_count,
                         const struct sampling_params *params, uint64_t cache_salt,
                         struct request **out, struct octet_error *err);
void request_release(struct request *request); /* NULL is fine */
/* The most memory that such a request may come to hold, its constraint apart: an estimate. */
size_t request_bytes(const struct engine *engine, size_t prompt_count,
                     const struct sampling_params *params);

/*
 * Call notify(context) on the engine's thread whenever there is something new to read; NULL: no
 * more. When this returns, an earlier callback is not running and never will again. The callback
 * may read the request; it must not call this function or engine_step.
 */
void request_set_notify(struct request *request, void (*notify)(void *context), void *context);

/* Errors: OCTET_LIMIT (the queue is full), OCTET_STATE (submitted before; engine is stopping),
 * OCTET_DEVICE (the engine has failed). */
octet_status engine_submit(struct engine *engine, struct request *request, struct octet_error *err);
/*
 * The same for several, the choices of one client's request: all of them or, on an error, none; in
 * this order, so that the first computes the prompt. Together they may exceed the queue's limits
 * while it is empty.
 */
octet_status engine_submit_all(struct engine *engine, struct request *const *requests, size_t count,
                               struct octet_error *err);

/* Ends within one step as FINISH_ABORT, unless it finished before: queued, between chunks of its
 * prompt, or decoding; its blocks are free then. No other request is touched. Any thread, any time,
 * also before it is submitted. */
void engine_cancel(struct engine *engine, struct request *request);

/* One token of a request. */
struct token_event {
    int32_t id;
    uint64_t time_ns; /* when the engine's step delivered it */
    bool has_logprobs;
    struct position_logprobs logprobs; /* its top points into the request */
};

/* Copy tokens [from, ...) that were generated, at most `limit`; returns how many. Never waits. */
size_t request_read(struct request *request, size_t from, struct token_event *events, size_t limit);

/*
 * Wait until the request has more than `have` tokens or has finished, at most timeout_ms (< 0: for
 * ever; 0: only look). Only useful while the engine's thread runs. Returns false on a time-out.
 */
bool request_wait(struct request *request, size_t have, int64_t timeout_ms);

struct request_status {
    size_t token_count; /* generated and readable */
    enum finish_reason finish_reason;
    int32_t stop_token; /* FINISH_STOP: the id that stopped it; -1 otherwise */
    int32_t prompt_tokens;
    int32_t cached_tokens; /* of the prompt, taken from the prefix cache. What a client is told is
                              its first choice's: the others found what the first computed */
    uint64_t preemptions;
    uint64_t submitted_ns, scheduled_ns, first_token_ns, last_token_ns,
        finished_ns;    /* 0: not yet */
    octet_status error; /* FINISH_ERROR */
};
void request_status(struct request *request, struct request_status *out);
/* The sentence of FINISH_ERROR; "" otherwise. Valid while the caller holds its reference. */
const char *request_error(struct request *request);

/*
 * Prompt log-probabilities, once the first token is readable or the request has finished: entry i
 * belongs to prompt token i + 1. NULL without prompt_logprobs.
 */
const struct position_logprobs *request_prompt_logprobs(struct request *request, size_t *count);

/*
 * One step by the calling thread: arrivals, cancellations, plan, compute, sample, publish.
 * *worked is false when there was nothing to do. A failing executor ends the requests of that step
 * with its error and is returned here; the engine goes on with the others at the next call. After
 * ENGINE_FAILED_STEPS failing steps one after another the engine has failed: what waits ends with
 * the same error, and engine_submit refuses.
 */
#define ENGINE_FAILED_STEPS 3
octet_status engine_step(struct engine *engine, bool *worked, struct octet_error *err);

/* A thread that steps while there is work and sleeps while there is none. OCTET_IO if it cannot be
 * made. */
octet_status engine_start(struct engine *engine, struct octet_error *err);
/* drain: finish what was submitted first (submit is refused meanwhile); else end it as
 * FINISH_ABORT. */
void engine_stop(struct engine *engine, bool drain);

#define ENGINE_STEP_BUCKETS 13

/*
 * Counters since engine_new() and the present state. Whoever has seen a request end finds it
 * counted: over requests whose prompt was computed to its end, prompt_tokens is the sum of
 * status.prompt_tokens and prompt_tokens_cached that of status.cached_tokens; generated_tokens is
 * the sum of status.token_count over all, finished[] counts all by reason.
 */
struct engine_stats {
    int32_t running, waiting; /* requests; waiting includes those just submitted */
    int32_t deferred;         /* of the waiting: let others pass for now (scheduler.h) */
    /* A block is used (by somebody who runs), cached (by nobody, with a prefix to reuse) or free;
     * their sum is blocks_total. */
    int32_t blocks_total, blocks_used, blocks_cached, blocks_free;
    uint64_t steps, failed_steps, preemptions;
    uint64_t prompt_tokens, prompt_tokens_cached; /* the rest was computed */
    uint64_t recomputed_tokens;                   /* positions computed again after a preemption */
    uint64_t generated_tokens;
    uint64_t cache_queried_tokens, cache_hit_tokens; /* at first admissions */
    uint64_t finished[FINISH_ERROR + 1];
    /* Steps by the tokens they computed: step_buckets[i] counts those of at most
     * engine_step_bounds[i], the last one those of more; `steps` in all, step_tokens their sum. */
    uint64_t step_buckets[ENGINE_STEP_BUCKETS + 1];
    uint64_t step_tokens;
    uint64_t slowest_step_ns, last_step_ns; /* how long; when the last one ended */
};
extern const int32_t engine_step_bounds[ENGINE_STEP_BUCKETS]; /* 1, 8, 16, ... 16384 */
/* A snapshot taken after the latest step. Any thread. */
void engine_stats(struct engine *engine, struct engine_stats *out);

/* Signs of life. Times are those of options.now_ns, by default the monotonic clock; 0: never. */
struct engine_pulse {
    int32_t pending;  /* requests submitted and not finished */
    bool stepping;    /* a step runs now */
    bool failed;      /* see engine_failed() */
    uint64_t steps;   /* that have ended */
    uint64_t beat_ns; /* the latest of: a step began, ended, or work arrived at an idle engine.
                         With `pending` it grows old only while a step takes long or hangs */
    uint64_t slowest_step_ns; /* the longest step so far that ended */
};
/* Takes no lock: microseconds, whatever the engine's thread does. Any thread. */
void engine_pulse(const struct engine *engine, struct engine_pulse *out);

/* Too many steps failed one after another (ENGINE_FAILED_STEPS); it never becomes false again. */
bool engine_failed(const struct engine *engine);
/* The largest logprobs and prompt_logprobs of a request. */
int32_t engine_max_logprobs(const struct engine *engine);
bool engine_prefix_cache(const struct engine *engine); /* whether it shares prefixes */

/*
 * Logits of every position of one sequence, in chunks through the pool; row(context, position,
 * logits) returns false to stop (OCTET_CANCELLED). For scoring and comparison; the engine must be
 * idle and without thread: OCTET_STATE otherwise. Also OCTET_USAGE, OCTET_LIMIT.
 */
octet_status engine_logits(struct engine *engine, const int32_t *ids, size_t count,
                           bool (*row)(void *context, size_t position, const float *logits),
                           void *context, struct octet_error *err);

#endif
