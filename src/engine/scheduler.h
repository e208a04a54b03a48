/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: which tokens of which sequences the next step computes. A function of its state
 * alone: no clock, no lock, no randomness; nothing is allocated after scheduler_init().
 *
 * First come first served. Running sequences are served in order of arrival: each gets its next
 * token (decode) or, within what is left of the step's tokens, the next chunk of its prompt. Then
 * waiting ones are admitted in order of arrival, never one past another. Admission takes the blocks
 * of all tokens that the sequence has, so that a prompt once begun is never stopped for want of
 * blocks by a later one. A running sequence that needs a block when none is free takes those of the
 * latest arrival, which then waits and is recomputed; so the earliest one always goes on, and
 * nobody starves.
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
    struct sequence **running; /* [max_num_seqs] in order of arrival */
    int32_t running_count;
    struct sequence *waiting_head, *waiting_tail; /* in order of arrival */
    int32_t waiting_count;
    uint64_t preemptions;
    uint64_t cache_queried, cache_hit; /* prompt tokens looked up, and found, at admissions */
};

/* Errors: OCTET_USAGE (limits that cannot work, naming both numbers), OCTET_MEMORY. */
octet_status scheduler_init(struct scheduler *scheduler, const struct scheduler_limits *limits,
                            struct kv_blocks *pool, struct octet_error *err);
void scheduler_free(struct scheduler *scheduler); /* sequences are the caller's */

/* A new sequence joins the waiting list by its arrival number. */
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
