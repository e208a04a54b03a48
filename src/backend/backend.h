/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boundary between the decoder, written once, and a device. The model calls a dozen operations
 * in order over device buffers and never looks inside. A CPU (an operation is a parallel loop) and
 * an NPU (an operation is an asynchronous launch on a stream) both fit. All sizes are known before
 * the first step; nothing is allocated in steady state. One thread drives a backend.
 *
 * Activations are rows of elements of the activation type, [rows][width], that begin
 * activation_stride(width) elements apart. The elements between are zero when memory is made and no
 * operation writes them, so a buffer keeps one width for life. They live in device memory: `void *`
 * below is a device address, which the caller passes on and never reads. Pointers to float are host
 * memory unless stated.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "base/status.h"

/* --dtype: the arithmetic of activations. --weight-dtype: how weights are resident. */
enum activation_dtype { ACTIVATION_BF16, ACTIVATION_F32 };
enum weight_dtype { WEIGHT_AUTO, WEIGHT_FP8, WEIGHT_BF16, WEIGHT_F32 };

/*
 * One step of several sequences. Prefill chunks and decode tokens differ only in how many queries a
 * sequence has. Arrays are the caller's, on the host, unchanged until the step is over.
 */
struct step_batch {
    int32_t token_count;
    const int32_t *token_ids; /* [token_count] */
    const int32_t *positions; /* [token_count] position of each token in its sequence, from 0 */
    const int32_t *slots; /* [token_count] block_id * block_size + offset: where its K and V go */
    int32_t sequence_count;
    const int32_t *query_start;  /* [sequence_count + 1]: tokens of sequence s are query_start[s] ..
                                    query_start[s+1]-1 */
    const int32_t *lengths;      /* [sequence_count] positions in the cache after this step */
    const int32_t *block_tables; /* [sequence_count][block_table_stride] block ids, in order of
                                    position */
    int32_t block_table_stride;
    int32_t logit_row_count;
    const int32_t *logit_rows; /* [logit_row_count] indices of tokens whose logits are wanted,
                                  ascending */
};

#define ACTIVATION_ALIGN 128 /* the block of k that matrices are cut in */

static inline int64_t activation_stride(int64_t width)
{
    return (width + ACTIVATION_ALIGN - 1) / ACTIVATION_ALIGN * ACTIVATION_ALIGN;
}

struct backend; /* one device in use; each backend has its own */
struct linear;  /* a matrix in the backend's packed form */
struct kv_cache;

/* Everything that fixes the size of a backend's scratch. */
struct backend_options {
    enum activation_dtype dtype;
    int threads;          /* >= 1: what a CPU uses */
    const char *cpu_mask; /* instruction sets a CPU may use (cpu/features.h); NULL: all */
    int32_t max_batch_tokens;
    int32_t max_batch_sequences;
    int32_t max_logit_rows;
    int32_t max_model_len;
    int32_t heads, kv_heads, head_dim; /* of this rank */
    int32_t max_linear_inputs;         /* the widest row that enters a linear */
    int32_t block_size;                /* positions a KV block holds */
};

/* How the bytes of a weight are stored in the checkpoint. */
enum weight_source { SOURCE_F8_E4M3, SOURCE_BF16, SOURCE_F16, SOURCE_F32 };

/*
 * One checkpoint tensor [rows][cols] that becomes part of a linear. This rank takes rows
 * row_begin..row_end-1 and columns col_begin..col_end-1 of it (all of it on one rank): a
 * column-parallel layer cuts rows, a row-parallel layer cuts columns.
 */
struct linear_part {
    const char *name; /* for messages */
    enum weight_source source;
    int64_t rows, cols; /* of the whole tensor */
    int64_t row_begin, row_end;
    int64_t col_begin, col_end;
    /*
     * SOURCE_F8_E4M3: value = code * scale, the scale of element (r, c) of the whole tensor being
     * scales[(r / scale_block_rows) * scale_grid_cols + c / scale_block_cols]. Host memory, only
     * read by linear_create.
     */
    const float *scales;
    int64_t scale_block_rows, scale_block_cols, scale_grid_cols;
    const float *bias; /* [rows] of the whole tensor, or NULL; only read by linear_create */
    /*
     * Write the stored bytes of rows row..row+count-1 (numbered in the whole tensor), columns
     * col_begin..col_end-1, to out. Called from several threads at once; an error stops the
     * creation and travels up.
     */
    octet_status (*read)(void *context, int64_t row, int64_t count, void *out,
                         struct octet_error *err);
    void *context;
};

#define LINEAR_PARTS_MAX 3

/* Outputs of the parts follow one another: y[row] = part 0's rows, part 1's rows, ... */
struct linear_spec {
    const char *name;
    const struct linear_part *parts;
    int part_count;
    enum weight_dtype resident; /* AUTO: FP8 and BF16 as stored, F16 and F32 as float32 */
};

/* y = weight * x / sqrt(mean(x^2) + eps), the mean over a row. */
struct rms_norm_op {
    const void *x;      /* [tokens][width] */
    void *residual;     /* [tokens][width] or NULL: residual += x first, and the sum is normed */
    const void *weight; /* device float32 [width] */
    void *out;          /* [tokens][width]; may be x */
    int32_t width;
    double eps;
    bool chosen_rows; /* norm the rows that batch->logit_rows names, packed: out is
                         [logit_row_count][width] and not x; residual is left as it was */
};

