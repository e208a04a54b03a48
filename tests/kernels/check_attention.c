/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"

#include <stdlib.h>
#include <string.h>

#include "numeric/half.h"

/* A cache of one head whose blocks lie in a random order; positions past the last one written hold
 * NaN, which must not be seen. */
struct cache {
    enum float_type type;
    size_t head_dim, block_size, blocks, length, size;
    char *k, *v;
    int32_t *table;
};

static void cache_make(struct checker *c, struct cache *h, enum float_type type, size_t head_dim,
                       size_t length)
{
    *h = (struct cache){.type = type, .head_dim = head_dim, .length = length};
    h->size = type == FLOAT_BF16 ? 2 : 4;
    h->block_size = (size_t)16 << draw(c, 4);
    h->blocks = (length + h->block_size - 1) / h->block_size;
    size_t bytes = h->blocks * h->block_size * head_dim * h->size;
    h->k = block_new(bytes);
    h->v = block_new(bytes);
    memset(h->k, 0xFF, bytes);
    memset(h->v, 0xFF, bytes);
    h->table = block_new(h->blocks * sizeof(int32_t));
    for (size_t i = 0; i < h->blocks; i++)
        h->table[i] = (int32_t)i;
    for (size_t i = h->blocks; i > 1; i--) {
        size_t j = draw(c, i);
        int32_t swap = h->table[i - 1];
        h->table[i - 1] = h->table[j];
        h->table[j] = swap;
    }
    char *row = block_new(2 * head_dim * h->size);
    enum pattern pattern = draw(c, 4) ? PATTERN_NORMAL : PATTERN_TINY;
    for (size_t p = 0; p < length; p++) {
        fill_floats(c, type, pattern, 2 * head_dim, row);
        size_t block = (size_t)h->table[p / h->block_size] * h->block_size * head_dim * h->size;
        c->variant.kv_write[type](row, row + head_dim * h->size, head_dim, h->k + block,
                                  h->v + block, p % h->block_size);
    }
    free(row);
}

static void cache_free(struct cache *h)
{
    free(h->k);
    free(h->v);
    free(h->table);
}

static void check_spans(struct checker *c, struct attention_args *a, const struct cache *h)
{
    size_t rows = a->tokens * a->heads, floats = attention_state_floats(a->head_dim);
    size_t last = a->first_length + a->tokens - 1, out_bytes = a->head_dim * h->size;
    float *states[2] = {block_new(rows * floats * 4), block_new(rows * floats * 4)};
    float *totals[2] = {block_new(rows * floats * 4), block_new(rows * floats * 4)};
    char *out[2] = {block_new(out_bytes), block_new(out_bytes)};
    for (int i = 0; i < 2; i++)
        memset(totals[i], 0, rows * floats * 4);
    for (size_t span = 0; span * ATTENTION_SPAN < last; span++) {
        a->span = span;
        a->states = states[0];
        c->ref.attention_span[h->type](a);
        a->states = states[1];
        c->variant.attention_span[h->type](a);
        for (size_t row = 0; row < rows; row++) {
            float *e = states[0] + row * floats, *f = states[1] + row * floats;
            e[0] += 0.0f; /* the maximum may be either zero */
            f[0] += 0.0f;
            expect_same(c, "attention_span m, l", FLOAT_F32, 2, e, f,
                        "row %zu of %zu x %zu, length %zu, span %zu, head_dim %zu, block %zu", row,
                        a->tokens, a->heads, a->first_length, span, a->head_dim, a->block_size);
            expect_same(c, "attention_span o", FLOAT_F32, a->head_dim, e + ATTENTION_STATE_HEAD,
                        f + ATTENTION_STATE_HEAD, "row %zu of %zu x %zu, length %zu, span %zu", row,
                        a->tokens, a->heads, a->first_length, span);
            c->ref.attention_merge(totals[0] + row * floats, e, a->head_dim);
            c->variant.attention_merge(totals[1] + row * floats, f, a->head_dim);
        }
    }
    for (size_t row = 0; row < rows; row++) {
        c->ref.attention_finish[h->type](totals[0] + row * floats, a->head_dim, out[0]);
        c->variant.attention_finish[h->type](totals[1] + row * floats, a->head_dim, out[1]);
        expect_same(c, "attention", h->type, a->head_dim, out[0], out[1],
                    "row %zu of %zu x %zu, length %zu", row, a->tokens, a->heads, a->first_length);
    }
    for (int i = 0; i < 2; i++) {
        free(states[i]);
        free(totals[i]);
        free(out[i]);
    }
}

static void check_one(struct checker *c, enum float_type type, size_t first_length)
{
    struct cache h;
    size_t head_dim = 16 * (1 + draw(c, 9));
    struct attention_args a = {.head_dim = head_dim, .first_length = first_length};
    a.heads = 1 + draw(c, 5);
    a.tokens = 1 + draw(c, draw(c, 2) ? ATTENTION_ROWS_MAX / a.heads : 2);
    cache_make(c, &h, type, head_dim, first_length + a.tokens - 1);
    a.q_token_stride = a.heads * head_dim + 2 * draw(c, 9);
    size_t count = (a.tokens - 1) * a.q_token_stride + a.heads * head_dim;
    void *q = block_new(count * h.size);
    fill_floats(c, type, PATTERN_NORMAL, count, q);
    a.q = q;
    a.scale = draw(c, 5) ? 0.25f : 4.0f;
    a.k = h.k;
    a.v = h.v;
    a.block_size = h.block_size;
    a.block_stride = h.block_size * head_dim * h.size;
    a.block_table = h.table;
    a.scratch = block_new(ATTENTION_SCRATCH_BYTES);
    check_spans(c, &a, &h);
    free(a.scratch);
    free(q);
    cache_free(&h);
}

void check_attention(struct checker *c)
{
    for (int round = 0; round < c->rounds; round++) {
        for (size_t type = 0; type < FLOAT_TYPES; type++) {
            check_one(c, (enum float_type)type, 1 + draw(c, 140));
            if (round % 8 == 0)
                check_one(c, (enum float_type)type, 450 + draw(c, 700));
        }
    }
}
