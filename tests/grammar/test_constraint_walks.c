/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random texts of the demo model's tokens under many grammars: at every step the mask equals what
 * reading each token byte by byte says, and every text that ends parses and satisfies its schema.
 */
#include "base/rng.h"
#include "grammar/constraint.h"
#include "grammar/constraint_walk.h"
#include "grammar/grammar_case.h"
#include "grammar/schema_check.h"
#include "support/testing.h"

#define STEPS_MAX 160
#define WALKS 12

struct fixture {
    struct tokenizer *tokenizer;
    struct grammar_vocab *vocab;
    int32_t vocab_size, eos;
    struct rng rng;
};

static const char *const schemas[] = {
    "{}",
    "{\"type\":\"object\"}",
    "{\"type\":\"string\",\"minLength\":3,\"maxLength\":40}",
    "{\"type\":\"string\",\"maxLength\":5}",
    "{\"type\":\"string\",\"pattern\":\"^[a-z]+ [0-9]{2,4}$\"}",
    "{\"type\":\"string\",\"pattern\":\"[a-z]\",\"maxLength\":9}",
    "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":20},\"minItems\":1,"
    "\"maxItems\":4}",
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":-12,\"maximum\":345},"
    "\"minItems\":3}",
    "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":-0.5,\"exclusiveMaximum\":12."
    "25},"
    "\"minItems\":2,\"maxItems\":9}",
    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"boolean\"}],\"items\":"
    "{\"enum\":[\"red\",\"green\",null]},\"minItems\":1}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":"
    "\"integer\","
    "\"minimum\":0,\"maximum\":150},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"kind\":{\"enum\":[\"alpha\",\"beta\",\"alphabet\"]}},\"required\":[\"name\",\"kind\"]}",
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}},\"required\":[\"id\"],"
    "\"additionalProperties\":{\"type\":\"boolean\"}}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"number\"}}}",
    "{\"$defs\":{\"Tree\":{\"type\":\"object\",\"properties\":{\"value\":{\"anyOf\":[{\"type\":"
    "\"integer\"},"
    "{\"type\":\"string\"},{\"type\":\"null\"}],\"default\":null},\"left\":{\"anyOf\":[{\"$ref\":"
    "\"#/$defs/Tree\"},{\"type\":\"null\"}]},\"right\":{\"anyOf\":[{\"$ref\":\"#/$defs/"
    "Tree\"},{\"type\":"
    "\"null\"}]}},\"required\":[\"left\",\"right\"],\"title\":\"Tree\"}},\"$ref\":\"#/$defs/"
    "Tree\"}",
    "{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"cat\"},\"lives\":{"
    "\"type\":"
    "\"integer\"}},\"required\":[\"kind\",\"lives\"]},{\"type\":\"object\",\"properties\":{"
    "\"kind\":"
    "{\"const\":\"dog\"},\"name\":{\"type\":\"string\"}},\"required\":[\"kind\",\"name\"]},{"
    "\"type\":"
    "\"array\",\"items\":{\"$ref\":\"#\"}}]}",
};

