/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From checkpoint to backend. A matrix is read in windows by the threads that pack it; FP8 codes
 * are checked for NaN in the same windows, while they are in cache.
 */
#include "model/model_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "numeric/half.h"

struct load {
    struct model *model;
    const struct checkpoint *checkpoint;
    const struct progress *progress;
    uint64_t done, total; /* bytes */
};

/* What a part's read callback needs. */
struct part_reader {
    const struct checkpoint *checkpoint;
    const struct tensor *tensor;
    const struct linear_part *part;
};

static octet_status part_read(void *context, int64_t row, int64_t count, void *out,
                              struct octet_error *err)
{
    const struct part_reader *reader = context;
    const struct linear_part *part = reader->part;
    uint64_t size = dtype_size(reader->tensor->dtype);
    uint64_t first = (uint64_t)row * (uint64_t)part->cols + (uint64_t)part->col_begin;
    uint64_t width = (uint64_t)(part->col_end - part->col_begin);
    /* Whole rows are one read; a column slice is one read a row. */
    bool whole = width == (uint64_t)part->cols;
    uint64_t reads = whole ? 1 : (uint64_t)count;
    uint64_t elements = whole ? width * (uint64_t)count : width;
    for (uint64_t i = 0; i < reads; i++) {
        uint64_t element = first + i * (uint64_t)part->cols;
        uint8_t *target = (uint8_t *)out + i * elements * size;
        RETURN_IF_ERROR(checkpoint_read(reader->checkpoint, reader->tensor, element * size, target,
                                        elements * size, err));
        if (part->source == SOURCE_F8_E4M3)
            RETURN_IF_ERROR(checkpoint_check_codes(reader->tensor, element, target, elements, err));
    }
    return OCTET_OK;
}

/* A vector of BF16, F16 or F32 as float32; out holds `count`. */
static octet_status read_vector(struct load *load, const struct tensor *tensor, int64_t count,
                                float *out, struct octet_error *err)
{
    size_t size = dtype_size(tensor->dtype), n = (size_t)count;
    if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16 && tensor->dtype != DTYPE_F16)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: tensor %s has dtype %s, expected BF16, F16 or F32",
                         checkpoint_file_name(load->checkpoint, tensor->file), tensor->name,
                         dtype_name(tensor->dtype));
    /* The raw elements go to the upper end, so that widening in place never overruns them. */
    uint8_t *raw = (uint8_t *)out + n * (sizeof *out - size);
    RETURN_IF_ERROR(checkpoint_read(load->checkpoint, tensor, 0, raw, n * size, err));
    for (size_t i = 0; i < n && tensor->dtype != DTYPE_F32; i++) {
        uint16_t bits;
        memcpy(&bits, raw + i * size, sizeof bits);
        out[i] = tensor->dtype == DTYPE_BF16 ? bf16_to_f32(bits) : f16_to_f32(bits);
    }
    load->done += n * size;
    return OCTET_OK;
}

static octet_status report(struct load *load, struct octet_error *err)
{
    if (progress_report(load->progress, "loading weights", load->done, load->total))
        return OCTET_OK;
    return error_set(err, OCTET_CANCELLED, "loading was cancelled");
}

/* Fill in what a plan leaves out, make the matrix, and let go of scales and biases. */
static octet_status load_linear(struct load *load, struct weight_plan *plan, struct linear **out,
                                struct octet_error *err)
{
    struct part_reader readers[LINEAR_PARTS_MAX];
    float *scales[LINEAR_PARTS_MAX] = {0}, *biases[LINEAR_PARTS_MAX] = {0};
    octet_status status = OCTET_OK;
    for (int i = 0; i < plan->spec.part_count; i++) {
        struct linear_part *part = &plan->parts[i];
        readers[i] = (struct part_reader){load->checkpoint, plan->tensors[i], part};
        part->read = part_read;
        part->context = &readers[i];
        if (part->source == SOURCE_F8_E4M3) {
            status = checkpoint_read_scales(load->checkpoint, plan->tensors[i], &scales[i], err);
            if (status != OCTET_OK)
                goto done;
            part->scales = scales[i];
        }
        if (plan->biases[i]) {
            biases[i] = malloc((size_t)part->rows * sizeof(float));
            status = biases[i] ? read_vector(load, plan->biases[i], part->rows, biases[i], err)
                               : error_memory(err, "bias", (size_t)part->rows * sizeof(float));
            if (status != OCTET_OK)
                goto done;
            part->bias = biases[i];
        }
    }
    status = load->model->ops->linear_create(load->model->backend, &plan->spec, out, err);
    if (status != OCTET_OK)
        goto done;
    for (int i = 0; i < plan->spec.part_count; i++)
        load->done += plan->tensors[i]->bytes;
    status = report(load, err);
done:
    for (int i = 0; i < plan->spec.part_count; i++) {
        struct linear_part *part = &plan->parts[i];
        part->read = NULL;
        part->context = NULL;
        part->scales = part->bias = NULL;
        free(biases[i]);
        free(scales[i]);
    }
    return status;
}

