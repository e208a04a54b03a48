/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kernels/ref/ref.h"
#include "kernels/ref/ref_math.h"

/* scale * q . k for the key at `position`, which q sees. */
static float score(enum float_type type, const struct attention_args *a, size_t q_base,
                   size_t position)
{
    size_t block = (size_t)a->block_table[position / a->block_size];
    const void *keys = (const char *)a->k + block * a->block_stride;
    float acc = 0.0f;
    for (size_t d = 0; d < a->head_dim; d += 2) {
        size_t at = kv_key_index(type, a->head_dim, position % a->block_size, d);
        size_t next = kv_key_index(type, a->head_dim, position % a->block_size, d + 1);
        acc = dot_step(flush(load_float(type, a->q, q_base + d)), flush(load_float(type, keys, at)),
                       flush(load_float(type, a->q, q_base + d + 1)),
                       flush(load_float(type, keys, next)), acc);
    }
    return mul_flush(acc, flush(a->scale));
}

/* o += p * v of one key. */
static void add_value(enum float_type type, const struct attention_args *a, size_t position,
                      float p, float *o)
{
    size_t block = (size_t)a->block_table[position / a->block_size];
    const void *values = (const char *)a->v + block * a->block_stride;
    size_t base = position % a->block_size * a->head_dim;
    for (size_t d = 0; d < a->head_dim; d++)
        o[d] = fma_flush(p, flush(load_float(type, values, base + d)), o[d]);
}

/* Up to 64 keys from position `begin`. */
static void row_block(enum float_type type, const struct attention_args *a, size_t q_base,
                      size_t begin, size_t count, float *state)
{
    float p[ATTENTION_BLOCK] = {0}, lanes[16];
    float *o = state + ATTENTION_STATE_HEAD;
    float max = state[0];
    for (size_t j = 0; j < count; j++) {
        p[j] = score(type, a, q_base, begin + j);
        max = p[j] > max ? p[j] : max;
    }
    float rescale = exp_scalar(add_flush(state[0], -max));
    for (size_t j = 0; j < count; j++)
        p[j] = exp_scalar(add_flush(p[j], -max));
    for (size_t i = 0; i < 16; i++)
        lanes[i] = ((p[i] + p[16 + i]) + p[32 + i]) + p[48 + i];
    state[0] = max;
    state[1] = fma_flush(state[1], rescale, sum_lanes(lanes));
    for (size_t d = 0; d < a->head_dim; d++)
        o[d] = mul_flush(o[d], rescale);
    for (size_t j = 0; j < count; j++)
        add_value(type, a, begin + j, p[j], o);
}

static void attention_span(enum float_type type, const struct attention_args *a)
{
    size_t span_begin = a->span * ATTENTION_SPAN;
    size_t state_floats = attention_state_floats(a->head_dim);
    for (size_t row = 0; row < a->tokens * a->heads; row++) {
        size_t token = row / a->heads, length = a->first_length + token;
        size_t q_base = token * a->q_token_stride + row % a->heads * a->head_dim;
        float *state = a->states + row * state_floats;
        memset(state, 0, state_floats * sizeof(float));
        state[0] = -INFINITY;
        size_t end = length < span_begin + ATTENTION_SPAN ? length : span_begin + ATTENTION_SPAN;
        for (size_t begin = span_begin; begin < end; begin += ATTENTION_BLOCK) {
            size_t left = end - begin;
            row_block(type, a, q_base, begin, left < ATTENTION_BLOCK ? left : ATTENTION_BLOCK,
                      state);
        }
    }
}

static void attention_span_bf16_ref(const struct attention_args *a)
{
    attention_span(FLOAT_BF16, a);
}
static void attention_span_f32_ref(const struct attention_args *a)
{
    attention_span(FLOAT_F32, a);
}

static void attention_merge_ref(float *total, const float *span, size_t head_dim)
{
    if (span[1] == 0.0f)
        return;
    if (total[1] == 0.0f) {
        memcpy(total, span, attention_state_floats(head_dim) * sizeof(float));
        return;
    }
    float max = span[0] > total[0] ? span[0] : total[0];
    float a = exp_scalar(total[0] - max), b = exp_scalar(span[0] - max);
    total[0] = max;
    total[1] = fmaf(total[1], a, span[1] * b);
    for (size_t d = ATTENTION_STATE_HEAD; d < ATTENTION_STATE_HEAD + head_dim; d++)
        total[d] = fmaf(total[d], a, span[d] * b);
}

static void attention_finish_bf16_ref(const float *state, size_t head_dim, void *out)
{
    for (size_t d = 0; d < head_dim; d++)
        store_float(FLOAT_BF16, out, d, state[ATTENTION_STATE_HEAD + d] / state[1]);
}
static void attention_finish_f32_ref(const float *state, size_t head_dim, void *out)
{
    for (size_t d = 0; d < head_dim; d++)
        store_float(FLOAT_F32, out, d, state[ATTENTION_STATE_HEAD + d] / state[1]);
}

static void kv_write_bf16_ref(const void *key, const void *value, size_t head_dim, void *block_k,
                              void *block_v, size_t offset)
{
    for (size_t d = 0; d < head_dim; d++)
        ((uint16_t *)block_k)[kv_key_index(FLOAT_BF16, head_dim, offset, d)] =
            ((const uint16_t *)key)[d];
    memcpy((uint16_t *)block_v + offset * head_dim, value, head_dim * sizeof(uint16_t));
}
static void kv_write_f32_ref(const void *key, const void *value, size_t head_dim, void *block_k,
                             void *block_v, size_t offset)
{
    for (size_t d = 0; d < head_dim; d++)
        ((float *)block_k)[kv_key_index(FLOAT_F32, head_dim, offset, d)] = ((const float *)key)[d];
    memcpy((float *)block_v + offset * head_dim, value, head_dim * sizeof(float));
}

void kernels_ref_attention(struct kernels *table)
{
    table->kv_write[FLOAT_BF16] = kv_write_bf16_ref;
    table->kv_write[FLOAT_F32] = kv_write_f32_ref;
    table->attention_span[FLOAT_BF16] = attention_span_bf16_ref;
    table->attention_span[FLOAT_F32] = attention_span_f32_ref;
    table->attention_merge = attention_merge_ref;
    table->attention_finish[FLOAT_BF16] = attention_finish_bf16_ref;
    table->attention_finish[FLOAT_F32] = attention_finish_f32_ref;
}
