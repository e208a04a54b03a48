/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/select_x86.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/x86/x86.h"

/*
 * Zen 4 and later start a 512-bit VDPBF16PS every cycle, twice the products of an FMA. Intel's
 * cores split it into four operations and reach half of what two FMAs a cycle do (measured: 85
 * against 176 GFLOP/s on an Emerald Rapids core). Both give the same bits.
 */
static bool vdpbf16ps_is_faster(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d))
        return false;
    char vendor[12];
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    return memcmp(vendor, "AuthenticAMD", 12) == 0;
}

/*
 * AMX sums differ from all others, and the description of TDPBF16PS has been printed in two forms.
 * So a processor's tiles are used only when they give the bits of gemm_amx_ref() on a sample in
 * which the order of the sums shows; otherwise the other variants stay.
 */
#define SAMPLE_ROWS 17
#define SAMPLE_BLOCKS 2

struct amx_sample {
    _Alignas(64) uint8_t panel[PANEL_ROWS * PANEL_BLOCK * SAMPLE_BLOCKS];
    uint16_t x[SAMPLE_ROWS][PANEL_BLOCK * SAMPLE_BLOCKS];
    float expected[SAMPLE_ROWS][PANEL_ROWS], found[SAMPLE_ROWS][PANEL_ROWS];
    _Alignas(64) char scratch[GEMM_SCRATCH_BYTES];
};

static bool amx_is_as_defined(const struct kernels *amx)
{
    struct amx_sample *s = aligned_alloc(64, sizeof *s);
    if (!s)
        return false;
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof s->panel; i++) {
        state = state * 1664525u + 1013904223u;
        s->panel[i] = (uint8_t)(state >> 24) & 0xBF; /* no NaN */
    }
    for (size_t m = 0; m < SAMPLE_ROWS; m++) {
        for (size_t k = 0; k < PANEL_BLOCK * SAMPLE_BLOCKS; k++) {
            state = state * 1664525u + 1013904223u;
            s->x[m][k] = (uint16_t)(state >> 16) & 0xBFFF; /* sizes below 2 */
        }
    }
    struct gemm_args args = {.m = SAMPLE_ROWS,
                             .blocks = SAMPLE_BLOCKS,
                             .x = s->x,
                             .x_stride = PANEL_BLOCK * SAMPLE_BLOCKS,
                             .panels = s->panel,
                             .columns = PANEL_ROWS,
                             .out = s->expected,
                             .out_stride = PANEL_ROWS,
                             .out_type = FLOAT_F32,
                             .scratch = s->scratch};
    gemm_amx_ref(PANEL_FP8, &args);
    args.out = s->found;
    amx->gemm[PANEL_FP8][FLOAT_BF16](&args);
    bool same = true;
    for (size_t m = 0; m < SAMPLE_ROWS; m++)
        for (size_t r = 0; r < PANEL_ROWS; r++)
            same = same && s->expected[m][r] == s->found[m][r];
    free(s);
    return same;
}

void kernels_x86_select(const struct cpu_features *features, struct kernels *table)
{
    if (!features->avx2)
        return;
    table->name = "avx2";
    kernels_avx2_pack(table);
    kernels_avx2_gemm(table);
    kernels_avx2_elementwise(table);
    kernels_avx2_attention(table);
    if (!features->avx512)
        return;
    table->name = "avx512";
    kernels_avx512_gemm(table);
    kernels_avx512_elementwise(table);
    kernels_avx512_attention(table);
    if (!features->avx512_vbmi)
        return;
    table->name = "avx512_vbmi";
    kernels_avx512_vbmi_gemm(table);
    if (!features->avx512_bf16)
        return;
    table->name = "avx512_bf16";
    if (vdpbf16ps_is_faster())
        kernels_avx512_bf16_gemm(table);
    if (!features->amx_bf16)
        return;
    struct kernels amx = *table;
    amx.name = "amx";
    kernels_amx_gemm(&amx);
    if (amx_is_as_defined(&amx))
        *table = amx;
}