/* The place of a norm in the block of all norms, in floats, and its tensor's name and length. */
static int64_t norm_describe(const struct model_config *config, int64_t layer,
                             enum layer_norm which, char name[128])
{
    static const char *const modules[LAYER_NORM_COUNT] = {
        "input_layernorm", "post_attention_layernorm", "self_attn.q_norm", "self_attn.k_norm"};
    bool of_head = which == NORM_Q || which == NORM_K;
    if (of_head && !config->qk_norm)
        return 0;
    snprintf(name, 128, "model.layers.%" PRId64 ".%s.weight", layer, modules[which]);
    return of_head ? config->head_dim : config->hidden_size;
}

/* Norm vectors begin on 64-byte lines. */
static size_t norm_stride(int64_t count)
{
    return ((size_t)count + 15) / 16 * 16;
}

size_t norm_elements(const struct model_config *config)
{
    size_t heads = config->qk_norm ? 2 * norm_stride(config->head_dim) : 0;
    size_t hidden = norm_stride(config->hidden_size);
    return (size_t)config->layers * (2 * hidden + heads) + hidden;
}

static octet_status load_norm(struct load *load, const char *name, int64_t count, float *host,
                              size_t *used, const void **out, struct octet_error *err)
{
    const struct tensor *tensor;
    RETURN_IF_ERROR(weight_find(load->checkpoint, name, count, 0, &tensor, err));
    RETURN_IF_ERROR(read_vector(load, tensor, count, host + *used, err));
    *out = (const char *)load->model->norms.address + *used * sizeof(float);
    *used += norm_stride(count);
    return OCTET_OK;
}

static octet_status load_norms(struct load *load, struct octet_error *err)
{
    struct model *model = load->model;
    const struct model_config *config = &model->config;
    size_t elements = norm_elements(config), used = 0;
    size_t bytes = elements * sizeof(float);
    float *host = calloc(elements, sizeof *host);
    if (!host)
        return error_memory(err, "norm weights", bytes);
    octet_status status =
        model->ops->memory_alloc(model->backend, bytes, &model->norms.address, err);
    model->norms.bytes = bytes;
    for (int64_t layer = 0; status == OCTET_OK && layer < config->layers; layer++) {
        for (int which = 0; status == OCTET_OK && which < LAYER_NORM_COUNT; which++) {
            char name[128];
            int64_t count = norm_describe(config, layer, (enum layer_norm)which, name);
            if (count)
                status = load_norm(load, name, count, host, &used,
                                   &model->layers[layer].norms[which], err);
        }
    }
    if (status == OCTET_OK)
        status = load_norm(load, "model.norm.weight", config->hidden_size, host, &used,
                           &model->final_norm, err);
    if (status == OCTET_OK)
        status = model->ops->upload(model->backend, model->norms.address, host, bytes, err);
    free(host);
    return status;
}

/* Bytes that loading will read, for the progress. */
static uint64_t weight_bytes(const struct checkpoint *checkpoint)
{
    uint64_t total = 0;
    for (size_t i = 0; i < checkpoint_tensor_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_tensor(checkpoint, i);
        enum tensor_role role = checkpoint_role(checkpoint, tensor);
        if (role == ROLE_PLAIN || role == ROLE_FP8)
            total += tensor->bytes;
    }
    return total;
}

static octet_status load_tables(struct load *load, struct octet_error *err)
{
    struct model *model = load->model;
    struct weight_plan plan;
    RETURN_IF_ERROR(
        weight_plan_table(load->checkpoint, &model->config, &model->options, false, &plan, err));
    RETURN_IF_ERROR(load_linear(load, &plan, &model->embedding, err));
    if (model->config.tie_word_embeddings) {
        model->head = model->embedding;
        return OCTET_OK;
    }
    RETURN_IF_ERROR(
        weight_plan_table(load->checkpoint, &model->config, &model->options, true, &plan, err));
    return load_linear(load, &plan, &model->head, err);
}

octet_status weights_load(struct model *model, const struct checkpoint *checkpoint,
                          const struct progress *progress, struct octet_error *err)
{
    struct load load = {.model = model,
                        .checkpoint = checkpoint,
                        .progress = progress,
                        .total = weight_bytes(checkpoint)};
    RETURN_IF_ERROR(weights_check_residency(checkpoint, &model->options, err));
    RETURN_IF_ERROR(report(&load, err));
    RETURN_IF_ERROR(load_norms(&load, err));
    RETURN_IF_ERROR(load_tables(&load, err));
    for (int64_t layer = 0; layer < model->config.layers; layer++) {
        for (int which = 0; which < LAYER_LINEAR_COUNT; which++) {
            struct weight_plan plan;
            RETURN_IF_ERROR(weight_plan_layer(checkpoint, &model->config, &model->options, layer,
                                              (enum layer_linear)which, &plan, err));
            RETURN_IF_ERROR(load_linear(&load, &plan, &model->layers[layer].linears[which], err));
        }
    }
    /* What was not read (a stored copy of a tied head) counts as done. */
    load.done = load.total;
    return report(&load, err);
}
