/* SPDX-License-Identifier: Apache-2.0 */
/* How choices end, and what settings change. */
#include "api/response_fixture.h"

#include "api/request_model.h"

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
        feed_all(response, &script, 1, 1, fixture_rng(), NULL, 0, &out);
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

/* From the request's bytes to the answer's: qwen3_coder knows the types of parameters. */
static void test_schemas_reach_the_parser(void **state)
{
    (void)state;
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"i\":{"
        "\"type\":\"integer\"},\"s\":{\"type\":\"string\"}}}}}]}";
    static const char text[] = "<think>hm</think>\n\n<tool_call>\n<function=f>\n<parameter=i>\n3\n"
                               "</parameter>\n<parameter=s>\n3\n</parameter>\n</function>\n"
                               "</tool_call>";
    struct request_model model;
    struct api_request *request;
    struct api_error error;
    struct token_ids ids = {0};
    struct octet_error err;
    assert_true(request_model_open(&model, "tests/golden/template/qwen3.jinja"));
    model.model.tools = TOOLS_QWEN3_CODER;
    if (api_chat_parse(&model.model, body, sizeof body - 1, &request, &error) != OCTET_OK)
        fail_msg("%s", error.detail.message);
    assert_int_equal(
        tokenizer_encode(model.tokenizer, text, sizeof text - 1, SPECIAL_PARSE, false, &ids, &err),
        OCTET_OK);
    struct script script = script_new(ids.ids, ids.count, -1, fixture_rng());
    script.reason = FINISH_STOP;
    char *answer = answer_of(request, &script);
    assert_contains(answer, "\"content\":null,\"refusal\":null,\"reasoning\":\"hm\"");
    assert_contains(answer, "\"arguments\":\"{\\\"i\\\": 3, \\\"s\\\": \\\"3\\\"}\"");
    assert_contains(answer, "\"finish_reason\":\"tool_calls\"");
    free(answer);
    script_free(&script);
    token_ids_free(&ids);
    api_request_free(request);
    request_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(test_schemas_reach_the_parser),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
