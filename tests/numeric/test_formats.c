/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs against the definition of rounding: the nearest of all finite values of the format,
 * found by search, and the even one in the middle. The search shares nothing with the bit tricks.
 */
#include "support/testing.h"

#include <math.h>

#include "base/rng.h"
#include "numeric/fp8.h"
#include "numeric/half.h"

/* The non-negative finite values of a format, by code, ascending. */
struct format {
    const char *name;
    size_t count;
    double (*value)(size_t code);
    double overflow; /* what lies at or past this rounds away from the finite values */
};

static double e4m3_value(size_t code)
{
    return (double)fp8_e4m3_to_f32((uint8_t)code);
}

static double bf16_value(size_t code)
{
    return (double)bf16_to_f32((uint16_t)code);
}

static double f16_value(size_t code)
{
    return (double)f16_to_f32((uint16_t)code);
}

static const struct format e4m3 = {"e4m3", 0x7F, e4m3_value, 464.0};
static const struct format bf16 = {"bf16", 0x7F80, bf16_value, 0x1.FFp127};
static const struct format f16 = {"f16", 0x7C00, f16_value, 65520.0};

/* The code whose value is nearest to a magnitude below format->overflow. */
static size_t nearest_even(const struct format *format, double magnitude)
{
    size_t low = 0, high = format->count - 1;
    if (magnitude >= format->value(high))
        return high;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (format->value(middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    /* Neighbours and magnitude have few enough bits that both differences are exact. */
    double below = magnitude - format->value(low), above = format->value(high) - magnitude;
    if (below != above)
        return below < above ? low : high;
    return low % 2 == 0 ? low : high;
}

static void check_e4m3(float value)
{
    uint8_t sign = signbit(value) ? 0x80 : 0;
    double magnitude = fabs((double)value);
    uint8_t saturated = fp8_e4m3_from_f32(value, true), strict = fp8_e4m3_from_f32(value, false);
    if (magnitude > e4m3.overflow) {
        assert_int_equal(saturated, sign | 0x7E);
        assert_int_equal(strict, sign | 0x7F);
        return;
    }
    size_t code = magnitude >= 448 ? 0x7E : nearest_even(&e4m3, magnitude);
    assert_int_equal(saturated, sign | code);
    assert_int_equal(strict, sign | code);
}

static void check_bf16(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs(value);
    uint16_t code = magnitude >= bf16.overflow ? 0x7F80 : (uint16_t)nearest_even(&bf16, magnitude);
    assert_int_equal(bf16_from_f64(value), sign | code);
    if ((double)(float)value == value)
        assert_int_equal(bf16_from_f32((float)value), sign | code);
}

static void check_f16(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs((double)value);
    uint16_t code = magnitude >= f16.overflow ? 0x7C00 : (uint16_t)nearest_even(&f16, magnitude);
    assert_int_equal(f16_from_f32(value), sign | code);
}

/* Every value of the format, every middle of two, and the float32 numbers next to both. */
static void check_neighbourhood(const struct format *format, void (*check)(float))
{
    for (size_t code = 0; code + 1 < format->count; code++) {
        float low = (float)format->value(code), high = (float)format->value(code + 1);
        float middle = (float)(((double)low + (double)high) / 2);
        const float points[] = {low,
                                middle,
                                nextafterf(middle, 0.0f),
                                nextafterf(middle, INFINITY),
                                nextafterf(low, INFINITY),
                                nextafterf(high, 0.0f)};
        for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
            check(points[i]);
            check(-points[i]);
        }
    }
}

static void check_bf16_f32(float value)
{
    check_bf16((double)value);
}

static void test_rounding_at_every_boundary(void **state)
{
    (void)state;
    check_neighbourhood(&e4m3, check_e4m3);
    check_neighbourhood(&bf16, check_bf16_f32);
    check_neighbourhood(&f16, check_f16);
}

static void test_rounding_of_random_values(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed(), .stream = 1};
    for (size_t i = 0; i < 200000; i++) {
        float value = f32_from_bits((uint32_t)rng_next_u64(&rng));
        if (!isfinite(value))
            continue;
        check_e4m3(value);
        check_bf16((double)value);
        check_f16(value);
        /* Near 1, where E4M3 has its values. */
        value = (float)ldexp(rng_gauss(&rng), (int)rng_below(&rng, 24) - 14);
        check_e4m3(value);
        check_f16(value);
    }
}

