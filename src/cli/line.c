/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/line.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buffer.h"
#include "cli/terminal.h"

#define HISTORY_LINES 1000
#define LINE_BYTES_MAX ((size_t)64 << 20)

struct line_editor {
    EditLine *edit; /* NULL: input is not a terminal */
    History *history;
    char *history_path;
    const char *prompt;
    char *copy;          /* the line without its newline */
    struct buffer input; /* plain reading: what was read and not taken */
    bool ended;
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
    buffer_init(&editor->input, LINE_BYTES_MAX);
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
    buffer_free(&editor->input);
    free(editor->copy);
    free(editor);
}

/* Wait for standard input. A signal that comes before the wait must end it too, so it is let in
 * only while waiting. */
static bool wait_for_input(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &before);
    bool ready = !terminal_interrupted && ppoll(&input, 1, NULL, &before) > 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready && !terminal_interrupted;
}

/* Copy the first `size` bytes of the input as the line and drop them and a newline behind them. */
static bool take_line(struct line_editor *editor, size_t size)
{
    char *copy = realloc(editor->copy, size + 1);
    if (!copy)
        return false;
    memcpy(copy, buffer_text(&editor->input), size);
    copy[size] = '\0';
    editor->copy = copy;
    size_t taken = size < editor->input.size ? size + 1 : size;
    editor->input.size -= taken;
    if (editor->input.size)
        memmove(editor->input.data, editor->input.data + taken, editor->input.size + 1);
    return true;
}

static enum line_result read_plain(struct line_editor *editor, const char **line)
{
    char chunk[4096];
    const char *end;
    while (!(end = memchr(buffer_text(&editor->input), '\n', editor->input.size)) &&
           !editor->ended) {
        if (!wait_for_input())
            return LINE_INTERRUPTED;
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got > 0 && !buffer_append(&editor->input, chunk, (size_t)got))
            return LINE_END;
        editor->ended = got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
    }
    size_t size = end ? (size_t)(end - editor->input.data) : editor->input.size;
    if ((!end && size == 0) || !take_line(editor, size))
        return LINE_END;
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
