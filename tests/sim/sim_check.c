/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants: of each plan, when the executor sees it, and of the whole after each step. */
#include "sim/sim.h"

static struct sim_request *live_of(struct sim *sim, const struct sequence *sequence)
{
    for (int i = 0; i < sim->live_count; i++) {
        if (&sim->live[i].request->sequence == sequence)
            return &sim->live[i];
    }
    return NULL;
}

/* The order that requests are served in. */
static bool goes_before(const struct sim *sim, const struct sequence *a, const struct sequence *b)
{
    const struct request *first = (const struct request *)a, *second = (const struct request *)b;
    if (sim->options.priority_scheduling && first->params.priority != second->params.priority)
        return first->params.priority < second->params.priority;
    return a->arrival < b->arrival;
}

static int32_t left(const struct sequence *sequence)
{
    return sequence->token_count - sequence->computed;
}

static bool was_running(const struct sim *sim, const struct sequence *sequence)
{
    for (int32_t i = 0; i < sim->was_running_count; i++) {
        if (sim->was_running[i] == sequence)
            return true;
    }
    return false;
}

static const struct plan_entry *entry_of(const struct plan *plan, const struct sequence *sequence)
{
    for (int32_t i = 0; i < plan->entry_count; i++) {
        if (plan->entries[i].sequence == sequence)
            return &plan->entries[i];
    }
    return NULL;
}

static bool is_long(const struct sim *sim, const struct sequence *sequence)
{
    int32_t threshold = sim->options.long_prefill_token_threshold;
    return threshold > 0 && sequence->token_count > threshold;
}

/* Full blocks at the beginning of a, whose last token is always its own, and of b's `most`. */
static int32_t common_blocks(const struct sim *sim, const struct sequence *a,
                             const struct sequence *b, int32_t most)
{
    int32_t same = 0;
    if (a->cache_root != b->cache_root)
        return 0;
    while (same < a->token_count - 1 && same < most && a->tokens[same] == b->tokens[same])
        same++;
    return same / sim->fake.block_size;
}

/* ---- the plan, before it is computed ---- */

static bool check_entries(struct sim *sim)
{
    const struct engine *engine = sim->engine;
    const struct scheduler_limits *limits = &engine->scheduler.limits;
    const struct plan *plan = &engine->plan;
    int32_t tokens = 0, rows = 0, decoding = 0, prompts = 0;
    for (int32_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        const struct sequence *sequence = entry->sequence;
        tokens += entry->count;
        rows += entry->row_count;
        CHECK(entry->start == sequence->computed);
        CHECK(entry->count > 0 && entry->row_count >= 0 && entry->row_count <= entry->count);
        CHECK(sequence->state == SEQUENCE_RUNNING && entry_of(plan, sequence) == entry);
        if (left(sequence) == 1 && was_running(sim, sequence)) {
            decoding++;
            continue;
        }
        prompts += entry->count;
        if (limits->whole_prompts && !sequence->score_prompt)
            CHECK(entry->count == left(sequence));
        else if (!limits->whole_prompts && limits->prefill_chunk > 0)
            CHECK(entry->count <= limits->prefill_chunk);
    }
    CHECK(plan->entry_count <= limits->max_num_seqs);
    CHECK(tokens == plan->token_count && tokens <= limits->max_num_batched_tokens);
    CHECK(rows == plan->row_count && rows <= limits->max_logit_rows);
    if (decoding > 0 && limits->mixed_prefill_tokens > 0 && !limits->whole_prompts) {
        CHECK(prompts <= limits->mixed_prefill_tokens);
        sim->coverage.mixed_steps += prompts > 0;
    }
    return true;
}

/* Whoever decodes takes part; of the prompts the first does; the limits on partial ones hold. */
static bool check_running(struct sim *sim)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    const struct scheduler_limits *limits = &scheduler->limits;
    bool prompt_seen = false;
    int32_t partial = 0;
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *sequence = scheduler->running[i];
        const struct plan_entry *entry = entry_of(&sim->engine->plan, sequence);
        CHECK(entry || left(sequence) > 1);
        CHECK(entry || prompt_seen);
        prompt_seen |= left(sequence) > 1;
        partial += !entry || entry->count < left(sequence);
    }
    CHECK(limits->max_partial_prefills == 0 || partial <= limits->max_partial_prefills);
    return true;
}

/* One may be passed over for these reasons only. */
static bool may_wait(struct sim *sim, const struct sequence *waiting)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    int32_t long_count = 0;
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *other = scheduler->running[i];
        if (left(other) == 1)
            continue;
        long_count += is_long(sim, other);
        if (waiting->use_cache && common_blocks(sim, waiting, other, other->token_count) >
                                      other->computed / sim->fake.block_size)
            return true;
    }
    return sim->options.max_long_partial_prefills > 0 && is_long(sim, waiting) &&
           long_count >= sim->options.max_long_partial_prefills;
}

