/* SPDX-License-Identifier: Apache-2.0 */
/* What a server needs of the engine: formats, siblings, queues, counters and signs of life. */
#include "engine/engine_world.h"
#include "sim/fake_constraint.h"

#define EOS 3

static void set_eos(struct world *world)
{
    static const int32_t eos[] = {EOS};
    world->options.eos_ids = eos;
    world->options.eos_id_count = 1;
}

static int32_t token_at(struct request *request, size_t n)
{
    struct token_event event;
    assert_int_equal(request_read(request, n, &event, 1), 1);
    return event.id;
}

/* ---- what may be said ---- */

static void a_constraint_decides_and_min_tokens_gives_way(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    open_world(&world, 32);
    set_eos(&world);
    start(&world);
    greedy(&params, 10);
    params.min_tokens = 5;
    params.constraint = fake_constraint_script(17, VOCAB, EOS);
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    assert_int_equal(status_of(request).finish_reason, FINISH_STOP);
    assert_int_equal(status_of(request).token_count, 2);
    assert_int_equal(token_at(request, 0), 17);
    assert_int_equal(token_at(request, 1), EOS);
    assert_int_equal(fake_constraint_count(), 1);
    request_release(request);
    assert_int_equal(fake_constraint_count(), 0);
    close_world(&world);
}

static void a_constraint_and_a_list_are_both_kept(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    const int32_t with[] = {4, 17, 18}, without[] = {4, 18};
    open_world(&world, 32);
    start(&world);
    greedy(&params, 1);
    params.allowed_ids = with;
    params.allowed_id_count = 3;
    params.constraint = fake_constraint_script(17, VOCAB, EOS);
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    assert_int_equal(token_at(request, 0), 17);
    request_release(request);
    params.allowed_ids = without;
    params.allowed_id_count = 2;
    params.constraint = fake_constraint_script(17, VOCAB, EOS);
    request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    assert_int_equal(status_of(request).finish_reason, FINISH_ERROR);
    assert_int_equal(status_of(request).error, OCTET_INPUT);
    request_release(request);
    assert_int_equal(fake_constraint_count(), 0);
    close_world(&world);
}

static void a_refused_request_leaves_its_constraint(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *request = NULL;
    struct octet_error err;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 1);
    params.constraint = fake_constraint_script(17, VOCAB, EOS);
    params.top_p = 2;
    assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &request, &err), OCTET_USAGE);
    assert_int_equal(fake_constraint_count(), 1);
    constraint_free(params.constraint);
    close_world(&world);
}

static void bad_words_are_not_said(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    int32_t expected[10];
    expect_greedy(prompt, 7, expected, 10);
    const int32_t *words[] = {&expected[2], &expected[5]};
    const size_t lengths[] = {2, 1};
    open_world(&world, 32);
    start(&world);
    greedy(&params, 10);
    params.bad_words = words;
    params.bad_word_lengths = lengths;
    params.bad_word_count = 1;
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(token_at(request, i), expected[i]);
    assert_int_not_equal(token_at(request, 3), expected[3]);
    request_release(request);
    params.bad_words = words + 1;
    params.bad_word_lengths = lengths + 1;
    request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    for (size_t i = 0; i < 10; i++)
        assert_int_not_equal(token_at(request, i), expected[5]);
    request_release(request);
    close_world(&world);
}

