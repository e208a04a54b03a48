/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products in zmm registers: what the variants that sum with float32 FMA share. A file gives
 * the widening of one pair of columns and instantiates gemm_avx512().
 *
 * Few rows (m <= 4): a panel streams once through registers. More rows: groups of panels go block
 * by block; the block of x is widened to float32 once for the group, each panel's block once for up
 * to CHUNK rows, and 12 x 32 tiles run over both from the first level cache.
 */
#ifndef KERNELS_X86_GEMM_AVX512_H
#define KERNELS_X86_GEMM_AVX512_H

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/lanes/inline.h"
#include "kernels/x86/mxcsr.h"

/*
 * Weights are fetched this far ahead of their use. The panels of a run follow each other, so what
 * lies there is what comes next. Measured on one Emerald Rapids core reading from memory: m = 1
 * from 9.8 to 14.0 GB/s, m = 2 from 7.0 to 12.2, m = 4 from 6.2 to 9.8. (Zen 4 is better off
 * without, and has its own products in gemm_avx512_bf16.c.)
 */
#define STREAM_AHEAD (2 * PANEL_BLOCK * PANEL_ROWS)
#define TILE_AHEAD (PANEL_BLOCK * PANEL_ROWS)

#define CHUNK 512
#define GROUP 4
#define TILE 12

struct avx512_scratch {
    float weights[PANEL_BLOCK][PANEL_ROWS];
    float x[CHUNK + TILE][PANEL_BLOCK];
    float totals[GROUP][CHUNK + TILE][PANEL_ROWS];
};
_Static_assert(sizeof(struct avx512_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the products");

/* Columns 2i and 2i+1 of the 32 rows as float32: w[0], w[1] even and odd of rows 0-15, w[2], w[3]
 * of rows 16-31. `pair` is where the pair begins in the panel. */
typedef void widen_pair(const char *pair, __m512 w[4]);

ALWAYS_INLINE void split_bf16(__m512i pairs, __m512 *even, __m512 *odd)
{
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xFFFF0000u)));
}

ALWAYS_INLINE void widen_pair_bf16(const char *pair, __m512 w[4])
{
    split_bf16(_mm512_loadu_si512(pair), &w[0], &w[1]);
    split_bf16(_mm512_loadu_si512(pair + 64), &w[2], &w[3]);
}

ALWAYS_INLINE void widen_pair_f32(const char *pair, __m512 w[4])
{
    w[0] = _mm512_loadu_ps(pair);
    w[2] = _mm512_loadu_ps(pair + 64);
    w[1] = _mm512_loadu_ps(pair + 128);
    w[3] = _mm512_loadu_ps(pair + 192);
}

/* A prefetch of an address that is not mapped does nothing. */
ALWAYS_INLINE void prefetch_ahead(const char *pair, size_t distance, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const void *)((uintptr_t)pair + distance + i), _MM_HINT_T0);
}

/* n is a multiple of 16. */
ALWAYS_INLINE void widen_x(enum float_type type, const void *x, size_t index, size_t n, float *out)
{
    if (type == FLOAT_F32) {
        memcpy(out, (const float *)x + index, n * sizeof(float));
        return;
    }
    const uint16_t *source = (const uint16_t *)x + index;
    for (size_t i = 0; i < n; i += 16) {
        __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(source + i)));
        _mm512_storeu_ps(out + i, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
    }
}

/* Scales of rows 0-15 and 16-31 of one block. */
ALWAYS_INLINE void load_scales(const struct gemm_args *a, size_t panel, size_t block, __m512 s[2])
{
    if (!a->scales) {
        s[0] = s[1] = _mm512_set1_ps(1.0f);
        return;
    }
    const float *scales = a->scales + panel * a->scale_panel_stride + block * a->scale_block_stride;
    if (a->scale_row_stride) {
        s[0] = _mm512_loadu_ps(scales);
        s[1] = _mm512_loadu_ps(scales + 16);
    } else {
        s[0] = s[1] = _mm512_set1_ps(*scales);
    }
}

