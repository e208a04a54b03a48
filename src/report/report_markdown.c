/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_model.h"

#include "report/markup.h"

struct writer {
    const struct report *report;
    struct buffer *out;
    const char *figures;
    size_t tables, figure;
};

static void write_facts(struct writer *writer, const struct block *block)
{
    size_t at = block->first;
    for (size_t i = 0; i < block->rows; i++) {
        buffer_append_str(writer->out, "- **");
        markup_markdown(writer->out, report_next(writer->report, &at));
        buffer_append_str(writer->out, "**: ");
        markup_markdown(writer->out, report_next(writer->report, &at));
        buffer_append_char(writer->out, '\n');
    }
}

static void write_checks(struct writer *writer, const struct block *block)
{
    static const char *const signs[] = {"✅", "❌", "➖"};
    size_t at = block->first;
    for (size_t i = 0; i < block->rows; i++) {
        int state = report_next(writer->report, &at)[0] - '0';
        enum report_word word = (enum report_word)((int)WORD_PASSED + state);
        buffer_printf(writer->out, "- %s **%s** ", signs[state],
                      report_word(writer->report->language, word));
        markup_markdown(writer->out, report_next(writer->report, &at));
        const char *detail = report_next(writer->report, &at);
        if (detail[0]) {
            buffer_append_str(writer->out, " — ");
            markup_markdown(writer->out, detail);
        }
        buffer_append_char(writer->out, '\n');
    }
}

static void write_rows(struct writer *writer, const struct block *block, size_t *at)
{
    for (size_t row = 0; row < block->rows && !buffer_failed(writer->out); row++) {
        for (size_t i = 0; i < block->columns; i++) {
            buffer_append_str(writer->out, "| ");
            markup_markdown(writer->out, report_next(writer->report, at));
            const char *note = report_next(writer->report, at);
            if (note[0])
                buffer_printf(writer->out, "<sup>%s</sup>", note);
            buffer_append_char(writer->out, ' ');
        }
        buffer_append_str(writer->out, "|\n");
    }
}

static void write_table(struct writer *writer, const struct block *block)
{
    size_t at = block->first;
    const char *caption = report_next(writer->report, &at);
    const char *alignments = report_next(writer->report, &at);
    if (caption[0]) {
        buffer_append_str(writer->out, "**");
        report_label(writer->out, writer->report, WORD_TABLE, ++writer->tables);
        buffer_append_str(writer->out, ".** ");
        markup_markdown(writer->out, caption);
        buffer_append_str(writer->out, "\n\n");
    }
    for (size_t i = 0; i < block->columns; i++) {
        buffer_append_str(writer->out, "| ");
        markup_markdown(writer->out, report_next(writer->report, &at));
        buffer_append_char(writer->out, ' ');
    }
    buffer_append_str(writer->out, "|\n");
    for (const char *c = alignments; *c; c++)
        buffer_append_str(writer->out, *c == 'r' ? "| ---: " : *c == 'c' ? "| :---: " : "| --- ");
    buffer_append_str(writer->out, "|\n");
    write_rows(writer, block, &at);
    for (size_t i = 0; i < block->notes; i++) {
        buffer_printf(writer->out, "%s<sup>%zu</sup> ", i == 0 ? "\n" : "<br>\n", i + 1);
        markup_markdown(writer->out, report_next(writer->report, &at));
    }
    if (block->notes > 0)
        buffer_append_char(writer->out, '\n');
}

static void write_figure(struct writer *writer, const struct block *block)
{
    size_t at = block->first, number = ++writer->figure;
    const char *caption = report_next(writer->report, &at);
    const char *description = report_next(writer->report, &at);
    buffer_append_str(writer->out, "![");
    markup_markdown(writer->out, description[0] ? description : caption);
    buffer_append_str(writer->out, "](");
    markup_url_path(writer->out, writer->figures);
    buffer_printf(writer->out, "/figure-%zu.svg)\n\n**", number);
    report_label(writer->out, writer->report, WORD_FIGURE, number);
    buffer_append_str(writer->out, ".** ");
    markup_markdown(writer->out, caption);
    buffer_append_char(writer->out, '\n');
}

static void write_block(struct writer *writer, const struct block *block)
{
    static const char *const marks[] = {"## ", "### ", "#### "};
    size_t at = block->first;
    const char *language;
    buffer_append_char(writer->out, '\n');
    switch (block->kind) {
    case BLOCK_HEADING:
        buffer_append_str(writer->out, marks[block->level - 1]);
        markup_markdown(writer->out, report_next(writer->report, &at));
        buffer_append_char(writer->out, '\n');
        break;
    case BLOCK_PARAGRAPH:
        markup_markdown(writer->out, report_next(writer->report, &at));
        buffer_append_char(writer->out, '\n');
        break;
    case BLOCK_CODE:
        language = report_next(writer->report, &at);
        markup_fence(writer->out, language, report_next(writer->report, &at));
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

octet_status report_markdown(const struct report *report, const char *figures, struct buffer *out,
                             struct octet_error *err)
{
    RETURN_IF_ERROR(report_status(report, err));
    struct writer writer = {.report = report, .out = out, .figures = figures};
    size_t at = 0;
    buffer_append_str(out, "# ");
    markup_markdown(out, report_next(report, &at));
    buffer_append_char(out, '\n');
    for (size_t i = 0; i < report->count; i++)
        write_block(&writer, &report->blocks[i]);
    return report_written(out, err);
}
