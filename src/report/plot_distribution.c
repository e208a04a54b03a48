/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PLOT_HEIGHT 240.0
#define BINS_MAX 48u
#define CURVE_POINTS_MAX 512u

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The drawable samples in order; NULL without memory. */
static double *sorted_samples(const struct report_distribution *plot, size_t *count)
{
    double *sorted = malloc((plot->count ? plot->count : 1) * sizeof *sorted);
    *count = 0;
    if (!sorted)
        return NULL;
    for (size_t i = 0; i < plot->count; i++) {
        double value = plot->samples[i];
        if (plot_drawable(&value, plot->value.log))
            sorted[(*count)++] = value;
    }
    qsort(sorted, *count, sizeof *sorted, compare_doubles);
    return sorted;
}

/* Linear between order statistics: rank share * (count - 1). */
static double percentile(const double *sorted, size_t count, double share)
{
    double rank = share * (double)(count - 1);
    size_t below = (size_t)rank;
    if (below + 1 >= count)
        return sorted[count - 1];
    double part = rank - (double)below;
    return sorted[below] * (1 - part) + sorted[below + 1] * part;
}

/* Bins as wide as pixels of the scale are, so that they look alike on a logarithmic axis. */
static size_t count_bins(const double *sorted, size_t count, const struct plot_scale *scale,
                         size_t bins[BINS_MAX])
{
    size_t wanted = (size_t)ceil(sqrt((double)count)) + 4;
    size_t bin_count = wanted > BINS_MAX ? BINS_MAX : wanted;
    for (size_t i = 0; i < count; i++) {
        double place = (plot_scale_map(scale, sorted[i]) - scale->from) / (scale->to - scale->from);
        size_t bin = (size_t)fmax(place * (double)bin_count, 0);
        bins[bin < bin_count ? bin : bin_count - 1]++;
    }
    return bin_count;
}

static void draw_bins(struct plot *plot, const struct plot_box *box, const struct plot_scale *up,
                      const size_t *bins, size_t bin_count)
{
    double width = box->width / (double)bin_count;
    for (size_t i = 0; i < bin_count; i++) {
        if (bins[i] == 0)
            continue;
        double top = plot_scale_map(up, (double)bins[i]);
        struct plot_box bar = {box->x + width * (double)i + 0.5, top, width - 1,
                               box->y + box->height - top};
        svg_rect(plot, "m s0 soft", &bar);
    }
}

/* Steps of the cumulative share, at most CURVE_POINTS_MAX of them. */
static void draw_curve(struct plot *plot, const struct plot_box *box,
                       const struct plot_scale *across, const double *sorted, size_t count)
{
    size_t stride = count / CURVE_POINTS_MAX + 1;
    double bottom = box->y + box->height;
    buffer_printf(&plot->out, "<polyline class=\"l s1\" points=\"%.1f,%.1f", box->x, bottom);
    double before = bottom;
    for (size_t i = 0; i < count; i += stride) {
        size_t last = i + stride < count ? i + stride - 1 : count - 1;
        double x = plot_scale_map(across, sorted[last]);
        double y = bottom - box->height * (double)(last + 1) / (double)count;
        buffer_printf(&plot->out, " %.1f,%.1f %.1f,%.1f", x, before, x, y);
        before = y;
    }
    buffer_printf(&plot->out, " %.1f,%.1f\"/>\n", box->x + box->width, before);
}

static void draw_share_axis(struct plot *plot, const struct plot_box *box, const char *label)
{
    double right = box->x + box->width;
    for (int i = 0; i <= 4; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d%%", i * 25);
        svg_text(plot, "k", SVG_START, right + 8, box->y + box->height * (4 - i) / 4 + 4, 0, text);
    }
    if (!label)
        return;
    double width =
        svg_text(plot, "t", SVG_END, PLOT_WIDTH - 12, box->y - 26, PLOT_WIDTH / 2 - 48, label);
    double key = PLOT_WIDTH - 12 - width - 8;
    svg_line(plot, "l s1", key - 18, box->y - 30, key, box->y - 30);
}

