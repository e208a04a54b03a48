/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are large or hostile: refused with a sentence, in bounded memory. */
#include "api/request_case.h"

#include "support/testing.h"

static struct request_model served;

static int open_model(void **state)
{
    (void)state;
    return request_model_open(&served, "tests/golden/template/qwen3.jinja") ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    request_model_close(&served);
    return 0;
}

/* head, then piece `count` times with commas between, then tail. */
static char *repeat(const char *head, const char *piece, size_t count, const char *tail)
{
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    buffer_append_str(&text, head);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_append_char(&text, ',');
        buffer_append_str(&text, piece);
    }
    buffer_append_str(&text, tail);
    assert_false(buffer_failed(&text));
    return buffer_take(&text, NULL);
}

static void refused(char *body, const char *param, const char *code, const char *sentence)
{
    struct api_error error;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    int status = request_case_run(&served.model, body, &error, &text);
    assert_int_equal(status, 400);
    assert_contains(buffer_text(&text), sentence);
    assert_string_equal(error.param, param);
    assert_string_equal(error.code ? error.code : "", code);
    buffer_free(&text);
    free(body);
}

static void accepted(char *body)
{
    struct api_error error;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    int status = request_case_run(&served.model, body, &error, &text);
    if (status != 200)
        fail_msg("%s", buffer_text(&text));
    buffer_free(&text);
    free(body);
}

static void test_lists(void **state)
{
    (void)state;
    refused(repeat("h 'stop':[", "'a'", 100000, "]"), "stop", "invalid_value",
            "stop has 100000 strings; at most 64 are allowed");
    refused(repeat("h 'stop':[", "'a'", 65, "]"), "stop", "invalid_value", "at most 64");
    accepted(repeat("h 'stop':[", "'a'", 64, "]"));
    refused(repeat("h 'stop_token_ids':[", "1", 129, "]"), "stop_token_ids", "invalid_value",
            "at most 128");
    refused(repeat("h 'bad_words':[", "'a'", 10000, "]"), "bad_words", "invalid_value",
            "at most 512");
    refused(repeat("h 'tools':[", "{'type':'function','function':{'name':'f'}}", 129, "]"), "tools",
            "invalid_value", "tools has 129 entries; at most 128 are allowed");
    refused(repeat("C {'prompt':[", "'a'", 1025, "]}"), "prompt", "invalid_value",
            "prompt list length 1025 exceeds the maximum allowed count of 1024");
    refused(repeat("H {'messages':[", "{'role':'user','content':'a'}", 100000, "]}"), "messages",
            "context_length_exceeded", "This model's maximum context length is 512 tokens.");
    refused(repeat("C {'prompt':[", "7", 2000000, "]}"), "prompt", "context_length_exceeded",
            "your request has 2000000 input tokens.");
}

static void test_objects(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    buffer_append_str(&text, "h 'logit_bias':{");
    for (int i = 0; i < 1000000; i++)
        buffer_printf(&text, "%s'%d':1", i ? "," : "", i);
    buffer_append_str(&text, "}");
    refused(buffer_take(&text, NULL), "logit_bias", "invalid_value",
            "logit_bias has 1000000 entries; at most 1024 are allowed");
    buffer_init(&text, (size_t)1 << 28);
    buffer_append_str(&text, "h 'a':1");
    for (int i = 0; i < 1000000; i++)
        buffer_printf(&text, ",'x%d':1", i);
    accepted(buffer_take(&text, NULL));
}

static void test_depth(void **state)
{
    (void)state;
    struct buffer text;
    for (size_t depth = 63; depth <= 1000000; depth = depth == 63 ? 64 : depth * 125) {
        buffer_init(&text, (size_t)1 << 28);
        buffer_append_str(&text, "h 'user':");
        for (size_t i = 0; i < depth; i++)
            buffer_append_char(&text, '[');
        for (size_t i = 0; i < depth; i++)
            buffer_append_char(&text, ']');
        if (depth == 63)
            accepted(buffer_take(&text, NULL));
        else
            refused(buffer_take(&text, NULL), "", "invalid_value", "nested deeper than 64 levels");
    }
}

/* A text of `size` bytes that repeats `piece`, in a request. */
static char *long_text(const char *head, const char *piece, size_t size, const char *tail)
{
    struct buffer text;
    buffer_init(&text, (size_t)1 << 28);
    buffer_append_str(&text, head);
    while (text.size < size)
        buffer_append_str(&text, piece);
    buffer_append_str(&text, tail);
    return buffer_take(&text, NULL);
}

static void test_long_texts(void **state)
{
    (void)state;
    const size_t ten = (size_t)10 << 20;
    const char *sentence = "This model's maximum context length is 512 tokens. However, your "
                           "request has ";
    refused(long_text("C {'prompt':'", "Once upon a time. ", ten, "'}"), "prompt",
            "context_length_exceeded", sentence);
    refused(long_text("C {'prompt':'", "a", ten, "'}"), "prompt", "context_length_exceeded",
            sentence);
    refused(long_text("H {'messages':[{'role':'user','content':'", "   \\n", ten, "'}]}"),
            "messages", "context_length_exceeded", sentence);
    refused(long_text("h 'stop':'", "a", (size_t)1 << 20, "'"), "stop", "invalid_value",
            "at most 65536 are allowed");
    refused(long_text("h 'n':1", "0", (size_t)1 << 20, ""), "n", "invalid_value",
            "n must be at most 2147483647, got 1000000000000000000000000000000000000000....");
}

/* What is told of a request that is too long says how long it is. */
static void test_context_error(void **state)
{
    (void)state;
    struct api_error error;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 20);
    char *body = repeat("C {'prompt':[", "7", 600, "]}");
    assert_int_equal(request_case_run(&served.model, body, &error, &text), 400);
    buffer_clear(&text);
    assert_true(api_error_body(&error, &text));
    assert_string_equal(
        buffer_text(&text),
        "{\"error\": {\"message\": \"This model's maximum context length is 512 tokens. However, "
        "your request has 600 input tokens. Please reduce the length of the input messages.\", "
        "\"type\": \"invalid_request_error\", \"param\": \"prompt\", \"code\": "
        "\"context_length_exceeded\", \"n_prompt_tokens\": 600, \"n_ctx\": 512}}");
    free(body);
    buffer_free(&text);
    /* 512 tokens fit when no answer is asked for, 511 otherwise. */
    accepted(repeat("C {'echo':true,'max_tokens':0,'prompt':[", "7", 512, "]}"));
    accepted(repeat("C {'prompt':[", "7", 511, "]}"));
    refused(repeat("C {'prompt':[", "7", 512, "]}"), "prompt", "context_length_exceeded",
            "your request has 512 input tokens.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_objects),
        cmocka_unit_test(test_depth),         cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_context_error),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
