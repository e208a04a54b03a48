/* SPDX-License-Identifier: Apache-2.0 */
/* What octet refuses and why; limits; memory that runs out; many threads; the clock. */
#include "template/render_case.h"

#include <pthread.h>
#include <time.h>
#include "base/json.h"

#define LIMIT ((size_t)1 << 20)

/* The variables that most tests use. */
static const char chat[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
    "\"content\": \"Yes?\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, "
    "null]}}]}, {\"role\": \"user\", \"content\": \"a\\u0000b\"}], \"tools\": [{\"x\": {\"y\": "
    "1}}], \"add_generation_prompt\": true}";

static octet_status render_source(const char *source, size_t size, const char *variables,
                                  struct buffer *out, struct octet_error *err)
{
    struct chat_template *chat_template = NULL;
    struct json *values = NULL;
    buffer_init(out, LIMIT);
    octet_status status = chat_template_compile(source, size, "t.jinja", &chat_template, err);
    if (status == OCTET_OK)
        status = json_parse(variables, strlen(variables), LIMIT, "variables", &values, err);
    if (status == OCTET_OK)
        status = chat_template_render(chat_template, values, out, err);
    json_free(values);
    chat_template_free(chat_template);
    return status;
}

static void check(const char *source, octet_status wanted, const char *message)
{
    struct octet_error err = {.status = OCTET_OK};
    struct buffer out;
    octet_status status = render_source(source, strlen(source), chat, &out, &err);
    if (status != wanted || strcmp(status ? err.message : buffer_text(&out), message) != 0)
        fail_msg("%.200s\n  found %s: %s\n  wanted %s", source, octet_status_text(status),
                 status ? err.message : buffer_text(&out), message);
    buffer_free(&out);
}

/* All of these compile in Python; octet says at once, and where, that it does not do them. */
static void test_unsupported(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{{ messages | nope }}", "t.jinja:1:15: unknown filter 'nope'"},
        {"ab\n  {{ messages | xmlattr }}", "t.jinja:2:17: unknown filter 'xmlattr'"},
        {"{% filter pprint %}{% endfilter %}", "t.jinja:1:11: unknown filter 'pprint'"},
        {"{{ messages | map('nope') }}", "t.jinja:1:19: unknown filter 'nope'"},
        {"{{ messages | selectattr('role', 'nope') }}", "t.jinja:1:34: unknown test 'nope'"},
        {"{{ 1 is nope }}", "t.jinja:1:9: unknown test 'nope'"},
        {"{{ lipsum() }}", "t.jinja:1:4: unknown function 'lipsum'"},
        {"é{% if false %}{{ nope(1) }}{% endif %}", "t.jinja:1:19: unknown function 'nope'"},
        {"{% include 'x' %}", "t.jinja:1:4: the tag 'include' is not supported"},
        {"{% extends 'x' %}", "t.jinja:1:4: the tag 'extends' is not supported"},
        {"{% import 'x' as y %}", "t.jinja:1:4: the tag 'import' is not supported"},
        {"{% from 'x' import y %}", "t.jinja:1:4: the tag 'from' is not supported"},
        {"{% block a %}{% endblock %}", "t.jinja:1:4: the tag 'block' is not supported"},
        {"{% autoescape true %}{% endautoescape %}",
         "t.jinja:1:4: the tag 'autoescape' is not supported"},
        {"{{ self.a() }}", "t.jinja:1:4: 'self' (template inheritance) is not supported"},
        {"{{ 'a'.encode() }}", "t.jinja:1:14: the method 'encode' is not supported"},
        {"{{ messages[1:2, 3] }}", "t.jinja:1:12: a slice among several indices is not supported"},
        {"{{ '\\N{DASH}' }}", "t.jinja:1:4: \\N{...} escapes are not supported"},
        {"{{ '\\ud83d' }}", "t.jinja:1:4: a surrogate is not a character"},
        {"{{ é }}", "t.jinja:1:4: unexpected char 'é'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(cases[i][0], OCTET_INPUT, cases[i][1]);
}

/* Errors of a running template say where, but what the template itself says comes alone. */
static void test_places(void **state)
{
    (void)state;
    check("{{ raise_exception('No ' ~ messages[0].role) }}", OCTET_INPUT, "No user");
    check("a\n\n {{ messages[0].content +\n none }}", OCTET_INPUT,
          "t.jinja:3:25: TypeError: can only concatenate str (not \"NoneType\") to str");
    check("{% for m in messages %}{{ m.nope.x }}{% endfor %}", OCTET_INPUT,
          "t.jinja:1:33: UndefinedError: 'dict object' has no attribute 'nope'");
    check("{{ messages[2].content | length }}{{ messages[2].content | tojson }}", OCTET_OK,
          "3\"a\\u0000b\"");
}

/* count times text, with a head and a tail. */
static char *repeated(const char *head, const char *text, size_t count, const char *tail)
{
    size_t unit = strlen(text), start = strlen(head);
    char *out = malloc(start + unit * count + strlen(tail) + 1);
    assert_non_null(out);
    memcpy(out, head, start);
    for (size_t i = 0; i < count; i++)
        memcpy(out + start + i * unit, text, unit);
    memcpy(out + start + unit * count, tail, strlen(tail) + 1);
    return out;
}

static void check_limit(char *source, const char *part)
{
    struct octet_error err = {.status = OCTET_OK};
    struct buffer out;
    octet_status status = render_source(source, strlen(source), chat, &out, &err);
    if (status != OCTET_LIMIT || !strstr(err.message, part))
        fail_msg("%.60s...\n  found %s: %s", source, octet_status_text(status), err.message);
    buffer_free(&out);
    free(source);
}

static void test_source_limits(void **state)
{
    (void)state;
    check_limit(repeated("", "x", LIMIT + 1, ""), "more than 1048576");
    check_limit(repeated("{{ ", "(", 100000, ""), "more than 200 open brackets");
    check_limit(repeated("{{ ", "not ", 100000, "1 }}"), "nested deeper than 200 levels");
    check_limit(repeated("{{ ", "-", 100000, "1 }}"), "nested deeper than 200 levels");
    check_limit(repeated("{{ 1 ", "if 1 else 1 ", 80000, "}}"), "nested deeper than 200 levels");
    check_limit(repeated("", "{% if 1 %}", 100000, ""), "nested deeper than 200 levels");
    check_limit(repeated("{{ 1", "+1", 100000, " }}"), "nested deeper than 300 levels");
    check_limit(repeated("{{ 1", "|abs", 100000, " }}"), "nested deeper than 300 levels");
    check_limit(repeated("{{ x", ".x", 100000, " }}"), "nested deeper than 300 levels");
}

static void test_run_limits(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% set x = [0] * 10000 %}{{ (x * 3000) | length }}",
        "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ 'b' in x }}{% endfor %}",
        "{% set x = 'a' * 500000 %}{{ x.rfind('b' + x[:250000]) }}{{ x.strip(x) }}{{ x.strip(x) }}",
    };
    for (size_t i = 0; i < 3; i++)
        check_limit(repeated("", steps[i], 1, ""), "more than 20000000 steps");
    check_limit(repeated("",
                         "{% set n = namespace(x='abcdefgh') %}{% for i in range(60) %}"
                         "{% set n.x = n.x ~ n.x %}{% endfor %}",
                         1, ""),
                "MiB of memory");
    check_limit(repeated("", "{{ 'a' * 5000000 }}", 1, ""), "writes more than 1048576 bytes");
    check_limit(repeated("", "{{ 'a' * 9223372036854775807 }}", 1, ""), "repeats a string");
    check_limit(repeated("", "{{ 'a'.center(9223372036854775807) }}", 1, ""), "pads to");
    check("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", OCTET_INPUT,
          "t.jinja:1:19: RecursionError: maximum recursion depth exceeded");
    check("{% set n = namespace(x=[]) %}{% for i in range(2000) %}{% set n.x = [n.x] %}{% endfor %}"
          "{{ n.x }}",
          OCTET_INPUT,
          "t.jinja:1:89: RecursionError: maximum recursion depth exceeded while getting the repr "
          "of an object");
    check("{% set n = namespace(x=[]) %}{% for i in range(2000) %}{% set n.x = [n.x] %}{% endfor %}"
          "{{ n.x|tojson }}",
          OCTET_INPUT,
          "t.jinja:1:96: RecursionError: maximum recursion depth exceeded while encoding a JSON "
          "object");
    check("{{ 9223372036854775807 + 1 }}", OCTET_INPUT,
          "t.jinja:1:24: OverflowError: arithmetic on integers beyond 64 bits is not supported");
}

