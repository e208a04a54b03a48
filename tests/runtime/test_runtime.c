/* SPDX-License-Identifier: Apache-2.0 */
/* A model directory from the disk to text and back, with the tiny golden model. */
#include <math.h>

#include "base/utf8.h"

#include "runtime/runtime.h"
#include "runtime/model_folder.h"

static const char *directory;

static struct runtime *open_runtime(enum activation_dtype dtype)
{
    struct runtime_options options;
    struct runtime *runtime = NULL;
    struct octet_error err;
    runtime_options_init(&options);
    options.model_path = directory;
    options.dtype = dtype;
    options.threads = 2;
    options.max_model_len = 256;
    options.max_num_seqs = 3;
    options.max_num_batched_tokens = 32;
    if (runtime_open(&options, NULL, &runtime, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return runtime;
}

/* Everything that one generation gave. */
struct result {
    char text[4096];
    int32_t ids[300];
    size_t count, events_after_end;
    struct generation_event last;
    char message[512], stop[64];
};

static void take(struct result *result, const struct generation_event *event)
{
    result->events_after_end += result->last.finished;
    if (event->has_token)
        result->ids[result->count++] = event->token.id;
    strncat(result->text, event->text, sizeof result->text - strlen(result->text) - 1);
    assert_int_equal(strlen(event->text), event->text_size);
    result->last = *event;
    if (event->finished) {
        snprintf(result->message, sizeof result->message, "%s", event->message);
        snprintf(result->stop, sizeof result->stop, "%s",
                 event->stop_string ? event->stop_string : "");
    }
}

static bool on_event(void *context, size_t index, const struct generation_event *event)
{
    struct result *results = context;
    take(&results[index], event);
    return true;
}

static void generate(struct runtime *runtime, const struct generation_options *options,
                     size_t count, struct result *results, struct generation_summary *summaries)
{
    struct octet_error err;
    memset(results, 0, count * sizeof *results);
    if (runtime_generate(runtime, options, count, on_event, results, summaries, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < count; i++) {
        assert_true(results[i].last.finished);
        assert_int_equal(results[i].events_after_end, 0);
    }
}

static struct generation_options text_prompt(struct runtime *runtime, const char *text)
{
    struct generation_options options;
    generation_options_init(runtime, &options);
    options.prompt = text;
    options.prompt_size = strlen(text);
    options.sampling.max_tokens = 30;
    options.sampling.ignore_eos = true;
    options.sampling.has_seed = true;
    options.sampling.seed = 4;
    return options;
}

static void opens_with_what_the_directory_says(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct sampling_params params;
    size_t count = 0;
    assert_non_null(runtime_tokenizer(runtime));
    assert_true(runtime_has_chat_template(runtime));
    runtime_sampling_defaults(runtime, &params);
    assert_true(params.temperature == 0.6 && params.top_k == 20 && params.top_p == 0.95);
    const int32_t *eos = runtime_eos_ids(runtime, &count);
    assert_int_equal(count, 2);
    assert_int_equal(eos[0], 112);
    bool said = false;
    for (size_t i = 0; i < runtime_note_count(runtime); i++)
        said |= strstr(runtime_note(runtime, i), "temperature 0.6") != NULL;
    assert_true(said);
    struct octet_error err;
    assert_int_equal(runtime_load(runtime, NULL, &err), OCTET_STATE);
    runtime_close(runtime);
}

static void text_is_the_same_alone_and_in_company(void **state)
{
    (void)state;
    static const char *const texts[] = {"the cat in the hat", "over and out",
                                        "the cat in the house is an animal that is round", "x"};
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options[4];
    struct generation_summary summaries[4];
    static struct result alone[4], together[4];
    for (int i = 0; i < 4; i++) {
        options[i] = text_prompt(runtime, texts[i]);
        generate(runtime, &options[i], 1, &alone[i], &summaries[0]);
        assert_int_equal(alone[i].count, 30);
        assert_int_equal(alone[i].last.finish_reason, FINISH_LENGTH);
    }
    generate(runtime, options, 4, together, summaries);
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(together[i].ids, alone[i].ids, sizeof alone[i].ids);
        assert_string_equal(together[i].text, alone[i].text);
        assert_int_equal(summaries[i].output_tokens, 30);
        assert_true(summaries[i].ttft_s > 0 && summaries[i].total_s >= summaries[i].ttft_s);
        struct buffer whole;
        buffer_init(&whole, 10000);
        tokenizer_decode(runtime_tokenizer(runtime), alone[i].ids, 30, true, &whole);
        struct buffer clean;
        buffer_init(&clean, 10000);
        utf8_append_lossy(&clean, whole.data ? whole.data : "", whole.size);
        assert_string_equal(alone[i].text, buffer_text(&clean));
        buffer_free(&clean);
        buffer_free(&whole);
    }
    runtime_close(runtime);
}

static void a_stop_string_ends_the_text(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options = text_prompt(runtime, "the cat");
    struct generation_summary summary;
    static struct result plain, stopped;
    generate(runtime, &options, 1, &plain, NULL);
    assert_true(strlen(plain.text) > 20);
    /* Three bytes from its middle: found across whatever tokens they are. */
    char stop[4] = {0};
    memcpy(stop, plain.text + 9, 3);
    const char *const stops[] = {"never seen here", stop};
    options.stop = stops;
    options.stop_count = 2;
    size_t at = (size_t)(strstr(plain.text, stop) - plain.text);
    for (int include = 0; include < 2; include++) {
        options.include_stop = include;
        generate(runtime, &options, 1, &stopped, &summary);
        assert_int_equal(stopped.last.finish_reason, FINISH_STOP);
        assert_string_equal(stopped.stop, stop);
        assert_int_equal(strlen(stopped.text), at + (include ? 3 : 0));
        assert_memory_equal(stopped.text, plain.text, at);
        assert_int_equal(summary.output_tokens, stopped.count);
        assert_int_equal(summary.finish_reason, FINISH_STOP);
        assert_true(stopped.count < plain.count);
    }
    struct engine_stats stats;
    engine_stats(runtime_engine(runtime), &stats);
    assert_int_equal(stats.running + stats.waiting, 0);
    runtime_close(runtime);
}

static void a_stop_token_is_no_part_of_the_text(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options = text_prompt(runtime, "the cat");
    static struct result plain, stopped;
    generate(runtime, &options, 1, &plain, NULL);
    int32_t id = plain.ids[8];
    size_t first = 0;
    while (plain.ids[first] != id)
        first++;
    options.sampling.stop_token_ids = &id;
    options.sampling.stop_token_id_count = 1;
    generate(runtime, &options, 1, &stopped, NULL);
    assert_int_equal(stopped.last.finish_reason, FINISH_STOP);
    assert_int_equal(stopped.last.stop_token, id);
    assert_int_equal(stopped.count, first + 1); /* the token is reported, its text is not */
    options.sampling.max_tokens = (int32_t)first;
    options.sampling.stop_token_id_count = 0;
    generate(runtime, &options, 1, &plain, NULL);
    assert_string_equal(stopped.text, plain.text);
    runtime_close(runtime);
}

static void refused_requests_do_not_stop_the_others(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options[3];
    static struct result results[3];
    char text[600];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 3; i++)
        options[i] = text_prompt(runtime, "over");
    options[0].prompt = text;
    options[0].prompt_size = sizeof text;
    options[2].sampling.temperature = -1;
    generate(runtime, options, 3, results, NULL);
    assert_int_equal(results[0].last.error, OCTET_LIMIT);
    assert_contains(results[0].message, "maximum context length is 256 tokens");
    assert_int_equal(results[1].last.finish_reason, FINISH_LENGTH);
    assert_int_equal(results[2].last.error, OCTET_USAGE);
    assert_contains(results[2].message, "temperature");
    runtime_close(runtime);
}

static bool cancel_after_ten(void *context, size_t index, const struct generation_event *event)
{
    struct result *results = context;
    take(&results[index], event);
    return results[0].count < 10;
}

static void the_callback_may_cancel(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options[2];
    static struct result results[2];
    struct octet_error err;
    for (int i = 0; i < 2; i++)
        options[i] = text_prompt(runtime, "over");
    assert_int_equal(runtime_generate(runtime, options, 2, cancel_after_ten, results, NULL, &err),
                     OCTET_CANCELLED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(results[i].last.finish_reason, FINISH_ABORT);
        assert_true(results[i].count < 20);
    }
    runtime_close(runtime);
}

static void chats_are_rendered(void **state)
{
    (void)state;
    struct runtime *runtime = NULL;
    struct octet_error err;
    struct buffer out;
    struct json *variables = NULL;
    const char *text = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                       "\"add_generation_prompt\":true}";
    assert_int_equal(runtime_prepare_text(directory, &runtime, &err), OCTET_OK);
    assert_int_equal(json_parse(text, strlen(text), 1 << 16, "test", &variables, &err), OCTET_OK);
    buffer_init(&out, 10000);
    assert_int_equal(runtime_render_chat(runtime, variables, &out, &err), OCTET_OK);
    /* eos_token comes from the tokenizer; tools is none, not undefined. */
    assert_string_equal(buffer_text(&out), "<|start|>user\nHi<|end|>\n<|start|>assistant\n");
    buffer_free(&out);
    json_free(variables);
    assert_int_equal(runtime_load(runtime, NULL, &err), OCTET_STATE);
    struct generation *generation = NULL;
    struct generation_options options;
    generation_options_init(runtime, &options);
    assert_int_equal(runtime_submit(runtime, &options, &generation, &err), OCTET_STATE);
    runtime_close(runtime);
    assert_int_equal(runtime_prepare_text("tests/golden/model", &runtime, &err), OCTET_IO);
}

static void a_directory_without_tokenizer_takes_ids(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime *runtime = NULL;
    struct octet_error err;
    runtime_options_init(&options);
    options.model_path = "tests/golden/model";
    options.threads = 1;
    options.max_model_len = 64;
    assert_int_equal(runtime_open(&options, NULL, &runtime, &err), OCTET_OK);
    assert_null(runtime_tokenizer(runtime));
    const int32_t ids[] = {1, 2, 3};
    static struct result results[2];
    struct generation_options prompts[2];
    for (int i = 0; i < 2; i++)
        prompts[i] = text_prompt(runtime, "text");
    prompts[1].prompt = NULL;
    prompts[1].ids = ids;
    prompts[1].id_count = 3;
    generate(runtime, prompts, 2, results, NULL);
    assert_int_equal(results[0].last.error, OCTET_UNSUPPORTED);
    assert_contains(results[0].message, "token ids");
    assert_int_equal(results[1].count, 30);
    assert_string_equal(results[1].text, "");
    struct buffer out;
    buffer_init(&out, 100);
    assert_int_equal(runtime_render_chat(runtime, NULL, &out, &err), OCTET_UNSUPPORTED);
    assert_contains(err.message, "no chat template");
    runtime_close(runtime);
}

struct comparison {
    const double *expected;
    double difference, norm;
    size_t rows;
};

static bool compare_row(void *context, size_t position, const float *logits)
{
    struct comparison *comparison = context;
    assert_int_equal(position, comparison->rows++);
    for (int i = 0; i < 128; i++) {
        double expected = comparison->expected[position * 128 + (size_t)i];
        comparison->difference += pow((double)logits[i] - expected, 2);
        comparison->norm += expected * expected;
    }
    return true;
}

static void logits_are_the_golden_ones(void **state)
{
    (void)state;
    size_t size = 0;
    struct json *json = NULL;
    struct octet_error err;
    int32_t ids[64];
    struct runtime *runtime = open_runtime(ACTIVATION_F32);
    assert_int_equal(json_load("tests/golden/model/ids.json", 1 << 16, &json, &err), OCTET_OK);
    size_t count = json_count(json);
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)json_integer(json_at(json, i), -1);
    json_free(json);
    double *expected = test_read_file("tests/golden/model/logits.f64.bin", &size);
    assert_int_equal(size, count * 128 * sizeof(double));
    struct comparison comparison = {.expected = expected};
    assert_int_equal(runtime_logits(runtime, ids, count, compare_row, &comparison, &err), OCTET_OK);
    assert_int_equal(comparison.rows, count);
    double distance = sqrt(comparison.difference / comparison.norm);
    printf("relative L2 from float64: %.2e\n", distance);
    assert_true(distance < 1e-5);
    /* The same number as the prompt log-probabilities of a request that generates nothing. */
    struct generation *generation = NULL;
    struct generation_options options;
    generation_options_init(runtime, &options);
    options.ids = ids;
    options.id_count = count;
    options.sampling.max_tokens = 0;
    options.sampling.prompt_logprobs = 0;
    assert_int_equal(runtime_submit(runtime, &options, &generation, &err), OCTET_OK);
    bool worked = true;
    while (worked)
        assert_int_equal(runtime_step(runtime, &worked, &err), OCTET_OK);
    size_t scores = 0;
    const struct position_logprobs *found = generation_prompt_logprobs(generation, &scores);
    assert_int_equal(scores, count - 1);
    for (size_t i = 0; i < scores; i++) {
        double sum = 0;
        for (int j = 0; j < 128; j++)
            sum += exp(expected[i * 128 + (size_t)j]);
        double logprob = expected[i * 128 + (size_t)ids[i + 1]] - log(sum);
        assert_true(fabs((double)found[i].logprob - logprob) < 1e-4);
    }
    generation_free(generation);
    free(expected);
    runtime_close(runtime);
}

