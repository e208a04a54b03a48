/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the real engine over a fake executor, a fake clock and one seed. Random arrivals,
 * cancellations, blocks that are refused, steps that fail; after every step the invariants below,
 * and for every request that ends, that its text is what it would be alone.
 *
 * Usage: test_sim [steps]; OCTET_SIM_STEPS and OCTET_TEST_SEED set both. An episode of a few
 * hundred steps has its own seed, which is printed when it fails: run with OCTET_TEST_SEED=that.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/rng.h"
#include "engine/engine_internal.h"
#include "sim/fake_executor.h"

#define VOCAB 40
#define EOS 3
#define MAX_LIVE 48
#define EPISODE_STEPS 400

struct sim {
    struct rng rng;
    uint64_t clock_ns;
    struct fake_executor fake;
    struct engine *engine;
    struct engine_options options;
    struct request *live[MAX_LIVE];
    bool cancelled[MAX_LIVE];
    int live_count;
    int32_t stolen[64];
    int stolen_count;
    bool failed_step; /* the present step was told to fail */
    uint64_t steps, requests, finished[FINISH_ERROR + 1], preemptions, cache_hits, tokens;
    const char *failure;
};

static uint64_t fake_now(void *context)
{
    struct sim *sim = context;
    return sim->clock_ns += 1000;
}

static int32_t below(struct sim *sim, int32_t bound)
{
    return (int32_t)rng_below(&sim->rng, (uint64_t)bound);
}

