/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of any content: as a model's configuration and as a quantisation, also as
 * hf_quant_config.json. What is accepted lies inside the limits that later products rely on.
 */
#include "checkpoint/model_config.h"
#include "checkpoint/quantization.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const struct model_config *config)
{
    assert(config->hidden_size >= 1 && config->intermediate_size >= 1 && config->layers >= 1);
    assert(config->heads >= 1 && config->kv_heads >= 1 && config->heads % config->kv_heads == 0);
    assert(config->head_dim >= 2 && config->head_dim % 2 == 0 && config->head_dim <= 1024);
    assert(config->vocab_size >= 1 && config->max_position_embeddings >= 1);
    int64_t weights;
    assert(!__builtin_mul_overflow(config->hidden_size, config->intermediate_size, &weights));
    assert(!__builtin_mul_overflow(weights, config->layers, &weights));
    assert(isfinite(config->rms_norm_eps) && config->rms_norm_eps > 0);
    assert(config->rope.theta >= 1 && config->rope.factor >= 1);
    assert(isfinite(config->rope.attention_factor) && config->rope.attention_factor > 0);
    if (config->rope.kind == ROPE_LLAMA3 || config->rope.kind == ROPE_YARN)
        assert(config->rope.original_max_position_embeddings >= 1);
}

static void check_quantization(const struct quantization *quantization)
{
    assert(quantization->method);
    if (quantization->allow_block)
        assert(quantization->block_rows >= 1 && quantization->block_rows <= BLOCK_EXTENT_MAX &&
               quantization->block_cols >= 1 && quantization->block_cols <= BLOCK_EXTENT_MAX);
    quantization_skips(quantization, "model.layers.0.self_attn.q_proj.weight");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + (size == 0));
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    struct json *value = NULL;
    struct octet_error err = {.status = OCTET_OK};
    if (json_parse(text, size, LIMIT, "config.json", &value, NULL) == OCTET_OK) {
        struct model_config config;
        struct quantization quantization;
        if (model_config_parse(value, NULL, "config.json", &config, &err) == OCTET_OK) {
            check_model(&config);
            assert(model_config_runs(value));
        } else {
            assert(err.message[0]);
        }
        model_config_parse(value, json_get(value, "overrides"), "config.json", &config, &err);
        if (quantization_parse(value, NULL, "config.json", "", &quantization, &err) == OCTET_OK)
            check_quantization(&quantization);
        if (quantization_parse(NULL, value, "", "hf_quant_config.json", &quantization, &err) ==
            OCTET_OK)
            check_quantization(&quantization);
    }
    json_free(value);
    free(text);
    return 0;
}
