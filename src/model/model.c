/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "checkpoint/architecture_check.h"
#include "model/rope_table.h"

void model_backend_options(const struct model_config *config, const struct model_options *options,
                           struct backend_options *out)
{
    int64_t widest = config->hidden_size;
    if (config->intermediate_size > widest)
        widest = config->intermediate_size;
    if (config->heads * config->head_dim > widest)
        widest = config->heads * config->head_dim;
    *out = (struct backend_options){.dtype = options->dtype,
                                    .threads = options->threads,
                                    .cpu_mask = options->cpu_mask,
                                    .max_batch_tokens = options->max_batch_tokens,
                                    .max_batch_sequences = options->max_batch_sequences,
                                    .max_logit_rows = options->max_logit_rows,
                                    .max_model_len = options->max_model_len,
                                    .heads = (int32_t)config->heads,
                                    .kv_heads = (int32_t)config->kv_heads,
                                    .head_dim = (int32_t)config->head_dim,
                                    .max_linear_inputs = (int32_t)widest,
                                    .block_size = options->block_size};
}

size_t activation_bytes(const struct model_config *config, const struct model_options *options,
                        enum activation which)
{
    int64_t q = config->heads * config->head_dim, kv = config->kv_heads * config->head_dim;
    int64_t width = 0, rows = options->max_batch_tokens;
    switch (which) {
    case ACT_RESIDUAL:
    case ACT_HIDDEN:
        width = config->hidden_size;
        break;
    case ACT_QKV:
        width = q + 2 * kv;
        break;
    case ACT_Q:
    case ACT_ATTENDED:
        width = q;
        break;
    case ACT_GATE_UP:
        width = 2 * config->intermediate_size;
        break;
    case ACT_MLP:
        width = config->intermediate_size;
        break;
    case ACT_CHOSEN:
    case ACT_COUNT:
        width = config->hidden_size;
        rows = options->max_logit_rows;
        break;
    }
    return (size_t)rows * (size_t)activation_stride(width) *
           (options->dtype == ACTIVATION_F32 ? 4 : 2);
}

static size_t rope_table_bytes(const struct model_config *config,
                               const struct model_options *options)
{
    return (size_t)options->max_model_len * (size_t)config->head_dim * sizeof(float);
}

static octet_status check_options(const struct model_options *options, struct octet_error *err)
{
    const struct {
        const char *name;
        int64_t value, most;
    } limits[] = {
        {"threads", options->threads, 1024},
        {"max_model_len", options->max_model_len, 1 << 27},
        {"max_batch_tokens", options->max_batch_tokens, 1 << 20},
        {"max_batch_sequences", options->max_batch_sequences, 1 << 16},
        {"max_logit_rows", options->max_logit_rows, 1 << 20},
        {"block_size", options->block_size, 1 << 16},
        {"block_count", options->block_count,
         INT32_MAX / (options->block_size > 0 ? options->block_size : 1)},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value < 1 || limits[i].value > limits[i].most)
            return error_set(err, OCTET_USAGE, "%s: got %lld, expected 1 to %lld", limits[i].name,
                             (long long)limits[i].value, (long long)limits[i].most);
    return OCTET_OK;
}

/* Resident bytes of a matrix; a plan from the header has its biases as tensors only. */
static uint64_t plan_bytes(const struct backend_ops *ops, const struct backend_options *backend,
                           const struct weight_plan *plan)
{
    uint64_t bytes = ops->linear_bytes(backend, &plan->spec);
    for (int i = 0; i < plan->spec.part_count; i++)
        if (plan->biases[i])
            bytes += (uint64_t)plan->parts[i].rows * sizeof(float);
    return bytes;
}

/* A rank holds whole query heads, and whole KV heads or one that it shares with its neighbours. */
static bool can_split(const struct model_config *config, int64_t ranks)
{
    bool kv = config->kv_heads % ranks == 0 || ranks % config->kv_heads == 0;
    return config->heads % ranks == 0 && config->intermediate_size % ranks == 0 && kv;
}