static void a_thread_may_drive(void **state)
{
    (void)state;
    struct runtime *runtime = open_runtime(ACTIVATION_BF16);
    struct generation_options options = text_prompt(runtime, "the cat");
    static struct result driven, threaded[3];
    struct octet_error err;
    generate(runtime, &options, 1, &driven, NULL);
    assert_int_equal(runtime_start(runtime, &err), OCTET_OK);
    assert_int_equal(runtime_generate(runtime, &options, 1, on_event, threaded, NULL, &err),
                     OCTET_STATE);
    struct generation *generations[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(runtime_submit(runtime, &options, &generations[i], &err), OCTET_OK);
    for (int i = 0; i < 3; i++) {
        struct generation_event event = {0};
        while (!event.finished) {
            assert_true(generation_wait(generations[i], 20000));
            if (generation_next(generations[i], &event))
                take(&threaded[i], &event);
        }
        assert_false(generation_next(generations[i], &event));
        assert_string_equal(threaded[i].text, driven.text);
        generation_free(generations[i]);
    }
    runtime_stop(runtime, true);
    runtime_close(runtime);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    struct runtime_options options;
    struct runtime *runtime = NULL;
    struct octet_error err;
    runtime_options_init(&options);
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_USAGE);
    options.model_path = directory;
    options.generation_config = "vllm";
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_OK);
    struct sampling_params params;
    runtime_sampling_defaults(runtime, &params);
    assert_true(params.temperature == 1);
    runtime_close(runtime);
    options.generation_config = "tests/golden/runtime";
    options.override_generation_config = "{\"top_k\":3}";
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_OK);
    runtime_sampling_defaults(runtime, &params);
    assert_true(params.temperature == 0.6 && params.top_k == 3);
    runtime_close(runtime);
    options.override_generation_config = "{\"top_k\":\"many\"}";
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_INPUT);
    assert_contains(err.message, "--override-generation-config");
    options.override_generation_config = NULL;
    options.generation_config = "tests/golden/absent.json";
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_IO);
    options.generation_config = NULL;
    folder_write(directory, "tokenizer_config.json", "{\"chat_template\":\"{% if %}\"}");
    assert_int_equal(runtime_prepare(&options, &runtime, &err), OCTET_INPUT);
    assert_contains(err.message, "chat template:1");
    folder_copy("tests/golden/runtime/tokenizer_config.json", directory, "tokenizer_config.json");
    assert_null(runtime);
}

