/* SPDX-License-Identifier: Apache-2.0 */
/* The scalar definitions against float64 and libm. */
#include "checker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ref/ref_math.h"
#include "numeric/fp8.h"

static void expect_near(struct checker *c, const char *what, double expected, double found,
                        double bound)
{
    if (fabs(expected - found) <= bound) {
        c->passed++;
        return;
    }
    c->failed++;
    printf("FAIL %s: expected %.9g, found %.9g, bound %.3g\n", what, expected, found, bound);
}

static double ulp(double value)
{
    int exponent;
    frexp(value, &exponent);
    return ldexp(1.0, exponent - 24);
}

static void check_exp(struct checker *c)
{
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        float x = (float)(rng_uniform(c->rng.seed, 77, (uint64_t)i) * 175.3 - 87.32), y;
        c->ref.exp_f32(&x, 1, &y);
        double expected = exp((double)x), error = fabs((double)y - expected) / ulp(expected);
        worst = error > worst ? error : worst;
    }
    printf("exp_f32: worst error %.3f ulp\n", worst);
    expect_near(c, "exp_f32 error in ulp", 0.0, worst, 2.0);
    const float x[] = {-INFINITY, -1000.0f, -88.0f, 0.0f, -0.0f, 1000.0f, NAN};
    float y[7];
    c->ref.exp_f32(x, 7, y);
    expect_near(c, "exp of -inf, -1000, -88", 0.0, (double)(y[0] + y[1] + y[2]), 0.0);
    expect_near(c, "exp of 0", 2.0, (double)(y[3] + y[4]), 0.0);
    expect_near(c, "exp of 1000", exp(88.0), (double)y[5], exp(88.0) * 1e-6);
    expect_near(c, "exp of NaN", 1.0, isnan(y[6]) ? 1.0 : 0.0, 0.0);
}

/* Products against float64: the error of a float32 sum of 128 pairs is below 64 * 2^-24 of sum|xw|.
 */
static void check_product(struct checker *c)
{
    size_t k = 384, rows = 32;
    uint8_t *codes = block_new(rows * k), *panel = block_new(panel_bytes(PANEL_FP8, k));
    uint16_t *x = block_new(k * 2);
    float y[PANEL_ROWS], scales[3] = {0.5f, 0.013f, 3.0f};
    void *scratch = block_new(GEMM_SCRATCH_BYTES);
    for (size_t i = 0; i < rows * k; i++) {
        codes[i] = (uint8_t)draw(c, 256);
        codes[i] = fp8_e4m3_is_nan(codes[i]) ? 0 : codes[i];
    }
    fill_floats(c, FLOAT_BF16, PATTERN_NORMAL, k, x);
    c->ref.pack(&(struct pack_args){.source = codes,
                                    .source_stride = k,
                                    .source_type = PANEL_FP8,
                                    .rows = rows,
                                    .k = k,
                                    .panel_type = PANEL_FP8,
                                    .panel = panel});
    c->ref.gemm[PANEL_FP8][FLOAT_BF16](&(struct gemm_args){.m = 1,
                                                           .blocks = 3,
                                                           .x = x,
                                                           .x_stride = k,
                                                           .panels = panel,
                                                           .columns = rows,
                                                           .scales = scales,
                                                           .scale_block_stride = 1,
                                                           .out = y,
                                                           .out_stride = rows,
                                                           .out_type = FLOAT_F32,
                                                           .scratch = scratch});
    for (size_t r = 0; r < rows; r++) {
        double sum = 0, size = 0;
        for (size_t i = 0; i < k; i++) {
            double term = (double)bf16_to_f32(x[i]) * (double)fp8_e4m3_to_f32(codes[r * k + i]) *
                          (double)scales[i / 128];
            sum += term;
            size += fabs(term);
        }
        expect_near(c, "product", sum, (double)y[r], size * 64 * 0x1p-24);
    }
    free(codes);
    free(panel);
    free(x);
    free(scratch);
}

static void check_rms(struct checker *c)
{
    float x[200], weight[200], out[200];
    fill_floats(c, FLOAT_F32, PATTERN_NORMAL, 200, x);
    fill_floats(c, FLOAT_F32, PATTERN_NORMAL, 200, weight);
    double sum = 0;
    for (int i = 0; i < 200; i++)
        sum += (double)x[i] * (double)x[i];
    c->ref.rms_norm[FLOAT_F32](x, weight, 1e-6f, 200, out);
    for (int i = 0; i < 200; i++) {
        double expected = (double)x[i] / sqrt(sum / 200 + 1e-6) * (double)weight[i];
        expect_near(c, "rms_norm", expected, (double)out[i], fabs(expected) * 1e-6);
    }
}

/* The step flushes what VDPBF16PS flushes: tiny after rounding to 24 bits. */
static void check_flush(struct checker *c)
{
    float small = FLT_MIN;
    expect_near(c, "2^-126 stays", (double)small, (double)fma_flush(small, 1.0f, 0.0f), 0.0);
    expect_near(c, "2^-127 goes", 0.0, (double)fma_flush(small, 0.5f, 0.0f), 0.0);
    /* 2^-126 (1 - 2^-25) ties to 2^-126; 2^-126 (1 - 2^-24) does not reach it. */
    expect_near(c, "tie", (double)small, (double)fma_flush(-0x1p-76f, 0x1p-75f, small), 0.0);
    expect_near(c, "below", 0.0, (double)fma_flush(-0x1p-75f, 0x1p-75f, small), 0.0);
    expect_near(c, "denormal input", 0.0, (double)flush(0x1p-130f), 0.0);
}

void check_definition(struct checker *c)
{
    check_exp(c);
    check_product(c);
    check_rms(c);
    check_flush(c);
}
