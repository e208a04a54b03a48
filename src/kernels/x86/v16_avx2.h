/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float32 lanes as two ymm registers: lanes/lanes.h says what each function means. */
#ifndef KERNELS_X86_V16_AVX2_H
#define KERNELS_X86_V16_AVX2_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/lanes/inline.h"
#include "kernels/x86/mxcsr.h"

struct v16 {
    __m256 low, high;
};

ALWAYS_INLINE struct v16 v16_set1(float value)
{
    __m256 v = _mm256_set1_ps(value);
    return (struct v16){v, v};
}
ALWAYS_INLINE struct v16 v16_load(const float *p)
{
    return (struct v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
ALWAYS_INLINE __m256 widen_bf16(const uint16_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
ALWAYS_INLINE struct v16 v16_load_bf16(const uint16_t *p)
{
    return (struct v16){widen_bf16(p), widen_bf16(p + 8)};
}
ALWAYS_INLINE void split_pairs(const uint16_t *p, __m256 *even, __m256 *odd)
{
    __m256i pairs = _mm256_loadu_si256((const void *)p);
    *even = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    *odd = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000u)));
}
ALWAYS_INLINE void v16_load_pairs(const uint16_t *p, struct v16 *even, struct v16 *odd)
{
    split_pairs(p, &even->low, &odd->low);
    split_pairs(p + 16, &even->high, &odd->high);
}
ALWAYS_INLINE void v16_store(float *p, struct v16 a)
{
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
}
/* 8 rounded BF16 in the low halves of 32-bit lanes. */
ALWAYS_INLINE __m256i round_bf16(__m256 a)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i lsb = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(lsb, _mm256_set1_epi32(0x7FFF)));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256 nan = _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
    rounded = _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), nan));
    return _mm256_srli_epi32(rounded, 16);
}
ALWAYS_INLINE void v16_store_bf16(uint16_t *p, struct v16 a)
{
    __m256i packed = _mm256_packus_epi32(round_bf16(a.low), round_bf16(a.high));
    _mm256_storeu_si256((void *)p, _mm256_permute4x64_epi64(packed, 0xD8));
}
ALWAYS_INLINE struct v16 v16_fma(struct v16 a, struct v16 b, struct v16 c)
{
    return (struct v16){_mm256_fmadd_ps(a.low, b.low, c.low),
                        _mm256_fmadd_ps(a.high, b.high, c.high)};
}
ALWAYS_INLINE struct v16 v16_mul(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_add(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_sub(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_div(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_negate(struct v16 a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (struct v16){_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
}
ALWAYS_INLINE struct v16 v16_min(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_max(struct v16 a, struct v16 b)
{
    return (struct v16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
ALWAYS_INLINE struct v16 v16_first(struct v16 a, size_t count, struct v16 b)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i limit = _mm256_set1_epi32((int)count);
    __m256 low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, index));
    __m256 high = _mm256_castsi256_ps(
        _mm256_cmpgt_epi32(limit, _mm256_add_epi32(index, _mm256_set1_epi32(8))));
    return (struct v16){_mm256_blendv_ps(b.low, a.low, low),
                        _mm256_blendv_ps(b.high, a.high, high)};
}
ALWAYS_INLINE struct v16 v16_zero_below(struct v16 a, struct v16 x, struct v16 low)
{
    return (struct v16){_mm256_andnot_ps(_mm256_cmp_ps(x.low, low.low, _CMP_LT_OQ), a.low),
                        _mm256_andnot_ps(_mm256_cmp_ps(x.high, low.high, _CMP_LT_OQ), a.high)};
}
ALWAYS_INLINE __m256 add_exponent(__m256 a, __m256 t, int32_t bias)
{
    __m256i n = _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(bias));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(n, 23)));
}
ALWAYS_INLINE struct v16 v16_add_exponent(struct v16 a, struct v16 t, int32_t bias)
{
    return (struct v16){add_exponent(a.low, t.low, bias), add_exponent(a.high, t.high, bias)};
}
ALWAYS_INLINE float v16_sum(struct v16 a)
{
    __m256 s = _mm256_add_ps(a.low, a.high);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
ALWAYS_INLINE float v16_max_lane(struct v16 a)
{
    __m256 s = _mm256_max_ps(a.low, a.high);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

#endif
