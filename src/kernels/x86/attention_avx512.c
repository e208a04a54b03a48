/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/v16_avx512.h"

#define SCORE_ROWS 4
#define SCORE_GROUPS 4
#define VALUE_ROWS 2
#define VALUE_WIDTH 8

#include "kernels/lanes/attention_lanes.h"
#include "kernels/x86/x86.h"

static void attention_span_bf16_avx512(const struct attention_args *a)
{
    attention_span(FLOAT_BF16, a);
}
static void attention_span_f32_avx512(const struct attention_args *a)
{
    attention_span(FLOAT_F32, a);
}
static void attention_merge_avx512(float *total, const float *span, size_t head_dim)
{
    attention_merge(total, span, head_dim);
}
static void attention_finish_bf16_avx512(const float *state, size_t head_dim, void *out)
{
    attention_finish(FLOAT_BF16, state, head_dim, out);
}
static void attention_finish_f32_avx512(const float *state, size_t head_dim, void *out)
{
    attention_finish(FLOAT_F32, state, head_dim, out);
}

void kernels_avx512_attention(struct kernels *table)
{
    table->attention_span[FLOAT_BF16] = attention_span_bf16_avx512;
    table->attention_span[FLOAT_F32] = attention_span_f32_avx512;
    table->attention_merge = attention_merge_avx512;
    table->attention_finish[FLOAT_BF16] = attention_finish_bf16_avx512;
    table->attention_finish[FLOAT_F32] = attention_finish_f32_avx512;
}
