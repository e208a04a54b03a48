/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"

#include <stdlib.h>
#include <string.h>

#include "numeric/half.h"

static void fill_source(struct checker *c, enum panel_type type, size_t n, void *out)
{
    if (type == PANEL_FP8) {
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)out)[i] = (uint8_t)draw(c, 256);
    } else {
        enum pattern pattern = (enum pattern)draw(c, PATTERN_COUNT);
        fill_floats(c, type == PANEL_BF16 ? FLOAT_BF16 : FLOAT_F32, pattern, n, out);
    }
}

static void check_one_pack(struct checker *c, enum panel_type from, enum panel_type to, bool scaled)
{
    size_t rows = 1 + draw(c, PANEL_ROWS), k = 1 + draw(c, 500);
    struct pack_args a = {.source_type = from, .panel_type = to, .rows = rows, .k = k};
    a.source_stride = k + draw(c, 7);
    size_t count = (rows - 1) * a.source_stride + k;
    void *source = block_new(count * panel_element_size(from));
    fill_source(c, from, count, source);
    a.source = source;
    size_t bytes = panel_bytes(to, k);
    void *panels[2] = {block_new(bytes), block_new(bytes)};
    const float *scale_rows[PANEL_ROWS];
    a.scale_block_k = 1 + draw(c, 200);
    size_t scale_count = (k + a.scale_block_k - 1) / a.scale_block_k;
    float *scales = block_new(2 * scale_count * sizeof(float));
    for (size_t i = 0; i < 2 * scale_count; i++)
        scales[i] = draw_float(c, PATTERN_WIDE);
    for (size_t r = 0; r < rows; r++)
        scale_rows[r] = scales + (r >= 7 ? scale_count : 0);
    a.scale_rows = scaled ? scale_rows : NULL;
    a.panel = panels[0];
    c->ref.pack(&a);
    a.panel = panels[1];
    c->variant.pack(&a);
    expect_bytes(c, "pack", bytes, panels[0], panels[1], "from %d to %d, %zu x %zu, scaled %d",
                 (int)from, (int)to, rows, k, (int)scaled);

    float *block_scales = block_new(panel_blocks(k) * sizeof(float));
    fill_floats(c, FLOAT_F32, PATTERN_WIDE, panel_blocks(k), block_scales);
    for (size_t type = 0; type < FLOAT_TYPES; type++) {
        size_t size = type == FLOAT_BF16 ? 2 : 4, r = draw(c, PANEL_ROWS);
        void *out[2] = {block_new(k * size), block_new(k * size)};
        const float *given = draw(c, 2) ? block_scales : NULL;
        c->ref.panel_row(to, panels[0], r, k, given, 1, 0, (enum float_type)type, out[0]);
        c->variant.panel_row(to, panels[0], r, k, given, 1, 0, (enum float_type)type, out[1]);
        expect_same(c, "panel_row", (enum float_type)type, k, out[0], out[1], "row %zu, k %zu", r,
                    k);
        free(out[0]);
        free(out[1]);
    }
    free(block_scales);
    free(scales);
    free(source);
    free(panels[0]);
    free(panels[1]);
}

static void check_dequantise(struct checker *c)
{
    size_t n = 1 + draw(c, 300);
    uint8_t *codes = block_new(n);
    for (size_t i = 0; i < n; i++)
        codes[i] = (uint8_t)draw(c, 256);
    uint16_t *out[2] = {block_new(2 * n), block_new(2 * n)};
    float scale = draw_float(c, (enum pattern)draw(c, PATTERN_COUNT));
    c->ref.dequantise(codes, n, scale, out[0]);
    c->variant.dequantise(codes, n, scale, out[1]);
    expect_same(c, "dequantise", FLOAT_BF16, n, out[0], out[1], "scale %a, n %zu", (double)scale,
                n);
    free(codes);
    free(out[0]);
    free(out[1]);
}

void check_pack(struct checker *c)
{
    for (int round = 0; round < c->rounds; round++) {
        check_one_pack(c, PANEL_FP8, PANEL_FP8, false);
        check_one_pack(c, PANEL_BF16, PANEL_BF16, false);
        check_one_pack(c, PANEL_F32, PANEL_F32, false);
        check_one_pack(c, PANEL_FP8, PANEL_BF16, false);
        check_one_pack(c, PANEL_FP8, PANEL_BF16, true);
        check_one_pack(c, PANEL_FP8, PANEL_F32, true);
        check_one_pack(c, PANEL_FP8, PANEL_F32, false);
        check_one_pack(c, PANEL_BF16, PANEL_F32, false);
        check_one_pack(c, PANEL_F32, PANEL_BF16, false);
        check_dequantise(c);
    }
}
