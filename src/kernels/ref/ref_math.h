/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic that the definitions are written in: float32 with denormals flushed, by hand so
 * that it means the same in every floating-point mode, and the exponential.
 */
#ifndef KERNELS_REF_MATH_H
#define KERNELS_REF_MATH_H

#include <float.h>
#include <math.h>

#include "kernels/kernels.h"
#include "numeric/half.h"

/* A denormal as an input (or an exact result): zero of its sign. */
static inline float flush(float value)
{
    return fabsf(value) < FLT_MIN ? copysignf(0.0f, value) : value;
}

/*
 * r = fmaf(a, b, c) is at most 2^-126 in size. The processor flushes what is below 2^-126 after
 * rounding to 24 bits with unbounded exponent; fmaf rounded to the coarser denormal grid, where
 * such a value may have become 2^-126 itself. Scaling the smaller factor shows which.
 */
static inline float flush_rare(float a, float b, float c, float r)
{
    if (r == 0.0f)
        return r;
    if (fabsf(r) == FLT_MIN) {
        float scaled = fabsf(a) < fabsf(b) ? fmaf(a * 0x1p60f, b, c * 0x1p60f)
                                           : fmaf(a, b * 0x1p60f, c * 0x1p60f);
        if (fabsf(scaled) >= 0x1p-66f)
            return r;
    }
    return copysignf(0.0f, r);
}

/* fma(a, b, c) of inputs that are not denormal, the result flushed. */
static inline float fma_flush(float a, float b, float c)
{
    float r = fmaf(a, b, c);
    return fabsf(r) <= FLT_MIN ? flush_rare(a, b, c, r) : r;
}

static inline float mul_flush(float a, float b)
{
    return fma_flush(a, b, -0.0f);
}

/* A sum that is denormal is exact. */
static inline float add_flush(float a, float b)
{
    return flush(a + b);
}

/* One pair of columns. */
static inline float dot_step(float x0, float w0, float x1, float w1, float acc)
{
    return fma_flush(x0, w0, fma_flush(x1, w1, acc));
}

/* Constants of the exponential; all variants take them from here. */
#define EXP_LOW -87.33654f /* below: 0, since 2^-126 is the smallest normal number */
#define EXP_HIGH 88.0f
#define EXP_LOG2E 0x1.715476p+0f
#define EXP_LN2_HIGH 0x1.62e4p-1f /* 15 bits: n * it is exact */
#define EXP_LN2_LOW 0x1.7f7d1cp-20f
#define EXP_MAGIC 0x1.8p+23f /* adding it rounds to an integer in the low bits */
#define EXP_MAGIC_BITS 0x4B400000
#define EXP_C7 (1.0f / 5040)
#define EXP_C6 (1.0f / 720)
#define EXP_C5 (1.0f / 120)
#define EXP_C4 (1.0f / 24)
#define EXP_C3 (1.0f / 6)
#define EXP_C2 0.5f

/*
 * x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor series to r^7 (truncation 5e-9), n added to
 * the exponent. NaN goes through. No step is a denormal that matters, so flushing changes nothing.
 */
static inline float exp_scalar(float x)
{
    float clamped = EXP_HIGH < x ? EXP_HIGH : x;
    float t = fmaf(clamped, EXP_LOG2E, EXP_MAGIC);
    float n = t - EXP_MAGIC;
    float r = fmaf(n, -EXP_LN2_LOW, fmaf(n, -EXP_LN2_HIGH, clamped));
    float q = fmaf(EXP_C7, r, EXP_C6);
    q = fmaf(q, r, EXP_C5);
    q = fmaf(q, r, EXP_C4);
    q = fmaf(q, r, EXP_C3);
    q = fmaf(q, r, EXP_C2);
    float y = fmaf(q, r * r, r) + 1.0f;
    uint32_t bits = f32_bits(y) + ((f32_bits(t) - EXP_MAGIC_BITS) << 23);
    return clamped < EXP_LOW ? 0.0f : f32_from_bits(bits);
}

static inline float load_float(enum float_type type, const void *array, size_t index)
{
    return type == FLOAT_BF16 ? bf16_to_f32(((const uint16_t *)array)[index])
                              : ((const float *)array)[index];
}

static inline void store_float(enum float_type type, void *array, size_t index, float value)
{
    if (type == FLOAT_BF16)
        ((uint16_t *)array)[index] = bf16_from_f32(value);
    else
        ((float *)array)[index] = value;
}

/* The tree that ends a sum of 16 lanes. */
static inline float sum_lanes(float lanes[16])
{
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

#endif