static bool one_in(struct sim *sim, int32_t n)
{
    return below(sim, n) == 0;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim->failure = #condition;                                                             \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* ---- what a request would be alone ---- */

static bool same_logprobs(const struct position_logprobs *a, const struct position_logprobs *b)
{
    return a->logprob == b->logprob && a->rank == b->rank && a->top_count == b->top_count &&
           memcmp(a->top, b->top, (size_t)a->top_count * sizeof *a->top) == 0;
}

static bool check_prompt_scores(struct sim *sim, struct request *request, struct sampler *sampler)
{
    size_t count = 0;
    const struct position_logprobs *got = request_prompt_logprobs(request, &count);
    if (!got)
        return true;
    struct token_logprob top[8];
    uint64_t fold = 0;
    float logits[VOCAB];
    for (size_t i = 0; i < count; i++) {
        fake_logits(fake_next_value(&fold, request->sequence.tokens[i], (int32_t)i), VOCAB, logits);
        struct position_logprobs expected = {.top = top};
        CHECK(sampler_logprobs(sampler, logits, request->sequence.tokens[i + 1],
                               request->params.prompt_logprobs, &expected, NULL) == OCTET_OK);
        CHECK(same_logprobs(&got[i], &expected));
    }
    return true;
}

/* Generate again by the definition, and compare token by token. */
static bool check_alone(struct sim *sim, struct request *request, struct sampler *sampler)
{
    const struct sequence *sequence = &request->sequence;
    struct request_status status;
    request_status(request, &status);
    struct token_counts counts = {0};
    if (request->has_counts)
        CHECK(token_counts_init(&counts, VOCAB, NULL) == OCTET_OK);
    uint64_t fold = 0, value = 0;
    for (int32_t i = 0; i < sequence->prompt_count; i++) {
        value = fake_next_value(&fold, sequence->tokens[i], i);
        if (request->has_counts)
            token_counts_add(&counts, sequence->tokens[i], false);
    }
    bool same = true;
    for (size_t n = 0; n < status.token_count && same; n++) {
        float logits[VOCAB];
        struct token_logprob top[8];
        struct position_logprobs expected = {.top = top};
        int32_t id = -1;
        fake_logits(value, VOCAB, logits);
        const struct sample_input input = {.logits = logits,
                                           .params = &request->params,
                                           .counts = request->has_counts ? &counts : NULL,
                                           .allowed_bits = request->allowed_bits,
                                           .masked_ids = request->masked_ids,
                                           .masked_id_count = request->masked_id_count,
                                           .seed = request->seed,
                                           .draw = n};
        struct token_event event;
        same = sampler_sample(sampler, &input, &id, request->logprobs ? &expected : NULL, NULL) ==
                   OCTET_OK &&
               request_read(request, n, &event, 1) == 1 && event.id == id &&
               (!event.has_logprobs || same_logprobs(&event.logprobs, &expected));
        if (request->has_counts)
            token_counts_add(&counts, id, true);
        value = fake_next_value(&fold, id, sequence->prompt_count + (int32_t)n);
    }
    token_counts_free(&counts);
    CHECK(same);
    return check_prompt_scores(sim, request, sampler);
}

static bool is_stop(const struct request *request, int32_t id)
{
    for (size_t i = 0; i < request->stop_id_count; i++) {
        if (request->stop_ids[i] == id)
            return true;
    }
    return false;
}

/* The end is where it has to be, and for the reason given. */
static bool check_end(struct sim *sim, struct request *request, bool was_cancelled)
{
    const struct sequence *sequence = &request->sequence;
    struct request_status status;
    request_status(request, &status);
    int32_t room = request_output_room(request);
    int32_t count = (int32_t)status.token_count;
    CHECK(sequence->state == SEQUENCE_FINISHED && sequence->block_count == 0);
    CHECK(count <= room);
    for (int32_t i = 0; i < count; i++) {
        bool stop = is_stop(request, sequence->tokens[sequence->prompt_count + i]);
        bool last = status.finish_reason == FINISH_STOP && i == count - 1;
        CHECK(stop == last);
        CHECK(!stop || i >= request->params.min_tokens);
    }
    if (status.finish_reason == FINISH_LENGTH)
        CHECK(count == room);
    if (status.finish_reason == FINISH_ABORT)
        CHECK(was_cancelled);
    if (status.finish_reason == FINISH_ERROR)
        CHECK(request_error(request)[0] != '\0');
    else
        CHECK(status.submitted_ns < status.finished_ns);
    return true;
}

/* ---- invariants of the whole ---- */

static bool check_pool(struct sim *sim)
{
    struct engine *engine = sim->engine;
    const struct kv_blocks *pool = &engine->pool;
    int32_t uses[256] = {0};
    for (int32_t i = 0; i < engine->scheduler.running_count; i++) {
        const struct sequence *sequence = engine->scheduler.running[i];
        for (int32_t b = 0; b < sequence->block_count; b++)
            uses[sequence->blocks[b]]++;
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
    CHECK(scheduler->running_count <= scheduler->limits.max_num_seqs);
    for (int32_t i = 0; i < scheduler->running_count; i++) {
        const struct sequence *sequence = scheduler->running[i];
        CHECK(sequence->state == SEQUENCE_RUNNING);
        CHECK(i == 0 || sequence_before(scheduler->running[i - 1], sequence));
        CHECK(sequence->computed < sequence->token_count);
        CHECK(sequence->block_count * sim->engine->pool.block_size >= sequence->computed);
    }
    const struct sequence *last = NULL;
    int32_t waiting = 0;
    for (const struct sequence *s = scheduler->waiting_head; s; s = s->next) {
        CHECK(s->state == SEQUENCE_WAITING && s->block_count == 0 && s->computed == 0);
        CHECK(!last || sequence_before(last, s));
        last = s;
        waiting++;
    }
    CHECK(waiting == scheduler->waiting_count);
    return true;
}

/* first: the earliest request that was unfinished before the step, or NULL. */
static bool check_plan(struct sim *sim, const struct sequence *first)
{
    const struct engine *engine = sim->engine;
    const struct scheduler_limits *limits = &engine->scheduler.limits;
    const struct plan *plan = &engine->plan;
    int32_t tokens = 0, rows = 0;
    bool first_served = false;
    for (int32_t i = 0; i < plan->entry_count; i++) {
        const struct plan_entry *entry = &plan->entries[i];
        tokens += entry->count;
        rows += entry->row_count;
        CHECK(entry->count > 0 && entry->row_count >= 0 && entry->row_count <= entry->count);
        CHECK(limits->prefill_chunk == 0 || entry->count <= limits->prefill_chunk);
        first_served |= entry->sequence == first;
    }
    CHECK(plan->entry_count <= limits->max_num_seqs);
    CHECK(tokens == plan->token_count && tokens <= limits->max_num_batched_tokens);
    CHECK(rows == plan->row_count && rows <= limits->max_logit_rows);
    /* Nobody starves: the earliest goes on in every step, unless blocks are held elsewhere or it
     * waits for what another one computes. */
    CHECK(!first || first_served || sim->stolen_count > 0 ||
          (first->state == SEQUENCE_WAITING && engine->scheduler.running_count > 0));
    return true;
}

/* Everybody who is still running took part in the step, unless preempted and admitted since. */
static bool check_progress(struct sim *sim, const int32_t *before,
                           const struct sequence *const *who, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        bool still = false;
        for (int32_t j = 0; j < sim->engine->scheduler.running_count; j++)
            still |= sim->engine->scheduler.running[j] == who[i];
        if (still && !sim->failed_step)
            CHECK(who[i]->computed > before[i] || who[i]->preemptions > 0);
    }
    return true;
}

/* ---- one random step ---- */

static void random_params(struct sim *sim, struct sampling_params *params, int32_t stop_ids[2],
                          struct logit_bias *bias, int32_t allowed[8])
{
    sampling_params_init(params);
    params->max_tokens = one_in(sim, 10) ? -1 : below(sim, 40);
    params->temperature = one_in(sim, 3) ? 0 : 0.5 + below(sim, 10) / 5.0;
    if (one_in(sim, 3))
        params->top_k = 1 + below(sim, VOCAB);
    if (one_in(sim, 3))
        params->top_p = 0.1 + below(sim, 9) / 10.0;
    if (one_in(sim, 4))
        params->min_p = below(sim, 10) / 20.0;
    if (one_in(sim, 4))
        params->repetition_penalty = 0.8 + below(sim, 8) / 10.0;
    if (one_in(sim, 4))
        params->frequency_penalty = below(sim, 8) / 4.0 - 1;
    if (one_in(sim, 4))
        params->presence_penalty = below(sim, 8) / 4.0 - 1;
    if (one_in(sim, 5) && params->max_tokens > 0)
        params->min_tokens = below(sim, params->max_tokens);
    params->has_seed = one_in(sim, 2);
    params->seed = rng_next_u64(&sim->rng);
    params->ignore_eos = one_in(sim, 3);
    stop_ids[0] = below(sim, VOCAB);
    stop_ids[1] = below(sim, VOCAB);
    params->stop_token_ids = stop_ids;
    params->stop_token_id_count = (size_t)below(sim, 3);
    *bias = (struct logit_bias){below(sim, VOCAB), (float)below(sim, 8) - 4};
    params->logit_bias = bias;
    params->logit_bias_count = one_in(sim, 5);
    if (one_in(sim, 8)) {
        for (int i = 0; i < 8; i++)
            allowed[i] = below(sim, VOCAB);
        params->allowed_ids = allowed;
        params->allowed_id_count = 8;
    }
    if (one_in(sim, 4))
        params->logprobs = below(sim, 8);
    if (one_in(sim, 6))
        params->prompt_logprobs = below(sim, 8);
}

static bool arrive(struct sim *sim)
{
    struct sampling_params params;
    int32_t stop_ids[2], allowed[8], prompt[64];
    struct logit_bias bias;
    random_params(sim, &params, stop_ids, &bias, allowed);
    /* Prompts begin alike, so that the prefix cache has something to find. */
    int32_t count = 1 + below(sim, 48), shared = below(sim, count + 1), family = below(sim, 3);
    for (int32_t i = 0; i < count; i++)
        prompt[i] = i < shared ? (i * 7 + family) % VOCAB : below(sim, VOCAB);
    struct request *request = NULL;
    struct octet_error err;
    octet_status status = request_new(sim->engine, prompt, (size_t)count, &params,
                                      (uint64_t)below(sim, 2), &request, &err);
    if (status != OCTET_OK) {
        CHECK(status == OCTET_LIMIT); /* longer than the context or the pool */
        return true;
    }
    if (engine_submit(sim->engine, request, &err) != OCTET_OK) {
        request_release(request);
        CHECK(err.status == OCTET_LIMIT && sim->options.max_queued > 0);
        return true;
    }
    sim->requests++;
    sim->cancelled[sim->live_count] = false;
    sim->live[sim->live_count++] = request;
    return true;
}

/* Somebody else takes blocks, so that the engine is refused; or gives them back. */
static void steal(struct sim *sim)
{
    while (sim->stolen_count > 0)
        kv_blocks_release(&sim->engine->pool, sim->stolen[--sim->stolen_count]);
    if (!one_in(sim, 3))
        return;
    int32_t want = below(sim, 32);
    while (want-- > 0) {
        int32_t block = kv_blocks_take(&sim->engine->pool);
        if (block == KV_NO_BLOCK)
            return;
        sim->stolen[sim->stolen_count++] = block;
    }
}

static bool reap(struct sim *sim, struct sampler *sampler)
{
    for (int i = 0; i < sim->live_count;) {
        struct request_status status;
        request_status(sim->live[i], &status);
        if (status.finish_reason == FINISH_NONE) {
            i++;
            continue;
        }
        if (!check_end(sim, sim->live[i], sim->cancelled[i]) ||
            !check_alone(sim, sim->live[i], sampler))
            return false;
        sim->finished[status.finish_reason]++;
        sim->tokens += status.token_count;
        sim->preemptions += status.preemptions;
        sim->cache_hits += (uint64_t)status.cached_tokens;
        request_release(sim->live[i]);
        sim->live_count--;
        sim->live[i] = sim->live[sim->live_count];
        sim->cancelled[i] = sim->cancelled[sim->live_count];
    }
    return true;
}

static bool one_step(struct sim *sim, struct sampler *sampler, bool *worked)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    const struct sequence *running[32], *first = NULL;
    int32_t computed[32], count = scheduler->running_count;
    for (int32_t i = 0; i < count; i++) {
        running[i] = scheduler->running[i];
        computed[i] = running[i]->computed;
    }
    for (int i = 0; i < sim->live_count; i++) {
        if (!sim->cancelled[i] && (!first || sim->live[i]->sequence.arrival < first->arrival))
            first = &sim->live[i]->sequence;
    }
    struct octet_error err = {0};
    octet_status status = engine_step(sim->engine, worked, &err);
    sim->steps++;
    CHECK(sim->fake.complaint[0] == '\0');
    CHECK(status == OCTET_OK || (sim->failed_step && err.status == OCTET_DEVICE));
    if (!check_pool(sim) || !check_lists(sim) || !check_plan(sim, first) ||
        !check_progress(sim, computed, running, count))
        return false;
    sim->failed_step = sim->fake.fail_next;
    return reap(sim, sampler);
}

