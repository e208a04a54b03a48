/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>

#define PLOT_HEIGHT 340.0
#define BOXES_MAX 1024u
#define NAME_WIDTH_MAX 200.0

/* What is drawn already and must stay readable. */
struct roof {
    const struct report_roofline *what;
    struct plot_box box;
    struct plot_scale across, up;
    double bandwidth, compute; /* the highest of each, 0 without */
    struct plot_box taken[BOXES_MAX];
    size_t taken_count;
};

static double usable(double value)
{
    return plot_drawable(&value, true) ? value : 0;
}

static void find_ceilings(struct roof *roof)
{
    const struct report_roofline *what = roof->what;
    for (size_t i = 0; i < what->bandwidth_count; i++)
        roof->bandwidth = fmax(roof->bandwidth, usable(what->bandwidths[i].value));
    for (size_t i = 0; i < what->compute_count; i++)
        roof->compute = fmax(roof->compute, usable(what->computes[i].value));
}

/* Points, ridges with room on both sides, and the roofs above them. */
static void find_ranges(const struct roof *roof, struct plot_range *x, struct plot_range *y)
{
    const struct report_roofline *what = roof->what;
    for (size_t i = 0; i < what->point_count; i++) {
        if (usable(what->points[i].x) > 0 && usable(what->points[i].y) > 0) {
            plot_range_add(x, what->points[i].x / 2, true);
            plot_range_add(x, what->points[i].x * 2, true);
            plot_range_add(y, what->points[i].y, true);
        }
    }
    for (size_t b = 0; b < what->bandwidth_count; b++) {
        double bandwidth = usable(what->bandwidths[b].value);
        for (size_t c = 0; c < what->compute_count && bandwidth > 0; c++) {
            double compute = usable(what->computes[c].value);
            plot_range_add(x, compute / bandwidth / 4, true);
            plot_range_add(x, compute / bandwidth * 4, true);
        }
    }
    if (roof->compute > 0) {
        plot_range_add(y, roof->compute * 1.6, true);
        plot_range_add(y, roof->compute / 10, true);
    }
    if (roof->bandwidth > 0 && x->any && roof->compute <= 0)
        plot_range_add(y, roof->bandwidth * x->high, true);
    if (roof->bandwidth > 0 && !x->any)
        plot_range_add(x, 1, true);
}

static void take(struct roof *roof, struct plot_box box)
{
    if (roof->taken_count < BOXES_MAX)
        roof->taken[roof->taken_count++] = box;
}

/* The box, given around a point, at steps of 6 pixels along a sloping line from (x, y). */
static void take_along(struct roof *roof, double x, double y, double angle, double length,
                       struct plot_box box)
{
    for (int i = 0; i * 6 < length; i++)
        take(roof, (struct plot_box){x + cos(angle) * i * 6 + box.x, y + sin(angle) * i * 6 + box.y,
                                     box.width, box.height});
}

static bool is_free(const struct roof *roof, const struct plot_box *box)
{
    if (box->x < roof->box.x + 2 || box->x + box->width > roof->box.x + roof->box.width ||
        box->y < roof->box.y || box->y + box->height > roof->box.y + roof->box.height)
        return false;
    for (size_t i = 0; i < roof->taken_count; i++) {
        const struct plot_box *other = &roof->taken[i];
        if (box->x < other->x + other->width && other->x < box->x + box->width &&
            box->y < other->y + other->height && other->y < box->y + box->height)
            return false;
    }
    return true;
}

static void draw_compute(struct plot *plot, struct roof *roof, const struct report_ceiling *roofed)
{
    double value = usable(roofed->value);
    if (value <= 0)
        return;
    double start =
        roof->bandwidth > 0 ? fmax(value / roof->bandwidth, roof->across.low) : roof->across.low;
    double x = plot_scale_map(&roof->across, fmin(start, roof->across.high));
    double y = plot_scale_map(&roof->up, value);
    double right = roof->box.x + roof->box.width;
    svg_line(plot, "r", x, y, right, y);
    take(roof, (struct plot_box){x, y - 1, right - x, 2});
    const char *name = roofed->name ? roofed->name : "";
    double width = fmin(svg_text_width(name), right - x - 8);
    struct plot_box label = {right - width - 4, y - 18, width, 14};
    if (width < 30)
        return;
    if (!is_free(roof, &label))
        label.y = y + 4;
    svg_text(plot, "t", SVG_END, right - 4, label.y + 12, width, name);
    take(roof, label);
}

