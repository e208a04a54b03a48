/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of BF16 activations in AMX tiles. A block of 128 columns is four TDPBF16PS of 32 columns
 * into a tile that starts at zero; its sums are scaled and added to the totals with FMA. One row of
 * x takes the same way as many, so a result does not depend on the batch. gemm_amx_ref() is the
 * definition: the instruction sums even and odd columns apart, so the bits are not those of the
 * other variants.
 */
#include "kernels/x86/fp8_table.h"
#include "kernels/x86/gemm_avx512.h"
#include "kernels/x86/amx_tiles.h"
#include "kernels/x86/x86.h"

#define PAIRS (PANEL_BLOCK / 2)
#define TILE_ROWS 16
#define STEP_PAIRS 16 /* pairs of columns of one TDPBF16PS */
#define ROW_BLOCK (2 * TILE_ROWS)

struct amx_scratch {
    uint32_t weights[PAIRS][PANEL_ROWS]; /* BF16 pairs */
    uint32_t x[CHUNK + ROW_BLOCK][PAIRS];
    float totals[GROUP][CHUNK + ROW_BLOCK][PANEL_ROWS];
    float sums[ROW_BLOCK][PANEL_ROWS];
};
_Static_assert(sizeof(struct amx_scratch) <= GEMM_SCRATCH_BYTES, "scratch of the AMX products");

/* BF16 pairs of rows 0-15 and 16-31. */
typedef void load_pair(const char *pair, __m512i w[2]);

ALWAYS_INLINE void load_pair_fp8(const char *pair, __m512i w[2])
{
    const struct fp8_tables tables = fp8_tables_load();
    fp8_expand(&tables, _mm512_loadu_si512(pair), &w[0], &w[1]);
}

ALWAYS_INLINE void load_pair_bf16(const char *pair, __m512i w[2])
{
    w[0] = _mm512_loadu_si512(pair);
    w[1] = _mm512_loadu_si512(pair + 64);
}

/* Tiles 0-3: sums of two times 16 rows by two times 16 outputs; 4, 5: x; 6, 7: weights. */
static void configure(size_t rows)
{
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = (uint8_t)(i < 6 && rows < TILE_ROWS ? rows : TILE_ROWS);
    }
    tiles_configure(&config);
}

/* Sums of one block for 16 (or fewer, as configured) rows of x from `x` on. */
static void sum_16_rows(struct amx_scratch *s, uint32_t (*x)[PAIRS])
{
    tile_zero(0);
    tile_zero(1);
    for (size_t i = 0; i < PAIRS; i += STEP_PAIRS) {
        tile_load(4, &x[0][i], sizeof x[0]);
        tile_load(6, &s->weights[i][0], sizeof s->weights[0]);
        tile_load(7, &s->weights[i][16], sizeof s->weights[0]);
        tile_dot_bf16(0, 4, 6);
        tile_dot_bf16(1, 4, 7);
    }
    tile_store(0, &s->sums[0][0], sizeof s->sums[0]);
    tile_store(1, &s->sums[0][16], sizeof s->sums[0]);
}

static void sum_32_rows(struct amx_scratch *s, uint32_t (*x)[PAIRS])
{
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    for (size_t i = 0; i < PAIRS; i += STEP_PAIRS) {
        tile_load(4, &x[0][i], sizeof x[0]);
        tile_load(5, &x[TILE_ROWS][i], sizeof x[0]);
        tile_load(6, &s->weights[i][0], sizeof s->weights[0]);
        tile_load(7, &s->weights[i][16], sizeof s->weights[0]);
        tile_dot_bf16(0, 4, 6);
        tile_dot_bf16(1, 4, 7);
        tile_dot_bf16(2, 5, 6);
        tile_dot_bf16(3, 5, 7);
    }
    tile_store(0, &s->sums[0][0], sizeof s->sums[0]);
    tile_store(1, &s->sums[0][16], sizeof s->sums[0]);
    tile_store(2, &s->sums[TILE_ROWS][0], sizeof s->sums[0]);
    tile_store(3, &s->sums[TILE_ROWS][16], sizeof s->sums[0]);
}

