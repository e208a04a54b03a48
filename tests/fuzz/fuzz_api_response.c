/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a model's answer: the body and every event of the stream are JSON in exact framing,
 * and content, reasoning and arguments of the events add up to the body's. The first three bytes
 * choose the request's settings.
 */
#include "api/api_response.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opened by the first input and kept: the working directory is the repository's root. */
static const struct tokenizer *shared_tokenizer(void)
{
    static struct tokenizer *tokenizer;
    if (!tokenizer &&
        tokenizer_open("tests/golden/tokenizer/llama3-style", &tokenizer, NULL) != OCTET_OK)
        abort();
    return tokenizer;
}

static void add_string(struct buffer *out, const struct json *value)
{
    size_t size;
    const char *text = json_string_n(value, &size);
    if (text)
        buffer_append(out, text, size);
}

/* The texts of the first choice of a body or an event. */
static void add_choice(const struct json *value, struct buffer said[3])
{
    const struct json *choice = json_at(json_get(value, "choices"), 0);
    const struct json *message = json_get(choice, "message");
    if (json_type(message) == JSON_NONE)
        message = json_get(choice, "delta");
    add_string(&said[0], json_get(choice, "text"));
    add_string(&said[0], json_get(message, "content"));
    add_string(&said[1], json_get(message, "reasoning"));
    const struct json *calls = json_get(message, "tool_calls");
    for (size_t i = 0; i < json_count(calls); i++) {
        add_string(&said[2], json_get(json_at(calls, i), "id"));
        add_string(&said[2], json_get_path(json_at(calls, i), "function.name"));
        add_string(&said[2], json_get_path(json_at(calls, i), "function.arguments"));
    }
}

static void add_json(const char *text, size_t size, struct buffer said[3])
{
    struct json *value;
    octet_status status = json_parse(text, size, LIMIT, "answer", &value, NULL);
    assert(status == OCTET_OK);
    add_choice(value, said);
    json_free(value);
}

static void add_stream(const struct buffer *out, struct buffer said[3])
{
    static const char done[] = "data: [DONE]\n\n";
    assert(out->size >= sizeof done - 1);
    const char *at = out->data, *end = at + out->size - (sizeof done - 1);
    assert(memcmp(end, done, sizeof done) == 0);
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        assert(line && line[1] == '\n' && memcmp(at, "data: ", 6) == 0);
        add_json(at + 6, (size_t)(line - at) - 6, said);
        at = line + 2;
    }
    assert(at == end);
}

/* Feed the ids, `step` at a time, and read what comes out. */
static void answer(const struct api_request *request, const struct token_ids *ids, size_t step,
                   struct buffer said[3])
{
    static struct token_logprob top[2] = {{.id = 5, .logprob = -1}, {.id = 9, .logprob = -2}};
    struct api_response *response;
    struct buffer out;
    buffer_init(&out, LIMIT);
    if (api_response_new(request, "x", 1, &response, NULL) != OCTET_OK)
        abort();
    struct token_event event = {.has_logprobs = true,
                                .logprobs = {.rank = 1, .top_count = 2, .top = top}};
    for (size_t fed = 0; fed < ids->count;) {
        struct token_event events[8];
        size_t count = 0;
        for (; count < step && fed < ids->count; count++, fed++) {
            events[count] = event;
            events[count].id = ids->ids[fed];
            events[count].logprobs.logprob = -(float)fed / 7;
        }
        struct request_status status = {.token_count = fed, .stop_token = -1};
        status.finish_reason = fed == ids->count ? FINISH_LENGTH : FINISH_NONE;
        bool ok = api_response_feed(response, 0, events, count, &status, NULL, 0, NULL, &out);
        assert(ok);
    }
    assert(api_response_finished(response));
    bool ok =
        request->stream ? api_response_end(response, &out) : api_response_body(response, &out);
    assert(ok);
    if (request->stream)
        add_stream(&out, said);
    else
        add_json(out.data, out.size, said);
    api_response_free(response);
    buffer_free(&out);
}

static void compare(struct api_request *request, const struct token_ids *ids, size_t step)
{
    struct buffer whole[3], streamed[3];
    for (int i = 0; i < 3; i++) {
        buffer_init(&whole[i], LIMIT);
        buffer_init(&streamed[i], LIMIT);
    }
    answer(request, ids, step, whole);
    request->stream = true;
    answer(request, ids, step, streamed);
    for (int i = 0; i < 3; i++) {
        assert(whole[i].size == streamed[i].size);
        assert(memcmp(buffer_text(&whole[i]), buffer_text(&streamed[i]), whole[i].size) == 0);
        buffer_free(&streamed[i]);
        buffer_free(&whole[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name[] = "m", stop_end[] = "END", stop_tag[] = "</th";
    static char *stops[] = {stop_end, stop_tag};
    static int32_t prompt_ids[] = {1, 2};
    if (size < 4 || size > 4096)
        return 0;
    const struct api_model model = {.tokenizer = shared_tokenizer()};
    struct api_prompt prompt = {.ids = prompt_ids, .id_count = 2};
    struct api_request request = {
        .kind = data[0] & 1 ? API_COMPLETION : API_CHAT,
        .model = &model,
        .model_name = name,
        .prompts = &prompt,
        .prompt_count = 1,
        .n = 1,
        .stops = stops,
        .stop_count = data[0] / 2 % 3,
        .include_stop = (data[0] & 0x10) != 0,
        .skip_special = (data[0] & 0x20) != 0,
        .logprobs = (data[0] & 0x40) != 0,
        .echo = (data[0] & 0x80) != 0,
        .stream_interval = 1 + data[1] % 4,
        .include_reasoning = (data[1] & 0x10) == 0,
        .return_token_ids = (data[1] & 0x20) != 0,
        .rules = {.reasoning = data[1] & 0x40 ? REASONING_QWEN3 : REASONING_NONE,
                  .start = (enum reasoning_start)(data[2] % 3),
                  .tools = (enum tool_format)(data[2] / 4 % 3),
                  .parallel_tool_calls = (data[2] & 0x80) == 0},
    };
    struct token_ids ids = {0};
    octet_status status = tokenizer_encode(model.tokenizer, (const char *)data + 3, size - 3,
                                           SPECIAL_PARSE, false, &ids, NULL);
    if (status == OCTET_OK && ids.count > 0)
        compare(&request, &ids, 1 + data[2] / 16 % 8);
    token_ids_free(&ids);
    return 0;
}