/* The five questions of the real model: greedy ids as Hugging Face gave them, where shared/ is. */
static void smollm2_answers(void **state)
{
    (void)state;
    const char *path = test_shared_or_skip("smollm2_answers", "models/smollm2-135m-instruct-fp8");
    struct runtime_options options;
    struct runtime *runtime = NULL;
    struct octet_error err;
    static struct result result;
    struct json *variables = NULL;
    struct buffer prompt;
    runtime_options_init(&options);
    options.model_path = path;
    options.max_model_len = 256;
    options.max_num_seqs = 1;
    options.max_num_batched_tokens = 128;
    options.threads = 2;
    const char *text = "{\"messages\":[{\"role\":\"user\",\"content\":"
                       "\"What is the capital of France?\"}],\"add_generation_prompt\":true}";
    assert_int_equal(runtime_open(&options, NULL, &runtime, &err), OCTET_OK);
    assert_int_equal(json_parse(text, strlen(text), 1 << 16, "test", &variables, &err), OCTET_OK);
    buffer_init(&prompt, 10000);
    assert_int_equal(runtime_render_chat(runtime, variables, &prompt, &err), OCTET_OK);
    struct generation_options ask = text_prompt(runtime, buffer_text(&prompt));
    ask.add_special_tokens = false;
    ask.sampling.temperature = 0;
    ask.sampling.ignore_eos = false;
    generate(runtime, &ask, 1, &result, NULL);
    assert_string_equal(result.text, "The capital of France is Paris.");
    assert_int_equal(result.last.finish_reason, FINISH_STOP);
    buffer_free(&prompt);
    json_free(variables);
    runtime_close(runtime);
}

static int make(void **state)
{
    (void)state;
    directory = strdup(folder_make());
    return directory ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    folder_remove(directory);
    free((void *)(uintptr_t)directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_what_the_directory_says),
        cmocka_unit_test(text_is_the_same_alone_and_in_company),
        cmocka_unit_test(a_stop_string_ends_the_text),
        cmocka_unit_test(a_stop_token_is_no_part_of_the_text),
        cmocka_unit_test(refused_requests_do_not_stop_the_others),
        cmocka_unit_test(the_callback_may_cancel),
        cmocka_unit_test(chats_are_rendered),
        cmocka_unit_test(a_directory_without_tokenizer_takes_ids),
        cmocka_unit_test(logits_are_the_golden_ones),
        cmocka_unit_test(a_thread_may_drive),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(smollm2_answers),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
