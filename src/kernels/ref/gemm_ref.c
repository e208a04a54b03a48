/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products as kernels.h defines them. A block of a panel is widened once and used for up to
 * CHUNK rows of x, whose totals wait in the scratch memory.
 */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_math.h"
#include "numeric/fp8.h"

#define CHUNK 256

struct ref_scratch {
    float weights[PANEL_BLOCK][PANEL_ROWS];
    float totals[CHUNK][PANEL_ROWS];
};
_Static_assert(sizeof(struct ref_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the scalar products");

static void widen_block(enum panel_type type, const void *panel, size_t block,
                        float weights[PANEL_BLOCK][PANEL_ROWS])
{
    for (size_t k = 0; k < PANEL_BLOCK; k++) {
        for (size_t r = 0; r < PANEL_ROWS; r++) {
            size_t at = panel_index(type, block * PANEL_BLOCK + k, r);
            float w;
            if (type == PANEL_FP8)
                w = fp8_e4m3_to_f32(((const uint8_t *)panel)[at]);
            else if (type == PANEL_BF16)
                w = bf16_to_f32(((const uint16_t *)panel)[at]);
            else
                w = ((const float *)panel)[at];
            weights[k][r] = flush(w);
        }
    }
}

/* One block of one row of x: acc[r] for the 32 outputs. */
static void dot_block(const float x[PANEL_BLOCK], float weights[PANEL_BLOCK][PANEL_ROWS],
                      float acc[PANEL_ROWS])
{
    for (size_t r = 0; r < PANEL_ROWS; r++)
        acc[r] = 0.0f;
    for (size_t k = 0; k < PANEL_BLOCK; k += 2)
        for (size_t r = 0; r < PANEL_ROWS; r++)
            acc[r] = dot_step(x[k], weights[k][r], x[k + 1], weights[k + 1][r], acc[r]);
}

/* The same as TDPBF16PS sums it: 32 columns at a time, even and odd apart. */
static void dot_block_amx(const float x[PANEL_BLOCK], float weights[PANEL_BLOCK][PANEL_ROWS],
                          float acc[PANEL_ROWS])
{
    for (size_t r = 0; r < PANEL_ROWS; r++) {
        acc[r] = 0.0f;
        for (size_t base = 0; base < PANEL_BLOCK; base += 32) {
            float even = 0.0f, odd = 0.0f;
            for (size_t k = base; k < base + 32; k += 2) {
                even = fma_flush(x[k], weights[k][r], even);
                odd = fma_flush(x[k + 1], weights[k + 1][r], odd);
            }
            acc[r] = add_flush(acc[r], add_flush(even, odd));
        }
    }
}

static void store_row(const struct gemm_args *a, size_t row, size_t column, const float *totals)
{
    for (size_t r = 0; r < PANEL_ROWS && column + r < a->columns; r++) {
        float y = a->bias ? add_flush(totals[r], flush(a->bias[column + r])) : totals[r];
        store_float(a->out_type, a->out, row * a->out_stride + column + r, y);
    }
}

static float scale_of(const struct gemm_args *a, size_t p, size_t block, size_t r)
{
    if (!a->scales)
        return 1.0f;
    return flush(a->scales[p * a->scale_panel_stride + block * a->scale_block_stride +
                           r * a->scale_row_stride]);
}

static void gemm_generic(enum panel_type weight_type, enum float_type x_type, int amx,
                         const struct gemm_args *a)
{
    struct ref_scratch *s = a->scratch;
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    for (size_t p = 0; p < panels; p++) {
        const void *panel = (const char *)a->panels + p * a->panel_stride;
        for (size_t m0 = 0; m0 < a->m; m0 += CHUNK) {
            size_t rows = a->m - m0 < CHUNK ? a->m - m0 : CHUNK;
            for (size_t block = 0; block < a->blocks; block++) {
                widen_block(weight_type, panel, block, s->weights);
                for (size_t m = 0; m < rows; m++) {
                    float x[PANEL_BLOCK], acc[PANEL_ROWS];
                    size_t base = (m0 + m) * a->x_stride + block * PANEL_BLOCK;
                    for (size_t k = 0; k < PANEL_BLOCK; k++)
                        x[k] = flush(load_float(x_type, a->x, base + k));
                    (amx ? dot_block_amx : dot_block)(x, s->weights, acc);
                    for (size_t r = 0; r < PANEL_ROWS; r++)
                        s->totals[m][r] = fma_flush(scale_of(a, p, block, r), acc[r],
                                                    block ? s->totals[m][r] : 0.0f);
                }
            }
            for (size_t m = 0; m < rows; m++)
                store_row(a, m0 + m, p * PANEL_ROWS, s->totals[m]);
        }
    }
}

static void gemm_fp8_bf16_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_FP8, FLOAT_BF16, 0, a);
}
static void gemm_fp8_f32_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_FP8, FLOAT_F32, 0, a);
}
static void gemm_bf16_bf16_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_BF16, FLOAT_BF16, 0, a);
}
static void gemm_bf16_f32_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_BF16, FLOAT_F32, 0, a);
}
static void gemm_f32_bf16_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_F32, FLOAT_BF16, 0, a);
}
static void gemm_f32_f32_ref(const struct gemm_args *a)
{
    gemm_generic(PANEL_F32, FLOAT_F32, 0, a);
}

void gemm_amx_ref(enum panel_type type, const struct gemm_args *args)
{
    gemm_generic(type, FLOAT_BF16, 1, args);
}

#define PROBE_CHAINS 8

static void dot_probe_ref(size_t rounds)
{
    float acc[PROBE_CHAINS];
    for (size_t j = 0; j < PROBE_CHAINS; j++)
        acc[j] = (float)j; /* equal chains would be merged */
    for (size_t i = 0; i < rounds; i++)
        for (size_t j = 0; j < PROBE_CHAINS; j++)
            acc[j] = fmaf(acc[j], 0.5f, 1.0f);
    volatile float sink = acc[0] + acc[PROBE_CHAINS - 1];
    (void)sink;
}

void kernels_ref_gemm(struct kernels *table)
{
    table->dot_probe = dot_probe_ref;
    table->dot_probe_flop = 2 * PROBE_CHAINS;
    table->dot = "fmaf";
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_ref;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_ref;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_ref;
    table->gemm[PANEL_BF16][FLOAT_F32] = gemm_bf16_f32_ref;
    table->gemm[PANEL_F32][FLOAT_BF16] = gemm_f32_bf16_ref;
    table->gemm[PANEL_F32][FLOAT_F32] = gemm_f32_f32_ref;
}
