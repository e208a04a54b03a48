/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over paged KV. A batch is cut into items (some queries of one sequence, the heads of
 * one KV head). With many items a thread takes whole items and goes through their spans in order;
 * with few (a decode step of a long sequence) threads share out the spans, and then one thread
 * merges those of an item, in order. Both do the same operations on each row in the same order, so
 * the bits are the same.
 */
#include "backend/cpu/host.h"

#define ITEMS_A_THREAD 4 /* fewer than this, and spans are shared out */
#define SPAN_STATE_BYTES_MAX ((size_t)32 << 20)

static size_t div_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Query heads of an item, tokens of an item, and items that share a KV head. */
struct item_shape {
    size_t heads, tokens, head_groups;
};

static struct item_shape item_shape(const struct backend_options *options)
{
    size_t group = (size_t)(options->heads / options->kv_heads);
    size_t heads = group < ATTENTION_ROWS_MAX ? group : ATTENTION_ROWS_MAX;
    return (struct item_shape){heads, ATTENTION_ROWS_MAX / heads, div_up(group, heads)};
}

size_t host_attention_items(const struct backend_options *options)
{
    struct item_shape shape = item_shape(options);
    size_t tiles = (size_t)options->max_batch_sequences +
                   div_up((size_t)options->max_batch_tokens, shape.tokens);
    return tiles * (size_t)options->kv_heads * shape.head_groups;
}

size_t host_span_states(const struct backend_options *options)
{
    size_t state = attention_state_floats((size_t)options->head_dim) * sizeof(float);
    size_t spans = div_up((size_t)options->max_model_len, ATTENTION_SPAN);
    size_t most = (size_t)options->threads * ITEMS_A_THREAD * ATTENTION_ROWS_MAX;
    if (options->threads == 1 || spans == 1)
        return 0;
    return most > SPAN_STATE_BYTES_MAX / state / spans ? SPAN_STATE_BYTES_MAX / state
                                                       : most * spans;
}

static void plan_sequence(struct backend *backend, int32_t sequence)
{
    const struct step_batch *batch = backend->batch;
    const struct backend_options *options = &backend->options;
    struct item_shape shape = item_shape(options);
    int32_t group = options->heads / options->kv_heads;
    int32_t begin = batch->query_start[sequence], end = batch->query_start[sequence + 1];
    for (int32_t token = begin; token < end; token += (int32_t)shape.tokens) {
        int32_t tokens = end - token < (int32_t)shape.tokens ? end - token : (int32_t)shape.tokens;
        int32_t last = batch->positions[token + tokens - 1];
        for (int32_t head = 0; head < options->heads;) {
            int32_t left = group - head % group; /* heads of this KV head that remain */
            int32_t heads = left < (int32_t)shape.heads ? left : (int32_t)shape.heads;
            backend->items[backend->item_count++] =
                (struct attention_item){.sequence = sequence,
                                        .token = token,
                                        .tokens = tokens,
                                        .kv_head = head / group,
                                        .head = head,
                                        .heads = heads,
                                        .spans = last / ATTENTION_SPAN + 1};
            head += heads;
        }
    }
}

void host_attention_plan(struct backend *backend)
{
    backend->item_count = 0;
    for (int32_t i = 0; i < backend->batch->sequence_count; i++)
        plan_sequence(backend, i);
    size_t states = 0;
    bool several = false;
    for (size_t i = 0; i < backend->item_count; i++) {
        struct attention_item *item = &backend->items[i];
        item->states = states;
        states += (size_t)item->tokens * (size_t)item->heads * (size_t)item->spans;
        several = several || item->spans > 1;
    }
    backend->split_spans = several && states <= backend->span_state_count &&
                           backend->item_count < (size_t)backend->thread_count * ITEMS_A_THREAD;
}

struct attention_task {
    struct backend *backend;
    const struct attention_op *op;
};