/* The sloping line from where it enters the box to the highest compute roof, its name along it. */
static void draw_bandwidth(struct plot *plot, struct roof *roof,
                           const struct report_ceiling *roofed)
{
    double value = usable(roofed->value);
    if (value <= 0)
        return;
    double top = fmin(roof->compute > 0 ? roof->compute : roof->up.high, roof->up.high);
    double x1 = fmax(roof->up.low / value, roof->across.low);
    double x2 = fmin(top / value, roof->across.high);
    if (!(x2 > x1))
        return;
    double from_x = plot_scale_map(&roof->across, x1), to_x = plot_scale_map(&roof->across, x2);
    double from_y = plot_scale_map(&roof->up, x1 * value),
           to_y = plot_scale_map(&roof->up, x2 * value);
    svg_line(plot, "r", from_x, from_y, to_x, to_y);
    double length = hypot(to_x - from_x, to_y - from_y);
    double angle = atan2(to_y - from_y, to_x - from_x);
    take_along(roof, from_x, from_y, angle, length, (struct plot_box){-3, -3, 6, 6});
    if (length < 60)
        return;
    double x = from_x + cos(angle) * 12 + sin(angle) * 5,
           y = from_y + sin(angle) * 12 - cos(angle) * 5;
    double width = fmin(svg_text_width(roofed->name ? roofed->name : ""), length - 24);
    take_along(roof, x, y, angle, width, (struct plot_box){-8, -12, 16, 12});
    buffer_printf(&plot->out, "<g transform=\"translate(%.1f %.1f) rotate(%.1f)\">\n", x, y,
                  angle * (180 / 3.14159265358979323846));
    svg_text(plot, "t", SVG_START, 0, 0, length - 24, roofed->name ? roofed->name : "");
    buffer_append_str(&plot->out, "</g>\n");
}

/* The name of a point beside it, at the nearest of some places that is free; its title has it in
 * any case. */
static void draw_name(struct plot *plot, struct roof *roof, const char *name, double x, double y)
{
    double width = fmin(svg_text_width(name), NAME_WIDTH_MAX);
    for (int ring = 0; ring < 5; ring++) {
        double away = 9 + 10 * ring;
        const struct plot_box places[] = {
            {x + away, y - 7, width, 14},
            {x - away - width, y - 7, width, 14},
            {x - width / 2, y + away - 2, width, 14},
            {x - width / 2, y - away - 12, width, 14},
            {x + away * 0.7, y + away * 0.7, width, 14},
            {x + away * 0.7, y - away * 0.7 - 14, width, 14},
        };
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (!is_free(roof, &places[i]))
                continue;
            if (ring > 1)
                svg_line(plot, "g", x, y,
                         places[i].x + (i == 1             ? width
                                        : i == 2 || i == 3 ? width / 2
                                                           : 0),
                         places[i].y + (i == 2 || i == 4   ? 0
                                        : i == 3 || i == 5 ? 14
                                                           : 7));
            svg_text(plot, "t", SVG_START, places[i].x, places[i].y + 11, NAME_WIDTH_MAX, name);
            take(roof, (struct plot_box){places[i].x - 8, places[i].y, width + 16, 14});
            return;
        }
    }
}

static void draw_points(struct plot *plot, struct roof *roof)
{
    const struct report_roofline *what = roof->what;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < what->point_count; i++) {
            const struct report_point *point = &what->points[i];
            if (usable(point->x) <= 0 || usable(point->y) <= 0)
                continue;
            double x = plot_scale_map(&roof->across, usable(point->x));
            double y = plot_scale_map(&roof->up, usable(point->y));
            if (pass == 0)
                take(roof, (struct plot_box){x - 6, y - 6, 12, 12});
            else
                svg_marker(plot, i, x, y, point->name ? point->name : "");
            if (pass == 1 && point->name)
                draw_name(plot, roof, point->name, x, y);
        }
    }
}

static void draw_all(struct plot *plot, struct roof *roof)
{
    const struct report_roofline *what = roof->what;
    struct plot_range x_range = {0}, y_range = {0};
    struct plot_ticks x_ticks, y_ticks;
    find_ceilings(roof);
    find_ranges(roof, &x_range, &y_range);
    plot_scale_make(&x_range, true, false, &roof->across, &x_ticks);
    plot_scale_make(&y_range, true, false, &roof->up, &y_ticks);
    roof->box = (struct plot_box){.x = fmax(plot_ticks_width(&y_ticks) + 22, 44), .y = 36};
    roof->box.width = PLOT_WIDTH - roof->box.x - 28;
    roof->box.height = PLOT_HEIGHT;
    roof->across.from = roof->box.x;
    roof->across.to = roof->box.x + roof->box.width;
    roof->up.from = roof->box.y + roof->box.height;
    roof->up.to = roof->box.y;
    plot->height = roof->box.y + roof->box.height + 52;
    plot_axis_left(plot, &roof->box, &roof->up, &y_ticks, &what->y);
    plot_axis_bottom(plot, &roof->box, &roof->across, &x_ticks, &what->x);
    for (size_t i = 0; i < what->bandwidth_count; i++)
        draw_bandwidth(plot, roof, &what->bandwidths[i]);
    for (size_t i = 0; i < what->compute_count; i++)
        draw_compute(plot, roof, &what->computes[i]);
    draw_points(plot, roof);
    if (!x_range.any && !y_range.any)
        plot_no_data(plot, &roof->box);
}

void report_roofline(struct report *report, const struct report_roofline *what)
{
    if (!report || report_failed(report))
        return;
    if (what->bandwidth_count > REPORT_SERIES_MAX || what->compute_count > REPORT_SERIES_MAX ||
        what->point_count > REPORT_POINTS_MAX) {
        report_exceeds(report, "lines or points of a roofline");
        return;
    }
    struct plot plot;
    plot_init(&plot, report->language);
    for (size_t i = 0; i < what->point_count; i++)
        plot.skipped += usable(what->points[i].x) <= 0 || usable(what->points[i].y) <= 0;
    struct roof roof = {.what = what};
    draw_all(&plot, &roof);
    plot_finish(&plot, report, &what->figure);
}
