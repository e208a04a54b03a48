/* SPDX-License-Identifier: Apache-2.0 */
/* The program's side of a terminal: colour, tables, signals, log level. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/progress.h"
#include "base/status.h"

/*
 * Take the places of standard streams that the caller closed, before a file of ours gets their
 * number and messages are written into it. Using such a stream stays an error. First of all in
 * main.
 */
void terminal_reserve_streams(void);

/* Is colour wanted on this stream? (a terminal, NO_COLOR unset or empty, TERM not "dumb") */
bool terminal_colour(FILE *stream);

/* "octet: error: MESSAGE" on standard error; returns the exit code that belongs to status. */
int terminal_fail(octet_status status, const char *message);
int terminal_exit_code(octet_status status);

/* "note: NOTE" on a line, control characters of it escaped. */
void terminal_note(FILE *stream, const char *note);

/* Text of a model or a server. A terminal gets its control characters escaped, all but newline and
 * tab, so that it cannot be steered; a file or pipe gets what came. */
void terminal_write(FILE *stream, const char *text, size_t size);

/* Raised by SIGINT and SIGTERM once terminal_catch_interrupts was called; a second signal ends the
 * process. */
extern volatile int terminal_interrupted;
void terminal_catch_interrupts(void);

/* Lines go to standard error at the level of VLLM_LOGGING_LEVEL (INFO unless set; quiet: only
 * warnings). */
void terminal_log_to_stderr(bool quiet);

/* A table of `columns` aligned columns; numbers (cells that begin with a digit) go to the right.
 * Cells are copied, their control characters escaped. */
struct table;
struct table *table_new(int columns);
bool table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *table, FILE *out, const char *indent,
                 bool first_row_is_header);
void table_free(struct table *table);

/* Flush standard output: OCTET_IO when it cannot be written (a full disk, a closed pipe). */
octet_status terminal_flush_stdout(struct octet_error *err);

#endif
