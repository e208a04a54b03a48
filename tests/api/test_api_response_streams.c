/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream put together says what the whole answer says: content, reasoning, tool calls, logprobs,
 * ids and reasons, over recorded and random texts, however they are cut into tokens and reads.
 */
#include "api/response_fixture.h"

#include "api/parser_cases.h"

#define CHOICES_MAX 4
#define CALLS_MAX 32

/* One choice, from a body or put together from events. */
struct answer {
    struct buffer content, reasoning, reasoning_content;
    struct buffer logprobs[5]; /* entries, as they are written */
    struct buffer ids, finish, stop;
    size_t calls;
    struct buffer call[CALLS_MAX]; /* id, name, arguments */
    size_t events, roles;
};

static void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    buffer_init(&answer->content, TEXT_LIMIT);
    buffer_init(&answer->reasoning, TEXT_LIMIT);
    buffer_init(&answer->reasoning_content, TEXT_LIMIT);
    buffer_init(&answer->ids, TEXT_LIMIT);
    buffer_init(&answer->finish, TEXT_LIMIT);
    buffer_init(&answer->stop, TEXT_LIMIT);
    for (int i = 0; i < 5; i++)
        buffer_init(&answer->logprobs[i], TEXT_LIMIT);
    for (int i = 0; i < CALLS_MAX; i++)
        buffer_init(&answer->call[i], TEXT_LIMIT);
}

static void answer_free(struct answer *answer)
{
    for (int i = 0; i < CALLS_MAX; i++)
        buffer_free(&answer->call[i]);
    for (int i = 0; i < 5; i++)
        buffer_free(&answer->logprobs[i]);
    buffer_free(&answer->stop);
    buffer_free(&answer->finish);
    buffer_free(&answer->ids);
    buffer_free(&answer->reasoning_content);
    buffer_free(&answer->reasoning);
    buffer_free(&answer->content);
}

static void add_string(struct buffer *out, const struct json *value)
{
    size_t size;
    const char *text = json_string_n(value, &size);
    if (text)
        buffer_append(out, text, size);
}

/* Every element of an array, so that two arrays after another are one. */
static void add_elements(struct buffer *out, const struct json *array)
{
    for (size_t i = 0; i < json_count(array); i++) {
        json_dump(json_at(array, i), 0, out);
        buffer_append_char(out, '\n');
    }
}

/* An event has one entry of a call. Its name comes without arguments, which follow in later events
 * unless there is none, or another call began already. */
static void add_calls(struct answer *answer, const struct json *calls, bool whole, bool last)
{
    int64_t before = -1;
    for (size_t i = 0; i < json_count(calls); i++) {
        const struct json *call = json_at(calls, i), *function = json_get(call, "function");
        size_t index = whole ? i : (size_t)json_integer(json_get(call, "index"), -1);
        assert_true(index < CALLS_MAX);
        bool begins = json_get(call, "id") != NULL;
        assert_int_equal(begins, index == answer->calls);
        if (begins) {
            assert_string_equal(json_string(json_get(call, "type")), "function");
            add_string(&answer->call[index], json_get(call, "id"));
            buffer_append_char(&answer->call[index], '\n');
            add_string(&answer->call[index], json_get(function, "name"));
            buffer_append_char(&answer->call[index], '\n');
            answer->calls++;
        }
        assert_non_null(json_string(json_get(function, "arguments")));
        assert_true(whole || (int64_t)index > before);
        before = (int64_t)index;
        if (begins && !whole && !last && i + 1 == json_count(calls))
            assert_string_equal(json_string(json_get(function, "arguments")), "");
        add_string(&answer->call[index], json_get(function, "arguments"));
    }
}