static void tile_block_amx(struct amx_scratch *s, size_t rows, const __m512 scale[2],
                           float (*totals)[PANEL_ROWS])
{
    for (size_t m = 0; m < rows; m += ROW_BLOCK) {
        size_t count = rows - m < ROW_BLOCK ? rows - m : ROW_BLOCK;
        if (count > TILE_ROWS)
            sum_32_rows(s, s->x + m);
        else
            sum_16_rows(s, s->x + m);
        for (size_t i = 0; i < count; i++) {
            for (size_t h = 0; h < PANEL_ROWS; h += 16) {
                __m512 total = _mm512_fmadd_ps(scale[h / 16], _mm512_loadu_ps(s->sums[i] + h),
                                               _mm512_loadu_ps(totals[m + i] + h));
                _mm512_storeu_ps(totals[m + i] + h, total);
            }
        }
    }
}

ALWAYS_INLINE void group_amx(const struct gemm_args *a, size_t panel, size_t count, size_t m0,
                             size_t rows, load_pair *load, size_t pair_bytes)
{
    struct amx_scratch *s = a->scratch;
    for (size_t p = 0; p < count; p++)
        memset(s->totals[p], 0, rows * sizeof s->totals[p][0]);
    memset(s->x[rows], 0, ROW_BLOCK * sizeof s->x[0]);
    for (size_t block = 0; block < a->blocks; block++) {
        for (size_t m = 0; m < rows; m++)
            memcpy(s->x[m], (const uint16_t *)a->x + (m0 + m) * a->x_stride + block * PANEL_BLOCK,
                   sizeof s->x[m]);
        for (size_t p = 0; p < count; p++) {
            const char *weights = (const char *)a->panels + (panel + p) * a->panel_stride +
                                  block * pair_bytes * PAIRS;
            __m512 scale[2];
            load_scales(a, panel + p, block, scale);
            for (size_t i = 0; i < PAIRS; i++) {
                __m512i w[2];
                prefetch_ahead(weights + i * pair_bytes, TILE_AHEAD, pair_bytes);
                load(weights + i * pair_bytes, w);
                _mm512_storeu_si512(s->weights[i], w[0]);
                _mm512_storeu_si512(s->weights[i] + 16, w[1]);
            }
            tile_block_amx(s, rows, scale, s->totals[p]);
        }
    }
    for (size_t p = 0; p < count; p++)
        for (size_t m = 0; m < rows; m++)
            store_outputs(a, m0 + m, (panel + p) * PANEL_ROWS, _mm512_loadu_ps(s->totals[p][m]),
                          _mm512_loadu_ps(s->totals[p][m] + 16));
}

ALWAYS_INLINE void gemm_amx(const struct gemm_args *a, load_pair *load, size_t pair_bytes)
{
    unsigned long saved = fp_mode_flush();
    size_t panels = (a->columns + PANEL_ROWS - 1) / PANEL_ROWS;
    configure(a->m);
    for (size_t p = 0; p < panels; p += GROUP)
        for (size_t m = 0; m < a->m; m += CHUNK)
            group_amx(a, p, panels - p < GROUP ? panels - p : GROUP, m,
                      a->m - m < CHUNK ? a->m - m : CHUNK, load, pair_bytes);
    tiles_release();
    fp_mode_restore(saved);
}

static void gemm_fp8_bf16_amx(const struct gemm_args *a)
{
    gemm_amx(a, load_pair_fp8, 64);
}
static void gemm_bf16_bf16_amx(const struct gemm_args *a)
{
    gemm_amx(a, load_pair_bf16, 128);
}

/* Four tiles of sums in turn, 2 * 16 * 16 * 32 operations each. */
static void dot_probe_amx(size_t rounds)
{
    configure(TILE_ROWS);
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    tile_zero(4);
    tile_zero(6);
    for (size_t i = 0; i < rounds; i++) {
        tile_dot_bf16(0, 4, 6);
        tile_dot_bf16(1, 4, 6);
        tile_dot_bf16(2, 4, 6);
        tile_dot_bf16(3, 4, 6);
    }
    tiles_release();
}

void kernels_amx_gemm(struct kernels *table)
{
    table->dot = "tdpbf16ps";
    table->dot_probe = dot_probe_amx;
    table->dot_probe_flop = 4 * 2 * 16 * 16 * 32;
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_amx;
    table->gemm[PANEL_BF16][FLOAT_BF16] = gemm_bf16_bf16_amx;
}
