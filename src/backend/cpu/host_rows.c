/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that go row by row: norms, rotation with the write to the cache, SwiGLU. */
#include "backend/cpu/host.h"

/* Elements of a row that one thread takes at a time where any cut is right. */
#define ROW_PIECE 512

struct rms_norm_task {
    struct backend *backend;
    const struct rms_norm_op *op;
};

static void rms_norm_rows(void *context, int thread, int thread_count)
{
    const struct rms_norm_task *task = context;
    const struct backend *backend = task->backend;
    const struct rms_norm_op *op = task->op;
    const struct kernels *kernels = &backend->kernels;
    const struct step_batch *batch = backend->batch;
    size_t width = (size_t)op->width, begin, end;
    size_t rows = (size_t)(op->chosen_rows ? batch->logit_row_count : batch->token_count);
    pool_range(rows, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t row = op->chosen_rows ? (size_t)batch->logit_rows[i] : i;
        const char *x = host_row(backend, op->x, row, width);
        char *out = host_row(backend, op->out, i, width);
        if (op->residual) {
            char *residual = host_row(backend, op->residual, row, width);
            char *sum = op->chosen_rows ? out : residual;
            kernels->add[backend->type](residual, x, width, sum);
            x = sum;
        }
        kernels->rms_norm[backend->type](x, op->weight, (float)op->eps, width, out);
    }
}

octet_status host_rms_norm(struct backend *backend, const struct rms_norm_op *op,
                           struct octet_error *err)
{
    (void)err;
    struct rms_norm_task task = {backend, op};
    pool_run(backend->pool, rms_norm_rows, &task);
    return OCTET_OK;
}

struct rope_kv_task {
    struct backend *backend;
    const struct rope_kv_op *op;
};

/* One head of q to the q buffer, or one KV head to its slot. */
static void rope_head(const struct rope_kv_task *task, struct host_thread *own, size_t token,
                      size_t head)
{
    const struct backend *backend = task->backend;
    const struct rope_kv_op *op = task->op;
    const struct kernels *kernels = &backend->kernels;
    size_t head_dim = (size_t)backend->options.head_dim;
    size_t heads = (size_t)backend->options.heads, kv_heads = (size_t)backend->options.kv_heads;
    size_t head_bytes = head_dim * backend->element;
    const float *cos =
        (const float *)op->rope_table + (size_t)backend->batch->positions[token] * head_dim;
    const float *sin = cos + head_dim / 2;
    const char *row = host_row(backend, op->qkv, token, (heads + 2 * kv_heads) * head_dim);
    if (head < heads) {
        char *out = host_row(backend, op->q, token, heads * head_dim) + head * head_bytes;
        kernels->norm_rope[backend->type](row + head * head_bytes, op->q_norm, (float)op->eps, cos,
                                          sin, head_dim, out);
        return;
    }
    size_t slot = (size_t)backend->batch->slots[token];
    size_t block = slot / (size_t)backend->options.block_size;
    size_t offset = slot % (size_t)backend->options.block_size, kv_head = head - heads;
    kernels->norm_rope[backend->type](row + head * head_bytes, op->k_norm, (float)op->eps, cos, sin,
                                      head_dim, own->head);
    kernels->kv_write[backend->type](own->head, row + (head + kv_heads) * head_bytes, head_dim,
                                     kv_address(backend, op->kv, op->layer, block, kv_head, false),
                                     kv_address(backend, op->kv, op->layer, block, kv_head, true),
                                     offset);
}

static void rope_kv_heads(void *context, int thread, int thread_count)
{
    const struct rope_kv_task *task = context;
    const struct backend *backend = task->backend;
    size_t heads = (size_t)(backend->options.heads + backend->options.kv_heads), begin, end;
    pool_range((size_t)backend->batch->token_count * heads, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++)
        rope_head(task, &task->backend->threads[thread], i / heads, i % heads);
}

octet_status host_rope_kv(struct backend *backend, const struct rope_kv_op *op,
                          struct octet_error *err)
{
    (void)err;
    struct rope_kv_task task = {backend, op};
    pool_run(backend->pool, rope_kv_heads, &task);
    return OCTET_OK;
}

struct swiglu_task {
    struct backend *backend;
    const void *gate_up;
    void *out;
    size_t width;
};

static void swiglu_pieces(void *context, int thread, int thread_count)
{
    const struct swiglu_task *task = context;
    const struct backend *backend = task->backend;
    size_t width = task->width, pieces = (width + ROW_PIECE - 1) / ROW_PIECE, begin, end;
    pool_range((size_t)backend->batch->token_count * pieces, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t at = i % pieces * ROW_PIECE;
        size_t count = width - at < ROW_PIECE ? width - at : ROW_PIECE;
        const char *gate =
            host_row(backend, task->gate_up, i / pieces, 2 * width) + at * backend->element;
        char *out = host_row(backend, task->out, i / pieces, width) + at * backend->element;
        backend->kernels.swiglu[backend->type](gate, gate + width * backend->element, count, out);
    }
}

octet_status host_swiglu(struct backend *backend, const void *gate_up, void *out, int32_t width,
                         struct octet_error *err)
{
    (void)err;
    struct swiglu_task task = {backend, gate_up, out, (size_t)width};
    pool_run(backend->pool, swiglu_pieces, &task);
    return OCTET_OK;
}
