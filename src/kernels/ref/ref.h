/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the table with the definitions. */
#ifndef KERNELS_REF_H
#define KERNELS_REF_H

#include "kernels/kernels.h"

void kernels_ref_pack(struct kernels *table);
void kernels_ref_gemm(struct kernels *table);
void kernels_ref_elementwise(struct kernels *table);
void kernels_ref_attention(struct kernels *table);

/* For the ragged ends and rare cases of the variants. */
void kernels_pack_ref(const struct pack_args *args);
void kernels_dequantise_ref(const uint8_t *codes, size_t n, float scale, uint16_t *out);

#endif
