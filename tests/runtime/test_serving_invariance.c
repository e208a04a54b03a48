/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request gives the same tokens and the same log-probabilities, bit for bit, whatever the engine
 * does with it and with others: alone, in a mix, its prompt cut or cached, preempted, as one of
 * several choices, under a constraint. Through the demo model, from checkpoint to sampler.
 */
#include "base/rng.h"
#include "runtime/runtime.h"
#include "sim/fake_constraint.h"
#include "support/testing.h"

#define REQUESTS 10
#define PROMPT_MAX 200
#define OUTPUT_MAX 50
#define TOP 3
#define MODEL_LEN 256
#define BLOCK 16

struct wish {
    int32_t prompt[PROMPT_MAX], prompt_count;
    struct sampling_params params;
    bool constrained;
    uint64_t constraint_seed;
};

struct outcome {
    size_t count;
    enum finish_reason reason;
    int32_t ids[OUTPUT_MAX];
    float logprobs[OUTPUT_MAX];
    struct token_logprob top[OUTPUT_MAX][TOP];
    float prompt_logprobs[PROMPT_MAX];
};

static struct wish wishes[REQUESTS];
static struct outcome alone[REQUESTS];
static int32_t vocab_size, eos_id;

static uint64_t seed(void)
{
    const char *text = getenv("OCTET_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 20261125U;
}

/* Prompts of two families, so that prefixes are shared; the last three are choices of one. */
static void make_wishes(void)
{
    struct rng rng = {.seed = seed()};
    printf("OCTET_TEST_SEED=%llu\n", (unsigned long long)seed());
    for (int r = 0; r < REQUESTS; r++) {
        struct wish *wish = &wishes[r];
        bool sibling = r > REQUESTS - 3;
        /* Short ones, many of which run at once and grow, and a few long ones. */
        wish->prompt_count =
            r % 5 ? 20 + (int32_t)rng_below(&rng, 30) : 1 + (int32_t)rng_below(&rng, PROMPT_MAX);
        int32_t shared = (int32_t)rng_below(&rng, (uint64_t)wish->prompt_count);
        for (int32_t i = 0; i < wish->prompt_count; i++)
            wish->prompt[i] = i < shared ? (i * 31 + r % 2) % 4000 : (int32_t)rng_below(&rng, 4000);
        sampling_params_init(&wish->params);
        wish->params.temperature = r % 3 == 0 ? 0 : 0.8;
        wish->params.top_p = r % 4 == 1 ? 0.9 : 1;
        wish->params.top_k = r % 4 == 2 ? 40 : 0;
        wish->params.repetition_penalty = r % 5 == 3 ? 1.2 : 1;
        wish->params.has_seed = true;
        wish->params.seed = rng_next_u64(&rng);
        wish->params.max_tokens = 20 + (int32_t)rng_below(&rng, OUTPUT_MAX - 20);
        wish->params.ignore_eos = r % 2;
        wish->params.logprobs = TOP;
        wish->params.prompt_logprobs = r == 4 ? 0 : -1;
        wish->params.priority = r % 4;
        wish->constrained = r == 1 || r == 6;
        wish->constraint_seed = rng_next_u64(&rng);
        if (sibling) {
            uint64_t own = wish->params.seed;
            *wish = wishes[REQUESTS - 3];
            wish->params.seed = own;
            wish->params.temperature = 0.8;
        }
    }
}

static struct runtime *open_runtime(struct runtime_options *options)
{
    struct runtime *runtime = NULL;
    struct octet_error err;
    options->model_path = "models/demo";
    options->max_model_len = MODEL_LEN;
    options->block_size = BLOCK;
    options->threads = 2;
    if (runtime_open(options, NULL, &runtime, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    size_t count = 0;
    eos_id = runtime_eos_ids(runtime, &count)[0];
    vocab_size = (int32_t)runtime_get_plan(runtime)->config.vocab_size;
    return runtime;
}

static struct request *submit(struct runtime *runtime, const struct wish *wish)
{
    struct sampling_params params = wish->params;
    struct request *request = NULL;
    struct octet_error err;
    if (wish->constrained)
        params.constraint = fake_constraint_new(wish->constraint_seed, vocab_size, eos_id);
    if (request_new(runtime_engine(runtime), wish->prompt, (size_t)wish->prompt_count, &params, 0,
                    &request, &err) != OCTET_OK ||
        engine_submit(runtime_engine(runtime), request, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return request;
}

static void run_dry(struct runtime *runtime)
{
    bool worked = true;
    while (worked)
        assert_int_equal(runtime_step(runtime, &worked, NULL), OCTET_OK);
}

static void take(struct request *request, struct outcome *out)
{
    struct token_event events[OUTPUT_MAX];
    struct request_status status;
    memset(out, 0, sizeof *out);
    request_status(request, &status);
    out->reason = status.finish_reason;
    out->count = request_read(request, 0, events, OUTPUT_MAX);
    assert_int_equal(out->count, status.token_count);
    for (size_t i = 0; i < out->count; i++) {
        out->ids[i] = events[i].id;
        out->logprobs[i] = events[i].logprobs.logprob;
        memcpy(out->top[i], events[i].logprobs.top, sizeof out->top[i]);
    }
    size_t count = 0;
    const struct position_logprobs *scores = request_prompt_logprobs(request, &count);
    for (size_t i = 0; i < count; i++)
        out->prompt_logprobs[i] = scores[i].logprob;
    request_release(request);
}

static void compare(const char *name, int r, const struct outcome *outcome)
{
    if (memcmp(outcome, &alone[r], sizeof *outcome) != 0)
        fail_msg("%s: request %d differs from what it is alone (OCTET_TEST_SEED=%llu)", name, r,
                 (unsigned long long)seed());
}

static int run_alone(void **state)
{
    struct runtime_options options;
    (void)state;
    make_wishes();
    runtime_options_init(&options);
    options.disable_prefix_cache = true;
    struct runtime *runtime = open_runtime(&options);
    for (int r = 0; r < REQUESTS; r++) {
        struct request *request = submit(runtime, &wishes[r]);
        run_dry(runtime);
        take(request, &alone[r]);
        assert_true(alone[r].reason == FINISH_LENGTH || alone[r].reason == FINISH_STOP);
    }
    runtime_close(runtime);
    return 0;
}

/* All of them, `gap` steps between two arrivals, twice: the second time with a warm cache. */
static struct engine_stats run_together(const char *name, struct runtime_options *options, int gap)
{
    struct runtime *runtime = open_runtime(options);
    struct engine_stats stats;
    for (int round = 0; round < 2; round++) {
        struct request *requests[REQUESTS];
        for (int r = 0; r < REQUESTS; r++) {
            bool worked = false;
            requests[r] = submit(runtime, &wishes[r]);
            for (int i = 0; i < gap; i++)
                assert_int_equal(runtime_step(runtime, &worked, NULL), OCTET_OK);
        }
        run_dry(runtime);
        for (int r = 0; r < REQUESTS; r++) {
            struct outcome outcome;
            take(requests[r], &outcome);
            compare(name, r, &outcome);
        }
    }
    engine_stats(runtime_engine(runtime), &stats);
    assert_int_equal(stats.blocks_used, 0);
    runtime_close(runtime);
    return stats;
}

static void in_a_mix_and_cached(void **state)
{
    (void)state;
    struct runtime_options options;
    runtime_options_init(&options);
    struct engine_stats stats = run_together("all at once", &options, 0);
    assert_true(stats.prompt_tokens_cached > 0);
    run_together("one after another", &options, 2);
}

static void cut_and_capped(void **state)
{
    (void)state;
    struct runtime_options options;
    runtime_options_init(&options);
    options.mixed_prefill_tokens = 7;
    run_together("mixed steps of 7", &options, 3);
    options.mixed_prefill_tokens = 64;
    options.prefill_chunk = 33;
    options.max_num_partial_prefills = 2;
    options.priority_scheduling = true;
    run_together("chunks of 33, priorities", &options, 1);
    options.disable_chunked_prefill = true;
    run_together("whole prompts", &options, 1);
}

static void preempted(void **state)
{
    (void)state;
    struct runtime_options options;
    struct checkpoint *checkpoint = NULL;
    struct runtime_plan plan;
    runtime_options_init(&options);
    options.max_model_len = MODEL_LEN;
    options.block_size = BLOCK;
    assert_int_equal(checkpoint_open("models/demo", &checkpoint, NULL), OCTET_OK);
    assert_int_equal(runtime_plan_make(checkpoint, &options, &plan, NULL), OCTET_OK);
    checkpoint_close(checkpoint);
    options.kv_cache_memory_bytes = plan.kv_bytes_per_block * (MODEL_LEN / BLOCK);
    struct engine_stats stats = run_together("a pool of 16 blocks", &options, 0);
    uint64_t preemptions = stats.preemptions;
    options.disable_prefix_cache = true;
    stats = run_together("a pool of 16 blocks, no cache", &options, 0);
    assert_true(preemptions + stats.preemptions > 0);
    assert_int_equal(stats.prompt_tokens_cached, 0);
}

static void choices_of_one_prompt(void **state)
{
    (void)state;
    struct runtime_options options;
    struct request *requests[4];
    struct outcome outcomes[4];
    struct engine_stats stats;
    struct wish wish = wishes[REQUESTS - 3];
    wish.prompt_count = PROMPT_MAX;
    runtime_options_init(&options);
    struct runtime *runtime = open_runtime(&options);
    for (int i = 0; i < 4; i++) {
        wish.params.seed = 100 + (uint64_t)i;
        wish.params.temperature = 1;
        requests[i] = submit(runtime, &wish);
    }
    run_dry(runtime);
    engine_stats(runtime_engine(runtime), &stats);
    /* 200 tokens: 12 blocks of 16 once, and the last 8 by each. */
    assert_int_equal(stats.prompt_tokens_cached, 3 * 192);
    assert_int_equal(stats.prompt_tokens - stats.prompt_tokens_cached, 192 + 4 * 8);
    for (int i = 0; i < 4; i++)
        take(requests[i], &outcomes[i]);
    runtime_close(runtime);
    options.disable_prefix_cache = true;
    runtime = open_runtime(&options);
    for (int i = 0; i < 4; i++) {
        struct outcome outcome;
        wish.params.seed = 100 + (uint64_t)i;
        struct request *request = submit(runtime, &wish);
        run_dry(runtime);
        take(request, &outcome);
        assert_memory_equal(&outcome, &outcomes[i], sizeof outcome);
    }
    runtime_close(runtime);
    assert_int_equal(fake_constraint_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_mix_and_cached),
        cmocka_unit_test(cut_and_capped),
        cmocka_unit_test(preempted),
        cmocka_unit_test(choices_of_one_prompt),
    };
    return cmocka_run_group_tests(tests, run_alone, NULL);
}
