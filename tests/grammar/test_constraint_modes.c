/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the grammar holds: from the beginning, behind thinking, inside tool calls; tags by their
 * tokens and spelled by ordinary ones; the budget of thinking; the end.
 */
#include "grammar/constraint.h"
#include "grammar/grammar_case.h"
#include "support/alloc_fail.h"
#include "support/testing.h"
#include "tokenizer/mini_tokenizer.h"

/* Ids of the mini tokenizer: the bytes, pieces that straddle tags, added tokens. */
enum {
    ID_TOOL_START = 256, /* "<tool" */
    ID_CALL_BRACE,       /* "_call>{" */
    ID_CALL_X,           /* "_call>x" */
    ID_GT_NEWLINE,       /* ">\n\n" */
    ID_GT_BRACE,         /* ">{" */
    ID_GT_X,             /* ">x" */
    ID_THINK = 300,
    ID_THINK_END,
    ID_TOOL_CALL,
    ID_TOOL_CALL_END,
    ID_RESPONSE,
    ID_EOS,
    VOCAB_SIZE = 333,
};

static const char tools_text[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"add\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"ad\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"odd\",\"parameters\":{\"not\":{}}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"none\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{}}}}]";

struct fixture {
    struct tokenizer *tokenizer, *plain; /* with and without the tags as tokens */
    struct grammar_vocab *vocab, *plain_vocab;
    struct grammar *object, *calls, *call, *number;
    struct json *tools;
};

static int setup(void **state)
{
    static const char pieces[] =
        ",\"<tool\":256,\"_call>{\":257,\"_call>x\":258,\">\xc4\x8a\xc4\x8a\":259,"
        "\">{\":260,\">x\":261";
    static const char added[] =
        "[{\"id\":300,\"content\":\"<think>\"},{\"id\":301,\"content\":\"</think>\"},"
        "{\"id\":302,\"content\":\"<tool_call>\"},{\"id\":303,\"content\":\"</tool_call>\"},"
        "{\"id\":304,\"content\":\"<tool_response>\"},"
        "{\"id\":305,\"content\":\"<|im_end|>\",\"special\":true}]";
    static const char end[] = "[{\"id\":305,\"content\":\"<|im_end|>\",\"special\":true}]";
    const int32_t eos = ID_EOS;
    struct mini_tokenizer mini = {.vocab = pieces, .added_tokens = added};
    struct mini_tokenizer plain = {.vocab = pieces, .added_tokens = end};
    struct octet_error err = {.status = OCTET_OK};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    *state = fixture;
    if (mini_tokenizer_open(&mini, &fixture->tokenizer, &err) ||
        mini_tokenizer_open(&plain, &fixture->plain, &err) ||
        grammar_vocab_new(fixture->tokenizer, VOCAB_SIZE, &eos, 1, &fixture->vocab, &err) ||
        grammar_vocab_new(fixture->plain, VOCAB_SIZE, &eos, 1, &fixture->plain_vocab, &err) ||
        json_parse(tools_text, sizeof tools_text - 1, 1 << 20, "tools", &fixture->tools, &err) ||
        grammar_json_object(&fixture->object, &err) ||
        grammar_regex("[0-9]+", 6, &fixture->number, &err) ||
        grammar_tool_calls(fixture->tools, NULL, true, &fixture->calls, &err) ||
        grammar_tool_calls(fixture->tools, "add", false, &fixture->call, &err))
        fail_msg("%s", err.message);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    grammar_free(fixture->call);
    grammar_free(fixture->calls);
    grammar_free(fixture->number);
    grammar_free(fixture->object);
    json_free(fixture->tools);
    grammar_vocab_free(fixture->plain_vocab);
    grammar_vocab_free(fixture->vocab);
    tokenizer_close(fixture->plain);
    tokenizer_close(fixture->tokenizer);
    free(fixture);
    return 0;
}

