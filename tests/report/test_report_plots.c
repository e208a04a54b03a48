/* SPDX-License-Identifier: Apache-2.0 */
/* Plots of numbers that are empty, single, missing or enormous, and the scales under them. */
#include "support/testing.h"

#include <float.h>
#include <math.h>
#include "report/plot.h"
#include "report/xml_check.h"

/* The picture of the report's only figure; well-formed, without a number that is none. */
static char *only_picture(struct report *report)
{
    struct buffer out;
    struct octet_error err;
    size_t at = 0;
    buffer_init(&out, REPORT_SIZE_MAX);
    if (report_figure_svg(report, 0, &out, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    if (!xml_well_formed(out.data, out.size, &at))
        fail_msg("not well-formed at %zu: %.100s", at, out.data + at);
    static const char *const wrong[] = {"=\"nan", "=\"-nan", "=\"inf", "=\"-inf", ",nan",
                                        ",inf",   ",-inf",   "-nan,",  "\"-0\"",  "e+"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (strstr(out.data, wrong[i]))
            fail_msg("%s in %s", wrong[i], strstr(out.data, wrong[i]) - 60);
    report_free(report);
    return buffer_take(&out, NULL);
}

static char *line_of(const double *x, const double *y, size_t count, bool log)
{
    struct report *report = report_new("t", REPORT_EN);
    const struct report_series series = {"s", x, y, count};
    report_line(report,
                &(struct report_line){
                    .x = {.log = log}, .y = {.log = log}, .series = &series, .series_count = 1});
    return only_picture(report);
}

static void test_line_extremes(void **state)
{
    (void)state;
    static const struct {
        double x[4], y[4];
        size_t count, drawn_linear, drawn_log;
    } cases[] = {
        {{0}, {0}, 0, 0, 0},
        {{5}, {7}, 1, 1, 1},
        {{0}, {0}, 1, 1, 0},
        {{1, 1, 1}, {3, 3, 3}, 3, 3, 3},
        {{NAN, 2, INFINITY, 4}, {1, NAN, 3, 4}, 4, 1, 1},
        {{0, 1, 2, 3}, {0, -1, 10, 100}, 4, 4, 2},
        {{-DBL_MAX, DBL_MAX}, {DBL_MAX, -DBL_MAX}, 2, 2, 0},
        {{DBL_MIN, DBL_MAX}, {5e-324, DBL_MAX}, 2, 2, 2},
        {{1e16, 1e16 + 2}, {1, 1 + DBL_EPSILON}, 2, 2, 2},
        {{1e-300, 2e-300}, {-1e-300, 0}, 2, 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int log = 0; log < 2; log++) {
            char *svg = line_of(cases[i].x, cases[i].y, cases[i].count, log);
            size_t drawn = log ? cases[i].drawn_log : cases[i].drawn_linear;
            char text[64];
            if (xml_count(svg, "circle") != drawn)
                fail_msg("case %zu log %d: %zu points drawn", i, log, xml_count(svg, "circle"));
            assert_true((strstr(svg, "no data") != NULL) == (drawn == 0));
            snprintf(text, sizeof text, "not shown: %zu<", cases[i].count - drawn);
            assert_true((strstr(svg, text) != NULL) == (drawn < cases[i].count));
            free(svg);
        }
    }
}

/* A hole breaks the line in two. */
static void test_line_gap(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 2, 0, 4, 5};
    char *svg = line_of(x, y, 5, true);
    assert_int_equal(xml_count(svg, "polyline"), 2);
    free(svg);
    svg = line_of(x, y, 5, false);
    assert_int_equal(xml_count(svg, "polyline"), 1);
    free(svg);
}

static void test_other_extremes(void **state)
{
    (void)state;
    static const double odd[] = {NAN, -1e300, 0, 5e-324, INFINITY, 1e300};
    static const char *const names[] = {NULL, "a", "b", "c", "d", "e"};
    for (size_t count = 0; count <= 6; count++) {
        for (int log = 0; log < 2; log++) {
            const struct report_axis axis = {"v", "u", log};
            const struct report_series series = {NULL, NULL, odd, count};
            struct report *report = report_new("t", REPORT_EN);
            report_bars(report, &(struct report_bars){.value = axis,
                                                      .categories = names,
                                                      .category_count = count,
                                                      .series = &series,
                                                      .series_count = 1});
            free(only_picture(report));
            report = report_new("t", REPORT_EN);
            report_distribution(report, &(struct report_distribution){
                                            .value = axis, .samples = odd, .count = count});
            free(only_picture(report));
            report = report_new("t", REPORT_EN);
            report_heat(report, &(struct report_heat){.value = axis,
                                                      .rows = names,
                                                      .row_count = count > 0,
                                                      .values = odd,
                                                      .column_count = count});
            char *svg = only_picture(report);
            /* Ten colours of the key, the paper, and a cell a value. */
            assert_int_equal(xml_count(svg, "rect"), 11 + count);
            free(svg);
        }
    }
}

static void test_roofline_extremes(void **state)
{
    (void)state;
    static const double odd[] = {NAN, -1, 0, 5e-324, 1, INFINITY, 1e300};
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 7; k++) {
            const struct report_ceiling bandwidth = {"b", odd[i]}, compute = {NULL, odd[k]};
            const struct report_point points[] = {{"p", odd[i], odd[k]}, {NULL, odd[k], odd[i]}};
            for (unsigned parts = 0; parts < 8; parts++) {
                struct report *report = report_new("t", REPORT_EN);
                report_roofline(report,
                                &(struct report_roofline){.bandwidths = &bandwidth,
                                                          .bandwidth_count = parts & 1,
                                                          .computes = &compute,
                                                          .compute_count = parts >> 1 & 1,
                                                          .points = points,
                                                          .point_count = parts & 4 ? 2 : 0});
                free(only_picture(report));
            }
        }
    }
}

