/* SPDX-License-Identifier: Apache-2.0 */
/* Names -> roles: which checkpoint tensors make each matrix, and whether they have the right shape.
 */
#include "model/model_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"

/* One tensor of a fused matrix. */
struct piece {
    const char *module; /* the name is model.layers.N.MODULE.weight */
    int64_t rows, cols;
    bool bias;
};

static int layer_pieces(const struct model_config *config, enum layer_linear which,
                        struct piece pieces[LINEAR_PARTS_MAX])
{
    int64_t hidden = config->hidden_size, inner = config->intermediate_size;
    int64_t q = config->heads * config->head_dim, kv = config->kv_heads * config->head_dim;
    bool bias = config->attention_bias;
    switch (which) {
    case LINEAR_QKV:
        pieces[0] = (struct piece){"self_attn.q_proj", q, hidden, bias};
        pieces[1] = (struct piece){"self_attn.k_proj", kv, hidden, bias};
        pieces[2] = (struct piece){"self_attn.v_proj", kv, hidden, bias};
        return 3;
    case LINEAR_O:
        pieces[0] = (struct piece){"self_attn.o_proj", hidden, q, config->o_bias};
        return 1;
    case LINEAR_GATE_UP:
        pieces[0] = (struct piece){"mlp.gate_proj", inner, hidden, config->mlp_bias};
        pieces[1] = (struct piece){"mlp.up_proj", inner, hidden, config->mlp_bias};
        return 2;
    case LINEAR_DOWN:
    default:
        pieces[0] = (struct piece){"mlp.down_proj", hidden, inner, config->mlp_bias};
        return 1;
    }
}

static octet_status source_of(const struct checkpoint *checkpoint, const struct tensor *tensor,
                              enum weight_source *out, struct octet_error *err)
{
    switch (tensor->dtype) {
    case DTYPE_F8_E4M3:
        if (checkpoint_role(checkpoint, tensor) != ROLE_FP8)
            return error_set(err, OCTET_INPUT, "%s: tensor %s is F8_E4M3 and has no scale",
                             checkpoint_file_name(checkpoint, tensor->file), tensor->name);
        *out = SOURCE_F8_E4M3;
        return OCTET_OK;
    case DTYPE_BF16:
        *out = SOURCE_BF16;
        return OCTET_OK;
    case DTYPE_F16:
        *out = SOURCE_F16;
        return OCTET_OK;
    case DTYPE_F32:
        *out = SOURCE_F32;
        return OCTET_OK;
    default:
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: tensor %s has dtype %s; a weight is F8_E4M3, BF16, F16 or F32",
                         checkpoint_file_name(checkpoint, tensor->file), tensor->name,
                         dtype_name(tensor->dtype));
    }
}

octet_status weight_find(const struct checkpoint *checkpoint, const char *name, int64_t rows,
                         int64_t cols, const struct tensor **out, struct octet_error *err)
{
    const struct tensor *tensor = checkpoint_find(checkpoint, name);
    if (!tensor)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor %s is missing; the architecture in config.json needs it. The "
                         "download may be incomplete, or config.json belongs to another model",
                         checkpoint_directory(checkpoint), name);
    int rank = cols ? 2 : 1;
    bool fits = tensor->rank == rank && tensor->shape[0] == (uint64_t)rows &&
                (!cols || tensor->shape[1] == (uint64_t)cols);
    if (!fits) {
        char found[160] = "[";
        size_t used = 1;
        for (int i = 0; i < tensor->rank && used < sizeof found - 32; i++)
            used += (size_t)snprintf(found + used, sizeof found - used, "%s%" PRIu64, i ? ", " : "",
                                     tensor->shape[i]);
        snprintf(found + used, sizeof found - used, "]");
        char expected[64];
        if (cols)
            snprintf(expected, sizeof expected, "[%" PRId64 ", %" PRId64 "]", rows, cols);
        else
            snprintf(expected, sizeof expected, "[%" PRId64 "]", rows);
        return error_set(err, OCTET_INPUT,
                         "%s: tensor %s has shape %s, expected %s by config.json; one of the two "
                         "belongs to another model",
                         checkpoint_file_name(checkpoint, tensor->file), name, found, expected);
    }
    *out = tensor;
    return OCTET_OK;
}

