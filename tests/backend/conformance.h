/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite: any backend against the definition of its operations, in double precision.
 * A bench is one opened backend with its settings; activations go in and out as float.
 */
#ifndef TESTS_BACKEND_CONFORMANCE_H
#define TESTS_BACKEND_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "backend/backend.h"
#include "base/rng.h"

struct bench {
    const struct backend_ops *ops;
    struct backend *backend;
    struct backend_options options;
};

struct buffer_handle {
    void *address;
    size_t bytes, width;
};

void bench_open(struct bench *bench, const struct backend_ops *ops,
                const struct backend_options *options);
void bench_close(struct bench *bench);
struct buffer_handle bench_buffer(struct bench *bench, size_t rows, size_t width);
void bench_buffer_free(struct bench *bench, struct buffer_handle *buffer);
/* rows x width floats; rounded to the activation type, also in place, so that the caller knows what
 * was stored. */
void bench_put(struct bench *bench, const struct buffer_handle *buffer, float *values, size_t rows);
void bench_get(struct bench *bench, const struct buffer_handle *buffer, float *values, size_t rows);
/* Device float32. */
struct buffer_handle bench_vector(struct bench *bench, const float *values, size_t count);

/* value as the activation type holds it. */
double bench_round(const struct bench *bench, double value);
/* |found - expected| <= slack + one rounding of the activation type. */
void assert_near(const struct bench *bench, double found, double expected, double slack,
                 const char *what, size_t index);

float random_value(struct rng *rng);
uint64_t test_seed(void);

void conformance_linear(const struct backend_ops *ops, const struct backend_options *options);
void conformance_steps(const struct backend_ops *ops, const struct backend_options *options);

#endif
