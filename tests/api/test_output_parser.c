/* SPDX-License-Identifier: Apache-2.0 */
/* Reasoning, content and tool calls of recorded and random texts, however they are cut. */
#include "support/testing.h"

#include "api/json_scanner.h"
#include "api/output_parser.h"
#include "api/parser_cases.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "support/alloc_fail.h"

#define CALLS_MAX 32
#define LIMIT ((size_t)1 << 24)

/* All that a parser said. */
struct outcome {
    struct buffer reasoning, content;
    size_t calls;
    char *names[CALLS_MAX];
    char ids[CALLS_MAX][48];
    struct buffer arguments[CALLS_MAX];
    bool failed;
};

static void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    buffer_init(&outcome->reasoning, LIMIT);
    buffer_init(&outcome->content, LIMIT);
    for (size_t i = 0; i < CALLS_MAX; i++)
        buffer_init(&outcome->arguments[i], LIMIT);
}

static void outcome_free(struct outcome *outcome)
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        buffer_free(&outcome->arguments[i]);
        free(outcome->names[i]);
    }
    buffer_free(&outcome->content);
    buffer_free(&outcome->reasoning);
}

static void take(struct outcome *outcome, const struct output_delta *delta)
{
    buffer_append(&outcome->reasoning, buffer_text(&delta->reasoning), delta->reasoning.size);
    buffer_append(&outcome->content, buffer_text(&delta->content), delta->content.size);
    assert_true(utf8_valid(buffer_text(&delta->reasoning), delta->reasoning.size));
    assert_true(utf8_valid(buffer_text(&delta->content), delta->content.size));
    for (size_t i = 0; i < delta->tool_count; i++) {
        const struct tool_delta *tool = &delta->tools[i];
        assert_true(utf8_valid(buffer_text(&tool->arguments), tool->arguments.size));
        if (tool->begins) {
            assert_int_equal(tool->index, outcome->calls);
            assert_true(outcome->calls < CALLS_MAX);
            assert_int_equal(tool->arguments.size, 0);
            assert_int_equal(strlen(tool->id), strlen("chatcmpl-tool-") + 32);
            memcpy(outcome->ids[outcome->calls], tool->id, sizeof tool->id);
            outcome->names[outcome->calls++] = strdup(tool->name);
        } else {
            assert_int_equal(tool->index + 1, outcome->calls);
            assert_true(tool->arguments.size > 0);
            buffer_append(&outcome->arguments[tool->index], tool->arguments.data,
                          tool->arguments.size);
        }
    }
}

/* Feed text in the pieces that end at cuts[0..count); *outcome is initialised here. */
static void parse(const struct output_rules *rules, const char *text, size_t size,
                  const size_t *cuts, size_t count, struct outcome *outcome)
{
    struct output_parser *parser;
    struct octet_error err;
    struct output_delta delta;
    outcome_init(outcome);
    if (output_parser_new(rules, 7, &parser, &err) != OCTET_OK) {
        outcome->failed = true;
        return;
    }
    output_delta_init(&delta);
    size_t from = 0;
    for (size_t i = 0; i <= count && !outcome->failed; i++) {
        size_t to = i < count ? cuts[i] : size;
        output_delta_clear(&delta);
        /* An exact copy, so that the sanitizer sees a read beyond it. */
        char *piece = malloc(to - from + 1);
        assert_non_null(piece);
        memcpy(piece, text + from, to - from);
        outcome->failed = !output_parser_push(parser, piece, to - from, &delta);
        free(piece);
        if (!outcome->failed)
            take(outcome, &delta);
        from = to;
    }
    output_delta_clear(&delta);
    if (!outcome->failed) {
        outcome->failed = !output_parser_finish(parser, &delta);
        if (!outcome->failed) {
            take(outcome, &delta);
            assert_int_equal(output_parser_tool_calls(parser), outcome->calls);
        }
    }
    output_delta_free(&delta);
    output_parser_free(parser);
}

static struct outcome parse_whole(const struct output_rules *rules, const char *text, size_t size)
{
    struct outcome outcome;
    parse(rules, text, size, NULL, 0, &outcome);
    assert_false(outcome.failed);
    return outcome;
}

static bool same_buffer(const struct buffer *a, const struct buffer *b)
{
    return a->size == b->size && memcmp(buffer_text(a), buffer_text(b), a->size) == 0;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    if (!same_buffer(&a->reasoning, &b->reasoning) || !same_buffer(&a->content, &b->content) ||
        a->calls != b->calls)
        return false;
    for (size_t i = 0; i < a->calls; i++)
        if (strcmp(a->names[i], b->names[i]) != 0 || strcmp(a->ids[i], b->ids[i]) != 0 ||
            !same_buffer(&a->arguments[i], &b->arguments[i]))
            return false;
    return true;
}