/* Part `index` of a plan: one tensor and perhaps its bias. */
static octet_status plan_part(const struct checkpoint *checkpoint, const char *module,
                              const struct piece *piece, struct weight_plan *out,
                              struct octet_error *err)
{
    char name[128];
    int index = out->spec.part_count;
    struct linear_part *part = &out->parts[index];
    snprintf(name, sizeof name, "%s.weight", module);
    RETURN_IF_ERROR(
        weight_find(checkpoint, name, piece->rows, piece->cols, &out->tensors[index], err));
    const struct tensor *tensor = out->tensors[index];
    *part = (struct linear_part){.name = tensor->name,
                                 .rows = piece->rows,
                                 .cols = piece->cols,
                                 .row_end = piece->rows,
                                 .col_end = piece->cols};
    RETURN_IF_ERROR(source_of(checkpoint, tensor, &part->source, err));
    if (part->source == SOURCE_F8_E4M3) {
        const struct weight_scale *scale = checkpoint_scale(checkpoint, tensor);
        part->scale_block_rows = (int64_t)scale->block_rows;
        part->scale_block_cols = (int64_t)scale->block_cols;
        part->scale_grid_cols = (int64_t)scale->grid_cols;
    }
    if (piece->bias) {
        snprintf(name, sizeof name, "%s.bias", module);
        RETURN_IF_ERROR(weight_find(checkpoint, name, piece->rows, 0, &out->biases[index], err));
    }
    out->spec.part_count = index + 1;
    return OCTET_OK;
}

static void plan_begin(struct weight_plan *out, enum weight_dtype resident)
{
    memset(out, 0, sizeof *out);
    out->spec.parts = out->parts;
    out->spec.name = out->name;
    out->spec.resident = resident;
}

octet_status weight_plan_layer(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, int64_t layer,
                               enum layer_linear which, struct weight_plan *out,
                               struct octet_error *err)
{
    static const char *const short_names[LAYER_LINEAR_COUNT] = {"qkv", "o", "gate_up", "down"};
    struct piece pieces[LINEAR_PARTS_MAX];
    int count = layer_pieces(config, which, pieces);
    plan_begin(out, options->weight_dtype);
    snprintf(out->name, sizeof out->name, "layer %" PRId64 " %s", layer, short_names[which]);
    for (int i = 0; i < count; i++) {
        char module[96];
        snprintf(module, sizeof module, "model.layers.%" PRId64 ".%s", layer, pieces[i].module);
        RETURN_IF_ERROR(plan_part(checkpoint, module, &pieces[i], out, err));
    }
    return OCTET_OK;
}

octet_status weight_plan_table(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, bool head,
                               struct weight_plan *out, struct octet_error *err)
{
    const struct piece piece = {NULL, config->vocab_size, config->hidden_size, false};
    plan_begin(out, options->weight_dtype);
    snprintf(out->name, sizeof out->name, "%s", head ? "head" : "embedding");
    return plan_part(checkpoint, head ? "lm_head" : "model.embed_tokens", &piece, out, err);
}

octet_status weights_check_residency(const struct checkpoint *checkpoint,
                                     const struct model_options *options, struct octet_error *err)
{
    if (options->weight_dtype != WEIGHT_FP8)
        return OCTET_OK;
    for (size_t i = 0; i < checkpoint_tensor_count(checkpoint); i++)
        if (checkpoint_role(checkpoint, checkpoint_tensor(checkpoint, i)) == ROLE_FP8)
            return OCTET_OK;
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: --weight-dtype fp8 keeps FP8 weights as they are stored, and this "
                     "checkpoint has none; octet does not quantise. Use --weight-dtype auto",
                     checkpoint_directory(checkpoint));
}
