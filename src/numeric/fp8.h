/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP8 E4M3FN ("OCP 8-bit Floating Point Specification", revision 1.0, 2023): 1 sign, 4 exponent
 * (bias 7), 3 mantissa bits; no infinity; S.1111.111 is NaN; largest 448 = 1.75 * 2^8, smallest
 * normal 2^-6, subnormals m * 2^-9. Every finite code is a normal BF16 number or zero, so the
 * expansion to BF16 and float32 is exact. F8 E8M0 (OCP Microscaling 1.0): 2^(b-127), 0xFF is NaN.
 */
#ifndef NUMERIC_FP8_H
#define NUMERIC_FP8_H

#include <stdbool.h>
#include <stdint.h>

/* 256 entries; NaN codes give a quiet NaN that keeps the sign. */
extern const uint16_t fp8_e4m3_to_bf16_table[256];

static inline bool fp8_e4m3_is_nan(uint8_t code)
{
    return (code & 0x7F) == 0x7F;
}

float fp8_e4m3_to_f32(uint8_t code);

/* Nearest, ties to even. saturate: |x| past 448 and infinities give 448; else NaN past 464. */
uint8_t fp8_e4m3_from_f32(float value, bool saturate);

/* 2^(b-127); b = 0 is the float32 subnormal 2^-127, 0xFF is NaN. */
float fp8_e8m0_to_f32(uint8_t code);

#endif
