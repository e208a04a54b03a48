/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float32 lanes as four q registers: lanes/lanes.h says what each function means. */
#ifndef KERNELS_ARM_V16_NEON_H
#define KERNELS_ARM_V16_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/lanes/inline.h"

struct v16 {
    float32x4_t a, b, c, d;
};

/* FPCR (Arm A64): bit 24 flushes denormals of float32 on input and output; bit 19, which would
 * flush binary16 ones, and the rounding mode are cleared. */
static inline unsigned long fp_mode_flush(void)
{
    unsigned long saved, mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    mode = (saved & ~(3ul << 22 | 1ul << 19)) | 1ul << 24;
    __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
    return saved;
}
static inline void fp_mode_restore(unsigned long saved)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(saved) : "memory");
}

ALWAYS_INLINE struct v16 v16_set1(float value)
{
    float32x4_t v = vdupq_n_f32(value);
    return (struct v16){v, v, v, v};
}
ALWAYS_INLINE struct v16 v16_load(const float *p)
{
    return (struct v16){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}
ALWAYS_INLINE float32x4_t widen_bf16(uint16x4_t half)
{
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}
ALWAYS_INLINE struct v16 v16_load_bf16(const uint16_t *p)
{
    uint16x8_t x = vld1q_u16(p), y = vld1q_u16(p + 8);
    return (struct v16){widen_bf16(vget_low_u16(x)), widen_bf16(vget_high_u16(x)),
                        widen_bf16(vget_low_u16(y)), widen_bf16(vget_high_u16(y))};
}
ALWAYS_INLINE void split_pairs(const uint16_t *p, float32x4_t *even, float32x4_t *odd)
{
    uint32x4_t pairs = vreinterpretq_u32_u16(vld1q_u16(p));
    *even = vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
    *odd = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xFFFF0000u)));
}
ALWAYS_INLINE void v16_load_pairs(const uint16_t *p, struct v16 *even, struct v16 *odd)
{
    split_pairs(p, &even->a, &odd->a);
    split_pairs(p + 8, &even->b, &odd->b);
    split_pairs(p + 16, &even->c, &odd->c);
    split_pairs(p + 24, &even->d, &odd->d);
}
ALWAYS_INLINE void v16_store(float *p, struct v16 x)
{
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}
ALWAYS_INLINE uint16x4_t round_bf16(float32x4_t x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    uint32x4_t lsb = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(lsb, vdupq_n_u32(0x7FFF)));
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
}
ALWAYS_INLINE void v16_store_bf16(uint16_t *p, struct v16 x)
{
    vst1q_u16(p, vcombine_u16(round_bf16(x.a), round_bf16(x.b)));
    vst1q_u16(p + 8, vcombine_u16(round_bf16(x.c), round_bf16(x.d)));
}
ALWAYS_INLINE struct v16 v16_fma(struct v16 x, struct v16 y, struct v16 z)
{
    return (struct v16){vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b),
                        vfmaq_f32(z.c, x.c, y.c), vfmaq_f32(z.d, x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_mul(struct v16 x, struct v16 y)
{
    return (struct v16){vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c),
                        vmulq_f32(x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_add(struct v16 x, struct v16 y)
{
    return (struct v16){vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c),
                        vaddq_f32(x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_sub(struct v16 x, struct v16 y)
{
    return (struct v16){vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c),
                        vsubq_f32(x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_div(struct v16 x, struct v16 y)
{
    return (struct v16){vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b), vdivq_f32(x.c, y.c),
                        vdivq_f32(x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_negate(struct v16 x)
{
    return (struct v16){vnegq_f32(x.a), vnegq_f32(x.b), vnegq_f32(x.c), vnegq_f32(x.d)};
}
/* FMIN and FMAX would turn any NaN into the result; the definition takes the second operand. */
ALWAYS_INLINE float32x4_t lesser(float32x4_t x, float32x4_t y)
{
    return vbslq_f32(vcltq_f32(x, y), x, y);
}
ALWAYS_INLINE float32x4_t greater(float32x4_t x, float32x4_t y)
{
    return vbslq_f32(vcgtq_f32(x, y), x, y);
}
ALWAYS_INLINE struct v16 v16_min(struct v16 x, struct v16 y)
{
    return (struct v16){lesser(x.a, y.a), lesser(x.b, y.b), lesser(x.c, y.c), lesser(x.d, y.d)};
}
ALWAYS_INLINE struct v16 v16_max(struct v16 x, struct v16 y)
{
    return (struct v16){greater(x.a, y.a), greater(x.b, y.b), greater(x.c, y.c), greater(x.d, y.d)};
}
ALWAYS_INLINE float32x4_t first_of(float32x4_t x, uint32_t count, uint32_t base, float32x4_t y)
{
    static const uint32_t lane[4] = {0, 1, 2, 3};
    uint32x4_t index = vaddq_u32(vld1q_u32(lane), vdupq_n_u32(base));
    return vbslq_f32(vcltq_u32(index, vdupq_n_u32(count)), x, y);
}
ALWAYS_INLINE struct v16 v16_first(struct v16 x, size_t count, struct v16 y)
{
    uint32_t n = (uint32_t)count;
    return (struct v16){first_of(x.a, n, 0, y.a), first_of(x.b, n, 4, y.b),
                        first_of(x.c, n, 8, y.c), first_of(x.d, n, 12, y.d)};
}
ALWAYS_INLINE float32x4_t zero_below(float32x4_t value, float32x4_t x, float32x4_t low)
{
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(value), vcltq_f32(x, low)));
}
ALWAYS_INLINE struct v16 v16_zero_below(struct v16 value, struct v16 x, struct v16 low)
{
    return (struct v16){zero_below(value.a, x.a, low.a), zero_below(value.b, x.b, low.b),
                        zero_below(value.c, x.c, low.c), zero_below(value.d, x.d, low.d)};
}
ALWAYS_INLINE float32x4_t add_exponent(float32x4_t x, float32x4_t t, int32_t bias)
{
    int32x4_t n = vsubq_s32(vreinterpretq_s32_f32(t), vdupq_n_s32(bias));
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(x), vshlq_n_s32(n, 23)));
}
ALWAYS_INLINE struct v16 v16_add_exponent(struct v16 x, struct v16 t, int32_t bias)
{
    return (struct v16){add_exponent(x.a, t.a, bias), add_exponent(x.b, t.b, bias),
                        add_exponent(x.c, t.c, bias), add_exponent(x.d, t.d, bias)};
}
ALWAYS_INLINE float v16_sum(struct v16 x)
{
    float32x4_t low = vaddq_f32(x.a, x.c), high = vaddq_f32(x.b, x.d);
    float32x4_t four = vaddq_f32(low, high);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
ALWAYS_INLINE float v16_max_lane(struct v16 x)
{
    float32x4_t four = greater(greater(x.a, x.b), greater(x.c, x.d));
    float32x2_t two = vmax_f32(vget_low_f32(four), vget_high_f32(four));
    float a = vget_lane_f32(two, 0), b = vget_lane_f32(two, 1);
    return a > b ? a : b;
}

#endif
