/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "numeric/half.h"

uint64_t test_seed(void)
{
    const char *text = getenv("OCTET_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 20260914u;
}

float random_value(struct rng *rng)
{
    return (float)rng_gauss(rng);
}

void bench_open(struct bench *bench, const struct backend_ops *ops,
                const struct backend_options *options)
{
    struct octet_error err = {0};
    *bench = (struct bench){.ops = ops, .options = *options};
    if (ops->open(options, &bench->backend, &err) != OCTET_OK)
        fail_msg("open: %s", err.message);
}

void bench_close(struct bench *bench)
{
    bench->ops->close(bench->backend);
}

static bool is_bf16(const struct bench *bench)
{
    return bench->options.dtype == ACTIVATION_BF16;
}

struct buffer_handle bench_buffer(struct bench *bench, size_t rows, size_t width)
{
    struct buffer_handle buffer = {.width = width};
    buffer.bytes = rows * (size_t)activation_stride((int64_t)width) * (is_bf16(bench) ? 2 : 4);
    assert_int_equal(bench->ops->memory_alloc(bench->backend, buffer.bytes, &buffer.address, NULL),
                     OCTET_OK);
    return buffer;
}

void bench_buffer_free(struct bench *bench, struct buffer_handle *buffer)
{
    bench->ops->memory_free(bench->backend, buffer->address, buffer->bytes);
}

void bench_put(struct bench *bench, const struct buffer_handle *buffer, float *values, size_t rows)
{
    size_t stride = (size_t)activation_stride((int64_t)buffer->width), n = rows * stride;
    uint16_t *narrow = calloc(n, sizeof *narrow);
    float *wide = calloc(n, sizeof *wide);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < buffer->width; c++) {
            float *value = &values[r * buffer->width + c];
            narrow[r * stride + c] = bf16_from_f32(*value);
            if (is_bf16(bench))
                *value = bf16_to_f32(narrow[r * stride + c]);
            wide[r * stride + c] = *value;
        }
    }
    const void *source = is_bf16(bench) ? (const void *)narrow : (const void *)wide;
    size_t bytes = n * (is_bf16(bench) ? 2 : 4);
    assert_int_equal(bench->ops->upload(bench->backend, buffer->address, source, bytes, NULL),
                     OCTET_OK);
    free(narrow);
    free(wide);
}

void bench_get(struct bench *bench, const struct buffer_handle *buffer, float *values, size_t rows)
{
    size_t stride = (size_t)activation_stride((int64_t)buffer->width), n = rows * stride;
    char *raw = malloc(n * 4);
    size_t bytes = n * (is_bf16(bench) ? 2 : 4);
    assert_int_equal(bench->ops->download(bench->backend, raw, buffer->address, bytes, NULL),
                     OCTET_OK);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < stride; c++) {
            float value;
            uint16_t bits;
            if (is_bf16(bench)) {
                memcpy(&bits, raw + (r * stride + c) * 2, 2);
                value = bf16_to_f32(bits);
            } else {
                memcpy(&value, raw + (r * stride + c) * 4, 4);
            }
            if (c < buffer->width)
                values[r * buffer->width + c] = value;
            else if (value != 0.0f) /* the padding that matrices read */
                fail_msg("padding of row %zu was written", r);
        }
    }
    free(raw);
}

struct buffer_handle bench_vector(struct bench *bench, const float *values, size_t count)
{
    struct buffer_handle buffer = {.bytes = count * sizeof(float), .width = count};
    assert_int_equal(bench->ops->memory_alloc(bench->backend, buffer.bytes, &buffer.address, NULL),
                     OCTET_OK);
    assert_int_equal(bench->ops->upload(bench->backend, buffer.address, values, buffer.bytes, NULL),
                     OCTET_OK);
    return buffer;
}

double bench_round(const struct bench *bench, double value)
{
    return is_bf16(bench) ? (double)bf16_to_f32(bf16_from_f64(value)) : (double)(float)value;
}

void assert_near(const struct bench *bench, double found, double expected, double slack,
                 const char *what, size_t index)
{
    double rounding = fabs(expected) * (is_bf16(bench) ? 0x1p-8 : 0x1p-23);
    if (!(fabs(found - expected) <= slack + rounding + 1e-30))
        fail_msg("%s[%zu]: found %.9g, expected %.9g, allowed %.3g", what, index, found, expected,
                 slack + rounding);
}
