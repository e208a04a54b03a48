/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over sixteen lanes: scores have keys in the lanes, outputs have elements of the head. A
 * file that includes this defines the register tiles first:
 *   SCORE_ROWS x SCORE_GROUPS accumulators (groups of 16 keys; 1, 2 or 4),
 *   VALUE_ROWS x VALUE_WIDTH accumulators (widths of 16 elements).
 *
 * For each block of 64 keys: scores of all rows, then the softmax of each row, then the values.
 * With more than WIDEN_ROWS rows a BF16 block of K and of V is widened to float32 once, in the
 * scratch.
 */
#ifndef KERNELS_LANES_ATTENTION_H
#define KERNELS_LANES_ATTENTION_H

#include <string.h>

#include "kernels/lanes/lanes.h"

#define BLOCK_GROUPS (ATTENTION_BLOCK / KV_GROUP)
#define HEAD_DIM_MAX 512
#define WIDEN_ROWS 4

struct attention_scratch {
    float q[ATTENTION_ROWS_MAX][HEAD_DIM_MAX];
    float scores[ATTENTION_ROWS_MAX][ATTENTION_BLOCK]; /* then probabilities */
    float wide[ATTENTION_BLOCK * HEAD_DIM_MAX];
    float rescale[ATTENTION_ROWS_MAX];
    size_t count[ATTENTION_ROWS_MAX]; /* visible keys of the block */
};
_Static_assert(sizeof(struct attention_scratch) <= ATTENTION_SCRATCH_BYTES, "scratch of attention");

/* Where the groups of 16 keys of a block begin. Groups past the last visible key repeat the first:
 * their scores are dropped. */
struct block_groups {
    enum float_type type;
    const void *group[BLOCK_GROUPS];
    const void *next[BLOCK_GROUPS]; /* the same of the block after, to be fetched ahead */
};

ALWAYS_INLINE const void *find_group(const struct attention_args *a, const void *base, size_t size,
                                     size_t position)
{
    size_t block = (size_t)a->block_table[position / a->block_size];
    return (const char *)base + block * a->block_stride +
           position % a->block_size * a->head_dim * size;
}

ALWAYS_INLINE void find_groups(const struct attention_args *a, const void *base, size_t size,
                               size_t begin, size_t count, struct block_groups *out)
{
    size_t longest = a->first_length + a->tokens - 1;
    for (size_t g = 0; g < BLOCK_GROUPS; g++) {
        size_t position = begin + (g * KV_GROUP < count ? g * KV_GROUP : 0);
        size_t after = begin + ATTENTION_BLOCK + g * KV_GROUP;
        out->group[g] = find_group(a, base, size, position);
        out->next[g] = after < longest ? find_group(a, base, size, after) : out->group[g];
    }
}

/* Into the second level cache: the first has no room for the block after. */
ALWAYS_INLINE void fetch_ahead(const void *base, size_t offset, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)base + offset + i, 0, 2);
}

/* ---- scores --------------------------------------------------------------------------------- */

/* scores[row][16 g ..] = scale * q . k for `rows` rows and `groups` groups. */
ALWAYS_INLINE void score_tile(const struct block_groups *k, size_t first_group, size_t groups,
                              size_t rows, size_t head_dim, float (*q)[HEAD_DIM_MAX], float scale,
                              float (*scores)[ATTENTION_BLOCK])
{
    struct v16 acc[SCORE_ROWS * SCORE_GROUPS];
#pragma GCC unroll 16
    for (size_t i = 0; i < rows * groups; i++)
        acc[i] = v16_set1(0.0f);
    for (size_t d = 0; d < head_dim; d += 2) {
        struct v16 even[SCORE_GROUPS], odd[SCORE_GROUPS];
#pragma GCC unroll 4
        for (size_t g = 0; g < groups; g++) {
            if (k->type == FLOAT_BF16) {
                fetch_ahead(k->next[first_group + g], d * KV_GROUP * 2, 64);
                v16_load_pairs((const uint16_t *)k->group[first_group + g] + d * KV_GROUP, &even[g],
                               &odd[g]);
            } else {
                const float *keys = (const float *)k->group[first_group + g] + d * KV_GROUP;
                even[g] = v16_load(keys);
                odd[g] = v16_load(keys + KV_GROUP);
            }
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < rows * groups; i++)
            acc[i] = v16_fma(v16_set1(q[i / groups][d + 1]), odd[i % groups], acc[i]);
#pragma GCC unroll 16
        for (size_t i = 0; i < rows * groups; i++)
            acc[i] = v16_fma(v16_set1(q[i / groups][d]), even[i % groups], acc[i]);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < rows * groups; i++)
        v16_store(scores[i / groups] + (first_group + i % groups) * KV_GROUP,
                  v16_mul(acc[i], v16_set1(scale)));
}