/* Text that grows by appending stays within a memory limit that its square would break. */
static void test_appending(void **state)
{
    (void)state;
    check("{% set n = namespace(x='') %}{% for i in range(50000) %}{% set n.x = n.x + '0123456789' "
          "%}{% endfor %}{{ n.x | length }}",
          OCTET_OK, "500000");
    check("{% set n = namespace(x='') %}{% for i in range(50000) %}{% set n.x = n.x ~ i %}"
          "{% endfor %}{{ n.x | length }}",
          OCTET_OK, "238890");
    /* Two strings grown from one do not see each other. */
    check("{% set a = 'x' * 600 + 'y' %}{% set b = a + '1' %}{% set c = a + '2' %}{% set d = b + "
          "'3' %}{{ b[-2:] }}{{ c[-2:] }}{{ d[-3:] }}{{ a[-1] }}",
          OCTET_OK, "y1y2y13y");
}

static void test_clock(void **state)
{
    (void)state;
    char before[64], after[64];
    time_t now = time(NULL);
    struct tm parts;
    struct octet_error err = {.status = OCTET_OK};
    struct buffer out;
    static const char source[] = "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('') }}|";
    strftime(before, sizeof(before), "%d %b %Y||", localtime_r(&now, &parts));
    assert_int_equal(render_source(source, strlen(source), chat, &out, &err), OCTET_OK);
    now = time(NULL);
    strftime(after, sizeof(after), "%d %b %Y||", localtime_r(&now, &parts));
    assert_true(!strcmp(buffer_text(&out), before) || !strcmp(buffer_text(&out), after));
    buffer_free(&out);
}

