/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report: headings, paragraphs, facts, tables, check lists, code and figures, written as Markdown
 * with SVG files beside it or as one HTML file that needs nothing else.
 *
 *     struct report *report = report_new("Validation of demo", REPORT_EN);
 *     report_heading(report, 1, "Latency");
 *     report_table(report, &(struct report_table){...});
 *     report_distribution(report, &(struct report_distribution){...});
 *     status = report_save(report, "out.html", &err);
 *     report_free(report);
 *
 * What is added is copied at once. Adding never fails visibly: after the first failure (memory, or
 * a limit below) nothing more is added and writing returns that failure. The functions that add
 * take a NULL report too, so that report_new needs no check of its own.
 *
 * Every string is plain text from anywhere: NULL counts as "", markup in it has no effect, bytes
 * that are not UTF-8, control characters and bidirectional overrides become U+FFFD. All labels come
 * from the caller; the room's own words (contents, figure, table, passed ...) follow the language.
 * Equal input gives equal bytes. One thread at a time may use a report.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"
#include "base/buffer.h"

#define REPORT_SIZE_MAX ((size_t)64 << 20) /* bytes of all text and pictures, and of a file */
#define REPORT_BLOCKS_MAX 4096u            /* headings, paragraphs, tables, figures ... */
#define REPORT_COLUMNS_MAX 64u             /* of a table */
#define REPORT_SERIES_MAX 12u              /* of a plot; lines of a roofline */
#define REPORT_POINTS_MAX 20000u           /* of a series, or bars, or roofline points */
#define REPORT_SAMPLES_MAX ((size_t)1 << 24)
#define REPORT_HEAT_ROWS_MAX 64u
#define REPORT_HEAT_COLUMNS_MAX 512u

enum report_language { REPORT_EN, REPORT_ZH };

struct report;

/* NULL when there is no memory. Free with report_free, which takes NULL. */
struct report *report_new(const char *title, enum report_language language);
void report_free(struct report *report);

/* ---- Text ---- */

/* level 1 (a section), 2 or 3; others are brought into that range. */
void report_heading(struct report *report, int level, const char *text);
void report_paragraph(struct report *report, const char *text);

/* language names the syntax ("bash", "json"); letters, digits, + and - of it are kept. */
void report_code(struct report *report, const char *language, const char *text);

struct report_fact {
    const char *name;
    const char *value;
};
void report_facts(struct report *report, const struct report_fact *facts, size_t count);

enum report_state { REPORT_PASSED, REPORT_FAILED, REPORT_NOT_RUN };
struct report_check {
    enum report_state state;
    const char *name;
    const char *detail; /* NULL: none */
};
void report_checks(struct report *report, const struct report_check *checks, size_t count);

/* ---- Tables ---- */

/* How the number of a cell is written. NaN is written as an en dash, infinity as its sign. */
enum report_format {
    REPORT_TEXT,        /* a number as %.6g */
    REPORT_INTEGER,     /* 1,234,567 */
    REPORT_FIXED,       /* digits behind the point: 1,234.50 */
    REPORT_SIGNIFICANT, /* digits in all: 0.00123, 12.3, 1.23e+09 */
    REPORT_SCIENTIFIC,  /* digits behind the point: 1.23e-05 */
    REPORT_PERCENT,     /* 100 times the number, digits behind the point: 12.50% */
    REPORT_BYTES,       /* 1.50 GiB */
};

enum report_align { REPORT_ALIGN_AUTO, REPORT_LEFT, REPORT_RIGHT, REPORT_CENTER };

struct report_column {
    const char *name;
    const char *unit; /* written behind the name: "TTFT (ms)"; NULL: none */
    enum report_format format;
    int digits;              /* 0..15 */
    enum report_align align; /* AUTO: text left, numbers right */
};

struct report_cell {
    const char *text; /* NULL: the number */
    double number;
    unsigned note; /* which of the table's notes, from 1; 0: none */
};

struct report_table {
    const char *caption; /* NULL: none */
    const struct report_column *columns;
    size_t column_count;
    const struct report_cell *cells; /* [row_count][column_count] */
    size_t row_count;
    const char *const *notes;
    size_t note_count;
};
void report_table(struct report *report, const struct report_table *table);