ALWAYS_INLINE void score_rows(const struct block_groups *k, size_t rows, size_t head_dim,
                              float scale, struct attention_scratch *s)
{
    for (size_t g = 0; g < BLOCK_GROUPS; g += SCORE_GROUPS) {
        size_t row = 0;
        for (; row + SCORE_ROWS <= rows; row += SCORE_ROWS)
            score_tile(k, g, SCORE_GROUPS, SCORE_ROWS, head_dim, s->q + row, scale,
                       s->scores + row);
        for (; SCORE_ROWS > 2 && row + 2 <= rows; row += 2)
            score_tile(k, g, SCORE_GROUPS, 2, head_dim, s->q + row, scale, s->scores + row);
        for (; row < rows; row++)
            score_tile(k, g, SCORE_GROUPS, 1, head_dim, s->q + row, scale, s->scores + row);
    }
}

/* ---- softmax -------------------------------------------------------------------------------- */

ALWAYS_INLINE void softmax_row(float *scores, size_t count, float *state, float *rescale)
{
    const struct v16 lowest = v16_set1(-INFINITY), zero = v16_set1(0.0f);
    struct v16 s[BLOCK_GROUPS], top = lowest;
    size_t valid[BLOCK_GROUPS];
#pragma GCC unroll 4
    for (size_t g = 0; g < BLOCK_GROUPS; g++) {
        size_t left = count > g * KV_GROUP ? count - g * KV_GROUP : 0;
        valid[g] = left < KV_GROUP ? left : KV_GROUP;
        s[g] = v16_first(v16_load(scores + g * KV_GROUP), valid[g], lowest);
        top = v16_max(s[g], top);
    }
    float max = v16_max_lane(top);
    max = max > state[0] ? max : state[0];
#pragma GCC unroll 4
    for (size_t g = 0; g < BLOCK_GROUPS; g++) {
        s[g] = v16_first(v16_exp(v16_sub(s[g], v16_set1(max))), valid[g], zero);
        v16_store(scores + g * KV_GROUP, s[g]);
    }
    float sum = v16_sum(v16_add(v16_add(v16_add(s[0], s[1]), s[2]), s[3]));
    float first[16];
    v16_store(first, v16_exp(v16_set1(state[0] - max)));
    *rescale = first[0];
    state[1] = fmaf(state[1], *rescale, sum);
    state[0] = max;
}

/* ---- values --------------------------------------------------------------------------------- */

/* o[row][d ..] = o * rescale + sum of p * v over `count` keys, for `rows` rows and `width` vectors.
 */
ALWAYS_INLINE void value_tile(const struct block_groups *v, size_t head_dim, size_t d, size_t rows,
                              size_t width, size_t count, float (*p)[ATTENTION_BLOCK],
                              const float *rescale, float *o, size_t o_stride)
{
    struct v16 acc[VALUE_ROWS * VALUE_WIDTH];
#pragma GCC unroll 16
    for (size_t i = 0; i < rows * width; i++)
        acc[i] = v16_mul(v16_load(o + i / width * o_stride + d + i % width * 16),
                         v16_set1(rescale[i / width]));
    for (size_t j = 0; j < count; j++) {
        struct v16 value[VALUE_WIDTH];
        size_t base = j % KV_GROUP * head_dim + d;
#pragma GCC unroll 8
        for (size_t w = 0; w < width; w++) {
            if (v->type == FLOAT_BF16 && w % 2 == 0)
                fetch_ahead(v->next[j / KV_GROUP], (base + w * 16) * 2, 64);
            value[w] = v16_load_float(v->type, v->group[j / KV_GROUP], base + w * 16);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < rows * width; i++)
            acc[i] = v16_fma(v16_set1(p[i / width][j]), value[i % width], acc[i]);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < rows * width; i++)
        v16_store(o + i / width * o_stride + d + i % width * 16, acc[i]);
}

