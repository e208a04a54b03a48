/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/ref.h"
#include "kernels/ref/ref_math.h"

/* 1 / sqrt(mean of squares + eps), the sum in 16 lanes. */
static float inverse_rms(enum float_type type, const void *x, size_t n, float eps)
{
    float lanes[16] = {0};
    for (size_t i = 0; i < n; i++) {
        float value = load_float(type, x, i);
        lanes[i % 16] = fmaf(value, value, lanes[i % 16]);
    }
    return 1.0f / sqrtf(sum_lanes(lanes) / (float)n + eps);
}

static void rms_norm(enum float_type type, const void *x, const float *weight, float eps, size_t n,
                     void *out)
{
    float inverse = inverse_rms(type, x, n, eps);
    for (size_t i = 0; i < n; i++)
        store_float(type, out, i, load_float(type, x, i) * inverse * weight[i]);
}

static void add(enum float_type type, const void *x, const void *y, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++)
        store_float(type, out, i, load_float(type, x, i) + load_float(type, y, i));
}

static void swiglu(enum float_type type, const void *gate, const void *up, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++) {
        float g = load_float(type, gate, i);
        float silu = g / (1.0f + exp_scalar(-g));
        store_float(type, out, i, silu * load_float(type, up, i));
    }
}

static void norm_rope(enum float_type type, const void *x, const float *weight, float eps,
                      const float *cosine, const float *sine, size_t head_dim, void *out)
{
    size_t half = head_dim / 2;
    float inverse = weight ? inverse_rms(type, x, head_dim, eps) : 1.0f;
    for (size_t i = 0; i < half; i++) {
        float a = load_float(type, x, i), b = load_float(type, x, i + half);
        if (weight) {
            a = a * inverse * weight[i];
            b = b * inverse * weight[i + half];
        }
        store_float(type, out, i, fmaf(a, cosine[i], -(b * sine[i])));
        store_float(type, out, i + half, fmaf(b, cosine[i], a * sine[i]));
    }
}

static void rms_norm_bf16_ref(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_BF16, x, weight, eps, n, out);
}
static void rms_norm_f32_ref(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_F32, x, weight, eps, n, out);
}
static void add_bf16_ref(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_BF16, x, y, n, out);
}
static void add_f32_ref(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_F32, x, y, n, out);
}
static void swiglu_bf16_ref(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_BF16, gate, up, n, out);
}
static void swiglu_f32_ref(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_F32, gate, up, n, out);
}
static void norm_rope_bf16_ref(const void *x, const float *weight, float eps, const float *cosine,
                               const float *sine, size_t head_dim, void *out)
{
    norm_rope(FLOAT_BF16, x, weight, eps, cosine, sine, head_dim, out);
}
static void norm_rope_f32_ref(const void *x, const float *weight, float eps, const float *cosine,
                              const float *sine, size_t head_dim, void *out)
{
    norm_rope(FLOAT_F32, x, weight, eps, cosine, sine, head_dim, out);
}

static void exp_f32_ref(const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = exp_scalar(x[i]);
}

static void to_bf16_ref(const float *x, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_from_f32(x[i]);
}

static void to_f32_ref(const uint16_t *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = bf16_to_f32(x[i]);
}

void kernels_ref_elementwise(struct kernels *table)
{
    table->rms_norm[FLOAT_BF16] = rms_norm_bf16_ref;
    table->rms_norm[FLOAT_F32] = rms_norm_f32_ref;
    table->add[FLOAT_BF16] = add_bf16_ref;
    table->add[FLOAT_F32] = add_f32_ref;
    table->swiglu[FLOAT_BF16] = swiglu_bf16_ref;
    table->swiglu[FLOAT_F32] = swiglu_f32_ref;
    table->norm_rope[FLOAT_BF16] = norm_rope_bf16_ref;
    table->norm_rope[FLOAT_F32] = norm_rope_f32_ref;
    table->exp_f32 = exp_f32_ref;
    table->to_bf16 = to_bf16_ref;
    table->to_f32 = to_f32_ref;
}
