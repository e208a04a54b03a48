/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that a person types: editing and history by libedit on a terminal, plain reading elsewhere.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <stdbool.h>

struct line_editor;

/* history_path: read now, written by line_editor_free; NULL for none. Returns NULL when out of
 * memory. */
struct line_editor *line_editor_new(const char *prompt, const char *history_path);
void line_editor_free(struct line_editor *editor);

enum line_result { LINE_OK, LINE_END, LINE_INTERRUPTED };

/* *line has no newline and lives until the next call. */
enum line_result line_editor_read(struct line_editor *editor, const char **line);

#endif
