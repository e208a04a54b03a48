/* SPDX-License-Identifier: Apache-2.0 */
/* The engine over the fake executor: how requests end, what they report, what is refused. */
#include "engine/engine_world.h"

#include <math.h>

#include "support/alloc_fail.h"

static void ends_by_length(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct token_event events[16];
    int32_t expected[10];
    open_world(&world, 32);
    start(&world);
    greedy(&params, 10);
    struct request *request = submit(&world, prompt, 7, &params);
    assert_int_equal(status_of(request).finish_reason, FINISH_NONE);
    run_dry(&world);
    struct request_status status = status_of(request);
    assert_int_equal(status.finish_reason, FINISH_LENGTH);
    assert_int_equal(status.token_count, 10);
    assert_int_equal(status.stop_token, -1);
    assert_true(status.submitted_ns <= status.scheduled_ns &&
                status.scheduled_ns <= status.first_token_ns &&
                status.first_token_ns <= status.last_token_ns &&
                status.last_token_ns <= status.finished_ns);
    expect_greedy(prompt, 7, expected, 10);
    assert_int_equal(request_read(request, 0, events, 16), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(events[i].id, expected[i]);
    assert_int_equal(request_read(request, 8, events, 16), 2);
    assert_int_equal(events[0].id, expected[8]);
    assert_int_equal(request_read(request, 10, events, 16), 0);
    request_release(request);
    close_world(&world);
}

static void ends_at_the_end_of_the_context(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    open_world(&world, 32);
    start(&world);
    greedy(&params, -1);
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    assert_int_equal(status_of(request).finish_reason, FINISH_LENGTH);
    assert_int_equal(status_of(request).token_count, 64 - 7);
    request_release(request);
    close_world(&world);
}

static void ends_by_a_stop_token(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    int32_t expected[20];
    expect_greedy(prompt, 7, expected, 20);
    for (int which = 0; which < 3; which++) {
        open_world(&world, 32);
        world.options.eos_ids = &expected[4];
        world.options.eos_id_count = which == 0 || which == 2;
        start(&world);
        greedy(&params, 20);
        if (which == 1) {
            params.stop_token_ids = &expected[4];
            params.stop_token_id_count = 1;
        }
        params.ignore_eos = which == 2;
        struct request *request = submit(&world, prompt, 7, &params);
        run_dry(&world);
        struct request_status status = status_of(request);
        size_t first = 0;
        while (expected[first] != expected[4])
            first++;
        assert_int_equal(status.finish_reason, which == 2 ? FINISH_LENGTH : FINISH_STOP);
        assert_int_equal(status.stop_token, which == 2 ? -1 : expected[4]);
        assert_int_equal(status.token_count, which == 2 ? 20 : first + 1);
        request_release(request);
        close_world(&world);
    }
}

static void max_tokens_zero_scores_only(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    size_t count = 0;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 0);
    params.prompt_logprobs = 3;
    struct request *request = submit(&world, prompt, 7, &params);
    assert_null(request_prompt_logprobs(request, &count));
    run_dry(&world);
    assert_int_equal(status_of(request).finish_reason, FINISH_LENGTH);
    assert_int_equal(status_of(request).token_count, 0);
    const struct position_logprobs *scores = request_prompt_logprobs(request, &count);
    assert_int_equal(count, 6);
    uint64_t fold = 0;
    for (int32_t i = 0; i < 6; i++) {
        float logits[VOCAB];
        double sum = 0;
        fake_logits(fake_next_value(&fold, prompt[i], i), VOCAB, logits);
        for (int j = 0; j < VOCAB; j++)
            sum += exp((double)logits[j]);
        double expected = (double)logits[prompt[i + 1]] - log(sum);
        assert_true(fabs((double)scores[i].logprob - expected) < 1e-5);
        assert_int_equal(scores[i].top_count, 3);
        assert_true(scores[i].top[0].logprob >= scores[i].top[2].logprob);
    }
    request_release(request);
    close_world(&world);
}

