/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

#include "kernels/ref/ref.h"

void kernels_select(const struct cpu_features *features, struct kernels *out)
{
    *out = (struct kernels){.name = "scalar"};
    kernels_ref_pack(out);
    kernels_ref_gemm(out);
    kernels_ref_elementwise(out);
    kernels_ref_attention(out);
    (void)features;
}
