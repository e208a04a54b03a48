/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/v16_avx2.h"

/* What fits the registers. */
#define SCORE_ROWS 2
#define SCORE_GROUPS 2
#define VALUE_ROWS 2
#define VALUE_WIDTH 2

#include "kernels/lanes/attention_lanes.h"
#include "kernels/x86/x86.h"

void kernels_avx2_attention(struct kernels *table)
{
    attention_fill(table);
}
