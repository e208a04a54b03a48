/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine tells of itself: counters under its lock, signs of life without one. */
#include "engine/engine_internal.h"

/* The buckets of vLLM's vllm:iteration_tokens_total. */
const int32_t engine_step_bounds[ENGINE_STEP_BUCKETS] = {1,   8,    16,   32,   64,   128,  256,
                                                         512, 1024, 2048, 4096, 8192, 16384};

/* Positions that are computed again, and prompts that are done. */
static void count_entry(struct engine *engine, const struct plan_entry *entry)
{
    struct engine_stats *counts = &engine->counts;
    struct sequence *sequence = entry->sequence;
    int32_t end = entry->start + entry->count;
    if (sequence->reached > entry->start)
        counts->recomputed_tokens +=
            (uint64_t)((sequence->reached < end ? sequence->reached : end) - entry->start);
    if (sequence->reached < sequence->prompt_count && end >= sequence->prompt_count) {
        counts->prompt_tokens += (uint64_t)sequence->prompt_count;
        counts->prompt_tokens_cached += (uint64_t)sequence->cached;
    }
    if (end > sequence->reached)
        sequence->reached = end;
}

void engine_count_step(struct engine *engine)
{
    struct engine_stats *counts = &engine->counts;
    const struct plan *plan = &engine->plan;
    int bucket = 0;
    while (bucket < ENGINE_STEP_BUCKETS && plan->token_count > engine_step_bounds[bucket])
        bucket++;
    counts->step_buckets[bucket]++;
    counts->step_tokens += (uint64_t)plan->token_count;
    counts->steps++;
    for (int32_t i = 0; i < plan->entry_count; i++)
        count_entry(engine, &plan->entries[i]);
}

/* Under the lock. */
void engine_publish_stats(struct engine *engine)
{
    const struct scheduler *scheduler = &engine->scheduler;
    const struct kv_blocks *pool = &engine->pool;
    struct engine_stats *stats = &engine->stats;
    *stats = engine->counts;
    stats->running = scheduler->running_count;
    stats->waiting = scheduler->waiting_count;
    stats->deferred = scheduler->deferred_count;
    stats->blocks_total = pool->block_count;
    stats->blocks_used = pool->block_count - pool->free_count;
    stats->blocks_cached = pool->idle_cached_count;
    stats->blocks_free = pool->free_count - pool->idle_cached_count;
    stats->preemptions = scheduler->preemptions;
    stats->cache_queried_tokens = scheduler->cache_queried;
    stats->cache_hit_tokens = scheduler->cache_hit;
    stats->slowest_step_ns = atomic_load(&engine->pulse.slowest_ns);
    stats->last_step_ns = atomic_load(&engine->pulse.ended_ns);
}

void engine_stats(struct engine *engine, struct engine_stats *out)
{
    pthread_mutex_lock(&engine->mutex);
    *out = engine->stats;
    out->waiting += engine->arrival_count;
    pthread_mutex_unlock(&engine->mutex);
}

void engine_pulse_begin(struct engine *engine)
{
    atomic_store(&engine->pulse.began_ns, engine_now(engine));
    atomic_store(&engine->pulse.stepping, true);
}

void engine_pulse_end(struct engine *engine, bool worked)
{
    uint64_t now = engine_now(engine), took = now - atomic_load(&engine->pulse.began_ns);
    if (worked && took > atomic_load(&engine->pulse.slowest_ns))
        atomic_store(&engine->pulse.slowest_ns, took);
    atomic_store(&engine->pulse.ended_ns, now);
    atomic_store(&engine->pulse.stepping, false);
    atomic_store(&engine->pulse.steps, engine->counts.steps);
}

void engine_pulse_pending(struct engine *engine, int change)
{
    if (engine->unfinished == 0)
        atomic_store(&engine->pulse.idle_end_ns, engine_now(engine));
    engine->unfinished += change;
    atomic_store(&engine->pulse.pending, engine->unfinished);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void engine_pulse(const struct engine *engine, struct engine_pulse *out)
{
    /* `pending` first: a request counted here had its idle_end_ns written before. */
    out->pending = atomic_load(&engine->pulse.pending);
    out->stepping = atomic_load(&engine->pulse.stepping);
    out->failed = atomic_load(&engine->pulse.failed);
    out->steps = atomic_load(&engine->pulse.steps);
    out->slowest_step_ns = atomic_load(&engine->pulse.slowest_ns);
    uint64_t step =
        later(atomic_load(&engine->pulse.began_ns), atomic_load(&engine->pulse.ended_ns));
    out->beat_ns = later(step, atomic_load(&engine->pulse.idle_end_ns));
}

bool engine_failed(const struct engine *engine)
{
    return atomic_load(&engine->pulse.failed);
}

int32_t engine_max_logprobs(const struct engine *engine)
{
    return engine->options.max_logprobs;
}

bool engine_prefix_cache(const struct engine *engine)
{
    return engine->options.prefix_cache;
}
