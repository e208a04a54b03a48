/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

#include "kernels/ref/ref.h"

#if defined(__x86_64__)
#include "kernels/x86/select_x86.h"
#elif defined(__aarch64__)
#include "kernels/arm/select_arm.h"
#endif

void kernels_select(const struct cpu_features *features, struct kernels *out)
{
    *out = (struct kernels){.name = "scalar"};
    kernels_ref_pack(out);
    kernels_ref_gemm(out);
    kernels_ref_elementwise(out);
    kernels_ref_attention(out);
#if defined(__x86_64__)
    kernels_x86_select(features, out);
#elif defined(__aarch64__)
    kernels_arm_select(features, out);
#else
    (void)features;
#endif
}
