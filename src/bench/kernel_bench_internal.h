/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_KERNEL_BENCH_INTERNAL_H
#define BENCH_KERNEL_BENCH_INTERNAL_H

#include "bench/kernel_bench.h"
#include "kernels/kernels.h"
#include "parallel/pool.h"

#define BENCH_REPEATS_MAX 99

/* Owns the pool and one region of memory a thread, filled by that thread (so it lies near it). */
struct bench {
    struct kernels kernels;
    struct pool *pool;
    int threads, repeats;
    size_t region_bytes; /* of each thread, a multiple of 2 MiB */
    char **regions;      /* [threads], random FP8 codes that are also small BF16 numbers */
    void **scratch;      /* [threads], for products and for attention */
    uint64_t *sinks;     /* [threads], so that what was read is used */
    struct kernel_bench_result *result;
};

#define BENCH_SCRATCH_BYTES                                                                        \
    (GEMM_SCRATCH_BYTES > ATTENTION_SCRATCH_BYTES ? GEMM_SCRATCH_BYTES : ATTENTION_SCRATCH_BYTES)

/* One run of something; returns what it did (bytes or operations). */
typedef double bench_run(struct bench *bench, void *context);

/* Seconds -> rate / 1e9 of one run. */
double bench_rate(struct bench *bench, bench_run *run, void *context);

/* A case beside its probe, `repeats` times in turn; adds a row. */
void bench_against(struct bench *bench, const char *name, const char *unit, bench_run *run,
                   void *context, bench_run *probe, const char *probe_name);

/* Reads all regions once; context: int *threads in use, or NULL for all. */
double bench_probe_read(struct bench *bench, void *context);
/* The peak of the dot instruction for a few milliseconds. */
double bench_probe_dot(struct bench *bench, void *context);
void bench_probes(struct bench *bench);

octet_status bench_products(struct bench *bench, struct octet_error *err);
octet_status bench_attention(struct bench *bench, struct octet_error *err);

#endif
