/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/half.h"

struct arrays {
    size_t n, size;
    enum float_type type;
    void *x, *y, *out[2];
    float *weight;
};

static void arrays_make(struct checker *c, struct arrays *a, enum float_type type, size_t n)
{
    *a = (struct arrays){.n = n, .size = type == FLOAT_BF16 ? 2 : 4, .type = type};
    /* Squares stay below the range of float32. */
    enum pattern pattern = (enum pattern)draw(c, PATTERN_COUNT);
    a->x = block_new(n * a->size);
    a->y = block_new(n * a->size);
    a->out[0] = block_new(n * a->size);
    a->out[1] = block_new(n * a->size);
    a->weight = block_new(n * sizeof(float));
    fill_floats(c, type, pattern, n, a->x);
    fill_floats(c, type, pattern, n, a->y);
    fill_floats(c, FLOAT_F32, PATTERN_NORMAL, n, a->weight);
}

static void arrays_free(struct arrays *a)
{
    free(a->x);
    free(a->y);
    free(a->out[0]);
    free(a->out[1]);
    free(a->weight);
}

static void check_rows(struct checker *c, enum float_type type)
{
    struct arrays a;
    arrays_make(c, &a, type, 1 + draw(c, 400));
    size_t n = a.n;
    c->ref.rms_norm[type](a.x, a.weight, 1e-6f, n, a.out[0]);
    c->variant.rms_norm[type](a.x, a.weight, 1e-6f, n, a.out[1]);
    expect_same(c, "rms_norm", type, n, a.out[0], a.out[1], "type %d, n %zu", (int)type, n);
    c->ref.add[type](a.x, a.y, n, a.out[0]);
    c->variant.add[type](a.x, a.y, n, a.out[1]);
    expect_same(c, "add", type, n, a.out[0], a.out[1], "type %d, n %zu", (int)type, n);
    c->ref.swiglu[type](a.x, a.y, n, a.out[0]);
    c->variant.swiglu[type](a.x, a.y, n, a.out[1]);
    expect_same(c, "swiglu", type, n, a.out[0], a.out[1], "type %d, n %zu", (int)type, n);
    /* In place. */
    memcpy(a.out[1], a.x, n * a.size);
    c->variant.swiglu[type](a.out[1], a.y, n, a.out[1]);
    expect_same(c, "swiglu in place", type, n, a.out[0], a.out[1], "n %zu", n);
    arrays_free(&a);
}

static void check_rope(struct checker *c, enum float_type type)
{
    struct arrays a;
    size_t head_dim = 16 * (1 + draw(c, 16));
    arrays_make(c, &a, type, head_dim);
    float *cosine = block_new(head_dim / 2 * sizeof(float));
    float *sine = block_new(head_dim / 2 * sizeof(float));
    for (size_t i = 0; i < head_dim / 2; i++) {
        float angle = draw_float(c, PATTERN_NORMAL) * 10.0f;
        cosine[i] = cosf(angle);
        sine[i] = sinf(angle);
    }
    for (int with_norm = 0; with_norm < 2; with_norm++) {
        const float *weight = with_norm ? a.weight : NULL;
        c->ref.norm_rope[type](a.x, weight, 1e-6f, cosine, sine, head_dim, a.out[0]);
        c->variant.norm_rope[type](a.x, weight, 1e-6f, cosine, sine, head_dim, a.out[1]);
        expect_same(c, "norm_rope", type, head_dim, a.out[0], a.out[1], "type %d, head_dim %zu, %d",
                    (int)type, head_dim, with_norm);
    }
    memcpy(a.out[1], a.x, head_dim * a.size);
    c->variant.norm_rope[type](a.out[1], a.weight, 1e-6f, cosine, sine, head_dim, a.out[1]);
    expect_same(c, "norm_rope in place", type, head_dim, a.out[0], a.out[1], "head_dim %zu",
                head_dim);
    free(cosine);
    free(sine);
    arrays_free(&a);
}

static void check_conversions(struct checker *c)
{
    size_t n = 1 + draw(c, 300);
    float *x = block_new(n * 4), *wide[2] = {block_new(n * 4), block_new(n * 4)};
    uint16_t *half[2] = {block_new(n * 2), block_new(n * 2)};
    for (size_t i = 0; i < n; i++) /* every bit pattern: NaN, infinity, ties */
        x[i] = f32_from_bits((uint32_t)rng_next_u64(&c->rng) &
                             (draw(c, 2) ? 0xFFFFFFFFu : 0xFFFF8000u));
    /* NaN that rounding would carry to infinity or past the sign. */
    x[draw(c, n)] = f32_from_bits(draw(c, 2) ? 0x7F800001u : 0xFF800001u);
    x[draw(c, n)] = f32_from_bits(draw(c, 2) ? 0x7FFFFFFFu : 0xFFFFFFFFu);
    c->ref.to_bf16(x, n, half[0]);
    c->variant.to_bf16(x, n, half[1]);
    expect_same(c, "to_bf16", FLOAT_BF16, n, half[0], half[1], "n %zu", n);
    c->ref.to_f32(half[0], n, wide[0]);
    c->variant.to_f32(half[0], n, wide[1]);
    expect_same(c, "to_f32", FLOAT_F32, n, wide[0], wide[1], "n %zu", n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(rng_uniform(c->rng.seed, c->rng.stream, c->rng.index++) * 220 - 120);
    x[draw(c, n)] = NAN;
    x[draw(c, n)] = -INFINITY;
    x[draw(c, n)] = INFINITY;
    c->ref.exp_f32(x, n, wide[0]);
    c->variant.exp_f32(x, n, wide[1]);
    expect_same(c, "exp_f32", FLOAT_F32, n, wide[0], wide[1], "n %zu", n);
    free(x);
    for (int i = 0; i < 2; i++) {
        free(wide[i]);
        free(half[i]);
    }
}

void check_elementwise(struct checker *c)
{
    for (int round = 0; round < c->rounds * 4; round++) {
        for (size_t type = 0; type < FLOAT_TYPES; type++) {
            check_rows(c, (enum float_type)type);
            check_rope(c, (enum float_type)type);
        }
        check_conversions(c);
    }
}
