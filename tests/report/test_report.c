/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reports. The golden files are what report_sample() gives; after a wanted change write them
 * anew with OCTET_GOLDEN_WRITE=1 and look at them in a browser.
 */
#include "support/testing.h"

#include <unistd.h>
#include "report/report_sample.h"
#include "report/xml_check.h"
#include "support/alloc_fail.h"

#define GOLDEN "tests/report/golden/"

static void assert_golden(const char *name, const struct buffer *text)
{
    char path[256];
    struct octet_error err = {.status = OCTET_OK};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    if (getenv("OCTET_GOLDEN_WRITE") &&
        file_write_all(path, text->data, text->size, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    size_t size = 0;
    char *expected = test_read_file(path, &size);
    size_t same = 0;
    while (same < size && same < text->size && expected[same] == text->data[same])
        same++;
    if (same != size || same != text->size)
        fail_msg("%s differs from byte %zu on:\n%.200s\n", path, same, text->data + same);
    free(expected);
}

static void assert_xml(const char *text, size_t size)
{
    size_t at = 0;
    if (!xml_well_formed(text, size, &at))
        fail_msg("not well-formed at byte %zu: %.100s", at, text + at);
}

static void test_golden(void **state)
{
    (void)state;
    struct octet_error err;
    struct buffer out;
    char name[64];
    buffer_init(&out, REPORT_SIZE_MAX);
    struct report *report = report_sample(REPORT_EN);
    assert_int_equal(report_markdown(report, "sample_figures", &out, &err), OCTET_OK);
    assert_golden("sample.md", &out);
    buffer_clear(&out);
    assert_int_equal(report_html(report, &out, &err), OCTET_OK);
    assert_xml(out.data, out.size);
    assert_golden("sample.html", &out);
    assert_int_equal(report_figure_count(report), 5);
    for (size_t i = 0; i < 5; i++) {
        buffer_clear(&out);
        assert_int_equal(report_figure_svg(report, i, &out, &err), OCTET_OK);
        assert_xml(out.data, out.size);
        assert_null(strstr(out.data, "var(--"));
        snprintf(name, sizeof name, "sample_figures/figure-%zu.svg", i + 1);
        assert_golden(name, &out);
    }
    assert_int_equal(report_figure_svg(report, 5, &out, &err), OCTET_USAGE);
    assert_contains(err.message, "no figure 6; it has 5");
    report_free(report);
    buffer_free(&out);
}

/* The room's own words follow the language, and the page says which it is. */
static void test_chinese(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, REPORT_SIZE_MAX);
    struct report *report = report_sample(REPORT_ZH);
    assert_int_equal(report_html(report, &out, NULL), OCTET_OK);
    assert_xml(out.data, out.size);
    static const char *const parts[] = {"<html lang=\"zh-Hans\">",
                                        "目录",
                                        "图 5",
                                        "表 1",
                                        "✓ 通过",
                                        "✗ 未通过",
                                        "– 未运行",
                                        "未显示: 2"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_contains(out.data, parts[i]);
    assert_null(strstr(out.data, "Figure "));
    report_free(report);
    buffer_free(&out);
}

static void test_save(void **state)
{
    (void)state;
    char path[4200], picture[4300];
    struct octet_error err;
    const char *directory = test_temporary_directory();
    struct report *report = report_sample(REPORT_EN);
    snprintf(path, sizeof path, "%s/a report.v1.md", directory);
    assert_int_equal(report_save(report, path, &err), OCTET_OK);
    char *text = test_read_file(path, NULL);
    assert_contains(text, "](a%20report.v1_figures/figure-5.svg)");
    free(text);
    unlink(path);
    for (int i = 1; i <= 5; i++) {
        snprintf(picture, sizeof picture, "%s/a report.v1_figures/figure-%d.svg", directory, i);
        assert_int_equal(unlink(picture), 0);
    }
    snprintf(picture, sizeof picture, "%s/a report.v1_figures", directory);
    assert_int_equal(rmdir(picture), 0);
    snprintf(path, sizeof path, "%s/r.HTML", directory);
    assert_int_equal(report_save(report, path, &err), OCTET_OK);
    assert_int_equal(unlink(path), 0);
    static const char *const others[] = {"r.pdf", "r", ".md", "a.md/r"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, others[i]);
        assert_int_equal(report_save(report, path, &err), OCTET_USAGE);
        assert_contains(err.message, "use .md or .html");
    }
    snprintf(path, sizeof path, "%s/none/r.html", directory);
    assert_int_equal(report_save(report, path, &err), OCTET_IO);
    report_free(report);
    assert_int_equal(rmdir(directory), 0); /* nothing else was left there */
}

/* Limits stop the report, name themselves and are kept until it is written. */
static void test_limits(void **state)
{
    (void)state;
    struct octet_error err;
    struct buffer out;
    buffer_init(&out, REPORT_SIZE_MAX);
    struct report *report = report_new("t", REPORT_EN);
    for (size_t i = 0; i < REPORT_BLOCKS_MAX; i++)
        report_paragraph(report, "x");
    assert_int_equal(report_markdown(report, "f", &out, &err), OCTET_OK);
    report_paragraph(report, "x");
    assert_int_equal(report_markdown(report, "f", &out, &err), OCTET_LIMIT);
    assert_contains(err.message, "too many blocks");
    report_free(report);
    report = report_new("t", REPORT_EN);
    report_table(report, &(struct report_table){.column_count = REPORT_COLUMNS_MAX + 1});
    report_paragraph(report, "x");
    assert_int_equal(report_html(report, &out, &err), OCTET_LIMIT);
    assert_contains(err.message, "columns");
    report_free(report);
    size_t size = REPORT_SIZE_MAX / 2;
    char *large = malloc(size + 1);
    memset(large, '<', size);
    large[size] = '\0';
    report = report_new("t", REPORT_EN);
    report_paragraph(report, large);
    buffer_clear(&out);
    assert_int_equal(report_html(report, &out, &err), OCTET_LIMIT); /* each '<' is four bytes */
    assert_contains(err.message, "larger than");
    report_paragraph(report, large);
    assert_int_equal(report_markdown(report, "f", &out, &err), OCTET_LIMIT);
    report_free(report);
    free(large);
    buffer_free(&out);
}

static octet_status sample_twice(void)
{
    struct buffer out;
    buffer_init(&out, REPORT_SIZE_MAX);
    struct report *report = report_sample(REPORT_EN);
    octet_status status = report ? report_html(report, &out, NULL) : OCTET_MEMORY;
    if (status == OCTET_OK)
        status = report_markdown(report, "figures", &out, NULL);
    for (size_t i = 0; i < 5 && status == OCTET_OK; i++)
        status = report_figure_svg(report, i, &out, NULL);
    report_free(report);
    buffer_free(&out);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    size_t n = 0;
    for (;; n++) {
        long outstanding = 0;
        alloc_fail_begin(n);
        octet_status status = sample_twice();
        bool refused = alloc_fail_end(&outstanding);
        assert_int_equal(outstanding, 0);
        if (status != (refused ? OCTET_MEMORY : OCTET_OK))
            fail_msg("allocation %zu: %s", n, octet_status_text(status));
        if (!refused)
            break;
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_chinese), cmocka_unit_test(test_save),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
