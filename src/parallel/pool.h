/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread pool with a fixed partition: a task runs on all threads at once, and which thread does
 * what is a function of the sizes alone. Threads split outputs, never a sum.
 *
 * One thread owns a pool: the one that calls pool_run, which takes part as thread 0. Between
 * pool_begin and pool_end the workers stay in the step and meet at a barrier that spins for at most
 * 50 microseconds before it sleeps; outside they sleep at once.
 */
#ifndef PARALLEL_POOL_H
#define PARALLEL_POOL_H

#include "base/status.h"

struct pool;

#define POOL_THREADS_MAX 1024

typedef void pool_task(void *context, int thread, int thread_count);

/* threads >= 1: the caller and threads - 1 workers. Errors: OCTET_MEMORY, OCTET_USAGE, OCTET_IO. */
octet_status pool_create(int threads, struct pool **out, struct octet_error *err);
void pool_free(struct pool *pool); /* joins the workers; NULL is fine */

int pool_threads(const struct pool *pool);

/* Bracket a step of many tasks: one wake-up for all of them. Do not nest. */
void pool_begin(struct pool *pool);
void pool_end(struct pool *pool);

/*
 * task(context, thread, thread_count) once for each thread; returns when all are done, and what
 * each wrote is then visible to all. Also allowed outside pool_begin/pool_end.
 */
void pool_run(struct pool *pool, pool_task *task, void *context);

/* The part [begin, end) of count things that belongs to one thread: contiguous, sizes differ by at
 * most one. */
static inline void pool_range(size_t count, int thread, int thread_count, size_t *begin,
                              size_t *end)
{
    size_t threads = (size_t)thread_count, index = (size_t)thread;
    size_t share = count / threads, rest = count % threads;
    *begin = index * share + (index < rest ? index : rest);
    *end = *begin + share + (index < rest);
}

#endif
