/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "checkpoint/model_config.h"

/* The object that describes the language model: config itself, or a part of a vision model's. */
static const struct json *language_part(const struct json *config)
{
    static const char *const parts[] = {"text_config", "llm_config", "language_config"};
    if (json_get(config, "hidden_size"))
        return config;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct json *part = json_get(config, parts[i]);
        if (json_get(part, "hidden_size"))
            return part;
    }
    return config;
}

static int64_t first_integer(const struct json *object, const char *const *keys)
{
    for (; *keys; keys++) {
        int64_t value = json_integer(json_get(object, *keys), -1);
        if (value >= 0)
            return value;
    }
    return -1;
}

static void read_config(struct checkpoint_summary *out)
{
    const struct json *config = checkpoint_config(out->checkpoint);
    const struct json *part = language_part(config);
    out->model_type = json_string(json_get(config, "model_type"));
    out->architecture = json_string(json_at(json_get(config, "architectures"), 0));
    if (!out->architecture)
        out->architecture = out->model_type ? out->model_type : "unknown";
    if (!out->model_type)
        out->model_type = "";
    out->layers = first_integer(part, (const char *const[]){"num_hidden_layers", "n_layer", NULL});
    out->hidden_size = first_integer(part, (const char *const[]){"hidden_size", "n_embd", NULL});
    out->intermediate_size = first_integer(part, (const char *const[]){"intermediate_size", NULL});
    out->heads = first_integer(part, (const char *const[]){"num_attention_heads", "n_head", NULL});
    out->kv_heads = first_integer(part, (const char *const[]){"num_key_value_heads", NULL});
    out->head_dim = first_integer(part, (const char *const[]){"head_dim", NULL});
    out->vocab_size = first_integer(part, (const char *const[]){"vocab_size", NULL});
    out->max_position_embeddings =
        first_integer(part, (const char *const[]){"max_position_embeddings", NULL});
    out->experts = first_integer(
        part, (const char *const[]){"num_experts", "n_routed_experts", "num_local_experts", NULL});
    const struct json *tied = json_get(config, "tie_word_embeddings");
    if (!tied)
        tied = json_get(part, "tie_word_embeddings");
    out->tied = json_type(tied) == JSON_TYPE_BOOL ? json_bool(tied, false) : -1;
    if (out->kv_heads < 0)
        out->kv_heads = out->heads;
    if (out->head_dim < 0 && out->heads > 0 && out->hidden_size > 0)
        out->head_dim = out->hidden_size / out->heads;
}

/* Where the model runs, the numbers are those that the decoder will use, defaults included. */
static void read_model(struct checkpoint_summary *out)
{
    struct model_config model;
    struct octet_error err = {.status = OCTET_OK};
    out->runs = model_config_parse(checkpoint_config(out->checkpoint), NULL, "config.json", &model,
                                   &err) == OCTET_OK;
    if (!out->runs) {
        snprintf(out->why_not, sizeof out->why_not, "%.*s", (int)sizeof out->why_not - 1,
                 err.message);
        return;
    }
    out->kv_heads = model.kv_heads;
    out->head_dim = model.head_dim;
    out->tied = model.tie_word_embeddings;
}

static void add_layout(struct checkpoint_summary *out, const struct weight_scale *scale)
{
    size_t length = strlen(scale->tensor->name);
    bool inverse = length >= 4 && !strcmp(scale->tensor->name + length - 4, "_inv");
    struct summary_layout layout = {.kind = scale->kind,
                                    .dtype = scale->tensor->dtype,
                                    .suffix = inverse ? "weight_scale_inv" : "weight_scale"};
    if (scale->kind == SCALE_BLOCK) {
        layout.block_rows = scale->block_rows;
        layout.block_cols = scale->block_cols;
    }
    size_t i = 0;
    for (; i < out->layout_count; i++) {
        const struct summary_layout *known = &out->layouts[i];
        if (known->kind == layout.kind && known->dtype == layout.dtype &&
            known->suffix == layout.suffix && known->block_rows == layout.block_rows &&
            known->block_cols == layout.block_cols)
            break;
    }
    if (i == SUMMARY_LAYOUTS_MAX)
        return;
    if (i == out->layout_count)
        out->layouts[out->layout_count++] = layout;
    out->layouts[i].tensors++;
    out->layouts[i].scales += scale->tensor->elements;
}

static void count_tensor(struct checkpoint_summary *out, const struct tensor *tensor)
{
    struct summary_dtype *row = &out->dtypes[tensor->dtype];
    row->tensors++;
    row->elements += tensor->elements;
    row->bytes += tensor->bytes;
    switch (checkpoint_role(out->checkpoint, tensor)) {
    case ROLE_FP8:
        out->weights_fp8++;
        out->parameters += tensor->elements;
        out->converted_bytes += tensor->elements * dtype_size(DTYPE_BF16);
        add_layout(out, checkpoint_scale(out->checkpoint, tensor));
        break;
    case ROLE_PLAIN:
        out->plain++;
        out->parameters += tensor->elements;
        out->converted_bytes += tensor->bytes;
        break;
    case ROLE_SCALE:
        out->scales++;
        break;
    case ROLE_DROPPED:
        out->dropped++;
        break;
    }
}

