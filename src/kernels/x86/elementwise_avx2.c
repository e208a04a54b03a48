/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/v16_avx2.h"

#include "kernels/lanes/elementwise_lanes.h"
#include "kernels/x86/x86.h"

void kernels_avx2_elementwise(struct kernels *table)
{
    elementwise_fill(table);
}