static struct constraint *begin(const struct constraint_options *options)
{
    struct constraint *constraint = NULL;
    struct octet_error err = {.status = OCTET_OK};
    if (constraint_new(options, &constraint, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return constraint;
}

static bool allows(struct constraint *constraint, int32_t id)
{
    uint32_t bits[(VOCAB_SIZE + 31) / 32];
    return !constraint_mask(constraint, bits) || (bits[id >> 5] >> (id & 31) & 1);
}

static bool is_free(struct constraint *constraint)
{
    uint32_t bits[(VOCAB_SIZE + 31) / 32];
    return !constraint_mask(constraint, bits);
}

static void say(struct constraint *constraint, int32_t id)
{
    if (!allows(constraint, id))
        fail_msg("token %d is refused", id);
    constraint_accept(constraint, id);
}

/* Byte by byte. */
static void spell(struct constraint *constraint, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (!allows(constraint, (uint8_t)text[i]))
            fail_msg("byte %zu of \"%s\" is refused", i, text);
        constraint_accept(constraint, (uint8_t)text[i]);
    }
}

static void test_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct constraint_options options = {
        .vocab = fixture->vocab, .grammar = fixture->number, .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    assert_false(allows(constraint, ID_EOS));
    assert_false(allows(constraint, 'x'));
    assert_false(allows(constraint, ' '));
    assert_false(allows(constraint, ID_THINK));
    assert_false(allows(constraint, VOCAB_SIZE - 1));
    assert_false(constraint_complete(constraint));
    spell(constraint, "12");
    assert_true(allows(constraint, ID_EOS));
    assert_true(allows(constraint, '3'));
    assert_true(constraint_complete(constraint));
    say(constraint, ID_EOS);
    assert_true(is_free(constraint));
    assert_true(constraint_complete(constraint));
    constraint_free(constraint);

    constraint = begin(&options);
    constraint_accept(constraint, 'x');
    assert_true(is_free(constraint));
    assert_false(constraint_complete(constraint));
    constraint_free(constraint);

    options.grammar = fixture->object;
    constraint = begin(&options);
    spell(constraint, "{\"<think>\": \"");
    assert_false(allows(constraint, ID_THINK));
    assert_false(allows(constraint, ID_RESPONSE));
    assert_true(allows(constraint, ID_GT_X));
    assert_false(allows(constraint, ID_GT_NEWLINE));
    spell(constraint, "x\"}");
    assert_true(allows(constraint, ID_EOS));
    assert_false(allows(constraint, ' '));
    constraint_free(constraint);
}

static void think(const struct grammar_vocab *vocab, struct grammar *grammar, bool tokens)
{
    struct constraint_options options = {.vocab = vocab,
                                         .grammar = grammar,
                                         .start = CONSTRAINT_AFTER_THINKING,
                                         .in_thinking = true,
                                         .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    assert_true(is_free(constraint));
    spell(constraint, "any text <think> </thin");
    assert_false(constraint_complete(constraint));
    if (tokens) {
        say(constraint, ID_THINK_END);
    } else {
        spell(constraint, "</think");
        assert_false(allows(constraint, ID_GT_X));
        assert_true(allows(constraint, ID_GT_BRACE));
        assert_true(allows(constraint, 'x'));
        assert_true(allows(constraint, ID_EOS));
        say(constraint, ID_GT_NEWLINE);
        spell(constraint, "\n\n");
        assert_false(allows(constraint, '\n'));
    }
    assert_false(allows(constraint, 'x'));
    assert_false(allows(constraint, ID_EOS));
    spell(constraint, "{\"a\": 1}");
    assert_true(allows(constraint, ID_EOS));
    assert_false(allows(constraint, 'x'));
    constraint_free(constraint);
}

static void test_after_thinking(void **state)
{
    struct fixture *fixture = *state;
    think(fixture->vocab, fixture->object, true);
    think(fixture->vocab, fixture->object, false);
    think(fixture->plain_vocab, fixture->object, false);
}

/* The prompt did not begin the thinking: the text may, or goes to the grammar. */
static void test_maybe_thinking(void **state)
{
    struct fixture *fixture = *state;
    struct constraint_options options = {.vocab = fixture->vocab,
                                         .grammar = fixture->object,
                                         .start = CONSTRAINT_AFTER_THINKING,
                                         .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    assert_false(allows(constraint, 'x'));
    assert_true(allows(constraint, '\n'));
    assert_true(allows(constraint, '<'));
    say(constraint, ID_THINK);
    assert_true(is_free(constraint));
    spell(constraint, "free");
    say(constraint, ID_THINK_END);
    spell(constraint, "\n\n{}");
    assert_true(constraint_complete(constraint));
    constraint_free(constraint);

    constraint = begin(&options);
    spell(constraint, "\n<think");
    say(constraint, ID_GT_X);
    assert_true(is_free(constraint));
    spell(constraint, "free</think>{}");
    assert_true(constraint_complete(constraint));
    constraint_free(constraint);

    constraint = begin(&options);
    spell(constraint, "{}");
    assert_true(constraint_complete(constraint));
    assert_false(is_free(constraint));
    constraint_free(constraint);
}

static void test_budget(void **state)
{
    struct fixture *fixture = *state;
    static const int32_t end_ids[] = {'\n', ID_THINK_END};
    struct constraint_options options = {.vocab = fixture->vocab,
                                         .grammar = fixture->object,
                                         .start = CONSTRAINT_AFTER_THINKING,
                                         .in_thinking = true,
                                         .thinking_budget = 3,
                                         .think_end_ids = end_ids,
                                         .think_end_id_count = 2};
    struct constraint *constraint = begin(&options);
    spell(constraint, "abc");
    assert_false(allows(constraint, 'd'));
    assert_false(allows(constraint, ID_THINK_END));
    spell(constraint, "\n");
    assert_false(allows(constraint, '\n'));
    assert_false(allows(constraint, ID_EOS));
    say(constraint, ID_THINK_END);
    spell(constraint, "{}");
    constraint_free(constraint);

    /* Thinking that ends in time is not cut. */
    constraint = begin(&options);
    spell(constraint, "a");
    say(constraint, ID_THINK_END);
    spell(constraint, "{}");
    constraint_free(constraint);

    /* Without a grammar, thinking that the text begins itself. */
    options.grammar = NULL;
    options.in_thinking = false;
    options.thinking_budget = 0;
    constraint = begin(&options);
    assert_true(is_free(constraint));
    spell(constraint, "\n<think>");
    assert_false(allows(constraint, 'x'));
    spell(constraint, "\n");
    say(constraint, ID_THINK_END);
    assert_true(is_free(constraint));
    spell(constraint, "<think>");
    assert_true(is_free(constraint));
    assert_false(constraint_complete(constraint));
    constraint_free(constraint);

    /* The forced tokens refused: nothing is constrained any more. */
    options.in_thinking = true;
    constraint = begin(&options);
    constraint_accept(constraint, 'x');
    assert_true(is_free(constraint));
    constraint_free(constraint);
}

static const char two_calls[] =
    "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 5}}\n</tool_call>\n"
    "<tool_call>\n{\"name\":\"ad\",\"arguments\":{\"z\":[]}}\n</tool_call>";

static void test_calls(void **state)
{
    struct fixture *fixture = *state;
    static const char *const good[] = {
        two_calls,
        "<tool_call>\n{\"name\": \"odd\", \"arguments\": {\"x\": 1}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"none\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>{\"name\": \"ad\", \"arguments\": {}}</tool_call>",
    };
    static const char *const bad[] = {
        "",
        "<tool_call>\n{\"name\": \"adx\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"none\", \"arguments\": {\"a\": 1}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"ad\", \"arguments\": []}\n</tool_call>",
        "<tool_call>\n{\"arguments\": {}, \"name\": \"ad\"}\n</tool_call>",
        "<tool_call>\n{\"name\": \"ad\", \"arguments\": {}}\n</tool_call>\n",
        "hello",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(grammar_reads(fixture->calls, good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(grammar_reads(fixture->calls, bad[i], strlen(bad[i])));
    const char one[] = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": -3}}\n</tool_call>";
    assert_true(grammar_reads(fixture->call, one, sizeof one - 1));
    assert_false(grammar_reads(fixture->call, two_calls, sizeof two_calls - 1));
    assert_false(grammar_reads(fixture->call, good[2], strlen(good[2])));

    struct constraint_options options = {
        .vocab = fixture->vocab, .grammar = fixture->calls, .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    assert_true(allows(constraint, '<'));
    assert_true(allows(constraint, ID_TOOL_START));
    assert_false(allows(constraint, ID_TOOL_CALL_END));
    say(constraint, ID_TOOL_CALL);
    spell(constraint, "\n{\"name\": \"ad\", \"arguments\": {}}\n");
    assert_false(allows(constraint, ID_EOS));
    say(constraint, ID_TOOL_CALL_END);
    assert_true(allows(constraint, ID_EOS));
    spell(constraint, "\n");
    assert_false(allows(constraint, ID_EOS));
    say(constraint, ID_TOOL_START);
    assert_false(allows(constraint, ID_CALL_X));
    say(constraint, ID_CALL_BRACE);
    constraint_free(constraint);
}

static void lazy(const struct grammar_vocab *vocab, struct grammar *calls, bool tokens)
{
    struct constraint_options options = {
        .vocab = vocab, .grammar = calls, .start = CONSTRAINT_IN_TOOL_CALLS, .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    assert_true(is_free(constraint));
    assert_true(constraint_complete(constraint));
    spell(constraint, "Let me see. <tool_calx <tool");
    if (tokens) {
        spell(constraint, " ");
        say(constraint, ID_TOOL_CALL);
    } else {
        assert_false(allows(constraint, ID_CALL_X));
        assert_true(allows(constraint, ID_GT_X));
        assert_true(allows(constraint, ID_CALL_BRACE));
        spell(constraint, "_call>");
    }
    assert_false(constraint_complete(constraint));
    assert_false(allows(constraint, 'x'));
    assert_false(allows(constraint, ID_EOS));
    spell(constraint, "\n{\"name\": \"add\", \"arguments\": {\"a\": 1");
    spell(constraint, "}}\n");
    assert_false(allows(constraint, ID_EOS));
    if (tokens)
        say(constraint, ID_TOOL_CALL_END);
    else {
        spell(constraint, "</tool_call");
        say(constraint, ID_GT_X); /* free text begins inside this token */
    }
    assert_true(is_free(constraint));
    assert_true(constraint_complete(constraint));
    spell(constraint, "and ");
    say(constraint, ID_TOOL_START);
    say(constraint, ID_CALL_BRACE);
    assert_false(allows(constraint, '}'));
    spell(constraint, "\"name\":\"ad\",\"arguments\":{}}</tool_call>");
    say(constraint, ID_EOS);
    assert_true(is_free(constraint));
    constraint_free(constraint);
}

static void test_lazy_calls(void **state)
{
    struct fixture *fixture = *state;
    lazy(fixture->vocab, fixture->calls, true);
    lazy(fixture->vocab, fixture->calls, false);
    lazy(fixture->plain_vocab, fixture->calls, false);

    struct constraint *constraint = NULL;
    struct octet_error err;
    struct constraint_options options = {
        .vocab = fixture->vocab, .grammar = fixture->object, .start = CONSTRAINT_IN_TOOL_CALLS};
    assert_int_equal(constraint_new(&options, &constraint, &err), OCTET_USAGE);

    /* A call inside thinking ends the thinking, and its budget with it. */
    static const int32_t end_ids[] = {ID_THINK_END};
    options = (struct constraint_options){.vocab = fixture->vocab,
                                          .grammar = fixture->calls,
                                          .start = CONSTRAINT_IN_TOOL_CALLS,
                                          .in_thinking = true,
                                          .thinking_budget = 3,
                                          .think_end_ids = end_ids,
                                          .think_end_id_count = 1};
    constraint = begin(&options);
    spell(constraint, "a");
    say(constraint, ID_TOOL_CALL);
    spell(constraint, "{\"name\": \"ad\", \"arguments\": {}}");
    say(constraint, ID_TOOL_CALL_END);
    spell(constraint, "free text beyond");
    constraint_free(constraint);
}

static void test_vocabulary_without_a_way(void **state)
{
    struct fixture *fixture = *state;
    struct grammar_vocab *empty = NULL;
    struct constraint *constraint = NULL;
    struct octet_error err;
    assert_int_equal(grammar_vocab_new(fixture->tokenizer, 'a', NULL, 0, &empty, &err), OCTET_OK);
    struct grammar *grammar = NULL;
    assert_int_equal(grammar_regex("0[a-z]", 6, &grammar, &err), OCTET_OK);
    struct constraint_options options = {
        .vocab = empty, .grammar = fixture->object, .thinking_budget = -1};
    assert_int_equal(constraint_new(&options, &constraint, &err), OCTET_INPUT);
    assert_contains(err.message, "no token");
    /* Letters are missing, so there is no way behind "0": nothing is constrained then. */
    options.grammar = grammar;
    constraint = begin(&options);
    spell(constraint, "0");
    assert_true(is_free(constraint));
    constraint_free(constraint);
    grammar_free(grammar);
    grammar_vocab_free(empty);
}

/* Everything that allocates, once with every allocation refused in turn. */
static octet_status scenario(const struct fixture *fixture, const struct json *schema)
{
    const int32_t eos = ID_EOS;
    const char *const choices[] = {"a", "bc"};
    const size_t sizes[] = {1, 2};
    struct grammar_vocab *vocab = NULL;
    struct grammar *grammars[5] = {NULL};
    struct constraint *constraint = NULL;
    struct octet_error err;
    octet_status status = grammar_vocab_new(fixture->tokenizer, VOCAB_SIZE, &eos, 1, &vocab, &err);
    if (status == OCTET_OK)
        status = grammar_json_object(&grammars[0], &err);
    if (status == OCTET_OK)
        status = grammar_regex("[a-c]+(x|y){2,3}", 16, &grammars[1], &err);
    if (status == OCTET_OK)
        status = grammar_choice(choices, sizes, 2, &grammars[2], &err);
    if (status == OCTET_OK)
        status = grammar_tool_calls(fixture->tools, NULL, true, &grammars[3], &err);
    if (status == OCTET_OK)
        status = grammar_json_schema(schema, &grammars[4], &err);
    struct constraint_options options = {
        .vocab = vocab, .grammar = grammars[4], .thinking_budget = -1};
    if (status == OCTET_OK)
        status = constraint_new(&options, &constraint, &err);
    constraint_free(constraint);
    for (size_t i = 0; i < 5; i++)
        grammar_free(grammars[i]);
    grammar_vocab_free(vocab);
    return status;
}

static void test_memory(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",1,[2]]},\"b\":{\"type\":"
        "\"string\","
        "\"pattern\":\"^a{2}$\",\"maxLength\":4},\"c\":{\"$ref\":\"#/$defs/"
        "X\"},\"d\":{\"type\":\"array\","
        "\"items\":{\"type\":\"number\",\"minimum\":1},\"minItems\":2}},\"additionalProperties\":"
        "true,"
        "\"required\":[\"a\",\"z\"],\"$defs\":{\"X\":{\"const\":{\"k\":\"v\"}}}}";
    struct json *schema = NULL;
    struct octet_error err;
    assert_int_equal(json_parse(text, sizeof text - 1, 1 << 20, "s", &schema, &err), OCTET_OK);
    size_t tried = 0;
    for (bool refused = true; refused; tried++) {
        long outstanding;
        alloc_fail_begin(tried);
        octet_status status = scenario(fixture, schema);
        refused = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        if (status != (refused ? OCTET_MEMORY : OCTET_OK) && !(refused && status == OCTET_OK))
            fail_msg("allocation %zu: status %d", tried, status);
    }
    assert_true(tried > 100);
    json_free(schema);
}

/* The engine's thread: masks and accepted tokens allocate nothing. */
static void test_no_allocation(void **state)
{
    struct fixture *fixture = *state;
    struct constraint_options options = {.vocab = fixture->vocab,
                                         .grammar = fixture->calls,
                                         .start = CONSTRAINT_IN_TOOL_CALLS,
                                         .thinking_budget = -1};
    struct constraint *constraint = begin(&options);
    long outstanding;
    alloc_fail_begin(0);
    spell(constraint, "free <tool_call>\n{\"name\": \"ad\", \"arguments\": {\"a\": [1, {\"b\": "
                      "\"c\"}]}}\n</tool_call>");
    assert_false(alloc_fail_end(&outstanding));
    constraint_free(constraint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_after_thinking),
        cmocka_unit_test(test_maybe_thinking),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_lazy_calls),
        cmocka_unit_test(test_vocabulary_without_a_way),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
