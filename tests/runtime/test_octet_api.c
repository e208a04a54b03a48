/* SPDX-License-Identifier: Apache-2.0 */
/* The public API used as a program outside would: octet.h alone. */
#include <octet/octet.h>

#include "runtime/model_folder.h"

static const char *directory;
static struct octet_model *model;

static struct octet_request *submit(const char *text, int32_t max_tokens)
{
    struct octet_prompt prompt;
    struct octet_request *request = NULL;
    struct octet_error err;
    octet_prompt_init(model, &prompt);
    prompt.text = text;
    prompt.text_size = strlen(text);
    prompt.sampling.max_tokens = max_tokens;
    prompt.sampling.temperature = 0;
    prompt.sampling.ignore_eos = true;
    prompt.sampling.logprobs = 2;
    if (octet_submit(model, &prompt, &request, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return request;
}

static void a_request_from_text_to_text(void **state)
{
    (void)state;
    struct octet_request *request = submit("the cat", 12);
    struct octet_event event;
    struct octet_usage usage;
    char text[1000] = "";
    int tokens = 0;
    bool finished = false;
    while (octet_next(request, OCTET_FOREVER, &event)) {
        assert_false(finished);
        strncat(text, event.text, sizeof text - strlen(text) - 1);
        tokens += event.token >= 0;
        assert_int_equal(event.top_count, 2);
        assert_int_equal(event.rank, 1);
        assert_true(event.top[0].token == event.token && event.top[0].logprob == event.logprob);
        finished = event.finish != OCTET_FINISH_NONE;
        assert_true(!finished || event.finish == OCTET_FINISH_LENGTH);
    }
    assert_true(finished);
    assert_int_equal(tokens, 12);
    assert_true(strlen(text) > 0);
    octet_get_usage(request, &usage);
    assert_int_equal(usage.output_tokens, 12);
    assert_int_equal(usage.prompt_tokens, 5); /* the, space, c, a, t */
    assert_true(usage.ttft_s > 0 && usage.total_s >= usage.ttft_s);
    assert_false(octet_next(request, 0, &event));
    octet_request_free(&request);
    assert_null(request);
    octet_request_free(&request);
}

static void a_request_may_be_cancelled_or_left(void **state)
{
    (void)state;
    struct octet_request *request = submit("the", -1), *left = submit("cat", -1);
    struct octet_event event = {0};
    assert_true(octet_next(request, OCTET_FOREVER, &event));
    octet_cancel(request);
    while (octet_next(request, OCTET_FOREVER, &event)) {
    }
    assert_int_equal(event.finish, OCTET_FINISH_ABORT);
    octet_request_free(&request);
    octet_request_free(&left);
}

static void text_and_ids(void **state)
{
    (void)state;
    int32_t *ids = NULL;
    size_t count = 0, size = 0;
    char *text = NULL;
    struct octet_error err;
    assert_int_equal(octet_tokenize(model, "the cat<|end|>", 14, true, &ids, &count, &err),
                     OCTET_OK);
    assert_int_equal(count, 6);
    assert_int_equal(ids[5], 112);
    assert_int_equal(octet_detokenize(model, ids, count, true, &text, &size, &err), OCTET_OK);
    assert_string_equal(text, "the cat<|end|>");
    assert_int_equal(size, 14);
    octet_free(text);
    assert_int_equal(octet_detokenize(model, ids, 0, true, &text, &size, &err), OCTET_OK);
    assert_string_equal(text, "");
    octet_free(text);
    octet_free(ids);
    const char *chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    assert_int_equal(octet_render(model, chat, strlen(chat), &text, &size, &err), OCTET_OK);
    assert_string_equal(text, "<|start|>user\nHi<|end|>\n");
    octet_free(text);
    assert_int_equal(octet_render(model, "{", 1, &text, &size, &err), OCTET_INPUT);
    assert_contains(err.message, "chat variables");
}

static void the_model_tells_about_itself(void **state)
{
    (void)state;
    struct octet_model_info info;
    octet_get_info(model, &info);
    assert_string_equal(info.architecture, "Qwen3ForCausalLM");
    assert_contains(info.quantization, "fp8");
    assert_int_equal(info.vocab_size, 128);
    assert_int_equal(info.max_model_len, 128);
    assert_int_equal(info.threads, 1);
    assert_true(info.has_tokenizer && info.has_chat_template && info.weight_bytes > 0);
    assert_non_null(octet_note(model, 0));
    assert_null(octet_note(model, 1000));
    assert_non_null(octet_version());
}

static void mistakes_are_named(void **state)
{
    (void)state;
    struct octet_options options;
    struct octet_model *other = NULL;
    struct octet_prompt prompt;
    struct octet_request *request = NULL;
    struct octet_error err;
    octet_options_init(&options);
    assert_int_equal(octet_open(&other, &options, &err), OCTET_USAGE);
    assert_contains(err.message, "model_path");
    options.model_path = "tests/golden/absent";
    assert_int_not_equal(octet_open(&other, &options, &err), OCTET_OK);
    assert_contains(err.message, "tests/golden/absent");
    options.dtype = "float16";
    assert_int_equal(octet_open(&other, &options, &err), OCTET_USAGE);
    options.dtype = NULL;
    options.reserved[3] = 1;
    assert_int_equal(octet_open(&other, &options, &err), OCTET_USAGE);
    assert_contains(err.message, "reserved");
    assert_null(other);
    octet_close(&other);
    octet_close(NULL);
    octet_prompt_init(model, &prompt);
    assert_int_equal(octet_submit(model, &prompt, &request, &err), OCTET_USAGE);
    assert_contains(err.message, "prompt is empty");
    prompt.sampling.reserved[0] = 1;
    assert_int_equal(octet_submit(model, &prompt, &request, &err), OCTET_USAGE);
    assert_null(request);
}

static void text_only(void **state)
{
    (void)state;
    struct octet_options options;
    struct octet_model *text = NULL;
    struct octet_model_info info;
    struct octet_prompt prompt;
    struct octet_request *request = NULL;
    struct octet_error err;
    octet_options_init(&options);
    options.model_path = "tests/golden/runtime";
    options.text_only = true;
    assert_int_equal(octet_open(&text, &options, &err), OCTET_OK);
    octet_get_info(text, &info);
    assert_true(info.has_tokenizer && info.vocab_size == 0);
    octet_prompt_init(text, &prompt);
    prompt.text = "the";
    prompt.text_size = 3;
    assert_int_equal(octet_submit(text, &prompt, &request, &err), OCTET_STATE);
    octet_close(&text);
    assert_null(text);
}

static void remove_all(const char *path)
{
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(directory_list(path, &names, &count, NULL), OCTET_OK);
    for (size_t i = 0; i < count; i++)
        folder_remove_file(path, names[i]);
    free(names);
    rmdir(path);
}

static void converts_and_runs_the_result(void **state)
{
    (void)state;
    struct octet_convert_options options;
    struct octet_convert_result result;
    struct octet_error err;
    char output[4200];
    snprintf(output, sizeof output, "%s-bf16", directory);
    octet_convert_options_init(&options);
    assert_int_equal(octet_convert(&options, &result, &err), OCTET_USAGE);
    options.source = directory;
    options.output = output;
    if (octet_convert(&options, &result, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    assert_true(result.fp8_tensors == 14 && result.verified_elements > 100000);
    assert_true(result.output_bytes > result.source_bytes);
    struct octet_options open;
    struct octet_model *converted = NULL;
    struct octet_model_info info;
    octet_options_init(&open);
    open.model_path = output;
    open.max_model_len = 64;
    open.threads = 1;
    if (octet_open(&converted, &open, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    octet_get_info(converted, &info);
    assert_true(info.has_tokenizer);
    octet_close(&converted);
    remove_all(output);
}

static int make(void **state)
{
    (void)state;
    struct octet_options options;
    struct octet_error err;
    directory = strdup(folder_make());
    octet_options_init(&options);
    options.model_path = directory;
    options.threads = 1;
    options.max_model_len = 128;
    options.max_num_seqs = 2;
    if (octet_open(&model, &options, &err) == OCTET_OK)
        return 0;
    printf("%s\n", err.message);
    return -1;
}

static int unmake(void **state)
{
    (void)state;
    octet_close(&model);
    folder_remove(directory);
    free((void *)(uintptr_t)directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_from_text_to_text),
        cmocka_unit_test(a_request_may_be_cancelled_or_left),
        cmocka_unit_test(text_and_ids),
        cmocka_unit_test(the_model_tells_about_itself),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(text_only),
        cmocka_unit_test(converts_and_runs_the_result),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
