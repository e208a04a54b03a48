/* SPDX-License-Identifier: Apache-2.0 */
/* Products with packed matrices, and rows taken back out of them. */
#include "backend/cpu/host.h"

#include <assert.h>
#include <string.h>

struct linear_task {
    struct backend *backend;
    const struct linear *linear;
    size_t rows;
    const void *x;
    void *out;
    size_t out_stride; /* elements */
    enum float_type out_type;
};

static void linear_thread(void *context, int thread, int thread_count)
{
    const struct linear_task *task = context;
    const struct linear *linear = task->linear;
    struct backend *backend = task->backend;
    size_t out_size = task->out_type == FLOAT_F32 ? 4 : 2;
    (void)thread_count; /* each thread has the panels that it packed */
    for (int i = 0; i < LINEAR_PARTS_MAX; i++) {
        const struct panel_run *run = &linear->runs[thread * LINEAR_PARTS_MAX + i];
        if (run->columns == 0)
            continue;
        struct gemm_args args = {.m = task->rows,
                                 .blocks = linear->blocks,
                                 .x = task->x,
                                 .x_stride = host_stride(linear->inputs),
                                 .panels = run->panels,
                                 .panel_stride = run->panel_stride,
                                 .columns = run->columns,
                                 .scales = run->scales,
                                 .scale_panel_stride = run->scale_panel_stride,
                                 .scale_block_stride = run->scale_block_stride,
                                 .scale_row_stride = run->scale_row_stride,
                                 .bias = run->bias,
                                 .out = (char *)task->out + run->first_out * out_size,
                                 .out_stride = task->out_stride,
                                 .out_type = task->out_type,
                                 .scratch = backend->threads[thread].gemm_scratch};
        backend->kernels.gemm[run->type][backend->type](&args);
    }
}

octet_status host_linear(struct backend *backend, const struct linear *linear, const void *x,
                         void *y, struct octet_error *err)
{
    (void)err;
    struct linear_task task = {.backend = backend,
                               .linear = linear,
                               .rows = (size_t)backend->batch->token_count,
                               .x = x,
                               .out = y,
                               .out_stride = host_stride(linear->outputs),
                               .out_type = backend->type};
    pool_run(backend->pool, linear_thread, &task);
    return OCTET_OK;
}

octet_status host_logits(struct backend *backend, const struct linear *head, const void *x,
                         float *logits, struct octet_error *err)
{
    (void)err;
    struct linear_task task = {.backend = backend,
                               .linear = head,
                               .rows = (size_t)backend->batch->logit_row_count,
                               .x = x,
                               .out = logits,
                               .out_stride = head->outputs,
                               .out_type = FLOAT_F32};
    pool_run(backend->pool, linear_thread, &task);
    return OCTET_OK;
}

struct embed_task {
    struct backend *backend;
    const struct linear *table;
    void *out;
};

/* Whose panels hold an output. */
static const struct panel_run *find_run(const struct linear *linear, size_t output)
{
    for (int i = 0; i < linear->thread_count * LINEAR_PARTS_MAX; i++) {
        const struct panel_run *run = &linear->runs[i];
        if (output >= run->first_out && output - run->first_out < run->columns)
            return run;
    }
    return NULL;
}

static void embed_rows(void *context, int thread, int thread_count)
{
    const struct embed_task *task = context;
    const struct backend *backend = task->backend;
    size_t begin, end, width = task->table->inputs;
    pool_range((size_t)backend->batch->token_count, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t id = (size_t)backend->batch->token_ids[i];
        const struct panel_run *run = find_run(task->table, id);
        assert(run); /* the caller checked the ids */
        size_t row = id - run->first_out, panel = row / PANEL_ROWS;
        const float *scales = run->scales ? run->scales + panel * run->scale_panel_stride : NULL;
        backend->kernels.panel_row(run->type, run->panels + panel * run->panel_stride,
                                   row % PANEL_ROWS, width, scales, run->scale_block_stride,
                                   run->scale_row_stride, backend->type,
                                   host_row(backend, task->out, i, width));
    }
}

octet_status host_embed(struct backend *backend, const struct linear *table, void *out,
                        struct octet_error *err)
{
    (void)err;
    struct embed_task task = {backend, table, out};
    pool_run(backend->pool, embed_rows, &task);
    return OCTET_OK;
}
