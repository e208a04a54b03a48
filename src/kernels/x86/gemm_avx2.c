/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products for AVX2, FMA and F16C. */
#include "kernels/x86/v16_avx2.h"

#define TILE 6

#include "kernels/lanes/gemm_lanes.h"
#include "kernels/x86/x86.h"

ALWAYS_INLINE __m256 half_to_f32(__m128i half)
{
    return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
}

/*
 * 16 halves: rows 4-7 and 16-19 change places, then the low half of the register has 8 rows of
 * 0-15 and the high half 8 rows of 16-31.
 */
ALWAYS_INLINE void widen_halves(__m256i halves, __m256 *low_rows, __m256 *high_rows)
{
    halves = _mm256_permute4x64_epi64(halves, 0xD8);
    *low_rows = half_to_f32(_mm256_castsi256_si128(halves));
    *high_rows = half_to_f32(_mm256_extracti128_si256(halves, 1));
}

/* By way of binary16, which gives code * 2^-8 exactly: see gemm_avx512.c. */
ALWAYS_INLINE void widen_pair_fp8(const char *pair, struct v16 w[4])
{
    const __m256i mask = _mm256_set1_epi16((short)0xBF80);
    __m256i a = _mm256_loadu_si256((const void *)pair);
    __m256i b = _mm256_loadu_si256((const void *)(pair + 32));
    __m256i odd_a = _mm256_and_si256(_mm256_srai_epi16(a, 1), mask);
    __m256i odd_b = _mm256_and_si256(_mm256_srai_epi16(b, 1), mask);
    __m256i even_a = _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(a, 8), 1), mask);
    __m256i even_b = _mm256_and_si256(_mm256_srai_epi16(_mm256_slli_epi16(b, 8), 1), mask);
    widen_halves(even_a, &w[0].low, &w[2].low);
    widen_halves(even_b, &w[0].high, &w[2].high);
    widen_halves(odd_a, &w[1].low, &w[3].low);
    widen_halves(odd_b, &w[1].high, &w[3].high);
}

static void gemm_fp8_bf16_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_fp8, 64);
}
static void gemm_fp8_f32_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_fp8, 64);
}
static void gemm_bf16_bf16_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_bf16, 128);
}
static void gemm_bf16_f32_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_bf16, 128);
}
static void gemm_f32_bf16_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_f32, 256);
}
static void gemm_f32_f32_avx2(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_f32, 256);
}

void kernels_avx2_gemm(struct kernels *table)
{
    table->dot = "fma f32 ymm";
    table->dot_probe = dot_probe_lanes;
    table->dot_probe_flop = 2 * 16 * PROBE_CHAINS;
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_avx2;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_avx2;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_avx2;
    table->gemm[PANEL_BF16][FLOAT_F32] = gemm_bf16_f32_avx2;
    table->gemm[PANEL_F32][FLOAT_BF16] = gemm_f32_bf16_avx2;
    table->gemm[PANEL_F32][FLOAT_F32] = gemm_f32_f32_avx2;
}