/* The number as a cell of such a column shows it, appended to out. */
bool report_number_append(struct buffer *out, double number, enum report_format format, int digits);

/* ---- Figures ---- */

/*
 * Points that are not finite, or not positive on a logarithmic axis, are left out (a line is broken
 * there) and their number is written below the plot. Finite values are shown within 1e-150 ...
 * 1e150 of magnitude.
 */
struct report_axis {
    const char *label;
    const char *unit; /* NULL: none */
    bool log;
};

struct report_series {
    const char *name;
    const double *x; /* count; a bar plot ignores it */
    const double *y; /* count */
    size_t count;
};

struct report_figure {
    const char *caption;     /* shown below it, and the picture's title */
    const char *description; /* for those who do not see the picture; NULL: the caption */
};

struct report_line {
    struct report_figure figure;
    struct report_axis x, y;
    bool from_zero; /* a linear y axis begins at zero */
    const struct report_series *series;
    size_t series_count;
};
void report_line(struct report *report, const struct report_line *plot);

/* Horizontal bars from zero, one group a category, one bar a series in it. */
struct report_bars {
    struct report_figure figure;
    struct report_axis value;
    const char *const *categories;
    size_t category_count;
    const struct report_series *series; /* count = category_count, else a limit error */
    size_t series_count;
};
void report_bars(struct report *report, const struct report_bars *plot);

/*
 * The histogram of samples with their cumulative share and marks at P50 and P99 (linear between
 * order statistics, as numpy.percentile does it).
 */
struct report_distribution {
    struct report_figure figure;
    struct report_axis value;
    const char *count_label;      /* of the left axis: "requests" */
    const char *cumulative_label; /* of the right axis: "cumulative share" */
    const double *samples;        /* any order */
    size_t count;
};
void report_distribution(struct report *report, const struct report_distribution *plot);

/* Attainable rate = min(bandwidth * intensity, compute), after Williams et al., CACM 52(4), 2009.
 */
struct report_ceiling {
    const char *name;
    double value; /* bandwidth: y units per x unit, e.g. GB/s; compute: y units, e.g. GFLOP/s */
};
struct report_point {
    const char *name;
    double x, y;
};
struct report_roofline {
    struct report_figure figure;
    struct report_axis x, y; /* both logarithmic, whatever .log says */
    const struct report_ceiling *bandwidths;
    size_t bandwidth_count;
    const struct report_ceiling *computes;
    size_t compute_count;
    const struct report_point *points;
    size_t point_count;
};
void report_roofline(struct report *report, const struct report_roofline *plot);

/* A strip of coloured cells a row: rows are quantities, columns are layers 0, 1, ... */
struct report_heat {
    struct report_figure figure;
    const char *column_label; /* "layer" */
    struct report_axis value; /* the scale of colours */
    const char *const *rows;
    size_t row_count;
    const double *values; /* [row_count][column_count]; not finite: an empty cell */
    size_t column_count;
};
void report_heat(struct report *report, const struct report_heat *plot);

/* ---- Writing ---- */

/* All return OCTET_MEMORY or OCTET_LIMIT for a failure of adding, too. */

/* The file as one HTML text; style, script (none) and pictures are within. */
octet_status report_html(const struct report *report, struct buffer *out, struct octet_error *err);

/* GitHub's Markdown; figure n is looked for at FIGURES/figure-n.svg (a relative path, '/' between).
 */
octet_status report_markdown(const struct report *report, const char *figures, struct buffer *out,
                             struct octet_error *err);

size_t report_figure_count(const struct report *report);

/* Figure index (from 0) as an SVG file of its own, colours fixed. OCTET_USAGE past the last. */
octet_status report_figure_svg(const struct report *report, size_t index, struct buffer *out,
                               struct octet_error *err);

/*
 * By the ending of path: .html and .htm one file; .md and .markdown a file and, where it has
 * figures, a directory NAME_figures beside it, NAME being the file's without its ending. Others are
 * OCTET_USAGE. Files are replaced whole or not at all, pictures before the text that shows them;
 * OCTET_IO when that fails.
 */
octet_status report_save(const struct report *report, const char *path, struct octet_error *err);

#endif
