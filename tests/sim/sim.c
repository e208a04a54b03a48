/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the real engine over a fake executor, a fake clock and one seed. Requests of every
 * kind arrive, alone and as siblings with one prompt; they are cancelled in every state; blocks and
 * memory are refused; steps fail. After every step the invariants of sim_check.c; for every request
 * that ends, that its text is what it would be alone (sim_alone.c).
 *
 * Usage: test_sim [--steps N] [--seed N]; OCTET_SIM_STEPS and OCTET_TEST_SEED set the same. A run
 * is made of episodes of a few hundred steps, each with an engine and a seed of its own, which is
 * printed when it fails: --steps 1 --seed THAT runs it alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "sim/sim.h"
#include "support/alloc_fail.h"

#define EPISODE_STEPS 400
#define SIBLINGS_MAX 4

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

/* ---- a request ---- */

/* Everything that a request's parameters point to. */
struct wish {
    struct sampling_params params;
    int32_t stop_ids[2], allowed[8], words[3][3], prompt[64];
    const int32_t *word_pointers[3];
    size_t word_lengths[3];
    struct logit_bias bias;
    int32_t prompt_count;
    uint64_t salt;
};

static void wish_sampling(struct sim *sim, struct sampling_params *params)
{
    sampling_params_init(params);
    params->max_tokens = one_in(sim, 10) ? -1 : below(sim, 40);
    params->temperature = one_in(sim, 3) ? 0 : 0.5 + below(sim, 10) / 5.0;
    if (one_in(sim, 3))
        params->top_k = 1 + below(sim, SIM_VOCAB);
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
    params->priority = below(sim, 5) - 2;
    if (one_in(sim, 4))
        params->logprobs = below(sim, 8);
    if (one_in(sim, 6))
        params->prompt_logprobs = below(sim, 8);
}

static void wish_lists(struct sim *sim, struct wish *wish)
{
    struct sampling_params *params = &wish->params;
    wish->stop_ids[0] = below(sim, SIM_VOCAB);
    wish->stop_ids[1] = below(sim, SIM_VOCAB);
    params->stop_token_ids = wish->stop_ids;
    params->stop_token_id_count = (size_t)below(sim, 3);
    wish->bias = (struct logit_bias){below(sim, SIM_VOCAB), (float)below(sim, 8) - 4};
    params->logit_bias = &wish->bias;
    params->logit_bias_count = one_in(sim, 5);
    if (one_in(sim, 8)) {
        for (int i = 0; i < 8; i++)
            wish->allowed[i] = below(sim, SIM_VOCAB);
        params->allowed_ids = wish->allowed;
        params->allowed_id_count = 8;
    }
    for (int w = 0; w < 3; w++) {
        for (int i = 0; i < 3; i++)
            wish->words[w][i] = below(sim, SIM_VOCAB);
        wish->word_pointers[w] = wish->words[w];
        wish->word_lengths[w] = 1 + (size_t)below(sim, 3);
    }
    params->bad_words = wish->word_pointers;
    params->bad_word_lengths = wish->word_lengths;
    params->bad_word_count = one_in(sim, 4) ? (size_t)below(sim, 4) : 0;
}

static void wish_prompt(struct sim *sim, struct wish *wish)
{
    /* Prompts begin alike, so that the prefix cache has something to find. */
    wish->prompt_count = 1 + below(sim, 48);
    int32_t shared = below(sim, wish->prompt_count + 1), family = below(sim, 3);
    for (int32_t i = 0; i < wish->prompt_count; i++)
        wish->prompt[i] = i < shared ? (i * 7 + family) % SIM_VOCAB : below(sim, SIM_VOCAB);
    wish->salt = (uint64_t)below(sim, 2);
}

static void cancel(struct sim *sim, struct sim_request *live)
{
    const struct request *request = live->request;
    const struct sequence *sequence = &request->sequence;
    struct sim_coverage *coverage = &sim->coverage;
    coverage->cancelled_new += !request->submitted;
    coverage->cancelled_finished += sequence->state == SEQUENCE_FINISHED;
    coverage->cancelled_queued += request->submitted && sequence->state <= SEQUENCE_WAITING;
    if (sequence->state == SEQUENCE_RUNNING && sequence->token_count - sequence->computed > 1)
        coverage->cancelled_prompt++;
    else
        coverage->cancelled_decoding += sequence->state == SEQUENCE_RUNNING;
    live->cancelled = true;
    engine_cancel(sim->engine, live->request);
}

