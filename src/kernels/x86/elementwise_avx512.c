/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/v16_avx512.h"

#include "kernels/lanes/elementwise_lanes.h"
#include "kernels/x86/x86.h"

static void rms_norm_bf16_avx512(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_BF16, x, weight, eps, n, out);
}
static void rms_norm_f32_avx512(const void *x, const float *weight, float eps, size_t n, void *out)
{
    rms_norm(FLOAT_F32, x, weight, eps, n, out);
}
static void add_bf16_avx512(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_BF16, x, y, n, out);
}
static void add_f32_avx512(const void *x, const void *y, size_t n, void *out)
{
    add(FLOAT_F32, x, y, n, out);
}
static void swiglu_bf16_avx512(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_BF16, gate, up, n, out);
}
static void swiglu_f32_avx512(const void *gate, const void *up, size_t n, void *out)
{
    swiglu(FLOAT_F32, gate, up, n, out);
}
static void norm_rope_bf16_avx512(const void *x, const float *weight, float eps,
                                  const float *cosine, const float *sine, size_t head_dim,
                                  void *out)
{
    norm_rope(FLOAT_BF16, x, weight, eps, cosine, sine, head_dim, out);
}
static void norm_rope_f32_avx512(const void *x, const float *weight, float eps, const float *cosine,
                                 const float *sine, size_t head_dim, void *out)
{
    norm_rope(FLOAT_F32, x, weight, eps, cosine, sine, head_dim, out);
}
static void exp_f32_avx512(const float *x, size_t n, float *out)
{
    exp_all(x, n, out);
}
static void to_bf16_avx512(const float *x, size_t n, uint16_t *out)
{
    all_to_bf16(x, n, out);
}
static void to_f32_avx512(const uint16_t *x, size_t n, float *out)
{
    all_to_f32(x, n, out);
}

void kernels_avx512_elementwise(struct kernels *table)
{
    table->rms_norm[FLOAT_BF16] = rms_norm_bf16_avx512;
    table->rms_norm[FLOAT_F32] = rms_norm_f32_avx512;
    table->add[FLOAT_BF16] = add_bf16_avx512;
    table->add[FLOAT_F32] = add_f32_avx512;
    table->swiglu[FLOAT_BF16] = swiglu_bf16_avx512;
    table->swiglu[FLOAT_F32] = swiglu_f32_avx512;
    table->norm_rope[FLOAT_BF16] = norm_rope_bf16_avx512;
    table->norm_rope[FLOAT_F32] = norm_rope_f32_avx512;
    table->exp_f32 = exp_f32_avx512;
    table->to_bf16 = to_bf16_avx512;
    table->to_f32 = to_f32_avx512;
}