static bool random_step(struct sim *sim, struct sampler *sampler, int32_t busy)
{
    if (sim->live_count < MAX_LIVE && one_in(sim, busy) && !arrive(sim))
        return false;
    if (sim->live_count > 0 && one_in(sim, 25)) {
        int victim = below(sim, sim->live_count);
        sim->cancelled[victim] = true;
        engine_cancel(sim->engine, sim->live[victim]);
    }
    if (one_in(sim, 20))
        steal(sim);
    if (one_in(sim, 400))
        sim->fake.fail_next = sim->failed_step = true;
    else if (one_in(sim, 200))
        sim->fake.nan_row = below(sim, 4);
    bool worked = false;
    return one_step(sim, sampler, &worked);
}

/* ---- an episode: an engine of random size, driven, then run dry ---- */

static bool open_engine(struct sim *sim)
{
    int32_t block_size = 1 + below(sim, 9), block_count = 8 + below(sim, 100);
    engine_options_init(&sim->options);
    sim->options.max_num_seqs = 1 + below(sim, 12);
    sim->options.max_num_batched_tokens = sim->options.max_num_seqs + below(sim, 40);
    sim->options.max_model_len = 16 + below(sim, 64);
    sim->options.prefill_chunk = one_in(sim, 3) ? 1 + below(sim, 10) : 0;
    sim->options.max_queued = one_in(sim, 3) ? 1 + below(sim, 20) : 0;
    sim->options.prefix_cache = !one_in(sim, 4);
    sim->options.seed = rng_next_u64(&sim->rng);
    const int32_t eos[] = {EOS};
    sim->options.eos_ids = eos;
    sim->options.eos_id_count = 1;
    sim->options.now_ns = fake_now;
    sim->options.now_context = sim;
    CHECK(fake_executor_init(&sim->fake, VOCAB, block_size, block_count,
                             sim->options.max_num_batched_tokens, sim->options.max_num_seqs,
                             sim->options.max_num_seqs + below(sim, 20)));
    struct executor executor = fake_executor_of(&sim->fake);
    struct octet_error err;
    CHECK(engine_new(&sim->options, &executor, &sim->engine, &err) == OCTET_OK);
    return true;
}

