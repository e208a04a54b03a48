/* SPDX-License-Identifier: Apache-2.0 */
/* BF16 (the upper half of float32) and IEEE binary16, scalar and exact. */
#ifndef NUMERIC_HALF_H
#define NUMERIC_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float f32_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float bf16_to_f32(uint16_t bits)
{
    return f32_from_bits((uint32_t)bits << 16);
}

/* Nearest, ties to even; overflow to infinity; NaN stays NaN (quiet, sign kept); subnormals kept.
 */
static inline uint16_t bf16_from_f32(float value)
{
    uint32_t bits = f32_bits(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x0040u);
    bits += 0x7FFFu + (bits >> 16 & 1u);
    return (uint16_t)(bits >> 16);
}

/* Rounds a double to BF16 once, without the float32 step between. */
uint16_t bf16_from_f64(double value);

float f16_to_f32(uint16_t bits);
uint16_t f16_from_f32(float value); /* nearest even, overflow to infinity */

#endif
