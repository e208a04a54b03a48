/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/host.h"

#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/log.h"

#define MAP_FROM ((size_t)1 << 20) /* smaller buffers would waste most of a huge page */

/* Where each piece of scratch begins in its one mapping. */
struct scratch_plan {
    size_t thread_bytes;            /* of one thread */
    size_t attention, states, head; /* offsets in a thread's part; its gemm scratch is at 0 */
    size_t span_states, items;      /* offsets of the shared part */
    size_t total;
};

static size_t align64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t state_bytes(const struct backend_options *options)
{
    return attention_state_floats((size_t)options->head_dim) * sizeof(float);
}

static void plan_scratch(const struct backend_options *options, struct scratch_plan *out)
{
    size_t at = GEMM_SCRATCH_BYTES;
    out->attention = at;
    at += ATTENTION_SCRATCH_BYTES;
    out->states = at;
    at += align64(2 * ATTENTION_ROWS_MAX * state_bytes(options));
    out->head = at;
    at += align64((size_t)options->head_dim * sizeof(float));
    out->thread_bytes = at;
    at *= (size_t)options->threads;
    out->span_states = at;
    at += align64(host_span_states(options) * state_bytes(options));
    out->items = at;
    at += align64(host_attention_items(options) * sizeof(struct attention_item));
    out->total = at;
}

static uint64_t host_scratch_bytes(const struct backend_options *options)
{
    struct scratch_plan plan;
    plan_scratch(options, &plan);
    return plan.total;
}

static octet_status check_options(const struct backend_options *options, struct octet_error *err)
{
    if (options->head_dim < 16 || options->head_dim > 512 || options->head_dim % 16 != 0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "head_dim %d: the CPU runs multiples of 16 from 16 to 512",
                         (int)options->head_dim);
    if (options->block_size < KV_GROUP || options->block_size % KV_GROUP != 0)
        return error_set(err, OCTET_USAGE, "block size %d: expected a multiple of %d",
                         (int)options->block_size, KV_GROUP);
    if (options->kv_heads < 1 || options->heads % options->kv_heads != 0)
        return error_set(err, OCTET_UNSUPPORTED, "%d heads are no multiple of %d KV heads",
                         (int)options->heads, (int)options->kv_heads);
    return OCTET_OK;
}

static void host_close(struct backend *backend)
{
    if (!backend)
        return;
    pool_free(backend->pool);
    for (int i = 0; backend->threads && i < backend->thread_count; i++)
        panel_arena_free(&backend->threads[i].arena);
    host_pages_unmap(backend->scratch, backend->scratch_size);
    free(backend->threads);
    free(backend);
}

static octet_status make_scratch(struct backend *backend, struct octet_error *err)
{
    const struct backend_options *options = &backend->options;
    struct scratch_plan plan;
    plan_scratch(options, &plan);
    backend->threads = calloc((size_t)backend->thread_count, sizeof *backend->threads);
    if (!backend->threads)
        return error_memory(err, "thread scratch",
                            (size_t)backend->thread_count * sizeof *backend->threads);
    backend->scratch = host_pages_map(plan.total);
    backend->scratch_size = plan.total;
    if (!backend->scratch)
        return error_memory(err, "scratch of a step", plan.total);
    char *base = backend->scratch;
    for (int i = 0; i < backend->thread_count; i++) {
        char *own = base + (size_t)i * plan.thread_bytes;
        backend->threads[i].gemm_scratch = own;
        backend->threads[i].attention_scratch = own + plan.attention;
        backend->threads[i].states = (float *)(own + plan.states);
        backend->threads[i].head = (float *)(own + plan.head);
    }
    backend->span_states = (float *)(base + plan.span_states);
    backend->span_state_count = host_span_states(options);
    backend->items = (struct attention_item *)(base + plan.items);
    return OCTET_OK;
}

static octet_status host_open(const struct backend_options *options, struct backend **out,
                              struct octet_error *err)
{
    *out = NULL;
    RETURN_IF_ERROR(check_options(options, err));
    struct cpu_features features;
    RETURN_IF_ERROR(cpu_features_detect(options->cpu_mask, &features, err));
    struct backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return error_memory(err, "backend", sizeof *backend);
    backend->options = *options;
    backend->thread_count = options->threads;
    backend->type = options->dtype == ACTIVATION_BF16 ? FLOAT_BF16 : FLOAT_F32;
    backend->element = options->dtype == ACTIVATION_BF16 ? 2 : 4;
    kernels_select(&features, &backend->kernels);
    octet_status status = pool_create(options->threads, &backend->pool, err);
    if (status == OCTET_OK)
        status = make_scratch(backend, err);
    if (status != OCTET_OK) {
        host_close(backend);
        return status;
    }
    log_debug("CPU backend: kernels %s (%s), %d threads", backend->kernels.name,
              backend->kernels.dot, backend->thread_count);
    *out = backend;
    return OCTET_OK;
}

