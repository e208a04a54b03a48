/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure functions over arrays: no allocation, no threads, no errors; what a caller must guarantee is
 * written here and nothing is checked. The scalar code in ref/ is the definition, and every variant
 * gives the same bits (AMX alone has a definition of its own, gemm_amx_ref). kernels_select() fills
 * one table from the scalar code upwards.
 *
 * Flushing. Matrix products and attention treat denormal float32 numbers as zero, on input and
 * after rounding, as VDPBF16PS does; the vector variants set and restore the processor's mode
 * themselves. (Arm decides "denormal" before rounding, x86 after it: a result within 2^-151 of
 * 2^-126 may differ there.) The other operations are plain IEEE arithmetic.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "cpu/features.h"

/* How a packed weight is stored, and how an activation is. */
enum panel_type { PANEL_FP8, PANEL_BF16, PANEL_F32, PANEL_TYPES };
enum float_type { FLOAT_BF16, FLOAT_F32, FLOAT_TYPES };

/*
 * A panel holds PANEL_ROWS rows of a weight matrix [rows][k] (rows are output features) with k
 * padded to whole blocks of PANEL_BLOCK; rows and columns past the matrix are zero. For each pair
 * of columns (2i, 2i+1), ascending, there are: FP8   64 bytes: row r < 16, column 2i+p at byte
 * (r/4)*16 + (r%4)*2 + p; row 16+r eight bytes on; BF16 128 bytes: [32 rows][2 columns]; F32  256
 * bytes: [2 columns][32 rows]. Panels are 64-byte aligned.
 */
#define PANEL_ROWS 32
#define PANEL_BLOCK 128

static inline size_t panel_blocks(size_t k)
{
    return (k + PANEL_BLOCK - 1) / PANEL_BLOCK;
}
static inline size_t panel_element_size(enum panel_type type)
{
    return type == PANEL_FP8 ? 1 : type == PANEL_BF16 ? 2 : 4;
}
/* Bytes of one panel; a matrix takes (rows + 31) / 32 of them. */
static inline size_t panel_bytes(enum panel_type type, size_t k)
{
    return panel_blocks(k) * PANEL_BLOCK * PANEL_ROWS * panel_element_size(type);
}
/* Index (not bytes) of the element of column k of row r in a panel. */
static inline size_t panel_index(enum panel_type type, size_t k, size_t r)
{
    size_t pair = k / 2 * (2 * PANEL_ROWS), p = k % 2;
    if (type == PANEL_FP8)
        return pair + r % 16 / 4 * 16 + r / 16 * 8 + r % 4 * 2 + p;
    return type == PANEL_BF16 ? pair + r * 2 + p : pair + p * PANEL_ROWS + r;
}

/*
 * Packing of up to 32 rows into one panel. source [rows][k] of source_type, source_stride elements
 * from row to row, any alignment. Type to the same type is a copy of bits; FP8 -> BF16 -> F32
 * widens exactly; F32 -> BF16 rounds to nearest even. With scales (FP8 sources that become BF16 or
 * F32) element (r, c) is code * scale_rows[r][c / scale_block_k]: to BF16 the exact product rounded
 * once, to F32 the float32 product. Writes the whole panel, padding included.
 */
struct pack_args {
    const void *source;
    size_t source_stride;
    enum panel_type source_type;
    size_t rows, k;                 /* 1..32; >= 1 */
    const float *const *scale_rows; /* [rows], or NULL */
    size_t scale_block_k;           /* >= 1 when scale_rows is given */
    enum panel_type panel_type;
    void *panel;
};

/*
 * y[m][n] = sum over k of x[m][k] * w[n][k] for a run of panels (n = 0 is row 0 of the first).
 * For every m, whatever the other rows: for each block of 128 columns one float32 accumulator
 * starts at +0 and takes the pairs in ascending order, acc = fma(x[2i], w[2i], fma(x[2i+1],
 * w[2i+1], acc)), then total = fma(scale, acc, total), blocks ascending from total = +0. y = total,
 * or total + bias[n]; to BF16 it is rounded to nearest even.
 */
