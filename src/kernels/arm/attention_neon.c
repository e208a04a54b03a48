/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/arm/v16_neon.h"

/* What fits the registers. */
#define SCORE_ROWS 2
#define SCORE_GROUPS 2
#define VALUE_ROWS 2
#define VALUE_WIDTH 2

#include "kernels/lanes/attention_lanes.h"
#include "kernels/arm/arm.h"

void kernels_neon_attention(struct kernels *table)
{
    attention_fill(table);
}
