/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder: the operations of a step in order. */
#include "model/model_internal.h"

#include <math.h>

/* out = norm of (residual + added) for every token, or for the chosen rows. */
static octet_status norm(struct model *model, const void *added, const void *weight, void *out,
                         bool chosen, struct octet_error *err)
{
    void *residual = model->activations[ACT_RESIDUAL].address;
    struct rms_norm_op op = {.x = added ? added : residual,
                             .residual = added ? residual : NULL,
                             .weight = weight,
                             .out = out,
                             .width = (int32_t)model->config.hidden_size,
                             .eps = model->config.rms_norm_eps,
                             .chosen_rows = chosen};
    return model->ops->rms_norm(model->backend, &op, err);
}

static octet_status attention_block(struct model *model, int64_t index, struct octet_error *err)
{
    const struct backend_ops *ops = model->ops;
    const struct layer *layer = &model->layers[index];
    struct device_block *act = model->activations;
    struct rope_kv_op rope = {.qkv = act[ACT_QKV].address,
                              .q = act[ACT_Q].address,
                              .q_norm = layer->norms[NORM_Q],
                              .k_norm = layer->norms[NORM_K],
                              .eps = model->config.rms_norm_eps,
                              .rope_table = model->rope_table.address,
                              .kv = model->kv,
                              .layer = (int32_t)index};
    struct attention_op attention = {.q = act[ACT_Q].address,
                                     .out = act[ACT_ATTENDED].address,
                                     .kv = model->kv,
                                     .layer = (int32_t)index,
                                     .scale = (float)(1.0 / sqrt((double)model->config.head_dim))};
    RETURN_IF_ERROR(ops->linear(model->backend, layer->linears[LINEAR_QKV], act[ACT_HIDDEN].address,
                                act[ACT_QKV].address, err));
    RETURN_IF_ERROR(ops->rope_kv(model->backend, &rope, err));
    RETURN_IF_ERROR(ops->attention(model->backend, &attention, err));
    RETURN_IF_ERROR(ops->linear(model->backend, layer->linears[LINEAR_O], act[ACT_ATTENDED].address,
                                act[ACT_HIDDEN].address, err));
    return ops->all_reduce(model->backend, act[ACT_HIDDEN].address,
                           (int32_t)model->config.hidden_size, err);
}

static octet_status mlp_block(struct model *model, int64_t index, struct octet_error *err)
{
    const struct backend_ops *ops = model->ops;
    const struct layer *layer = &model->layers[index];
    struct device_block *act = model->activations;
    RETURN_IF_ERROR(ops->linear(model->backend, layer->linears[LINEAR_GATE_UP],
                                act[ACT_HIDDEN].address, act[ACT_GATE_UP].address, err));
    RETURN_IF_ERROR(ops->swiglu(model->backend, act[ACT_GATE_UP].address, act[ACT_MLP].address,
                                (int32_t)model->config.intermediate_size, err));
    RETURN_IF_ERROR(ops->linear(model->backend, layer->linears[LINEAR_DOWN], act[ACT_MLP].address,
                                act[ACT_HIDDEN].address, err));
    return ops->all_reduce(model->backend, act[ACT_HIDDEN].address,
                           (int32_t)model->config.hidden_size, err);
}

octet_status model_forward(struct model *model, const struct step_batch *batch, float *logits,
                           struct octet_error *err)
{
    const struct backend_ops *ops = model->ops;
    void *hidden = model->activations[ACT_HIDDEN].address;
    RETURN_IF_ERROR(ops->embed(model->backend, model->embedding,
                               model->activations[ACT_RESIDUAL].address, err));
    for (int64_t i = 0; i < model->config.layers; i++) {
        const struct layer *layer = &model->layers[i];
        RETURN_IF_ERROR(
            norm(model, i ? hidden : NULL, layer->norms[NORM_INPUT], hidden, false, err));
        RETURN_IF_ERROR(attention_block(model, i, err));
        RETURN_IF_ERROR(norm(model, hidden, layer->norms[NORM_POST_ATTENTION], hidden, false, err));
        RETURN_IF_ERROR(mlp_block(model, i, err));
    }
    if (batch->logit_row_count == 0)
        return OCTET_OK;
    void *chosen = model->activations[ACT_CHOSEN].address;
    RETURN_IF_ERROR(norm(model, hidden, model->final_norm, chosen, true, err));
    return ops->logits(model->backend, model->head, chosen, logits, err);
}
