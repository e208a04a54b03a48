/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>

#define ROW_HEIGHT 26.0
#define ROW_GAP 4.0
#define NAME_WIDTH_MAX 180.0
#define STEPS 10
#define KEY_STEP 18.0

/* Which of the steps of the colour scale a value has; -1: none. */
static int step_of(const struct plot_scale *scale, double value)
{
    if (!plot_drawable(&value, scale->log))
        return -1;
    int step = (int)floor(plot_scale_map(scale, value) * STEPS);
    return step < 0 ? 0 : step >= STEPS ? STEPS - 1 : step;
}

/* The colours from low to high between the two ends of the scale, at the top right. */
static void draw_key(struct plot *plot, const struct report_heat *heat,
                     const struct plot_scale *scale)
{
    char low[32], high[32], class[16];
    plot_value_label(scale->low, low);
    plot_value_label(scale->high, high);
    double right = PLOT_WIDTH - 16 - svg_text_width(high);
    double left = right - 6 - STEPS * KEY_STEP;
    svg_text(plot, "k", SVG_START, right, 23, 0, high);
    for (int i = 0; i < STEPS; i++) {
        snprintf(class, sizeof class, "h%d", i);
        svg_rect(plot, class, &(struct plot_box){left + i * KEY_STEP, 12, KEY_STEP, 14});
    }
    svg_text(plot, "k", SVG_END, left - 6, 23, 0, low);
    struct buffer title;
    buffer_init(&title, REPORT_SIZE_MAX);
    plot_axis_title(&heat->value, &title);
    if (buffer_failed(&title))
        plot->out.failed = true;
    svg_text(plot, "t", SVG_START, 12, 23, left - 30 - svg_text_width(low), buffer_text(&title));
    buffer_free(&title);
}

static void draw_row(struct plot *plot, const struct report_heat *heat,
                     const struct plot_scale *scale, const struct plot_box *box, size_t row)
{
    double width = box->width / (double)heat->column_count;
    double gap = width > 6 ? 1 : 0;
    for (size_t i = 0; i < heat->column_count; i++) {
        double value = heat->values[row * heat->column_count + i];
        int step = step_of(scale, value);
        char class[16], name[32], label[32];
        snprintf(class, sizeof class, step < 0 ? "none" : "h%d", step);
        snprintf(name, sizeof name, "%zu", i);
        plot_value_label(value, label);
        struct plot_box cell = {box->x + width * (double)i, box->y, width - gap, box->height};
        svg_rect_titled(plot, class, &cell, name, label);
    }
}

static void draw_columns(struct plot *plot, const struct report_heat *heat,
                         const struct plot_box *box)
{
    static const size_t strides[] = {1, 2, 4, 5, 8, 10, 16, 20, 50, 100};
    double width = box->width / (double)(heat->column_count ? heat->column_count : 1);
    double bottom = box->y + box->height;
    size_t k = 0;
    while (k + 1 < sizeof strides / sizeof strides[0] && width * (double)strides[k] < 30)
        k++;
    for (size_t i = 0; i < heat->column_count; i += strides[k]) {
        char label[32];
        snprintf(label, sizeof label, "%zu", i);
        svg_text(plot, "k", SVG_MIDDLE, box->x + width * ((double)i + 0.5), bottom + 14, 0, label);
    }
    if (heat->column_label)
        svg_text(plot, "t", SVG_MIDDLE, box->x + box->width / 2, bottom + 34, 340,
                 heat->column_label);
}

static void draw_all(struct plot *plot, const struct report_heat *heat)
{
    struct plot_range range = {0};
    struct plot_scale scale;
    struct plot_ticks ticks;
    for (size_t i = 0; i < heat->row_count * heat->column_count; i++)
        plot_range_add(&range, heat->values[i], heat->value.log);
    plot_scale_make(&range, heat->value.log, false, &scale, &ticks);
    /* The colours span the values themselves; round ends would waste some of them. */
    if (range.any && range.high > range.low) {
        scale.low = range.low;
        scale.high = range.high;
    }
    scale.from = 0;
    scale.to = 1;
    double names = 0;
    for (size_t i = 0; i < heat->row_count; i++)
        if (heat->rows[i])
            names = fmax(names, svg_text_width(heat->rows[i]));
    names = fmin(names, NAME_WIDTH_MAX);
    struct plot_box box = {.x = names + 26, .y = 40, .width = PLOT_WIDTH - names - 26 - 16};
    box.height = fmax((ROW_HEIGHT + ROW_GAP) * (double)heat->row_count, ROW_HEIGHT);
    plot->height = box.y + box.height + 48;
    draw_key(plot, heat, &scale);
    for (size_t i = 0; i < heat->row_count; i++) {
        struct plot_box row = box;
        row.y += (ROW_HEIGHT + ROW_GAP) * (double)i;
        row.height = ROW_HEIGHT;
        svg_text(plot, "t", SVG_START, 12, row.y + 17, NAME_WIDTH_MAX,
                 heat->rows[i] ? heat->rows[i] : "");
        draw_row(plot, heat, &scale, &row, i);
    }
    draw_columns(plot, heat, &box);
    if (!range.any)
        plot_no_data(plot, &box);
}

void report_heat(struct report *report, const struct report_heat *heat)
{
    if (!report || report_failed(report))
        return;
    if (heat->row_count > REPORT_HEAT_ROWS_MAX || heat->column_count > REPORT_HEAT_COLUMNS_MAX) {
        report_exceeds(report, "rows or columns of a heat strip");
        return;
    }
    struct plot plot;
    plot_init(&plot, report->language);
    draw_all(&plot, heat);
    plot_finish(&plot, report, &heat->figure);
}
