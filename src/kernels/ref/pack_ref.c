/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kernels/ref/ref.h"
#include "kernels/ref/ref_math.h"
#include "numeric/fp8.h"

static float source_value(const struct pack_args *a, size_t index)
{
    if (a->source_type == PANEL_FP8)
        return fp8_e4m3_to_f32(((const uint8_t *)a->source)[index]);
    if (a->source_type == PANEL_BF16)
        return bf16_to_f32(((const uint16_t *)a->source)[index]);
    return ((const float *)a->source)[index];
}

/* Copies bits: a NaN keeps its payload. */
static void pack_same(const struct pack_args *a)
{
    size_t size = panel_element_size(a->panel_type);
    for (size_t r = 0; r < a->rows; r++) {
        const char *row = (const char *)a->source + r * a->source_stride * size;
        char *panel = a->panel;
        for (size_t c = 0; c < a->k; c++)
            memcpy(panel + panel_index(a->panel_type, c, r) * size, row + c * size, size);
    }
}

static void pack_widen(const struct pack_args *a)
{
    for (size_t r = 0; r < a->rows; r++) {
        for (size_t c = 0; c < a->k; c++) {
            float value = source_value(a, r * a->source_stride + c);
            float scale = a->scale_rows ? a->scale_rows[r][c / a->scale_block_k] : 1.0f;
            size_t at = panel_index(a->panel_type, c, r);
            if (a->panel_type == PANEL_F32)
                ((float *)a->panel)[at] = a->scale_rows ? value * scale : value;
            else
                ((uint16_t *)a->panel)[at] = bf16_from_f64((double)value * (double)scale);
        }
    }
}

void kernels_pack_ref(const struct pack_args *a)
{
    memset(a->panel, 0, panel_bytes(a->panel_type, a->k));
    if (a->source_type == a->panel_type)
        pack_same(a);
    else
        pack_widen(a);
}

static float panel_value(enum panel_type type, const void *panel, size_t index)
{
    if (type == PANEL_FP8)
        return fp8_e4m3_to_f32(((const uint8_t *)panel)[index]);
    if (type == PANEL_BF16)
        return bf16_to_f32(((const uint16_t *)panel)[index]);
    return ((const float *)panel)[index];
}

static void panel_row_ref(enum panel_type type, const void *panel, size_t r, size_t k,
                          const float *scales, size_t scale_block_stride, size_t scale_row_stride,
                          enum float_type out_type, void *out)
{
    for (size_t c = 0; c < k; c++) {
        float value = panel_value(type, panel, panel_index(type, c, r));
        if (scales)
            value *= scales[c / PANEL_BLOCK * scale_block_stride + r * scale_row_stride];
        store_float(out_type, out, c, value);
    }
}

void kernels_dequantise_ref(const uint8_t *codes, size_t n, float scale, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_from_f64((double)fp8_e4m3_to_f32(codes[i]) * (double)scale);
}

void kernels_ref_pack(struct kernels *table)
{
    table->pack = kernels_pack_ref;
    table->panel_row = panel_row_ref;
    table->dequantise = kernels_dequantise_ref;
}