struct gemm_args {
    size_t m;
    size_t blocks;   /* panel_blocks(k) */
    const void *x;   /* [m][blocks * 128], zeros past k; 4-byte aligned */
    size_t x_stride; /* elements */
    const void *panels;
    size_t panel_stride; /* bytes from panel to panel */
    size_t columns;      /* outputs; (columns + 31) / 32 panels are read */
    /* The scale of row r in panel p, block b: scales[p * scale_panel_stride + b *
     * scale_block_stride
     * + r * scale_row_stride], scale_row_stride 0 (one for the panel) or 1 (32 readable floats).
     * NULL: all 1. */
    const float *scales;
    size_t scale_panel_stride, scale_block_stride, scale_row_stride;
    const float *bias; /* [columns] or NULL */
    void *out;         /* [m][columns], nothing else is written */
    size_t out_stride; /* elements */
    enum float_type out_type;
    void *scratch; /* GEMM_SCRATCH_BYTES, 64-byte aligned, one for each thread */
};
#define GEMM_SCRATCH_BYTES ((size_t)1 << 20)

typedef void gemm_function(const struct gemm_args *args);

/*
 * The KV cache of one head: blocks of block_size positions (a multiple of 16), as groups of 16.
 * K, for a group: BF16 [head_dim / 2][16 keys][2], F32 [head_dim][16 keys]; V: [key][head_dim].
 * head_dim is a multiple of 16, at most 512.
 */
#define KV_GROUP 16
/* Index (not bytes) of element d of key position `offset` inside a block's K of one head. */
static inline size_t kv_key_index(enum float_type type, size_t head_dim, size_t offset, size_t d)
{
    size_t group = offset / KV_GROUP * KV_GROUP * head_dim, key = offset % KV_GROUP;
    return group + (type == FLOAT_BF16 ? d / 2 * 32 + key * 2 + d % 2 : d * KV_GROUP + key);
}

/*
 * Attention of `tokens` queries at consecutive positions and `heads` query heads of one KV head,
 * over the part of the cache that one span covers: positions [span * 512, span * 512 + 512) below
 * each query's length. For each 64-key block in ascending order, with j over the block's visible
 * keys: s[j] = scale * (chain of dot steps as in gemm, pairs of d ascending, from +0) m'   = max(m,
 * max s[j]);  a = exp(m - m');  p[j] = exp(s[j] - m') l    = fma(l, a, P), P = the 64 p, invisible
 * ones 0, summed as t[i] = ((p[i] + p[16+i]) + p[32+i]) + p[48+i], then t[i] += t[i+8], t[i+4],
 * t[i+2], t[i+1] o[d] = o[d] * a, then o[d] = fma(p[j], v[j][d], o[d]) for j ascending from m =
 * -inf, l = 0, o = 0. State of a row (token t, head h: row t * heads + h): attention_state floats:
 * m, l, 14 unused, o[head_dim]. A row that sees no key of the span keeps the initial state.
 */
#define ATTENTION_BLOCK 64
#define ATTENTION_SPAN 512
#define ATTENTION_ROWS_MAX 64
#define ATTENTION_STATE_HEAD 16 /* floats before o */

static inline size_t attention_state_floats(size_t head_dim)
{
    return ATTENTION_STATE_HEAD + head_dim;
}

struct attention_args {
    size_t tokens, heads; /* tokens * heads <= ATTENTION_ROWS_MAX */
    size_t head_dim;
    const void *q;         /* token t, head h at element t * q_token_stride + h * head_dim */
    size_t q_token_stride; /* elements */
    size_t first_length;   /* keys that token 0 sees (its position + 1); token t sees t more */
    float scale;
    const void *k, *v;          /* this KV head in block 0 */
    size_t block_stride;        /* bytes from block to block, for both */
    const int32_t *block_table; /* of the sequence, from position 0 */
    size_t block_size;          /* positions a block, a multiple of 16 */
    size_t span;
    float *states; /* [tokens * heads][attention_state_floats(head_dim)], 64-byte aligned */
    void *scratch; /* ATTENTION_SCRATCH_BYTES, 64-byte aligned, one for each thread */
};
#define ATTENTION_SCRATCH_BYTES ((size_t)320 << 10)