/* States of the item's rows over one span. */
static void run_span(const struct attention_task *task, struct host_thread *own,
                     const struct attention_item *item, int32_t span, float *states)
{
    const struct backend *backend = task->backend;
    const struct backend_options *options = &backend->options;
    const struct attention_op *op = task->op;
    const struct step_batch *batch = backend->batch;
    size_t head_dim = (size_t)options->head_dim, width = (size_t)options->heads * head_dim;
    struct attention_args args = {
        .tokens = (size_t)item->tokens,
        .heads = (size_t)item->heads,
        .head_dim = head_dim,
        .q = host_row(backend, op->q, (size_t)item->token, width) +
             (size_t)item->head * head_dim * backend->element,
        .q_token_stride = host_stride(width),
        .first_length = (size_t)batch->positions[item->token] + 1,
        .scale = op->scale,
        .k = kv_address(backend, op->kv, op->layer, 0, (size_t)item->kv_head, false),
        .v = kv_address(backend, op->kv, op->layer, 0, (size_t)item->kv_head, true),
        .block_stride = op->kv->block_bytes,
        .block_table = batch->block_tables + (int64_t)item->sequence * batch->block_table_stride,
        .block_size = (size_t)options->block_size,
        .span = (size_t)span,
        .states = states,
        .scratch = own->attention_scratch,
    };
    backend->kernels.attention_span[backend->type](&args);
}

/* total += span, row by row. */
static void merge(const struct backend *backend, const struct attention_item *item, float *total,
                  const float *span)
{
    size_t head_dim = (size_t)backend->options.head_dim;
    size_t floats = attention_state_floats(head_dim);
    size_t rows = (size_t)item->tokens * (size_t)item->heads;
    for (size_t row = 0; row < rows; row++)
        backend->kernels.attention_merge(total + row * floats, span + row * floats, head_dim);
}

static void finish(const struct attention_task *task, const struct attention_item *item,
                   const float *total)
{
    const struct backend *backend = task->backend;
    size_t head_dim = (size_t)backend->options.head_dim;
    size_t width = (size_t)backend->options.heads * head_dim;
    const float *state = total;
    for (int32_t token = 0; token < item->tokens; token++) {
        char *out = host_row(backend, task->op->out, (size_t)(item->token + token), width);
        for (int32_t head = 0; head < item->heads; head++) {
            backend->kernels.attention_finish[backend->type](
                state, head_dim, out + (size_t)(item->head + head) * head_dim * backend->element);
            state += attention_state_floats(head_dim);
        }
    }
}

static void whole_items(void *context, int thread, int thread_count)
{
    const struct attention_task *task = context;
    const struct backend *backend = task->backend;
    struct host_thread *own = &task->backend->threads[thread];
    size_t floats = attention_state_floats((size_t)backend->options.head_dim);
    float *total = own->states, *span_state = own->states + ATTENTION_ROWS_MAX * floats;
    /* Neighbouring items cost alike, so dealing them out in turn balances a causal triangle. */
    for (size_t i = (size_t)thread; i < backend->item_count; i += (size_t)thread_count) {
        const struct attention_item *item = &backend->items[i];
        run_span(task, own, item, 0, total);
        for (int32_t span = 1; span < item->spans; span++) {
            run_span(task, own, item, span, span_state);
            merge(backend, item, total, span_state);
        }
        finish(task, item, total);
    }
}

static float *item_states(const struct backend *backend, const struct attention_item *item,
                          int32_t span)
{
    size_t rows = (size_t)item->tokens * (size_t)item->heads;
    return backend->span_states + (item->states + rows * (size_t)span) *
                                      attention_state_floats((size_t)backend->options.head_dim);
}

static void split_spans(void *context, int thread, int thread_count)
{
    const struct attention_task *task = context;
    const struct backend *backend = task->backend;
    size_t unit = 0;
    for (size_t i = 0; i < backend->item_count; i++) {
        const struct attention_item *item = &backend->items[i];
        for (int32_t span = 0; span < item->spans; span++, unit++)
            if (unit % (size_t)thread_count == (size_t)thread)
                run_span(task, &task->backend->threads[thread], item, span,
                         item_states(backend, item, span));
    }
}

static void merge_spans(void *context, int thread, int thread_count)
{
    const struct attention_task *task = context;
    const struct backend *backend = task->backend;
    for (size_t i = (size_t)thread; i < backend->item_count; i += (size_t)thread_count) {
        const struct attention_item *item = &backend->items[i];
        float *total = item_states(backend, item, 0);
        for (int32_t span = 1; span < item->spans; span++)
            merge(backend, item, total, item_states(backend, item, span));
        finish(task, item, total);
    }
}

octet_status host_attention(struct backend *backend, const struct attention_op *op,
                            struct octet_error *err)
{
    (void)err;
    struct attention_task task = {backend, op};
    if (backend->split_spans) {
        pool_run(backend->pool, split_spans, &task);
        pool_run(backend->pool, merge_spans, &task);
    } else {
        pool_run(backend->pool, whole_items, &task);
    }
    return OCTET_OK;
}
