/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's own thread, with several others that submit, wait, read and cancel. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "engine/engine_internal.h"
#include "sim/fake_executor.h"
#include "support/testing.h"

#define VOCAB 40
#define CLIENTS 4
#define ROUNDS 60

struct world {
    struct fake_executor fake;
    struct engine *engine;
    int32_t expected[8][20];
    atomic_int notified, failures, cancelled;
};

static void open_world(struct world *world)
{
    struct engine_options options;
    memset(world, 0, sizeof *world);
    engine_options_init(&options);
    options.max_num_seqs = 3;
    options.max_num_batched_tokens = 16;
    options.max_model_len = 64;
    assert_true(fake_executor_init(&world->fake, VOCAB, 4, 24, 16, 3, 4));
    const struct executor executor = fake_executor_of(&world->fake);
    assert_int_equal(engine_new(&options, &executor, &world->engine, NULL), OCTET_OK);
}

static void close_world(struct world *world)
{
    assert_string_equal(world->fake.complaint, "");
    engine_free(world->engine);
    fake_executor_free(&world->fake);
}

static struct request *new_request(struct world *world, int32_t which, int32_t max_tokens)
{
    const int32_t prompt[] = {which, which + 1, which + 2};
    struct sampling_params params;
    struct request *request = NULL;
    sampling_params_init(&params);
    params.max_tokens = max_tokens;
    params.has_seed = true;
    params.seed = (uint64_t)which;
    if (request_new(world->engine, prompt, 3, &params, 0, &request, NULL) != OCTET_OK)
        return NULL;
    return request;
}

static void notified(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

/* Read to the end while it is being written. */
static bool read_all(struct request *request, int32_t out[20])
{
    size_t have = 0;
    for (;;) {
        struct token_event event;
        if (!request_wait(request, have, 10000))
            return false;
        if (request_read(request, have, &event, 1) == 1) {
            out[have++] = event.id;
            continue;
        }
        struct request_status status;
        request_status(request, &status);
        if (status.finish_reason != FINISH_NONE)
            return status.finish_reason == FINISH_LENGTH && have == 20;
    }
}

static void *client(void *argument)
{
    struct world *world = argument;
    for (int round = 0; round < ROUNDS; round++) {
        int32_t which = round % 8, got[20];
        struct request *request = new_request(world, which, 20);
        request_set_notify(request, notified, &world->notified);
        if (engine_submit(world->engine, request, NULL) != OCTET_OK)
            atomic_fetch_add(&world->failures, 1);
        if (round % 7 == 3) {
            engine_cancel(world->engine, request);
            if (!request_wait(request, 20, 10000))
                atomic_fetch_add(&world->failures, 1);
            struct request_status status;
            request_status(request, &status);
            atomic_fetch_add(&world->cancelled, status.finish_reason == FINISH_ABORT);
        } else if (!read_all(request, got) || memcmp(got, world->expected[which], sizeof got)) {
            atomic_fetch_add(&world->failures, 1);
        }
        request_release(request);
    }
    return NULL;
}

static void many_clients_get_their_own_text(void **state)
{
    (void)state;
    struct world world;
    pthread_t threads[CLIENTS];
    open_world(&world);
    for (int32_t i = 0; i < 8; i++) { /* alone, without thread */
        struct request *request = new_request(&world, i, 20);
        struct token_event events[20];
        bool worked = true;
        assert_int_equal(engine_submit(world.engine, request, NULL), OCTET_OK);
        while (worked)
            engine_step(world.engine, &worked, NULL);
        assert_int_equal(request_read(request, 0, events, 20), 20);
        for (int t = 0; t < 20; t++)
            world.expected[i][t] = events[t].id;
        request_release(request);
    }
    assert_int_equal(engine_start(world.engine, NULL), OCTET_OK);
    assert_int_equal(engine_start(world.engine, NULL), OCTET_STATE);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, client, &world), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&world.failures), 0);
    assert_true(atomic_load(&world.cancelled) > 0);
    assert_true(atomic_load(&world.notified) > CLIENTS * ROUNDS);
    engine_stop(world.engine, true);
    struct engine_stats stats;
    engine_stats(world.engine, &stats);
    assert_int_equal(stats.running + stats.waiting + stats.blocks_used, 0);
    close_world(&world);
}

/* A reader that leaves takes its context with it: nothing is called afterwards. */
static void a_callback_ends_with_its_reader(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    assert_int_equal(engine_start(world.engine, NULL), OCTET_OK);
    for (int i = 0; i < 200; i++) {
        atomic_int *context = malloc(sizeof *context);
        assert_non_null(context);
        atomic_init(context, 0);
        struct request *request = new_request(&world, i % 8, 20);
        request_set_notify(request, notified, context);
        assert_int_equal(engine_submit(world.engine, request, NULL), OCTET_OK);
        assert_true(request_wait(request, (size_t)i % 4, 10000));
        request_set_notify(request, NULL, NULL);
        free(context);
        engine_cancel(world.engine, request);
        request_release(request);
    }
    engine_stop(world.engine, true);
    close_world(&world);
}

