/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/kernel_bench_internal.h"

#include <stdio.h>
#include <string.h>

#define AHEAD_BYTES 4096

/* About 10 ms at 100 GFLOP/s. */
#define DOT_FLOP 1e9

struct probe {
    struct bench *bench;
    int threads; /* that take part */
    size_t rounds;
};

/* A cache line in registers of the baseline instruction set; four loads a line outrun any memory.
 */
struct lanes {
    uint64_t a __attribute__((vector_size(16)));
    uint64_t b __attribute__((vector_size(16)));
    uint64_t c __attribute__((vector_size(16)));
    uint64_t d __attribute__((vector_size(16)));
};

/* Sequential: one stream a thread, as the weights are read. */
static void read_region(void *context, int thread, int thread_count)
{
    const struct probe *probe = context;
    (void)thread_count;
    if (thread >= probe->threads)
        return;
    const struct lanes *line = (const void *)probe->bench->regions[thread];
    const struct lanes *end = line + probe->bench->region_bytes / sizeof *line;
    struct lanes sum = {{0}, {0}, {0}, {0}};
    for (; line < end; line++) {
        /* Without it one core of an Emerald Rapids machine reads a third less. */
        __builtin_prefetch((const void *)((uintptr_t)line + AHEAD_BYTES));
        sum.a ^= line->a;
        sum.b ^= line->b;
        sum.c ^= line->c;
        sum.d ^= line->d;
    }
    sum.a ^= sum.b ^ sum.c ^ sum.d;
    probe->bench->sinks[thread * 8] += sum.a[0] ^ sum.a[1];
}

double bench_probe_read(struct bench *bench, void *context)
{
    struct probe probe = {.bench = bench, .threads = context ? *(int *)context : bench->threads};
    pool_run(bench->pool, read_region, &probe);
    return (double)bench->region_bytes * probe.threads;
}

static void run_dot(void *context, int thread, int thread_count)
{
    const struct probe *probe = context;
    (void)thread_count;
    if (thread < probe->threads)
        probe->bench->kernels.dot_probe(probe->rounds);
}

double bench_probe_dot(struct bench *bench, void *context)
{
    struct probe probe = {.bench = bench, .threads = context ? *(int *)context : bench->threads};
    probe.rounds = (size_t)(DOT_FLOP / bench->kernels.dot_probe_flop) + 1;
    pool_run(bench->pool, run_dot, &probe);
    return (double)probe.rounds * bench->kernels.dot_probe_flop * probe.threads;
}

void bench_probes(struct bench *bench)
{
    for (int threads = 1; threads <= bench->threads; threads *= 2) {
        /* 1, 2, 4, ... and all. */
        int use = threads;
        char name[64];
        snprintf(name, sizeof name, "probe: read bandwidth, %d thread%s", use, use > 1 ? "s" : "");
        bench_against(bench, name, "GB/s", bench_probe_read, &use, NULL, NULL);
        snprintf(name, sizeof name, "probe: dot peak, %d thread%s", use, use > 1 ? "s" : "");
        bench_against(bench, name, "GFLOP/s", bench_probe_dot, &use, NULL, NULL);
        if (threads < bench->threads && threads * 2 > bench->threads)
            threads = (bench->threads + 1) / 2; /* doubled to at least all by the loop */
    }
}
