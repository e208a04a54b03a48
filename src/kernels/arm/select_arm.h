/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_SELECT_ARM_H
#define KERNELS_SELECT_ARM_H

#include "kernels/kernels.h"

/* Overwrites the scalar table with what the processor has. */
void kernels_arm_select(const struct cpu_features *features, struct kernels *table);

#endif
