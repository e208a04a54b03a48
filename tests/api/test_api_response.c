/* SPDX-License-Identifier: Apache-2.0 */
/* What clients read of answers, byte for byte. */
#include "api/response_fixture.h"

#include <math.h>

#include "api/api_response_parts.h"
#include "support/alloc_fail.h"

/* ---- Whole bodies ---- */

static void test_chat_body(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    struct script script = script_text(fixture, "Hi \"you\"\n", -1, true);
    assert_answer(
        request, &script,
        HEAD("chat.completion",
             "chatcmpl-x") "\"choices\":[{\"index\":0,\"message\":{"
                           "\"role\":\"assistant\",\"content\":\"Hi "
                           "\\\"you\\\"\\n\",\"refusal\":null},"
                           "\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}],"
                           "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":11,\"completion_"
                           "tokens\":7,"
                           "\"prompt_tokens_details\":{\"cached_tokens\":1}}}");
    script_free(&script);
}

static void test_chat_body_with_thought_and_call(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->rules.reasoning = REASONING_QWEN3;
    request->rules.tools = TOOLS_HERMES;
    struct script script =
        script_text(fixture,
                    "<think>hm</think>\n\n<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": "
                    "\"b\"}}</tool_call>",
                    -1, true);
    char *text = answer_of(request, &script);
    assert_contains(text, "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
                          "\"reasoning\":\"hm\",\"reasoning_content\":\"hm\",\"tool_calls\":[{"
                          "\"id\":\"chatcmpl-tool-");
    assert_contains(text, "\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                          "\"arguments\":\"{\\\"a\\\": \\\"b\\\"}\"}}]},\"logprobs\":null,"
                          "\"finish_reason\":\"tool_calls\",\"stop_reason\":null}]");
    /* "h", "m", and what this tokenizer makes of "</think>" but for its last token. */
    assert_contains(text, "\"completion_tokens_details\":{\"reasoning_tokens\":6}}}");
    free(text);
    script_free(&script);
}

static void test_completion_body_with_echo(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    request->echo = request->logprobs = request->return_token_ids = true;
    struct script script = script_text(fixture, " then", -1, false);
    struct token_logprob other = {.id = 5, .logprob = -0.5f},
                         best = {.id = script.events[0].id, .logprob = -0.0001f};
    script.events[0].has_logprobs = true;
    script.events[0].logprobs =
        (struct position_logprobs){.logprob = -0.0001f, .rank = 1, .top_count = 1, .top = &best};
    struct position_logprobs prompt[] = {
        {-1.5f, 2, 1, &other}, {-INFINITY, 9, 1, &other}, {-0.1f, 1, 0, NULL}};
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    feed_all(response, &script, 1, 1, fixture_rng(), prompt, 3, &out);
    assert_true(api_response_body(response, &out));
    assert_string_equal(
        buffer_text(&out),
        HEAD("text_completion",
             "cmpl-x") "\"choices\":[{\"index\":0,\"text\":\"Hello world then\","
                       "\"logprobs\":{\"text_offset\":[0,2,4,5,11],"
                       "\"token_logprobs\":[null,-1.5,-9999.0,-0.1,-0.0001],"
                       "\"tokens\":[\"He\",\"ll\",\"o\",\" world\",\" then\"],"
                       "\"top_logprobs\":[null,{\"ll\":-1.5,\"&\":-0.5},{\"o\":-9999.0,\"&\":-0.5},"
                       "{\" world\":-0.1},{\" then\":-0.0001}]},\"finish_reason\":\"length\","
                       "\"stop_reason\":null,\"prompt_token_ids\":[616,284,78,1625],\"token_ids\":["
                       "573]}],"
                       "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":5,\"completion_tokens\":1,"
                       "\"prompt_tokens_details\":{\"cached_tokens\":1}}}");
    api_response_free(response);
    buffer_free(&out);
    script_free(&script);
}

static void test_chat_logprobs(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->logprobs = true;
    /* The first of the two bytes of a character, which alone is no text. */
    struct token_logprob top[] = {{.id = 127, .logprob = -0.25f}, {.id = 39, .logprob = -2.0f}};
    struct script script = script_text(fixture, "H", 0, false);
    script.events[0].logprobs =
        (struct position_logprobs){.logprob = -2.0f, .rank = 2, .top_count = 2, .top = top};
    size_t size;
    const char *bytes = tokenizer_token_bytes(fixture->tokenizer, 127, &size);
    assert_true(size == 1 && (bytes[0] & 0x80));
    char expected[512];
    snprintf(expected, sizeof expected,
             "\"logprobs\":{\"content\":[{\"token\":\"H\",\"logprob\":-2.0,\"bytes\":[72],"
             "\"top_logprobs\":[{\"token\":\"\xef\xbf\xbd\",\"logprob\":-0.25,\"bytes\":[%u]},"
             "{\"token\":\"H\",\"logprob\":-2.0,\"bytes\":[72]}]}],\"refusal\":null}",
             (unsigned)(unsigned char)bytes[0]);
    char *text = answer_of(request, &script);
    assert_contains(text, expected);
    free(text);
    request->tokens_as_token_ids = true;
    text = answer_of(request, &script);
    assert_contains(text, "{\"token\":\"token_id:127\",\"logprob\":-0.25");
    free(text);
    script_free(&script);
}

