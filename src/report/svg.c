/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <string.h>
#include "base/utf8.h"
#include "report/markup.h"

/* One decimal is a tenth of a pixel; "-0.0" would make equal pictures differ. */
static double tidy(double value)
{
    double rounded = round(value * 10.0) / 10.0;
    return rounded == 0 ? 0 : rounded;
}

static void attribute(struct plot *plot, const char *name, double value)
{
    buffer_printf(&plot->out, " %s=\"%.10g\"", name, tidy(value));
}

void svg_line(struct plot *plot, const char *class, double x1, double y1, double x2, double y2)
{
    buffer_printf(&plot->out, "<line class=\"%s\"", class);
    attribute(plot, "x1", x1);
    attribute(plot, "y1", y1);
    attribute(plot, "x2", x2);
    attribute(plot, "y2", y2);
    buffer_append_str(&plot->out, "/>\n");
}

static void open_rect(struct plot *plot, const char *class, const struct plot_box *box)
{
    buffer_printf(&plot->out, "<rect class=\"%s\"", class);
    attribute(plot, "x", box->x);
    attribute(plot, "y", box->y);
    attribute(plot, "width", box->width);
    attribute(plot, "height", box->height);
}

void svg_rect(struct plot *plot, const char *class, const struct plot_box *box)
{
    open_rect(plot, class, box);
    buffer_append_str(&plot->out, "/>\n");
}

void svg_rect_titled(struct plot *plot, const char *class, const struct plot_box *box,
                     const char *name, const char *value)
{
    open_rect(plot, class, box);
    buffer_append_str(&plot->out, "><title>");
    markup_xml(&plot->out, name ? name : "");
    buffer_append_str(&plot->out, ": ");
    markup_xml(&plot->out, value);
    buffer_append_str(&plot->out, "</title></rect>\n");
}

/* Signs differ in shape, so that they are told apart without colours. */
static const struct {
    float points[8][2];
    size_t count; /* 0: a circle */
} signs[] = {
    {{{0, 0}}, 0},
    {{{-3.6F, -3.6F}, {3.6F, -3.6F}, {3.6F, 3.6F}, {-3.6F, 3.6F}}, 4},
    {{{0, -4.8F}, {4.6F, 3.4F}, {-4.6F, 3.4F}}, 3},
    {{{0, -5.2F}, {5.2F, 0}, {0, 5.2F}, {-5.2F, 0}}, 4},
    {{{0, 4.8F}, {4.6F, -3.4F}, {-4.6F, -3.4F}}, 3},
    {{{-5, -2}, {5, -2}, {5, 2}, {-5, 2}}, 4},
    {{{-2, -5}, {2, -5}, {2, 5}, {-2, 5}}, 4},
};

void svg_marker(struct plot *plot, size_t index, double x, double y, const char *title)
{
    size_t shape = index % (sizeof signs / sizeof signs[0]);
    bool circle = signs[shape].count == 0;
    buffer_printf(&plot->out, "<%s class=\"m s%zu\"", circle ? "circle" : "polygon",
                  index % PLOT_COLOURS);
    if (circle) {
        attribute(plot, "cx", x);
        attribute(plot, "cy", y);
        attribute(plot, "r", 3.8);
    } else {
        buffer_append_str(&plot->out, " points=\"");
        for (size_t i = 0; i < signs[shape].count; i++)
            buffer_printf(&plot->out, "%s%.10g,%.10g", i ? " " : "",
                          tidy(x + (double)signs[shape].points[i][0]),
                          tidy(y + (double)signs[shape].points[i][1]));
        buffer_append_char(&plot->out, '"');
    }
    if (title) {
        buffer_append_str(&plot->out, "><title>");
        markup_xml(&plot->out, title);
        buffer_printf(&plot->out, "</title></%s>\n", circle ? "circle" : "polygon");
    } else {
        buffer_append_str(&plot->out, "/>\n");
    }
}

/* Widths in em of common sans-serif fonts, rounded up; what is not ASCII is a square at most. */
static double character_width(uint32_t c)
{
    if (c >= 0x1100 && !(c >= 0x2000 && c < 0x2e80))
        return 1.0;
    if (c < 0x80 && strchr("iljtfrI.,:;'|!()[]/ -", (int)c) && c)
        return 0.36;
    if (c < 0x80 && strchr("mwMW@%", (int)c) && c)
        return 0.92;
    if (c >= 'A' && c <= 'Z')
        return 0.72;
    return 0.59;
}

double svg_text_width(const char *text)
{
    double width = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        size_t length = 0;
        width += character_width(utf8_decode(text + i, size - i, &length));
        i += length;
    }
    return width * PLOT_FONT;
}

/* Bytes of the longest beginning of text that fits with an ellipsis. */
static size_t fitting_prefix(const char *text, double room)
{
    double width = PLOT_FONT;
    size_t size = strlen(text), i = 0;
    while (i < size) {
        size_t length = 0;
        width += PLOT_FONT * character_width(utf8_decode(text + i, size - i, &length));
        if (width > room)
            break;
        i += length;
    }
    return i;
}

double svg_text(struct plot *plot, const char *class, enum svg_anchor anchor, double x, double y,
                double room, const char *text)
{
    static const char *const anchors[] = {"", " a-m", " a-e"};
    buffer_printf(&plot->out, "<text class=\"%s%s\"", class, anchors[anchor]);
    attribute(plot, "x", x);
    attribute(plot, "y", y);
    buffer_append_char(&plot->out, '>');
    double width = svg_text_width(text);
    if (room <= 0 || width <= room) {
        markup_xml(&plot->out, text);
        buffer_append_str(&plot->out, "</text>\n");
        return width;
    }
    struct buffer prefix;
    buffer_init(&prefix, REPORT_SIZE_MAX);
    if (!buffer_append(&prefix, text, fitting_prefix(text, room)))
        plot->out.failed = true;
    markup_xml(&plot->out, buffer_text(&prefix));
    buffer_free(&prefix);
    buffer_append_str(&plot->out, "…<title>");
    markup_xml(&plot->out, text);
    buffer_append_str(&plot->out, "</title></text>\n");
    return room;
}
