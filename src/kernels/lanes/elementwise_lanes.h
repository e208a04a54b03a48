/* SPDX-License-Identifier: Apache-2.0 */
/* The element-wise operations over sixteen lanes; elements past the last sixteen in scalar code. */
#ifndef KERNELS_LANES_ELEMENTWISE_H
#define KERNELS_LANES_ELEMENTWISE_H

#include "kernels/lanes/lanes.h"

ALWAYS_INLINE float inverse_rms(enum float_type type, const void *x, size_t n, float eps)
{
    struct v16 lanes = v16_set1(0.0f);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        struct v16 value = v16_load_float(type, x, i);
        lanes = v16_fma(value, value, lanes);
    }
    if (i < n) {
        float rest[16] = {0};
        for (size_t j = 0; i + j < n; j++)
            rest[j] = load_float(type, x, i + j);
        struct v16 value = v16_load(rest);
        lanes = v16_fma(value, value, lanes);
    }
    return 1.0f / sqrtf(v16_sum(lanes) / (float)n + eps);
}

ALWAYS_INLINE void rms_norm(enum float_type type, const void *x, const float *weight, float eps,
                            size_t n, void *out)
{
    float inverse = inverse_rms(type, x, n, eps);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        struct v16 value = v16_mul(v16_load_float(type, x, i), v16_set1(inverse));
        v16_store_float(type, out, i, v16_mul(value, v16_load(weight + i)));
    }
    for (; i < n; i++)
        store_float(type, out, i, load_float(type, x, i) * inverse * weight[i]);
}

ALWAYS_INLINE void add(enum float_type type, const void *x, const void *y, size_t n, void *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v16_store_float(type, out, i,
                        v16_add(v16_load_float(type, x, i), v16_load_float(type, y, i)));
    for (; i < n; i++)
        store_float(type, out, i, load_float(type, x, i) + load_float(type, y, i));
}

ALWAYS_INLINE void swiglu(enum float_type type, const void *gate, const void *up, size_t n,
                          void *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        struct v16 g = v16_load_float(type, gate, i);
        struct v16 silu = v16_div(g, v16_add(v16_set1(1.0f), v16_exp(v16_negate(g))));
        v16_store_float(type, out, i, v16_mul(silu, v16_load_float(type, up, i)));
    }
    for (; i < n; i++) {
        float g = load_float(type, gate, i);
        store_float(type, out, i, g / (1.0f + exp_scalar(-g)) * load_float(type, up, i));
    }
}

/* head_dim / 2 need not be a multiple of 16. */
ALWAYS_INLINE void norm_rope(enum float_type type, const void *x, const float *weight, float eps,
                             const float *cosine, const float *sine, size_t head_dim, void *out)
{
    size_t half = head_dim / 2, i = 0;
    float inverse = weight ? inverse_rms(type, x, head_dim, eps) : 1.0f;
    for (; i + 16 <= half; i += 16) {
        struct v16 a = v16_load_float(type, x, i), b = v16_load_float(type, x, i + half);
        if (weight) {
            a = v16_mul(v16_mul(a, v16_set1(inverse)), v16_load(weight + i));
            b = v16_mul(v16_mul(b, v16_set1(inverse)), v16_load(weight + i + half));
        }
        struct v16 c = v16_load(cosine + i), s = v16_load(sine + i);
        v16_store_float(type, out, i, v16_fma(a, c, v16_negate(v16_mul(b, s))));
        v16_store_float(type, out, i + half, v16_fma(b, c, v16_mul(a, s)));
    }
    for (; i < half; i++) {
        float a = load_float(type, x, i), b = load_float(type, x, i + half);
        if (weight) {
            a = a * inverse * weight[i];
            b = b * inverse * weight[i + half];
        }
        store_float(type, out, i, fmaf(a, cosine[i], -(b * sine[i])));
        store_float(type, out, i + half, fmaf(b, cosine[i], a * sine[i]));
    }
}

ALWAYS_INLINE void exp_all(const float *x, size_t n, float *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v16_store(out + i, v16_exp(v16_load(x + i)));
    for (; i < n; i++)
        out[i] = exp_scalar(x[i]);
}

ALWAYS_INLINE void all_to_bf16(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v16_store_bf16(out + i, v16_load(x + i));
    for (; i < n; i++)
        out[i] = bf16_from_f32(x[i]);
}

ALWAYS_INLINE void all_to_f32(const uint16_t *x, size_t n, float *out)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        v16_store(out + i, v16_load_bf16(x + i));
    for (; i < n; i++)
        out[i] = bf16_to_f32(x[i]);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void rms_norm_bf16_lanes(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_BF16, x, weight, eps, n, out);
}
static void rms_norm_f32_lanes(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_F32, x, weight, eps, n, out);
}
static void add_bf16_lanes(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_BF16, x, y, n, out);
}
static void add_f32_lanes(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_F32, x, y, n, out);
}
static void swiglu_bf16_lanes(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_BF16, gate, up, n, out);
}
static void swiglu_f32_lanes(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_F32, gate, up, n, out);
}
static void norm_rope_bf16_lanes(const void *x, const float *weight, float eps, const float *cosine,
                                 const float *sine, size_t head_dim, void *out)
{
    norm_rope(FLOAT_BF16, x, weight, eps, cosine, sine, head_dim, out);
}
static void norm_rope_f32_lanes(const void *x, const float *weight, float eps, const float *cosine,
                                const float *sine, size_t head_dim, void *out)
{
    norm_rope(FLOAT_F32, x, weight, eps, cosine, sine, head_dim, out);
}
static void exp_f32_lanes(const float *x, size_t n, float *out)
{
    exp_all(x, n, out);
}
static void to_bf16_lanes(const float *x, size_t n, uint16_t *out)
{
    all_to_bf16(x, n, out);
}
static void to_f32_lanes(const uint16_t *x, size_t n, float *out)
{
    all_to_f32(x, n, out);
}

ALWAYS_INLINE void elementwise_fill(struct kernels *table)
{
    table->rms_norm[FLOAT_BF16] = rms_norm_bf16_lanes;
    table->rms_norm[FLOAT_F32] = rms_norm_f32_lanes;
    table->add[FLOAT_BF16] = add_bf16_lanes;
    table->add[FLOAT_F32] = add_f32_lanes;
    table->swiglu[FLOAT_BF16] = swiglu_bf16_lanes;
    table->swiglu[FLOAT_F32] = swiglu_f32_lanes;
    table->norm_rope[FLOAT_BF16] = norm_rope_bf16_lanes;
    table->norm_rope[FLOAT_F32] = norm_rope_f32_lanes;
    table->exp_f32 = exp_f32_lanes;
    table->to_bf16 = to_bf16_lanes;
    table->to_f32 = to_f32_lanes;
}

#endif
