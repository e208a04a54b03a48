/* SPDX-License-Identifier: Apache-2.0 */
#include "support/testing.h"

#include <math.h>

#include "base/rng.h"

/* The known answers published with the authors' implementation. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, index;
        uint32_t words[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822u,
         0x0370734413198a2eu,
         0x85a308d3243f6a88u,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t words[4];
        rng_philox4x32(cases[i].seed, cases[i].stream, cases[i].index, words);
        assert_memory_equal(words, cases[i].words, sizeof words);
    }
}

static void test_uniform(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    enum { COUNT = 100000, BINS = 20 };
    size_t bins[BINS] = {0};
    for (uint64_t i = 0; i < COUNT; i++) {
        double value = rng_uniform(seed, 3, i);
        assert_true(value >= 0 && value < 1);
        assert_true(value == rng_uniform(seed, 3, i));
        bins[(size_t)(value * BINS)]++;
    }
    /* Six standard deviations of a binomial count. */
    for (size_t i = 0; i < BINS; i++)
        assert_true(fabs((double)bins[i] - COUNT / BINS) < 6 * sqrt(COUNT / BINS));
    assert_true(rng_uniform(seed, 3, 0) != rng_uniform(seed, 4, 0));
    assert_true(rng_uniform(seed, 3, 0) != rng_uniform(seed + 1, 3, 0));
}

static void test_below(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed()};
    size_t counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[rng_below(&rng, 7)]++;
    for (size_t i = 0; i < 7; i++)
        assert_true(fabs((double)counts[i] - 10000) < 600);
    assert_int_equal(rng_below(&rng, 1), 0);
    uint64_t bound = ((uint64_t)1 << 63) + 1; /* nearly half of the draws are refused */
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&rng, bound) < bound);
}

static void test_gauss(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed(), .stream = 9};
    enum { COUNT = 100000 };
    double sum = 0, squares = 0, fourths = 0;
    for (int i = 0; i < COUNT; i++) {
        double value = rng_gauss(&rng);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        fourths += value * value * value * value;
    }
    assert_true(fabs(sum / COUNT) < 6 / sqrt(COUNT));
    assert_true(fabs(squares / COUNT - 1) < 6 * sqrt(2.0 / COUNT));
    assert_true(fabs(fourths / COUNT - 3) < 6 * sqrt(96.0 / COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_gauss),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