static bool run_dry(struct sim *sim, struct sampler *sampler)
{
    bool worked = true;
    while (sim->stolen_count > 0)
        kv_blocks_release(&sim->engine->pool, sim->stolen[--sim->stolen_count]);
    while (worked) {
        if (!one_step(sim, sampler, &worked))
            return false;
    }
    CHECK(sim->live_count == 0);
    CHECK(sim->engine->pool.free_count == sim->engine->pool.block_count);
    struct engine_stats stats;
    engine_stats(sim->engine, &stats);
    CHECK(stats.running == 0 && stats.waiting == 0 && stats.blocks_used == 0);
    return true;
}

static bool episode(struct sim *sim, uint64_t seed, struct sampler *sampler)
{
    sim->rng = (struct rng){.seed = seed, .stream = 7};
    sim->stolen_count = sim->live_count = 0;
    sim->failed_step = false;
    sim->engine = NULL;
    int32_t busy = 1 + below(sim, 12);
    bool ok = open_engine(sim);
    for (int i = 0; ok && i < EPISODE_STEPS; i++)
        ok = random_step(sim, sampler, busy);
    ok = ok && run_dry(sim, sampler);
    if (!ok)
        printf("FAILED: seed %" PRIu64 ": %s %s\n", seed, sim->failure ? sim->failure : "",
               sim->fake.complaint);
    for (int i = 0; i < sim->live_count; i++)
        request_release(sim->live[i]);
    engine_free(sim->engine);
    fake_executor_free(&sim->fake);
    return ok;
}