static void draining_finishes_and_refuses(void **state)
{
    (void)state;
    struct world world;
    struct request *requests[8];
    open_world(&world);
    world.fake.delay_us = 500;
    assert_int_equal(engine_start(world.engine, NULL), OCTET_OK);
    for (int i = 0; i < 8; i++) {
        requests[i] = new_request(&world, i, 20);
        assert_int_equal(engine_submit(world.engine, requests[i], NULL), OCTET_OK);
    }
    engine_stop(world.engine, true);
    for (int i = 0; i < 8; i++) {
        struct request_status status;
        request_status(requests[i], &status);
        assert_int_equal(status.finish_reason, FINISH_LENGTH);
        request_release(requests[i]);
    }
    struct octet_error err;
    struct request *late = new_request(&world, 0, 1);
    assert_int_equal(engine_submit(world.engine, late, &err), OCTET_STATE);
    assert_contains(err.message, "stopping");
    request_release(late);
    close_world(&world);
}

static void stopping_ends_at_once(void **state)
{
    (void)state;
    struct world world;
    struct request *requests[8];
    int aborted = 0;
    open_world(&world);
    world.fake.delay_us = 2000;
    assert_int_equal(engine_start(world.engine, NULL), OCTET_OK);
    for (int i = 0; i < 8; i++) {
        requests[i] = new_request(&world, i, 20);
        assert_int_equal(engine_submit(world.engine, requests[i], NULL), OCTET_OK);
    }
    assert_true(request_wait(requests[0], 0, 10000));
    engine_stop(world.engine, false);
    for (int i = 0; i < 8; i++) {
        struct request_status status;
        request_status(requests[i], &status);
        assert_int_not_equal(status.finish_reason, FINISH_NONE);
        aborted += status.finish_reason == FINISH_ABORT;
        request_release(requests[i]);
    }
    assert_true(aborted > 0);
    close_world(&world);
}

struct gate {
    sem_t reached, open;
};

static void wait_at_gate(void *context, const struct step_batch *batch)
{
    struct gate *gate = context;
    (void)batch;
    sem_post(&gate->reached);
    while (sem_wait(&gate->open) != 0)
        continue;
}

/* While a step hangs, its signs of life can be read, and what else is submitted joins them. */
static void the_pulse_is_read_while_a_step_hangs(void **state)
{
    (void)state;
    struct world world;
    struct gate gate;
    struct engine_pulse pulse, again;
    open_world(&world);
    assert_int_equal(sem_init(&gate.reached, 0, 0), 0);
    assert_int_equal(sem_init(&gate.open, 0, 0), 0);
    world.fake.on_step = wait_at_gate;
    world.fake.on_step_context = &gate;
    assert_int_equal(engine_start(world.engine, NULL), OCTET_OK);
    struct request *first = new_request(&world, 0, 2), *second = new_request(&world, 1, 2);
    assert_int_equal(engine_submit(world.engine, first, NULL), OCTET_OK);
    while (sem_wait(&gate.reached) != 0)
        continue;
    engine_pulse(world.engine, &pulse);
    assert_true(pulse.stepping && pulse.pending == 1 && pulse.beat_ns > 0);
    assert_int_equal(engine_submit(world.engine, second, NULL), OCTET_OK);
    engine_pulse(world.engine, &again);
    assert_true(again.stepping && again.pending == 2 && again.beat_ns == pulse.beat_ns);
    for (int i = 0; i < 10; i++)
        sem_post(&gate.open);
    engine_stop(world.engine, true);
    engine_pulse(world.engine, &again);
    assert_true(!again.stepping && again.pending == 0 && again.beat_ns > pulse.beat_ns);
    request_release(first);
    request_release(second);
    close_world(&world);
    sem_destroy(&gate.open);
    sem_destroy(&gate.reached);
}

static void waiting_can_time_out(void **state)
{
    (void)state;
    struct world world;
    open_world(&world);
    struct request *request = new_request(&world, 0, 1);
    assert_false(request_wait(request, 0, 0));
    assert_false(request_wait(request, 0, 20));
    request_release(request);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_clients_get_their_own_text),
        cmocka_unit_test(a_callback_ends_with_its_reader),
        cmocka_unit_test(draining_finishes_and_refuses),
        cmocka_unit_test(stopping_ends_at_once),
        cmocka_unit_test(the_pulse_is_read_while_a_step_hangs),
        cmocka_unit_test(waiting_can_time_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
