/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/kernel_bench_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cpu/topology.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define LEAST_MEMORY ((uint64_t)64 << 20)

/* ---- measuring ------------------------------------------------------------------------------ */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_rate(struct bench *bench, bench_run *run, void *context)
{
    uint64_t t0 = clock_now_ns();
    double work = run(bench, context);
    double seconds = clock_seconds_since(t0);
    return work / (seconds > 0 ? seconds : 1e-9) * 1e-9;
}

static struct bench_row *add_row(struct bench *bench, const char *name, const char *unit,
                                 double *rates)
{
    struct kernel_bench_result *result = bench->result;
    struct bench_row *row = &result->rows[result->row_count];
    if (result->row_count < KERNEL_BENCH_ROWS_MAX - 1)
        result->row_count++;
    size_t n = (size_t)bench->repeats;
    qsort(rates, n, sizeof rates[0], compare_doubles);
    *row = (struct bench_row){
        .unit = unit, .median = rates[n / 2], .min = rates[0], .max = rates[n - 1]};
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

void bench_against(struct bench *bench, const char *name, const char *unit, bench_run *run,
                   void *context, bench_run *probe, const char *probe_name)
{
    double rates[BENCH_REPEATS_MAX], ratios[BENCH_REPEATS_MAX];
    run(bench, context); /* pages and caches as in steady state */
    for (int i = 0; i < bench->repeats; i++) {
        rates[i] = bench_rate(bench, run, context);
        ratios[i] = probe ? rates[i] / bench_rate(bench, probe, NULL) : 0.0;
    }
    size_t n = (size_t)bench->repeats;
    qsort(ratios, n, sizeof ratios[0], compare_doubles);
    struct bench_row *row = add_row(bench, name, unit, rates);
    row->ratio = ratios[n / 2];
    row->ratio_of = probe_name;
}

/* ---- memory --------------------------------------------------------------------------------- */

/*
 * Every byte is a finite E4M3 code, and every pair of bytes a BF16 number of size below 2: the high
 * byte is at most 0x3F but for the sign.
 */
static void fill_region(void *context, int thread, int thread_count)
{
    struct bench *bench = context;
    (void)thread_count;
    struct rng rng = {.seed = 1, .stream = (uint64_t)thread};
    char *region = bench->regions[thread];
    size_t pattern = HUGE_PAGE < bench->region_bytes ? HUGE_PAGE : bench->region_bytes;
    for (size_t i = 0; i < pattern; i += 8) {
        uint64_t word = rng_next_u64(&rng) & 0xBFBFBFBFBFBFBFBFu;
        memcpy(region + i, &word, 8);
    }
    for (size_t i = pattern; i < bench->region_bytes; i += pattern)
        memcpy(region + i, region, pattern);
}

static size_t region_size(const struct kernel_bench_options *options)
{
    uint64_t bytes = options->memory_bytes;
    if (bytes == 0) {
        struct cpu_memory memory;
        cpu_memory_detect(&memory);
        bytes = (uint64_t)1 << 30;
        if (memory.usable && memory.usable / 2 < bytes)
            bytes = memory.usable / 2;
    }
    if (bytes < LEAST_MEMORY)
        bytes = LEAST_MEMORY;
    size_t share = (size_t)(bytes / (uint64_t)options->threads) / HUGE_PAGE * HUGE_PAGE;
    return share ? share : HUGE_PAGE;
}

static octet_status allocate(struct bench *bench, struct octet_error *err)
{
    size_t threads = (size_t)bench->threads;
    bench->regions = calloc(threads, sizeof bench->regions[0]);
    bench->scratch = calloc(threads, sizeof bench->scratch[0]);
    bench->sinks = calloc(threads, 8 * sizeof bench->sinks[0]);
    if (!bench->regions || !bench->scratch || !bench->sinks)
        return error_memory(err, "the kernel bench", threads);
    for (size_t i = 0; i < threads; i++) {
        bench->scratch[i] = aligned_alloc(64, BENCH_SCRATCH_BYTES);
        if (!bench->scratch[i] ||
            posix_memalign((void **)&bench->regions[i], HUGE_PAGE, bench->region_bytes) != 0) {
            bench->regions[i] = bench->scratch[i] ? NULL : bench->regions[i];
            return error_memory(err, "the weights of the kernel bench", bench->region_bytes);
        }
        /* Small pages where the system refuses: slower, and what a model would get too. */
        (void)madvise(bench->regions[i], bench->region_bytes, MADV_HUGEPAGE);
    }
    pool_run(bench->pool, fill_region, bench);
    return OCTET_OK;
}

static void bench_free(struct bench *bench)
{
    for (int i = 0; i < bench->threads; i++) {
        if (bench->regions)
            free(bench->regions[i]);
        if (bench->scratch)
            free(bench->scratch[i]);
    }
    free(bench->regions);
    free(bench->scratch);
    free(bench->sinks);
    pool_free(bench->pool);
}

octet_status bench_kernels(const struct kernel_bench_options *options,
                           struct kernel_bench_result *out, struct octet_error *err)
{
    if (options->threads < 1 || options->threads > POOL_THREADS_MAX || options->repeats < 0 ||
        options->repeats > BENCH_REPEATS_MAX)
        return error_set(err, OCTET_USAGE,
                         "bench kernels: threads must be 1 to %d, repeats 0 to %d",
                         POOL_THREADS_MAX, BENCH_REPEATS_MAX);
    struct bench bench = {.threads = options->threads,
                          .repeats = options->repeats ? options->repeats : 5,
                          .region_bytes = region_size(options),
                          .result = out};
    kernels_select(options->features, &bench.kernels);
    *out = (struct kernel_bench_result){.kernels = bench.kernels.name,
                                        .dot = bench.kernels.dot,
                                        .threads = bench.threads,
                                        .repeats = bench.repeats,
                                        .memory_bytes =
                                            (uint64_t)bench.region_bytes * (uint64_t)bench.threads};
    octet_status status = pool_create(options->threads, &bench.pool, err);
    if (status == OCTET_OK)
        status = allocate(&bench, err);
    if (status == OCTET_OK) {
        bench_probes(&bench);
        status = bench_products(&bench, err);
    }
    if (status == OCTET_OK)
        status = bench_attention(&bench, err);
    bench_free(&bench);
    return status;
}

/* ---- report --------------------------------------------------------------------------------- */

bool kernel_bench_text(const struct kernel_bench_result *result, struct buffer *out)
{
    buffer_printf(out, "kernels %s, sums by %s, %d thread%s, %.2f GiB of weights, median of %d\n",
                  result->kernels, result->dot, result->threads, result->threads == 1 ? "" : "s",
                  (double)result->memory_bytes / (1 << 30), result->repeats);
    for (size_t i = 0; i < result->row_count; i++) {
        const struct bench_row *row = &result->rows[i];
        buffer_printf(out, "%-44s %8.1f %-7s (%.1f-%.1f)", row->name, row->median, row->unit,
                      row->min, row->max);
        if (row->ratio_of)
            buffer_printf(out, "  %5.1f %% of %s", row->ratio * 100, row->ratio_of);
        buffer_append_char(out, '\n');
    }
    return !buffer_failed(out);
}

bool kernel_bench_json(const struct kernel_bench_result *result, struct buffer *out)
{
    buffer_printf(out,
                  "{\"kernels\":\"%s\",\"dot\":\"%s\",\"threads\":%d,\"repeats\":%d,"
                  "\"memory_bytes\":%llu,\"rows\":[",
                  result->kernels, result->dot, result->threads, result->repeats,
                  (unsigned long long)result->memory_bytes);
    for (size_t i = 0; i < result->row_count; i++) {
        const struct bench_row *row = &result->rows[i];
        buffer_printf(out,
                      "%s{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.4g,\"min\":%.4g,"
                      "\"max\":%.4g",
                      i ? "," : "", row->name, row->unit, row->median, row->min, row->max);
        if (row->ratio_of)
            buffer_printf(out, ",\"ratio\":%.4g,\"ratio_of\":\"%s\"", row->ratio, row->ratio_of);
        buffer_append_char(out, '}');
    }
    buffer_append_str(out, "]}\n");
    return !buffer_failed(out);
}
