/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int32_t min_i32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

octet_status scheduler_init(struct scheduler *scheduler, const struct scheduler_limits *limits,
                            struct kv_blocks *pool, struct octet_error *err)
{
    memset(scheduler, 0, sizeof *scheduler);
    if (limits->max_num_seqs < 1 || limits->max_model_len < 1)
        return error_set(err, OCTET_USAGE,
                         "max_num_seqs is %d and max_model_len is %d; both must be at least 1",
                         limits->max_num_seqs, limits->max_model_len);
    if (limits->max_num_batched_tokens < limits->max_num_seqs)
        return error_set(err, OCTET_USAGE,
                         "max_num_batched_tokens (%d) must be greater than or equal to "
                         "max_num_seqs (%d)",
                         limits->max_num_batched_tokens, limits->max_num_seqs);
    if (limits->max_logit_rows < limits->max_num_seqs)
        return error_set(err, OCTET_USAGE,
                         "max_logit_rows (%d) must be greater than or equal to max_num_seqs (%d)",
                         limits->max_logit_rows, limits->max_num_seqs);
    if (limits->whole_prompts && limits->max_num_batched_tokens < limits->max_model_len)
        return error_set(err, OCTET_USAGE,
                         "max_num_batched_tokens (%d) is smaller than max_model_len (%d). Without "
                         "chunked prefill a prompt has to fit into one step. Please increase "
                         "max_num_batched_tokens or decrease max_model_len.",
                         limits->max_num_batched_tokens, limits->max_model_len);
    scheduler->limits = *limits;
    scheduler->pool = pool;
    scheduler->running = calloc((size_t)limits->max_num_seqs, sizeof(struct sequence *));
    if (!scheduler->running)
        return error_memory(err, "scheduler",
                            (size_t)limits->max_num_seqs * sizeof(struct sequence *));
    return OCTET_OK;
}

void scheduler_free(struct scheduler *scheduler)
{
    free(scheduler->running);
    memset(scheduler, 0, sizeof *scheduler);
}

/* Insert in order; from the tail, since new arrivals are last and that is the common case. */
static void waiting_insert(struct scheduler *scheduler, struct sequence *sequence)
{
    struct sequence *before = scheduler->waiting_tail;
    while (before && sequence_before(sequence, before))
        before = before->previous;
    sequence->previous = before;
    sequence->next = before ? before->next : scheduler->waiting_head;
    if (sequence->next)
        sequence->next->previous = sequence;
    else
        scheduler->waiting_tail = sequence;
    if (before)
        before->next = sequence;
    else
        scheduler->waiting_head = sequence;
    scheduler->waiting_count++;
    sequence->state = SEQUENCE_WAITING;
}

static void waiting_remove(struct scheduler *scheduler, struct sequence *sequence)
{
    if (sequence->previous)
        sequence->previous->next = sequence->next;
    else
        scheduler->waiting_head = sequence->next;
    if (sequence->next)
        sequence->next->previous = sequence->previous;
    else
        scheduler->waiting_tail = sequence->previous;
    sequence->previous = sequence->next = NULL;
    scheduler->waiting_count--;
}

void scheduler_add(struct scheduler *scheduler, struct sequence *sequence)
{
    assert(sequence->state == SEQUENCE_NEW && sequence->block_count == 0);
    waiting_insert(scheduler, sequence);
}

/* Last block first: the end of a cached prefix is then overwritten before its beginning. */
static void release_blocks(struct scheduler *scheduler, struct sequence *sequence)
{
    while (sequence->block_count > 0)
        kv_blocks_release(scheduler->pool, sequence->blocks[--sequence->block_count]);
    sequence->computed = 0;
    sequence->registered = 0;
    sequence->cache_parent = sequence->cache_root;
}

void scheduler_remove(struct scheduler *scheduler, struct sequence *sequence)
{
    if (sequence->state == SEQUENCE_WAITING) {
        waiting_remove(scheduler, sequence);
    } else if (sequence->state == SEQUENCE_RUNNING) {
        int32_t at = 0;
        while (scheduler->running[at] != sequence)
            at++;
        scheduler->running_count--;
        memmove(&scheduler->running[at], &scheduler->running[at + 1],
                (size_t)(scheduler->running_count - at) * sizeof(struct sequence *));
        release_blocks(scheduler, sequence);
    }
    sequence->state = SEQUENCE_FINISHED;
}

static void preempt_last(struct scheduler *scheduler)
{
    struct sequence *victim = scheduler->running[--scheduler->running_count];
    release_blocks(scheduler, victim);
    victim->preemptions++;
    scheduler->preemptions++;
    waiting_insert(scheduler, victim);
}

/*
 * Blocks for `positions` positions. A sequence without enough takes them from the latest arrivals;
 * false when it had to give up its own.
 */