/*
 * Split rows of q, k and v; norm each head of q and k when weights are given; rotate q and k by the
 * token's position (rotate-half pairing: element i with i + head_dim / 2); write q to `q`, k and v
 * to the KV slot of the token.
 */
struct rope_kv_op {
    const void *qkv;    /* [tokens][(heads + 2 * kv_heads) * head_dim] */
    void *q;            /* [tokens][heads * head_dim] */
    const void *q_norm; /* device float32 [head_dim], or NULL */
    const void *k_norm; /* as q_norm */
    double eps;         /* of both norms */
    const void
        *rope_table; /* device float32 [max_model_len][head_dim]: head_dim/2 cosines, then sines */
    struct kv_cache *kv;
    int32_t layer;
};

/* Softmax(scale * q k^T) v over the cached positions 0..p of a token at position p. */
struct attention_op {
    const void *q; /* [tokens][heads * head_dim] */
    void *out;     /* [tokens][heads * head_dim] */
    const struct kv_cache *kv;
    int32_t layer;
    float scale;
};

/*
 * The operations. Every one returns OCTET_OK, or a status with err filled: OCTET_MEMORY where
 * memory is made, OCTET_DEVICE when a device reports a fault, OCTET_UNSUPPORTED for a shape that
 * the backend cannot hold, and what a callback returned. Operations of a step (embed .. all_gather)
 * stand between step_begin and step_end, take their shape from the batch, and may run
 * asynchronously: their results are on the host after step_end.
 */
struct backend_ops {
    const char *name;

    octet_status (*open)(const struct backend_options *options, struct backend **out,
                         struct octet_error *err);
    void (*close)(struct backend *backend); /* after everything made by it is freed; NULL is fine */
    /* Bytes that open() takes for these options: the scratch of a step. */
    uint64_t (*scratch_bytes)(const struct backend_options *options);

    octet_status (*memory_alloc)(struct backend *backend, size_t bytes, void **out,
                                 struct octet_error *err); /* zeroed, aligned to 64 */
    void (*memory_free)(struct backend *backend, void *memory, size_t bytes);
    octet_status (*upload)(struct backend *backend, void *device, const void *host, size_t bytes,
                           struct octet_error *err);
    octet_status (*download)(struct backend *backend, void *host, const void *device, size_t bytes,
                             struct octet_error *err);
    octet_status (*synchronize)(struct backend *backend, struct octet_error *err);

    /* Read, pack and keep a matrix. The spec and its arrays may go afterwards. */
    octet_status (*linear_create)(struct backend *backend, const struct linear_spec *spec,
                                  struct linear **out, struct octet_error *err);
    /* The linear is gone; its panels may go only with the backend. NULL is fine. */
    void (*linear_free)(struct backend *backend, struct linear *linear);
    /* Resident bytes of what linear_create would make, scales and bias included. */
    uint64_t (*linear_bytes)(const struct backend_options *options, const struct linear_spec *spec);

    /* K and V of all layers for `blocks` blocks. */
    octet_status (*kv_create)(struct backend *backend, int32_t layers, int32_t blocks,
                              struct kv_cache **out, struct octet_error *err);
    void (*kv_free)(struct backend *backend, struct kv_cache *kv); /* NULL is fine */
    uint64_t (*kv_block_bytes)(const struct backend_options *options, int32_t layers);

    /* The batch was checked by the caller against the options; it stays until step_end. */
    octet_status (*step_begin)(struct backend *backend, const struct step_batch *batch,
                               struct octet_error *err);
    octet_status (*step_end)(struct backend *backend, struct octet_error *err);

    /* out[token] = row token_ids[token] of the matrix. A tied embedding is the head itself. */
    octet_status (*embed)(struct backend *backend, const struct linear *table, void *out,
                          struct octet_error *err);
    octet_status (*rms_norm)(struct backend *backend, const struct rms_norm_op *op,
                             struct octet_error *err);
    /* y[token] = W x[token] + bias for every token of the batch. */
    octet_status (*linear)(struct backend *backend, const struct linear *linear, const void *x,
                           void *y, struct octet_error *err);
    octet_status (*rope_kv)(struct backend *backend, const struct rope_kv_op *op,
                            struct octet_error *err);
    octet_status (*attention)(struct backend *backend, const struct attention_op *op,
                              struct octet_error *err);
    /* out[t][i] = silu(gate_up[t][i]) * gate_up[t][width + i] for i < width. */
    octet_status (*swiglu)(struct backend *backend, const void *gate_up, void *out, int32_t width,
                           struct octet_error *err);
    /* logits[r] = W x[r], r < batch->logit_row_count; float32 on the host, complete after step_end.
     */
    octet_status (*logits)(struct backend *backend, const struct linear *head, const void *x,
                           float *logits, struct octet_error *err);

    /* Over the ranks of a tensor-parallel group; on one rank they change nothing. */
    octet_status (*all_reduce)(struct backend *backend, void *x, int32_t width,
                               struct octet_error *err);
    octet_status (*all_gather)(struct backend *backend, const void *x, void *out, int32_t width,
                               struct octet_error *err);

    /* (optional, all three or none) Record the operations of a step and run them again for a batch
     * of the same shape. NULL: every step runs eagerly. */
    octet_status (*graph_begin)(struct backend *backend, struct octet_error *err);
    octet_status (*graph_end)(struct backend *backend, void **graph, struct octet_error *err);
    octet_status (*graph_replay)(struct backend *backend, void *graph, struct octet_error *err);
};

/* Where two backends meet the model: tables without state. */
extern const struct backend_ops backend_cpu;

#endif
