/* SPDX-License-Identifier: Apache-2.0 */
/* Products for AVX-512 without VBMI: FP8 by way of binary16. */
#include "kernels/x86/gemm_avx512.h"
#include "kernels/x86/x86.h"

/*
 * Shifting the seven magnitude bits of a code to bits 13..7 of a binary16 number and the sign to
 * bit 15 gives code * 2^-8, subnormals included, because E4M3's subnormals fall on binary16's.
 * VCVTPH2PS widens exactly (it ignores the denormals-are-zero mode), and the product with 2^8 is
 * exact.
 */
ALWAYS_INLINE void halves_to_f32(__m512i halves, __m512 *low, __m512 *high)
{
    /* Rows come as 4 of the first half, 4 of the second, in each 128-bit lane. */
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512 factor = _mm512_set1_ps(256.0f);
    halves = _mm512_permutexvar_epi64(order, halves);
    *low = _mm512_mul_ps(_mm512_cvtph_ps(_mm512_castsi512_si256(halves)), factor);
    *high = _mm512_mul_ps(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1)), factor);
}

ALWAYS_INLINE void widen_pair_fp8(const char *pair, __m512 w[4])
{
    const __m512i mask = _mm512_set1_epi16((short)0xBF80);
    __m512i codes = _mm512_loadu_si512(pair);
    __m512i odd = _mm512_and_si512(_mm512_srai_epi16(codes, 1), mask);
    __m512i even = _mm512_and_si512(_mm512_srai_epi16(_mm512_slli_epi16(codes, 8), 1), mask);
    halves_to_f32(even, &w[0], &w[2]);
    halves_to_f32(odd, &w[1], &w[3]);
}

static void gemm_fp8_bf16_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_BF16, widen_pair_fp8, 64);
}
static void gemm_fp8_f32_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_F32, widen_pair_fp8, 64);
}
static void gemm_bf16_bf16_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_BF16, widen_pair_bf16, 128);
}
static void gemm_bf16_f32_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_F32, widen_pair_bf16, 128);
}
static void gemm_f32_bf16_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_BF16, widen_pair_f32, 256);
}
static void gemm_f32_f32_avx512(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_F32, widen_pair_f32, 256);
}

#define PROBE_CHAINS 24

static void dot_probe_avx512(size_t rounds)
{
    __m512 acc[PROBE_CHAINS], half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
#pragma GCC unroll 24
    for (size_t j = 0; j < PROBE_CHAINS; j++)
        acc[j] = _mm512_set1_ps((float)j); /* equal chains would be merged */
    for (size_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < PROBE_CHAINS; j++)
            acc[j] = _mm512_fmadd_ps(acc[j], half, one);
    }
#pragma GCC unroll 24
    for (size_t j = 1; j < PROBE_CHAINS; j++)
        acc[0] = _mm512_add_ps(acc[0], acc[j]);
    volatile float sink = _mm512_cvtss_f32(acc[0]);
    (void)sink;
}

void kernels_avx512_gemm(struct kernels *table)
{
    table->dot_probe = dot_probe_avx512;
    table->dot_probe_flop = 2 * 16 * PROBE_CHAINS;
    table->dot = "fma f32 zmm";
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_avx512;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_avx512;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_avx512;
    table->gemm[PANEL_BF16][FLOAT_F32] = gemm_bf16_f32_avx512;
    table->gemm[PANEL_F32][FLOAT_BF16] = gemm_f32_bf16_avx512;
    table->gemm[PANEL_F32][FLOAT_F32] = gemm_f32_f32_avx512;
}
