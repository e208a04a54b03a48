/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <string.h>
#include "report/markup.h"

/* Made of plot.css by the build. */
extern const unsigned char report_plot_css[];
extern const size_t report_plot_css_size;

/* The series colours are those of Okabe and Ito (2008), which people with any common colour
 * blindness tell apart; on dark paper lighter shades of them. */
static const struct {
    const char *name, *light, *dark;
} colours[] = {
    {"paper", "#ffffff", "#15181c"}, {"panel", "#f4f6f8", "#1d2126"},
    {"ink", "#1a1f24", "#e4e7ea"},   {"muted", "#59636e", "#9aa5b1"},
    {"grid", "#dde2e7", "#343b43"},  {"good", "#1a7f37", "#4fc36b"},
    {"bad", "#c5221f", "#ff7b72"},   {"s0", "#0072b2", "#5ab4e5"},
    {"s1", "#d55e00", "#f58a3c"},    {"s2", "#009e73", "#35c79b"},
    {"s3", "#b0568b", "#e09cc3"},    {"s4", "#b8860b", "#f0c04a"},
    {"s5", "#4aa3d9", "#9bd5f7"},    {"s6", "#5b4fa8", "#a99df0"},
    {"s7", "#6b6b6b", "#b8b8b8"},
};
#define COLOUR_COUNT (sizeof colours / sizeof colours[0])

static void append_variables(struct buffer *out, bool dark)
{
    for (size_t i = 0; i < COLOUR_COUNT; i++)
        buffer_printf(out, "%s--%s:%s", i ? ";" : "", colours[i].name,
                      dark ? colours[i].dark : colours[i].light);
}

/* plot.css with each var(--NAME) replaced by its light colour: not every program that shows SVG
 * knows variables. */
static void append_fixed(struct buffer *out, const char *css)
{
    const char *mark;
    while ((mark = strstr(css, "var(--")) != NULL) {
        buffer_append(out, css, (size_t)(mark - css));
        css = mark + strlen("var(--");
        for (size_t i = 0; i < COLOUR_COUNT; i++) {
            size_t length = strlen(colours[i].name);
            if (strncmp(css, colours[i].name, length) == 0 && css[length] == ')') {
                buffer_append_str(out, colours[i].light);
                css += length + 1;
                break;
            }
        }
    }
    buffer_append_str(out, css);
}

bool report_plot_style(struct buffer *out, bool fixed)
{
    const char *css = (const char *)report_plot_css;
    if (fixed) {
        append_fixed(out, css);
        return !buffer_failed(out);
    }
    buffer_append_str(out, ":root{color-scheme:light dark;");
    append_variables(out, false);
    buffer_append_str(out, "}\n@media screen and (prefers-color-scheme:dark){:root{");
    append_variables(out, true);
    buffer_append_str(out, "}}\n");
    return buffer_append_str(out, css);
}

bool report_picture(struct buffer *out, const struct report *report, const struct block *block,
                    size_t number, bool fixed)
{
    size_t at = block->first;
    const char *caption = report_next(report, &at);
    const char *description = report_next(report, &at);
    const char *elements = report_next(report, &at);
    buffer_printf(out,
                  "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f "
                  "%.0f\"",
                  PLOT_WIDTH, block->height);
    if (fixed)
        buffer_printf(out, " width=\"%.0f\" height=\"%.0f\"", PLOT_WIDTH, block->height);
    buffer_printf(out,
                  " role=\"img\" aria-labelledby=\"figure-%zu-title figure-%zu-desc\">\n"
                  "<title id=\"figure-%zu-title\">",
                  number, number, number);
    markup_xml(out, caption);
    buffer_printf(out, "</title>\n<desc id=\"figure-%zu-desc\">", number);
    markup_xml(out, description[0] ? description : caption);
    buffer_append_str(out, "</desc>\n");
    if (fixed) {
        buffer_append_str(out, "<style>\n");
        report_plot_style(out, true);
        buffer_append_str(out, "</style>\n");
        buffer_printf(out, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"%s\"/>\n", PLOT_WIDTH,
                      block->height, colours[0].light);
    }
    buffer_append_str(out, elements);
    return buffer_append_str(out, "</svg>\n");
}

size_t report_figure_count(const struct report *report)
{
    return report->figures;
}

octet_status report_figure_svg(const struct report *report, size_t index, struct buffer *out,
                               struct octet_error *err)
{
    RETURN_IF_ERROR(report_status(report, err));
    size_t number = 0;
    for (size_t i = 0; i < report->count; i++) {
        if (report->blocks[i].kind != BLOCK_FIGURE || number++ != index)
            continue;
        report_picture(out, report, &report->blocks[i], number, true);
        return report_written(out, err);
    }
    return error_set(err, OCTET_USAGE, "report: there is no figure %zu; it has %zu", index + 1,
                     report->figures);
}
