/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_model.h"

#include "report/markup.h"

/* Made of page.css by the build. */
extern const unsigned char report_page_css[];
extern const size_t report_page_css_size;

struct writer {
    const struct report *report;
    struct buffer *out;
    size_t headings, tables, figures;
};

static void element(struct buffer *out, const char *tag, const char *text)
{
    buffer_printf(out, "<%s>", tag);
    markup_xml(out, text);
    buffer_printf(out, "</%s>\n", tag);
}

/* Links to all headings, when there are enough to get lost among. */
static void write_contents(struct writer *writer)
{
    const struct report *report = writer->report;
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++)
        count += report->blocks[i].kind == BLOCK_HEADING;
    if (count < 3)
        return;
    const char *word = report_word(report->language, WORD_CONTENTS);
    buffer_printf(writer->out, "<nav aria-label=\"%s\">\n<p>%s</p>\n<ul>\n", word, word);
    size_t number = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct block *block = &report->blocks[i];
        if (block->kind != BLOCK_HEADING)
            continue;
        size_t at = block->first;
        buffer_printf(writer->out, "<li class=\"n%d\"><a href=\"#s%zu\">", block->level, ++number);
        markup_xml(writer->out, report_next(report, &at));
        buffer_append_str(writer->out, "</a></li>\n");
    }
    buffer_append_str(writer->out, "</ul>\n</nav>\n");
}

static void write_facts(struct writer *writer, const struct block *block)
{
    size_t at = block->first;
    buffer_append_str(writer->out, "<dl>\n");
    for (size_t i = 0; i < block->rows; i++) {
        element(writer->out, "dt", report_next(writer->report, &at));
        element(writer->out, "dd", report_next(writer->report, &at));
    }
    buffer_append_str(writer->out, "</dl>\n");
}

static void write_checks(struct writer *writer, const struct block *block)
{
    static const char *const classes[] = {"passed", "failed", "none"};
    static const char *const signs[] = {"✓", "✗", "–"};
    size_t at = block->first;
    buffer_append_str(writer->out, "<ul class=\"checks\">\n");
    for (size_t i = 0; i < block->rows; i++) {
        int state = report_next(writer->report, &at)[0] - '0';
        enum report_word word = (enum report_word)((int)WORD_PASSED + state);
        buffer_printf(writer->out,
                      "<li class=\"%s\"><span class=\"state\">%s %s</span><span class=\"what\">",
                      classes[state], signs[state], report_word(writer->report->language, word));
        markup_xml(writer->out, report_next(writer->report, &at));
        const char *detail = report_next(writer->report, &at);
        if (detail[0]) {
            buffer_append_str(writer->out, "<span class=\"detail\">");
            markup_xml(writer->out, detail);
            buffer_append_str(writer->out, "</span>");
        }
        buffer_append_str(writer->out, "</span></li>\n");
    }
    buffer_append_str(writer->out, "</ul>\n");
}

static void write_caption(struct writer *writer, enum report_word word, size_t number,
                          const char *caption)
{
    buffer_append_str(writer->out, "<figcaption><strong>");
    report_label(writer->out, writer->report, word, number);
    buffer_append_str(writer->out, ".</strong> ");
    markup_xml(writer->out, caption);
    buffer_append_str(writer->out, "</figcaption>\n");
}

static void write_rows(struct writer *writer, const struct block *block, const char *alignments,
                       size_t *at)
{
    for (size_t row = 0; row < block->rows && !buffer_failed(writer->out); row++) {
        buffer_append_str(writer->out, "<tr>");
        for (size_t i = 0; i < block->columns; i++) {
            buffer_printf(writer->out, "<td class=\"a%c\">", alignments[i]);
            markup_xml(writer->out, report_next(writer->report, at));
            const char *note = report_next(writer->report, at);
            if (note[0])
                buffer_printf(writer->out, "<sup>%s</sup>", note);
            buffer_append_str(writer->out, "</td>");
        }
        buffer_append_str(writer->out, "</tr>\n");
    }
}