static void test_prompt_logprobs(void **state)
{
    struct fixture *fixture = *state;
    struct token_logprob best = {.id = 5, .logprob = -0.5f};
    struct position_logprobs prompt[] = {
        {-1.5f, 7, 1, &best}, {-0.5f, 1, 0, NULL}, {-0.5f, 1, 0, NULL}};
    static const char expected[] =
        "\"prompt_logprobs\":[null,{\"284\":{\"logprob\":-1.5,\"rank\":7,\"decoded_token\":\"ll\"},"
        "\"5\":{\"logprob\":-0.5,\"rank\":1,\"decoded_token\":\"&\"}},"
        "{\"78\":{\"logprob\":-0.5,\"rank\":1,\"decoded_token\":\"o\"}},"
        "{\"1625\":{\"logprob\":-0.5,\"rank\":1,\"decoded_token\":\" world\"}}]";
    for (int kind = 0; kind < 2; kind++) {
        struct api_request *request = fixture_request(fixture, (enum api_kind)kind);
        request->prompt_logprobs = true;
        request->return_token_ids = true;
        struct script script = script_text(fixture, "H", -1, false);
        struct buffer out;
        buffer_init(&out, TEXT_LIMIT);
        struct api_response *response = response_open(request);
        feed_all(response, &script, 1, 1, fixture_rng(), prompt, 3, &out);
        assert_true(api_response_body(response, &out));
        assert_contains(buffer_text(&out), expected);
        assert_contains(buffer_text(&out), "\"prompt_token_ids\":[616,284,78,1625]");
        api_response_free(response);
        buffer_free(&out);
        script_free(&script);
    }
}

/* ---- Streams ---- */

static void test_chat_stream(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->stream = request->include_usage = true;
    struct script script = script_text(fixture, " then\xe4\xbd\xa0", -1, true);
    assert_int_equal(script.count, 5);
    assert_answer(
        request, &script,
        CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}" TAIL CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" then\"}" TAIL CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}" TAIL CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}" TAIL CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xe4\xbd\xa0\"}" TAIL CHUNK
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"logprobs\":null,"
        "\"finish_reason\":\"stop\",\"stop_reason\":null}]}\n\n" CHUNK
        "\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"total_tokens\":9,"
        "\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":1}}}\n\n" DONE);
    script_free(&script);
}

static void test_completion_stream(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    request->stream = true;
    fixture->model.fingerprint = "octet-1";
    struct script script = script_text(fixture, " then on", -1, false);
    assert_int_equal(script.count, 2);
#define FINGERPRINT "\"system_fingerprint\":\"octet-1\","
    assert_answer(request, &script,
                  TEXT_CHUNK FINGERPRINT
                  "\"choices\":[{\"index\":0,\"text\":\" then\"" TAIL TEXT_CHUNK FINGERPRINT
                  "\"choices\":[{\"index\":0,\"text\":\" on\",\"logprobs\":null,"
                  "\"finish_reason\":\"length\",\"stop_reason\":null}]}\n\n" DONE);
    fixture->model.fingerprint = NULL;
    script_free(&script);
}

