/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[WORD_COUNT][2] = {
    [WORD_CONTENTS] = {"Contents", "目录"},
    [WORD_FIGURE] = {"Figure", "图"},
    [WORD_TABLE] = {"Table", "表"},
    [WORD_PASSED] = {"passed", "通过"},
    [WORD_FAILED] = {"failed", "未通过"},
    [WORD_NOT_RUN] = {"not run", "未运行"},
    [WORD_NOT_SHOWN] = {"not shown", "未显示"},
    [WORD_NO_DATA] = {"no data", "无数据"},
};

const char *report_word(enum report_language language, enum report_word word)
{
    return words[word][language == REPORT_ZH];
}

struct report *report_new(const char *title, enum report_language language)
{
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return NULL;
    report->language = language;
    buffer_init(&report->text, REPORT_SIZE_MAX);
    report_string(report, title);
    return report;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    buffer_free(&report->text);
    free(report->blocks);
    free(report);
}

bool report_failed(const struct report *report)
{
    return report->out_of_memory || report->exceeded || buffer_failed(&report->text);
}

octet_status report_written(const struct buffer *out, struct octet_error *err)
{
    if (!buffer_failed(out))
        return OCTET_OK;
    if (out->full)
        return error_set(err, OCTET_LIMIT, "report: a file would be larger than %zu bytes",
                         out->limit);
    return error_memory(err, "report", out->size);
}

octet_status report_status(const struct report *report, struct octet_error *err)
{
    if (report->exceeded)
        return error_set(err, OCTET_LIMIT, "report: too many %s", report->exceeded);
    if (report->out_of_memory)
        return error_memory(err, "report", report->text.size);
    return report_written(&report->text, err);
}

void report_exceeds(struct report *report, const char *limit)
{
    if (!report_failed(report))
        report->exceeded = limit;
}

struct block *report_begin(struct report *report, enum block_kind kind)
{
    if (!report || report_failed(report))
        return NULL;
    if (report->count == REPORT_BLOCKS_MAX) {
        report_exceeds(report, "blocks");
        return NULL;
    }
    if (report->count == report->capacity) {
        size_t capacity = report->capacity ? report->capacity * 2 : 32;
        struct block *blocks = realloc(report->blocks, capacity * sizeof *blocks);
        if (!blocks) {
            report->out_of_memory = true;
            return NULL;
        }
        report->blocks = blocks;
        report->capacity = capacity;
    }
    struct block *block = &report->blocks[report->count++];
    *block = (struct block){.kind = kind, .first = report->text.size};
    return block;
}

void report_string(struct report *report, const char *text)
{
    if (!text)
        text = "";
    buffer_append(&report->text, text, strlen(text) + 1);
}

const char *report_next(const struct report *report, size_t *offset)
{
    const char *text = report->text.data + *offset;
    *offset += strlen(text) + 1;
    return text;
}

bool report_label(struct buffer *out, const struct report *report, enum report_word word,
                  size_t number)
{
    return buffer_printf(out, "%s %zu", report_word(report->language, word), number);
}

void report_heading(struct report *report, int level, const char *text)
{
    struct block *block = report_begin(report, BLOCK_HEADING);
    if (!block)
        return;
    block->level = level < 1 ? 1 : level > 3 ? 3 : level;
    report_string(report, text);
}

void report_paragraph(struct report *report, const char *text)
{
    if (report_begin(report, BLOCK_PARAGRAPH))
        report_string(report, text);
}

void report_code(struct report *report, const char *language, const char *text)
{
    if (!report_begin(report, BLOCK_CODE))
        return;
    report_string(report, language);
    report_string(report, text);
}

void report_facts(struct report *report, const struct report_fact *facts, size_t count)
{
    struct block *block = report_begin(report, BLOCK_FACTS);
    if (!block)
        return;
    block->rows = count;
    for (size_t i = 0; i < count; i++) {
        report_string(report, facts[i].name);
        report_string(report, facts[i].value);
    }
}

void report_checks(struct report *report, const struct report_check *checks, size_t count)
{
    struct block *block = report_begin(report, BLOCK_CHECKS);
    if (!block)
        return;
    block->rows = count;
    for (size_t i = 0; i < count; i++) {
        bool known = checks[i].state == REPORT_PASSED || checks[i].state == REPORT_FAILED;
        report_string(report, !known ? "2" : checks[i].state == REPORT_PASSED ? "0" : "1");
        report_string(report, checks[i].name);
        report_string(report, checks[i].detail);
    }
}

/* ---- Tables ---- */

static char alignment_of(const struct report_column *column)
{
    switch (column->align) {
    case REPORT_LEFT:
        return 'l';
    case REPORT_RIGHT:
        return 'r';
    case REPORT_CENTER:
        return 'c';
    case REPORT_ALIGN_AUTO:
        break;
    }
    return column->format == REPORT_TEXT ? 'l' : 'r';
}

static void table_head(struct report *report, const struct report_table *table)
{
    char alignments[REPORT_COLUMNS_MAX + 1] = "";
    for (size_t i = 0; i < table->column_count; i++)
        alignments[i] = alignment_of(&table->columns[i]);
    report_string(report, table->caption);
    report_string(report, alignments);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct report_column *column = &table->columns[i];
        buffer_append_str(&report->text, column->name ? column->name : "");
        if (column->unit && column->unit[0])
            buffer_printf(&report->text, " (%s)", column->unit);
        buffer_append_char(&report->text, '\0');
    }
}

static void table_cell(struct report *report, const struct report_table *table,
                       const struct report_column *column, const struct report_cell *cell)
{
    if (cell->text)
        buffer_append_str(&report->text, cell->text);
    else
        report_number_append(&report->text, cell->number, column->format, column->digits);
    buffer_append_char(&report->text, '\0');
    if (cell->note > 0 && cell->note <= table->note_count)
        buffer_printf(&report->text, "%u", cell->note);
    buffer_append_char(&report->text, '\0');
}

void report_table(struct report *report, const struct report_table *table)
{
    if (report && (table->column_count == 0 || table->column_count > REPORT_COLUMNS_MAX)) {
        report_exceeds(report, "columns of a table, or none");
        return;
    }
    struct block *block = report_begin(report, BLOCK_TABLE);
    if (!block)
        return;
    block->rows = table->row_count;
    block->columns = table->column_count;
    block->notes = table->note_count;
    table_head(report, table);
    for (size_t row = 0; row < table->row_count && !report_failed(report); row++)
        for (size_t i = 0; i < table->column_count; i++)
            table_cell(report, table, &table->columns[i],
                       &table->cells[row * table->column_count + i]);
    for (size_t i = 0; i < table->note_count; i++)
        report_string(report, table->notes[i]);
}