static uint64_t setting(const char *name, const char *text, uint64_t otherwise)
{
    int64_t value = 0;
    if (!text)
        text = getenv(name);
    return text && parse_int64(text, &value) && value >= 0 ? (uint64_t)value : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t steps = setting("OCTET_SIM_STEPS", argc > 1 ? argv[1] : NULL, 20000);
    uint64_t seed = setting("OCTET_TEST_SEED", NULL, 1);
    struct sim *sim = calloc(1, sizeof *sim);
    struct sampler sampler;
    if (!sim || sampler_init(&sampler, VOCAB, NULL) != OCTET_OK)
        return 1;
    bool ok = true;
    printf("sim: %" PRIu64 " steps from seed %" PRIu64 "\n", steps, seed);
    for (; ok && sim->steps < steps; seed++)
        ok = episode(sim, seed, &sampler);
    printf("sim: %" PRIu64 " steps, %" PRIu64 " requests, %" PRIu64 " tokens, %" PRIu64
           " preemptions, %" PRIu64 " tokens from the cache; stop %" PRIu64 ", length %" PRIu64
           ", abort %" PRIu64 ", error %" PRIu64 "\n",
           sim->steps, sim->requests, sim->tokens, sim->preemptions, sim->cache_hits,
           sim->finished[FINISH_STOP], sim->finished[FINISH_LENGTH], sim->finished[FINISH_ABORT],
           sim->finished[FINISH_ERROR]);
    /* A run that never met one of these proves little. */
    if (ok && steps >= 20000)
        ok = sim->preemptions > 0 && sim->cache_hits > 0 && sim->finished[FINISH_ERROR] > 0 &&
             sim->finished[FINISH_ABORT] > 0;
    sampler_free(&sampler);
    free(sim);
    return ok ? 0 : 1;
}