static void test_tool_call_stream(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->stream = true;
    request->rules.tools = TOOLS_HERMES;
    struct script script = script_text(
        fixture, "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", -1, true);
    char *text = answer_of(request, &script);
    const char *first =
        strstr(text, "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"chatcmpl-tool-");
    assert_non_null(first);
    /* One entry in an event: vLLM's own clients and many others read the first one only. */
    assert_contains(first, "\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                           "\"arguments\":\"\"}}]}");
    assert_contains(first, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{");
    assert_null(strstr(text, "}},{\"index\":0"));
    assert_contains(first, "\"finish_reason\":\"tool_calls\"");
    assert_null(strstr(text, "\"content\":\"<"));
    free(text);
    script_free(&script);
}

static void test_continuous_usage(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->stream = request->include_usage = request->continuous_usage = true;
    request->rules.reasoning = REASONING_QWEN3;
    struct script script = script_text(fixture, " then on", -1, false);
    char *text = answer_of(request, &script);
    for (int tokens = 0; tokens <= 2; tokens++) {
        char expected[256];
        snprintf(expected, sizeof expected,
                 "null}],\"usage\":{\"prompt_tokens\":4,\"total_tokens\":%d,\"completion_tokens\":"
                 "%d,\"prompt_tokens_details\":{\"cached_tokens\":1},"
                 "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n",
                 4 + tokens, tokens);
        assert_contains(text, expected);
    }
    free(text);
    /* Without include_usage it is not given, unless the server gives usage to everybody. */
    request->include_usage = false;
    text = answer_of(request, &script);
    assert_null(strstr(text, "usage"));
    free(text);
    fixture->model.force_include_usage = true;
    text = answer_of(request, &script);
    assert_contains(text, "\"choices\":[],\"usage\":");
    free(text);
    fixture->model.force_include_usage = false;
    script_free(&script);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + strlen(part), part))
        count++;
    return count;
}

static void test_stream_interval(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->stream = request->return_token_ids = true;
    request->stream_interval = 3;
    struct script script = script_text(fixture, "0 1 2 3 4 5 6", -1, false);
    char *text = answer_of(request, &script);
    /* The first token at once, then three at a time, then the rest. */
    size_t expected = 1 + (script.count - 1 + 2) / 3;
    assert_int_equal(count_of(text, "\"token_ids\":["), expected);
    free(text);
    script_free(&script);
}

/* ---- Numbers ---- */

static void test_logprob_format(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *text;
    } rows[] = {{0.0f, "0.0"},          {-0.1f, "-0.1"},
                {-1.0f, "-1.0"},        {-INFINITY, "-9999.0"},
                {-10000.0f, "-9999.0"}, {NAN, "-9999.0"},
                {-1e-7f, "-1e-07"},     {-0.33333334f, "-0.33333334"}};
    char text[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        logprob_format(rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
    struct rng numbers = {.seed = test_seed()};
    for (int i = 0; i < 20000; i++) {
        float value = -(float)(rng_uniform(numbers.seed, 0, numbers.index++) * 30);
        if (i % 2)
            value *= 1e-6f;
        logprob_format(value, text);
        assert_true(strtof(text, NULL) == value);
        assert_non_null(strpbrk(text, ".e"));
        char shorter[32]; /* No text of fewer digits does. */
        snprintf(shorter, sizeof shorter, "%.5g", (double)value);
        if (strtof(shorter, NULL) != value) {
            size_t digits = 0;
            for (const char *at = text; *at && *at != 'e'; at++)
                digits += *at >= '1' && *at <= '9';
            assert_true(digits <= 9);
        } else {
            assert_true(strlen(text) <= strlen(shorter) + 2);
        }
    }
}

/* ---- Memory ---- */

static void test_no_memory(void **state)
{
    struct fixture *fixture = *state;
    for (int kind = 0; kind < 4; kind++) {
        struct api_request *request = fixture_request(fixture, (enum api_kind)(kind % 2));
        request->stream = kind / 2;
        request->logprobs = request->return_token_ids = request->echo = true;
        request->rules.reasoning = REASONING_QWEN3;
        request->rules.tools = TOOLS_HERMES;
        struct script script =
            script_text(fixture,
                        "<think>hm</think>Hi<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": "
                        "1}}</tool_call>",
                        1, true);
        for (size_t n = 0;; n++) {
            struct api_response *response = NULL;
            struct request_status status = script_status(&script, script.count);
            struct buffer out;
            buffer_init(&out, TEXT_LIMIT);
            long outstanding;
            alloc_fail_begin(n);
            bool ok = api_response_new(request, "x", 1, &response, NULL) == OCTET_OK &&
                      api_response_feed(response, 0, script.events, script.count, &status, NULL, 0,
                                        NULL, &out) &&
                      (request->stream ? api_response_end(response, &out)
                                       : api_response_body(response, &out));
            api_response_free(response);
            buffer_free(&out);
            bool refused = alloc_fail_end(&outstanding);
            assert_int_equal(outstanding, 0);
            if (ok == refused)
                fail_msg("kind %d: allocation %zu: ok %d", kind, n, ok);
            if (!refused)
                break;
        }
        script_free(&script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat_body),
        cmocka_unit_test(test_chat_body_with_thought_and_call),
        cmocka_unit_test(test_completion_body_with_echo),
        cmocka_unit_test(test_chat_logprobs),
        cmocka_unit_test(test_prompt_logprobs),
        cmocka_unit_test(test_chat_stream),
        cmocka_unit_test(test_completion_stream),
        cmocka_unit_test(test_tool_call_stream),
        cmocka_unit_test(test_continuous_usage),
        cmocka_unit_test(test_stream_interval),
        cmocka_unit_test(test_logprob_format),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
