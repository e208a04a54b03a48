/* SPDX-License-Identifier: Apache-2.0 */
/* The memory plan, and the defaults that a model brings along. */
#include "runtime/runtime_internal.h"
#include "runtime/model_folder.h"

#define GOLDEN "tests/golden/model"
#define MB ((uint64_t)1000000)

static struct checkpoint *checkpoint;

static octet_status plan_of(const struct runtime_options *options, struct runtime_plan *plan,
                            struct octet_error *err)
{
    return runtime_plan_make(checkpoint, options, plan, err);
}

static void counts_left_to_us(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime_plan plan;
    runtime_options_init(&options);
    options.memory_limit_bytes = 4000 * MB;
    assert_int_equal(plan_of(&options, &plan, NULL), OCTET_OK);
    assert_int_equal(plan.max_model_len, 2048);
    assert_int_equal(plan.config_model_len, 2048);
    assert_false(plan.model_len_reduced);
    assert_int_equal(plan.max_num_seqs, 16);
    assert_int_equal(plan.max_num_batched_tokens, 2048);
    assert_true(plan.threads >= 1);
    /* All that 16 sequences of full length can use, and no more. */
    assert_int_equal(plan.kv_tokens, 16 * 2048);
    assert_int_equal(plan.kv_tokens, plan.block_count * plan.block_size);
    assert_true(plan.kv_bytes == plan.kv_bytes_per_block * (uint64_t)plan.block_count);
    assert_true(plan.memory_limit == 4000 * MB && plan.memory_budget == 3600 * MB);
    assert_true(plan.weights > 0 && plan.activations > 0);
    assert_true(plan.weights + plan.activations + plan.kv_bytes <= plan.memory_budget);
    struct buffer text;
    buffer_init(&text, 10000);
    assert_true(runtime_plan_text(&plan, &text));
    assert_contains(buffer_text(&text), "32,768 tokens");
    assert_contains(buffer_text(&text), "16.00 such sequences");
    buffer_free(&text);
}

static void a_step_holds_what_was_asked(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime_plan plan;
    struct octet_error err;
    runtime_options_init(&options);
    options.memory_limit_bytes = 4000 * MB;
    assert_int_equal(plan_of(&options, &plan, NULL), OCTET_OK);
    assert_true(plan.chunked_prefill);
    assert_int_equal(plan.mixed_prefill_tokens, 256);
    assert_int_equal(plan.prefill_chunk, 0);
    options.mixed_prefill_tokens = -1;
    options.prefill_chunk = 100;
    options.max_num_seqs = 2100;
    assert_int_equal(plan_of(&options, &plan, NULL), OCTET_OK);
    assert_int_equal(plan.mixed_prefill_tokens, 0);
    assert_int_equal(plan.prefill_chunk, 100);
    assert_int_equal(plan.max_num_batched_tokens, 2100);
    options.max_num_seqs = 4;
    options.disable_chunked_prefill = true;
    options.max_num_batched_tokens = 1024;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_USAGE);
    assert_contains(err.message,
                    "max_num_batched_tokens (1024) is smaller than max_model_len (2048)");
    options.max_model_len = 1000;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    assert_false(plan.chunked_prefill);
    options.max_queued_tokens = -1;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_USAGE);
    assert_contains(err.message, "max_queued_tokens is -1");
}

/* The smallest limit that holds weights, scratch and `tokens` positions. */
static uint64_t limit_for(const struct runtime_options *options, int64_t tokens)
{
    struct runtime_options wide = *options;
    struct runtime_plan plan;
    wide.memory_limit_bytes = 4000 * MB;
    wide.max_model_len = (int32_t)tokens;
    assert_int_equal(plan_of(&wide, &plan, NULL), OCTET_OK);
    uint64_t blocks = (uint64_t)(tokens + plan.block_size - 1) / (uint64_t)plan.block_size;
    return plan.weights + plan.activations + blocks * plan.kv_bytes_per_block;
}

