/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products for AVX2, FMA and F16C. One row streams a panel through registers; more rows
 * widen a block of the panel to float32 in the first level cache and run 6 x 16 tiles over it.
 */
#include <string.h>

#include "kernels/lanes/inline.h"
#include "kernels/x86/mxcsr.h"
#include "kernels/x86/x86.h"
#include "numeric/half.h"

#define CHUNK 256
#define GROUP 4
#define TILE 6

struct avx2_scratch {
    float weights[PANEL_BLOCK][PANEL_ROWS];
    float x[CHUNK + TILE][PANEL_BLOCK];
    float totals[GROUP][CHUNK + TILE][PANEL_ROWS];
};
_Static_assert(sizeof(struct avx2_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the products");

/*
 * Columns 2i and 2i+1 of the 32 rows as float32. Vector l (0..3) holds rows "order(l)":
 * natural: rows 8l..8l+7. Lane order of FP8: rows 4l..4l+3, then 16+4l..16+4l+3.
 */
typedef void widen_pair(const char *pair, __m256 even[4], __m256 odd[4]);

ALWAYS_INLINE __m256 half_to_f32(__m128i half)
{
    return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
}

/* By way of binary16, which gives code * 2^-8 exactly: see gemm_avx512.c. */
ALWAYS_INLINE void widen_pair_fp8(const char *pair, __m256 even[4], __m256 odd[4])
{
    const __m256i mask = _mm256_set1_epi16((short)0xBF80);
    for (int h = 0; h < 2; h++) {
        __m256i codes = _mm256_loadu_si256((const void *)(pair + 32 * h));
        __m256i o = _mm256_and_si256(_mm256_srai_epi16(codes, 1), mask);
        __m256i e = _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(codes, 8), 1), mask);
        even[2 * h] = half_to_f32(_mm256_castsi256_si128(e));
        even[2 * h + 1] = half_to_f32(_mm256_extracti128_si256(e, 1));
        odd[2 * h] = half_to_f32(_mm256_castsi256_si128(o));
        odd[2 * h + 1] = half_to_f32(_mm256_extracti128_si256(o, 1));
    }
}

ALWAYS_INLINE void widen_pair_bf16(const char *pair, __m256 even[4], __m256 odd[4])
{
    for (int l = 0; l < 4; l++) {
        __m256i pairs = _mm256_loadu_si256((const void *)(pair + 32 * l));
        even[l] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
        odd[l] = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000u)));
    }
}

ALWAYS_INLINE void widen_pair_f32(const char *pair, __m256 even[4], __m256 odd[4])
{
    for (int l = 0; l < 4; l++) {
        even[l] = _mm256_loadu_ps((const float *)(const void *)(pair + 32 * l));
        odd[l] = _mm256_loadu_ps((const float *)(const void *)(pair + 128 + 32 * l));
    }
}

/* Vectors in lane order or natural order to 32 consecutive floats. */
ALWAYS_INLINE void store_32(float *out, const __m256 v[4], int lane_order)
{
    for (int l = 0; l < 4; l++) {
        if (lane_order) {
            _mm_storeu_ps(out + 4 * l, _mm256_castps256_ps128(v[l]));
            _mm_storeu_ps(out + 16 + 4 * l, _mm256_extractf128_ps(v[l], 1));
        } else {
            _mm256_storeu_ps(out + 8 * l, v[l]);
        }
    }
}

ALWAYS_INLINE void widen_x(enum float_type type, const void *x, size_t index, float *out)
{
    if (type == FLOAT_F32) {
        memcpy(out, (const float *)x + index, PANEL_BLOCK * sizeof(float));
        return;
    }
    const uint16_t *source = (const uint16_t *)x + index;
    for (size_t i = 0; i < PANEL_BLOCK; i += 8) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(source + i)));
        _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
}

ALWAYS_INLINE void load_scales(const struct gemm_args *a, size_t panel, size_t block, __m256 s[4])
{
    for (int l = 0; l < 4; l++) {
        s[l] = _mm256_set1_ps(1.0f);
        if (a->scales) {
            const float *scales =
                a->scales + panel * a->scale_panel_stride + block * a->scale_block_stride;
            s[l] = a->scale_row_stride ? _mm256_loadu_ps(scales + 8 * l) : _mm256_set1_ps(*scales);
        }
    }
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
    uint16_t *out = (uint16_t *)a->out + row * a->out_stride + column;
    for (size_t i = 0; i < count; i++)
        out[i] = bf16_from_f32(totals[i]);
}

/* totals = fma(scale, acc, totals) for 32 outputs in memory. */
ALWAYS_INLINE void scale_32(const struct gemm_args *a, size_t panel, size_t block, const float *acc,
                            float *totals)
{
    __m256 s[4];
    load_scales(a, panel, block, s);
    for (int l = 0; l < 4; l++)
        _mm256_storeu_ps(totals + 8 * l, _mm256_fmadd_ps(s[l], _mm256_loadu_ps(acc + 8 * l),
                                                         _mm256_loadu_ps(totals + 8 * l)));
}

