/* SPDX-License-Identifier: Apache-2.0 */
/* What clients read of answers, byte for byte, and the rules behind it. */
#include "api/response_fixture.h"

#include <math.h>

#include "api/api_response_parts.h"
#include "support/alloc_fail.h"

#define HEAD(object, id)                                                                           \
    "{\"id\":\"" id "\",\"object\":\"" object "\",\"created\":1700000000,\"model\":\"m\","
#define CHUNK "data: " HEAD("chat.completion.chunk", "chatcmpl-x")
#define TEXT_CHUNK "data: " HEAD("text_completion", "cmpl-x")
#define TAIL ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define DONE "data: [DONE]\n\n"

static struct rng rng = {.seed = 3};

/* The tokenizer's own ids of text, ended by the end-of-text token when `eos`. */
static struct script script_text(const struct fixture *fixture, const char *text, int32_t top,
                                 bool eos)
{
    struct token_ids ids = {0};
    struct octet_error err;
    assert_int_equal(
        tokenizer_encode(fixture->tokenizer, text, strlen(text), SPECIAL_NONE, false, &ids, &err),
        OCTET_OK);
    if (eos)
        assert_true(token_ids_push(&ids, fixture_eos));
    struct script script = script_new(ids.ids, ids.count, top, &rng);
    if (eos) {
        script.reason = FINISH_STOP;
        script.stop_token = fixture_eos;
    }
    token_ids_free(&ids);
    return script;
}

/* The whole answer of scripts, one a choice; free() the result. */
static char *answer_of(const struct api_request *request, const struct script *scripts)
{
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    feed_all(response, scripts, api_request_choices(request), 1, &rng, NULL, 0, &out);
    assert_true(request->stream ? api_response_end(response, &out)
                                : api_response_body(response, &out));
    api_response_free(response);
    return buffer_take(&out, NULL);
}

static void assert_answer(const struct api_request *request, const struct script *scripts,
                          const char *expected)
{
    char *text = answer_of(request, scripts);
    if (strcmp(text, expected) != 0)
        fail_msg("got:\n%s\nexpected:\n%s", text, expected);
    free(text);
}

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
    feed_all(response, &script, 1, 1, &rng, prompt, 3, &out);
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
        feed_all(response, &script, 1, 1, &rng, prompt, 3, &out);
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
    assert_contains(first, "\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                           "\"arguments\":\"\"}}");
    assert_contains(first, "{\"index\":0,\"function\":{\"arguments\":\"{");
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

/* ---- Ends ---- */

static void test_stop_string(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    static char stop[] = "n on";
    static char *stops[] = {stop};
    request->stops = stops;
    request->stop_count = 1;
    struct script script = script_text(fixture, " then on and on", -1, false);
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    for (size_t i = 0; i < script.count; i++) {
        struct request_status status = script_status(&script, i + 1);
        assert_int_equal(api_response_choice_finished(response, 0), i >= 2);
        assert_true(
            api_response_feed(response, 0, &script.events[i], 1, &status, NULL, 0, NULL, &out));
    }
    assert_true(api_response_finished(response));
    assert_int_equal(api_response_reason(response, 0), FINISH_STOP);
    assert_int_equal(api_response_tokens(response, 0), 2);
    assert_true(api_response_body(response, &out));
    assert_contains(buffer_text(&out), "\"content\":\" the\"");
    assert_contains(buffer_text(&out), "\"finish_reason\":\"stop\",\"stop_reason\":\"n on\"");
    assert_contains(buffer_text(&out), "\"completion_tokens\":2");
    api_response_free(response);
    buffer_free(&out);
    script_free(&script);
}

static void test_stop_token(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    struct script script = script_text(fixture, " then on", -1, false);
    script.reason = FINISH_STOP;
    script.stop_token = script.events[1].id;
    char expected[64], *text = answer_of(request, &script);
    snprintf(expected, sizeof expected, "\"stop_reason\":%d", script.stop_token);
    assert_contains(text, "\"text\":\" then\"");
    assert_contains(text, expected);
    assert_contains(text, "\"completion_tokens\":2");
    free(text);
    request->include_stop = true;
    text = answer_of(request, &script);
    assert_contains(text, "\"text\":\" then on\"");
    free(text);
    script_free(&script);
}

