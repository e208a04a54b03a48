/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured output through the demo model: what the grammar allows is what comes out, and a
 * request under a grammar gives the same bits alone, beside others and after preemption.
 */
#include "grammar/constraint.h"
#include "runtime/runtime.h"
#include "support/testing.h"

#define REQUESTS 6
#define OUTPUT_MAX 60
#define MODEL_LEN 128
#define BLOCK 16

struct world {
    struct runtime *runtime;
    struct grammar_vocab *vocab;
    struct grammar *grammar;
};

struct outcome {
    size_t count;
    enum finish_reason reason;
    int32_t ids[OUTPUT_MAX];
};

static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":12},"
    "\"old\":{\"type\":\"boolean\"},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":99}},"
    "\"required\":[\"name\",\"old\",\"age\"],\"additionalProperties\":false}";

static void open_world(struct world *world, uint64_t kv_bytes)
{
    struct runtime_options options;
    struct octet_error err;
    runtime_options_init(&options);
    options.model_path = "models/demo";
    options.max_model_len = MODEL_LEN;
    options.block_size = BLOCK;
    options.threads = 2;
    options.kv_cache_memory_bytes = kv_bytes;
    if (runtime_open(&options, NULL, &world->runtime, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    size_t eos_count = 0;
    const int32_t *eos = runtime_eos_ids(world->runtime, &eos_count);
    int32_t vocab_size = (int32_t)runtime_get_plan(world->runtime)->config.vocab_size;
    assert_int_equal(grammar_vocab_new(runtime_tokenizer(world->runtime), vocab_size, eos,
                                       eos_count, &world->vocab, NULL),
                     OCTET_OK);
    struct json *schema = NULL;
    assert_int_equal(json_parse(schema_text, strlen(schema_text), 10000, "schema", &schema, NULL),
                     OCTET_OK);
    if (grammar_json_schema(schema, &world->grammar, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    json_free(schema);
}

static void close_world(struct world *world)
{
    grammar_free(world->grammar);
    grammar_vocab_free(world->vocab);
    runtime_close(world->runtime);
}

/* Every second request is free. */
static struct request *submit(struct world *world, int r)
{
    const struct constraint_options format = {
        .vocab = world->vocab, .grammar = world->grammar, .thinking_budget = -1};
    struct sampling_params params;
    struct request *request = NULL;
    struct octet_error err;
    int32_t ids[20];
    for (int32_t i = 0; i < 20; i++)
        ids[i] = 100 + (i * 37 + r) % 3000;
    sampling_params_init(&params);
    params.temperature = r == 0 ? 0 : 0.9;
    params.has_seed = true;
    params.seed = (uint64_t)r;
    params.max_tokens = OUTPUT_MAX;
    params.min_tokens = r == 2 ? OUTPUT_MAX : 0; /* gives way to the format's end */
    if (r % 2 == 0)
        assert_int_equal(constraint_new(&format, &params.constraint, NULL), OCTET_OK);
    if (request_new(runtime_engine(world->runtime), ids, 20, &params, 0, &request, &err) !=
            OCTET_OK ||
        engine_submit(runtime_engine(world->runtime), request, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return request;
}

static void run_dry(struct world *world)
{
    bool worked = true;
    while (worked)
        assert_int_equal(runtime_step(world->runtime, &worked, NULL), OCTET_OK);
}

static void take(struct request *request, struct outcome *out)
{
    struct token_event events[OUTPUT_MAX];
    struct request_status status;
    memset(out, 0, sizeof *out);
    request_status(request, &status);
    out->reason = status.finish_reason;
    out->count = request_read(request, 0, events, OUTPUT_MAX);
    for (size_t i = 0; i < out->count; i++)
        out->ids[i] = events[i].id;
    request_release(request);
}

static void check_json(struct world *world, const struct outcome *outcome)
{
    struct buffer text;
    struct octet_error err;
    struct json *json = NULL;
    assert_int_equal(outcome->reason, FINISH_STOP);
    buffer_init(&text, 10000);
    tokenizer_decode(runtime_tokenizer(world->runtime), outcome->ids, outcome->count, true, &text);
    if (json_parse(text.data, text.size, 10000, "answer", &json, &err) != OCTET_OK)
        fail_msg("%s: %s", buffer_text(&text), err.message);
    assert_int_equal(json_type(json_get(json, "name")), JSON_TYPE_STRING);
    assert_in_range(json_integer(json_get(json, "age"), -1), 0, 99);
    json_free(json);
    buffer_free(&text);
}

static void the_format_is_kept_whatever_else_runs(void **state)
{
    (void)state;
    struct world world;
    struct outcome alone[REQUESTS], outcome;
    struct request *requests[REQUESTS];
    open_world(&world, 0);
    uint64_t block_bytes = runtime_get_plan(world.runtime)->kv_bytes_per_block;
    for (int r = 0; r < REQUESTS; r++) {
        struct request *request = submit(&world, r);
        run_dry(&world);
        take(request, &alone[r]);
        if (r % 2 == 0)
            check_json(&world, &alone[r]);
    }
    for (int round = 0; round < 2; round++) {
        for (int r = 0; r < REQUESTS; r++)
            requests[r] = submit(&world, r);
        run_dry(&world);
        struct engine_stats stats;
        engine_stats(runtime_engine(world.runtime), &stats);
        assert_true(round == 0 || stats.preemptions > 0);
        for (int r = 0; r < REQUESTS; r++) {
            take(requests[r], &outcome);
            assert_memory_equal(&outcome, &alone[r], sizeof outcome);
        }
        close_world(&world);
        if (round == 0)
            open_world(&world, block_bytes * (MODEL_LEN / BLOCK + 4)); /* preempts */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_kept_whatever_else_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
