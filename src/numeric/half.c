/* SPDX-License-Identifier: Apache-2.0 */
#include "numeric/half.h"

#include <math.h>

uint16_t bf16_from_f64(double value)
{
    /*
     * Round to float32 "to odd": cut the bits below and, when any was set, force the last one. A
     * second rounding to fewer bits then gives what one rounding would have given (Boldo and
     * Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
     */
    float nearest = (float)value;
    if (isnan(value) || (double)nearest == value || isinf(nearest))
        return bf16_from_f32(nearest);
    uint32_t bits = f32_bits(nearest);
    double error = value - (double)nearest;
    if ((error > 0) != (value > 0)) /* rounded away from zero: step back */
        bits -= 1;
    return bf16_from_f32(f32_from_bits(bits | 1u));
}

float f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t exponent = bits >> 10 & 0x1Fu;
    uint32_t mantissa = bits & 0x3FFu;
    if (exponent == 0x1F)
        return f32_from_bits(sign | 0x7F800000u | mantissa << 13);
    if (exponent != 0)
        return f32_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float magnitude = (float)mantissa * 0x1p-24f;
    return sign ? -magnitude : magnitude;
}

uint16_t f16_from_f32(float value)
{
    uint32_t bits = f32_bits(value);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
    if (magnitude >= 0x477FF000u) /* 65520: half way to the absent 65536 ties to infinity */
        return sign | 0x7C00u;
    if (magnitude >= 0x38800000u) { /* 2^-14: normal */
        magnitude += 0xFFFu + (magnitude >> 13 & 1u);
        return (uint16_t)(sign | ((magnitude >> 13) - (112u << 10)));
    }
    float units = f32_from_bits(magnitude) * 0x1p24f;
    return (uint16_t)(sign | (uint16_t)nearbyintf(units));
}