static void test_finish_reasons(void **state)
{
    struct fixture *fixture = *state;
    static const char call[] = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
    static const struct {
        enum tool_mode mode;
        bool eos;
        const char *expected;
    } rows[] = {
        {TOOL_MODE_AUTO, true, "tool_calls"},
        {TOOL_MODE_REQUIRED, true, "tool_calls"},
        {TOOL_MODE_NAMED, true, "stop"},
        {TOOL_MODE_AUTO, false, "length"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_request *request = fixture_request(fixture, API_CHAT);
        request->rules.tools = TOOLS_HERMES;
        request->tool_mode = rows[i].mode;
        struct script script = script_text(fixture, call, -1, rows[i].eos);
        char expected[64], *text = answer_of(request, &script);
        snprintf(expected, sizeof expected, "\"finish_reason\":\"%s\"", rows[i].expected);
        assert_contains(text, expected);
        free(text);
        script_free(&script);
    }
}

/* The engine's end may come without a token: it has an event of its own then. */
static void test_end_without_token(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    request->stream = request->echo = true;
    struct script nothing = script_text(fixture, "", -1, false);
    assert_answer(request, &nothing,
                  TEXT_CHUNK "\"choices\":[{\"index\":0,\"text\":\"Hello world\",\"logprobs\":null,"
                             "\"finish_reason\":\"length\",\"stop_reason\":null}]}\n\n" DONE);
    script_free(&nothing);
    request->echo = false;
    struct script script = script_text(fixture, " then", -1, false);
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    struct request_status status = {.token_count = 1};
    assert_true(api_response_feed(response, 0, script.events, 1, &status, NULL, 0, NULL, &out));
    status.finish_reason = FINISH_LENGTH;
    assert_true(api_response_feed(response, 0, NULL, 0, &status, NULL, 0, NULL, &out));
    assert_string_equal(buffer_text(&out),
                        TEXT_CHUNK "\"choices\":[{\"index\":0,\"text\":\" then\"" TAIL TEXT_CHUNK
                                   "\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,"
                                   "\"finish_reason\":\"length\",\"stop_reason\":null}]}\n\n");
    api_response_free(response);
    buffer_free(&out);
    script_free(&script);
}

/* A status that runs ahead of the tokens is not the end yet. */
static void test_status_ahead_of_tokens(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    struct script script = script_text(fixture, " then on", -1, false);
    struct request_status status = script_status(&script, 2);
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    assert_true(api_response_feed(response, 0, script.events, 1, &status, NULL, 0, NULL, &out));
    assert_false(api_response_finished(response));
    assert_true(api_response_feed(response, 0, script.events + 1, 1, &status, NULL, 0, NULL, &out));
    assert_true(api_response_finished(response));
    api_response_free(response);
    buffer_free(&out);
    script_free(&script);
}

static void test_engine_error(void **state)
{
    struct fixture *fixture = *state;
    struct request_status status = {.token_count = 1, .finish_reason = FINISH_ERROR};
    for (int stream = 0; stream < 2; stream++) {
        struct api_request *request = fixture_request(fixture, API_CHAT);
        request->stream = request->include_usage = stream;
        struct script script = script_text(fixture, " then", -1, false);
        struct buffer out;
        buffer_init(&out, TEXT_LIMIT);
        struct api_response *response = response_open(request);
        assert_null(api_response_error(response));
        assert_true(
            api_response_feed(response, 0, script.events, 1, &status, NULL, 0, "it broke", &out));
        assert_true(api_response_finished(response));
        assert_int_equal(api_response_reason(response, 0), FINISH_ERROR);
        assert_string_equal(api_response_error(response), "it broke");
        if (stream) {
            assert_true(api_response_end(response, &out));
            const char *error = strstr(buffer_text(&out), "data: {\"error\"");
            assert_non_null(error);
            assert_contains(error, "\"it broke\"");
            assert_contains(error, "}\n\n" DONE);
            assert_null(strstr(error, "usage"));
            assert_null(strstr(buffer_text(&out), "finish_reason\":\""));
        } else {
            assert_int_equal(out.size, 0);
        }
        api_response_free(response);
        buffer_free(&out);
        script_free(&script);
    }
}

static void test_abort(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->stream = true;
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    struct request_status status = {.finish_reason = FINISH_ABORT};
    assert_true(api_response_feed(response, 0, NULL, 0, &status, NULL, 0, NULL, &out));
    assert_true(api_response_finished(response));
    assert_int_equal(out.size, 0);
    struct api_error error;
    (void)api_error_set(&error, 503, "server_shutting_down", NULL, "too late");
    assert_true(api_response_abort(response, &error, &out));
    assert_contains(buffer_text(&out), "data: {\"error\"");
    assert_contains(buffer_text(&out), "\"server_shutting_down\"");
    assert_contains(buffer_text(&out), "\n\n" DONE);
    api_response_free(response);
    buffer_free(&out);
}

/* ---- Settings ---- */

static void test_reasoning_fields(void **state)
{
    struct fixture *fixture = *state;
    struct script script = script_text(fixture, "<think>hm</think>", -1, true);
    static const char *const expected[] = {
        "\"content\":null,\"refusal\":null,\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"}",
        "\"content\":null,\"refusal\":null,\"reasoning\":\"hm\"}",
        "\"content\":null,\"refusal\":null,\"reasoning_content\":\"hm\"}"};
    for (int field = 0; field < 3; field++) {
        struct api_request *request = fixture_request(fixture, API_CHAT);
        request->rules.reasoning = REASONING_QWEN3;
        fixture->model.reasoning_field = (enum reasoning_field)field;
        char *text = answer_of(request, &script);
        assert_contains(text, expected[field]);
        free(text);
    }
    fixture->model.reasoning_field = REASONING_FIELD_BOTH;
    /* Hidden reasoning hides what would show it. */
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->rules.reasoning = REASONING_QWEN3;
    request->include_reasoning = false;
    request->logprobs = request->return_token_ids = true;
    for (int stream = 0; stream < 2; stream++) {
        request->stream = stream;
        char *text = answer_of(request, &script);
        assert_null(strstr(text, "hm"));
        assert_null(strstr(text, "\"token_ids\""));
        assert_contains(text, "\"logprobs\":null");
        free(text);
    }
    script_free(&script);
}