static bool check_order(struct sim *sim)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *admitted = scheduler->running[i];
        if (was_running(sim, admitted))
            continue;
        for (const struct sequence *s = scheduler->waiting_head; s; s = s->next)
            CHECK(!goes_before(sim, s, admitted) || may_wait(sim, s));
    }
    return true;
}

/* Nobody computes a block that another one, who may share it, computes in the same step. */
static bool check_sharing(struct sim *sim)
{
    const struct plan *plan = &sim->engine->plan;
    int32_t size = sim->fake.block_size;
    for (int32_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *a = &plan->entries[i];
        for (int32_t j = i + 1; j < plan->entry_count; j++) {
            const struct plan_entry *b = &plan->entries[j];
            if (!a->sequence->use_cache || !b->sequence->use_cache || left(a->sequence) == 1 ||
                left(b->sequence) == 1)
                continue;
            int32_t most = b->sequence->token_count - 1;
            int32_t common = common_blocks(sim, a->sequence, b->sequence, most) * size;
            int32_t start = a->start > b->start ? a->start : b->start;
            CHECK(start >= common);
        }
    }
    return true;
}

/* Positions that are computed again, by our own count. */
static void count_recomputed(struct sim *sim)
{
    const struct plan *plan = &sim->engine->plan;
    for (int32_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        struct sim_request *live = live_of(sim, entry->sequence);
        for (int32_t p = entry->start; p < entry->start + entry->count; p++)
            sim->totals.recomputed_tokens += p < live->reached;
        if (entry->start + entry->count > live->reached)
            live->reached = entry->start + entry->count;
    }
    sim->totals.step_tokens += (uint64_t)plan->token_count;
    sim->totals.steps++;
}

void sim_on_step(void *context, const struct step_batch *batch)
{
    struct sim *sim = context;
    (void)batch;
    sim->planned = true;
    struct engine_pulse pulse;
    engine_pulse(sim->engine, &pulse);
    if (!pulse.stepping || pulse.pending < 1)
        sim->failure = "the pulse does not show the step";
    /* The first complaint stays in sim->failure. */
    if (check_entries(sim) && check_running(sim) && check_order(sim) && check_sharing(sim) &&
        !sim->step_fails)
        count_recomputed(sim);
}

/* ---- the whole, after the step ---- */

static bool check_pool(struct sim *sim)
{
    struct engine *engine = sim->engine;
    const struct kv_blocks *pool = &engine->pool;
    int32_t uses[SIM_BLOCKS_MAX] = {0};
    for (int32_t i = 0; i < engine->scheduler.running_count; i++) {
        const struct sequence *sequence = engine->scheduler.running[i];
        for (int32_t b = 0; b < sequence->block_count; b++)
            uses[sequence->blocks[b]]++;
        /* Nobody has a block that was cached under another salt. */
        const struct kv_block *block = &pool->blocks[sequence->blocks[0]];
        CHECK(block->content == 0 || block->parent == live_of(sim, sequence)->salt);
    }
    for (int i = 0; i < sim->stolen_count; i++)
        uses[sim->stolen[i]]++;
    int32_t free_count = 0, cached = 0, idle = 0;
    for (int32_t b = pool->free_head; b != KV_NO_BLOCK; b = pool->blocks[b].next) {
        CHECK(pool->blocks[b].references == 0);
        idle += pool->blocks[b].content != 0;
        free_count++;
        CHECK(free_count <= pool->block_count);
    }
    CHECK(free_count == pool->free_count);
    for (int32_t b = 0; b < pool->block_count; b++) {
        const struct kv_block *block = &pool->blocks[b];
        CHECK(block->references == uses[b]);
        CHECK(uses[b] <= 1 || block->content != 0);
        free_count += block->references > 0;
        cached += block->content != 0;
    }
    CHECK(free_count == pool->block_count);
    CHECK(cached == pool->cached_count && idle == pool->idle_cached_count);
    return true;
}

static bool check_lists(struct sim *sim)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    const struct sequence *last = NULL;
    int32_t waiting = 0;
    int64_t queued_tokens = 0;
    CHECK(scheduler->running_count <= scheduler->limits.max_num_seqs);
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *sequence = scheduler->running[i];
        CHECK(sequence->state == SEQUENCE_RUNNING && live_of(sim, sequence));
        CHECK(i == 0 || goes_before(sim, scheduler->running[i - 1], sequence));
        CHECK(sequence->computed < sequence->token_count);
        CHECK(sequence->block_count * sim->fake.block_size >= sequence->computed);
    }
    for (const struct sequence *s = scheduler->waiting_head; s; s = s->next) {
        CHECK(s->state == SEQUENCE_WAITING && s->block_count == 0 && s->computed == 0);
        CHECK(live_of(sim, s) && (!last || goes_before(sim, last, s)));
        last = s;
        waiting++;
    }
    CHECK(waiting == scheduler->waiting_count);
    for (int i = 0; i < sim->live_count; i++) {
        const struct request *request = sim->live[i].request;
        if (!request->was_scheduled && request->sequence.state == SEQUENCE_WAITING)
            queued_tokens += request->sequence.prompt_count;
    }
    CHECK(queued_tokens == sim->engine->queued_tokens);
    return true;
}

