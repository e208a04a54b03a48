/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/select_x86.h"

#include <cpuid.h>
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
}