static void write_table(struct writer *writer, const struct block *block)
{
    size_t at = block->first;
    const char *caption = report_next(writer->report, &at);
    const char *alignments = report_next(writer->report, &at);
    buffer_append_str(writer->out, "<figure>\n");
    if (caption[0])
        write_caption(writer, WORD_TABLE, ++writer->tables, caption);
    buffer_append_str(writer->out, "<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>");
    for (size_t i = 0; i < block->columns; i++) {
        buffer_printf(writer->out, "<th scope=\"col\" class=\"a%c\">", alignments[i]);
        markup_xml(writer->out, report_next(writer->report, &at));
        buffer_append_str(writer->out, "</th>");
    }
    buffer_append_str(writer->out, "</tr></thead>\n<tbody>\n");
    write_rows(writer, block, alignments, &at);
    buffer_append_str(writer->out, "</tbody>\n</table>\n</div>\n");
    if (block->notes > 0)
        buffer_append_str(writer->out, "<ol class=\"notes\">\n");
    for (size_t i = 0; i < block->notes; i++)
        element(writer->out, "li", report_next(writer->report, &at));
    buffer_append_str(writer->out, block->notes > 0 ? "</ol>\n</figure>\n" : "</figure>\n");
}

static void write_figure(struct writer *writer, const struct block *block)
{
    size_t at = block->first, number = ++writer->figures;
    buffer_append_str(writer->out, "<figure>\n<div class=\"scroll\" tabindex=\"0\">\n");
    report_picture(writer->out, writer->report, block, number, false);
    buffer_append_str(writer->out, "</div>\n");
    write_caption(writer, WORD_FIGURE, number, report_next(writer->report, &at));
    buffer_append_str(writer->out, "</figure>\n");
}

static void write_block(struct writer *writer, const struct block *block)
{
    size_t at = block->first;
    int level;
    switch (block->kind) {
    case BLOCK_HEADING:
        level = block->level + 1;
        buffer_printf(writer->out, "<h%d id=\"s%zu\">", level, ++writer->headings);
        markup_xml(writer->out, report_next(writer->report, &at));
        buffer_printf(writer->out, "</h%d>\n", level);
        break;
    case BLOCK_PARAGRAPH:
        element(writer->out, "p", report_next(writer->report, &at));
        break;
    case BLOCK_CODE:
        report_next(writer->report, &at);
        /* HTML drops a line end that follows <pre>, so one that is meant would be lost. */
        buffer_append_str(writer->out, "<pre tabindex=\"0\"><code>");
        markup_xml_block(writer->out, report_next(writer->report, &at));
        buffer_append_str(writer->out, "</code></pre>\n");
        break;
    case BLOCK_FACTS:
        write_facts(writer, block);
        break;
    case BLOCK_CHECKS:
        write_checks(writer, block);
        break;
    case BLOCK_TABLE:
        write_table(writer, block);
        break;
    case BLOCK_FIGURE:
        write_figure(writer, block);
        break;
    }
}

octet_status report_html(const struct report *report, struct buffer *out, struct octet_error *err)
{
    RETURN_IF_ERROR(report_status(report, err));
    struct writer writer = {.report = report, .out = out};
    size_t at = 0;
    const char *title = report_next(report, &at);
    buffer_printf(out,
                  "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'unsafe-inline'\"/>\n",
                  report->language == REPORT_ZH ? "zh-Hans" : "en");
    element(out, "title", title);
    buffer_append_str(out, "<style>\n");
    report_plot_style(out, false);
    buffer_append(out, report_page_css, report_page_css_size);
    buffer_append_str(out, "</style>\n</head>\n<body>\n<main>\n");
    element(out, "h1", title);
    write_contents(&writer);
    for (size_t i = 0; i < report->count; i++)
        write_block(&writer, &report->blocks[i]);
    buffer_append_str(out, "</main>\n</body>\n</html>\n");
    return report_written(out, err);
}