static const char *const expressions[] = {
    "[A-Za-z ,.]{1,60}",          "(\\d{3}-){2}\\d{4}", "(a|b)*abb", ".*",
    "(yes|no|maybe)( [a-z]+)?!?", "[^\\n]{0,20}\\n?",
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct octet_error err;
    assert_non_null(fixture);
    if (tokenizer_open("models/demo", &fixture->tokenizer, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    fixture->vocab_size = tokenizer_vocab_size(fixture->tokenizer) + 37;
    fixture->eos = tokenizer_token_id(fixture->tokenizer, "<|im_end|>");
    assert_true(fixture->eos >= 0);
    assert_int_equal(grammar_vocab_new(fixture->tokenizer, fixture->vocab_size, &fixture->eos, 1,
                                       &fixture->vocab, &err),
                     OCTET_OK);
    fixture->rng.seed = test_seed();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    grammar_vocab_free(fixture->vocab);
    tokenizer_close(fixture->tokenizer);
    free(fixture);
    return 0;
}

static bool bit(const uint32_t *bits, int32_t id)
{
    return bits[id >> 5] >> (id & 31) & 1;
}

/* Whether a token can be read from level 0 of a walk. */
static bool can_read(const struct fixture *fixture, struct constraint_walk *walk, int32_t id)
{
    size_t size;
    const char *bytes = tokenizer_token_bytes(fixture->tokenizer, id, &size);
    if (id == fixture->eos)
        return walk->levels[0].complete;
    if (size == 0 || tokenizer_is_added(fixture->tokenizer, id))
        return false;
    for (size_t i = 0; i < size; i++) {
        walk->budget = WALK_BUDGET;
        if (!constraint_walk_step(walk, (unsigned)i, (uint8_t)bytes[i]))
            return false;
    }
    return true;
}

static void check_mask(const struct fixture *fixture, struct constraint_walk *walk,
                       const uint32_t *bits, const char *what, const struct buffer *text)
{
    for (int32_t id = 0; id < fixture->vocab_size; id++) {
        if (can_read(fixture, walk, id) == bit(bits, id))
            continue;
        size_t size;
        const char *bytes = tokenizer_token_bytes(fixture->tokenizer, id, &size);
        fail_msg("%s: behind \"%s\" the mask %s token %d \"%.*s\"", what, buffer_text(text),
                 bit(bits, id) ? "allows" : "refuses", id, (int)size, bytes);
    }
}

/* A random token of the mask; towards the end those that close something. */
static int32_t choose(struct fixture *fixture, const uint32_t *bits, int step)
{
    static const char *const closing[] = {"\"", "}", "]", "1", "null", "\xc4\xa0", ":", "n"};
    int32_t count = 0, chosen = -1;
    if (bit(bits, fixture->eos) && (step > STEPS_MAX / 2 || rng_below(&fixture->rng, 8) == 0))
        return fixture->eos;
    for (size_t i = 0; step > STEPS_MAX / 3 && i < sizeof closing / sizeof closing[0]; i++) {
        int32_t id = tokenizer_token_id(fixture->tokenizer, closing[i]);
        if (id >= 0 && bit(bits, id))
            return id;
    }
    for (int32_t id = 0; id < fixture->vocab_size; id++)
        if (bit(bits, id) && rng_below(&fixture->rng, (uint64_t)++count) == 0)
            chosen = id;
    return chosen;
}

/* One text; true when it came to its end. */
static bool walk_once(struct fixture *fixture, struct grammar *grammar, const char *what,
                      struct buffer *text)
{
    struct constraint_options options = {
        .vocab = fixture->vocab, .grammar = grammar, .thinking_budget = -1};
    struct constraint *constraint;
    struct constraint_walk walk;
    struct octet_error err;
    uint32_t *bits = calloc((size_t)fixture->vocab_size / 32 + 1, sizeof *bits);
    assert_int_equal(constraint_new(&options, &constraint, &err), OCTET_OK);
    assert_int_equal(constraint_walk_init(&walk, grammar, &err), OCTET_OK);
    constraint_walk_start(&walk, grammar->start);
    bool ended = false;
    for (int step = 0; step < STEPS_MAX && !ended; step++) {
        assert_true(constraint_mask(constraint, bits));
        assert_int_equal(constraint_complete(constraint), walk.levels[0].complete);
        if (rng_below(&fixture->rng, 4) == 0 || step == 0)
            check_mask(fixture, &walk, bits, what, text);
        int32_t id = choose(fixture, bits, step);
        assert_true(id >= 0);
        ended = id == fixture->eos;
        constraint_accept(constraint, id);
        size_t size;
        const char *bytes = tokenizer_token_bytes(fixture->tokenizer, id, &size);
        for (size_t i = 0; i < size && !ended; i++) {
            buffer_append_char(text, bytes[i]);
            walk.budget = WALK_BUDGET;
            assert_true(constraint_walk_step(&walk, 0, (uint8_t)bytes[i]));
            constraint_walk_keep(&walk, 1);
        }
    }
    if (ended)
        assert_false(constraint_mask(constraint, bits));
    constraint_walk_free(&walk);
    constraint_free(constraint);
    free(bits);
    return ended;
}

/* Names that repeat in an object are the one thing that a grammar cannot prevent. */
static bool check_text(const char *schema_text, const struct buffer *text)
{
    struct json *schema = NULL, *value = NULL;
    struct octet_error err = {.status = OCTET_OK};
    assert_int_equal(json_parse(schema_text, strlen(schema_text), 1 << 20, "s", &schema, &err), 0);
    octet_status status =
        json_parse(buffer_text(text), text->size, (size_t)1 << 24, "text", &value, &err);
    if (status != OCTET_OK && !strstr(err.message, "duplicate"))
        fail_msg("%s: \"%s\" is not JSON: %s", schema_text, buffer_text(text), err.message);
    if (status == OCTET_OK && !schema_holds(schema, schema, value))
        fail_msg("%s: \"%s\" does not satisfy it", schema_text, buffer_text(text));
    json_free(value);
    json_free(schema);
    return status == OCTET_OK;
}

static void test_schemas(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct grammar *grammar = schema_or_fail(schemas[i]);
        int good = 0;
        for (int walk = 0; walk < WALKS; walk++) {
            struct buffer text;
            buffer_init(&text, (size_t)1 << 24);
            if (walk_once(fixture, grammar, schemas[i], &text))
                good += check_text(schemas[i], &text);
            buffer_free(&text);
        }
        if (good < WALKS / 3)
            fail_msg("%s: only %d of %d texts came to an end", schemas[i], good, WALKS);
        grammar_free(grammar);
    }
}

static void test_expressions(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        struct grammar *grammar = NULL;
        struct octet_error err;
        assert_int_equal(grammar_regex(expressions[i], strlen(expressions[i]), &grammar, &err), 0);
        for (int walk = 0; walk < WALKS; walk++) {
            struct buffer text;
            buffer_init(&text, (size_t)1 << 24);
            if (walk_once(fixture, grammar, expressions[i], &text))
                assert_true(grammar_reads(grammar, buffer_text(&text), text.size));
            buffer_free(&text);
        }
        grammar_free(grammar);
    }
}