/* Cutting at these places, moved back to a code point's border, changes nothing. */
static void check_cuts(const struct output_rules *rules, const char *text, size_t size,
                       const size_t *wanted, size_t count, const struct outcome *whole)
{
    size_t *cuts = calloc(count + 1, sizeof *cuts), kept = 0;
    assert_non_null(cuts);
    for (size_t i = 0; i < count; i++) {
        size_t cut = wanted[i];
        while (cut > 0 && cut < size && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        if (cut > (kept ? cuts[kept - 1] : 0) && cut < size)
            cuts[kept++] = cut;
    }
    struct outcome pieces;
    parse(rules, text, size, cuts, kept, &pieces);
    assert_false(pieces.failed);
    if (!same(whole, &pieces)) {
        printf("text: %s\ncuts:", text);
        for (size_t i = 0; i < kept; i++)
            printf(" %zu", cuts[i]);
        printf("\nwhole: [%s] [%s] %zu calls\npieces: [%s] [%s] %zu calls\n",
               buffer_text(&whole->reasoning), buffer_text(&whole->content), whole->calls,
               buffer_text(&pieces.reasoning), buffer_text(&pieces.content), pieces.calls);
        fail_msg("the result depends on how the text is cut");
    }
    outcome_free(&pieces);
    free(cuts);
}

static void check_all_cuts(const struct output_rules *rules, const char *text, size_t size,
                           struct rng *rng)
{
    struct outcome whole = parse_whole(rules, text, size);
    size_t *cuts = calloc(size + 1, sizeof *cuts);
    assert_non_null(cuts);
    if (size <= 200)
        for (size_t cut = 1; cut < size; cut++)
            check_cuts(rules, text, size, &cut, 1, &whole);
    for (size_t step = 1; step <= 8; step++) {
        size_t count = 0;
        for (size_t cut = step; cut < size; cut += step)
            cuts[count++] = cut;
        check_cuts(rules, text, size, cuts, count, &whole);
    }
    for (int round = 0; round < 20; round++) {
        size_t count = 0;
        for (size_t cut = 1; cut < size; cut++)
            if (rng_below(rng, 1 + (uint64_t)round) == 0)
                cuts[count++] = cut;
        check_cuts(rules, text, size, cuts, count, &whole);
    }
    free(cuts);
    outcome_free(&whole);
}

static struct json *load_tools(void)
{
    struct json *tools;
    struct octet_error err;
    if (json_parse(parser_case_tools, strlen(parser_case_tools), LIMIT, "tools", &tools, &err) !=
        OCTET_OK)
        fail_msg("%s", err.message);
    return tools;
}

static struct output_rules case_rules(const struct parser_case *example, const struct json *tools)
{
    return (struct output_rules){
        .reasoning = example->no_reasoning ? REASONING_NONE : REASONING_QWEN3,
        .start = example->start,
        .tools = example->tools,
        .parallel_tool_calls = !example->first_call_only,
        .tool_schemas = tools,
    };
}

static void test_cases(void **state)
{
    (void)state;
    struct json *tools = load_tools();
    for (size_t i = 0; i < parser_case_count; i++) {
        const struct parser_case *example = &parser_cases[i];
        struct output_rules rules = case_rules(example, tools);
        struct outcome outcome = parse_whole(&rules, example->text, strlen(example->text));
        size_t calls = 0;
        while (calls < CASE_CALLS_MAX && example->calls[calls].name)
            calls++;
        bool right = strcmp(buffer_text(&outcome.reasoning), example->reasoning) == 0 &&
                     strcmp(buffer_text(&outcome.content), example->content) == 0 &&
                     outcome.calls == calls;
        for (size_t k = 0; right && k < calls; k++)
            right = strcmp(outcome.names[k], example->calls[k].name) == 0 &&
                    strcmp(buffer_text(&outcome.arguments[k]), example->calls[k].arguments) == 0;
        if (!right)
            fail_msg("%s: reasoning [%s] content [%s] %zu calls, first [%s] [%s]", example->name,
                     buffer_text(&outcome.reasoning), buffer_text(&outcome.content), outcome.calls,
                     outcome.calls ? outcome.names[0] : "",
                     outcome.calls ? buffer_text(&outcome.arguments[0]) : "");
        outcome_free(&outcome);
    }
    json_free(tools);
}

static void test_every_cut(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed()};
    struct json *tools = load_tools();
    for (size_t i = 0; i < parser_case_count; i++) {
        const struct parser_case *example = &parser_cases[i];
        struct output_rules rules = case_rules(example, tools);
        check_all_cuts(&rules, example->text, strlen(example->text), &rng);
    }
    json_free(tools);
}