/* With thinking off content is never null, and reasoning never set (Qwen3 1297). */
static void test_thinking_off(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    request->rules.reasoning = REASONING_QWEN3;
    request->rules.start = REASONING_CLOSED;
    static const char *const texts[] = {"", "Hi"};
    for (int i = 0; i < 2; i++) {
        struct script script = script_text(fixture, texts[i], -1, true);
        char expected[128], *text = answer_of(request, &script);
        snprintf(expected, sizeof expected,
                 "\"content\":\"%s\",\"refusal\":null,\"reasoning\":null,"
                 "\"reasoning_content\":null}",
                 texts[i]);
        assert_contains(text, expected);
        free(text);
        script_free(&script);
    }
}

static void test_lost_in_thought(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        bool eos, lost;
    } rows[] = {{"<think>hm", false, true},
                {"<think>hm", true, false},
                {"<think>hm</think>", false, false},
                {"Hi", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct api_request *request = fixture_request(fixture, API_CHAT);
        request->rules.reasoning = REASONING_QWEN3;
        request->stream = i % 2;
        struct script script = script_text(fixture, rows[i].text, -1, rows[i].eos);
        struct buffer out;
        buffer_init(&out, TEXT_LIMIT);
        struct api_response *response = response_open(request);
        feed_all(response, &script, 1, 1, &rng, NULL, 0, &out);
        assert_int_equal(api_response_lost_in_thought(response), rows[i].lost);
        api_response_free(response);
        buffer_free(&out);
        script_free(&script);
    }
}

static void test_choices_and_prompts(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_COMPLETION);
    request->prompt_count = request->n = 2;
    struct script scripts[4];
    static const char *const texts[] = {" a", " b", " c", " d"};
    for (int i = 0; i < 4; i++)
        scripts[i] = script_text(fixture, texts[i], -1, true);
    char *text = answer_of(request, scripts);
    for (int i = 0; i < 4; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "{\"index\":%d,\"text\":\"%s\"", i, texts[i]);
        assert_contains(text, expected);
    }
    /* Each prompt counts once. */
    assert_contains(text,
                    "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":16,"
                    "\"completion_tokens\":8,\"prompt_tokens_details\":{\"cached_tokens\":2}}");
    free(text);
    for (int i = 0; i < 4; i++)
        script_free(&scripts[i]);
}

static void test_metrics(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    fixture->model.per_request_metrics = true;
    struct script script = script_text(fixture, " then on", -1, false);
    struct request_status status = script_status(&script, 2);
    status.submitted_ns = 1000000;
    status.scheduled_ns = 2000000;
    status.first_token_ns = 4000000;
    status.last_token_ns = 6000000;
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    assert_true(api_response_feed(response, 0, script.events, 2, &status, NULL, 0, NULL, &out));
    assert_true(api_response_body(response, &out));
    assert_contains(buffer_text(&out),
                    "\"metrics\":{\"time_to_first_token_ms\":3.0,\"generation_time_ms\":2.0,"
                    "\"queue_time_ms\":1.0,\"mean_itl_ms\":2.0,\"tokens_per_second\":500.0}}");
    fixture->model.per_request_metrics = false;
    api_response_free(response);
    buffer_free(&out);
    script_free(&script);
}

/* An id that came from a client is text like any other. */
static void test_id_is_escaped(void **state)
{
    struct fixture *fixture = *state;
    struct api_request *request = fixture_request(fixture, API_CHAT);
    struct api_response *response;
    struct octet_error err;
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    assert_int_equal(api_response_new(request, "a\"b\n", 5, &response, &err), OCTET_OK);
    struct request_status status = {.finish_reason = FINISH_LENGTH};
    assert_true(api_response_feed(response, 0, NULL, 0, &status, NULL, 0, NULL, &out));
    assert_true(api_response_body(response, &out));
    assert_contains(buffer_text(&out), "{\"id\":\"chatcmpl-a\\\"b\\n\",\"object\":");
    api_response_free(response);
    buffer_free(&out);
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

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
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
        cmocka_unit_test(test_stop_string),
        cmocka_unit_test(test_stop_token),
        cmocka_unit_test(test_finish_reasons),
        cmocka_unit_test(test_end_without_token),
        cmocka_unit_test(test_status_ahead_of_tokens),
        cmocka_unit_test(test_engine_error),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_reasoning_fields),
        cmocka_unit_test(test_thinking_off),
        cmocka_unit_test(test_lost_in_thought),
        cmocka_unit_test(test_choices_and_prompts),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_id_is_escaped),
        cmocka_unit_test(test_logprob_format),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
