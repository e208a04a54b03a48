/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LEGEND_LINE 20.0
#define LEGEND_SIGN 26.0
#define LEGEND_GAP 18.0
#define LEGEND_NAME_MAX 300.0
#define LABEL_GAP 10.0

void plot_init(struct plot *plot, enum report_language language)
{
    *plot = (struct plot){.language = language};
    buffer_init(&plot->out, REPORT_SIZE_MAX);
}

void plot_axis_title(const struct report_axis *axis, struct buffer *out)
{
    buffer_append_str(out, axis->label ? axis->label : "");
    if (axis->unit && axis->unit[0])
        buffer_printf(out, axis->label && axis->label[0] ? " (%s)" : "%s", axis->unit);
}

static void draw_title(struct plot *plot, const struct report_axis *axis, enum svg_anchor anchor,
                       double x, double y, double room)
{
    struct buffer title;
    buffer_init(&title, REPORT_SIZE_MAX);
    plot_axis_title(axis, &title);
    if (buffer_failed(&title))
        plot->out.failed = true;
    else if (title.size > 0)
        svg_text(plot, "t", anchor, x, y, room, buffer_text(&title));
    buffer_free(&title);
}

double plot_legend(struct plot *plot, const struct report_series *series, size_t count, bool bars,
                   double y)
{
    if (count < 2)
        return y;
    double x = 12;
    for (size_t i = 0; i < count; i++) {
        const char *name = series[i].name ? series[i].name : "";
        double width = fmin(svg_text_width(name), LEGEND_NAME_MAX);
        if (x > 12 && x + LEGEND_SIGN + width > PLOT_WIDTH - 12) {
            x = 12;
            y += LEGEND_LINE;
        }
        char class[32];
        if (bars) {
            snprintf(class, sizeof class, "m s%zu", i % PLOT_COLOURS);
            svg_rect(plot, class, &(struct plot_box){x + 6, y + 3, 12, 12});
        } else {
            snprintf(class, sizeof class, "l s%zu%s", i % PLOT_COLOURS,
                     i >= PLOT_COLOURS ? " d" : "");
            svg_line(plot, class, x, y + 9, x + 20, y + 9);
            svg_marker(plot, i, x + 10, y + 9, NULL);
        }
        svg_text(plot, "t", SVG_START, x + LEGEND_SIGN, y + 13, LEGEND_NAME_MAX, name);
        x += LEGEND_SIGN + width + LEGEND_GAP;
    }
    return y + LEGEND_LINE + 4;
}

double plot_ticks_width(const struct plot_ticks *ticks)
{
    double width = 0;
    for (size_t i = 0; i < ticks->count; i++)
        width = fmax(width, svg_text_width(ticks->labels[i]));
    return width;
}

void plot_axis_left(struct plot *plot, const struct plot_box *box, const struct plot_scale *scale,
                    const struct plot_ticks *ticks, const struct report_axis *axis)
{
    for (size_t i = 0; i < ticks->count; i++) {
        double y = plot_scale_map(scale, ticks->values[i]);
        svg_line(plot, "g", box->x, y, box->x + box->width, y);
        svg_text(plot, "k", SVG_END, box->x - 8, y + 4, 0, ticks->labels[i]);
    }
    draw_title(plot, axis, SVG_START, 12, box->y - 10, PLOT_WIDTH / 2 - 24);
}

void plot_axis_bottom(struct plot *plot, const struct plot_box *box, const struct plot_scale *scale,
                      const struct plot_ticks *ticks, const struct report_axis *axis)
{
    double bottom = box->y + box->height, free_from = -PLOT_WIDTH;
    for (size_t i = 0; i < ticks->count; i++) {
        double x = plot_scale_map(scale, ticks->values[i]);
        double half = svg_text_width(ticks->labels[i]) / 2;
        svg_line(plot, "g", x, box->y, x, bottom);
        if (x - half < free_from)
            continue;
        svg_text(plot, "k", SVG_MIDDLE, x, bottom + 18, 0, ticks->labels[i]);
        free_from = x + half + LABEL_GAP;
    }
    svg_line(plot, "a", box->x, bottom, box->x + box->width, bottom);
    draw_title(plot, axis, SVG_MIDDLE, box->x + box->width / 2, bottom + 38, 340);
    if (plot->skipped > 0) {
        char text[64];
        snprintf(text, sizeof text, "%s: %zu", report_word(plot->language, WORD_NOT_SHOWN),
                 plot->skipped);
        svg_text(plot, "k", SVG_END, PLOT_WIDTH - 12, bottom + 38, 0, text);
    }
}

void plot_no_data(struct plot *plot, const struct plot_box *box)
{
    svg_text(plot, "k", SVG_MIDDLE, box->x + box->width / 2, box->y + box->height / 2, 0,
             report_word(plot->language, WORD_NO_DATA));
}

void plot_finish(struct plot *plot, struct report *report, const struct report_figure *figure)
{
    struct block *block = NULL;
    if (buffer_failed(&plot->out) && plot->out.full)
        report_exceeds(report, "elements of a plot");
    else if (buffer_failed(&plot->out))
        report->out_of_memory = true;
    else
        block = report_begin(report, BLOCK_FIGURE);
    if (block) {
        block->height = plot->height;
        report->figures++;
        report_string(report, figure->caption);
        report_string(report, figure->description);
        report_string(report, buffer_text(&plot->out));
    }
    buffer_free(&plot->out);
}