static void one_full_sequence_is_enough(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime_plan plan;
    struct octet_error err;
    runtime_options_init(&options);
    options.memory_fraction = 1;
    options.max_num_batched_tokens = 64;
    uint64_t limit = limit_for(&options, 2048);
    options.memory_limit_bytes = limit;
    options.max_model_len = 2048;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    assert_int_equal(plan.kv_tokens, 2048);
    assert_int_equal(plan.max_num_seqs, 16); /* the others wait or are preempted */
    assert_true(plan.concurrency == 1);
    options.memory_limit_bytes = limit - 1;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_MEMORY);
    assert_contains(err.message, "max_model_len 2048 does not fit");
    assert_contains(err.message, "the largest max_model_len that fits is ");
    /* The length it names does fit, and one more does not. */
    const char *number = strstr(err.message, "fits is ") + strlen("fits is ");
    int32_t largest = (int32_t)strtol(number, NULL, 10);
    assert_in_range(largest, 1000, 2047);
    options.max_model_len = largest;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    options.max_model_len = largest + 1;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_MEMORY);
    /* Left to us, that is the length we take, and say so. */
    options.max_model_len = 0;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    assert_int_equal(plan.max_model_len, largest);
    assert_true(plan.model_len_reduced);
}

static void what_never_fits_is_refused(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime_plan plan;
    struct octet_error err;
    runtime_options_init(&options);
    options.memory_limit_bytes = 1000;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_MEMORY);
    assert_contains(err.message, "the model does not fit: weights");
    options.max_model_len = 128;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_MEMORY);
}

static void the_pool_may_be_stated(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime_plan plan;
    struct octet_error err;
    runtime_options_init(&options);
    options.memory_limit_bytes = 4000 * MB;
    options.max_model_len = 256;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    options.kv_cache_memory_bytes = plan.kv_bytes_per_block * 11 + 5;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    assert_int_equal(plan.block_count, 11);
    options.kv_cache_memory_bytes = plan.kv_bytes_per_block * 7;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_MEMORY);
    assert_contains(err.message, "largest max_model_len that fits is 224");
}

static void bad_options_are_named(void **state)
{
    (void)state;
    struct runtime_options base, options;
    struct runtime_plan plan;
    struct octet_error err;
    runtime_options_init(&base);
#define REFUSED(field, value, part)                                                                \
    do {                                                                                           \
        options = base;                                                                            \
        options.field = value;                                                                     \
        assert_int_not_equal(plan_of(&options, &plan, &err), OCTET_OK);                            \
        assert_contains(err.message, part);                                                        \
    } while (0)
    REFUSED(max_num_seqs, -1, "max_num_seqs is -1");
    REFUSED(threads, -2, "threads is -2");
    REFUSED(memory_fraction, 1.5, "memory fraction is 1.5");
    REFUSED(max_num_batched_tokens, 8, "max_num_batched_tokens (8) must be greater");
    REFUSED(max_model_len, 4096, "max_position_embeddings is 2048");
    REFUSED(hf_overrides, "[1]", "expected a JSON object, found array");
    REFUSED(hf_overrides, "{", "--hf-overrides");
    REFUSED(hf_overrides, "{\"num_attention_heads\":5}", "num_attention_heads");
    options = base;
    options.hf_overrides = "{\"max_position_embeddings\":4096}";
    options.max_model_len = 4096;
    assert_int_equal(plan_of(&options, &plan, &err), OCTET_OK);
    enum activation_dtype dtype;
    enum weight_dtype weight;
    assert_int_equal(runtime_parse_dtype("float16", &dtype, &err), OCTET_USAGE);
    assert_contains(err.message, "use bfloat16");
    assert_int_equal(runtime_parse_dtype("int8", &dtype, &err), OCTET_USAGE);
    assert_int_equal(runtime_parse_weight_dtype("int4", &weight, &err), OCTET_USAGE);
    assert_contains(err.message, "expected auto, fp8, bfloat16 or float32");
    assert_int_equal(runtime_parse_weight_dtype("fp8", &weight, &err), OCTET_OK);
    assert_int_equal(weight, WEIGHT_FP8);
}

