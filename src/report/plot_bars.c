/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>

#define BAR_HEIGHT 16.0
#define GROUP_GAP 12.0
#define CATEGORY_WIDTH_MAX 220.0
#define VALUE_WIDTH 64.0

static bool within_limits(struct report *report, const struct report_bars *bars)
{
    if (bars->series_count > REPORT_SERIES_MAX)
        report_exceeds(report, "series of a plot");
    else if (bars->category_count > 512)
        report_exceeds(report, "categories of a bar plot");
    for (size_t s = 0; s < bars->series_count && !report_failed(report); s++)
        if (bars->series[s].count != bars->category_count)
            report_exceeds(report, "or too few values for the categories of a bar plot");
    return !report_failed(report);
}

static double category_width(const struct report_bars *bars)
{
    double width = 24;
    for (size_t i = 0; i < bars->category_count; i++)
        if (bars->categories[i])
            width = fmax(width, svg_text_width(bars->categories[i]));
    return fmin(width, CATEGORY_WIDTH_MAX);
}

static void draw_bar(struct plot *plot, const struct report_bars *bars,
                     const struct plot_scale *scale, size_t series, size_t category, double y)
{
    double value = bars->series[series].y[category];
    char label[32], class[32];
    plot_value_label(value, label);
    if (!plot_drawable(&value, bars->value.log)) {
        double base = fmin(fmax(bars->value.log ? scale->low : 0, scale->low), scale->high);
        svg_text(plot, "k", SVG_START, plot_scale_map(scale, base) + 5, y + 12, 0, label);
        return;
    }
    double base = plot_scale_map(scale, bars->value.log ? scale->low : 0);
    double end = plot_scale_map(scale, value);
    snprintf(class, sizeof class, "m s%zu", series % PLOT_COLOURS);
    struct plot_box box = {fmin(base, end), y + 1, fmax(fabs(end - base), 0.5), BAR_HEIGHT - 2};
    svg_rect_titled(plot, class, &box, bars->series[series].name, label);
    svg_text(plot, "t", value < 0 && !bars->value.log ? SVG_END : SVG_START,
             value < 0 && !bars->value.log ? end - 5 : end + 5, y + 12, 0, label);
}

void report_bars(struct report *report, const struct report_bars *bars)
{
    if (!report || !within_limits(report, bars))
        return;
    struct plot plot;
    plot_init(&plot, report->language);
    struct plot_range range = {0};
    for (size_t s = 0; s < bars->series_count; s++) {
        for (size_t i = 0; i < bars->category_count; i++) {
            double value = bars->series[s].y[i];
            plot.skipped += !plot_drawable(&value, bars->value.log);
            plot_range_add(&range, value, bars->value.log);
        }
    }
    /* On a logarithmic axis the smallest bar needs a length, too. */
    if (bars->value.log && range.any)
        plot_range_add(&range, range.low / 2, true);
    struct plot_scale scale;
    struct plot_ticks ticks;
    plot_scale_make(&range, bars->value.log, true, &scale, &ticks);
    double names = category_width(bars);
    double left = names + 28 + (scale.low < 0 ? VALUE_WIDTH : 0);
    double group = BAR_HEIGHT * (double)bars->series_count + GROUP_GAP;
    struct plot_box box = {.x = left, .width = PLOT_WIDTH - left - VALUE_WIDTH};
    box.y = plot_legend(&plot, bars->series, bars->series_count, true, 8) + 4;
    box.height = fmax(group * (double)bars->category_count, 40);
    scale.from = box.x;
    scale.to = box.x + box.width;
    plot.height = box.y + box.height + 52;
    plot_axis_bottom(&plot, &box, &scale, &ticks, &bars->value);
    for (size_t i = 0; i < bars->category_count; i++) {
        double y = box.y + group * (double)i + GROUP_GAP / 2;
        svg_text(&plot, "t", SVG_START, 12, y + (group - GROUP_GAP) / 2 + 4, names,
                 bars->categories[i] ? bars->categories[i] : "");
        for (size_t s = 0; s < bars->series_count; s++)
            draw_bar(&plot, bars, &scale, s, i, y + BAR_HEIGHT * (double)s);
    }
    double zero = plot_scale_map(&scale, bars->value.log ? scale.low : 0);
    svg_line(&plot, "a", zero, box.y, zero, box.y + box.height);
    if (!range.any)
        plot_no_data(&plot, &box);
    plot_finish(&plot, report, &bars->figure);
}