static void prompts_that_cannot_be_served_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *request = NULL;
    struct octet_error err;
    int32_t ids[100] = {0};
    open_world(&world, 10);
    start(&world);
    greedy(&params, -1);
    assert_int_equal(request_new(world.engine, ids, 64, &params, 0, &request, &err), OCTET_LIMIT);
    assert_contains(err.message, "This model's maximum context length is 64 tokens. However, your "
                                 "request has 64 input tokens.");
    assert_null(request);
    assert_int_equal(request_new(world.engine, ids, 41, &params, 0, &request, &err), OCTET_LIMIT);
    assert_contains(err.message, "KV blocks");
    assert_int_equal(request_new(world.engine, ids, 0, &params, 0, &request, &err), OCTET_USAGE);
    ids[3] = VOCAB;
    assert_int_equal(request_new(world.engine, ids, 5, &params, 0, &request, &err), OCTET_USAGE);
    assert_contains(err.message, "prompt token 3 is 40");
    params.temperature = -1;
    assert_int_equal(request_new(world.engine, ids, 2, &params, 0, &request, &err), OCTET_USAGE);
    close_world(&world);
}

static void a_pool_that_is_too_small_ends_the_request(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    int32_t expected[40];
    struct token_event event;
    open_world(&world, 5); /* 20 positions */
    start(&world);
    greedy(&params, -1);
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    struct request_status status = status_of(request);
    assert_int_equal(status.finish_reason, FINISH_ERROR);
    assert_int_equal(status.error, OCTET_LIMIT);
    assert_contains(request_error(request), "20 positions");
    assert_int_equal(status.token_count, 14); /* the last one needs no position of its own */
    expect_greedy(prompt, 7, expected, 14);
    assert_int_equal(request_read(request, 13, &event, 1), 1);
    assert_int_equal(event.id, expected[13]);
    request_release(request);
    close_world(&world);
}

static void nan_ends_one_request_and_no_other(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 5);
    struct request *first = submit(&world, prompt, 7, &params);
    struct request *second = submit(&world, prompt + 1, 6, &params);
    world.fake.nan_row = 0;
    run_dry(&world);
    assert_int_equal(status_of(first).finish_reason, FINISH_ERROR);
    assert_int_equal(status_of(first).error, OCTET_DEVICE);
    assert_contains(request_error(first), "NaN");
    assert_int_equal(status_of(second).finish_reason, FINISH_LENGTH);
    assert_int_equal(status_of(second).token_count, 5);
    request_release(first);
    request_release(second);
    close_world(&world);
}

static void a_failing_step_ends_its_requests(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    bool worked = false;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 5);
    struct request *first = submit(&world, prompt, 7, &params);
    world.fake.fail_next = 1;
    assert_int_equal(engine_step(world.engine, &worked, &err), OCTET_DEVICE);
    assert_true(worked);
    assert_int_equal(status_of(first).finish_reason, FINISH_ERROR);
    assert_contains(request_error(first), "told to fail");
    struct request *second = submit(&world, prompt, 7, &params);
    run_dry(&world);
    assert_int_equal(status_of(second).finish_reason, FINISH_LENGTH);
    request_release(first);
    request_release(second);
    close_world(&world);
}

static void cancels_queued_and_running(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *requests[6];
    bool worked = false;
    open_world(&world, 64);
    start(&world);
    greedy(&params, 30);
    for (int i = 0; i < 6; i++)
        requests[i] = submit(&world, prompt, 7, &params);
    for (int i = 0; i < 5; i++)
        assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    struct engine_stats stats;
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.running, 4);
    assert_int_equal(stats.waiting, 2);
    engine_cancel(world.engine, requests[1]);
    engine_cancel(world.engine, requests[4]);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(status_of(requests[1]).finish_reason, FINISH_ABORT);
    assert_int_equal(status_of(requests[4]).finish_reason, FINISH_ABORT);
    assert_int_equal(status_of(requests[4]).token_count, 0);
    run_dry(&world);
    engine_cancel(world.engine, requests[0]); /* too late: nothing changes */
    run_dry(&world);
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.finished[FINISH_ABORT], 2);
    assert_int_equal(stats.finished[FINISH_LENGTH], 4);
    assert_int_equal(stats.generated_tokens, 4 * 30 + status_of(requests[1]).token_count);
    assert_int_equal(stats.blocks_used, 0);
    for (int i = 0; i < 6; i++)
        request_release(requests[i]);
    close_world(&world);
}

