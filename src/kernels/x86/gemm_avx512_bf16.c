/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of BF16 activations with VDPBF16PS. The instruction computes
 * fma(x[2i], w[2i], fma(x[2i+1], w[2i+1], acc)) with denormals flushed, which is the definition, so
 * these give the bits of the FMA variants; they are the faster ones on AMD processors.
 */
#include "kernels/x86/fp8_table.h"
#include "kernels/x86/gemm_avx512.h"
#include "kernels/x86/x86.h"

#define PAIRS (PANEL_BLOCK / 2)

struct bf16_scratch {
    uint32_t weights[PAIRS][PANEL_ROWS]; /* BF16 pairs */
    uint32_t x[CHUNK + TILE][PAIRS];
    float totals[GROUP][CHUNK + TILE][PANEL_ROWS];
};
_Static_assert(sizeof(struct bf16_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the BF16 products");

/* BF16 pairs of rows 0-15 and 16-31. */
typedef void load_pair(const char *pair, __m512i w[2]);

ALWAYS_INLINE void load_pair_fp8(const char *pair, __m512i w[2])
{
    const struct fp8_tables tables = fp8_tables_load();
    fp8_expand(&tables, _mm512_loadu_si512(pair), &w[0], &w[1]);
}

ALWAYS_INLINE void load_pair_bf16(const char *pair, __m512i w[2])
{
    w[0] = _mm512_loadu_si512(pair);
    w[1] = _mm512_loadu_si512(pair + 64);
}

ALWAYS_INLINE __m512 dot(__m512 acc, __m512i x, __m512i w)
{
    return _mm512_dpbf16_ps(acc, (__m512bh)x, (__m512bh)w);
}

ALWAYS_INLINE __m512i broadcast_pair(const uint16_t *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
}

ALWAYS_INLINE void dot_pair(const __m512i w[2], const uint16_t *x, size_t x_stride, size_t rows,
                            __m512 acc[][2])
{
#pragma GCC unroll 4
    for (size_t m = 0; m < rows; m++) {
        __m512i value = broadcast_pair(x + m * x_stride);
        acc[m][0] = dot(acc[m][0], value, w[0]);
        acc[m][1] = dot(acc[m][1], value, w[1]);
    }
}

/* A panel for `rows` <= 4 rows, `depth` blocks side by side. */
ALWAYS_INLINE void stream_bf16(const struct gemm_args *a, size_t panel, size_t rows, size_t depth,
                               load_pair *load, size_t pair_bytes)
{
    const char *weights = (const char *)a->panels + panel * a->panel_stride;
    const size_t block_bytes = pair_bytes * PAIRS;
    __m512 total[4][2];
    for (size_t m = 0; m < rows; m++)
        total[m][0] = total[m][1] = _mm512_setzero_ps();
    size_t block = 0;
    while (block < a->blocks) {
        size_t width = a->blocks - block >= depth ? depth : 1;
        const uint16_t *x = (const uint16_t *)a->x + block * PANEL_BLOCK;
        __m512 acc[2][4][2];
        for (size_t b = 0; b < depth; b++)
            for (size_t m = 0; m < rows; m++)
                acc[b][m][0] = acc[b][m][1] = _mm512_setzero_ps();
        if (depth == 2 && width == 2) {
            for (size_t i = 0; i < PAIRS; i++) {
                __m512i w[2], v[2];
                load(weights + i * pair_bytes, w);
                dot_pair(w, x + 2 * i, a->x_stride, rows, acc[0]);
                load(weights + block_bytes + i * pair_bytes, v);
                dot_pair(v, x + PANEL_BLOCK + 2 * i, a->x_stride, rows, acc[1]);
            }
        } else {
            for (size_t i = 0; i < PAIRS; i++) {
                __m512i w[2];
                load(weights + i * pair_bytes, w);
                dot_pair(w, x + 2 * i, a->x_stride, rows, acc[0]);
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

ALWAYS_INLINE void tile_rows_bf16(size_t rows, uint32_t (*x)[PAIRS],
                                  uint32_t (*weights)[PANEL_ROWS], const __m512 scale[2],
                                  float (*totals)[PANEL_ROWS])
{
    __m512 acc[TILE][2];
#pragma GCC unroll 12
    for (size_t m = 0; m < rows; m++)
        acc[m][0] = acc[m][1] = _mm512_setzero_ps();
    for (size_t i = 0; i < PAIRS; i++) {
        __m512i w0 = _mm512_load_si512(weights[i]), w1 = _mm512_load_si512(weights[i] + 16);
#pragma GCC unroll 12
        for (size_t m = 0; m < rows; m++) {
            __m512i value = _mm512_set1_epi32((int)x[m][i]);
            acc[m][0] = dot(acc[m][0], value, w0);
            acc[m][1] = dot(acc[m][1], value, w1);
        }
    }
#pragma GCC unroll 12
    for (size_t m = 0; m < rows; m++)
        for (size_t h = 0; h < 2; h++) {
            __m512 total = _mm512_fmadd_ps(scale[h], acc[m][h], _mm512_load_ps(totals[m] + h * 16));
            _mm512_store_ps(totals[m] + h * 16, total);
        }
}

static __attribute__((noinline)) void tile_block_bf16(struct bf16_scratch *s, size_t rows,
                                                      const __m512 scale[2],
                                                      float (*totals)[PANEL_ROWS])
{
    size_t m = 0;
    for (; m + TILE <= rows; m += TILE)
        tile_rows_bf16(TILE, s->x + m, s->weights, scale, totals + m);
    if (rows - m > 8)
        tile_rows_bf16(12, s->x + m, s->weights, scale, totals + m);
    else if (rows - m > 4)
        tile_rows_bf16(8, s->x + m, s->weights, scale, totals + m);
    else if (rows > m)
        tile_rows_bf16(4, s->x + m, s->weights, scale, totals + m);
}

ALWAYS_INLINE void group_bf16(const struct gemm_args *a, size_t panel, size_t count, size_t m0,
                              size_t rows, load_pair *load, size_t pair_bytes)
{
    struct bf16_scratch *s = a->scratch;
    for (size_t p = 0; p < count; p++)
        memset(s->totals[p], 0, (rows + TILE) * sizeof s->totals[p][0]);
    memset(s->x[rows], 0, TILE * sizeof s->x[0]);
    for (size_t block = 0; block < a->blocks; block++) {
        for (size_t m = 0; m < rows; m++)
            memcpy(s->x[m], (const uint16_t *)a->x + (m0 + m) * a->x_stride + block * PANEL_BLOCK,
                   sizeof s->x[m]);
        for (size_t p = 0; p < count; p++) {
            const char *weights = (const char *)a->panels + (panel + p) * a->panel_stride +
                                  block * pair_bytes * PAIRS;
            __m512 scale[2];
            load_scales(a, panel + p, block, scale);
            for (size_t i = 0; i < PAIRS; i++) {
                __m512i w[2];
                load(weights + i * pair_bytes, w);
                _mm512_store_si512(s->weights[i], w[0]);
                _mm512_store_si512(s->weights[i] + 16, w[1]);
            }
            tile_block_bf16(s, rows, scale, s->totals[p]);
        }
    }
    for (size_t p = 0; p < count; p++)
        for (size_t m = 0; m < rows; m++)
            store_outputs(a, m0 + m, (panel + p) * PANEL_ROWS, _mm512_load_ps(s->totals[p][m]),
                          _mm512_load_ps(s->totals[p][m] + 16));
}

ALWAYS_INLINE void gemm_bf16(const struct gemm_args *a, load_pair *load, size_t pair_bytes)
{
    unsigned long saved = fp_mode_flush();
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    if (a->m <= 4) {
        for (size_t p = 0; p < panels; p++) {
            if (a->m == 1)
                stream_bf16(a, p, 1, 2, load, pair_bytes);
            else if (a->m == 2)
                stream_bf16(a, p, 2, 2, load, pair_bytes);
            else if (a->m == 3)
                stream_bf16(a, p, 3, 1, load, pair_bytes);
            else if (a->m == 4)
                stream_bf16(a, p, 4, 1, load, pair_bytes);
        }
    } else {
        for (size_t p = 0; p < panels; p += GROUP)
            for (size_t m = 0; m < a->m; m += CHUNK)
                group_bf16(a, p, panels - p < GROUP ? panels - p : GROUP, m,
                           a->m - m < CHUNK ? a->m - m : CHUNK, load, pair_bytes);
    }
    fp_mode_restore(saved);
}

static void gemm_fp8_bf16_dpbf16(const struct gemm_args *a)
{
    gemm_bf16(a, load_pair_fp8, 64);
}
static void gemm_bf16_bf16_dpbf16(const struct gemm_args *a)
{
    gemm_bf16(a, load_pair_bf16, 128);
}

#define PROBE_CHAINS 24

static void dot_probe_bf16(size_t rounds)
{
    __m512 acc[PROBE_CHAINS];
    __m512i ones = _mm512_set1_epi16(0x3F80), halves = _mm512_set1_epi16(0x3F00);
#pragma GCC unroll 24
    for (size_t j = 0; j < PROBE_CHAINS; j++)
        acc[j] = _mm512_set1_ps((float)j); /* equal chains would be merged */
    for (size_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < PROBE_CHAINS; j++)
            acc[j] = dot(acc[j], ones, halves);
    }
#pragma GCC unroll 24
    for (size_t j = 1; j < PROBE_CHAINS; j++)
        acc[0] = _mm512_add_ps(acc[0], acc[j]);
    volatile float sink = _mm512_cvtss_f32(acc[0]);
    (void)sink;
}

void kernels_avx512_bf16_gemm(struct kernels *table)
{
    table->dot_probe = dot_probe_bf16;
    table->dot_probe_flop = 2 * 32 * PROBE_CHAINS;
    table->dot = "vdpbf16ps zmm";
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_dpbf16;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_dpbf16;
}
