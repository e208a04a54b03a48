/* SPDX-License-Identifier: Apache-2.0 */
/* The NEON variants; each function overwrites what its file implements. */
#ifndef KERNELS_ARM_H
#define KERNELS_ARM_H

#include "kernels/kernels.h"

void kernels_neon_gemm(struct kernels *table);
void kernels_neon_elementwise(struct kernels *table);
void kernels_neon_attention(struct kernels *table);

#endif
