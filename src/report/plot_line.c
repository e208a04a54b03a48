/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>

#define PLOT_HEIGHT 260.0
#define MARKED_POINTS_MAX 64u

static bool drawable_point(const struct report_line *line, const struct report_series *series,
                           size_t i, double *x, double *y)
{
    *x = series->x[i];
    *y = series->y[i];
    return plot_drawable(x, line->x.log) && plot_drawable(y, line->y.log);
}

/*
 * Measurements at few places, such as batch sizes 1, 4, 16, read best with ticks at those places.
 * Replaces the ticks when the drawn points have at most PLOT_TICKS_MAX different x.
 */
static void ticks_at_points(const struct report_line *line, struct plot_ticks *ticks)
{
    struct plot_ticks own = {.count = 0};
    double x, y;
    for (size_t s = 0; s < line->series_count; s++) {
        for (size_t i = 0; i < line->series[s].count; i++) {
            if (!drawable_point(line, &line->series[s], i, &x, &y))
                continue;
            size_t place = 0;
            while (place < own.count && own.values[place] < x)
                place++;
            if (place < own.count && own.values[place] == x)
                continue;
            if (own.count == 12)
                return;
            for (size_t k = own.count++; k > place; k--)
                own.values[k] = own.values[k - 1];
            own.values[place] = x;
        }
    }
    if (own.count < 2)
        return;
    for (size_t i = 0; i < own.count; i++)
        plot_tick_label(own.values[i], own.labels[i]);
    *ticks = own;
}

static void draw_series(struct plot *plot, const struct report_line *line, size_t index,
                        const struct plot_scale *across, const struct plot_scale *up)
{
    const struct report_series *series = &line->series[index];
    bool open = false;
    double x, y;
    for (size_t i = 0; i < series->count; i++) {
        if (!drawable_point(line, series, i, &x, &y)) {
            buffer_append_str(&plot->out, open ? "\"/>\n" : "");
            open = false;
            continue;
        }
        if (!open)
            buffer_printf(&plot->out, "<polyline class=\"l s%zu%s\" points=\"",
                          index % PLOT_COLOURS, index >= PLOT_COLOURS ? " d" : "");
        buffer_printf(&plot->out, "%s%.1f,%.1f", open ? " " : "", plot_scale_map(across, x),
                      plot_scale_map(up, y));
        open = true;
    }
    buffer_append_str(&plot->out, open ? "\"/>\n" : "");
    if (series->count > MARKED_POINTS_MAX)
        return;
    for (size_t i = 0; i < series->count; i++) {
        if (!drawable_point(line, series, i, &x, &y))
            continue;
        char title[80], at[32], value[32];
        plot_value_label(x, at);
        plot_value_label(y, value);
        snprintf(title, sizeof title, "%s: %s", at, value);
        svg_marker(plot, index, plot_scale_map(across, x), plot_scale_map(up, y), title);
    }
}

static bool within_limits(struct report *report, const struct report_line *line)
{
    if (line->series_count > REPORT_SERIES_MAX) {
        report_exceeds(report, "series of a plot");
        return false;
    }
    for (size_t s = 0; s < line->series_count; s++)
        if (line->series[s].count > REPORT_POINTS_MAX)
            report_exceeds(report, "points of a series");
    return !report_failed(report);
}

void report_line(struct report *report, const struct report_line *line)
{
    if (!report || !within_limits(report, line))
        return;
    struct plot plot;
    plot_init(&plot, report->language);
    struct plot_range x_range = {0}, y_range = {0};
    for (size_t s = 0; s < line->series_count; s++) {
        for (size_t i = 0; i < line->series[s].count; i++) {
            double x, y;
            if (!drawable_point(line, &line->series[s], i, &x, &y)) {
                plot.skipped++;
                continue;
            }
            plot_range_add(&x_range, x, line->x.log);
            plot_range_add(&y_range, y, line->y.log);
        }
    }
    struct plot_scale across, up;
    struct plot_ticks x_ticks, y_ticks;
    plot_scale_make(&x_range, line->x.log, false, &across, &x_ticks);
    plot_scale_make(&y_range, line->y.log, line->from_zero, &up, &y_ticks);
    if (line->x.log)
        ticks_at_points(line, &x_ticks);
    struct plot_box box = {.x = fmax(plot_ticks_width(&y_ticks) + 22, 44), .height = PLOT_HEIGHT};
    box.y = plot_legend(&plot, line->series, line->series_count, false, 8) + 28;
    box.width = PLOT_WIDTH - box.x - 28;
    across.from = box.x;
    across.to = box.x + box.width;
    up.from = box.y + box.height;
    up.to = box.y;
    plot.height = box.y + box.height + 52;
    plot_axis_left(&plot, &box, &up, &y_ticks, &line->y);
    plot_axis_bottom(&plot, &box, &across, &x_ticks, &line->x);
    for (size_t s = 0; s < line->series_count; s++)
        draw_series(&plot, line, s, &across, &up);
    if (!x_range.any)
        plot_no_data(&plot, &box);
    plot_finish(&plot, report, &line->figure);
}