/*
 * Nobody waits for ever. The first in order gets something in every step, but while blocks are held
 * elsewhere and while it lets a prompt finish that it will share, or a later one keep what it has;
 * and those end, since whoever runs goes on in every step.
 */
static bool check_waiting(struct sim *sim)
{
    const struct engine *engine = sim->engine;
    struct sim_request *first = NULL;
    int32_t unfinished = 0;
    for (int i = 0; i < sim->live_count; i++) {
        struct sim_request *live = &sim->live[i];
        if (live->request->sequence.state == SEQUENCE_FINISHED)
            continue;
        unfinished++;
        CHECK(!live->cancelled); /* cancelled ones end within the step */
        if (!first || goes_before(sim, &live->request->sequence, &first->request->sequence))
            first = live;
        if (sim->options.queue_timeout_ns > 0 && !live->request->was_scheduled)
            CHECK(sim->clock_ns - live->request->status.submitted_ns <
                  sim->options.queue_timeout_ns + 1000000);
    }
    if (!first || sim->stolen_count > 0)
        return true;
    CHECK(sim->planned); /* there is work, and nothing to stop it */
    if (first->request->sequence.computed > 0 || entry_of(&engine->plan, &first->request->sequence))
        first->unserved = 0;
    else
        first->unserved++;
    CHECK(first->unserved <=
          (uint64_t)(engine->options.max_num_seqs + 2) * (uint64_t)engine->options.max_model_len);
    return true;
}

static void add_request(struct sim_totals *totals, const struct request *request)
{
    const struct request_status *status = &request->status;
    totals->generated_tokens += status->token_count;
    totals->preemptions += request->sequence.preemptions;
    if (request->sequence.reached >= request->sequence.prompt_count) {
        totals->prompt_tokens += (uint64_t)status->prompt_tokens;
        totals->cached_tokens += (uint64_t)status->cached_tokens;
    }
    if (status->finish_reason != FINISH_NONE)
        totals->finished[status->finish_reason]++;
}

/* The counters are the sums over what requests report. */
static bool check_stats(struct sim *sim)
{
    struct engine_stats stats;
    engine_stats(sim->engine, &stats);
    struct sim_totals totals = sim->totals;
    int unfinished = 0;
    for (int i = 0; i < sim->live_count; i++) {
        add_request(&totals, sim->live[i].request);
        unfinished += sim->live[i].request->sequence.state != SEQUENCE_FINISHED;
    }
    CHECK(stats.prompt_tokens == totals.prompt_tokens);
    CHECK(stats.prompt_tokens_cached == totals.cached_tokens);
    CHECK(stats.generated_tokens == totals.generated_tokens);
    CHECK(stats.recomputed_tokens == totals.recomputed_tokens);
    CHECK(stats.preemptions == totals.preemptions);
    CHECK(stats.step_tokens == totals.step_tokens && stats.steps == totals.steps);
    CHECK(stats.failed_steps == totals.failed_steps);
    uint64_t steps = 0;
    for (int i = 0; i <= ENGINE_STEP_BUCKETS; i++)
        steps += stats.step_buckets[i];
    CHECK(steps == stats.steps);
    for (int i = 0; i <= FINISH_ERROR; i++)
        CHECK(stats.finished[i] == totals.finished[i]);
    CHECK(stats.running + stats.waiting == unfinished);
    CHECK(stats.blocks_used + stats.blocks_cached + stats.blocks_free == stats.blocks_total);
    CHECK(stats.blocks_used == stats.blocks_total - sim->engine->pool.free_count);
    struct engine_pulse pulse;
    engine_pulse(sim->engine, &pulse);
    CHECK(pulse.pending == unfinished && !pulse.stepping && pulse.steps == totals.steps);
    CHECK(pulse.beat_ns == stats.last_step_ns && pulse.beat_ns <= sim->clock_ns);
    CHECK(pulse.failed == (sim->failures >= ENGINE_FAILED_STEPS));
    return true;
}

bool sim_check_step(struct sim *sim)
{
    return !sim->failure && check_pool(sim) && check_lists(sim) && check_waiting(sim) &&
           check_stats(sim);
}