static void count_finished(struct sim *sim, const struct request *request)
{
    const struct request_status *status = &request->status;
    struct sim_totals *totals = &sim->totals;
    struct sim_coverage *coverage = &sim->coverage;
    totals->finished[status->finish_reason]++;
    totals->generated_tokens += status->token_count;
    totals->preemptions += status->preemptions;
    if (request->sequence.reached >= request->sequence.prompt_count) {
        totals->prompt_tokens += (uint64_t)status->prompt_tokens;
        totals->cached_tokens += (uint64_t)status->cached_tokens;
    }
    coverage->stops += status->finish_reason == FINISH_STOP;
    coverage->lengths += status->finish_reason == FINISH_LENGTH;
    coverage->aborts += status->finish_reason == FINISH_ABORT;
    coverage->errors += status->finish_reason == FINISH_ERROR;
    coverage->tokens += status->token_count;
    coverage->preemptions += status->preemptions;
    coverage->cached_tokens += (uint64_t)status->cached_tokens;
}

static bool reap(struct sim *sim)
{
    for (int i = 0; i < sim->live_count;) {
        struct sim_request *live = &sim->live[i];
        struct request_status status;
        request_status(live->request, &status);
        if (status.finish_reason == FINISH_NONE) {
            i++;
            continue;
        }
        if (!sim_check_finished(sim, live))
            return false;
        count_finished(sim, live->request);
        if (one_in(sim, 30))
            cancel(sim, live); /* too late: nothing happens */
        request_release(live->request);
        *live = sim->live[--sim->live_count];
    }
    return true;
}

static bool one_step(struct sim *sim, bool *worked)
{
    const struct scheduler *scheduler = &sim->engine->scheduler;
    sim->was_running_count = scheduler->running_count;
    memcpy(sim->was_running, scheduler->running,
           (size_t)scheduler->running_count * sizeof *sim->was_running);
    struct octet_error err = {0};
    long outstanding = 0;
    sim->planned = false;
    sim->step_fails = sim->fake.fail_next > 0;
    alloc_fail_begin(0); /* a step needs no memory */
    octet_status status = engine_step(sim->engine, worked, &err);
    CHECK(!alloc_fail_end(&outstanding));
    sim->steps++;
    CHECK(sim->fake.complaint[0] == '\0');
    bool failed = sim->planned && sim->step_fails;
    CHECK(status == (failed ? OCTET_DEVICE : OCTET_OK));
    sim->totals.failed_steps += failed;
    if (sim->planned && sim->failures < ENGINE_FAILED_STEPS)
        sim->failures = failed ? sim->failures + 1 : 0;
    sim->coverage.shared_steps += scheduler->deferred_count > 0;
    sim->coverage.stolen_steps += sim->stolen_count > 0;
    return sim_check_step(sim) && reap(sim);
}

/* Whether the queue has room, by our own count. */
static bool queue_has_room(struct sim *sim, int32_t prompt_count)
{
    int64_t tokens = 0;
    int32_t unfinished = 0;
    for (int i = 0; i < sim->live_count; i++) {
        const struct request *request = sim->live[i].request;
        unfinished++;
        tokens += request->was_scheduled ? 0 : request->sequence.prompt_count;
    }
    return (sim->options.max_queued == 0 || unfinished < sim->options.max_queued) &&
           (sim->options.max_queued_tokens == 0 || tokens == 0 ||
            tokens + prompt_count <= sim->options.max_queued_tokens);
}

static bool submit(struct sim *sim, struct sim_request *live)
{
    struct octet_error err = {0};
    long outstanding = 0;
    if (one_in(sim, 50)) {
        bool worked = false;
        cancel(sim, live); /* it is with nobody yet */
        if (!one_step(sim, &worked))
            return false;
    }
    bool room = queue_has_room(sim, live->request->sequence.prompt_count);
    alloc_fail_begin(0); /* the queue needs no memory */
    octet_status status = engine_submit(sim->engine, live->request, &err);
    CHECK(!alloc_fail_end(&outstanding));
    if (status == OCTET_OK) {
        CHECK(room && !engine_failed(sim->engine));
        sim->coverage.requests++;
        sim->live[sim->live_count++] = *live;
        return true;
    }
    request_release(live->request);
    if (status == OCTET_DEVICE)
        CHECK(engine_failed(sim->engine));
    else
        CHECK(status == OCTET_LIMIT && !room && strstr(err.message, "the queue is full"));
    sim->coverage.refused_queue += status == OCTET_LIMIT;
    return true;
}