/* The configuration of one rank: what its matrices and scratch are sized by. */
static octet_status rank_config(const struct model_config *config, int64_t ranks,
                                struct model_config *out, struct octet_error *err)
{
    *out = *config;
    if (ranks <= 1)
        return OCTET_OK;
    if (!can_split(config, ranks)) {
        char valid[128] = "1";
        size_t used = 1;
        for (int64_t n = 2; n <= config->heads && used < sizeof valid - 16; n++) {
            if (can_split(config, n))
                used += (size_t)snprintf(valid + used, sizeof valid - used, ", %lld", (long long)n);
        }
        return error_set(err, OCTET_USAGE,
                         "tensor parallel size %lld does not divide this model's %lld heads, %lld "
                         "KV heads and intermediate size %lld; valid sizes: %s",
                         (long long)ranks, (long long)config->heads, (long long)config->kv_heads,
                         (long long)config->intermediate_size, valid);
    }
    out->heads = config->heads / ranks;
    out->kv_heads = config->kv_heads > ranks ? config->kv_heads / ranks : 1;
    out->intermediate_size = config->intermediate_size / ranks;
    return OCTET_OK;
}

/* Cut a whole matrix to the first rank's share: `rows` splits outputs, otherwise inputs. */
static void cut_plan(struct weight_plan *plan, int64_t ranks, const struct model_config *rank,
                     bool rows)
{
    for (int i = 0; i < plan->spec.part_count; i++) {
        struct linear_part *part = &plan->parts[i];
        bool kv = plan->spec.part_count == LINEAR_PARTS_MAX && i > 0;
        if (kv)
            part->row_end = rank->kv_heads * rank->head_dim;
        else if (rows)
            part->row_end = (part->rows + ranks - 1) / ranks;
        else
            part->col_end = part->cols / ranks;
    }
}

octet_status model_plan_memory(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, struct model_memory *out,
                               struct octet_error *err)
{
    const struct backend_ops *ops = &backend_cpu;
    struct weight_plan plan;
    struct backend_options backend;
    struct model_config rank;
    int64_t ranks = options->ranks > 1 ? options->ranks : 1;
    *out = (struct model_memory){0};
    RETURN_IF_ERROR(check_options(options, err));
    RETURN_IF_ERROR(rank_config(config, ranks, &rank, err));
    RETURN_IF_ERROR(weights_check_residency(checkpoint, options, err));
    model_backend_options(&rank, options, &backend);
    for (int head = 0; head < (config->tie_word_embeddings ? 1 : 2); head++) {
        RETURN_IF_ERROR(weight_plan_table(checkpoint, config, options, head == 1, &plan, err));
        cut_plan(&plan, ranks, &rank, true);
        out->weights += plan_bytes(ops, &backend, &plan);
    }
    for (int64_t layer = 0; layer < config->layers; layer++) {
        for (int which = 0; which < LAYER_LINEAR_COUNT; which++) {
            RETURN_IF_ERROR(weight_plan_layer(checkpoint, config, options, layer,
                                              (enum layer_linear)which, &plan, err));
            cut_plan(&plan, ranks, &rank, which == LINEAR_QKV || which == LINEAR_GATE_UP);
            out->weights += plan_bytes(ops, &backend, &plan);
        }
    }
    out->weights += norm_elements(config) * sizeof(float);
    out->kv_per_block = ops->kv_block_bytes(&backend, (int32_t)config->layers);
    out->activations = ops->scratch_bytes(&backend) + rope_table_bytes(config, options);
    for (int i = 0; i < ACT_COUNT; i++)
        out->activations += activation_bytes(&rank, options, (enum activation)i);
    return OCTET_OK;
}

