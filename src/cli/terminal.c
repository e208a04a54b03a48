/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/log.h"
#include "base/utf8.h"

volatile int terminal_interrupted;

void terminal_reserve_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /* open() takes the lowest free number, which is fd; the wrong mode keeps it unusable. */
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return;
    }
}

bool terminal_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

int terminal_exit_code(octet_status status)
{
    switch (status) {
    case OCTET_OK:
        return 0;
    case OCTET_USAGE:
        return 2;
    case OCTET_MISMATCH:
        return 3;
    case OCTET_CANCELLED:
        return 130;
    default:
        return 1;
    }
}

int terminal_fail(octet_status status, const char *message)
{
    bool colour = terminal_colour(stderr);
    fprintf(stderr, "%soctet: error:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "",
            message && *message ? message : octet_status_text(status));
    return terminal_exit_code(status);
}

static void on_interrupt(int signal_number)
{
    terminal_interrupted = signal_number;
}

void terminal_note(FILE *stream, const char *note)
{
    char text[2048];
    size_t length = strlen(note);
    bool cut = length > sizeof text;
    utf8_printable(text, sizeof text, note, cut ? sizeof text : length, cut);
    fprintf(stream, "note: %s\n", text);
}

static bool is_harmless(uint32_t code_point)
{
    return code_point == '\n' || code_point == '\t' ||
           (code_point != UTF8_INVALID && code_point >= 0x20 &&
            (code_point < 0x7F || code_point > 0x9F));
}

void terminal_write(FILE *stream, const char *text, size_t size)
{
    if (!isatty(fileno(stream))) {
        fwrite(text, 1, size, stream);
        return;
    }
    for (size_t at = 0, length; at < size; at += length) {
        if (is_harmless(utf8_decode(text + at, size - at, &length))) {
            fwrite(text + at, 1, length, stream);
            continue;
        }
        for (size_t i = 0; i < length; i++)
            fprintf(stream, "\\x%02x", (unsigned char)text[at + i]);
    }
}

void terminal_catch_interrupts(void)
{
    /* SA_RESETHAND: a second Ctrl-C ends a program that does not come to its next check. */
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void terminal_log_to_stderr(bool quiet)
{
    enum log_level level = quiet ? LOG_WARNING : LOG_INFO;
    const char *name = getenv("VLLM_LOGGING_LEVEL");
    if (name && strcmp(name, "DEBUG") == 0)
        level = LOG_DEBUG;
    else if (name && strcmp(name, "WARNING") == 0)
        level = LOG_WARNING;
    else if (name && strcmp(name, "ERROR") == 0)
        level = LOG_ERROR;
    log_set_sink(log_stderr_sink, stderr, level);
}

#define TABLE_BYTES_MAX ((size_t)1 << 30)
#define TABLE_COLUMNS_MAX 16

struct table {
    struct arena arena;
    int columns;
    size_t count, capacity;
    char **cells;
};

struct table *table_new(int columns)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    arena_init(&table->arena, TABLE_BYTES_MAX);
    table->columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX;
    return table;
}

bool table_cell(struct table *table, const char *format, ...)
{
    if (!table)
        return false;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (!cells)
            return false;
        table->cells = cells;
        table->capacity = capacity;
    }
    char raw[1024], text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (length < 0)
        return false;
    /* Names in a hostile file must not steer the terminal. */
    bool cut = (size_t)length >= sizeof raw;
    utf8_printable(text, sizeof text, raw, cut ? sizeof raw - 1 : (size_t)length, cut);
    char *copy = arena_strdup(&table->arena, text);
    if (copy)
        table->cells[table->count++] = copy;
    return copy != NULL;
}

/* Columns on the screen: UTF-8 continuation bytes take none, CJK wide characters take two. */
static int display_width(const char *text)
{
    int width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if ((*p & 0xC0) != 0x80)
            width += *p >= 0xE3 && *p <= 0xED ? 2 : 1;
    }
    return width;
}

static bool is_number(const char *text)
{
    return (text[0] >= '0' && text[0] <= '9') ||
           (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
}

void table_print(const struct table *table, FILE *out, const char *indent, bool first_row_is_header)
{
    if (!table)
        return;
    size_t columns = (size_t)table->columns;
    int widths[TABLE_COLUMNS_MAX] = {0};
    bool numeric[TABLE_COLUMNS_MAX] = {false};
    for (int c = 0; c < table->columns; c++)
        numeric[c] = true;
    for (size_t i = 0; i < table->count; i++) {
        int column = (int)(i % columns), width = display_width(table->cells[i]);
        widths[column] = width > widths[column] ? width : widths[column];
        if (!(first_row_is_header && i < columns) && !is_number(table->cells[i]))
            numeric[column] = false;
    }
    bool bold = first_row_is_header && terminal_colour(out);
    for (size_t i = 0; i < table->count; i++) {
        int column = (int)(i % columns);
        bool last = column == table->columns - 1;
        int pad = widths[column] - display_width(table->cells[i]);
        fprintf(out, "%s%s%*s%s%s%*s%s", column == 0 ? indent : "  ",
                bold && i < columns ? "\033[1m" : "", numeric[column] ? pad : 0, "",
                table->cells[i], bold && i < columns ? "\033[0m" : "",
                numeric[column] || last ? 0 : pad, "", last ? "\n" : "");
    }
    if (table->count % columns)
        fputc('\n', out);
}

void table_free(struct table *table)
{
    if (!table)
        return;
    arena_free(&table->arena);
    free(table->cells);
    free(table);
}

octet_status terminal_flush_stdout(struct octet_error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return OCTET_OK;
    return error_errno(err, errno ? errno : EIO, "write", "standard output");
}
