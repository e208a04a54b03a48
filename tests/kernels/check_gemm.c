/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/fp8.h"
#include "numeric/half.h"

struct gemm_case {
    struct gemm_args args;
    enum panel_type weight_type;
    enum float_type x_type;
    void *x, *panels, *out[2], *scratch;
    float *scales, *bias;
    size_t out_bytes;
};

static void fill_panel(struct checker *c, enum panel_type type, enum pattern pattern, size_t n,
                       void *out)
{
    if (type == PANEL_FP8) {
        for (size_t i = 0; i < n; i++) {
            uint8_t code = (uint8_t)draw(c, 256);
            if (pattern == PATTERN_TINY)
                code &= 0x87; /* subnormals and zeros of both signs */
            ((uint8_t *)out)[i] = fp8_e4m3_is_nan(code) ? code & 0x8F : code;
        }
    } else {
        fill_floats(c, type == PANEL_BF16 ? FLOAT_BF16 : FLOAT_F32, pattern, n, out);
    }
}

static void case_free(struct gemm_case *t)
{
    free(t->x);
    free(t->panels);
    free(t->out[0]);
    free(t->out[1]);
    free(t->scratch);
    free(t->scales);
    free(t->bias);
}

static void case_scales(struct checker *c, struct gemm_case *t, enum pattern pattern, size_t panels)
{
    struct gemm_args *a = &t->args;
    uint64_t mode = draw(c, 3);
    if (mode == 0)
        return;
    size_t width = mode == 2 ? PANEL_ROWS : 1;
    size_t count = panels * a->blocks * width;
    a->scale_row_stride = mode == 2;
    a->scale_block_stride = width;
    a->scale_panel_stride = a->blocks * width;
    if (mode == 2 && draw(c, 2)) { /* per channel: the same for all blocks */
        a->scale_block_stride = 0;
        a->scale_panel_stride = PANEL_ROWS;
        count = panels * PANEL_ROWS;
    }
    t->scales = block_new(count * sizeof(float));
    fill_floats(c, FLOAT_F32, pattern == PATTERN_TINY ? pattern : PATTERN_WIDE, count, t->scales);
    a->scales = t->scales;
}

static void case_make(struct checker *c, struct gemm_case *t, size_t m, enum pattern pattern)
{
    *t = (struct gemm_case){.weight_type = (enum panel_type)draw(c, PANEL_TYPES),
                            .x_type = (enum float_type)draw(c, FLOAT_TYPES)};
    struct gemm_args *a = &t->args;
    a->m = m;
    a->blocks = 1 + draw(c, 4);
    a->columns = 1 + draw(c, m > 64 ? 70 : 200);
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    size_t k = a->blocks * PANEL_BLOCK;
    size_t x_size = t->x_type == FLOAT_BF16 ? 2 : 4;
    a->x_stride = k + 2 * draw(c, 20);
    size_t x_count = (m - 1) * a->x_stride + k;
    t->x = block_new(x_count * x_size);
    fill_floats(c, t->x_type, pattern, x_count, t->x);
    a->panel_stride = panel_bytes(t->weight_type, k) + 64 * draw(c, 3);
    size_t weight_bytes = (panels - 1) * a->panel_stride + panel_bytes(t->weight_type, k);
    t->panels = block_new(weight_bytes);
    fill_panel(c, t->weight_type, pattern, weight_bytes / panel_element_size(t->weight_type),
               t->panels);
    case_scales(c, t, pattern, panels);
    if (draw(c, 2)) {
        t->bias = block_new(a->columns * sizeof(float));
        fill_floats(c, FLOAT_F32, pattern, a->columns, t->bias);
        a->bias = t->bias;
    }
    a->out_type = (enum float_type)draw(c, FLOAT_TYPES);
    a->out_stride = a->columns + draw(c, 9);
    size_t out_size = a->out_type == FLOAT_BF16 ? 2 : 4;
    t->out_bytes = ((m - 1) * a->out_stride + a->columns) * out_size;
    t->out[0] = block_new(t->out_bytes);
    t->out[1] = block_new(t->out_bytes);
    t->scratch = block_new(GEMM_SCRATCH_BYTES);
    a->x = t->x;
    a->panels = t->panels;
    a->scratch = t->scratch;
}