static octet_status make_rope_table(struct model *model, struct octet_error *err)
{
    size_t bytes = rope_table_bytes(&model->config, &model->options);
    float *host = malloc(bytes);
    if (!host)
        return error_memory(err, "RoPE table", bytes);
    rope_table_fill(&model->config.rope, model->config.head_dim, model->options.max_model_len,
                    host);
    model->rope_table.bytes = bytes;
    octet_status status =
        model->ops->memory_alloc(model->backend, bytes, &model->rope_table.address, err);
    if (status == OCTET_OK)
        status = model->ops->upload(model->backend, model->rope_table.address, host, bytes, err);
    free(host);
    return status;
}

static octet_status make_buffers(struct model *model, struct octet_error *err)
{
    RETURN_IF_ERROR(make_rope_table(model, err));
    for (int i = 0; i < ACT_COUNT; i++) {
        struct device_block *block = &model->activations[i];
        block->bytes = activation_bytes(&model->config, &model->options, (enum activation)i);
        RETURN_IF_ERROR(
            model->ops->memory_alloc(model->backend, block->bytes, &block->address, err));
    }
    size_t slots = (size_t)model->options.block_count * (size_t)model->options.block_size;
    model->slot_seen = calloc(slots / 8 + 1, 1);
    if (!model->slot_seen)
        return error_memory(err, "KV slot map", slots / 8 + 1);
    return model->ops->kv_create(model->backend, (int32_t)model->config.layers,
                                 model->options.block_count, &model->kv, err);
}

octet_status model_load(struct checkpoint *checkpoint, const struct model_config *config,
                        const struct model_options *options, const struct progress *progress,
                        struct model **out, struct octet_error *err)
{
    *out = NULL;
    RETURN_IF_ERROR(check_options(options, err));
    RETURN_IF_ERROR(checkpoint_check_architecture(checkpoint, config, err));
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return error_memory(err, "model", sizeof *model);
    *model = (struct model){.config = *config, .options = *options, .ops = &backend_cpu};
    model->layers = calloc((size_t)config->layers, sizeof *model->layers);
    octet_status status =
        model->layers ? OCTET_OK
                      : error_memory(err, "layers", (size_t)config->layers * sizeof *model->layers);
    struct backend_options backend;
    model_backend_options(config, options, &backend);
    if (status == OCTET_OK)
        status = model->ops->open(&backend, &model->backend, err);
    if (status == OCTET_OK)
        status = make_buffers(model, err);
    if (status == OCTET_OK)
        status = weights_load(model, checkpoint, progress, err);
    if (status != OCTET_OK) {
        model_free(model);
        return status;
    }
    *out = model;
    return OCTET_OK;
}

static void free_block(struct model *model, struct device_block *block)
{
    if (block->address)
        model->ops->memory_free(model->backend, block->address, block->bytes);
}

void model_free(struct model *model)
{
    if (!model)
        return;
    if (model->backend) {
        for (int64_t i = 0; i < model->config.layers; i++)
            for (int which = 0; which < LAYER_LINEAR_COUNT; which++)
                model->ops->linear_free(model->backend, model->layers[i].linears[which]);
        if (model->head != model->embedding)
            model->ops->linear_free(model->backend, model->head);
        model->ops->linear_free(model->backend, model->embedding);
        model->ops->kv_free(model->backend, model->kv);
        for (int i = 0; i < ACT_COUNT; i++)
            free_block(model, &model->activations[i]);
        free_block(model, &model->rope_table);
        free_block(model, &model->norms);
        model->ops->close(model->backend);
    }
    free(model->slot_seen);
    free(model->layers);
    free(model);
}

octet_status model_step(struct model *model, const struct step_batch *batch, float *logits,
                        struct octet_error *err)
{
    RETURN_IF_ERROR(model_check_batch(model, batch, err));
    RETURN_IF_ERROR(model->ops->step_begin(model->backend, batch, err));
    octet_status status = model_forward(model, batch, logits, err);
    /* The step ends also after a failure, so that the next one can begin. */
    octet_status ended = model->ops->step_end(model->backend, status == OCTET_OK ? err : NULL);
    return status != OCTET_OK ? status : ended;
}
