/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float32 lanes as one zmm register: lanes/lanes.h says what each function means. */
#ifndef KERNELS_X86_V16_AVX512_H
#define KERNELS_X86_V16_AVX512_H

#include "kernels/x86/mxcsr.h"
#include <stddef.h>
#include <stdint.h>

#include "kernels/lanes/inline.h"

struct v16 {
    __m512 v;
};

ALWAYS_INLINE struct v16 v16_set1(float value)
{
    return (struct v16){_mm512_set1_ps(value)};
}
ALWAYS_INLINE struct v16 v16_load(const float *p)
{
    return (struct v16){_mm512_loadu_ps(p)};
}
ALWAYS_INLINE struct v16 v16_load_bf16(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return (struct v16){_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
ALWAYS_INLINE void v16_load_pairs(const uint16_t *p, struct v16 *even, struct v16 *odd)
{
    __m512i pairs = _mm512_loadu_si512(p);
    even->v = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    odd->v = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xFFFF0000u)));
}
ALWAYS_INLINE void v16_store(float *p, struct v16 a)
{
    _mm512_storeu_ps(p, a.v);
}
ALWAYS_INLINE void v16_store_bf16(uint16_t *p, struct v16 a)
{
    __m512i bits = _mm512_castps_si512(a.v);
    __m512i lsb = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(lsb, _mm512_set1_epi32(0x7FFF)));
    __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}
ALWAYS_INLINE struct v16 v16_fma(struct v16 a, struct v16 b, struct v16 c)
{
    return (struct v16){_mm512_fmadd_ps(a.v, b.v, c.v)};
}
ALWAYS_INLINE struct v16 v16_mul(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_mul_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_add(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_add_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_sub(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_sub_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_div(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_div_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_negate(struct v16 a)
{
    return (struct v16){_mm512_castsi512_ps(
        _mm512_xor_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32((int)0x80000000u)))};
}
ALWAYS_INLINE struct v16 v16_min(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_min_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_max(struct v16 a, struct v16 b)
{
    return (struct v16){_mm512_max_ps(a.v, b.v)};
}
ALWAYS_INLINE struct v16 v16_first(struct v16 a, size_t count, struct v16 b)
{
    return (struct v16){_mm512_mask_mov_ps(b.v, (__mmask16)((1u << count) - 1), a.v)};
}
ALWAYS_INLINE struct v16 v16_zero_below(struct v16 a, struct v16 x, struct v16 low)
{
    __mmask16 below = _mm512_cmp_ps_mask(x.v, low.v, _CMP_LT_OQ);
    return (struct v16){_mm512_mask_mov_ps(a.v, below, _mm512_setzero_ps())};
}
ALWAYS_INLINE struct v16 v16_add_exponent(struct v16 a, struct v16 t, int32_t bias)
{
    __m512i n = _mm512_sub_epi32(_mm512_castps_si512(t.v), _mm512_set1_epi32(bias));
    return (struct v16){
        _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_slli_epi32(n, 23)))};
}
ALWAYS_INLINE float v16_sum(struct v16 a)
{
    __m256 s = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
ALWAYS_INLINE float v16_max_lane(struct v16 a)
{
    return _mm512_reduce_max_ps(a.v);
}

#endif