static void bad_words_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct sampling_params params;
    struct octet_error err;
    const int32_t ids[] = {1, VOCAB};
    const int32_t *words[] = {ids, ids};
    size_t lengths[] = {1, 0};
    sampling_params_init(&params);
    params.bad_words = words;
    params.bad_word_lengths = lengths;
    params.bad_word_count = 1;
    assert_int_equal(sampling_params_check(&params, VOCAB, 20, &err), OCTET_OK);
    params.bad_word_count = 2;
    assert_int_equal(sampling_params_check(&params, VOCAB, 20, &err), OCTET_USAGE);
    assert_contains(err.message, "empty");
    lengths[1] = 2;
    assert_int_equal(sampling_params_check(&params, VOCAB, 20, &err), OCTET_USAGE);
    assert_contains(err.message, "bad_words: token id 40");
    lengths[0] = SAMPLING_BAD_WORD_IDS_MAX + 1;
    assert_int_equal(sampling_params_check(&params, VOCAB, 20, &err), OCTET_USAGE);
    assert_contains(err.message, "16384 tokens in all");
    params.bad_word_count = SAMPLING_BAD_WORDS_MAX + 1;
    assert_int_equal(sampling_params_check(&params, VOCAB, 20, &err), OCTET_USAGE);
    assert_contains(err.message, "1025 entries");
}

/* ---- several choices of one prompt ---- */

static void siblings_compute_the_prompt_once(void **state)
{
    (void)state;
    for (int cache = 1; cache >= 0; cache--) {
        struct world world;
        struct sampling_params params;
        struct engine_stats stats;
        struct request *requests[3];
        int32_t ids[39];
        open_world(&world, 64);
        world.options.prefix_cache = cache;
        start(&world);
        for (int32_t i = 0; i < 39; i++)
            ids[i] = i;
        greedy(&params, 5);
        for (int i = 0; i < 3; i++)
            requests[i] = submit(&world, ids, 39, &params);
        run_dry(&world);
        /* 9 full blocks of 4 are shared; the last 3 tokens are everybody's own. */
        for (int i = 0; i < 3; i++) {
            assert_int_equal(status_of(requests[i]).cached_tokens, cache && i > 0 ? 36 : 0);
            assert_int_equal(token_at(requests[i], 4), token_at(requests[0], 4));
        }
        engine_stats(world.engine, &stats);
        assert_int_equal(stats.prompt_tokens, 3 * 39);
        assert_int_equal(stats.prompt_tokens_cached, cache ? 2 * 36 : 0);
        /* Of 5 tokens each, 4 were computed; the last one only sampled. */
        assert_int_equal(stats.step_tokens, (cache ? 39 + 2 * 3 : 3 * 39) + 3 * 4);
        for (int i = 0; i < 3; i++)
            request_release(requests[i]);
        close_world(&world);
    }
}

static void a_sibling_goes_on_when_the_first_is_cancelled(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct engine_stats stats;
    struct request *requests[2];
    int32_t ids[39];
    bool worked = false;
    open_world(&world, 64);
    start(&world);
    for (int32_t i = 0; i < 39; i++)
        ids[i] = i;
    greedy(&params, 2);
    for (int i = 0; i < 2; i++)
        requests[i] = submit(&world, ids, 39, &params);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK); /* 16 of 39 */
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.waiting, 1);
    engine_cancel(world.engine, requests[0]);
    run_dry(&world);
    assert_int_equal(status_of(requests[0]).finish_reason, FINISH_ABORT);
    assert_int_equal(status_of(requests[1]).finish_reason, FINISH_LENGTH);
    assert_int_equal(status_of(requests[1]).cached_tokens, 16);
    for (int i = 0; i < 2; i++)
        request_release(requests[i]);
    close_world(&world);
}

/* ---- the queue ---- */

static void choices_are_taken_together_or_not_at_all(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    struct request *requests[4];
    open_world(&world, 32);
    world.options.max_queued = 3;
    start(&world);
    greedy(&params, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &requests[i], NULL),
                         OCTET_OK);
    assert_int_equal(engine_submit(world.engine, requests[0], &err), OCTET_OK);
    assert_int_equal(engine_submit_all(world.engine, requests + 1, 3, &err), OCTET_LIMIT);
    assert_contains(err.message, "the queue is full: 1 requests are unfinished");
    assert_int_equal(engine_submit_all(world.engine, requests, 2, &err), OCTET_STATE);
    assert_int_equal(engine_submit_all(world.engine, requests + 1, 2, &err), OCTET_OK);
    run_dry(&world);
    /* More than the limit, but nobody is there. */
    request_release(requests[0]);
    struct request *group[4] = {requests[3]};
    for (int i = 1; i < 4; i++)
        assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &group[i], NULL),
                         OCTET_OK);
    assert_int_equal(engine_submit_all(world.engine, group, 4, &err), OCTET_OK);
    run_dry(&world);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(status_of(group[i]).finish_reason, FINISH_LENGTH);
        request_release(group[i]);
    }
    request_release(requests[1]);
    request_release(requests[2]);
    close_world(&world);
}