static octet_status host_memory_alloc(struct backend *backend, size_t bytes, void **out,
                                      struct octet_error *err)
{
    (void)backend;
    if (bytes >= MAP_FROM) {
        *out = host_pages_map(bytes);
    } else {
        *out = aligned_alloc(64, align64(bytes + 1));
        if (*out)
            memset(*out, 0, bytes);
    }
    return *out ? OCTET_OK : error_memory(err, "activations", bytes);
}

static void host_memory_free(struct backend *backend, void *memory, size_t bytes)
{
    (void)backend;
    if (bytes >= MAP_FROM)
        host_pages_unmap(memory, bytes);
    else
        free(memory);
}

static octet_status host_copy_in(struct backend *backend, void *device, const void *host,
                                 size_t bytes, struct octet_error *err)
{
    (void)backend, (void)err;
    memcpy(device, host, bytes);
    return OCTET_OK;
}

static octet_status host_copy_out(struct backend *backend, void *host, const void *device,
                                  size_t bytes, struct octet_error *err)
{
    (void)backend, (void)err;
    memcpy(host, device, bytes);
    return OCTET_OK;
}

static octet_status host_synchronize(struct backend *backend, struct octet_error *err)
{
    (void)backend, (void)err; /* every operation is complete when it returns */
    return OCTET_OK;
}

static size_t kv_head_bytes(const struct backend_options *options)
{
    return (size_t)options->block_size * (size_t)options->head_dim *
           (options->dtype == ACTIVATION_BF16 ? 2 : 4);
}

static uint64_t host_kv_block_bytes(const struct backend_options *options, int32_t layers)
{
    return (uint64_t)kv_head_bytes(options) * 2 * (uint64_t)options->kv_heads * (uint64_t)layers;
}

static octet_status host_kv_create(struct backend *backend, int32_t layers, int32_t blocks,
                                   struct kv_cache **out, struct octet_error *err)
{
    *out = NULL;
    struct kv_cache *kv = calloc(1, sizeof *kv);
    if (!kv)
        return error_memory(err, "KV cache", sizeof *kv);
    kv->head_bytes = kv_head_bytes(&backend->options);
    kv->block_bytes = kv->head_bytes * 2 * (size_t)backend->options.kv_heads;
    bool fits = checked_mul_size(kv->block_bytes, (size_t)blocks, &kv->layer_bytes) &&
                checked_mul_size(kv->layer_bytes, (size_t)layers, &kv->bytes);
    kv->memory = fits ? host_pages_map(kv->bytes) : NULL;
    if (!kv->memory) {
        size_t bytes = fits ? kv->bytes : SIZE_MAX;
        free(kv);
        return error_memory(err, "KV cache", bytes);
    }
    *out = kv;
    return OCTET_OK;
}

static void host_kv_free(struct backend *backend, struct kv_cache *kv)
{
    (void)backend;
    if (!kv)
        return;
    host_pages_unmap(kv->memory, kv->bytes);
    free(kv);
}

static octet_status host_step_begin(struct backend *backend, const struct step_batch *batch,
                                    struct octet_error *err)
{
    (void)err;
    backend->batch = batch;
    pool_begin(backend->pool);
    host_attention_plan(backend);
    return OCTET_OK;
}

static octet_status host_step_end(struct backend *backend, struct octet_error *err)
{
    (void)err;
    pool_end(backend->pool);
    backend->batch = NULL;
    return OCTET_OK;
}

static octet_status host_all_reduce(struct backend *backend, void *x, int32_t width,
                                    struct octet_error *err)
{
    (void)backend, (void)x, (void)width, (void)err; /* the sum over one rank */
    return OCTET_OK;
}

static octet_status host_all_gather(struct backend *backend, const void *x, void *out,
                                    int32_t width, struct octet_error *err)
{
    (void)err;
    size_t bytes = (size_t)backend->batch->token_count * host_stride((size_t)width);
    if (out != x)
        memcpy(out, x, bytes * backend->element);
    return OCTET_OK;
}

const struct backend_ops backend_cpu = {
    .name = "cpu",
    .open = host_open,
    .close = host_close,
    .scratch_bytes = host_scratch_bytes,
    .memory_alloc = host_memory_alloc,
    .memory_free = host_memory_free,
    .upload = host_copy_in,
    .download = host_copy_out,
    .synchronize = host_synchronize,
    .linear_create = host_linear_create,
    .linear_free = host_linear_free,
    .linear_bytes = host_linear_bytes,
    .kv_create = host_kv_create,
    .kv_free = host_kv_free,
    .kv_block_bytes = host_kv_block_bytes,
    .step_begin = host_step_begin,
    .step_end = host_step_end,
    .embed = host_embed,
    .rms_norm = host_rms_norm,
    .linear = host_linear,
    .rope_kv = host_rope_kv,
    .attention = host_attention,
    .swiglu = host_swiglu,
    .logits = host_logits,
    .all_reduce = host_all_reduce,
    .all_gather = host_all_gather,
};