ALWAYS_INLINE void value_rows(const struct block_groups *v, size_t head_dim, size_t rows,
                              size_t count, float (*p)[ATTENTION_BLOCK], const float *rescale,
                              float *o, size_t o_stride)
{
    size_t d = 0;
    for (; d + 16 * VALUE_WIDTH <= head_dim; d += 16 * VALUE_WIDTH)
        value_tile(v, head_dim, d, rows, VALUE_WIDTH, count, p, rescale, o, o_stride);
    for (; d < head_dim; d += 16)
        value_tile(v, head_dim, d, rows, 1, count, p, rescale, o, o_stride);
}

/* Rows that see equally many keys go together. */
ALWAYS_INLINE void add_values(const struct block_groups *v, const struct attention_args *a,
                              struct attention_scratch *s)
{
    size_t rows = a->tokens * a->heads, stride = attention_state_floats(a->head_dim);
    for (size_t row = 0; row < rows;) {
        size_t count = s->count[row], same = 1;
        float *o = a->states + row * stride + ATTENTION_STATE_HEAD;
        while (same < VALUE_ROWS && row + same < rows && s->count[row + same] == count)
            same++;
        if (count == 0) {
            row += same;
        } else if (same == VALUE_ROWS) {
            value_rows(v, a->head_dim, VALUE_ROWS, count, s->scores + row, s->rescale + row, o,
                       stride);
            row += VALUE_ROWS;
        } else if (VALUE_ROWS > 2 && same >= 2) {
            value_rows(v, a->head_dim, 2, count, s->scores + row, s->rescale + row, o, stride);
            row += 2;
        } else {
            value_rows(v, a->head_dim, 1, count, s->scores + row, s->rescale + row, o, stride);
            row += 1;
        }
    }
}

/* ---- a span --------------------------------------------------------------------------------- */

/* K groups [head_dim / 2][16][2] become [head_dim][16]. */
ALWAYS_INLINE void widen_keys(struct block_groups *k, size_t head_dim, float *wide)
{
    for (size_t g = 0; g < BLOCK_GROUPS; g++) {
        float *out = wide + g * KV_GROUP * head_dim;
        for (size_t d = 0; d < head_dim; d += 2) {
            struct v16 even, odd;
            v16_load_pairs((const uint16_t *)k->group[g] + d * KV_GROUP, &even, &odd);
            v16_store(out + d * KV_GROUP, even);
            v16_store(out + (d + 1) * KV_GROUP, odd);
        }
        k->group[g] = out;
    }
    k->type = FLOAT_F32;
}

ALWAYS_INLINE void widen_values(struct block_groups *v, size_t head_dim, size_t count, float *wide)
{
    for (size_t i = 0; i < count * head_dim; i += 16) {
        size_t group = i / (KV_GROUP * head_dim);
        v16_store(wide + i, v16_load_bf16((const uint16_t *)v->group[group] +
                                          (i - group * KV_GROUP * head_dim)));
    }
    for (size_t g = 0; g < BLOCK_GROUPS; g++)
        v->group[g] = wide + g * KV_GROUP * head_dim;
    v->type = FLOAT_F32;
}

/* How many of the block's keys each row sees; the largest. */
ALWAYS_INLINE size_t count_visible(const struct attention_args *a, size_t begin,
                                   struct attention_scratch *s)
{
    size_t most = 0;
    for (size_t row = 0; row < a->tokens * a->heads; row++) {
        size_t length = a->first_length + row / a->heads;
        size_t left = length > begin ? length - begin : 0;
        s->count[row] = left < ATTENTION_BLOCK ? left : ATTENTION_BLOCK;
        most = s->count[row] > most ? s->count[row] : most;
    }
    return most;
}

