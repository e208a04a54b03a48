/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/terminal.h"

#define HISTORY_LINES 1000

struct line_editor {
    EditLine *edit; /* NULL: input is not a terminal */
    History *history;
    char *history_path;
    const char *prompt;
    char *copy; /* the line without its newline */
    size_t copy_capacity;
};

static char *show_prompt(EditLine *edit)
{
    struct line_editor *editor = NULL;
    el_get(edit, EL_CLIENTDATA, &editor);
    return (char *)(uintptr_t)editor->prompt;
}

static bool start_editing(struct line_editor *editor)
{
    HistEvent event;
    editor->edit = el_init("octet", stdin, stdout, stderr);
    editor->history = history_init();
    if (!editor->edit || !editor->history)
        return false;
    history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
    history(editor->history, &event, H_SETUNIQUE, 1);
    if (editor->history_path)
        history(editor->history, &event, H_LOAD, editor->history_path);
    el_set(editor->edit, EL_CLIENTDATA, editor);
    el_set(editor->edit, EL_PROMPT, show_prompt);
    el_set(editor->edit, EL_EDITOR, "emacs");
    el_set(editor->edit, EL_HIST, history, editor->history);
    el_set(editor->edit, EL_SIGNAL, 0);
    el_set(editor->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(editor->edit, NULL);
    return true;
}

struct line_editor *line_editor_new(const char *prompt, const char *history_path)
{
    struct line_editor *editor = calloc(1, sizeof *editor);
    if (!editor)
        return NULL;
    editor->prompt = prompt;
    editor->history_path = history_path ? strdup(history_path) : NULL;
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !start_editing(editor)) {
        line_editor_free(editor);
        return NULL;
    }
    return editor;
}

void line_editor_free(struct line_editor *editor)
{
    if (!editor)
        return;
    if (editor->history) {
        HistEvent event;
        if (editor->history_path)
            history(editor->history, &event, H_SAVE, editor->history_path);
        history_end(editor->history);
    }
    if (editor->edit)
        el_end(editor->edit);
    free(editor->history_path);
    free(editor->copy);
    free(editor);
}

static enum line_result read_plain(struct line_editor *editor, const char **line)
{
    ssize_t got = getline(&editor->copy, &editor->copy_capacity, stdin);
    if (got < 0)
        return terminal_interrupted ? LINE_INTERRUPTED : LINE_END;
    editor->copy[strcspn(editor->copy, "\n")] = '\0';
    *line = editor->copy;
    return LINE_OK;
}

enum line_result line_editor_read(struct line_editor *editor, const char **line)
{
    if (!editor->edit)
        return read_plain(editor, line);
    int length = 0;
    errno = 0;
    const char *text = el_gets(editor->edit, &length);
    if (!text || length <= 0) {
        if (terminal_interrupted || errno == EINTR) {
            el_reset(editor->edit);
            return LINE_INTERRUPTED;
        }
        return LINE_END;
    }
    char *copy = realloc(editor->copy, (size_t)length + 1);
    if (!copy)
        return LINE_END;
    memcpy(copy, text, (size_t)length);
    copy[length] = '\0';
    copy[strcspn(copy, "\n")] = '\0';
    editor->copy = copy;
    if (*copy) {
        HistEvent event;
        history(editor->history, &event, H_ENTER, copy);
    }
    *line = copy;
    return LINE_OK;
}
