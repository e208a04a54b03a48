/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small templates against Python's Jinja. What Jinja refuses when it parses, octet refuses when it
 * compiles; what Jinja refuses when it renders, octet refuses then with the same text, or already
 * when it compiles, where the reason is a name that octet does not know.
 */
#include "template/render_case.h"

#include "base/json.h"

struct cases {
    struct json *variables[64];
    size_t passed, total;
};

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && !strcmp(text + size - tail, end);
}

/* The messages of compilation that may stand for Python's error at rendering. */
static bool is_refusal(const char *message)
{
    return strstr(message, ": unknown function '") || strstr(message, ": unknown filter '") ||
           strstr(message, ": unknown test '");
}

static bool check_refusal(const struct json *line, const char *source, const char *message)
{
    const char *own = json_string(json_get(line, "octet"));
    bool error = json_get(line, "error") && is_refusal(message);
    bool same = own ? ends_with(message, own) : error || json_get(line, "syntax_error");
    if (!strstr(message, "case:1:") && !strstr(message, "case:2:") && !strstr(message, "case:3:"))
        same = false; /* every message names a line and a column */
    if (!same)
        printf("%s\n  refused: %s\n", source, message);
    return same;
}

static bool check_template(const struct json *line, const struct json *variables)
{
    struct octet_error err = {.status = OCTET_OK};
    struct chat_template *chat_template = NULL;
    size_t size = 0;
    const char *source = json_string_n(json_get(line, "template"), &size);
    const char *own = json_string(json_get(line, "octet"));
    if (chat_template_compile(source, size, "case", &chat_template, &err) != OCTET_OK)
        return check_refusal(line, source, err.message);
    bool same = false;
    if (json_get(line, "syntax_error"))
        printf("%s\n  compiled; expected %s\n", source,
               json_string(json_get(line, "syntax_error")));
    else
        same = render_matches(chat_template, variables, source,
                              own ? NULL : json_get(line, "rendered"),
                              own ? own : json_string(json_get(line, "error")));
    chat_template_free(chat_template);
    return same;
}

static void check_line(const struct json *line, void *context)
{
    struct cases *cases = context;
    int64_t set = json_integer(json_get(line, "set"), -1);
    assert_in_range(set, 0, 63);
    if (!json_get(line, "template")) {
        cases->variables[set] = json_copy(json_get(line, "variables"));
        return;
    }
    cases->total++;
    cases->passed += check_template(line, cases->variables[set]);
}

static void test_cases(void **state)
{
    (void)state;
    struct cases cases = {0};
    render_each_line("tests/golden/template/cases.jsonl", check_line, &cases);
    printf("cases.jsonl: %zu/%zu\n", cases.passed, cases.total);
    for (size_t i = 0; i < 64; i++)
        json_free(cases.variables[i]);
    assert_true(cases.total > 1000);
    assert_int_equal(cases.passed, cases.total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