/* A choice of an event or a body. */
static void add_choice(struct answer *answer, const struct json *choice, bool whole)
{
    static const char *const lists[] = {"content", "text_offset", "token_logprobs", "tokens",
                                        "top_logprobs"};
    const struct json *message = json_get(choice, whole ? "message" : "delta");
    if (json_type(message) == JSON_NONE)
        message = choice;
    add_string(&answer->content, json_get(message, message == choice ? "text" : "content"));
    add_string(&answer->reasoning, json_get(message, "reasoning"));
    add_string(&answer->reasoning_content, json_get(message, "reasoning_content"));
    bool last = json_type(json_get(choice, "finish_reason")) == JSON_TYPE_STRING;
    add_calls(answer, json_get(message, "tool_calls"), whole, last);
    const struct json *logprobs = json_get(choice, "logprobs");
    assert_true(json_type(logprobs) != JSON_NONE);
    for (int i = 0; i < 5; i++)
        add_elements(&answer->logprobs[i], json_get(logprobs, lists[i]));
    add_elements(&answer->ids, json_get(choice, "token_ids"));
    const struct json *finish = json_get(choice, "finish_reason");
    assert_true(json_type(finish) != JSON_NONE);
    if (json_type(finish) == JSON_TYPE_STRING) {
        assert_int_equal(answer->finish.size, 0);
        add_string(&answer->finish, finish);
        json_dump(json_get(choice, "stop_reason"), 0, &answer->stop);
    }
    if (json_get(message, "role"))
        answer->roles++;
    else
        answer->events++;
}

static struct json *parse_json(const char *text, size_t size)
{
    struct json *value;
    struct octet_error err;
    if (json_parse(text, size, TEXT_LIMIT, "answer", &value, &err) != OCTET_OK)
        fail_msg("%s: %.*s", err.message, (int)size, text);
    return value;
}

static void read_body(const struct buffer *body, struct answer *answers, size_t count,
                      struct buffer *usage)
{
    struct json *value = parse_json(body->data, body->size);
    const struct json *choices = json_get(value, "choices");
    assert_int_equal(json_count(choices), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(json_integer(json_get(json_at(choices, i), "index"), -1), i);
        add_choice(&answers[i], json_at(choices, i), true);
    }
    json_dump(json_get(value, "usage"), 0, usage);
    json_free(value);
}

/* The framing is exact: "data: ", one line of JSON, an empty line; at last [DONE]. */
static void read_stream(const struct buffer *stream, struct answer *answers, size_t count,
                        struct buffer *usage)
{
    static const char done[] = "data: [DONE]\n\n";
    const char *at = stream->data, *end = at + stream->size - (sizeof done - 1);
    assert_true(end >= at);
    assert_string_equal(end, done);
    char *id = NULL;
    while (at < end) {
        assert_memory_equal(at, "data: ", 6);
        const char *line = strchr(at, '\n');
        assert_true(line && line[1] == '\n');
        struct json *value = parse_json(at + 6, (size_t)(line - at - 6));
        const char *this_id = json_string(json_get(value, "id"));
        assert_non_null(this_id);
        if (id)
            assert_string_equal(id, this_id);
        else
            id = strdup(this_id);
        const struct json *choices = json_get(value, "choices");
        if (json_count(choices) == 0)
            json_dump(json_get(value, "usage"), 0, usage);
        else
            assert_null(json_get(value, "usage"));
        for (size_t i = 0; i < json_count(choices); i++) {
            size_t index = (size_t)json_integer(json_get(json_at(choices, i), "index"), -1);
            assert_true(index < count);
            assert_int_equal(answers[index].finish.size, 0);
            add_choice(&answers[index], json_at(choices, i), false);
        }
        json_free(value);
        at = line + 2;
    }
    free(id);
}

static void assert_same(const char *what, const struct buffer *a, const struct buffer *b)
{
    if (a->size != b->size || memcmp(buffer_text(a), buffer_text(b), a->size) != 0)
        fail_msg("%s: whole [%s], streamed [%s]", what, buffer_text(a), buffer_text(b));
}

static void compare(const struct answer *whole, const struct answer *streamed)
{
    assert_same("content", &whole->content, &streamed->content);
    assert_same("reasoning", &whole->reasoning, &streamed->reasoning);
    assert_same("reasoning_content", &whole->reasoning_content, &streamed->reasoning_content);
    for (int i = 0; i < 5; i++)
        assert_same("logprobs", &whole->logprobs[i], &streamed->logprobs[i]);
    assert_same("ids", &whole->ids, &streamed->ids);
    assert_same("finish_reason", &whole->finish, &streamed->finish);
    assert_same("stop_reason", &whole->stop, &streamed->stop);
    assert_int_equal(whole->calls, streamed->calls);
    for (size_t i = 0; i < whole->calls; i++)
        assert_same("call", &whole->call[i], &streamed->call[i]);
}

#define TOKENS 6000

/* The tokens by their first byte: from[b] to from[b + 1] of ids. */
struct token_index {
    int32_t ids[TOKENS];
    size_t from[257];
};

