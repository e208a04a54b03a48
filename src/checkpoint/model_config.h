/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the architectures that octet runs, as numbers that are checked. Everything is
 * bounded so that later products cannot overflow.
 */
#ifndef CHECKPOINT_MODEL_CONFIG_H
#define CHECKPOINT_MODEL_CONFIG_H

#include "base/json.h"

enum architecture { ARCH_QWEN3, ARCH_QWEN2, ARCH_LLAMA };

enum rope_scaling_kind { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN };

struct rope_config {
    enum rope_scaling_kind kind;
    double theta;
    double factor;                            /* all but PLAIN */
    double low_freq_factor, high_freq_factor; /* LLAMA3 */
    double beta_fast, beta_slow;              /* YARN: 32 and 1 unless stated */
    double attention_factor; /* YARN: resolved (0.1 ln(factor) + 1, or mscale rules) */
    int64_t original_max_position_embeddings; /* LLAMA3, YARN */
    bool truncate; /* YARN: round the correction range (true unless stated) */
};

struct model_config {
    enum architecture architecture;
    const char *architecture_name; /* static text: "Qwen3ForCausalLM" */
    int64_t hidden_size, intermediate_size, layers;
    int64_t heads, kv_heads, head_dim;
    int64_t vocab_size;
    int64_t max_position_embeddings;
    double rms_norm_eps;
    struct rope_config rope;
    bool tie_word_embeddings;
    bool attention_bias; /* q, k, v (Qwen2 always; Llama, Qwen3 when stated; then o as well) */
    bool o_bias;
    bool mlp_bias;
    bool qk_norm; /* Qwen3 */
};

/*
 * Read config.json (name: for messages). `overrides` (--hf-overrides, a JSON object, may be NULL)
 * replaces top-level keys first.
 * Errors: OCTET_UNSUPPORTED naming an architecture, an activation or a sliding window that octet
 * does not run; OCTET_INPUT naming the field, found and expected.
 */
octet_status model_config_parse(const struct json *config, const struct json *overrides,
                                const char *name, struct model_config *out,
                                struct octet_error *err);

/* Would model_config_parse know this architecture? (inspect and convert work without.) */
bool model_config_runs(const struct json *config);

#endif