struct kernels {
    const char *name; /* of the best level in use: "scalar", "avx2", "avx512", ... */
    const char *dot;  /* the instruction that sums matrix products: "fma f32", "vdpbf16ps", ... */

    /* For measuring: `rounds` times dot_probe_flop operations of `dot` from registers alone. */
    void (*dot_probe)(size_t rounds);
    double dot_probe_flop;

    void (*pack)(const struct pack_args *args);
    /* Row r of a panel, k elements, into an activation; scales as in gemm_args for this panel
     * (product in float32, then rounded) or NULL. */
    void (*panel_row)(enum panel_type type, const void *panel, size_t r, size_t k,
                      const float *scales, size_t scale_block_stride, size_t scale_row_stride,
                      enum float_type out_type, void *out);
    /* bf16(code * scale), the exact product rounded once. */
    void (*dequantise)(const uint8_t *codes, size_t n, float scale, uint16_t *out);

    gemm_function *gemm[PANEL_TYPES][FLOAT_TYPES]; /* by weight, by x */

    /* out = x * (1 / sqrt(sum x^2 / n + eps)) * weight, rounded once. The sum: 16 lanes, lane i
     * takes x[16j+i]^2 by fma, j ascending; then lanes i += i+8, i+4, i+2, i+1. out may be x. */
    void (*rms_norm[FLOAT_TYPES])(const void *x, const float *weight, float eps, size_t n,
                                  void *out);
    /* out = x + y in float32, rounded once. out may be x or y. */
    void (*add[FLOAT_TYPES])(const void *x, const void *y, size_t n, void *out);
    /* out = gate / (1 + exp(-gate)) * up, rounded once. out may be gate or up. */
    void (*swiglu[FLOAT_TYPES])(const void *gate, const void *up, size_t n, void *out);
    /* One head: rms_norm when weight is not NULL (float32 between), then with h = head_dim / 2
     *   out[i] = fma(x[i], cos[i], -(x[i+h] * sin[i])), out[i+h] = fma(x[i+h], cos[i], x[i] *
     * sin[i]), rounded once. cos, sin: [h]. out may be x. */
    void (*norm_rope[FLOAT_TYPES])(const void *x, const float *weight, float eps, const float *cos,
                                   const float *sin, size_t head_dim, void *out);
    /* e^x within 2 ulp for x in [-87.33, 88]; 0 below; e^88 above. */
    void (*exp_f32)(const float *x, size_t n, float *out);
    void (*to_bf16)(const float *x, size_t n, uint16_t *out); /* nearest even */
    void (*to_f32)(const uint16_t *x, size_t n, float *out);

    /* One position's key and value [head_dim] of one KV head into a block, at position `offset`. */
    void (*kv_write[FLOAT_TYPES])(const void *key, const void *value, size_t head_dim,
                                  void *block_k, void *block_v, size_t offset);
    void (*attention_span[FLOAT_TYPES])(const struct attention_args *args);
    /* total += span, by the softmax rule, for one row: total's m, l, o and span's. Spans come in
     * ascending order. An empty total (l = 0) takes the span as it is; an empty span changes
     * nothing. m' = max, a = exp(m - m'), b = exp(m_s - m'), l = fma(l, a, l_s * b), o likewise. */
    void (*attention_merge)(float *total, const float *span, size_t head_dim);
    /* out[d] = o[d] / l, rounded once. */
    void (*attention_finish[FLOAT_TYPES])(const float *state, size_t head_dim, void *out);
};

/* The best variant of everything that `features` allows. */
void kernels_select(const struct cpu_features *features, struct kernels *out);

/* The definition of the AMX products: as gemm, but in each block each group of 32 columns (one
 * TDPBF16PS) sums its even and its odd columns apart, odd = fma chain from 0 and even likewise,
 * then acc = acc + (even + odd). x and weights BF16 (or FP8). */
void gemm_amx_ref(enum panel_type type, const struct gemm_args *args);

#endif