/* 16 floats to BF16, nearest even, NaN made quiet. */
ALWAYS_INLINE __m256i round_bf16(__m512 value)
{
    __m512i bits = _mm512_castps_si512(value);
    __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(lsb, _mm512_set1_epi32(0x7FFF)));
    __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

/* The 32 outputs of one row, from column `column` on, cut at a->columns. */
ALWAYS_INLINE void store_outputs(const struct gemm_args *a, size_t row, size_t column, __m512 low,
                                 __m512 high)
{
    size_t left = a->columns - column;
    uint32_t valid = left >= PANEL_ROWS ? 0xFFFFFFFFu : (1u << left) - 1;
    __mmask16 masks[2] = {(__mmask16)valid, (__mmask16)(valid >> 16)};
    __m512 values[2] = {low, high};
    for (size_t h = 0; h < 2; h++) {
        size_t at = column + h * 16;
        __m512 y = values[h];
        if (a->bias)
            y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(masks[h], a->bias + at));
        if (a->out_type == FLOAT_BF16)
            _mm256_mask_storeu_epi16((uint16_t *)a->out + row * a->out_stride + at, masks[h],
                                     round_bf16(y));
        else
            _mm512_mask_storeu_ps((float *)a->out + row * a->out_stride + at, masks[h], y);
    }
}

/* ---- few rows ------------------------------------------------------------------------------- */

/* One pair of columns for `rows` rows of x; acc[m][0..1]. */
ALWAYS_INLINE void pair_step(const __m512 w[4], const float *x, size_t x_stride, size_t rows,
                             __m512 acc[][2])
{
#pragma GCC unroll 4
    for (size_t m = 0; m < rows; m++) {
        __m512 x0 = _mm512_set1_ps(x[m * x_stride]), x1 = _mm512_set1_ps(x[m * x_stride + 1]);
        acc[m][0] = _mm512_fmadd_ps(x1, w[1], acc[m][0]);
        acc[m][1] = _mm512_fmadd_ps(x1, w[3], acc[m][1]);
        acc[m][0] = _mm512_fmadd_ps(x0, w[0], acc[m][0]);
        acc[m][1] = _mm512_fmadd_ps(x0, w[2], acc[m][1]);
    }
}

/*
 * A panel for `rows` <= 4 rows. `depth` blocks run side by side (two when there is one row) so that
 * several chains of dependent sums are in flight.
 */
ALWAYS_INLINE void stream_panel(const struct gemm_args *a, size_t panel, enum float_type x_type,
                                size_t rows, size_t depth, widen_pair *widen, size_t pair_bytes,
                                float *x_block)
{
    const char *weights = (const char *)a->panels + panel * a->panel_stride;
    const size_t block_bytes = pair_bytes * (PANEL_BLOCK / 2);
    __m512 total[4][2];
    for (size_t m = 0; m < rows; m++)
        total[m][0] = total[m][1] = _mm512_setzero_ps();
    size_t block = 0;
    while (block < a->blocks) {
        size_t width = a->blocks - block >= depth ? depth : 1;
        for (size_t m = 0; m < rows; m++)
            widen_x(x_type, a->x, m * a->x_stride + block * PANEL_BLOCK, width * PANEL_BLOCK,
                    x_block + m * 2 * PANEL_BLOCK);
        __m512 acc[2][4][2];
        for (size_t b = 0; b < depth; b++)
            for (size_t m = 0; m < rows; m++)
                acc[b][m][0] = acc[b][m][1] = _mm512_setzero_ps();
        if (depth == 2 && width == 2) {
            for (size_t i = 0; i < PANEL_BLOCK / 2; i++) {
                __m512 w[4], v[4];
                prefetch_ahead(weights + i * pair_bytes, STREAM_AHEAD, pair_bytes);
                prefetch_ahead(weights + block_bytes + i * pair_bytes, STREAM_AHEAD, pair_bytes);
                widen(weights + i * pair_bytes, w);
                pair_step(w, x_block + 2 * i, 2 * PANEL_BLOCK, rows, acc[0]);
                widen(weights + block_bytes + i * pair_bytes, v);
                pair_step(v, x_block + PANEL_BLOCK + 2 * i, 2 * PANEL_BLOCK, rows, acc[1]);
            }
        } else {
            for (size_t i = 0; i < PANEL_BLOCK / 2; i++) {
                __m512 w[4];
                prefetch_ahead(weights + i * pair_bytes, STREAM_AHEAD, pair_bytes);
                widen(weights + i * pair_bytes, w);
                pair_step(w, x_block + 2 * i, 2 * PANEL_BLOCK, rows, acc[0]);
            }
        }
        for (size_t b = 0; b < width; b++) {
            __m512 s[2];
            load_scales(a, panel, block + b, s);
            for (size_t m = 0; m < rows; m++)
                for (size_t h = 0; h < 2; h++)
                    total[m][h] = _mm512_fmadd_ps(s[h], acc[b][m][h], total[m][h]);
        }
        block += width;
        weights += width * block_bytes;
    }
    for (size_t m = 0; m < rows; m++)
        store_outputs(a, m, panel * PANEL_ROWS, total[m][0], total[m][1]);
}

