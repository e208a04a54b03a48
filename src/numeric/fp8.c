/* SPDX-License-Identifier: Apache-2.0 */
#include "numeric/fp8.h"

#include <math.h>
#include "numeric/half.h"

/* One row of the table: the eight mantissas of exponent field e >= 1 are BF16 (e + 120) << 7 | m
 * << 4. */
#define NORMAL(sign, e)                                                                            \
    (sign) | ((e) + 120) << 7 | 0 << 4, (sign) | ((e) + 120) << 7 | 1 << 4,                        \
        (sign) | ((e) + 120) << 7 | 2 << 4, (sign) | ((e) + 120) << 7 | 3 << 4,                    \
        (sign) | ((e) + 120) << 7 | 4 << 4, (sign) | ((e) + 120) << 7 | 5 << 4,                    \
        (sign) | ((e) + 120) << 7 | 6 << 4, (sign) | ((e) + 120) << 7 | 7 << 4

/* e = 0: m * 2^-9 for m = 0..7, each a normal BF16 number. */
#define SUBNORMAL(sign)                                                                            \
    (sign) | 0x0000, (sign) | 0x3B00, (sign) | 0x3B80, (sign) | 0x3BC0, (sign) | 0x3C00,           \
        (sign) | 0x3C20, (sign) | 0x3C40, (sign) | 0x3C60

/* e = 15: seven finite values up to 448, then NaN. */
#define TOP(sign)                                                                                  \
    (sign) | 135 << 7 | 0 << 4, (sign) | 135 << 7 | 1 << 4, (sign) | 135 << 7 | 2 << 4,            \
        (sign) | 135 << 7 | 3 << 4, (sign) | 135 << 7 | 4 << 4, (sign) | 135 << 7 | 5 << 4,        \
        (sign) | 135 << 7 | 6 << 4, (sign) | 0x7FC0

#define HALF(sign)                                                                                 \
    SUBNORMAL(sign), NORMAL(sign, 1), NORMAL(sign, 2), NORMAL(sign, 3), NORMAL(sign, 4),           \
        NORMAL(sign, 5), NORMAL(sign, 6), NORMAL(sign, 7), NORMAL(sign, 8), NORMAL(sign, 9),       \
        NORMAL(sign, 10), NORMAL(sign, 11), NORMAL(sign, 12), NORMAL(sign, 13), NORMAL(sign, 14),  \
        TOP(sign)

const uint16_t fp8_e4m3_to_bf16_table[256] = {HALF(0), HALF(0x8000)};

float fp8_e4m3_to_f32(uint8_t code)
{
    return bf16_to_f32(fp8_e4m3_to_bf16_table[code]);
}

uint8_t fp8_e4m3_from_f32(float value, bool saturate)
{
    uint32_t bits = f32_bits(value);
    uint8_t sign = (uint8_t)(bits >> 24 & 0x80);
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return sign | 0x7F;
    /* 464 is half way between 448 and the absent 480 and ties to the even 448. */
    if (magnitude > 0x43E80000u)
        return sign | (saturate ? 0x7E : 0x7F);
    if (magnitude >= 0x3C800000u) { /* 2^-6: normal. 20 mantissa bits go, nearest even. */
        magnitude += 0x7FFFFu + (magnitude >> 20 & 1u);
        uint32_t code = (magnitude >> 20) - (120u << 3);
        return sign | (uint8_t)(code > 0x7E ? 0x7E : code);
    }
    /* Subnormal: the value in units of 2^-9, rounded by the processor's nearest even. */
    float units = f32_from_bits(magnitude) * 512.0f;
    return sign | (uint8_t)nearbyintf(units);
}

float fp8_e8m0_to_f32(uint8_t code)
{
    if (code == 0xFF)
        return f32_from_bits(0x7FC00000u);
    return code == 0 ? f32_from_bits(0x00400000u) : f32_from_bits((uint32_t)code << 23);
}