static void case_run(struct checker *c, struct gemm_case *t, enum pattern pattern)
{
    static const char *const weights[] = {"fp8", "bf16", "f32"};
    static const char *const xs[] = {"bf16", "f32"};
    struct gemm_args *a = &t->args;
    char what[64];
    snprintf(what, sizeof what, "gemm %s x %s", weights[t->weight_type], xs[t->x_type]);
    a->out = t->out[0];
    bool amx = strncmp(c->variant.dot, "tdp", 3) == 0 && t->x_type == FLOAT_BF16 &&
               t->weight_type != PANEL_F32;
    if (amx)
        gemm_amx_ref(t->weight_type, a);
    else
        c->ref.gemm[t->weight_type][t->x_type](a);
    a->out = t->out[1];
    c->variant.gemm[t->weight_type][t->x_type](a);
    size_t columns = a->columns;
    size_t size = a->out_type == FLOAT_BF16 ? 2 : 4;
    for (size_t m = 0; m < a->m; m++) {
        const char *e = (char *)t->out[0] + m * a->out_stride * size;
        const char *f = (char *)t->out[1] + m * a->out_stride * size;
        expect_same(c, what, a->out_type, columns, e, f,
                    "row %zu of %zu, columns %zu, blocks %zu, pattern %d, scales %d/%zu, bias %d",
                    m, a->m, columns, a->blocks, (int)pattern, a->scales != NULL,
                    a->scale_row_stride, a->bias != NULL);
        if (m + 1 < a->m)
            expect_bytes(c, "gap after row", (a->out_stride - columns) * size, e + columns * size,
                         f + columns * size, "row %zu", m);
    }
    /* The same row alone must have the same bits. */
    size_t row = draw(c, a->m), m = a->m;
    a->m = 1;
    a->x = (char *)t->x + row * a->x_stride * (t->x_type == FLOAT_BF16 ? 2 : 4);
    void *alone = block_new(columns * size);
    a->out = alone;
    c->variant.gemm[t->weight_type][t->x_type](a);
    expect_same(c, what, a->out_type, columns, (char *)t->out[1] + row * a->out_stride * size,
                alone, "row %zu of %zu against the row alone", row, m);
    free(alone);
}

void check_gemm(struct checker *c)
{
    for (int round = 0; round < c->rounds * 5; round++) {
        struct gemm_case t;
        enum pattern pattern = (enum pattern)draw(c, PATTERN_COUNT);
        size_t m = round % 20 == 19 ? 250 + draw(c, 300) : 1 + draw(c, round % 3 ? 6 : 40);
        case_make(c, &t, m, pattern);
        case_run(c, &t, pattern);
        case_free(&t);
    }
}

/* Every code in every place of a block, alone: y must be the code's value, whatever m is. */
void check_gemm_codes(struct checker *c)
{
    const size_t ms[] = {1, 2, 3, 4, 9};
    uint8_t *panel = block_new(panel_bytes(PANEL_FP8, PANEL_BLOCK));
    void *scratch = block_new(GEMM_SCRATCH_BYTES);
    float *expected = block_new(PANEL_ROWS * sizeof(float));
    float *out = block_new(9 * PANEL_ROWS * sizeof(float));
    for (size_t x_type = 0; x_type < FLOAT_TYPES; x_type++) {
        for (size_t i = 0; i < 5; i++) {
            size_t x_size = x_type == FLOAT_BF16 ? 2 : 4;
            char *x = block_new(ms[i] * PANEL_BLOCK * x_size);
            for (size_t pass = 0; pass < 256; pass += PANEL_ROWS) {
                for (size_t k = 0; k < PANEL_BLOCK; k++) {
                    for (size_t r = 0; r < PANEL_ROWS; r++) {
                        uint8_t code = (uint8_t)(pass + r + k);
                        panel[panel_index(PANEL_FP8, k, r)] = fp8_e4m3_is_nan(code) ? 0 : code;
                    }
                }
                for (size_t k = 0; k < PANEL_BLOCK; k++) {
                    memset(x, 0, ms[i] * PANEL_BLOCK * x_size);
                    for (size_t m = 0; m < ms[i]; m++) {
                        if (x_type == FLOAT_BF16)
                            ((uint16_t *)(void *)x)[m * PANEL_BLOCK + k] = 0x3F80;
                        else
                            ((float *)(void *)x)[m * PANEL_BLOCK + k] = 1.0f;
                    }
                    for (size_t r = 0; r < PANEL_ROWS; r++)
                        expected[r] = fp8_e4m3_to_f32(panel[panel_index(PANEL_FP8, k, r)]) + 0.0f;
                    c->variant.gemm[PANEL_FP8][x_type](&(struct gemm_args){.m = ms[i],
                                                                           .blocks = 1,
                                                                           .x = x,
                                                                           .x_stride = PANEL_BLOCK,
                                                                           .panels = panel,
                                                                           .columns = PANEL_ROWS,
                                                                           .out = out,
                                                                           .out_stride = PANEL_ROWS,
                                                                           .out_type = FLOAT_F32,
                                                                           .scratch = scratch});
                    for (size_t m = 0; m < ms[i]; m++)
                        expect_same(c, "one code", FLOAT_F32, PANEL_ROWS, expected,
                                    out + m * PANEL_ROWS, "pass %zu, k %zu, m %zu of %zu", pass, k,
                                    m, ms[i]);
                }
            }
            free(x);
        }
    }
    free(panel);
    free(scratch);
    free(expected);
    free(out);
}
