/* SPDX-License-Identifier: Apache-2.0 */
/* A model, a request and an engine's tokens, made by hand. */
#ifndef API_RESPONSE_FIXTURE_H
#define API_RESPONSE_FIXTURE_H

#include "support/testing.h"

#include "api/api_response.h"
#include "base/rng.h"

#define TEXT_LIMIT ((size_t)1 << 26)
#define TOP_MAX 4

static const int32_t fixture_eos = 6001; /* <|end_of_text|> */

struct fixture {
    struct tokenizer *tokenizer;
    const char *names[1];
    int32_t eos[1];
    struct api_model model;
    struct api_prompt prompts[2];
    int32_t prompt_ids[2][4];
    struct api_request request;
};

/* Made-up numbers of a test program. */
static inline struct rng *fixture_rng(void)
{
    static struct rng rng = {.seed = 3};
    return &rng;
}

static inline void fixture_open(struct fixture *fixture)
{
    struct octet_error err;
    memset(fixture, 0, sizeof *fixture);
    if (tokenizer_open("tests/golden/tokenizer/llama3-style", &fixture->tokenizer, &err) !=
        OCTET_OK)
        fail_msg("%s", err.message);
    fixture->names[0] = "m";
    fixture->eos[0] = fixture_eos;
    fixture->model = (struct api_model){
        .names = fixture->names,
        .name_count = 1,
        .tokenizer = fixture->tokenizer,
        .vocab_size = 6007,
        .eos_ids = fixture->eos,
        .eos_id_count = 1,
        .response_role = "assistant",
    };
}

static inline void fixture_close(struct fixture *fixture)
{
    tokenizer_close(fixture->tokenizer);
}

/* A request of one choice for the prompt "Hello world", with everything off. */
static inline struct api_request *fixture_request(struct fixture *fixture, enum api_kind kind)
{
    static char prompt[] = "Hello world", model_name[] = "m";
    struct token_ids ids = {0};
    struct octet_error err;
    assert_int_equal(tokenizer_encode(fixture->tokenizer, prompt, strlen(prompt), SPECIAL_PARSE,
                                      false, &ids, &err),
                     OCTET_OK);
    assert_true(ids.count >= 2 && ids.count <= 4);
    for (int i = 0; i < 2; i++) {
        memcpy(fixture->prompt_ids[i], ids.ids, ids.count * sizeof *ids.ids);
        fixture->prompts[i] = (struct api_prompt){.text = prompt,
                                                  .text_size = strlen(prompt),
                                                  .ids = fixture->prompt_ids[i],
                                                  .id_count = ids.count};
    }
    token_ids_free(&ids);
    fixture->request = (struct api_request){
        .kind = kind,
        .model = &fixture->model,
        .model_name = model_name,
        .prompts = fixture->prompts,
        .prompt_count = 1,
        .n = 1,
        .skip_special = true,
        .stream_interval = 1,
        .include_reasoning = true,
        .rules = {.parallel_tool_calls = true},
        .thinking_budget = -1,
    };
    sampling_params_init(&fixture->request.sampling);
    return &fixture->request;
}

/* What an engine would deliver for one choice. */
struct script {
    struct token_event *events;
    struct token_logprob *tops;
    size_t count;
    enum finish_reason reason;
    int32_t stop_token; /* FINISH_STOP */
};

static inline void script_free(struct script *script)
{
    free(script->events);
    free(script->tops);
}

/* ids with made-up log-probabilities: `top` best ones, among which the chosen one may be. */
static inline struct script script_new(const int32_t *ids, size_t count, int32_t top,
                                       struct rng *rng)
{
    struct script script = {.count = count, .reason = FINISH_LENGTH, .stop_token = -1};
    script.events = calloc(count + 1, sizeof *script.events);
    script.tops = calloc((count + 1) * TOP_MAX, sizeof *script.tops);
    assert_true(script.events && script.tops && top <= TOP_MAX);
    for (size_t i = 0; i < count; i++) {
        struct token_event *event = &script.events[i];
        event->id = ids[i];
        event->has_logprobs = top >= 0;
        event->logprobs.rank = 1;
        event->logprobs.logprob = -(float)(rng_uniform(rng->seed, rng->stream, rng->index++) * 3);
        event->logprobs.top_count = top > 0 ? top : 0;
        event->logprobs.top = script.tops + i * TOP_MAX;
        for (int32_t k = 0; k < top; k++) {
            bool chosen = k == 0 && rng_below(rng, 2) == 0;
            event->logprobs.top[k] = (struct token_logprob){
                .id = chosen ? ids[i] : (int32_t)((ids[i] + 1 + k) % 6000),
                .logprob = chosen ? event->logprobs.logprob : -0.1f * (float)(k + 1)};
        }
    }
    return script;
}