static void the_queue_is_bounded_in_prompt_tokens(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    struct request *requests[3];
    bool worked = false;
    open_world(&world, 32);
    world.options.max_queued_tokens = 6;
    start(&world);
    greedy(&params, 3);
    requests[0] = submit(&world, prompt, 7, &params); /* alone, it may be larger than the limit */
    assert_int_equal(request_new(world.engine, prompt, 2, &params, 0, &requests[1], &err),
                     OCTET_OK);
    assert_int_equal(engine_submit(world.engine, requests[1], &err), OCTET_LIMIT);
    assert_contains(err.message, "the queue is full: 7 prompt tokens wait");
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(engine_submit(world.engine, requests[1], &err), OCTET_OK);
    requests[2] = submit(&world, prompt, 4, &params);
    engine_cancel(world.engine, requests[2]);
    run_dry(&world);
    assert_int_equal(world.engine->queued_tokens, 0);
    for (int i = 0; i < 3; i++)
        request_release(requests[i]);
    close_world(&world);
}

static uint64_t read_clock(void *context)
{
    return *(uint64_t *)context;
}

static void the_queue_has_a_time_limit(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *requests[6];
    uint64_t clock = 1000;
    bool worked = false;
    open_world(&world, 64);
    world.options.queue_timeout_ns = 2000000000;
    world.options.now_ns = read_clock;
    world.options.now_context = &clock;
    start(&world);
    greedy(&params, 20);
    for (int i = 0; i < 6; i++)
        requests[i] = submit(&world, prompt + i, 1, &params);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    clock += 2000000000;
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(status_of(requests[5]).finish_reason, FINISH_NONE);
    clock += 500000000;
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    for (int i = 4; i < 6; i++) {
        assert_int_equal(status_of(requests[i]).finish_reason, FINISH_ERROR);
        assert_int_equal(status_of(requests[i]).error, OCTET_LIMIT);
        assert_contains(request_error(requests[i]), "waited 2.5 s in the queue");
    }
    run_dry(&world);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(status_of(requests[i]).finish_reason,
                         i < 4 ? FINISH_LENGTH : FINISH_ERROR);
        request_release(requests[i]);
    }
    close_world(&world);
}

static void cancelled_before_it_is_submitted(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct request *request = NULL;
    bool worked = false;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 30);
    assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &request, NULL), OCTET_OK);
    engine_cancel(world.engine, request);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(engine_submit(world.engine, request, NULL), OCTET_OK);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(status_of(request).finish_reason, FINISH_ABORT);
    assert_int_equal(status_of(request).token_count, 0);
    request_release(request);
    close_world(&world);
}

static void cancelled_between_chunks(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct engine_stats stats;
    int32_t ids[50] = {0};
    bool worked = false;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 5);
    struct request *other = submit(&world, prompt, 7, &params);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    struct request *request = submit(&world, ids, 50, &params);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(request->sequence.computed, 15);
    engine_cancel(world.engine, request);
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    assert_int_equal(status_of(request).finish_reason, FINISH_ABORT);
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.prompt_tokens,
                     7); /* the other's: this one was not computed to its end */
    run_dry(&world);
    assert_int_equal(status_of(other).finish_reason, FINISH_LENGTH);
    assert_int_equal(status_of(other).token_count, 5);
    request_release(request);
    request_release(other);
    close_world(&world);
}

