/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request inside the engine room. Three kinds of members: those set at birth and never changed;
 * those of the engine's thread; and those shared with readers, under `mutex`.
 */
#ifndef ENGINE_ENGINE_REQUEST_H
#define ENGINE_ENGINE_REQUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/sequence.h"

struct request {
    struct sequence sequence; /* first: a sequence is found back as its request */

    /* Set at birth. */
    struct sampling_params params; /* its arrays point into this request */
    struct logit_bias *logit_bias;
    int32_t *stop_ids; /* what stops it: its own and, unless ignore_eos, the engine's */
    size_t stop_id_count;
    int32_t *masked_ids; /* what min_tokens forbids: its own and the engine's */
    size_t masked_id_count;
    uint32_t *allowed_bits;
    struct constraint *constraint; /* owned; the engine's thread alone asks it */
    const int32_t **bad_words;     /* pointers into bad_ids */
    size_t *bad_word_lengths;
    int32_t *bad_ids;
    struct position_logprobs *logprobs;        /* [output room] or NULL */
    struct position_logprobs *prompt_logprobs; /* [prompt_count - 1] or NULL */
    struct token_logprob *top, *prompt_top;    /* behind the two above */
    uint64_t *times;                           /* [output room] when each token was delivered */
    atomic_int references;
    atomic_bool cancelled;

    /* The engine's thread. */
    uint64_t seed;
    struct token_counts counts;
    bool has_counts;
    bool was_scheduled;
    struct request *next_arrival; /* in the engine's queue of submissions */

    /* Under notify_mutex, which is held while the callback runs. */
    pthread_mutex_t notify_mutex;
    void (*notify)(void *context);
    void *notify_context;

    /* Shared. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool submitted;
    struct request_status status;
    char error[sizeof((struct octet_error *)0)->message];
};

/* Room for what it may generate. */
static inline int32_t request_output_room(const struct request *request)
{
    return request->sequence.capacity - request->sequence.prompt_count;
}

/* Sizes that request_new needs of an engine. */
struct request_limits {
    int32_t vocab_size, max_model_len, block_size, block_count, max_logprobs;
    bool prefix_cache;
    bool by_priority;
    const int32_t *eos_ids;
    size_t eos_id_count;
};
octet_status request_create(const struct request_limits *limits, const int32_t *prompt,
                            size_t prompt_count, const struct sampling_params *params,
                            uint64_t cache_salt, struct request **out, struct octet_error *err);
void request_retain(struct request *request);
size_t request_estimate(const struct request_limits *limits, size_t prompt_count,
                        const struct sampling_params *params);

/* Engine's thread: make the tokens that the sequence has now readable; tell the reader. */
void request_publish(struct request *request, uint64_t now_ns);
/* The same, and the end: a reader sees the last token and the reason together. err: for
 * FINISH_ERROR. */
void request_finish(struct request *request, enum finish_reason reason, int32_t stop_token,
                    const struct octet_error *err, uint64_t now_ns);

#endif