/* One request of this kind; sometimes it is refused memory on the way. */
static bool arrive_one(struct sim *sim, struct wish *wish)
{
    struct sim_request live = {.has_constraint = one_in(sim, 4), .salt = wish->salt};
    live.constraint_seed = rng_next_u64(&sim->rng);
    wish->params.constraint = NULL;
    if (live.has_constraint) {
        wish->params.constraint = fake_constraint_new(live.constraint_seed, SIM_VOCAB, SIM_EOS);
        CHECK(wish->params.constraint);
    }
    int before = fake_constraint_count();
    struct octet_error err = {0};
    long outstanding = 0;
    alloc_fail_begin(one_in(sim, 4) ? (size_t)below(sim, 20) : SIZE_MAX);
    octet_status status = request_new(sim->engine, wish->prompt, (size_t)wish->prompt_count,
                                      &wish->params, wish->salt, &live.request, &err);
    bool refused = alloc_fail_end(&outstanding);
    CHECK(refused == (status == OCTET_MEMORY));
    CHECK(fake_constraint_count() == before);
    if (status == OCTET_OK)
        return submit(sim, &live);
    CHECK(outstanding == 0 && !live.request);
    CHECK(refused || status == OCTET_LIMIT); /* longer than the context or the pool */
    constraint_free(wish->params.constraint);
    sim->coverage.refused_allocations += refused;
    return true;
}

static bool arrive(struct sim *sim)
{
    struct wish wish;
    wish_sampling(sim, &wish.params);
    wish_lists(sim, &wish);
    wish_prompt(sim, &wish);
    int32_t siblings = one_in(sim, 5) ? 2 + below(sim, SIBLINGS_MAX - 1) : 1;
    for (int32_t i = 0; i < siblings; i++) {
        wish.params.seed += (uint64_t)i;
        if (!arrive_one(sim, &wish))
            return false;
    }
    return true;
}

/* ---- a step ---- */

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

static bool random_step(struct sim *sim, int32_t busy)
{
    if (sim->live_count + SIBLINGS_MAX <= SIM_LIVE_MAX && one_in(sim, busy) && !arrive(sim))
        return false;
    if (sim->live_count > 0 && one_in(sim, 25))
        cancel(sim, &sim->live[below(sim, sim->live_count)]);
    if (one_in(sim, 20))
        steal(sim);
    if (one_in(sim, 400))
        sim->fake.fail_next = 1 + below(sim, ENGINE_FAILED_STEPS - 1);
    else if (one_in(sim, 20000))
        sim->fake.fail_next = ENGINE_FAILED_STEPS;
    else if (one_in(sim, 200))
        sim->fake.nan_row = below(sim, 4);
    sim->clock_ns += (uint64_t)below(sim, 2000000);
    bool worked = false;
    return one_step(sim, &worked);
}

/* ---- an episode: an engine of random size, driven, then run dry ---- */

static void random_options(struct sim *sim)
{
    struct engine_options *options = &sim->options;
    engine_options_init(options);
    options->max_num_seqs = 1 + below(sim, 12);
    options->max_num_batched_tokens = options->max_num_seqs + below(sim, 40);
    options->max_model_len = 16 + below(sim, 64);
    options->prefill_chunk = one_in(sim, 3) ? 1 + below(sim, 10) : 0;
    options->mixed_prefill_tokens = one_in(sim, 2) ? 1 + below(sim, 12) : 0;
    options->long_prefill_token_threshold = one_in(sim, 4) ? 1 + below(sim, 30) : 0;
    options->max_num_partial_prefills = one_in(sim, 4) ? 1 + below(sim, 4) : 0;
    options->max_long_partial_prefills = one_in(sim, 3) ? 1 + below(sim, 3) : 0;
    if (one_in(sim, 8)) {
        options->whole_prompts = true;
        options->max_num_batched_tokens += options->max_model_len;
    }
    options->priority_scheduling = one_in(sim, 3);
    options->max_queued = one_in(sim, 3) ? 1 + below(sim, 20) : 0;
    options->max_queued_tokens = one_in(sim, 3) ? 20 + below(sim, 200) : 0;
    options->queue_timeout_ns = one_in(sim, 3) ? 5000000 + (uint64_t)below(sim, 80000000) : 0;
    options->prefix_cache = !one_in(sim, 4);
    options->seed = rng_next_u64(&sim->rng);
    options->now_ns = fake_now;
    options->now_context = sim;
}

static bool open_engine(struct sim *sim)
{
    static const int32_t eos[] = {SIM_EOS};
    int32_t block_size = 1 + below(sim, 9), block_count = 8 + below(sim, 100);
    random_options(sim);
    sim->options.eos_ids = eos;
    sim->options.eos_id_count = 1;
    CHECK(fake_executor_init(&sim->fake, SIM_VOCAB, block_size, block_count,
                             sim->options.max_num_batched_tokens, sim->options.max_num_seqs,
                             sim->options.max_num_seqs + below(sim, 20)));
    sim->fake.on_step = sim_on_step;
    sim->fake.on_step_context = sim;
    struct executor executor = fake_executor_of(&sim->fake);
    struct octet_error err;
    /* Rarely, since waking threads takes longer than all else here. */
    sim->options.sampling_threads = one_in(sim, 100) ? 2 + below(sim, 2) : 0;
    CHECK(engine_new(&sim->options, &executor, &sim->engine, &err) == OCTET_OK);
    sim->engine->least_shared = 0;
    return true;
}

