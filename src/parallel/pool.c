/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner publishes a task by raising `generation`; workers that see it run their part and lower
 * `remaining`. Both counters are waited on the same way: spin while the step is hot, then sleep in
 * futex on the counter itself, so no wake-up can be lost between the look and the sleep.
 */
#include "parallel/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"

#define SPIN_NS 50000u
#define SPIN_CHECK 64 /* looks at the counter between two looks at the clock */

struct worker {
    struct pool *pool;
    pthread_t thread;
    int index;
};

struct pool {
    _Alignas(64) _Atomic uint32_t generation;
    _Atomic uint32_t generation_sleepers;
    _Alignas(64) _Atomic uint32_t remaining;
    _Atomic uint32_t remaining_sleepers;
    _Alignas(64) _Atomic bool hot; /* inside a step */
    bool stop;
    pool_task *task;
    void *context;
    int threads;
    int started; /* workers that exist */
    struct worker *workers;
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Until *word differs from `seen`; returns its new value. */
static uint32_t wait_change(_Atomic uint32_t *word, uint32_t seen, _Atomic uint32_t *sleepers,
                            bool spin)
{
    uint64_t start = 0;
    uint32_t value;
    for (unsigned looks = 0; spin; looks++) {
        value = atomic_load_explicit(word, memory_order_acquire);
        if (value != seen)
            return value;
        relax();
        if (looks % SPIN_CHECK == SPIN_CHECK - 1) {
            uint64_t now = clock_now_ns();
            start = start ? start : now;
            spin = now - start < SPIN_NS;
        }
    }
    atomic_fetch_add(sleepers, 1);
    while ((value = atomic_load(word)) == seen)
        futex_wait(word, seen);
    atomic_fetch_sub(sleepers, 1);
    return value;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    pthread_setname_np(pthread_self(), "octet-compute");
    uint32_t seen = 0;
    for (;;) {
        bool hot = atomic_load_explicit(&pool->hot, memory_order_relaxed);
        seen = wait_change(&pool->generation, seen, &pool->generation_sleepers, hot);
        if (pool->stop)
            return NULL;
        if (pool->task)
            pool->task(pool->context, worker->index, pool->threads);
        if (atomic_fetch_sub(&pool->remaining, 1) == 1 && atomic_load(&pool->remaining_sleepers))
            futex_wake_all(&pool->remaining);
    }
}

/* Raise the generation and wake whoever sleeps on it. */
static void publish(struct pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->generation_sleepers))
        futex_wake_all(&pool->generation);
}

octet_status pool_create(int threads, struct pool **out, struct octet_error *err)
{
    *out = NULL;
    if (threads < 1 || threads > POOL_THREADS_MAX)
        return error_set(err, OCTET_USAGE, "threads: got %d, expected 1 to %d", threads,
                         POOL_THREADS_MAX);
    struct pool *pool = aligned_alloc(64, sizeof *pool);
    if (!pool)
        return error_memory(err, "thread pool", sizeof *pool);
    *pool = (struct pool){.threads = threads};
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    if (!pool->workers) {
        pool_free(pool);
        return error_memory(err, "thread pool", (size_t)threads * sizeof *pool->workers);
    }
    /* Signals belong to the program's own thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (int i = 1; i < threads && failure == 0; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .index = i};
        failure = pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        pool->started += failure == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        int started = pool->started;
        pool_free(pool);
        return error_set(err, OCTET_IO,
                         "could not start thread %d of %d: the system refused (error %d); use "
                         "fewer --threads or raise the process limit (ulimit -u)",
                         started + 2, threads, failure);
    }
    *out = pool;
    return OCTET_OK;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pool->stop = true;
    publish(pool);
    for (int i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool->workers);
    free(pool);
}

int pool_threads(const struct pool *pool)
{
    return pool->threads;
}

void pool_begin(struct pool *pool)
{
    atomic_store_explicit(&pool->hot, true, memory_order_relaxed);
    /* An empty task brings sleeping workers to the barrier while the caller prepares. */
    pool_run(pool, NULL, NULL);
}

void pool_end(struct pool *pool)
{
    atomic_store_explicit(&pool->hot, false, memory_order_relaxed);
}

void pool_run(struct pool *pool, pool_task *task, void *context)
{
    if (pool->threads > 1) {
        pool->task = task;
        pool->context = context;
        atomic_store(&pool->remaining, (uint32_t)pool->threads - 1);
        publish(pool);
    }
    if (task)
        task(context, 0, pool->threads);
    uint32_t left = atomic_load_explicit(&pool->remaining, memory_order_acquire);
    while (left != 0)
        left = wait_change(&pool->remaining, left, &pool->remaining_sleepers, true);
}
