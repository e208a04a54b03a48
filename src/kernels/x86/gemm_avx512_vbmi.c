/* SPDX-License-Identifier: Apache-2.0 */
/* FP8 products for AVX-512 with VBMI, summed with float32 FMA. */
#include "kernels/x86/fp8_table.h"
#include "kernels/x86/gemm_avx512.h"
#include "kernels/x86/x86.h"

/* The tables are constants of the loop: the compiler keeps them in four registers. */
ALWAYS_INLINE void widen_pair_fp8(const char *pair, __m512 w[4])
{
    const struct fp8_tables tables = fp8_tables_load();
    __m512i low_rows, high_rows;
    fp8_expand(&tables, _mm512_loadu_si512(pair), &low_rows, &high_rows);
    split_bf16(low_rows, &w[0], &w[1]);
    split_bf16(high_rows, &w[2], &w[3]);
}

static void gemm_fp8_bf16_vbmi(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_BF16, widen_pair_fp8, 64);
}
static void gemm_fp8_f32_vbmi(const struct gemm_args *a)
{
    gemm_avx512(a, FLOAT_F32, widen_pair_fp8, 64);
}

void kernels_avx512_vbmi_gemm(struct kernels *table)
{
    table->gemm[PANEL_FP8][FLOAT_BF16] = gemm_fp8_bf16_vbmi;
    table->gemm[PANEL_FP8][FLOAT_F32] = gemm_fp8_f32_vbmi;
}
