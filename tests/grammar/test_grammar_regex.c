/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: texts that are read and refused, and expressions that are refused. */
#include "grammar/grammar_case.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