/* The status once `fed` tokens of the script are read; the end is told with the last. */
static inline struct request_status script_status(const struct script *script, size_t fed)
{
    struct request_status status = {
        .token_count = fed, .stop_token = -1, .prompt_tokens = 2, .cached_tokens = 1};
    if (fed == script->count) {
        status.finish_reason = script->reason;
        status.stop_token = script->stop_token;
    }
    return status;
}

static inline struct api_response *response_open(const struct api_request *request)
{
    struct api_response *response;
    struct octet_error err;
    if (api_response_new(request, "x", 1700000000, &response, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return response;
}

/* Feed every choice its script, `step` tokens at a time (0: a random number of them). */
static inline void feed_all(struct api_response *response, const struct script *scripts,
                            size_t choices, size_t step, struct rng *rng,
                            const struct position_logprobs *prompt, size_t prompt_count,
                            struct buffer *out)
{
    size_t fed[8] = {0};
    for (size_t c = 0; c < choices; c++) {
        bool done = false;
        while (!done) {
            size_t left = scripts[c].count - fed[c];
            size_t now = step ? step : 1 + rng_below(rng, 5);
            now = now < left ? now : left;
            struct request_status status = script_status(&scripts[c], fed[c] + now);
            assert_true(api_response_feed(response, c, scripts[c].events + fed[c], now, &status,
                                          prompt, prompt_count, NULL, out));
            fed[c] += now;
            done = fed[c] == scripts[c].count;
        }
    }
    assert_true(api_response_finished(response));
}

#define HEAD(object, id)                                                                           \
    "{\"id\":\"" id "\",\"object\":\"" object "\",\"created\":1700000000,\"model\":\"m\","
#define CHUNK "data: " HEAD("chat.completion.chunk", "chatcmpl-x")
#define TEXT_CHUNK "data: " HEAD("text_completion", "cmpl-x")
#define TAIL ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define DONE "data: [DONE]\n\n"

/* The tokenizer's own ids of text, ended by the end-of-text token when `eos`. */
static inline struct script script_text(const struct fixture *fixture, const char *text,
                                        int32_t top, bool eos)
{
    struct token_ids ids = {0};
    struct octet_error err;
    assert_int_equal(
        tokenizer_encode(fixture->tokenizer, text, strlen(text), SPECIAL_NONE, false, &ids, &err),
        OCTET_OK);
    if (eos)
        assert_true(token_ids_push(&ids, fixture_eos));
    struct script script = script_new(ids.ids, ids.count, top, fixture_rng());
    if (eos) {
        script.reason = FINISH_STOP;
        script.stop_token = fixture_eos;
    }
    token_ids_free(&ids);
    return script;
}

/* The whole answer of scripts, one a choice; free() the result. */
static inline char *answer_of(const struct api_request *request, const struct script *scripts)
{
    struct buffer out;
    buffer_init(&out, TEXT_LIMIT);
    struct api_response *response = response_open(request);
    feed_all(response, scripts, api_request_choices(request), 1, fixture_rng(), NULL, 0, &out);
    assert_true(request->stream ? api_response_end(response, &out)
                                : api_response_body(response, &out));
    api_response_free(response);
    return buffer_take(&out, NULL);
}

static inline void assert_answer(const struct api_request *request, const struct script *scripts,
                                 const char *expected)
{
    char *text = answer_of(request, scripts);
    if (strcmp(text, expected) != 0)
        fail_msg("got:\n%s\nexpected:\n%s", text, expected);
    free(text);
}

static inline int fixture_set_up(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

#endif
