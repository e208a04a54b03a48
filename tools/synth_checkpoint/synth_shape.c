/* SPDX-License-Identifier: Apache-2.0 */
#include "synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool synth_preset(const char *name, struct synth_shape *out)
{
    static const struct {
        const char *name;
        struct synth_shape shape;
    } presets[] = {
        {"qwen3-0.6b",
         {.layers = 28,
          .hidden = 1024,
          .intermediate = 3072,
          .heads = 16,
          .kv_heads = 8,
          .head_dim = 128,
          .vocab = 151936,
          .max_positions = 40960,
          .rope_theta = 1e6}},
        {"qwen3-4b",
         {.layers = 36,
          .hidden = 2560,
          .intermediate = 9728,
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 128,
          .vocab = 151936,
          .max_positions = 40960,
          .rope_theta = 1e6}},
        {"tiny",
         {.layers = 2,
          .hidden = 256,
          .intermediate = 512,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 64,
          .vocab = 1024,
          .max_positions = 2048,
          .rope_theta = 1e6}},
    };
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *out = presets[i].shape;
            return true;
        }
    }
    return false;
}

octet_status synth_check(const struct synth_shape *s, struct octet_error *err)
{
    const struct {
        const char *name;
        int64_t value, most;
    } numbers[] = {
        {"--layers", s->layers, 1000},
        {"--hidden", s->hidden, 65536},
        {"--intermediate", s->intermediate, 262144},
        {"--heads", s->heads, 1024},
        {"--kv-heads", s->kv_heads, 1024},
        {"--head-dim", s->head_dim, 512},
        {"--vocab", s->vocab, 1 << 20},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].value < 1 || numbers[i].value > numbers[i].most)
            return error_set(err, OCTET_USAGE, "%s: expected 1 to %lld, found %lld",
                             numbers[i].name, (long long)numbers[i].most,
                             (long long)numbers[i].value);
    if (s->heads % s->kv_heads)
        return error_set(err, OCTET_USAGE, "--heads %lld is no multiple of --kv-heads %lld",
                         (long long)s->heads, (long long)s->kv_heads);
    if (s->head_dim % 2)
        return error_set(err, OCTET_USAGE, "--head-dim: expected an even number, found %lld",
                         (long long)s->head_dim);
    return OCTET_OK;
}

octet_status synth_write_config(const struct synth_shape *s, const char *directory,
                                struct octet_error *err)
{
    char text[2048];
    int size = snprintf(
        text, sizeof text,
        "{\n  \"architectures\": [\"Qwen3ForCausalLM\"],\n  \"model_type\": \"qwen3\",\n"
        "  \"torch_dtype\": \"bfloat16\",\n  \"attention_bias\": false,\n"
        "  \"hidden_act\": \"silu\",\n  \"num_hidden_layers\": %lld,\n  \"hidden_size\": %lld,\n"
        "  \"intermediate_size\": %lld,\n  \"num_attention_heads\": %lld,\n"
        "  \"num_key_value_heads\": %lld,\n  \"head_dim\": %lld,\n  \"vocab_size\": %lld,\n"
        "  \"max_position_embeddings\": %lld,\n  \"rms_norm_eps\": 1e-06,\n"
        "  \"rope_theta\": %.1f,\n  \"rope_scaling\": null,\n  \"use_sliding_window\": false,\n"
        "  \"tie_word_embeddings\": %s,\n  \"quantization_config\": {\n"
        "    \"quant_method\": \"fp8\",\n    \"fmt\": \"e4m3\",\n"
        "    \"activation_scheme\": \"dynamic\",\n    \"weight_block_size\": [128, 128]\n  }\n}\n",
        (long long)s->layers, (long long)s->hidden, (long long)s->intermediate, (long long)s->heads,
        (long long)s->kv_heads, (long long)s->head_dim, (long long)s->vocab,
        (long long)s->max_positions, s->rope_theta, s->untied ? "false" : "true");
    if (size < 0 || (size_t)size >= sizeof text)
        return error_set(err, OCTET_STATE, "config.json does not fit its buffer");
    char *path = path_join(directory, "config.json");
    if (!path)
        return error_memory(err, "a path", strlen(directory));
    octet_status status = file_write_all(path, text, (size_t)size, err);
    free(path);
    return status;
}
