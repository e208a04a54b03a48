/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: which tokens of which sequences the next step computes. A function of its state
 * alone: no clock, no lock, no randomness; nothing is allocated after scheduler_init().
 *
 * The order is that of arrival, or of priority and then arrival (by_priority). Running sequences
 * are served in order: whoever decodes gets its next token in every step; what is left of the
 * step's tokens goes to prompts, chunk by chunk, the first one first. Then waiting ones are
 * admitted in order, one past another only where "deferred" says so. Admission takes the blocks of
 * all tokens that the sequence has, so that a prompt once begun is never stopped for want of blocks
 * by a later one. A running sequence that needs a block when none is free takes those of the last
 * in order, which then waits and is recomputed; so the first one always goes on, and under first
 * come first served nobody starves.
 *
 * Deferred: a waiting sequence lets later ones pass while a running one computes blocks that both
 * will have (the same prompt, or its beginning: the n choices of a request), which it then takes
 * from the prefix cache instead of computing them again; and while as many long prompts are being
 * computed as max_long_partial_prefills allows. Both end when a prompt that is being computed is
 * done, so a deferred sequence waits no longer than that.
 */
#ifndef ENGINE_SCHEDULER_H
#define ENGINE_SCHEDULER_H

#include "backend/backend.h"
#include "engine/sequence.h"

struct scheduler_limits {
    int32_t max_num_seqs;           /* most running sequences */
    int32_t max_num_batched_tokens; /* most tokens a step; >= max_num_seqs */
    int32_t max_logit_rows;         /* most rows of logits a step; >= max_num_seqs */
    int32_t max_model_len;
    int32_t prefill_chunk; /* most prompt tokens of one sequence in a step; 0: no further limit */
    /* Most prompt tokens of a step in which somebody decodes: what a long prompt may delay the
     * others' next token by. 0: no further limit. */
    int32_t mixed_prefill_tokens;
    int32_t long_prefill_tokens;       /* more tokens than this make a long prompt; 0: none is */
    int32_t max_partial_prefills;      /* most prompts that are computed in part; 0: no limit */
    int32_t max_long_partial_prefills; /* most of them that are long; 0: no limit */
    bool whole_prompts; /* no chunks: a prompt starts when a step has room for all of it. Prompts
                           that are scored are cut all the same, for want of rows */
    bool by_priority;   /* sequence->priority first, then arrival */
};

/* Tokens start .. start+count-1 of a sequence; rows: logits of its last row_count tokens. */
struct plan_entry {
    struct sequence *sequence;
    int32_t start;
    int32_t count;
    int32_t row_count;
};

struct plan {
    struct plan_entry *entries; /* [max_num_seqs] */
    int32_t entry_count;
    int32_t token_count;
    int32_t row_count;
};

struct scheduler {
    struct scheduler_limits limits;
    struct kv_blocks *pool;    /* borrowed */
    struct sequence **running; /* [max_num_seqs] in order */
    int32_t running_count;
    struct sequence *waiting_head, *waiting_tail; /* in order */
    int32_t waiting_count;
    int32_t deferred_count; /* waiting ones that the latest plan passed over */
    uint64_t preemptions;
    uint64_t cache_queried, cache_hit; /* prompt tokens looked up, and found, at admissions */
};

/* Errors: OCTET_USAGE (limits that cannot work, naming both numbers), OCTET_MEMORY. */
octet_status scheduler_init(struct scheduler *scheduler, const struct scheduler_limits *limits,
                            struct kv_blocks *pool, struct octet_error *err);
void scheduler_free(struct scheduler *scheduler); /* sequences are the caller's */

/* Whether a comes before b. */
static inline bool sequence_before(const struct sequence *a, const struct sequence *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a->arrival < b->arrival;
}

/* A new sequence joins the waiting list at its place in the order. */
void scheduler_add(struct scheduler *scheduler, struct sequence *sequence);

/* Leave, from whichever list: blocks are released, the state becomes SEQUENCE_FINISHED. */
void scheduler_remove(struct scheduler *scheduler, struct sequence *sequence);

/*
 * Fill the plan of the next step; blocks for its tokens belong to the sequences afterwards. An
 * empty plan means that there is nothing to do, or that blocks are held elsewhere.
 * plan->entries must have room for max_num_seqs entries.
 */
void scheduler_plan(struct scheduler *scheduler, struct plan *plan);

/* The step of this entry is done: positions are computed, full blocks join the prefix cache. */
void scheduler_computed(struct scheduler *scheduler, const struct plan_entry *entry);

/* Buffers behind a step_batch. */
struct batch_buffers {
    struct step_batch batch;
    int32_t *token_ids, *positions, *slots, *query_start, *lengths, *block_tables, *logit_rows;
};
octet_status batch_buffers_init(struct batch_buffers *buffers,
                                const struct scheduler_limits *limits, int32_t block_size,
                                struct octet_error *err);
void batch_buffers_free(struct batch_buffers *buffers);
/* Write the plan as a batch; buffers->batch is ready for the executor. */
void batch_buffers_fill(struct batch_buffers *buffers, const struct plan *plan, int32_t block_size);

#endif
