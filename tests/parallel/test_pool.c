/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "parallel/pool.h"

enum { ITEMS = 1000 };

struct sum_task {
    int visits[ITEMS];
    int threads_seen[8];
};

static void visit(void *context, int thread, int thread_count)
{
    struct sum_task *task = context;
    size_t begin, end;
    pool_range(ITEMS, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++)
        task->visits[i]++;
    task->threads_seen[thread]++;
}

static void every_item_is_visited_once_per_run(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *pool;
        struct octet_error err;
        assert_int_equal(pool_create(threads, &pool, &err), OCTET_OK);
        struct sum_task task = {0};
        enum { RUNS = 2000 };
        for (int step = 0; step < 20; step++) {
            if (step % 2 == 0)
                pool_begin(pool);
            for (int run = 0; run < RUNS / 20; run++)
                pool_run(pool, visit, &task);
            if (step % 2 == 0)
                pool_end(pool);
        }
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(task.visits[i], RUNS);
        for (int i = 0; i < threads; i++)
            assert_int_equal(task.threads_seen[i], RUNS);
        pool_free(pool);
    }
}

static void slow_owner(void *context, int thread, int thread_count)
{
    (void)thread_count;
    /* Past the spinning time, so that the others sleep. */
    if (thread == *(int *)context)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void sleepers_are_woken(void **state)
{
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_create(3, &pool, NULL), OCTET_OK);
    pool_begin(pool);
    for (int run = 0; run < 60; run++) {
        int slow = run % 3;
        pool_run(pool, slow_owner, &slow);
    }
    pool_end(pool);
    pool_free(pool);
}

static void ranges_cover_everything(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        for (int threads = 1; threads < 9; threads++) {
            size_t expected = 0;
            for (int t = 0; t < threads; t++) {
                size_t begin, end;
                pool_range(count, t, threads, &begin, &end);
                assert_int_equal(begin, expected);
                assert_true(end >= begin && end - begin <= count / (size_t)threads + 1);
                expected = end;
            }
            assert_int_equal(expected, count);
        }
    }
}

static void bad_counts_are_refused(void **state)
{
    (void)state;
    struct pool *pool;
    struct octet_error err;
    assert_int_equal(pool_create(0, &pool, &err), OCTET_USAGE);
    assert_non_null(strstr(err.message, "expected 1 to"));
    assert_int_equal(pool_create(POOL_THREADS_MAX + 1, &pool, &err), OCTET_USAGE);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_visited_once_per_run),
        cmocka_unit_test(sleepers_are_woken),
        cmocka_unit_test(ranges_cover_everything),
        cmocka_unit_test(bad_counts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