static struct json *json_of(const char *text)
{
    struct json *json = NULL;
    struct octet_error err;
    if (json_parse(text, strlen(text), 1 << 16, "test", &json, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return json;
}

static octet_status apply(const char *text, struct runtime_defaults *out, struct octet_error *err)
{
    struct json *json = json_of(text);
    memset(out, 0, sizeof *out);
    sampling_params_init(&out->sampling);
    octet_status status = defaults_apply(out, json, "generation_config.json", err);
    json_free(json);
    return status;
}

static void generation_config_gives_defaults(void **state)
{
    (void)state;
    struct runtime_defaults defaults;
    struct octet_error err;
    assert_int_equal(apply("{\"temperature\":0.6,\"top_k\":20,\"top_p\":0.95,\"min_p\":0.1,"
                           "\"repetition_penalty\":1.05,\"max_new_tokens\":77,\"num_beams\":4}",
                           &defaults, &err),
                     OCTET_OK);
    assert_true(defaults.sampling.temperature == 0.6 && defaults.sampling.top_p == 0.95);
    assert_true(defaults.sampling.min_p == 0.1 && defaults.sampling.repetition_penalty == 1.05);
    assert_int_equal(defaults.sampling.top_k, 20);
    assert_int_equal(defaults.sampling.max_tokens, 77);
    assert_string_equal(defaults.description, "temperature 0.6, top_p 0.95, min_p 0.1, "
                                              "repetition_penalty 1.05, top_k 20, "
                                              "max_new_tokens 77");
    assert_int_equal(apply("{\"temperature\":null}", &defaults, &err), OCTET_OK);
    assert_true(defaults.sampling.temperature == 1);
    assert_string_equal(defaults.description, "");
    const char *const bad[] = {"{\"temperature\":\"hot\"}", "{\"temperature\":-1}", "{\"top_p\":0}",
                               "{\"top_k\":1.5}", "{\"max_new_tokens\":0}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(apply(bad[i], &defaults, &err), OCTET_INPUT);
        assert_contains(err.message, "generation_config.json");
    }
}

static size_t eos_of(const char *generation, const char *config, struct runtime_defaults *out,
                     octet_status expected, struct octet_error *err)
{
    struct json *first = generation ? json_of(generation) : NULL, *second = json_of(config);
    assert_int_equal(defaults_find_eos(out, first, second, NULL, 1000, err), expected);
    json_free(first);
    json_free(second);
    return out->eos_id_count;
}

static void end_of_text_ids(void **state)
{
    (void)state;
    struct runtime_defaults out;
    struct octet_error err;
    assert_int_equal(
        eos_of("{\"eos_token_id\":[7,8,7]}", "{\"eos_token_id\":9}", &out, OCTET_OK, &err), 2);
    assert_int_equal(out.eos_ids[1], 8);
    assert_int_equal(eos_of(NULL, "{\"eos_token_id\":9}", &out, OCTET_OK, &err), 1);
    assert_int_equal(out.eos_ids[0], 9);
    assert_int_equal(
        eos_of("{\"eos_token_id\":null}", "{\"eos_token_id\":[1,2]}", &out, OCTET_OK, &err), 2);
    assert_int_equal(eos_of("{}", "{}", &out, OCTET_OK, &err), 0);
    eos_of("{\"eos_token_id\":1000}", "{}", &out, OCTET_INPUT, &err);
    assert_contains(err.message, "generation_config.json: eos_token_id: 1000");
    eos_of("{\"eos_token_id\":\"x\"}", "{}", &out, OCTET_INPUT, &err);
    assert_contains(err.message, "found string");
    eos_of(NULL, "{\"eos_token_id\":-1}", &out, OCTET_INPUT, &err);
}

static int open_checkpoint(void **state)
{
    (void)state;
    return checkpoint_open(GOLDEN, &checkpoint, NULL) == OCTET_OK ? 0 : -1;
}

static int close_checkpoint(void **state)
{
    (void)state;
    checkpoint_close(checkpoint);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_left_to_us),
        cmocka_unit_test(a_step_holds_what_was_asked),
        cmocka_unit_test(one_full_sequence_is_enough),
        cmocka_unit_test(what_never_fits_is_refused),
        cmocka_unit_test(the_pool_may_be_stated),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(generation_config_gives_defaults),
        cmocka_unit_test(end_of_text_ids),
    };
    return cmocka_run_group_tests(tests, open_checkpoint, close_checkpoint);
}
