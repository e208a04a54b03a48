/* SPDX-License-Identifier: Apache-2.0 */
/* Processor time of each kernel of a table, from caches, one thread: other load matters little. */
#include "checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Median seconds of seven runs. */
static double time_of(void (*run)(void *), void *context)
{
    double seconds[7];
    run(context);
    for (int i = 0; i < 7; i++) {
        double t0 = processor_seconds();
        run(context);
        seconds[i] = processor_seconds() - t0;
    }
    qsort(seconds, 7, sizeof seconds[0], compare_doubles);
    return seconds[3];
}

struct gemm_bench {
    gemm_function *gemm;
    struct gemm_args args;
    int repeats;
};

static void run_gemm(void *context)
{
    struct gemm_bench *b = context;
    for (int i = 0; i < b->repeats; i++)
        b->gemm(&b->args);
}

static void bench_gemm(struct checker *c, enum panel_type weight, enum float_type x_type, size_t m)
{
    static const char *const weights[] = {"fp8", "bf16", "f32"};
    static const char *const xs[] = {"bf16", "f32"};
    size_t k = 1024, columns = 1024, panels = columns / PANEL_ROWS;
    void *x = block_new(m * k * 4), *w = block_new(panels * panel_bytes(weight, k));
    float *out = block_new(m * columns * 4);
    memset(x, 0, m * k * 4);
    memset(w, 0, panels * panel_bytes(weight, k));
    struct gemm_bench b = {.gemm = c->variant.gemm[weight][x_type]};
    b.args = (struct gemm_args){.m = m,
                                .blocks = panel_blocks(k),
                                .x = x,
                                .x_stride = k,
                                .panels = w,
                                .panel_stride = panel_bytes(weight, k),
                                .columns = columns,
                                .out = out,
                                .out_stride = columns,
                                .out_type = FLOAT_F32,
                                .scratch = block_new(GEMM_SCRATCH_BYTES)};
    b.repeats = m == 1 ? 20 : m < 32 ? 8 : 1;
    double seconds = time_of(run_gemm, &b) / b.repeats;
    printf("gemm %-4s x %-4s m %4zu: %8.2f us, %6.1f GFLOP/s, weights %5.1f GB/s\n",
           weights[weight], xs[x_type], m, seconds * 1e6,
           2e-9 * (double)(m * k * columns) / seconds,
           1e-9 * (double)(panels * panel_bytes(weight, k)) / seconds);
    free(x);
    free(w);
    free(out);
    free(b.args.scratch);
}

struct row_bench {
    struct kernels *table;
    enum float_type type;
    int which;
    void *x, *y;
    float *weight;
    size_t n;
};

static void run_row(void *context)
{
    struct row_bench *b = context;
    for (int i = 0; i < 100; i++) {
        if (b->which == 0)
            b->table->rms_norm[b->type](b->x, b->weight, 1e-6f, b->n, b->y);
        else if (b->which == 1)
            b->table->swiglu[b->type](b->x, b->x, b->n, b->y);
        else if (b->which == 2)
            b->table->add[b->type](b->x, b->x, b->n, b->y);
        else
            b->table->norm_rope[b->type](b->x, b->weight, 1e-6f, b->weight, b->weight, 128, b->y);
    }
}

static void bench_rows(struct checker *c)
{
    static const char *const names[] = {"rms_norm", "swiglu", "add", "norm_rope"};
    size_t n = 3072;
    for (size_t type = 0; type < FLOAT_TYPES; type++) {
        for (int which = 0; which < 4; which++) {
            struct row_bench b = {.table = &c->variant,
                                  .type = (enum float_type)type,
                                  .which = which,
                                  .x = block_new(n * 4),
                                  .y = block_new(n * 4),
                                  .weight = block_new(n * 4),
                                  .n = which == 3 ? 128 : n};
            fill_floats(c, b.type, PATTERN_NORMAL, n, b.x);
            fill_floats(c, FLOAT_F32, PATTERN_NORMAL, n, b.weight);
            double seconds = time_of(run_row, &b) / 100;
            printf("%-9s %s: %7.1f ns for %zu\n", names[which],
                   type == FLOAT_BF16 ? "bf16" : "f32 ", seconds * 1e9, b.n);
            free(b.x);
            free(b.y);
            free(b.weight);
        }
    }
}

struct attention_bench {
    struct kernels *table;
    enum float_type type;
    struct attention_args args;
    size_t spans;
};

static void run_attention(void *context)
{
    struct attention_bench *b = context;
    for (size_t span = 0; span < b->spans; span++) {
        b->args.span = span;
        b->table->attention_span[b->type](&b->args);
    }
}

static void bench_attention(struct checker *c, enum float_type type, size_t tokens, size_t heads)
{
    size_t head_dim = 128, length = 2048, size = type == FLOAT_BF16 ? 2 : 4;
    size_t count = length * head_dim;
    int32_t table[16];
    for (int i = 0; i < 16; i++)
        table[i] = i;
    void *q = block_new(tokens * heads * head_dim * size), *k = block_new(count * size);
    void *v = block_new(count * size);
    fill_floats(c, type, PATTERN_NORMAL, tokens * heads * head_dim, q);
    fill_floats(c, type, PATTERN_NORMAL, count, k);
    fill_floats(c, type, PATTERN_NORMAL, count, v);
    struct attention_bench b = {.table = &c->variant, .type = type, .spans = 4};
    b.args = (struct attention_args){
        .tokens = tokens,
        .heads = heads,
        .head_dim = head_dim,
        .q = q,
        .q_token_stride = heads * head_dim,
        .first_length = length - tokens + 1,
        .scale = 0.09f,
        .k = k,
        .v = v,
        .block_stride = 128 * head_dim * size,
        .block_table = table,
        .block_size = 128,
        .states = block_new(tokens * heads * attention_state_floats(head_dim) * 4),
        .scratch = block_new(ATTENTION_SCRATCH_BYTES)};
    double seconds = time_of(run_attention, &b);
    printf(
        "attention %s, %2zu tokens x %zu heads over %zu: %8.1f us, %6.1f GFLOP/s, KV %5.1f GB/s\n",
        type == FLOAT_BF16 ? "bf16" : "f32 ", tokens, heads, length, seconds * 1e6,
        4e-9 * (double)(tokens * heads * count) / seconds, 2e-9 * (double)(count * size) / seconds);
    free(q);
    free(k);
    free(v);
    free(b.args.states);
    free(b.args.scratch);
}

void bench_kernel_table(struct checker *c)
{
    const size_t ms[] = {1, 2, 4, 8, 16, 512};
    for (size_t i = 0; i < 6; i++)
        bench_gemm(c, PANEL_FP8, FLOAT_BF16, ms[i]);
    for (size_t i = 0; i < 6; i++)
        bench_gemm(c, PANEL_BF16, FLOAT_BF16, ms[i]);
    for (size_t i = 0; i < 6; i += 5) {
        bench_gemm(c, PANEL_FP8, FLOAT_F32, ms[i]);
        bench_gemm(c, PANEL_F32, FLOAT_F32, ms[i]);
    }
    bench_rows(c);
    for (size_t type = 0; type < FLOAT_TYPES; type++) {
        bench_attention(c, (enum float_type)type, 1, 2);
        bench_attention(c, (enum float_type)type, 1, 4);
        bench_attention(c, (enum float_type)type, 32, 2);
    }
}