/* Fragments that texts of models are made of, put together at random. */
static const char *const fragments[] = {
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "\n",
    "\n\n",
    " ",
    "Hello",
    "<",
    "</",
    "{",
    "}",
    "\"",
    "\\",
    "[",
    "]",
    ",",
    ":",
    "\xe4\xbd\xa0",
    "\xf0\x9f\x98\x80",
    "{\"name\": \"f\"",
    ", \"arguments\": ",
    "{\"name\": \"f\", \"arguments\": {\"x\": 1}}",
    "\"{\\\"a\\\": 1}\"",
    "{}",
    "null",
    "-12.5e3",
    "tru",
    "<function=f>",
    "<function=typed>",
    "</function>",
    "<parameter=i>",
    "<parameter=s>",
    "</parameter>",
    "7",
    "<tool_",
    "call>",
    "<func",
    "tion=",
    "\x01",
    "\t",
    "<tool_call>\n{\"name\": \"g\", \"arguments\": {\"k\": \"v",
    "\"}}\n</tool_call>",
};
#define FRAGMENT_COUNT (sizeof fragments / sizeof fragments[0])

static void test_random_texts(void **state)
{
    (void)state;
    struct rng rng = {.seed = test_seed(), .stream = 1};
    struct json *tools = load_tools();
    for (int round = 0; round < 600; round++) {
        struct buffer text;
        buffer_init(&text, LIMIT);
        size_t count = 1 + rng_below(&rng, 24);
        for (size_t i = 0; i < count; i++)
            buffer_append_str(&text, fragments[rng_below(&rng, FRAGMENT_COUNT)]);
        struct output_rules rules = {
            .reasoning = rng_below(&rng, 4) ? REASONING_QWEN3 : REASONING_NONE,
            .start = (enum reasoning_start)rng_below(&rng, 3),
            .tools = (enum tool_format)rng_below(&rng, 3),
            .parallel_tool_calls = rng_below(&rng, 2) != 0,
            .tool_schemas = rng_below(&rng, 2) ? tools : NULL,
        };
        check_all_cuts(&rules, text.data, text.size, &rng);
        buffer_free(&text);
    }
    json_free(tools);
}

/* What is certain is shown at once: nothing waits for the end of the text. */
static void test_arguments_come_as_they_are_written(void **state)
{
    (void)state;
    struct output_rules rules = {.reasoning = REASONING_QWEN3,
                                 .start = REASONING_CLOSED,
                                 .tools = TOOLS_HERMES,
                                 .parallel_tool_calls = true};
    static const struct {
        const char *push, *content, *name, *arguments;
    } steps[] = {
        {"Well", "Well", NULL, ""},
        {", <", ", ", NULL, ""},
        {"tool_call>\n{\"name\": \"f\", \"argu", "", NULL, ""},
        {"ments\": {", "", "f", "{"},
        {"\"a\"", "", NULL, "\"a\""},
        {": \"b", "", NULL, ": \"b"},
        {"\"}", "", NULL, "\"}"},
        {"}\n</tool_call>", "", NULL, ""},
    };
    struct output_parser *parser;
    struct octet_error err;
    struct output_delta delta;
    output_delta_init(&delta);
    assert_int_equal(output_parser_new(&rules, 1, &parser, &err), OCTET_OK);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        output_delta_clear(&delta);
        assert_true(output_parser_push(parser, steps[i].push, strlen(steps[i].push), &delta));
        assert_string_equal(buffer_text(&delta.content), steps[i].content);
        size_t at = 0;
        if (steps[i].name) {
            assert_true(delta.tool_count > 0 && delta.tools[0].begins);
            assert_string_equal(delta.tools[at++].name, steps[i].name);
        }
        const char *arguments =
            at < delta.tool_count ? buffer_text(&delta.tools[at++].arguments) : "";
        assert_string_equal(arguments, steps[i].arguments);
        assert_int_equal(delta.tool_count, at);
    }
    output_parser_free(parser);
    output_delta_free(&delta);
}