/* ---- many rows ------------------------------------------------------------------------------ */

/*
 * totals[m] = fma(scale, block sum, totals[m]) for `rows` (4, 8 or 12) rows of one block. 64 lines
 * from `ahead` on are fetched meanwhile.
 */
ALWAYS_INLINE void tile_rows(size_t rows, float (*x)[PANEL_BLOCK], float (*weights)[PANEL_ROWS],
                             const __m512 scale[2], float (*totals)[PANEL_ROWS], const char *ahead)
{
    __m512 acc[TILE][2];
#pragma GCC unroll 12
    for (size_t m = 0; m < rows; m++)
        acc[m][0] = acc[m][1] = _mm512_setzero_ps();
    for (size_t k = 0; k < PANEL_BLOCK; k += 2) {
        prefetch_ahead(ahead, k / 2 * 64, 64);
        __m512 w0 = _mm512_load_ps(weights[k + 1]), w1 = _mm512_load_ps(weights[k + 1] + 16);
#pragma GCC unroll 12
        for (size_t m = 0; m < rows; m++) {
            __m512 value = _mm512_set1_ps(x[m][k + 1]);
            acc[m][0] = _mm512_fmadd_ps(value, w0, acc[m][0]);
            acc[m][1] = _mm512_fmadd_ps(value, w1, acc[m][1]);
        }
        w0 = _mm512_load_ps(weights[k]);
        w1 = _mm512_load_ps(weights[k] + 16);
#pragma GCC unroll 12
        for (size_t m = 0; m < rows; m++) {
            __m512 value = _mm512_set1_ps(x[m][k]);
            acc[m][0] = _mm512_fmadd_ps(value, w0, acc[m][0]);
            acc[m][1] = _mm512_fmadd_ps(value, w1, acc[m][1]);
        }
    }
#pragma GCC unroll 12
    for (size_t m = 0; m < rows; m++)
        for (size_t h = 0; h < 2; h++) {
            __m512 total = _mm512_fmadd_ps(scale[h], acc[m][h], _mm512_load_ps(totals[m] + h * 16));
            _mm512_store_ps(totals[m] + h * 16, total);
        }
}

/* Never inlined: three copies serve all weight types. `ahead` is fetched during the first tile. */
static __attribute__((noinline)) void tile_block(struct avx512_scratch *s, size_t rows,
                                                 const __m512 scale[2], float (*totals)[PANEL_ROWS],
                                                 const char *ahead)
{
    const char *hot = (const char *)s->weights; /* a fetch of what is there costs little */
    size_t m = 0;
    for (; m + TILE <= rows; m += TILE)
        tile_rows(TILE, s->x + m, s->weights, scale, totals + m, m ? hot : ahead);
    if (rows - m > 8)
        tile_rows(12, s->x + m, s->weights, scale, totals + m, m ? hot : ahead);
    else if (rows - m > 4)
        tile_rows(8, s->x + m, s->weights, scale, totals + m, m ? hot : ahead);
    else if (rows > m)
        tile_rows(4, s->x + m, s->weights, scale, totals + m, m ? hot : ahead);
}