/* A mark per percentile; their texts stand in two lines above the box and never meet. */
static void draw_marks(struct plot *plot, const struct plot_box *box,
                       const struct plot_scale *across, const double *sorted, size_t count,
                       const char *unit)
{
    static const struct {
        const char *name;
        double share;
    } marked[] = {{"P50", 0.50}, {"P99", 0.99}};
    for (size_t i = 0; i < 2; i++) {
        double value = percentile(sorted, count, marked[i].share);
        double x = plot_scale_map(across, value), y = box->y + 14 + 16 * (double)i;
        char label[32], text[96];
        plot_value_label(value, label);
        snprintf(text, sizeof text, "%s %s%s%.32s", marked[i].name, label, unit[0] ? " " : "",
                 unit);
        svg_line(plot, "p", x, box->y, x, box->y + box->height);
        double width = svg_text_width(text);
        bool left = x + width + 8 > box->x + box->width;
        struct plot_box plate = {left ? x - width - 8 : x + 2, y - 12, width + 6, 16};
        svg_rect(plot, "plate", &plate);
        svg_text(plot, "t b", left ? SVG_END : SVG_START, left ? x - 5 : x + 5, y, 0, text);
    }
}

static void draw_all(struct plot *plot, const struct report_distribution *what,
                     const double *sorted, size_t count)
{
    struct plot_range range = {0}, counts = {.any = true};
    struct plot_scale across, up;
    struct plot_ticks x_ticks, y_ticks;
    size_t bins[BINS_MAX] = {0};
    if (count > 0) {
        plot_range_add(&range, sorted[0], what->value.log);
        plot_range_add(&range, sorted[count - 1], what->value.log);
    }
    plot_scale_make(&range, what->value.log, false, &across, &x_ticks);
    across.from = 0;
    across.to = 1;
    size_t bin_count = count_bins(sorted, count, &across, bins);
    for (size_t i = 0; i < bin_count; i++)
        counts.high = fmax(counts.high, (double)bins[i]);
    if (counts.high < 2)
        counts.high = 2;
    plot_scale_make(&counts, false, true, &up, &y_ticks);
    struct plot_box box = {.x = fmax(plot_ticks_width(&y_ticks) + 22, 44), .y = 52};
    box.width = PLOT_WIDTH - box.x - 56;
    box.height = PLOT_HEIGHT;
    across.from = box.x;
    across.to = box.x + box.width;
    up.from = box.y + box.height;
    up.to = box.y;
    plot->height = box.y + box.height + 52;
    /* A key in place of a legend: the bars belong to the left axis, the line to the right one. */
    struct report_axis axis = {.label = NULL};
    svg_rect(plot, "m s0 soft", &(struct plot_box){12, 16, 12, 12});
    svg_text(plot, "t", SVG_START, 30, 26, PLOT_WIDTH / 2 - 48,
             what->count_label ? what->count_label : "");
    plot_axis_left(plot, &box, &up, &y_ticks, &axis);
    draw_share_axis(plot, &box, what->cumulative_label);
    plot_axis_bottom(plot, &box, &across, &x_ticks, &what->value);
    if (count == 0) {
        plot_no_data(plot, &box);
        return;
    }
    draw_bins(plot, &box, &up, bins, bin_count);
    draw_curve(plot, &box, &across, sorted, count);
    draw_marks(plot, &box, &across, sorted, count, what->value.unit ? what->value.unit : "");
}

void report_distribution(struct report *report, const struct report_distribution *what)
{
    if (!report || report_failed(report))
        return;
    if (what->count > REPORT_SAMPLES_MAX) {
        report_exceeds(report, "samples of a distribution");
        return;
    }
    size_t count = 0;
    double *sorted = sorted_samples(what, &count);
    if (!sorted) {
        report->out_of_memory = true;
        return;
    }
    struct plot plot;
    plot_init(&plot, report->language);
    plot.skipped = what->count - count;
    draw_all(&plot, what, sorted, count);
    plot_finish(&plot, report, &what->figure);
    free(sorted);
}