static const struct token_index *index_tokens(const struct tokenizer *tokenizer)
{
    static struct token_index index;
    size_t count = 0, size;
    for (int byte = 0; byte < 256 && index.from[256] == 0; byte++) {
        index.from[byte] = count;
        for (int32_t id = 0; id < TOKENS; id++) {
            const char *bytes = tokenizer_token_bytes(tokenizer, id, &size);
            if (size > 0 && (unsigned char)bytes[0] == byte)
                index.ids[count++] = id;
        }
    }
    if (index.from[256] == 0)
        index.from[256] = count;
    return &index;
}

/* Cut text into tokens, the length of each chosen at random among the tokens that fit. */
static void cut(const struct tokenizer *tokenizer, const char *text, size_t size, size_t longest,
                struct rng *rng, struct token_ids *ids)
{
    const struct token_index *index = index_tokens(tokenizer);
    for (size_t at = 0; at < size;) {
        int32_t fitting[64];
        size_t count = 0, length;
        unsigned char first = (unsigned char)text[at];
        for (size_t i = index->from[first]; i < index->from[first + 1] && count < 64; i++) {
            int32_t id = index->ids[i];
            const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
            if (length <= size - at && length <= longest && memcmp(bytes, text + at, length) == 0)
                fitting[count++] = id;
        }
        assert_true(count > 0);
        int32_t id = fitting[rng_below(rng, count)];
        tokenizer_token_bytes(tokenizer, id, &length);
        assert_true(token_ids_push(ids, id));
        at += length;
    }
}

/* The same scripts, whole and streamed with each of a few steps. */
static void check(struct api_request *request, const struct script *scripts, struct rng *rng,
                  const struct position_logprobs *prompt)
{
    size_t count = api_request_choices(request);
    struct answer whole[CHOICES_MAX], streamed[CHOICES_MAX];
    struct buffer text, usage, other;
    buffer_init(&text, TEXT_LIMIT);
    buffer_init(&usage, TEXT_LIMIT);
    buffer_init(&other, TEXT_LIMIT);
    for (size_t i = 0; i < count; i++)
        answer_init(&whole[i]);
    request->stream = false;
    request->include_usage = true;
    struct api_response *response = response_open(request);
    feed_all(response, scripts, count, 0, rng, prompt, request->prompts[0].id_count - 1, &text);
    assert_int_equal(text.size, 0);
    assert_true(api_response_body(response, &text));
    read_body(&text, whole, count, &usage);
    api_response_free(response);
    request->stream = true;
    for (size_t step = 0; step <= 3; step++) {
        for (size_t i = 0; i < count; i++)
            answer_init(&streamed[i]);
        buffer_clear(&text);
        buffer_clear(&other);
        request->stream_interval = step == 3 ? 3 : 1;
        response = response_open(request);
        feed_all(response, scripts, count, step, rng, prompt, request->prompts[0].id_count - 1,
                 &text);
        assert_true(api_response_end(response, &text));
        read_stream(&text, streamed, count, &other);
        assert_same("usage", &usage, &other);
        for (size_t i = 0; i < count; i++) {
            compare(&whole[i], &streamed[i]);
            assert_int_equal(streamed[i].roles, request->kind == API_CHAT);
            size_t tokens = api_response_tokens(response, i);
            if (request->stream_interval == 1)
                assert_int_equal(streamed[i].events, tokens ? tokens : 1);
            answer_free(&streamed[i]);
        }
        api_response_free(response);
    }
    for (size_t i = 0; i < count; i++)
        answer_free(&whole[i]);
    buffer_free(&other);
    buffer_free(&usage);
    buffer_free(&text);
}

static struct script script_of(const struct fixture *fixture, const char *text, size_t longest,
                               struct rng *rng)
{
    struct token_ids ids = {0};
    cut(fixture->tokenizer, text, strlen(text), longest, rng, &ids);
    bool stops = rng_below(rng, 2) == 0;
    if (stops)
        assert_true(token_ids_push(&ids, fixture_eos));
    struct script script = script_new(ids.ids, ids.count, 2, rng);
    if (stops) {
        script.reason = FINISH_STOP;
        script.stop_token = fixture_eos;
    }
    token_ids_free(&ids);
    return script;
}

