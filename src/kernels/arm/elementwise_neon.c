/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/arm/v16_neon.h"

#include "kernels/lanes/elementwise_lanes.h"
#include "kernels/arm/arm.h"

void kernels_neon_elementwise(struct kernels *table)
{
    elementwise_fill(table);
}
