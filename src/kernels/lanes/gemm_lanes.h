/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products over sixteen lanes, for instruction sets with few or short registers. A file that
 * includes this defines TILE, the rows of x that share a load of weights, and instantiates
 * gemm_lanes() with the widening of one pair of columns.
 *
 * One row streams a panel through registers. More rows widen a block of the panel to float32 in the
 * first level cache and run TILE x 16 tiles over it, panel by panel of a group that shares the
 * widened block of x.
 */
#ifndef KERNELS_LANES_GEMM_H
#define KERNELS_LANES_GEMM_H

#include <string.h>

#include "kernels/lanes/lanes.h"

#define CHUNK 256
#define GROUP 4

struct lanes_scratch {
    float weights[PANEL_BLOCK][PANEL_ROWS];
    float x[CHUNK + TILE][PANEL_BLOCK];
    float totals[GROUP][CHUNK + TILE][PANEL_ROWS];
};
_Static_assert(sizeof(struct lanes_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the products");

/* Columns 2i and 2i+1 of a panel's rows: even and odd of rows 0-15, then of rows 16-31. */
typedef void widen_pair(const char *pair, struct v16 w[4]);

ALWAYS_INLINE void widen_pair_bf16(const char *pair, struct v16 w[4])
{
    v16_load_pairs((const void *)pair, &w[0], &w[1]);
    v16_load_pairs((const void *)(pair + 64), &w[2], &w[3]);
}

ALWAYS_INLINE void widen_pair_f32(const char *pair, struct v16 w[4])
{
    const float *columns = (const void *)pair;
    w[0] = v16_load(columns);
    w[2] = v16_load(columns + 16);
    w[1] = v16_load(columns + 32);
    w[3] = v16_load(columns + 48);
}

ALWAYS_INLINE void widen_x(enum float_type type, const void *x, size_t index, float *out)
{
    for (size_t i = 0; i < PANEL_BLOCK; i += 16)
        v16_store(out + i, v16_load_float(type, x, index + i));
}

/* The scales of rows 16 h .. 16 h + 15. */
ALWAYS_INLINE struct v16 load_scales(const struct gemm_args *a, size_t panel, size_t block,
                                     size_t h)
{
    if (!a->scales)
        return v16_set1(1.0f);
    const float *scales = a->scales + panel * a->scale_panel_stride + block * a->scale_block_stride;
    return a->scale_row_stride ? v16_load(scales + 16 * h) : v16_set1(*scales);
}

static void store_outputs(const struct gemm_args *a, size_t row, size_t column, float *totals)
{
    size_t left = a->columns - column;
    size_t count = left < PANEL_ROWS ? left : PANEL_ROWS;
    if (a->bias)
        for (size_t i = 0; i < count; i++)
            totals[i] += a->bias[column + i];
    if (a->out_type == FLOAT_F32) {
        memcpy((float *)a->out + row * a->out_stride + column, totals, count * sizeof(float));
        return;
    }
    uint16_t *out = (uint16_t *)a->out + row * a->out_stride + column, rounded[PANEL_ROWS];
    v16_store_bf16(rounded, v16_load(totals));
    v16_store_bf16(rounded + 16, v16_load(totals + 16));
    memcpy(out, rounded, count * sizeof(uint16_t));
}

ALWAYS_INLINE void stream_panel(const struct gemm_args *a, size_t panel, enum float_type x_type,
                                widen_pair *widen, size_t pair_bytes)
{
    const char *weights = (const char *)a->panels + panel * a->panel_stride;
    float *x = ((struct lanes_scratch *)a->scratch)->x[0], totals[PANEL_ROWS];
    struct v16 low_total = v16_set1(0.0f), high_total = v16_set1(0.0f);
    for (size_t block = 0; block < a->blocks; block++) {
        struct v16 low = v16_set1(0.0f), high = v16_set1(0.0f);
        widen_x(x_type, a->x, block * PANEL_BLOCK, x);
        for (size_t i = 0; i < PANEL_BLOCK / 2; i++, weights += pair_bytes) {
            struct v16 w[4], x0 = v16_set1(x[2 * i]), x1 = v16_set1(x[2 * i + 1]);
            widen(weights, w);
            low = v16_fma(x0, w[0], v16_fma(x1, w[1], low));
            high = v16_fma(x0, w[2], v16_fma(x1, w[3], high));
        }
        low_total = v16_fma(load_scales(a, panel, block, 0), low, low_total);
        high_total = v16_fma(load_scales(a, panel, block, 1), high, high_total);
    }
    v16_store(totals, low_total);
    v16_store(totals + 16, high_total);
    store_outputs(a, 0, panel * PANEL_ROWS, totals);
}

/* totals = fma(scale, sum of the block, totals) for TILE rows and 16 of the 32 outputs. */
ALWAYS_INLINE void tile_rows(float (*x)[PANEL_BLOCK], float (*weights)[PANEL_ROWS], size_t half,
                             struct v16 scale, float (*totals)[PANEL_ROWS])
{
    struct v16 acc[TILE];
#pragma GCC unroll 8
    for (size_t m = 0; m < TILE; m++)
        acc[m] = v16_set1(0.0f);
    for (size_t k = 0; k < PANEL_BLOCK; k += 2) {
        struct v16 odd = v16_load(weights[k + 1] + half), even;
#pragma GCC unroll 8
        for (size_t m = 0; m < TILE; m++)
            acc[m] = v16_fma(v16_set1(x[m][k + 1]), odd, acc[m]);
        even = v16_load(weights[k] + half);
#pragma GCC unroll 8
        for (size_t m = 0; m < TILE; m++)
            acc[m] = v16_fma(v16_set1(x[m][k]), even, acc[m]);
    }
#pragma GCC unroll 8
    for (size_t m = 0; m < TILE; m++)
        v16_store(totals[m] + half, v16_fma(scale, acc[m], v16_load(totals[m] + half)));
}

static __attribute__((noinline)) void tile_block(const struct gemm_args *a, size_t panel,
                                                 size_t block, struct lanes_scratch *s, size_t rows,
                                                 float (*totals)[PANEL_ROWS])
{
    struct v16 low = load_scales(a, panel, block, 0), high = load_scales(a, panel, block, 1);
    for (size_t m = 0; m < rows; m += TILE) {
        tile_rows(s->x + m, s->weights, 0, low, totals + m);
        tile_rows(s->x + m, s->weights, 16, high, totals + m);
    }
}

ALWAYS_INLINE void tile_group(const struct gemm_args *a, size_t panel, size_t count, size_t m0,
                              size_t rows, enum float_type x_type, widen_pair *widen,
                              size_t pair_bytes)
{
    struct lanes_scratch *s = a->scratch;
    for (size_t p = 0; p < count; p++)
        memset(s->totals[p], 0, (rows + TILE) * sizeof s->totals[p][0]);
    memset(s->x[rows], 0, TILE * sizeof s->x[0]);
    for (size_t block = 0; block < a->blocks; block++) {
        for (size_t m = 0; m < rows; m++)
            widen_x(x_type, a->x, (m0 + m) * a->x_stride + block * PANEL_BLOCK, s->x[m]);
        for (size_t p = 0; p < count; p++) {
            const char *weights = (const char *)a->panels + (panel + p) * a->panel_stride +
                                  block * pair_bytes * (PANEL_BLOCK / 2);
            for (size_t i = 0; i < PANEL_BLOCK / 2; i++) {
                struct v16 w[4];
                widen(weights + i * pair_bytes, w);
                v16_store(s->weights[2 * i], w[0]);
                v16_store(s->weights[2 * i] + 16, w[2]);
                v16_store(s->weights[2 * i + 1], w[1]);
                v16_store(s->weights[2 * i + 1] + 16, w[3]);
            }
            tile_block(a, panel + p, block, s, rows, s->totals[p]);
        }
    }
    for (size_t p = 0; p < count; p++)
        for (size_t m = 0; m < rows; m++)
            store_outputs(a, m0 + m, (panel + p) * PANEL_ROWS, s->totals[p][m]);
}

ALWAYS_INLINE void gemm_lanes(const struct gemm_args *a, enum float_type x_type, widen_pair *widen,
                              size_t pair_bytes)
{
    unsigned long saved = fp_mode_flush();
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    if (a->m == 1) {
        for (size_t p = 0; p < panels; p++)
            stream_panel(a, p, x_type, widen, pair_bytes);
    } else {
        for (size_t p = 0; p < panels; p += GROUP)
            for (size_t m = 0; m < a->m; m += CHUNK)
                tile_group(a, p, panels - p < GROUP ? panels - p : GROUP, m,
                           a->m - m < CHUNK ? a->m - m : CHUNK, x_type, widen, pair_bytes);
    }
    fp_mode_restore(saved);
}

/* ---- peak ----------------------------------------------------------------------------------- */

#define PROBE_CHAINS 6

static void dot_probe_lanes(size_t rounds)
{
    struct v16 acc[PROBE_CHAINS], half = v16_set1(0.5f), one = v16_set1(1.0f);
#pragma GCC unroll 6
    for (size_t j = 0; j < PROBE_CHAINS; j++)
        acc[j] = v16_set1((float)j); /* equal chains would be merged */
    for (size_t i = 0; i < rounds; i++) {
#pragma GCC unroll 6
        for (size_t j = 0; j < PROBE_CHAINS; j++)
            acc[j] = v16_fma(acc[j], half, one);
    }
#pragma GCC unroll 6
    for (size_t j = 1; j < PROBE_CHAINS; j++)
        acc[0] = v16_add(acc[0], acc[j]);
    volatile float sink = v16_sum(acc[0]);
    (void)sink;
}

#endif
