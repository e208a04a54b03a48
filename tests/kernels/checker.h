/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares every variant of every kernel with the scalar definition, bit for bit, on random and
 * worst-case input, with guard bytes around what is written. After dav1d's checkasm.
 */
#ifndef TESTS_KERNELS_CHECKER_H
#define TESTS_KERNELS_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernels/kernels.h"

struct checker {
    struct kernels ref, variant;
    struct rng rng;
    int rounds;
    const char *group; /* of the check that runs */
    size_t passed, failed;
};

/* How floats are drawn. */
enum pattern {
    PATTERN_NORMAL, /* standard normal */
    PATTERN_WIDE,   /* exponents -40 .. 40 */
    PATTERN_TINY,   /* around 2^-126 when multiplied; many denormals and zeros */
    PATTERN_BITS,   /* any finite bits of magnitude below 2^40 */
    PATTERN_COUNT
};

/* Exact-size heap blocks: ASan sees the first byte past them. Never NULL (the program ends). */
void *block_new(size_t bytes); /* 64-byte aligned, filled with 0xA5 */
uint64_t draw(struct checker *c, uint64_t bound);
float draw_float(struct checker *c, enum pattern pattern);
void fill_floats(struct checker *c, enum float_type type, enum pattern pattern, size_t n,
                 void *out);

/* Counts and reports. Floats are equal when their bits are, or both are NaN. */
void expect_same(struct checker *c, const char *what, enum float_type type, size_t n,
                 const void *expected, const void *found, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
/* Raw bytes, guard bytes among them. */
void expect_bytes(struct checker *c, const char *what, size_t n, const void *expected,
                  const void *found, const char *format, ...) __attribute__((format(printf, 6, 7)));

void check_pack(struct checker *c);
void check_gemm(struct checker *c);
void check_gemm_codes(struct checker *c);
void check_elementwise(struct checker *c);
void check_attention(struct checker *c);
/* The definitions themselves: libm, float64, the golden FP8 table. Only for the scalar table. */
void check_definition(struct checker *c);

void bench_kernel_table(struct checker *c);

#endif