static void priorities_go_first(void **state)
{
    (void)state;
    for (int by_priority = 0; by_priority < 2; by_priority++) {
        struct world world;
        struct sampling_params params;
        struct request *requests[6];
        bool worked = false;
        open_world(&world, 64);
        world.options.priority_scheduling = by_priority;
        world.options.max_num_seqs = 1;
        start(&world);
        greedy(&params, 2);
        for (int i = 0; i < 6; i++) {
            params.priority = 5 - i;
            requests[i] = submit(&world, prompt + i, 1, &params);
        }
        for (int turn = 0; turn < 6; turn++) {
            struct request *due = requests[by_priority ? 5 - turn : turn];
            assert_int_equal(status_of(due).finish_reason, FINISH_NONE);
            for (int i = 0; i < 2; i++)
                assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
            assert_int_equal(status_of(due).finish_reason, FINISH_LENGTH);
        }
        for (int i = 0; i < 6; i++)
            request_release(requests[i]);
        close_world(&world);
    }
}

/* ---- counters and signs of life ---- */

static void steps_are_counted_by_their_tokens(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct engine_stats stats;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 5);
    struct request *request = submit(&world, prompt, 7, &params);
    run_dry(&world);
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.steps, 5);
    assert_int_equal(stats.step_buckets[0], 4); /* of 1 token */
    assert_int_equal(stats.step_buckets[1], 1); /* the prompt: 2 to 8 */
    assert_int_equal(stats.step_tokens, 7 + 4);
    assert_int_equal(engine_step_bounds[1], 8);
    assert_int_equal(engine_step_bounds[ENGINE_STEP_BUCKETS - 1], 16384);
    assert_int_equal(stats.prompt_tokens, 7);
    assert_int_equal(stats.generated_tokens, 5);
    assert_int_equal(stats.finished[FINISH_LENGTH], 1);
    /* 7 + 4 positions fill 2 blocks of 4, which stay cached. */
    assert_int_equal(stats.blocks_used, 0);
    assert_int_equal(stats.blocks_cached, 2);
    assert_int_equal(stats.blocks_free, 30);
    request_release(request);
    close_world(&world);
}

struct watcher {
    struct engine *engine;
    struct engine_stats at_end;
    bool ended;
    struct request *request;
};

static void look(void *context)
{
    struct watcher *watcher = context;
    struct request_status status;
    request_status(watcher->request, &status);
    if (status.finish_reason == FINISH_NONE)
        return;
    engine_stats(watcher->engine, &watcher->at_end);
    watcher->ended = true;
}

/* A client that has its last token finds itself in the metrics, and not among those who run. */
static void whoever_ends_is_counted(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    open_world(&world, 32);
    start(&world);
    greedy(&params, 5);
    struct request *request = submit(&world, prompt, 7, &params);
    struct watcher watcher = {.engine = world.engine, .request = request};
    request_set_notify(request, look, &watcher);
    run_dry(&world);
    assert_true(watcher.ended);
    assert_int_equal(watcher.at_end.generated_tokens, 5);
    assert_int_equal(watcher.at_end.prompt_tokens, 7);
    assert_int_equal(watcher.at_end.finished[FINISH_LENGTH], 1);
    assert_int_equal(watcher.at_end.steps, 5);
    assert_int_equal(watcher.at_end.running + watcher.at_end.waiting, 0);
    assert_int_equal(watcher.at_end.blocks_used, 0);
    request_release(request);
    close_world(&world);
}

