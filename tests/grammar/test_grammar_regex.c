/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: texts that are read and refused, and expressions that are refused. */
#include "grammar/grammar_case.h"
#include "grammar/grammar_regex.h"
#include "support/testing.h"

#define TEXTS_MAX 12

static const struct {
    const char *pattern;
    const char *good[TEXTS_MAX];
    const char *bad[TEXTS_MAX];
} cases[] = {
    {"abc", {"abc"}, {"ab", "abcd", ""}},
    {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
    {"(a+)+$", {"a", "aaaaaaaa"}, {"", "ab"}},
    {"^(?:ab|cd)*$", {"", "abcd", "cdab"}, {"abc"}},
    {"(?P<year>\\d{4})-(?<m>\\d\\d)", {"2024-05"}, {"24-05"}},
    {"a{2,3}b{2}c{1,}d{,2}", {"aabbc", "aaabbccdd"}, {"abbc", "aabbcddd", "aabc"}},
    {"a{0}b", {"b"}, {"ab"}},
    {"a*?b+?c??", {"b", "aabbc"}, {"a", "cc"}},
    {"x{y", {"x{y"}, {"xy"}},
    {"[a-c]", {"a", "b", "c"}, {"d", "-", ""}},
    {"[^a-c]",
     {"d", "-", "\n", "\xc3\xa9", "\xf0\x9f\x98\x80"},
     {"a", "dd", "\xc3", "\xed\xa0\x80"}},
    {"[]a]", {"]", "a"}, {"b"}},
    {"[^]a]", {"b"}, {"]", "a"}},
    {"[a\\]\\-\\\\x-z-]", {"a", "]", "-", "\\", "y"}, {"b"}},
    {"[\\d\\s]", {"1", " ", "\n"}, {"a"}},
    {"[\\W]", {"-", "\xc3\xa9"}, {"a", "_", "5"}},
    {"\\D\\S\\w", {"axb", "--_"}, {"1xb", "a b"}},
    {".", {"a", "\xe2\x82\xac", "\x01"}, {"\n", "\r", "", "ab", "\xe2\x80\xa8"}},
    {"\\.\\*\\/\\-\\n\\t\\x41\\u00e9\\u{1F600}", {".*/-\n\tA\xc3\xa9\xf0\x9f\x98\x80"}, {"xxx"}},
    {"\xc3\xa9+", {"\xc3\xa9", "\xc3\xa9\xc3\xa9"}, {"\xc3", "e"}},
    {"[\xc3\xa0-\xe2\x82\xac]", {"\xc3\xa9", "\xe2\x82\xac"}, {"a", "\xf0\x9f\x98\x80"}},
    {"^a|b$", {"a", "b"}, {"ab", ""}},
    {"\\Aab\\Z", {"ab"}, {"a"}},
    {"(a|b)*abb", {"abb", "aabb", "babb"}, {"ab", "abba"}},
    {"((((a))))", {"a"}, {"b"}},
    {"\\(\\)\\[\\]\\{\\}\\^\\$\\|\\?\\+", {"()[]{}^$|?+"}, {"()"}},
};

static struct grammar *regex_or_fail(const char *pattern)
{
    struct grammar *grammar = NULL;
    struct octet_error err = {.status = OCTET_OK};
    if (grammar_regex(pattern, strlen(pattern), &grammar, &err) != OCTET_OK)
        fail_msg("%s: %s", pattern, err.message);
    return grammar;
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grammar *grammar = regex_or_fail(cases[i].pattern);
        for (size_t j = 0; j < TEXTS_MAX && cases[i].good[j]; j++)
            if (!grammar_reads(grammar, cases[i].good[j], strlen(cases[i].good[j])))
                fail_msg("%s refuses \"%s\"", cases[i].pattern, cases[i].good[j]);
        for (size_t j = 0; j < TEXTS_MAX && cases[i].bad[j]; j++)
            if (grammar_reads(grammar, cases[i].bad[j], strlen(cases[i].bad[j])))
                fail_msg("%s reads \"%s\"", cases[i].pattern, cases[i].bad[j]);
        grammar_free(grammar);
    }
}