static bool run_dry(struct sim *sim)
{
    bool worked = true;
    while (sim->stolen_count > 0)
        kv_blocks_release(&sim->engine->pool, sim->stolen[--sim->stolen_count]);
    while (worked) {
        if (!one_step(sim, &worked))
            return false;
    }
    CHECK(sim->live_count == 0 && fake_constraint_count() == 0);
    CHECK(sim->engine->pool.free_count == sim->engine->pool.block_count);
    sim->coverage.engine_failures += engine_failed(sim->engine);
    return true;
}

static bool episode(struct sim *sim, uint64_t seed)
{
    sim->rng = (struct rng){.seed = seed, .stream = 7};
    sim->stolen_count = sim->live_count = sim->failures = 0;
    sim->engine = NULL;
    sim->totals = (struct sim_totals){0};
    int32_t busy = 1 + below(sim, 12);
    uint64_t first = sim->steps;
    bool ok = open_engine(sim);
    for (int i = 0; ok && i < EPISODE_STEPS; i++)
        ok = random_step(sim, busy);
    ok = ok && run_dry(sim);
    if (!ok)
        printf("FAILED: --seed %" PRIu64 ", step %" PRIu64 " of the episode: %s %s\n", seed,
               sim->steps - first, sim->failure ? sim->failure : "", sim->fake.complaint);
    for (int i = 0; i < sim->live_count; i++)
        request_release(sim->live[i].request);
    engine_free(sim->engine);
    fake_executor_free(&sim->fake);
    return ok;
}

/* ---- the run ---- */

/* Prints what was met; false when a run of some length never met something. */
static bool report(const struct sim *sim)
{
    const struct sim_coverage *c = &sim->coverage;
    const struct {
        const char *name;
        uint64_t count;
    } met[] = {{"requests", c->requests},
               {"tokens", c->tokens},
               {"ended by a stop token", c->stops},
               {"by length", c->lengths},
               {"cancelled", c->aborts},
               {"by an error", c->errors},
               {"preemptions", c->preemptions},
               {"tokens from the prefix cache", c->cached_tokens},
               {"steps in which somebody waited for another's prompt", c->shared_steps},
               {"steps that mixed prompts and decoding", c->mixed_steps},
               {"steps with blocks refused", c->stolen_steps},
               {"allocations refused", c->refused_allocations},
               {"submissions refused", c->refused_queue},
               {"queue time-outs", c->overdue},
               {"failed engines", c->engine_failures},
               {"draws under a constraint", c->constrained_draws},
               {"ends before min_tokens", c->ends_forced},
               {"cancels of new requests", c->cancelled_new},
               {"of queued ones", c->cancelled_queued},
               {"within a prompt", c->cancelled_prompt},
               {"while decoding", c->cancelled_decoding},
               {"after the end", c->cancelled_finished}};
    bool all = true;
    printf("sim: %" PRIu64 " steps", sim->steps);
    for (size_t i = 0; i < sizeof met / sizeof *met; i++) {
        printf("%s%" PRIu64 " %s", i % 4 ? ", " : ",\n  ", met[i].count, met[i].name);
        all = all && met[i].count > 0;
    }
    printf("\n");
    return all || sim->steps < 50000;
}

static uint64_t setting(const char *name, const char *text, uint64_t otherwise)
{
    int64_t value = 0;
    if (!text)
        text = getenv(name);
    return text && parse_int64(text, &value) && value >= 0 ? (uint64_t)value : otherwise;
}

static const char *argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], name))
            return argv[i + 1];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t steps = setting("OCTET_SIM_STEPS", argument(argc, argv, "--steps"), 60000);
    uint64_t seed = setting("OCTET_TEST_SEED", argument(argc, argv, "--seed"), 1);
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim || sampler_init(&sim->sampler, SIM_VOCAB, NULL) != OCTET_OK)
        return 1;
    bool ok = true;
    printf("sim: %" PRIu64 " steps from seed %" PRIu64 "\n", steps, seed);
    for (; ok && sim->steps < steps; seed++)
        ok = episode(sim, seed);
    ok = report(sim) && ok;
    sampler_free(&sim->sampler);
    free(sim);
    return ok ? 0 : 1;
}
