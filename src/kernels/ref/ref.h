/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the table with the definitions. */
#ifndef KERNELS_REF_H
#define KERNELS_REF_H

#include "kernels/kernels.h"

void kernels_ref_pack(struct kernels *table);
void kernels_ref_gemm(struct kernels *table);
void kernels_ref_elementwise(struct kernels *table);
void kernels_ref_attention(struct kernels *table);

#endif
