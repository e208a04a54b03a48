/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted text in every field, and the numbers of cells. */
#include "support/testing.h"

#include <math.h>
#include "report/markup.h"
#include "report/report_sample.h"
#include "report/xml_check.h"

static const char *markdown(struct buffer *out, const char *text)
{
    buffer_clear(out);
    assert_true(markup_markdown(out, text));
    return buffer_text(out);
}

static void test_markdown_escaping(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain text, 1.5 (x)", "plain text, 1.5 (x)"},
        {"<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"},
        {"&lt;", "&amp;lt;"},
        {"a_b*c*`d`~e~", "a\\_b\\*c\\*\\`d\\`\\~e\\~"},
        {"a|b\\", "a\\|b\\\\"},
        {"[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"},
        {"![x](y)", "!\\[x\\](y)"},
        {"# x", "\\# x"},
        {"  - x", "\\- x"},
        {"12. x", "12\\. x"},
        {"12) x", "12\\) x"},
        {"12.", "12\\."},
        {"12.5", "12.5"},
        {"2024 x", "2024 x"},
        {"===", "\\==="},
        {"a\n# b\r\n\tc", "a # b   c"},
        {"https://e.org www.e.org WWW.e.org", "https&#58;//e.org www&#46;e.org WWW&#46;e.org"},
        {"@user a@b.c", "&#64;user a&#64;b.c"},
        {":+1: 12:30 a: b", "&#58;+1: 12:30 a: b"},
        {"$x$", "\\$x\\$"},
        {"\x01\x1b[31m\x7f", "��\\[31m�"},
        {"a\xff\xe2\x82z", "a��z"},
        {"x\xe2\x80\xaey\xe2\x81\xa6z", "x�y�z"},
        {"词元 é", "词元 é"},
    };
    struct buffer out;
    buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(markdown(&out, cases[i].text), cases[i].expected);
    buffer_free(&out);
}

static void test_fence(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1 << 16);
    assert_true(markup_fence(&out, "c++\n<x>", "a\r\nb"));
    assert_string_equal(out.data, "```c++x\na\nb\n```\n");
    buffer_clear(&out);
    assert_true(markup_fence(&out, "", "```\nout\n`````\n"));
    assert_string_equal(out.data, "``````\n```\nout\n`````\n``````\n");
    buffer_clear(&out);
    assert_true(markup_fence(&out, "", ""));
    assert_string_equal(out.data, "```\n```\n");
    buffer_clear(&out);
    assert_true(markup_url_path(&out, "a b/(c)é"));
    assert_string_equal(out.data, "a%20b/%28c%29%C3%A9");
    buffer_free(&out);
}

static void test_xml_escaping(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1 << 16);
    assert_true(markup_xml(&out, "<a b='c' d=\"e\">&\x02\n\xff￾x"));
    assert_string_equal(out.data, "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;� ��x");
    buffer_clear(&out);
    assert_true(markup_xml_block(&out, "a\r\n\tb\rc"));
    assert_string_equal(out.data, "a\n\tb\nc");
    buffer_free(&out);
}