static void test_choice(void **state)
{
    struct fixture *fixture = *state;
    const char *const choices[] = {"positive", "negative", "pos", "\xc3\xa9t\xc3\xa9", "neutral"};
    const size_t sizes[] = {8, 8, 3, 5, 7};
    struct grammar *grammar = NULL;
    struct octet_error err;
    assert_int_equal(grammar_choice(choices, sizes, 5, &grammar, &err), OCTET_OK);
    for (int walk = 0; walk < 2 * WALKS; walk++) {
        struct buffer text;
        bool found = false;
        buffer_init(&text, 1 << 16);
        assert_true(walk_once(fixture, grammar, "choice", &text));
        for (size_t i = 0; i < 5; i++)
            found = found || (text.size == sizes[i] &&
                              memcmp(buffer_text(&text), choices[i], sizes[i]) == 0);
        assert_true(found);
        buffer_free(&text);
    }
    grammar_free(grammar);
}

/* Opening brackets stop where they could not be closed any more. */
static void test_depth(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *opens, *closes;
    } items[] = {
        {"{}", "[", "]"},
        {"{\"type\":\"object\"}", "{\"a\":", "}"},
        {"{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"minItems\":0}", "[", "]"},
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        struct grammar *grammar = schema_or_fail(items[i].schema);
        struct buffer text;
        bool complete;
        size_t size = strlen(items[i].opens), levels;
        buffer_init(&text, 1 << 16);
        for (int level = 0; level < 3 * GRAMMAR_DEPTH_MAX; level++)
            buffer_append_str(&text, items[i].opens);
        levels = grammar_prefix(grammar, buffer_text(&text), text.size, &complete) / size;
        assert_in_range(levels, GRAMMAR_DEPTH_MAX - 2, GRAMMAR_DEPTH_MAX + 2);
        text.size = levels * size;
        if (size > 1)
            buffer_append_str(&text, "1");
        for (size_t level = 0; level < levels; level++)
            buffer_append_str(&text, items[i].closes);
        assert_true(grammar_reads(grammar, buffer_text(&text), text.size));
        buffer_free(&text);
        grammar_free(grammar);
    }
}

/* The same with a vocabulary as large as they come, where it is there. */
static void test_large_vocabulary(void **state)
{
    struct fixture *demo = *state;
    const char *path = test_shared_or_skip("test_large_vocabulary", "data/qwen3-tokenizer");
    struct fixture fixture = {.vocab_size = 151936, .eos = 151645, .rng = demo->rng};
    struct octet_error err;
    assert_int_equal(tokenizer_open(path, &fixture.tokenizer, &err), OCTET_OK);
    assert_int_equal(grammar_vocab_new(fixture.tokenizer, fixture.vocab_size, &fixture.eos, 1,
                                       &fixture.vocab, &err),
                     OCTET_OK);
    static const size_t chosen[] = {1, 3, 4, 10, 11};
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        const char *schema = schemas[chosen[i]];
        struct grammar *grammar = schema_or_fail(schema);
        struct buffer text;
        buffer_init(&text, (size_t)1 << 24);
        if (walk_once(&fixture, grammar, schema, &text))
            check_text(schema, &text);
        buffer_free(&text);
        grammar_free(grammar);
    }
    grammar_vocab_free(fixture.vocab);
    tokenizer_close(fixture.tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas),          cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_choice),           cmocka_unit_test(test_depth),
        cmocka_unit_test(test_large_vocabulary),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