ALWAYS_INLINE void widen_block(const char *block, widen_pair *widen, size_t pair_bytes,
                               struct avx512_scratch *s)
{
    for (size_t i = 0; i < PANEL_BLOCK / 2; i++) {
        __m512 w[4];
        if (pair_bytes > 64) /* FP8 is fetched during the tile, more evenly */
            prefetch_ahead(block + i * pair_bytes, TILE_AHEAD, pair_bytes);
        widen(block + i * pair_bytes, w);
        _mm512_store_ps(s->weights[2 * i], w[0]);
        _mm512_store_ps(s->weights[2 * i] + 16, w[2]);
        _mm512_store_ps(s->weights[2 * i + 1], w[1]);
        _mm512_store_ps(s->weights[2 * i + 1] + 16, w[3]);
    }
}

/* Panels [panel, panel + count) for rows [m0, m0 + rows). */
ALWAYS_INLINE void tile_group(const struct gemm_args *a, size_t panel, size_t count, size_t m0,
                              size_t rows, enum float_type x_type, widen_pair *widen,
                              size_t pair_bytes)
{
    struct avx512_scratch *s = a->scratch;
    for (size_t p = 0; p < count; p++)
        memset(s->totals[p], 0, (rows + TILE) * sizeof s->totals[p][0]);
    memset(s->x[rows], 0, TILE * sizeof s->x[0]);
    for (size_t block = 0; block < a->blocks; block++) {
        for (size_t m = 0; m < rows; m++)
            widen_x(x_type, a->x, (m0 + m) * a->x_stride + block * PANEL_BLOCK, PANEL_BLOCK,
                    s->x[m]);
        for (size_t p = 0; p < count; p++) {
            __m512 scale[2];
            load_scales(a, panel + p, block, scale);
            const char *weights = (const char *)a->panels + (panel + p) * a->panel_stride +
                                  block * pair_bytes * (PANEL_BLOCK / 2);
            widen_block(weights, widen, pair_bytes, s);
            tile_block(s, rows, scale, s->totals[p],
                       pair_bytes > 64 ? (const char *)s->weights
                                       : (const char *)((uintptr_t)weights + TILE_AHEAD));
        }
    }
    for (size_t p = 0; p < count; p++)
        for (size_t m = 0; m < rows; m++)
            store_outputs(a, m0 + m, (panel + p) * PANEL_ROWS, _mm512_load_ps(s->totals[p][m]),
                          _mm512_load_ps(s->totals[p][m] + 16));
}

ALWAYS_INLINE void gemm_avx512(const struct gemm_args *a, enum float_type x_type, widen_pair *widen,
                               size_t pair_bytes)
{
    unsigned long saved = fp_mode_flush();
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    if (a->m <= 4) {
        float *x_block = ((struct avx512_scratch *)a->scratch)->x[0];
        for (size_t p = 0; p < panels; p++) {
            if (a->m == 1)
                stream_panel(a, p, x_type, 1, 2, widen, pair_bytes, x_block);
            else if (a->m == 2)
                stream_panel(a, p, x_type, 2, 1, widen, pair_bytes, x_block);
            else if (a->m == 3)
                stream_panel(a, p, x_type, 3, 1, widen, pair_bytes, x_block);
            else if (a->m == 4)
                stream_panel(a, p, x_type, 4, 1, widen, pair_bytes, x_block);
        }
    } else {
        for (size_t p = 0; p < panels; p += GROUP)
            for (size_t m = 0; m < a->m; m += CHUNK)
                tile_group(a, p, panels - p < GROUP ? panels - p : GROUP, m,
                           a->m - m < CHUNK ? a->m - m : CHUNK, x_type, widen, pair_bytes);
    }
    fp_mode_restore(saved);
}

#endif