ALWAYS_INLINE void attention_block(enum float_type type, const struct attention_args *a,
                                   size_t begin, struct attention_scratch *s)
{
    size_t rows = a->tokens * a->heads, stride = attention_state_floats(a->head_dim);
    size_t size = type == FLOAT_BF16 ? 2 : 4, most = count_visible(a, begin, s);
    struct block_groups k = {.type = type}, v = {.type = type};
    find_groups(a, a->k, size, begin, most, &k);
    find_groups(a, a->v, size, begin, most, &v);
    bool widen = type == FLOAT_BF16 && rows > WIDEN_ROWS;
    if (widen) {
        widen_keys(&k, a->head_dim, s->wide);
        k.type = FLOAT_F32;
        score_rows(&k, rows, a->head_dim, a->scale, s);
    } else {
        k.type = type;
        score_rows(&k, rows, a->head_dim, a->scale, s);
    }
    for (size_t row = 0; row < rows; row++)
        if (s->count[row])
            softmax_row(s->scores[row], s->count[row], a->states + row * stride, &s->rescale[row]);
    if (widen) {
        widen_values(&v, a->head_dim, most, s->wide);
        v.type = FLOAT_F32;
        add_values(&v, a, s);
    } else {
        v.type = type;
        add_values(&v, a, s);
    }
}

ALWAYS_INLINE void attention_span(enum float_type type, const struct attention_args *a)
{
    struct attention_scratch *s = a->scratch;
    size_t rows = a->tokens * a->heads, stride = attention_state_floats(a->head_dim);
    unsigned long saved = fp_mode_flush();
    for (size_t row = 0; row < rows; row++) {
        size_t base = row / a->heads * a->q_token_stride + row % a->heads * a->head_dim;
        for (size_t d = 0; d < a->head_dim; d += 16)
            v16_store(s->q[row] + d, v16_load_float(type, a->q, base + d));
        memset(a->states + row * stride, 0, stride * sizeof(float));
        a->states[row * stride] = -INFINITY;
    }
    size_t begin = a->span * ATTENTION_SPAN, longest = a->first_length + a->tokens - 1;
    size_t end = begin + ATTENTION_SPAN < longest ? begin + ATTENTION_SPAN : longest;
    for (; begin < end; begin += ATTENTION_BLOCK)
        attention_block(type, a, begin, s);
    fp_mode_restore(saved);
}

ALWAYS_INLINE void attention_merge(float *total, const float *span, size_t head_dim)
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
    for (size_t d = ATTENTION_STATE_HEAD; d < ATTENTION_STATE_HEAD + head_dim; d += 16)
        v16_store(total + d, v16_fma(v16_load(total + d), v16_set1(a),
                                     v16_mul(v16_load(span + d), v16_set1(b))));
}

ALWAYS_INLINE void attention_finish(enum float_type type, const float *state, size_t head_dim,
                                    void *out)
{
    for (size_t d = 0; d < head_dim; d += 16)
        v16_store_float(type, out, d,
                        v16_div(v16_load(state + ATTENTION_STATE_HEAD + d), v16_set1(state[1])));
}

/* ---- the table ------------------------------------------------------------------------------- */

static void attention_span_bf16_lanes(const struct attention_args *a)
{
    attention_span(FLOAT_BF16, a);
}
static void attention_span_f32_lanes(const struct attention_args *a)
{
    attention_span(FLOAT_F32, a);
}
static void attention_merge_lanes(float *total, const float *span, size_t head_dim)
{
    attention_merge(total, span, head_dim);
}
static void attention_finish_bf16_lanes(const float *state, size_t head_dim, void *out)
{
    attention_finish(FLOAT_BF16, state, head_dim, out);
}
static void attention_finish_f32_lanes(const float *state, size_t head_dim, void *out)
{
    attention_finish(FLOAT_F32, state, head_dim, out);
}

ALWAYS_INLINE void attention_fill(struct kernels *table)
{
    table->attention_span[FLOAT_BF16] = attention_span_bf16_lanes;
    table->attention_span[FLOAT_F32] = attention_span_f32_lanes;
    table->attention_merge = attention_merge_lanes;
    table->attention_finish[FLOAT_BF16] = attention_finish_bf16_lanes;
    table->attention_finish[FLOAT_F32] = attention_finish_f32_lanes;
}

#endif