static bool grow_blocks(struct scheduler *scheduler, struct sequence *sequence, int32_t positions)
{
    int32_t needed = kv_blocks_needed(scheduler->pool, positions);
    assert(needed <= sequence->block_capacity);
    while (sequence->block_count < needed) {
        int32_t block = kv_blocks_take(scheduler->pool);
        if (block != KV_NO_BLOCK) {
            sequence->blocks[sequence->block_count++] = block;
            continue;
        }
        struct sequence *victim = scheduler->running[scheduler->running_count - 1];
        preempt_last(scheduler);
        if (victim == sequence)
            return false;
    }
    return true;
}

/*
 * Rows wanted of tokens start .. start+count-1: the last one when it is the sequence's newest
 * token, and each prompt position that is to be scored and was not yet.
 */
static int32_t rows_wanted(const struct sequence *sequence, int32_t start, int32_t count)
{
    int32_t end = start + count;
    bool newest = end == sequence->token_count;
    if (!sequence->score_prompt || sequence->scored >= sequence->prompt_count ||
        end <= sequence->scored)
        return newest;
    int32_t first = start > sequence->scored ? start : sequence->scored;
    return end - first;
}

/* What is left of a step while its plan is made. */
struct budget {
    int32_t tokens;                /* for prompts; those who decode have theirs apart */
    int32_t rows;                  /* likewise */
    int32_t partial, long_partial; /* prompts that this step will not finish */
};

static int32_t tokens_left(const struct sequence *sequence)
{
    return sequence->token_count - sequence->computed;
}

static bool decodes(const struct sequence *sequence)
{
    return tokens_left(sequence) == 1;
}

static bool is_long(const struct scheduler *scheduler, const struct sequence *sequence)
{
    int32_t threshold = scheduler->limits.long_prefill_tokens;
    return threshold > 0 && sequence->token_count > threshold;
}

static struct budget budget_of(const struct scheduler *scheduler)
{
    const struct scheduler_limits *limits = &scheduler->limits;
    int32_t decoding = 0;
    for (int32_t i = 0; i < scheduler->running_count; i++)
        decoding += decodes(scheduler->running[i]);
    struct budget budget = {.tokens = limits->max_num_batched_tokens - decoding,
                            .rows = limits->max_logit_rows - decoding};
    if (decoding > 0 && limits->mixed_prefill_tokens > 0 && !limits->whole_prompts)
        budget.tokens = min_i32(budget.tokens, limits->mixed_prefill_tokens);
    return budget;
}

static void plan_add(struct plan *plan, struct sequence *sequence, int32_t count)
{
    struct plan_entry *entry = &plan->entries[plan->entry_count++];
    *entry = (struct plan_entry){sequence, sequence->computed, count,
                                 rows_wanted(sequence, sequence->computed, count)};
    plan->token_count += count;
    plan->row_count += entry->row_count;
}

/* The next chunk of a prompt; none when nothing is left for it. */
static void plan_prompt(const struct scheduler *scheduler, struct plan *plan,
                        struct sequence *sequence, struct budget *budget)
{
    const struct scheduler_limits *limits = &scheduler->limits;
    int32_t count = min_i32(tokens_left(sequence), budget->tokens);
    if (limits->prefill_chunk > 0 && !limits->whole_prompts)
        count = min_i32(count, limits->prefill_chunk);
    int32_t rows = rows_wanted(sequence, sequence->computed, count);
    if (rows > budget->rows)
        count -= rows - budget->rows;
    if (count > 0) {
        plan_add(plan, sequence, count);
        budget->tokens -= count;
        budget->rows -= plan->entries[plan->entry_count - 1].row_count;
    }
    if (count < tokens_left(sequence)) {
        budget->partial++;
        budget->long_partial += is_long(scheduler, sequence);
    }
}

/* Take what the prefix cache has; at least the last token is always computed, for its logits. */
static void attach_cached(struct scheduler *scheduler, struct sequence *sequence)
{
    struct kv_blocks *pool = scheduler->pool;
    if (!sequence->use_cache)
        return;
    int32_t most = (sequence->token_count - 1) / pool->block_size;
    while (sequence->block_count < most) {
        const int32_t *tokens = sequence->tokens + sequence->block_count * pool->block_size;
        int32_t block =
            kv_blocks_find(pool, sequence->cache_parent, tokens, &sequence->cache_parent);
        if (block == KV_NO_BLOCK)
            break;
        sequence->blocks[sequence->block_count++] = block;
        sequence->registered++;
    }
    sequence->computed = sequence->block_count * pool->block_size;
}

/* Full blocks at the beginning of both that `other` will have when its prompt is computed. */
static int32_t blocks_in_common(const struct scheduler *scheduler, const struct sequence *sequence,
                                const struct sequence *other)
{
    if (other->cache_root != sequence->cache_root || decodes(other))
        return 0;
    int32_t most = min_i32(sequence->token_count - 1, other->token_count);
    int32_t same = 0;
    while (same < most && sequence->tokens[same] == other->tokens[same])
        same++;
    return same / scheduler->pool->block_size;
}

