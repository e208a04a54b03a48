/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products for NEON. */
#include "kernels/arm/v16_neon.h"

#define TILE 4

#include "kernels/arm/arm.h"
#include "kernels/lanes/gemm_lanes.h"

/*
 * Eight halves of rows 4l..4l+3 and 16+4l..16+4l+3. The magnitude bits of a code, shifted to bits
 * 13..7 of a binary16 number, give code * 2^-8 exactly, subnormals included.
 */
ALWAYS_INLINE void widen_halves(int16x8_t halves, float32x4_t *low_rows, float32x4_t *high_rows)
{
    halves = vandq_s16(vshrq_n_s16(halves, 1), vdupq_n_s16((int16_t)0xBF80));
    float16x8_t half = vreinterpretq_f16_s16(halves);
    *low_rows = vmulq_n_f32(vcvt_f32_f16(vget_low_f16(half)), 256.0f);
    *high_rows = vmulq_n_f32(vcvt_f32_f16(vget_high_f16(half)), 256.0f);
}

ALWAYS_INLINE int16x8_t load_codes(const char *p)
{
    return vreinterpretq_s16_u8(vld1q_u8((const void *)p));
}

ALWAYS_INLINE void widen_pair_fp8(const char *pair, struct v16 w[4])
{
    int16x8_t a = load_codes(pair), b = load_codes(pair + 16);
    int16x8_t c = load_codes(pair + 32), d = load_codes(pair + 48);
    widen_halves(vshlq_n_s16(a, 8), &w[0].a, &w[2].a);
    widen_halves(vshlq_n_s16(b, 8), &w[0].b, &w[2].b);
    widen_halves(vshlq_n_s16(c, 8), &w[0].c, &w[2].c);
    widen_halves(vshlq_n_s16(d, 8), &w[0].d, &w[2].d);
    widen_halves(a, &w[1].a, &w[3].a);
    widen_halves(b, &w[1].b, &w[3].b);
    widen_halves(c, &w[1].c, &w[3].c);
    widen_halves(d, &w[1].d, &w[3].d);
}

static void gemm_fp8_bf16_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_fp8, 64);
}
static void gemm_fp8_f32_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_fp8, 64);
}
static void gemm_bf16_bf16_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_bf16, 128);
}
static void gemm_bf16_f32_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_bf16, 128);
}
static void gemm_f32_bf16_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_BF16, widen_pair_f32, 256);
}
static void gemm_f32_f32_neon(const struct gemm_args *a)
{
    gemm_lanes(a, FLOAT_F32, widen_pair_f32, 256);
}

void kernels_neon_gemm(struct kernels *table)
{
    table->dot = "fma f32 q";
    table->dot_probe = dot_probe_lanes;
    table->dot_probe_flop = 2 * 16 * PROBE_CHAINS;
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_neon;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_neon;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_neon;
    table->gemm[PANEL_BF16][FLOAT_F32] = gemm_bf16_f32_neon;
    table->gemm[PANEL_F32][FLOAT_BF16] = gemm_f32_bf16_neon;
    table->gemm[PANEL_F32][FLOAT_F32] = gemm_f32_f32_neon;
}