/* Each text goes into every field; the page must have the same elements as with a plain word. */
static void test_injection(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<script>alert(1)</script>",
        "</title></style></svg><script src=x></script>",
        "\"><img src=x onerror=alert(1)>",
        "' onload='alert(1)",
        "]]><!--",
        "&lt;script&gt;",
        "</code></pre><iframe src=\"//e.org\">",
        "\x01\x02\x1b\xff\xfe￾\x7f",
        "一个很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长的名字<b>",
    };
    static const char *const elements[] = {"script", "img",  "iframe", "b",   "title", "style",
                                           "svg",    "rect", "td",     "pre", "p",     "h2"};
    struct buffer out, plain;
    buffer_init(&out, REPORT_SIZE_MAX);
    buffer_init(&plain, REPORT_SIZE_MAX);
    struct report *report = report_sample_of("word");
    assert_int_equal(report_html(report, &plain, NULL), OCTET_OK);
    report_free(report);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t at = 0;
        report = report_sample_of(texts[i]);
        buffer_clear(&out);
        assert_int_equal(report_html(report, &out, NULL), OCTET_OK);
        if (!xml_well_formed(out.data, out.size, &at))
            fail_msg("text %zu: not well-formed at %zu: %.80s", i, at, out.data + at);
        for (size_t k = 0; k < sizeof elements / sizeof elements[0]; k++)
            if (k != 4 && xml_count(out.data, elements[k]) != xml_count(plain.data, elements[k]))
                fail_msg("text %zu changes the number of <%s>", i, elements[k]);
        for (size_t figure = 0; figure < report_figure_count(report); figure++) {
            buffer_clear(&out);
            assert_int_equal(report_figure_svg(report, figure, &out, NULL), OCTET_OK);
            assert_true(xml_well_formed(out.data, out.size, &at));
            assert_int_equal(xml_count(out.data, "script"), 0);
        }
        buffer_clear(&out);
        assert_int_equal(report_markdown(report, "f", &out, NULL), OCTET_OK);
        /* Outside the fence no tag but the room's own is left. */
        char *fence = strstr(out.data, "```");
        char *behind = strstr(fence + 3, "```");
        memset(fence, ' ', (size_t)(behind - fence));
        for (const char *c = out.data; (c = strchr(c, '<')) != NULL; c++)
            if (strncmp(c, "<sup>", 5) && strncmp(c, "</sup>", 6) && strncmp(c, "<br>", 4))
                fail_msg("text %zu: \"%.40s\" in Markdown", i, c);
        report_free(report);
    }
    buffer_free(&plain);
    buffer_free(&out);
}

/* The check itself must be able to fail. */
static void test_checker(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "x<a/>",
        "<a b=c/>",
        "<a>&</a>",
        "<a b=\"<\"/>",
        "<a b=\"\" b=\"\"/>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "<a></a></a>",
    };
    size_t at;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (xml_well_formed(wrong[i], strlen(wrong[i]), &at))
            fail_msg("well-formed? %s", wrong[i]);
    const char *right = "<!DOCTYPE html>\n<a b=\"&amp;\" c=\"\">x<d/>&lt;</a>\n";
    assert_true(xml_well_formed(right, strlen(right), &at));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double number;
        enum report_format format;
        int digits;
        const char *expected;
    } cases[] = {
        {1234567, REPORT_INTEGER, 0, "1,234,567"},
        {-1234.4, REPORT_INTEGER, 0, "-1,234"},
        {123, REPORT_INTEGER, 0, "123"},
        {-0.2, REPORT_INTEGER, 0, "0"},
        {1234.5678, REPORT_FIXED, 2, "1,234.57"},
        {-0.001, REPORT_FIXED, 2, "0.00"},
        {1e300, REPORT_FIXED, 2, "1.00e+300"},
        {0.0012345, REPORT_SIGNIFICANT, 3, "0.00123"},
        {9.999, REPORT_SIGNIFICANT, 2, "10"},
        {12, REPORT_SIGNIFICANT, 3, "12.0"},
        {123456, REPORT_SIGNIFICANT, 3, "123,456"},
        {1.5e9, REPORT_SIGNIFICANT, 3, "1.50e+09"},
        {2.5e-7, REPORT_SIGNIFICANT, 2, "2.5e-07"},
        {0, REPORT_SIGNIFICANT, 3, "0.00"},
        {1.26e-5, REPORT_SCIENTIFIC, 1, "1.3e-05"},
        {0.125, REPORT_PERCENT, 1, "12.5%"},
        {512, REPORT_BYTES, 0, "512 B"},
        {1610612736, REPORT_BYTES, 0, "1.50 GiB"},
        {0.1, REPORT_TEXT, 0, "0.1"},
        {NAN, REPORT_FIXED, 2, "–"},
        {INFINITY, REPORT_INTEGER, 2, "∞"},
        {-INFINITY, REPORT_BYTES, 2, "-∞"},
        {1, REPORT_FIXED, -5, "1"},
        {1, REPORT_FIXED, 99, "1.000000000000000"},
    };
    struct buffer out;
    buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        assert_true(report_number_append(&out, cases[i].number, cases[i].format, cases[i].digits));
        assert_string_equal(out.data, cases[i].expected);
    }
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markdown_escaping), cmocka_unit_test(test_fence),
        cmocka_unit_test(test_xml_escaping),      cmocka_unit_test(test_injection),
        cmocka_unit_test(test_checker),           cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests_name("report_markup", tests, NULL, NULL);
}