static void the_pulse_shows_work_and_age(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct engine_pulse pulse;
    uint64_t clock = 5000;
    bool worked = false;
    open_world(&world, 32);
    world.options.now_ns = read_clock;
    world.options.now_context = &clock;
    start(&world);
    engine_pulse(world.engine, &pulse);
    assert_int_equal(pulse.pending, 0);
    assert_int_equal(pulse.beat_ns, 0);
    clock = 900000;
    greedy(&params, 2);
    struct request *request = submit(&world, prompt, 7, &params);
    engine_pulse(world.engine, &pulse);
    assert_int_equal(pulse.pending, 1);
    assert_int_equal(pulse.beat_ns, 900000); /* an idle engine's age begins with its work */
    clock = 1000000;
    assert_int_equal(engine_step(world.engine, &worked, NULL), OCTET_OK);
    engine_pulse(world.engine, &pulse);
    assert_int_equal(pulse.beat_ns, 1000000);
    assert_int_equal(pulse.steps, 1);
    assert_false(pulse.stepping || pulse.failed);
    run_dry(&world);
    engine_pulse(world.engine, &pulse);
    assert_int_equal(pulse.pending, 0);
    request_release(request);
    close_world(&world);
}

static void failing_steps_in_a_row_are_the_end(void **state)
{
    (void)state;
    struct world world;
    struct sampling_params params;
    struct octet_error err;
    struct request *requests[7];
    bool worked = false;
    open_world(&world, 32);
    world.options.max_num_seqs = 1;
    start(&world);
    greedy(&params, 1);
    world.fake.fail_next = ENGINE_FAILED_STEPS - 1;
    for (int i = 0; i < 3; i++) /* two fail, the third one works: no harm */
        requests[i] = submit(&world, prompt, 7, &params);
    for (int i = 0; i < 3; i++)
        engine_step(world.engine, &worked, &err);
    assert_int_equal(status_of(requests[2]).finish_reason, FINISH_LENGTH);
    assert_false(engine_failed(world.engine));
    world.fake.fail_next = ENGINE_FAILED_STEPS;
    for (int i = 3; i < 7; i++)
        requests[i] = submit(&world, prompt, 7, &params);
    for (int i = 0; i < ENGINE_FAILED_STEPS; i++)
        assert_int_equal(engine_step(world.engine, &worked, &err), OCTET_DEVICE);
    assert_true(engine_failed(world.engine));
    assert_int_equal(engine_step(world.engine, &worked, &err), OCTET_OK);
    assert_int_equal(status_of(requests[6]).finish_reason, FINISH_ERROR);
    assert_contains(request_error(requests[6]), "told to fail");
    struct request *late = NULL;
    assert_int_equal(request_new(world.engine, prompt, 7, &params, 0, &late, &err), OCTET_OK);
    assert_int_equal(engine_submit(world.engine, late, &err), OCTET_DEVICE);
    assert_contains(err.message, "the engine has failed: fake: the step was told to fail");
    request_release(late);
    for (int i = 0; i < 7; i++)
        request_release(requests[i]);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constraint_decides_and_min_tokens_gives_way),
        cmocka_unit_test(a_constraint_and_a_list_are_both_kept),
        cmocka_unit_test(a_refused_request_leaves_its_constraint),
        cmocka_unit_test(bad_words_are_not_said),
        cmocka_unit_test(bad_words_that_cannot_be_are_refused),
        cmocka_unit_test(siblings_compute_the_prompt_once),
        cmocka_unit_test(a_sibling_goes_on_when_the_first_is_cancelled),
        cmocka_unit_test(choices_are_taken_together_or_not_at_all),
        cmocka_unit_test(the_queue_is_bounded_in_prompt_tokens),
        cmocka_unit_test(the_queue_has_a_time_limit),
        cmocka_unit_test(cancelled_before_it_is_submitted),
        cmocka_unit_test(cancelled_between_chunks),
        cmocka_unit_test(priorities_go_first),
        cmocka_unit_test(steps_are_counted_by_their_tokens),
        cmocka_unit_test(whoever_ends_is_counted),
        cmocka_unit_test(the_pulse_shows_work_and_age),
        cmocka_unit_test(failing_steps_in_a_row_are_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