/* One rounding to BF16, where going through float32 would give another number. */
static void test_double_to_bf16_rounds_once(void **state)
{
    (void)state;
    double above_tie = 1.0 + 0x1p-8 + 0x1p-40;
    assert_int_equal(bf16_from_f64(above_tie), 0x3F81);
    assert_int_equal(bf16_from_f32((float)above_tie), 0x3F80);
    double below_tie = 1.0 + 3 * 0x1p-8 - 0x1p-40;
    assert_int_equal(bf16_from_f64(below_tie), 0x3F81);
    assert_int_equal(bf16_from_f32((float)below_tie), 0x3F82);
    struct rng rng = {.seed = test_seed(), .stream = 2};
    for (size_t i = 0; i < 200000; i++) {
        /* A tie of BF16 with a disturbance far below float32's last bit. */
        double tie = 1.0 + (double)(2 * rng_below(&rng, 128) + 1) * 0x1p-8;
        double disturbance = ldexp(1.0, -26 - (int)rng_below(&rng, 26));
        int exponent = (int)rng_below(&rng, 200) - 100;
        check_bf16(ldexp(tie + disturbance, exponent));
        check_bf16(-ldexp(tie - disturbance, exponent));
    }
    assert_int_equal(bf16_from_f64(1e300), 0x7F80);
    assert_int_equal(bf16_from_f64(-INFINITY), 0xFF80);
    assert_int_equal(bf16_from_f64(NAN) & 0x7FC0, 0x7FC0);
    assert_int_equal(bf16_from_f64(-0.0), 0x8000);
}

static void test_every_e4m3_code(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        float value = fp8_e4m3_to_f32((uint8_t)code);
        unsigned exponent = code >> 3 & 15, mantissa = code & 7;
        if ((code & 0x7F) == 0x7F) {
            assert_true(fp8_e4m3_is_nan((uint8_t)code));
            assert_true(isnan(value));
            assert_int_equal(f32_bits(value) >> 31, code >> 7);
            continue;
        }
        assert_false(fp8_e4m3_is_nan((uint8_t)code));
        /* The formula of the specification, not the table. */
        double expected =
            exponent ? ldexp(1.0 + mantissa / 8.0, (int)exponent - 7) : ldexp(mantissa / 8.0, -6);
        expected = code & 0x80 ? -expected : expected;
        assert_true((double)value == expected && !signbit(value) == !signbit(expected));
        assert_int_equal(fp8_e4m3_from_f32(value, true), code);
        assert_int_equal(fp8_e4m3_from_f32(value, false), code);
        assert_int_equal(bf16_from_f32(value), fp8_e4m3_to_bf16_table[code]);
    }
    assert_true(fp8_e4m3_to_f32(0x7E) == 448.0f);
}

static void test_e4m3_past_its_range(void **state)
{
    (void)state;
    assert_int_equal(fp8_e4m3_from_f32(464.0f, false), 0x7E);
    assert_int_equal(fp8_e4m3_from_f32(nextafterf(464.0f, 500.0f), false), 0x7F);
    assert_int_equal(fp8_e4m3_from_f32(nextafterf(464.0f, 500.0f), true), 0x7E);
    assert_int_equal(fp8_e4m3_from_f32(INFINITY, true), 0x7E);
    assert_int_equal(fp8_e4m3_from_f32(-INFINITY, true), 0xFE);
    assert_int_equal(fp8_e4m3_from_f32(-INFINITY, false), 0xFF);
    assert_int_equal(fp8_e4m3_from_f32(NAN, true) & 0x7F, 0x7F);
}

static void test_every_f16_and_bf16_code(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x10000; code++) {
        uint16_t bits = (uint16_t)code;
        float half = f16_to_f32(bits), brain = bf16_to_f32(bits);
        if (isnan(half))
            assert_int_equal(f16_from_f32(half) & 0x7E00, 0x7E00);
        else
            assert_int_equal(f16_from_f32(half), bits);
        if (isnan(brain))
            assert_int_equal(bf16_from_f32(brain), bits | 0x0040);
        else
            assert_int_equal(bf16_from_f32(brain), bits);
        unsigned exponent = code >> 10 & 31, mantissa = code & 1023;
        if (exponent == 31)
            continue;
        double magnitude = exponent ? ldexp(1.0 + mantissa / 1024.0, (int)exponent - 15)
                                    : ldexp(mantissa / 1024.0, -14);
        assert_true(fabs((double)half) == magnitude);
        assert_int_equal(signbit(half) != 0, code >> 15);
    }
    assert_true(isinf(f16_to_f32(0x7C00)) && isinf(f16_to_f32(0xFC00)));
}

static void test_every_e8m0_code(void **state)
{
    (void)state;
    for (int code = 0; code < 255; code++)
        assert_true((double)fp8_e8m0_to_f32((uint8_t)code) == ldexp(1.0, code - 127));
    assert_true(isnan(fp8_e8m0_to_f32(255)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_e4m3_code),
        cmocka_unit_test(test_e4m3_past_its_range),
        cmocka_unit_test(test_every_f16_and_bf16_code),
        cmocka_unit_test(test_every_e8m0_code),
        cmocka_unit_test(test_rounding_at_every_boundary),
        cmocka_unit_test(test_rounding_of_random_values),
        cmocka_unit_test(test_double_to_bf16_rounds_once),
    };
    return cmocka_run_group_tests_name("numeric formats", tests, NULL, NULL);
}
