/* SPDX-License-Identifier: Apache-2.0 */
/* A report inside: blocks, each a run of strings in one pool. */
#ifndef REPORT_REPORT_MODEL_H
#define REPORT_REPORT_MODEL_H

#include "report/report.h"

/* The strings of a block follow each other from `first`. */
enum block_kind {
    BLOCK_HEADING,   /* text; level */
    BLOCK_PARAGRAPH, /* text */
    BLOCK_CODE,      /* language, text */
    BLOCK_FACTS,     /* rows times: name, value */
    BLOCK_CHECKS,    /* rows times: state '0'..'2', name, detail */
    BLOCK_TABLE,     /* caption; alignments, 'l', 'r' or 'c' a column; column heads; rows * columns
                        times: text, note number; notes */
    BLOCK_FIGURE,    /* caption, description, elements of the picture; height */
};

struct block {
    enum block_kind kind;
    int level;
    size_t rows, columns, notes;
    double height;
    size_t first;
};

struct report {
    enum report_language language;
    struct buffer text; /* strings with their NULs; the title is the first */
    struct block *blocks;
    size_t count, capacity;
    size_t figures;
    bool out_of_memory;
    const char *exceeded; /* the limit that was met, or NULL */
};

/* The words of the room itself. */
enum report_word {
    WORD_CONTENTS,
    WORD_FIGURE,
    WORD_TABLE,
    WORD_PASSED,
    WORD_FAILED,
    WORD_NOT_RUN,
    WORD_NOT_SHOWN,
    WORD_NO_DATA,
    WORD_COUNT
};
const char *report_word(enum report_language language, enum report_word word);

/* A new block, or NULL after a failure. The pointer holds until the next block is begun. */
struct block *report_begin(struct report *report, enum block_kind kind);
void report_string(struct report *report, const char *text); /* NULL: "" */
void report_exceeds(struct report *report, const char *limit);
bool report_failed(const struct report *report);

/* The failure as a status, OCTET_OK when there is none. */
octet_status report_status(const struct report *report, struct octet_error *err);

/* The string at *offset; *offset goes to the next one. */
const char *report_next(const struct report *report, size_t *offset);

/* "Figure 3" or "Table 2" (Chinese: without the space is as usual as with it; with). */
bool report_label(struct buffer *out, const struct report *report, enum report_word word,
                  size_t number);

/* The picture of a figure block; number from 1. fixed: a file of its own with its colours. */
bool report_picture(struct buffer *out, const struct report *report, const struct block *block,
                    size_t number, bool fixed);

/* plot.css for a page (light and dark by variables) or with fixed colours. */
bool report_plot_style(struct buffer *out, bool fixed);

/* OCTET_OK, or the reason why out is not whole. */
octet_status report_written(const struct buffer *out, struct octet_error *err);

#endif
