/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/model_config.h"

#include <inttypes.h>
#include <string.h>
#include "checkpoint/remedy.h"
#include "checkpoint/rope_config.h"

/* Far above any published model, and low enough that products of three stay below 2^63. */
#define HIDDEN_MAX 262144
#define INTERMEDIATE_MAX 1048576
#define LAYERS_MAX 1024
#define HEADS_MAX 4096
#define HEAD_DIM_MAX 1024
#define VOCAB_MAX 4194304
#define POSITION_MAX ((int64_t)1 << 27)

struct known_architecture {
    const char *name, *model_type;
    enum architecture architecture;
};

static const struct known_architecture known[] = {
    {"Qwen3ForCausalLM", "qwen3", ARCH_QWEN3},
    {"Qwen2ForCausalLM", "qwen2", ARCH_QWEN2},
    {"LlamaForCausalLM", "llama", ARCH_LLAMA},
};

/* By "architectures", or where it is absent by "model_type". NULL: none that octet runs. */
static const struct known_architecture *find_architecture(const struct json *config)
{
    const struct json *names = json_get(config, "architectures");
    const char *model_type = json_string(json_get(config, "model_type"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        for (size_t j = 0; j < json_count(names); j++) {
            const char *name = json_string(json_at(names, j));
            if (name && !strcmp(name, known[i].name))
                return &known[i];
        }
        if (json_count(names) == 0 && model_type && !strcmp(model_type, known[i].model_type))
            return &known[i];
    }
    return NULL;
}

bool model_config_runs(const struct json *config)
{
    return find_architecture(config) != NULL;
}

static octet_status refuse_architecture(const struct json *config, const char *name,
                                        struct octet_error *err)
{
    const char *stated = json_string(json_at(json_get(config, "architectures"), 0));
    if (!stated)
        stated = json_string(json_get(config, "model_type"));
    if (!stated)
        return error_set(err, OCTET_INPUT,
                         "%s: neither \"architectures\" nor \"model_type\" is stated; restore the "
                         "published file",
                         name);
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: architecture '%s' is not one that octet runs (Qwen3ForCausalLM, "
                     "Qwen2ForCausalLM, LlamaForCausalLM); \"octet inspect\" and \"octet convert\" "
                     "work on it all the same",
                     name, stated);
}

static octet_status read_int(const struct json *config, const char *name, const char *key,
                             bool required, int64_t max, int64_t *out, struct octet_error *err)
{
    if (!required && !config_states(config, key))
        return OCTET_OK;
    return json_field_int(config, name, key, true, 1, max, out, err);
}

static octet_status read_bool(const struct json *config, const char *name, const char *key,
                              bool *out, struct octet_error *err)
{
    if (!config_states(config, key))
        return OCTET_OK;
    return json_field_bool(config, name, key, true, out, err);
}

static octet_status read_heads(const struct json *config, const char *name,
                               struct model_config *out, struct octet_error *err)
{
    RETURN_IF_ERROR(
        read_int(config, name, "num_attention_heads", true, HEADS_MAX, &out->heads, err));
    out->kv_heads = out->heads;
    RETURN_IF_ERROR(
        read_int(config, name, "num_key_value_heads", false, HEADS_MAX, &out->kv_heads, err));
    if (out->heads % out->kv_heads != 0)
        return error_set(err, OCTET_INPUT,
                         "%s: num_attention_heads is %" PRId64
                         ", expected a multiple of num_key_value_heads, which is %" PRId64
                         "; restore the published file",
                         name, out->heads, out->kv_heads);
    bool stated = config_states(config, "head_dim");
    if (!stated && out->architecture != ARCH_QWEN3 && out->hidden_size % out->heads != 0)
        return error_set(err, OCTET_INPUT,
                         "%s: head_dim is absent and hidden_size %" PRId64
                         " is no multiple of num_attention_heads %" PRId64
                         "; restore the published file",
                         name, out->hidden_size, out->heads);
    /* transformers' defaults: Qwen3 has 128 whatever the hidden size. */
    out->head_dim = out->architecture == ARCH_QWEN3 ? 128 : out->hidden_size / out->heads;
    RETURN_IF_ERROR(read_int(config, name, "head_dim", false, HEAD_DIM_MAX, &out->head_dim, err));
    if (out->head_dim > HEAD_DIM_MAX || out->head_dim % 2 != 0)
        return error_set(err, OCTET_INPUT,
                         "%s: head_dim is %" PRId64 ", expected an even number up to %d; restore "
                         "the published file",
                         name, out->head_dim, HEAD_DIM_MAX);
    return OCTET_OK;
}

static octet_status check_activation(const struct json *config, const char *name,
                                     struct octet_error *err)
{
    if (!config_states(config, "hidden_act"))
        return OCTET_OK;
    const char *activation = NULL;
    RETURN_IF_ERROR(json_field_string(config, name, "hidden_act", true, &activation, err));
    if (strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: hidden_act '%s' is not supported; octet runs \"silu\": use such a "
                         "model",
                         name, activation);
    return OCTET_OK;
}

/* Attention over a window is refused: the result would silently differ past its length. */
static octet_status check_window(const struct json *config, const char *name,
                                 const struct model_config *out, struct octet_error *err)
{
    const struct json *types = json_get(config, "layer_types");
    for (size_t i = 0; i < json_count(types); i++) {
        const char *type = json_string(json_at(types, i));
        if (!type || strcmp(type, "full_attention") != 0)
            return error_set(err, OCTET_UNSUPPORTED,
                             "%s: layer_types: layer %zu is '%s', which is not supported; octet "
                             "runs \"full_attention\": use such a model",
                             name, i, type ? type : "no string");
    }
    bool use = false;
    RETURN_IF_ERROR(read_bool(config, name, "use_sliding_window", &use, err));
    if (out->architecture == ARCH_LLAMA)
        use = config_states(config, "sliding_window");
    int64_t full = json_integer(json_get(config, "max_window_layers"), 0);
    if (use && config_states(config, "sliding_window") && json_count(types) == 0 &&
        full < out->layers)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: sliding-window attention (use_sliding_window, sliding_window) is not "
                         "supported; set use_sliding_window to false if prompts stay below the "
                         "window",
                         name);
    return OCTET_OK;
}