/* Alone, side by side, and preempted: the same text. */
static void preemption_changes_nothing(void **state)
{
    (void)state;
    int32_t alone[4][40];
    uint64_t preemptions = 0;
    for (int round = 0; round < 2; round++) {
        struct world world;
        struct sampling_params params;
        struct request *requests[4];
        open_world(&world, round == 0 ? 100 : 18);
        start(&world);
        sampling_params_init(&params);
        params.max_tokens = 40;
        params.has_seed = true;
        params.repetition_penalty = 1.3;
        params.frequency_penalty = 0.2;
        for (int i = 0; i < 4; i++) {
            params.seed = (uint64_t)i;
            requests[i] = submit(&world, prompt + i, 3, &params);
            if (round == 0)
                run_dry(&world);
        }
        run_dry(&world);
        for (int i = 0; i < 4; i++) {
            struct token_event events[40];
            assert_int_equal(request_read(requests[i], 0, events, 40), 40);
            for (int t = 0; t < 40; t++) {
                if (round == 0)
                    alone[i][t] = events[t].id;
                else
                    assert_int_equal(events[t].id, alone[i][t]);
            }
            preemptions += status_of(requests[i]).preemptions;
            request_release(requests[i]);
        }
        close_world(&world);
    }
    assert_true(preemptions > 0);
}

static void the_queue_has_a_limit(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    struct request *requests[2], *third = NULL;
    open_world(&world, 32);
    world.options.max_queued = 2;
    start(&world);
    greedy(&params, 3);
    for (int i = 0; i < 2; i++)
        requests[i] = submit(&world, prompt, 7, &params);
    assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &third, &err), OCTET_OK);
    assert_int_equal(engine_submit(world.engine, third, &err), OCTET_LIMIT);
    assert_int_equal(engine_submit(world.engine, requests[0], &err), OCTET_STATE);
    run_dry(&world);
    assert_int_equal(engine_submit(world.engine, third, &err), OCTET_OK);
    run_dry(&world);
    assert_int_equal(status_of(third).finish_reason, FINISH_LENGTH);
    request_release(requests[0]);
    request_release(requests[1]);
    request_release(third);
    close_world(&world);
}

static bool compare_row(void *context, size_t position, const float *logits)
{
    uint64_t *fold = context;
    float expected[VOCAB];
    fake_logits(fake_next_value(fold, (int32_t)(position * 3 % VOCAB), (int32_t)position), VOCAB,
                expected);
    assert_memory_equal(logits, expected, sizeof expected);
    return true;
}

static bool stop_row(void *context, size_t position, const float *logits)
{
    (void)context;
    (void)logits;
    return position < 3;
}

static void logits_of_every_position(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    int32_t ids[64];
    uint64_t fold = 0;
    open_world(&world, 16);
    start(&world);
    for (int i = 0; i < 64; i++)
        ids[i] = i * 3 % VOCAB;
    assert_int_equal(engine_logits(world.engine, ids, 64, compare_row, &fold, &err), OCTET_OK);
    assert_int_equal(engine_logits(world.engine, ids, 64, stop_row, NULL, &err), OCTET_CANCELLED);
    assert_int_equal(world.engine->pool.free_count, 16);
    greedy(&params, 3);
    struct request *request = submit(&world, prompt, 7, &params);
    assert_int_equal(engine_logits(world.engine, ids, 64, compare_row, &fold, &err), OCTET_STATE);
    run_dry(&world);
    assert_int_equal(status_of(request).finish_reason, FINISH_LENGTH);
    request_release(request);
    close_world(&world);
}

static void freeing_the_engine_ends_what_is_left(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    bool worked = false;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 30);
    struct request *running = submit(&world, prompt, 7, &params);
    engine_step(world.engine, &worked, NULL);
    struct request *queued = submit(&world, prompt, 7, &params);
    close_world(&world);
    assert_int_equal(status_of(running).finish_reason, FINISH_ABORT);
    assert_int_equal(status_of(queued).finish_reason, FINISH_ABORT);
    request_release(running);
    request_release(queued);
}