void checkpoint_summarize(const struct checkpoint *checkpoint, struct checkpoint_summary *out)
{
    memset(out, 0, sizeof *out);
    out->checkpoint = checkpoint;
    read_config(out);
    read_model(out);
    out->quantization = checkpoint_quantization(checkpoint);
    out->files = checkpoint_file_count(checkpoint);
    for (size_t i = 0; i < out->files; i++)
        out->file_bytes += checkpoint_file_size(checkpoint, (int)i);
    out->tensors = checkpoint_tensor_count(checkpoint);
    for (size_t i = 0; i < out->tensors; i++)
        count_tensor(out, checkpoint_tensor(checkpoint, i));
    if (!out->weights_fp8)
        out->becomes = "unquantised: used as stored";
    else if (out->runs)
        out->becomes = "FP8 bytes stay resident and are expanded in registers; BF16 with "
                       "--weight-dtype bfloat16 or after \"octet convert\"";
    else
        out->becomes = "octet has no decoder for it; \"octet convert\" makes a BF16 checkpoint";
}

const char *summary_layout_text(const struct summary_layout *layout, char *out)
{
    if (layout->kind == SCALE_BLOCK)
        snprintf(out, 64, "block %" PRIu64 "x%" PRIu64, layout->block_rows, layout->block_cols);
    else
        snprintf(out, 64, "%s", layout->kind == SCALE_ROW ? "per row" : "per tensor");
    return out;
}

static bool set_count(struct json *object, const char *key, uint64_t value)
{
    return json_set(object, key, json_new_integer((int64_t)value));
}

static bool set_known(struct json *object, const char *key, int64_t value)
{
    return json_set(object, key, value < 0 ? json_new_null() : json_new_integer(value));
}

static bool set_text(struct json *object, const char *key, const char *text)
{
    return json_set(object, key, json_new_string(text));
}

static struct json *dtypes_json(const struct checkpoint_summary *summary)
{
    struct json *object = json_new_object();
    for (int i = 0; i < DTYPE_COUNT && object; i++) {
        const struct summary_dtype *row = &summary->dtypes[i];
        if (!row->tensors)
            continue;
        struct json *entry = json_new_object();
        bool made = entry && set_count(entry, "tensors", row->tensors) &&
                    set_count(entry, "elements", row->elements) &&
                    set_count(entry, "bytes", row->bytes);
        if (made && json_set(object, dtype_name((enum dtype)i), entry))
            continue;
        if (!made)
            json_free(entry);
        json_free(object);
        return NULL;
    }
    return object;
}

static struct json *layout_json(const struct summary_layout *layout)
{
    char text[64];
    struct json *entry = json_new_object();
    bool made = entry && set_text(entry, "layout", summary_layout_text(layout, text)) &&
                set_text(entry, "scale", layout->suffix) &&
                set_text(entry, "dtype", dtype_name(layout->dtype)) &&
                set_count(entry, "tensors", layout->tensors) &&
                set_count(entry, "scales", layout->scales);
    if (made)
        return entry;
    json_free(entry);
    return NULL;
}

static struct json *layouts_json(const struct checkpoint_summary *summary)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < summary->layout_count && array; i++) {
        if (!json_push(array, layout_json(&summary->layouts[i]))) {
            json_free(array);
            return NULL;
        }
    }
    return array;
}

static struct json *notes_json(const struct checkpoint *checkpoint)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < checkpoint_note_count(checkpoint) && array; i++) {
        if (!json_push(array, json_new_string(checkpoint_note(checkpoint, i)))) {
            json_free(array);
            return NULL;
        }
    }
    return array;
}

static bool fill_model(struct json *object, const struct checkpoint_summary *summary)
{
    return set_text(object, "directory", checkpoint_directory(summary->checkpoint)) &&
           set_text(object, "architecture", summary->architecture) &&
           set_text(object, "model_type", summary->model_type) &&
           json_set(object, "runs", json_new_bool(summary->runs)) &&
           (summary->runs || set_text(object, "why_not", summary->why_not)) &&
           set_known(object, "layers", summary->layers) &&
           set_known(object, "hidden_size", summary->hidden_size) &&
           set_known(object, "intermediate_size", summary->intermediate_size) &&
           set_known(object, "heads", summary->heads) &&
           set_known(object, "kv_heads", summary->kv_heads) &&
           set_known(object, "head_dim", summary->head_dim) &&
           set_known(object, "vocab_size", summary->vocab_size) &&
           set_known(object, "max_position_embeddings", summary->max_position_embeddings) &&
           set_known(object, "experts", summary->experts) &&
           json_set(object, "tie_word_embeddings",
                    summary->tied < 0 ? json_new_null() : json_new_bool(summary->tied != 0));
}

static bool fill_tensors(struct json *object, const struct checkpoint_summary *summary)
{
    return set_text(object, "quantization", summary->quantization) &&
           set_text(object, "becomes", summary->becomes) &&
           set_count(object, "parameters", summary->parameters) &&
           set_count(object, "files", summary->files) &&
           set_count(object, "file_bytes", summary->file_bytes) &&
           set_count(object, "converted_bytes", summary->converted_bytes) &&
           set_count(object, "tensors", summary->tensors) &&
           set_count(object, "fp8_weights", summary->weights_fp8) &&
           set_count(object, "weight_scales", summary->scales) &&
           set_count(object, "ignored_scales", summary->dropped) &&
           set_count(object, "plain_tensors", summary->plain) &&
           json_set(object, "dtypes", dtypes_json(summary)) &&
           json_set(object, "scale_layouts", layouts_json(summary)) &&
           json_set(object, "notes", notes_json(summary->checkpoint));
}

struct json *checkpoint_summary_json(const struct checkpoint_summary *summary)
{
    struct json *object = json_new_object();
    if (object && fill_model(object, summary) && fill_tensors(object, summary))
        return object;
    json_free(object);
    return NULL;
}