/* The marks are numpy.percentile's: of 0, 1, ..., 10 they are 5 and 9.9. */
static void test_percentiles(void **state)
{
    (void)state;
    static const double samples[] = {10, 3, 7, 0, 1, 9, 2, 8, 6, 4, 5};
    struct report *report = report_new("t", REPORT_EN);
    report_distribution(report, &(struct report_distribution){
                                    .value = {.unit = "ms"}, .samples = samples, .count = 11});
    char *svg = only_picture(report);
    assert_contains(svg, ">P50 5.00 ms<");
    assert_contains(svg, ">P99 9.90 ms<");
    free(svg);
}

static void test_plot_limits(void **state)
{
    (void)state;
    struct octet_error err;
    struct buffer out;
    buffer_init(&out, REPORT_SIZE_MAX);
    const struct report_series series = {"s", NULL, NULL, REPORT_POINTS_MAX + 1};
    for (int kind = 0; kind < 6; kind++) {
        struct report *report = report_new("t", REPORT_EN);
        if (kind == 0)
            report_line(report, &(struct report_line){.series_count = REPORT_SERIES_MAX + 1});
        else if (kind == 1)
            report_line(report, &(struct report_line){.series = &series, .series_count = 1});
        else if (kind == 2)
            report_bars(report, &(struct report_bars){.series = &series, .series_count = 1});
        else if (kind == 3)
            report_distribution(report,
                                &(struct report_distribution){.count = REPORT_SAMPLES_MAX + 1});
        else if (kind == 4)
            report_roofline(report, &(struct report_roofline){.point_count = SIZE_MAX});
        else
            report_heat(report, &(struct report_heat){.row_count = SIZE_MAX});
        assert_int_equal(report_html(report, &out, &err), OCTET_LIMIT);
        assert_contains(err.message, "too many");
        report_free(report);
    }
    buffer_free(&out);
}

/* Ends enclose the range, ticks lie within, rise, and have different labels. */
static void test_scales(void **state)
{
    (void)state;
    srandom((unsigned)test_seed());
    for (int i = 0; i < 20000; i++) {
        double magnitude = pow(10, (double)(random() % 61) - 30);
        double a = (double)random() / RAND_MAX * magnitude;
        double b = i % 3 ? (double)random() / RAND_MAX * magnitude * (i % 7) : a;
        bool log = i & 1;
        struct plot_range range = {0};
        struct plot_scale scale;
        struct plot_ticks ticks;
        plot_range_add(&range, log ? a + magnitude * 1e-9 : a - magnitude / 2, log);
        plot_range_add(&range, log ? b + magnitude * 1e-9 : b, log);
        plot_scale_make(&range, log, i % 4 == 0, &scale, &ticks);
        double slack = (scale.high - scale.low) * 1e-8;
        assert_true(scale.low < scale.high);
        assert_true(scale.low <= range.low + slack && scale.high >= range.high - slack);
        assert_true(ticks.count >= 2 && ticks.count <= 12);
        for (size_t k = 0; k < ticks.count; k++) {
            assert_true(ticks.values[k] >= scale.low - slack);
            assert_true(ticks.values[k] <= scale.high + slack);
            if (k > 0 && (ticks.values[k] <= ticks.values[k - 1] ||
                          strcmp(ticks.labels[k], ticks.labels[k - 1]) == 0))
                fail_msg("%g..%g: ticks %s, %s", range.low, range.high, ticks.labels[k - 1],
                         ticks.labels[k]);
        }
    }
}

static void test_labels(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *label, *tick;
    } cases[] = {
        {1, "1.00", "1"},
        {0.5, "0.500", "0.5"},
        {200, "200", "200"},
        {1234, "1234", "1234"},
        {10000, "10.0k", "10k"},
        {2e6, "2.00M", "2M"},
        {5e13, "50.0T", "50T"},
        {1e-7, "1.00×10⁻⁷", "10⁻⁷"},
        {2e-7, "2.00×10⁻⁷", "2×10⁻⁷"},
        {1e20, "1.00×10²⁰", "10²⁰"},
        {0.001, "0.00100", "0.001"},
        {512, "512", "512"},
    };
    char label[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plot_value_label(cases[i].value, label);
        assert_string_equal(label, cases[i].label);
        plot_tick_label(cases[i].value, label);
        assert_string_equal(label, cases[i].tick);
    }
    plot_value_label(-1500000, label);
    assert_string_equal(label, "−1.50M");
    plot_value_label(NAN, label);
    assert_string_equal(label, "–");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_extremes),  cmocka_unit_test(test_line_gap),
        cmocka_unit_test(test_other_extremes), cmocka_unit_test(test_roofline_extremes),
        cmocka_unit_test(test_percentiles),    cmocka_unit_test(test_plot_limits),
        cmocka_unit_test(test_scales),         cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests_name("report_plots", tests, NULL, NULL);
}
