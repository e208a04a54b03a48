/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 variants. Each function overwrites what its files implement; only kernels_select() calls
 * them, and only when the processor has what the name says. The files of this folder alone are
 * compiled with instruction set flags, so headers hold static functions only.
 */
#ifndef KERNELS_X86_H
#define KERNELS_X86_H

#include "kernels/kernels.h"

void kernels_avx2_pack(struct kernels *table);
void kernels_avx2_gemm(struct kernels *table);
void kernels_avx2_elementwise(struct kernels *table);
void kernels_avx2_attention(struct kernels *table);
void kernels_avx512_gemm(struct kernels *table);
void kernels_avx512_elementwise(struct kernels *table);
void kernels_avx512_attention(struct kernels *table);
void kernels_avx512_vbmi_gemm(struct kernels *table); /* FP8 expanded by byte tables, FMA sums */
void kernels_avx512_bf16_gemm(struct kernels *table); /* VDPBF16PS sums; needs VBMI too */
void kernels_amx_gemm(struct kernels *table);

#endif
