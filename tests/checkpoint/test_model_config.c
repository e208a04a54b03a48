/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as numbers: defaults of each architecture, RoPE scaling, overrides, refusals. */
#include <math.h>
#include "checkpoint/model_config.h"
#include "support/testing.h"

#define BASE                                                                                       \
    "\"hidden_size\":64,\"intermediate_size\":128,\"num_hidden_layers\":2,"                        \
    "\"num_attention_heads\":4,\"vocab_size\":100,\"max_position_embeddings\":512"

static struct json *parse(const char *text)
{
    struct json *value = NULL;
    struct octet_error err;
    if (json_parse(text, strlen(text), 1 << 20, "test", &value, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return value;
}

static octet_status read_config(const char *text, const char *overrides, struct model_config *out,
                                struct octet_error *err)
{
    struct json *config = parse(text), *changes = overrides ? parse(overrides) : NULL;
    octet_status status = model_config_parse(config, changes, "config.json", out, err);
    json_free(changes);
    json_free(config);
    return status;
}

static struct model_config good(const char *text, const char *overrides)
{
    struct model_config config;
    struct octet_error err;
    if (read_config(text, overrides, &config, &err) != OCTET_OK)
        fail_msg("%s: %s", text, err.message);
    return config;
}

static void refused(octet_status status, const char *text, const char *overrides, const char *part)
{
    struct model_config config;
    struct octet_error err;
    assert_int_equal(read_config(text, overrides, &config, &err), status);
    assert_contains(err.message, part);
}

static void defaults_of_each_architecture(void **state)
{
    (void)state;
    struct model_config qwen3 = good("{\"architectures\":[\"Qwen3ForCausalLM\"]," BASE "}", NULL);
    assert_int_equal(qwen3.architecture, ARCH_QWEN3);
    assert_int_equal(qwen3.head_dim, 128);
    assert_int_equal(qwen3.kv_heads, 4);
    assert_true(qwen3.qk_norm && !qwen3.attention_bias && !qwen3.o_bias && !qwen3.mlp_bias);
    assert_false(qwen3.tie_word_embeddings);
    assert_true(qwen3.rms_norm_eps == 1e-6 && qwen3.rope.theta == 10000);
    assert_int_equal(qwen3.rope.kind, ROPE_PLAIN);
    struct model_config qwen2 = good("{\"architectures\":[\"Qwen2ForCausalLM\"]," BASE "}", NULL);
    assert_int_equal(qwen2.head_dim, 16);
    assert_true(qwen2.attention_bias && !qwen2.o_bias && !qwen2.qk_norm);
    struct model_config llama =
        good("{\"model_type\":\"llama\",\"attention_bias\":true,\"mlp_bias\":true," BASE "}", NULL);
    assert_string_equal(llama.architecture_name, "LlamaForCausalLM");
    assert_true(llama.attention_bias && llama.o_bias && llama.mlp_bias && !llama.qk_norm);
    struct model_config nulls =
        good("{\"model_type\":\"llama\",\"head_dim\":null,\"num_key_value_heads\":null,"
             "\"rope_scaling\":null,\"sliding_window\":null," BASE "}",
             NULL);
    assert_int_equal(nulls.head_dim, 16);
    assert_int_equal(nulls.kv_heads, 4);
}

#define LLAMA(more) "{\"model_type\":\"llama\"," more "," BASE "}"

static void rope_scalings(void **state)
{
    (void)state;
    struct model_config linear =
        good(LLAMA("\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}"), NULL);
    assert_int_equal(linear.rope.kind, ROPE_LINEAR);
    assert_true(linear.rope.factor == 4);
    struct model_config llama3 =
        good(LLAMA("\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
                   "\"low_freq_factor\":1,\"high_freq_factor\":4,"
                   "\"original_max_position_embeddings\":256}"),
             NULL);
    assert_int_equal(llama3.rope.kind, ROPE_LLAMA3);
    assert_true(llama3.rope.theta == 500000 && llama3.rope.high_freq_factor == 4);
    assert_int_equal(llama3.rope.original_max_position_embeddings, 256);
    struct model_config yarn =
        good(LLAMA("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}"), NULL);
    assert_int_equal(yarn.rope.kind, ROPE_YARN);
    assert_true(fabs(yarn.rope.attention_factor - (0.1 * log(4) + 1)) < 1e-15);
    assert_true(yarn.rope.beta_fast == 32 && yarn.rope.beta_slow == 1 && yarn.rope.truncate);
    assert_int_equal(yarn.rope.original_max_position_embeddings, 512);
    struct model_config mscale =
        good(LLAMA("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":40,\"mscale\":1.0,"
                   "\"mscale_all_dim\":0.5,\"truncate\":false,\"beta_fast\":16}"),
             NULL);
    assert_true(fabs(mscale.rope.attention_factor - (0.1 * log(40) + 1) / (0.05 * log(40) + 1)) <
                1e-15);
    assert_true(!mscale.rope.truncate && mscale.rope.beta_fast == 16);
    struct model_config stated = good(
        LLAMA("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"attention_factor\":1.5}"),
        NULL);
    assert_true(stated.rope.attention_factor == 1.5);
    struct model_config v5 =
        good(LLAMA("\"rope_parameters\":{\"rope_theta\":1e6,\"rope_type\":\"default\"}"), NULL);
    assert_int_equal(v5.rope.kind, ROPE_PLAIN);
    assert_true(v5.rope.theta == 1e6);
}

static void overrides_replace_keys(void **state)
{
    (void)state;
    const char *plain = LLAMA("\"rope_theta\":10000");
    struct model_config config =
        good(plain, "{\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2},"
                    "\"max_position_embeddings\":1024}");
    assert_int_equal(config.rope.kind, ROPE_LINEAR);
    assert_int_equal(config.max_position_embeddings, 1024);
    refused(OCTET_USAGE, plain, "[1]", "--hf-overrides");
    refused(OCTET_INPUT, plain, "{\"hidden_size\":\"wide\"}", "hidden_size");
}

static void refusals(void **state)
{
    (void)state;
    refused(OCTET_INPUT, "{}", NULL, "architectures");
    refused(OCTET_UNSUPPORTED, "{\"architectures\":[\"GPT2LMHeadModel\"]}", NULL,
            "GPT2LMHeadModel");
    refused(OCTET_INPUT, LLAMA("\"head_dim\":15"), NULL, "even");
    refused(OCTET_INPUT, LLAMA("\"head_dim\":4096"), NULL, "head_dim");
    refused(OCTET_INPUT, LLAMA("\"num_key_value_heads\":3"), NULL, "multiple");
    refused(OCTET_INPUT, LLAMA("\"num_key_value_heads\":0"), NULL, "num_key_value_heads");
    refused(OCTET_INPUT, LLAMA("\"rms_norm_eps\":0"), NULL, "rms_norm_eps");
    refused(OCTET_INPUT, LLAMA("\"rope_theta\":0"), NULL, "rope_theta");
    refused(OCTET_INPUT, LLAMA("\"tie_word_embeddings\":1"), NULL, "tie_word_embeddings");
    refused(OCTET_INPUT, LLAMA("\"rope_scaling\":7"), NULL, "rope_scaling");
    refused(OCTET_INPUT,
            LLAMA("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
                  "\"high_freq_factor\":4,\"original_max_position_embeddings\":256}"),
            NULL, "high_freq_factor");
    refused(OCTET_UNSUPPORTED, LLAMA("\"rope_scaling\":{\"type\":\"longrope\"}"), NULL, "longrope");
    refused(OCTET_UNSUPPORTED, LLAMA("\"partial_rotary_factor\":0.5"), NULL, "partial_rotary");
    refused(OCTET_UNSUPPORTED, LLAMA("\"hidden_act\":\"relu\""), NULL, "relu");
    refused(OCTET_UNSUPPORTED,
            "{\"model_type\":\"qwen2\",\"use_sliding_window\":true,\"sliding_window\":128," BASE
            "}",
            NULL, "sliding");
    struct model_config unused = good(
        "{\"model_type\":\"qwen2\",\"use_sliding_window\":false,\"sliding_window\":128," BASE "}",
        NULL);
    assert_int_equal(unused.layers, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_each_architecture),
        cmocka_unit_test(rope_scalings),
        cmocka_unit_test(overrides_replace_keys),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("model_config", tests, NULL, NULL);
}