static void test_ids_depend_on_the_seed(void **state)
{
    (void)state;
    struct output_rules rules = {.tools = TOOLS_HERMES, .parallel_tool_calls = true};
    static const char text[] = "<tool_call>{\"name\": \"f\"}</tool_call>"
                               "<tool_call>{\"name\": \"f\"}</tool_call>";
    char ids[3][48];
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct output_parser *parser;
        struct octet_error err;
        struct output_delta delta;
        output_delta_init(&delta);
        assert_int_equal(output_parser_new(&rules, seed, &parser, &err), OCTET_OK);
        assert_true(output_parser_push(parser, text, strlen(text), &delta));
        assert_int_equal(output_parser_tool_calls(parser), 2);
        for (size_t i = 0, call = 0; i < delta.tool_count; i++)
            if (delta.tools[i].begins && (seed == 1 || call == 0)) {
                memcpy(ids[seed == 1 ? call : 2], delta.tools[i].id, sizeof ids[0]);
                call++;
            }
        output_parser_free(parser);
        output_delta_free(&delta);
    }
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(ids[i], "chatcmpl-tool-", 14);
        assert_int_equal(strspn(ids[i] + 14, "0123456789abcdef"), 32);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[0], ids[2]);
}

static void test_reasoning_is_told(void **state)
{
    (void)state;
    struct output_rules rules = {.reasoning = REASONING_QWEN3};
    struct output_parser *parser;
    struct octet_error err;
    struct output_delta delta;
    output_delta_init(&delta);
    assert_int_equal(output_parser_new(&rules, 1, &parser, &err), OCTET_OK);
    assert_false(output_parser_reasoning_seen(parser));
    assert_true(output_parser_push(parser, "<think>", 7, &delta));
    assert_true(output_parser_reasoning_seen(parser) && output_parser_in_reasoning(parser));
    assert_true(output_parser_push(parser, "x</think>", 9, &delta));
    assert_true(output_parser_reasoning_seen(parser) && !output_parser_in_reasoning(parser));
    output_parser_free(parser);
    rules.start = REASONING_OPEN;
    assert_int_equal(output_parser_new(&rules, 1, &parser, &err), OCTET_OK);
    assert_true(output_parser_reasoning_seen(parser) && output_parser_in_reasoning(parser));
    output_parser_free(parser);
    output_delta_free(&delta);
}

static void test_json_scanner(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char first;
    } values[] = {
        {"{}", '{'},       {" [1, -2.5e+7, \"\\u00e9\\n\"] ", '['},
        {"0", '0'},        {"-0.5", '-'},
        {"true", 't'},     {"null ", 'n'},
        {"\"a\nb\"", '"'}, {"{\"a\":{\"b\":[]}}", '{'},
        {"", 0},           {"{", 0},
        {"01", 0},         {"1.", 0},
        {"-", 0},          {"1e", 0},
        {"tru", 0},        {"truth", 0},
        {"\"\\x\"", 0},    {"\"\\u12g4\"", 0},
        {"[1,]", 0},       {"{\"a\":1,}", 0},
        {"{a:1}", 0},      {"{\"a\" 1}", 0},
        {"[1 2]", 0},      {"[1}", 0},
        {"{} {}", 0},      {"1 2", 0},
        {"\"open", 0},     {"NaN", 0},
        {"{\"a\":1]", 0},  {"'x'", 0},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (json_scanner_check(values[i].text, strlen(values[i].text)) != values[i].first)
            fail_msg("%s", values[i].text);
    char deep[2 * JSON_SCANNER_DEPTH_MAX + 2];
    memset(deep, '[', JSON_SCANNER_DEPTH_MAX + 1);
    memset(deep + JSON_SCANNER_DEPTH_MAX + 1, ']', JSON_SCANNER_DEPTH_MAX + 1);
    assert_int_equal(json_scanner_check(deep, sizeof deep), 0);
    assert_int_equal(json_scanner_check(deep + 1, sizeof deep - 2), '[');
}

/* Out of memory at every allocation in turn: false or OCTET_MEMORY, and nothing leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    struct json *tools = load_tools();
    for (size_t i = 0; i < parser_case_count; i++) {
        const struct parser_case *example = &parser_cases[i];
        struct output_rules rules = case_rules(example, tools);
        for (size_t n = 0;; n++) {
            struct output_parser *parser = NULL;
            struct output_delta delta;
            long outstanding;
            alloc_fail_begin(n);
            output_delta_init(&delta);
            bool ok = output_parser_new(&rules, 1, &parser, NULL) == OCTET_OK &&
                      output_parser_push(parser, example->text, strlen(example->text), &delta) &&
                      output_parser_finish(parser, &delta);
            output_parser_free(parser);
            output_delta_free(&delta);
            bool refused = alloc_fail_end(&outstanding);
            assert_int_equal(outstanding, 0);
            if (ok == refused)
                fail_msg("%s: allocation %zu: ok %d", example->name, n, ok);
            if (!refused)
                break;
        }
    }
    json_free(tools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_arguments_come_as_they_are_written),
        cmocka_unit_test(test_ids_depend_on_the_seed),
        cmocka_unit_test(test_reasoning_is_told),
        cmocka_unit_test(test_json_scanner),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
