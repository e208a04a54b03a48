/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/arm/select_arm.h"

#include "kernels/arm/arm.h"

/*
 * BFDOT is not used: without FEAT_EBF16 it rounds to odd and does not fuse, so its sums are neither
 * those of the definition nor the same on all processors.
 */
void kernels_arm_select(const struct cpu_features *features, struct kernels *table)
{
    if (!features->neon)
        return;
    table->name = "neon";
    kernels_neon_gemm(table);
    kernels_neon_elementwise(table);
    kernels_neon_attention(table);
}