/* Somebody who runs is computing blocks that this one, with what it has attached, lacks. */
static bool waits_for_prefix(const struct scheduler *scheduler, const struct sequence *sequence)
{
    if (!sequence->use_cache)
        return false;
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *other = scheduler->running[i];
        int32_t common = blocks_in_common(scheduler, sequence, other);
        if (common > other->registered && common > sequence->block_count)
            return true;
    }
    return false;
}

static void running_insert(struct scheduler *scheduler, struct sequence *sequence)
{
    int32_t at = scheduler->running_count++;
    for (; at > 0 && sequence_before(sequence, scheduler->running[at - 1]); at--)
        scheduler->running[at] = scheduler->running[at - 1];
    scheduler->running[at] = sequence;
    sequence->state = SEQUENCE_RUNNING;
}

enum admission { ADMITTED, DEFERRED, REFUSED };

/*
 * Blocks for all tokens of a waiting sequence, one to spare for each running one so that the next
 * steps do not preempt it again at once. Nothing is taken unless it is admitted.
 */
static enum admission admit(struct scheduler *scheduler, struct sequence *sequence,
                            const struct budget *budget)
{
    const struct scheduler_limits *limits = &scheduler->limits;
    struct kv_blocks *pool = scheduler->pool;
    if (limits->max_long_partial_prefills > 0 && is_long(scheduler, sequence) &&
        budget->long_partial >= limits->max_long_partial_prefills)
        return DEFERRED;
    attach_cached(scheduler, sequence);
    enum admission admission = ADMITTED;
    int32_t needed = kv_blocks_needed(pool, sequence->token_count) - sequence->block_count;
    int32_t spare = min_i32(scheduler->running_count, pool->block_count / 16);
    if (waits_for_prefix(scheduler, sequence))
        admission = DEFERRED;
    else if (needed > pool->free_count - spare ||
             (limits->whole_prompts && !sequence->score_prompt &&
              tokens_left(sequence) > budget->tokens))
        admission = REFUSED;
    if (admission != ADMITTED) {
        release_blocks(scheduler, sequence);
        return admission;
    }
    while (needed-- > 0)
        sequence->blocks[sequence->block_count++] = kv_blocks_take(pool);
    if (!sequence->admitted_before) {
        sequence->admitted_before = true;
        sequence->cached = sequence->reached = sequence->computed;
        scheduler->cache_queried += (uint64_t)sequence->prompt_count;
        scheduler->cache_hit += (uint64_t)sequence->computed;
    }
    waiting_remove(scheduler, sequence);
    running_insert(scheduler, sequence);
    return ADMITTED;
}

/* More than this are not looked at behind a deferred one. */
#define DEFERRED_MAX 64

static void plan_waiting(struct scheduler *scheduler, struct plan *plan, struct budget *budget)
{
    const struct scheduler_limits *limits = &scheduler->limits;
    struct sequence *sequence = scheduler->waiting_head;
    while (sequence && scheduler->running_count < limits->max_num_seqs && budget->tokens > 0 &&
           budget->rows > 0 && scheduler->deferred_count < DEFERRED_MAX &&
           (limits->max_partial_prefills == 0 || budget->partial < limits->max_partial_prefills)) {
        struct sequence *next = sequence->next;
        enum admission admission = admit(scheduler, sequence, budget);
        if (admission == REFUSED)
            break;
        if (admission == ADMITTED)
            plan_prompt(scheduler, plan, sequence, budget);
        else
            scheduler->deferred_count++;
        sequence = next;
    }
}

void scheduler_plan(struct scheduler *scheduler, struct plan *plan)
{
    plan->entry_count = plan->token_count = plan->row_count = 0;
    scheduler->deferred_count = 0;
    uint64_t preemptions = scheduler->preemptions;
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        if (!grow_blocks(scheduler, scheduler->running[i], scheduler->running[i]->token_count))
            break;
    }
    struct budget budget = budget_of(scheduler);
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        struct sequence *sequence = scheduler->running[i];
        if (decodes(sequence))
            plan_add(plan, sequence, 1);
        else
            plan_prompt(scheduler, plan, sequence, &budget);
    }
    /* Blocks just taken from somebody are for those who run, not for newcomers. */
    if (scheduler->preemptions == preemptions)
        plan_waiting(scheduler, plan, &budget);
}

void scheduler_computed(struct scheduler *scheduler, const struct plan_entry *entry)
{
    struct sequence *sequence = entry->sequence;
    struct kv_blocks *pool = scheduler->pool;
    assert(sequence->computed == entry->start);
    sequence->computed += entry->count;
    int32_t full = sequence->computed / pool->block_size;
    for (; sequence->registered < full; sequence->registered++)
        sequence->cache_parent =
            kv_blocks_register(pool, sequence->blocks[sequence->registered], sequence->cache_parent,
                               sequence->tokens + sequence->registered * pool->block_size);
}
