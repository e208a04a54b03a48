/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over caches that lie in the threads' regions (BF16 numbers of size below 2): decode
 * reads 4,096 positions of as many KV heads as fit; prefill is 512 tokens from position 0.
 */
#include "bench/kernel_bench_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_DIM 128
#define BLOCK_SIZE 128
#define BLOCK_BYTES ((size_t)BLOCK_SIZE * HEAD_DIM * 2)
#define DECODE_LENGTH 4096
#define PREFILL_LENGTH 512

struct attention_case {
    struct bench *bench;
    size_t heads; /* query heads of a KV head */
    size_t length;
    size_t kv_heads; /* caches a thread goes through */
    bool prefill;
    int32_t *table; /* [length / BLOCK_SIZE] */
    uint16_t *q;    /* [ATTENTION_ROWS_MAX][HEAD_DIM] */
    float *states;  /* [threads][2][ATTENTION_ROWS_MAX][state] */
};

static size_t cache_bytes(const struct attention_case *c)
{
    return 2 * c->length * HEAD_DIM * sizeof(uint16_t);
}

/* All spans of some queries of one KV head. */
static void run_queries(const struct attention_case *c, int thread, const char *cache,
                        size_t tokens, size_t first_length)
{
    size_t floats = attention_state_floats(HEAD_DIM), rows = tokens * c->heads;
    float *span = c->states + (size_t)thread * 2 * ATTENTION_ROWS_MAX * floats;
    float *total = span + ATTENTION_ROWS_MAX * floats;
    uint16_t out[HEAD_DIM];
    struct attention_args args = {.tokens = tokens,
                                  .heads = c->heads,
                                  .head_dim = HEAD_DIM,
                                  .q = c->q,
                                  .q_token_stride = c->heads * HEAD_DIM,
                                  .first_length = first_length,
                                  .scale = 0.088f,
                                  .k = cache,
                                  .v = cache + c->length * HEAD_DIM * sizeof(uint16_t),
                                  .block_stride = BLOCK_BYTES,
                                  .block_table = c->table,
                                  .block_size = BLOCK_SIZE,
                                  .states = span,
                                  .scratch = c->bench->scratch[thread]};
    memset(total, 0, rows * floats * sizeof(float));
    for (args.span = 0; args.span * ATTENTION_SPAN < first_length + tokens - 1; args.span++) {
        c->bench->kernels.attention_span[FLOAT_BF16](&args);
        for (size_t r = 0; r < rows; r++)
            c->bench->kernels.attention_merge(total + r * floats, span + r * floats, HEAD_DIM);
    }
    for (size_t r = 0; r < rows; r++)
        c->bench->kernels.attention_finish[FLOAT_BF16](total + r * floats, HEAD_DIM, out);
    c->bench->sinks[thread * 8] += out[0];
}

static void run_thread(void *context, int thread, int thread_count)
{
    const struct attention_case *c = context;
    (void)thread_count;
    for (size_t head = 0; head < c->kv_heads; head++) {
        const char *cache = c->bench->regions[thread] + head * cache_bytes(c);
        if (!c->prefill) {
            run_queries(c, thread, cache, 1, c->length);
            continue;
        }
        size_t tokens = ATTENTION_ROWS_MAX / c->heads;
        for (size_t t = 0; t < c->length; t += tokens)
            run_queries(c, thread, cache, c->length - t < tokens ? c->length - t : tokens, t + 1);
    }
}

/* Decode: bytes of KV. Prefill: operations, 4 for each visible key, head and element. */
static double run_attention(struct bench *bench, void *context)
{
    const struct attention_case *c = context;
    pool_run(bench->pool, run_thread, context);
    double caches = (double)c->kv_heads * bench->threads, length = (double)c->length;
    if (!c->prefill)
        return caches * (double)cache_bytes(c);
    return caches * (double)c->heads * HEAD_DIM * 4.0 * length * (length + 1) / 2;
}

static void one_case(struct bench *bench, struct attention_case *c)
{
    char name[64];
    size_t fit = bench->region_bytes / cache_bytes(c);
    c->kv_heads = c->prefill && fit > 4 ? 4 : fit;
    if (fit == 0)
        return;
    if (c->prefill) {
        snprintf(name, sizeof name, "attention prefill %zu tokens, %zu heads a KV head", c->length,
                 c->heads);
        bench_against(bench, name, "GFLOP/s", run_attention, c, bench_probe_dot, "dot peak");
    } else {
        snprintf(name, sizeof name, "attention decode at %zu, %zu heads a KV head", c->length,
                 c->heads);
        bench_against(bench, name, "GB/s", run_attention, c, bench_probe_read, "read bandwidth");
    }
}

octet_status bench_attention(struct bench *bench, struct octet_error *err)
{
    struct attention_case c = {.bench = bench};
    size_t floats =
        (size_t)bench->threads * 2 * ATTENTION_ROWS_MAX * attention_state_floats(HEAD_DIM);
    octet_status status = OCTET_OK;
    c.table = malloc(DECODE_LENGTH / BLOCK_SIZE * sizeof c.table[0]);
    c.q = malloc(ATTENTION_ROWS_MAX * HEAD_DIM * sizeof c.q[0]);
    c.states = aligned_alloc(64, floats * sizeof(float));
    if (!c.table || !c.q || !c.states) {
        status = error_memory(err, "attention states of the kernel bench", floats * sizeof(float));
    } else {
        for (size_t i = 0; i < DECODE_LENGTH / BLOCK_SIZE; i++)
            c.table[i] = (int32_t)i;
        for (size_t i = 0; i < (size_t)ATTENTION_ROWS_MAX * HEAD_DIM; i++)
            c.q[i] = (uint16_t)(0x3E80 + i % 61);
        for (int prefill = 0; prefill < 2; prefill++) {
            for (c.heads = 2; c.heads <= 4; c.heads *= 2) {
                c.prefill = prefill;
                c.length = prefill ? PREFILL_LENGTH : DECODE_LENGTH;
                one_case(bench, &c);
            }
        }
    }
    free(c.table);
    free(c.q);
    free(c.states);
    return status;
}