static octet_status read_biases(const struct json *config, const char *name,
                                struct model_config *out, struct octet_error *err)
{
    out->qk_norm = out->architecture == ARCH_QWEN3;
    if (out->architecture == ARCH_QWEN2) { /* fixed in the architecture */
        out->attention_bias = true;
        return OCTET_OK;
    }
    RETURN_IF_ERROR(read_bool(config, name, "attention_bias", &out->attention_bias, err));
    out->o_bias = out->attention_bias;
    if (out->architecture == ARCH_LLAMA)
        RETURN_IF_ERROR(read_bool(config, name, "mlp_bias", &out->mlp_bias, err));
    return OCTET_OK;
}

static octet_status parse_merged(const struct json *config, const char *name,
                                 struct model_config *out, struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    const struct known_architecture *architecture = find_architecture(config);
    if (!architecture)
        return refuse_architecture(config, name, err);
    out->architecture = architecture->architecture;
    out->architecture_name = architecture->name;
    RETURN_IF_ERROR(
        read_int(config, name, "hidden_size", true, HIDDEN_MAX, &out->hidden_size, err));
    RETURN_IF_ERROR(read_int(config, name, "intermediate_size", true, INTERMEDIATE_MAX,
                             &out->intermediate_size, err));
    RETURN_IF_ERROR(
        read_int(config, name, "num_hidden_layers", true, LAYERS_MAX, &out->layers, err));
    RETURN_IF_ERROR(read_int(config, name, "vocab_size", true, VOCAB_MAX, &out->vocab_size, err));
    RETURN_IF_ERROR(read_int(config, name, "max_position_embeddings", true, POSITION_MAX,
                             &out->max_position_embeddings, err));
    RETURN_IF_ERROR(read_heads(config, name, out, err));
    out->rms_norm_eps = 1e-6;
    if (config_states(config, "rms_norm_eps"))
        RETURN_IF_ERROR(json_field_number(config, name, "rms_norm_eps", true, 1e-30, 1,
                                          &out->rms_norm_eps, err));
    RETURN_IF_ERROR(read_bool(config, name, "tie_word_embeddings", &out->tie_word_embeddings, err));
    RETURN_IF_ERROR(read_biases(config, name, out, err));
    RETURN_IF_ERROR(check_activation(config, name, err));
    RETURN_IF_ERROR(check_window(config, name, out, err));
    return rope_config_parse(config, name, out->max_position_embeddings, &out->rope, err);
}

static octet_status parse_overridden(const struct json *config, const struct json *overrides,
                                     const char *name, struct model_config *out,
                                     struct octet_error *err)
{
    struct json *merged = json_copy(config);
    bool made = merged != NULL;
    for (struct json_iter it = json_iter(overrides); made && json_next(&it);)
        made = json_set(merged, it.key, json_copy(it.value));
    octet_status status =
        made ? parse_merged(merged, name, out, err) : error_memory(err, "config with overrides", 0);
    json_free(merged);
    return status;
}

octet_status model_config_parse(const struct json *config, const struct json *overrides,
                                const char *name, struct model_config *out, struct octet_error *err)
{
    octet_status status;
    if (!overrides || json_type(overrides) == JSON_TYPE_NULL)
        status = parse_merged(config, name, out, err);
    else if (json_type(overrides) == JSON_TYPE_OBJECT)
        status = parse_overridden(config, overrides, name, out, err);
    else
        return error_set(err, OCTET_USAGE, "--hf-overrides is %s, expected a JSON object",
                         json_type_name(json_type(overrides)));
    return error_add_remedy(err, status, "restore the published file");
}