static void test_bad_source(void **state)
{
    (void)state;
    struct octet_error err = {.status = OCTET_OK};
    struct chat_template *chat_template = NULL;
    assert_int_equal(chat_template_compile("a\xFF", 2, "t", &chat_template, &err), OCTET_INPUT);
    assert_string_equal(err.message, "t: the template is not valid UTF-8");
    assert_null(chat_template);
    chat_template_free(NULL);
    /* A NUL is text outside of tags and no token inside. */
    assert_int_equal(chat_template_compile("a\0b", 3, "t", &chat_template, &err), OCTET_OK);
    chat_template_free(chat_template);
    assert_int_equal(chat_template_compile("{{ \0 }}", 7, "t", &chat_template, &err), OCTET_INPUT);
}

struct job {
    const struct chat_template *chat_template;
    const struct json *variables;
    const char *expected;
    bool same;
};

static void *render_often(void *context)
{
    struct job *job = context;
    job->same = true;
    for (int i = 0; i < 50; i++) {
        struct octet_error err = {.status = OCTET_OK};
        struct buffer out;
        buffer_init(&out, LIMIT);
        octet_status status = chat_template_render(job->chat_template, job->variables, &out, &err);
        job->same &= status == OCTET_OK && !strcmp(buffer_text(&out), job->expected);
        buffer_free(&out);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct chat_template *qwen3 = render_load_template("tests/golden/template/qwen3.jinja");
    struct octet_error err = {.status = OCTET_OK};
    struct json *variables = NULL;
    struct buffer expected;
    buffer_init(&expected, LIMIT);
    assert_int_equal(json_parse(chat, strlen(chat), LIMIT, "variables", &variables, &err),
                     OCTET_OK);
    assert_int_equal(chat_template_render(qwen3, variables, &expected, &err), OCTET_OK);
    struct job jobs[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (struct job){qwen3, variables, buffer_text(&expected), false};
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(jobs[i].same);
    }
    buffer_free(&expected);
    json_free(variables);
    chat_template_free(qwen3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsupported),   cmocka_unit_test(test_places),
        cmocka_unit_test(test_source_limits), cmocka_unit_test(test_run_limits),
        cmocka_unit_test(test_appending),     cmocka_unit_test(test_clock),
        cmocka_unit_test(test_bad_source),    cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