ALWAYS_INLINE void stream_panel(const struct gemm_args *a, size_t panel, enum float_type x_type,
                                widen_pair *widen, size_t pair_bytes, int lane_order)
{
    const char *weights = (const char *)a->panels + panel * a->panel_stride;
    float *x = ((struct avx2_scratch *)a->scratch)->x[0];
    float totals[PANEL_ROWS] = {0}, sums[PANEL_ROWS];
    for (size_t block = 0; block < a->blocks; block++) {
        __m256 acc[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                         _mm256_setzero_ps()};
        widen_x(x_type, a->x, block * PANEL_BLOCK, x);
        for (size_t i = 0; i < PANEL_BLOCK / 2; i++, weights += pair_bytes) {
            __m256 even[4], odd[4];
            __m256 x0 = _mm256_set1_ps(x[2 * i]), x1 = _mm256_set1_ps(x[2 * i + 1]);
            widen(weights, even, odd);
            for (int l = 0; l < 4; l++)
                acc[l] = _mm256_fmadd_ps(x0, even[l], _mm256_fmadd_ps(x1, odd[l], acc[l]));
        }
        store_32(sums, acc, lane_order);
        scale_32(a, panel, block, sums, totals);
    }
    store_outputs(a, 0, panel * PANEL_ROWS, totals);
}

/* Six rows by 16 outputs of one block, sums to acc[6][32]. */
ALWAYS_INLINE void tile_rows(float (*x)[PANEL_BLOCK], float (*weights)[PANEL_ROWS],
                             float (*sums)[PANEL_ROWS])
{
    __m256 acc[TILE][2];
#pragma GCC unroll 6
    for (size_t m = 0; m < TILE; m++)
        acc[m][0] = acc[m][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < PANEL_BLOCK; k += 2) {
#pragma GCC unroll 2
        for (size_t odd = 2; odd-- > 0;) {
            __m256 w0 = _mm256_loadu_ps(weights[k + odd]);
            __m256 w1 = _mm256_loadu_ps(weights[k + odd] + 8);
#pragma GCC unroll 6
            for (size_t m = 0; m < TILE; m++) {
                __m256 value = _mm256_set1_ps(x[m][k + odd]);
                acc[m][0] = _mm256_fmadd_ps(value, w0, acc[m][0]);
                acc[m][1] = _mm256_fmadd_ps(value, w1, acc[m][1]);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t m = 0; m < TILE; m++) {
        _mm256_storeu_ps(sums[m], acc[m][0]);
        _mm256_storeu_ps(sums[m] + 8, acc[m][1]);
    }
}

static void tile_block(const struct gemm_args *a, size_t panel, size_t block,
                       struct avx2_scratch *s, size_t rows, float (*totals)[PANEL_ROWS])
{
    float sums[TILE][PANEL_ROWS];
    for (size_t m = 0; m < rows; m += TILE) {
        tile_rows(s->x + m, s->weights, sums);
        tile_rows(s->x + m, (float(*)[PANEL_ROWS])(s->weights[0] + 16),
                  (float(*)[PANEL_ROWS])(sums[0] + 16));
        for (size_t i = 0; i < TILE; i++)
            scale_32(a, panel, block, sums[i], totals[m + i]);
    }
}

ALWAYS_INLINE void tile_group(const struct gemm_args *a, size_t panel, size_t count, size_t m0,
                              size_t rows, enum float_type x_type, widen_pair *widen,
                              size_t pair_bytes, int lane_order)
{
    struct avx2_scratch *s = a->scratch;
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
                __m256 even[4], odd[4];
                widen(weights + i * pair_bytes, even, odd);
                store_32(s->weights[2 * i], even, lane_order);
                store_32(s->weights[2 * i + 1], odd, lane_order);
            }
            tile_block(a, panel + p, block, s, rows, s->totals[p]);
        }
    }
    for (size_t p = 0; p < count; p++)
        for (size_t m = 0; m < rows; m++)
            store_outputs(a, m0 + m, (panel + p) * PANEL_ROWS, s->totals[p][m]);
}

ALWAYS_INLINE void gemm_avx2(const struct gemm_args *a, enum float_type x_type, widen_pair *widen,
                             size_t pair_bytes, int lane_order)
{
    unsigned long saved = fp_mode_flush();
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    if (a->m == 1) {
        for (size_t p = 0; p < panels; p++)
            stream_panel(a, p, x_type, widen, pair_bytes, lane_order);
    } else {
        for (size_t p = 0; p < panels; p += GROUP)
            for (size_t m = 0; m < a->m; m += CHUNK)
                tile_group(a, p, panels - p < GROUP ? panels - p : GROUP, m,
                           a->m - m < CHUNK ? a->m - m : CHUNK, x_type, widen, pair_bytes,
                           lane_order);
    }
    fp_mode_restore(saved);
}

static void gemm_fp8_bf16_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_BF16, widen_pair_fp8, 64, 1);
}
static void gemm_fp8_f32_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_F32, widen_pair_fp8, 64, 1);
}
static void gemm_bf16_bf16_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_BF16, widen_pair_bf16, 128, 0);
}
static void gemm_bf16_f32_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_F32, widen_pair_bf16, 128, 0);
}
static void gemm_f32_bf16_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_BF16, widen_pair_f32, 256, 0);
}
static void gemm_f32_f32_avx2(const struct gemm_args *a)
{
    gemm_avx2(a, FLOAT_F32, widen_pair_f32, 256, 0);
}

void kernels_avx2_gemm(struct kernels *table)
{
    table->dot = "fma f32 ymm";
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_avx2;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_avx2;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_avx2;
    table->gemm[PANEL_BF16][FLOAT_F32] = gemm_bf16_f32_avx2;
    table->gemm[PANEL_F32][FLOAT_BF16] = gemm_f32_bf16_avx2;
    table->gemm[PANEL_F32][FLOAT_F32] = gemm_f32_f32_avx2;
}