static const struct {
    const char *pattern;
    octet_status status;
    const char *message;
} refused[] = {
    {"(?=a)b", OCTET_UNSUPPORTED, "look-around is not supported, at byte 1"},
    {"(?<!a)b", OCTET_UNSUPPORTED, "look-around"},
    {"(a)\\1", OCTET_UNSUPPORTED, "\"\\1\" is not supported, at byte 3"},
    {"\\bword", OCTET_UNSUPPORTED, "\"\\b\""},
    {"\\p{L}", OCTET_UNSUPPORTED, "\"\\p\""},
    {"(?i)a", OCTET_UNSUPPORTED, "(?"},
    {"a++", OCTET_UNSUPPORTED, "possessive"},
    {"a(^b)", OCTET_UNSUPPORTED, "anchor"},
    {"a$b", OCTET_UNSUPPORTED, "anchor"},
    {"[[:alpha:]]", OCTET_UNSUPPORTED, "POSIX"},
    {"(a", OCTET_INPUT, "a group without \")\", opened at byte 0"},
    {"a)", OCTET_INPUT, "\")\" without a group at byte 1"},
    {"[a", OCTET_INPUT, "a class without"},
    {"[z-a]", OCTET_INPUT, "does not ascend"},
    {"[a-\\d]", OCTET_INPUT, "does not ascend"},
    {"*a", OCTET_INPUT, "nothing before it at byte 0"},
    {"a**", OCTET_INPUT, "behind a quantifier"},
    {"a{3,2}", OCTET_INPUT, "minimum"},
    {"a\\", OCTET_INPUT, "backslash"},
    {"\\x4", OCTET_INPUT, "escape"},
    {"\\u{110000}", OCTET_INPUT, "escape"},
    {"\\u{41", OCTET_INPUT, "without \"}\""},
    {"(?<>a)", OCTET_INPUT, "name"},
    {"a\xff", OCTET_INPUT, "UTF-8"},
    {"[^\\s\\S]", OCTET_INPUT, "no text can match"},
    {"a[^\\d\\D]b", OCTET_INPUT, "no text can match"},
    {"a{10001}", OCTET_LIMIT, "repetition"},
    {"((a{1,99}){1,99}){1,99}", OCTET_LIMIT, "states"},
    {"((((((){9999}){9999}){9999}){9999}){9999}){9999}", OCTET_LIMIT, "parts"},
    {".*a.{20}", OCTET_LIMIT, "regular expression"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct grammar *grammar = NULL;
        struct octet_error err = {.status = OCTET_OK};
        const char *pattern = refused[i].pattern;
        octet_status status = grammar_regex(pattern, strlen(pattern), &grammar, &err);
        if (status != refused[i].status || !strstr(err.message, refused[i].message))
            fail_msg("%s: status %d, \"%s\"", pattern, status, err.message);
        assert_null(grammar);
    }
}

/* Nested repetitions, which stop engines that try one way after the other. */
static void test_backtracking(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a+)+$", "(a|a)*", "(a*)*b?", "(a?){40}a{40}",
                                           "(x+x+)+y|a*"};
    char text[61];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct grammar *grammar = regex_or_fail(patterns[i]);
        assert_true(grammar_reads(grammar, text, 60));
        text[60] = '!';
        assert_false(grammar_reads(grammar, text, 61));
        grammar_free(grammar);
    }
}

static void test_nesting(void **state)
{
    (void)state;
    for (int depth = 60; depth <= 70; depth += 10) {
        char pattern[160];
        size_t size = 0;
        for (int i = 0; i < depth; i++)
            pattern[size++] = '(';
        pattern[size++] = 'a';
        for (int i = 0; i < depth; i++)
            pattern[size++] = ')';
        struct grammar *grammar = NULL;
        struct octet_error err = {.status = OCTET_OK};
        octet_status status = grammar_regex(pattern, size, &grammar, &err);
        assert_int_equal(status, depth <= REGEX_GROUP_DEPTH_MAX ? OCTET_OK : OCTET_LIMIT);
        grammar_free(grammar);
    }
}

static void test_choice_refused(void **state)
{
    (void)state;
    const char *choices[] = {"a", "", "\xff"};
    const size_t sizes[] = {1, 0, 1}, huge[] = {GRAMMAR_SOURCE_BYTES_MAX + 1};
    struct grammar *grammar = NULL;
    struct octet_error err;
    char *large = malloc(huge[0]);
    assert_non_null(large);
    memset(large, 'x', huge[0]);
    assert_int_equal(grammar_choice(choices, sizes, 0, &grammar, &err), OCTET_INPUT);
    assert_int_equal(grammar_choice(choices, sizes, 2, &grammar, &err), OCTET_INPUT);
    assert_contains(err.message, "entry 1 is empty");
    assert_int_equal(grammar_choice(choices + 2, sizes + 2, 1, &grammar, &err), OCTET_INPUT);
    assert_int_equal(grammar_choice((const char *const *)&large, huge, 1, &grammar, &err),
                     OCTET_LIMIT);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_backtracking),   cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_choice_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
