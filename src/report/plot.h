/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plots share: SVG elements, scales with ticks, axes, legends. Elements carry classes
 * only; plot.css gives them colours. Coordinates are pixels of a picture PLOT_WIDTH wide, y down.
 */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include <stdint.h>
#include "report/report_model.h"

#define PLOT_WIDTH 720.0
#define PLOT_FONT 12.0
#define PLOT_COLOURS 8u
#define PLOT_TICKS_MAX 16u
#define PLOT_HUGE 1e150

struct plot {
    struct buffer out; /* elements of the picture */
    double height;
    size_t skipped; /* values that could not be drawn */
    enum report_language language;
};

struct plot_box {
    double x, y, width, height;
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* ---- svg.c ---- */

void svg_line(struct plot *plot, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(struct plot *plot, const char *class, const struct plot_box *box);

/* A rectangle that shows "NAME: VALUE" to a pointer and to a screen reader. */
void svg_rect_titled(struct plot *plot, const char *class, const struct plot_box *box,
                     const char *name, const char *value);

/* The sign of series `index` around (x, y); title NULL: none. */
void svg_marker(struct plot *plot, size_t index, double x, double y, const char *title);

/* Text cut with an ellipsis to at most `room` pixels; room <= 0: whole. Returns its width. */
double svg_text(struct plot *plot, const char *class, enum svg_anchor anchor, double x, double y,
                double room, const char *text);

/* The width of the text in a sans-serif font of PLOT_FONT pixels, estimated from above. */
double svg_text_width(const char *text);

/* ---- plot_scale.c ---- */

struct plot_range {
    double low, high;
    bool any;
};

struct plot_scale {
    double low, high; /* low < high; both positive when log */
    bool log;
    double from, to; /* pixels of low and high */
};

struct plot_ticks {
    double values[PLOT_TICKS_MAX];
    char labels[PLOT_TICKS_MAX][32];
    size_t count;
};

/* Can the value be drawn on such an axis? Then it is clamped to +-PLOT_HUGE and true returned. */
bool plot_drawable(double *value, bool log);

/* Extend range by a drawable value. */
void plot_range_add(struct plot_range *range, double value, bool log);

/* A scale with round ends around the range, and its ticks. */
void plot_scale_make(const struct plot_range *range, bool log, bool from_zero,
                     struct plot_scale *scale, struct plot_ticks *ticks);
double plot_scale_map(const struct plot_scale *scale, double value);

/* A value with three digits for a label: "0.0123", "1,234", "12.3M", "1.2×10⁻⁷". */
void plot_value_label(double value, char out[32]);

/* The label of a tick on a logarithmic axis. */
void plot_tick_label(double value, char out[32]);

/* ---- plot_axis.c ---- */

void plot_init(struct plot *plot, enum report_language language);

/* "label (unit)" appended to out, which is a buffer of its own. */
void plot_axis_title(const struct report_axis *axis, struct buffer *out);

/*
 * A legend of `count` names from y downwards; returns the y below it. Names beyond one line wrap.
 * Nothing is drawn for fewer than two names unless always.
 */
double plot_legend(struct plot *plot, const struct report_series *series, size_t count, bool bars,
                   double y);

/* Grid, tick labels and title of the left axis; the title stands above the box. */
void plot_axis_left(struct plot *plot, const struct plot_box *box, const struct plot_scale *scale,
                    const struct plot_ticks *ticks, const struct report_axis *axis);

/* Grid, tick labels without overlaps and title of the bottom axis, and what was skipped. */
void plot_axis_bottom(struct plot *plot, const struct plot_box *box, const struct plot_scale *scale,
                      const struct plot_ticks *ticks, const struct report_axis *axis);

/* The width that the labels of a left axis need. */
double plot_ticks_width(const struct plot_ticks *ticks);

/* "data not drawn" in the middle of a box. */
void plot_no_data(struct plot *plot, const struct plot_box *box);

/* Hand the picture to the report; frees the plot. */
void plot_finish(struct plot *plot, struct report *report, const struct report_figure *figure);

#endif
