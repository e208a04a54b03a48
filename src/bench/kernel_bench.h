/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the kernels are on this machine, beside what the machine can do at most: two probes
 * (read bandwidth of memory, peak of the instruction that sums products) run in turn with every
 * case, so that each ratio compares neighbours in time. No model is needed: shapes are built in.
 */
#ifndef BENCH_KERNEL_BENCH_H
#define BENCH_KERNEL_BENCH_H

#include "base/buffer.h"
#include "base/status.h"
#include "cpu/features.h"

struct kernel_bench_options {
    const struct cpu_features *features;
    int threads;           /* >= 1 */
    int repeats;           /* measured runs a case, >= 1; 0 for 5 */
    uint64_t memory_bytes; /* of weights; 0 for 1 GiB, or half of what is free when that is less */
};

struct bench_row {
    char name[64];
    const char *unit; /* "GB/s", "GFLOP/s" */
    double median, min, max;
    double ratio;         /* median of (case / probe run beside it); 0 for a probe itself */
    const char *ratio_of; /* "read bandwidth", "dot peak"; NULL for a probe */
};

#define KERNEL_BENCH_ROWS_MAX 48

struct kernel_bench_result {
    const char *kernels, *dot; /* level and summing instruction */
    int threads;
    int repeats;
    uint64_t memory_bytes;
    size_t row_count;
    struct bench_row rows[KERNEL_BENCH_ROWS_MAX];
};

/*
 * Rows: probes for 1 .. threads threads; then, with all threads, for the shapes of Qwen3-0.6B and
 * 4B: products of a decode step over FP8 weights for 1, 2, 4, 8, 16 sequences and over a BF16 head;
 * products of a prefill of 512 tokens; attention of decode and of prefill. Errors: OCTET_MEMORY,
 * OCTET_USAGE, those of the pool.
 */
octet_status bench_kernels(const struct kernel_bench_options *options,
                           struct kernel_bench_result *out, struct octet_error *err);

/* A table for people, and a JSON object with the members of the structure. False: out of memory. */
bool kernel_bench_text(const struct kernel_bench_result *result, struct buffer *out);
bool kernel_bench_json(const struct kernel_bench_result *result, struct buffer *out);

#endif
