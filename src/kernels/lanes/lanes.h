/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that are written once over sixteen float32 lanes. An instruction set gives struct v16 and
 * the functions below as always-inlined code (x86/v16_avx512.h, x86/v16_avx2.h, arm/v16_neon.h),
 * which a file includes before the headers of this folder. Sixteen lanes are what the definitions
 * in ref/ sum in, so every width gives the same bits.
 *
 *   v16_set1(x), v16_load(p), v16_store(p, a): no alignment needed
 *   v16_load_bf16(p), v16_store_bf16(p, a): 16 BF16, rounded to nearest even
 *   v16_load_pairs(p, &even, &odd): 32 BF16 in pairs
 *   v16_fma(a, b, c) = a * b + c rounded once; v16_mul, v16_add, v16_sub, v16_div, v16_negate
 *   v16_min(a, b) = a < b ? a : b;  v16_max(a, b) = a > b ? a : b
 *   v16_first(a, count, b): lane i of a for i < count, else of b; count 0..16
 *   v16_zero_below(a, x, low): 0 where x < low, else a
 *   v16_add_exponent(a, t, bias): the bits of a plus (the bits of t - bias) << 23
 *   v16_sum(a): lanes i += i+8, i+4, i+2, i+1;  v16_max_lane(a)
 *   fp_mode_flush(), fp_mode_restore(saved): denormals as zero
 */
#ifndef KERNELS_LANES_LANES_H
#define KERNELS_LANES_LANES_H

#include "kernels/kernels.h"
#include "kernels/lanes/inline.h"
#include "kernels/ref/ref_math.h"

/* exp_scalar() of ref_math.h, step by step. */
ALWAYS_INLINE struct v16 v16_exp(struct v16 x)
{
    struct v16 clamped = v16_min(v16_set1(EXP_HIGH), x);
    struct v16 t = v16_fma(clamped, v16_set1(EXP_LOG2E), v16_set1(EXP_MAGIC));
    struct v16 n = v16_sub(t, v16_set1(EXP_MAGIC));
    struct v16 r = v16_fma(n, v16_set1(-EXP_LN2_LOW), v16_fma(n, v16_set1(-EXP_LN2_HIGH), clamped));
    struct v16 q = v16_fma(v16_set1(EXP_C7), r, v16_set1(EXP_C6));
    q = v16_fma(q, r, v16_set1(EXP_C5));
    q = v16_fma(q, r, v16_set1(EXP_C4));
    q = v16_fma(q, r, v16_set1(EXP_C3));
    q = v16_fma(q, r, v16_set1(EXP_C2));
    struct v16 y = v16_add(v16_fma(q, v16_mul(r, r), r), v16_set1(1.0f));
    return v16_zero_below(v16_add_exponent(y, t, EXP_MAGIC_BITS), clamped, v16_set1(EXP_LOW));
}

ALWAYS_INLINE struct v16 v16_load_float(enum float_type type, const void *array, size_t index)
{
    return type == FLOAT_BF16 ? v16_load_bf16((const uint16_t *)array + index)
                              : v16_load((const float *)array + index);
}

ALWAYS_INLINE void v16_store_float(enum float_type type, void *array, size_t index, struct v16 a)
{
    if (type == FLOAT_BF16)
        v16_store_bf16((uint16_t *)array + index, a);
    else
        v16_store((float *)array + index, a);
}

#endif