static void options_that_cannot_work_are_refused(void **state)
{
    (void)state;
    struct world world;
    struct octet_error err;
    const int32_t eos = VOCAB;
    open_world(&world, 32);
    const struct executor executor = fake_executor_of(&world.fake);
    world.options.max_num_seqs = 5;
    assert_int_equal(engine_new(&world.options, &executor, &world.engine, &err), OCTET_USAGE);
    assert_contains(err.message, "max_num_seqs 5");
    world.options.max_num_seqs = 4;
    world.options.max_num_batched_tokens = 3;
    assert_int_equal(engine_new(&world.options, &executor, &world.engine, &err), OCTET_USAGE);
    world.options.max_num_batched_tokens = 16;
    world.options.eos_ids = &eos;
    world.options.eos_id_count = 1;
    assert_int_equal(engine_new(&world.options, &executor, &world.engine, &err), OCTET_INPUT);
    assert_contains(err.message, "end-of-text id 40");
    assert_null(world.engine);
    close_world(&world);
}

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *requests[3];
    long outstanding = 0;
    open_world(&world, 12); /* small: preemption is part of it */
    start(&world);
    sampling_params_init(&params);
    params.max_tokens = 25;
    params.top_p = 0.9;
    params.top_k = 11;
    params.repetition_penalty = 1.1;
    params.logprobs = 5;
    params.prompt_logprobs = 2;
    for (int i = 0; i < 3; i++)
        requests[i] = submit(&world, prompt + i, 4, &params);
    alloc_fail_begin(0);
    bool worked = true;
    while (worked)
        assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_false(alloc_fail_end(&outstanding));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(status_of(requests[i]).token_count, 25);
        request_release(requests[i]);
    }
    close_world(&world);
}

/* Open an engine and serve a request that uses every array; NULL error means it worked. */
static octet_status scenario(struct world *world, struct octet_error *err)
{
    const int32_t stops[] = {1}, allowed[] = {1, 2, 3, 4, 5, 6};
    const struct logit_bias bias = {2, 1};
    const struct executor executor = fake_executor_of(&world->fake);
    struct sampling_params params;
    struct request *request = NULL;
    sampling_params_init(&params);
    params.max_tokens = 4;
    params.logprobs = params.prompt_logprobs = 2;
    params.presence_penalty = 0.5;
    params.stop_token_ids = stops;
    params.stop_token_id_count = 1;
    params.allowed_ids = allowed;
    params.allowed_id_count = 6;
    params.logit_bias = &bias;
    params.logit_bias_count = 1;
    octet_status status = engine_new(&world->options, &executor, &world->engine, err);
    if (status == OCTET_OK)
        status = request_new(world->engine, prompt, 7, &params, 0, &request, err);
    if (status == OCTET_OK)
        status = engine_submit(world->engine, request, err);
    bool worked = status == OCTET_OK;
    while (worked && status == OCTET_OK)
        status = engine_step(world->engine, &worked, err);
    request_release(request);
    engine_free(world->engine);
    world->engine = NULL;
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct world world;
    size_t n = 0;
    bool refused = true;
    open_world(&world, 12);
    for (; refused; n++) {
        struct octet_error err = {0};
        long outstanding = 0;
        alloc_fail_begin(n);
        octet_status status = scenario(&world, &err);
        refused = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        assert_int_equal(status, refused ? OCTET_MEMORY : OCTET_OK);
    }
    assert_true(n > 20);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_by_length),
        cmocka_unit_test(ends_at_the_end_of_the_context),
        cmocka_unit_test(ends_by_a_stop_token),
        cmocka_unit_test(max_tokens_zero_scores_only),
        cmocka_unit_test(prompts_that_cannot_be_served_are_refused),
        cmocka_unit_test(a_pool_that_is_too_small_ends_the_request),
        cmocka_unit_test(nan_ends_one_request_and_no_other),
        cmocka_unit_test(a_failing_step_ends_its_requests),
        cmocka_unit_test(cancels_queued_and_running),
        cmocka_unit_test(preemption_changes_nothing),
        cmocka_unit_test(the_queue_has_a_limit),
        cmocka_unit_test(logits_of_every_position),
        cmocka_unit_test(freeing_the_engine_ends_what_is_left),
        cmocka_unit_test(options_that_cannot_work_are_refused),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