static void test_recorded_texts(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rng rng = {.seed = test_seed()};
    fixture_open(&fixture);
    for (size_t i = 0; i < parser_case_count; i++) {
        const struct parser_case *example = &parser_cases[i];
        for (size_t longest = 1; longest <= 8; longest *= 2) {
            struct api_request *request = fixture_request(&fixture, API_CHAT);
            request->rules.reasoning = example->no_reasoning ? REASONING_NONE : REASONING_QWEN3;
            request->rules.start = example->start;
            request->rules.tools = example->tools;
            request->rules.parallel_tool_calls = !example->first_call_only;
            request->logprobs = i % 2;
            request->return_token_ids = i % 3 == 0;
            struct script script = script_of(&fixture, example->text, longest, &rng);
            check(request, &script, &rng, NULL);
            script_free(&script);
        }
    }
    fixture_close(&fixture);
}

/* Pieces of texts with stop strings, tags, multi-byte characters and bytes that are none. */
static const char *const pieces[] = {"Hello",
                                     " world",
                                     "\n",
                                     "</think>",
                                     "<think>",
                                     "\xe4\xbd\xa0\xe5\xa5\xbd",
                                     "\xf0\x9f\x98\x80",
                                     "\"",
                                     "\\",
                                     "END",
                                     "EN",
                                     "stop here",
                                     "<tool_call>\n",
                                     "</tool_call>",
                                     "{\"name\": \"f\", \"arguments\": {\"a\": \"\xe4\xbd\xa0\"}}",
                                     "{\"name\": \"f\"}",
                                     "\xff",
                                     "\xe4",
                                     "\t",
                                     "0.5"};
#define PIECE_COUNT (sizeof pieces / sizeof pieces[0])

static void random_text(struct rng *rng, struct buffer *text)
{
    buffer_clear(text);
    size_t count = 1 + rng_below(rng, 14);
    for (size_t k = 0; k < count; k++)
        buffer_append_str(text, pieces[rng_below(rng, PIECE_COUNT)]);
}

static void test_random_requests(void **state)
{
    (void)state;
    static char stop_end[] = "END", stop_here[] = "stop h";
    static char *stops[] = {stop_end, stop_here};
    struct token_logprob top[3][2] = {{{5, -0.5f}, {6, -1.5f}}, {{284, -0.25f}, {7, -9.0f}}};
    struct position_logprobs prompt[3] = {
        {-1.5f, 3, 2, top[0]}, {-0.25f, 1, 2, top[1]}, {-20000.0f, 9, 2, top[2]}};
    struct fixture fixture;
    struct rng rng = {.seed = test_seed(), .stream = 1};
    struct buffer text;
    buffer_init(&text, TEXT_LIMIT);
    fixture_open(&fixture);
    for (int round = 0; round < 400; round++) {
        bool chat = rng_below(&rng, 2) == 0;
        struct api_request *request = fixture_request(&fixture, chat ? API_CHAT : API_COMPLETION);
        request->prompt_count = chat ? 1 : 1 + rng_below(&rng, 2);
        request->n = 1 + (int32_t)rng_below(&rng, 2);
        request->stops = stops;
        request->stop_count = rng_below(&rng, 3);
        request->include_stop = rng_below(&rng, 2) == 0;
        request->skip_special = rng_below(&rng, 3) != 0;
        request->logprobs = rng_below(&rng, 2) == 0;
        request->tokens_as_token_ids = rng_below(&rng, 4) == 0;
        request->return_token_ids = rng_below(&rng, 3) == 0;
        request->include_reasoning = rng_below(&rng, 4) != 0;
        request->echo = rng_below(&rng, 3) == 0;
        request->echo_text = chat && rng_below(&rng, 2) ? stop_end : NULL;
        request->tool_mode = (enum tool_mode)rng_below(&rng, 4);
        if (chat)
            request->rules = (struct output_rules){
                .reasoning = (enum reasoning_format)rng_below(&rng, 2),
                .start = (enum reasoning_start)rng_below(&rng, 3),
                .tools = (enum tool_format)rng_below(&rng, 3),
                .parallel_tool_calls = rng_below(&rng, 2) == 0,
            };
        struct script scripts[CHOICES_MAX];
        size_t count = api_request_choices(request);
        for (size_t i = 0; i < count; i++) {
            random_text(&rng, &text);
            scripts[i] = script_of(&fixture, text.data, 1 + rng_below(&rng, 8), &rng);
        }
        check(request, scripts, &rng, prompt);
        for (size_t i = 0; i < count; i++)
            script_free(&scripts[i]);
    }
    buffer_free(&text);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_texts),
        cmocka_unit_test(test_random_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
