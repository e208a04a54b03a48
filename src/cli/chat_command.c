/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/line.h"
#include "cli/remote_command.h"
#include "cli/terminal.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define THINK_OPEN "<think>"
#define THINK_CLOSE "</think>"

struct chat {
    const struct args *args;
    struct runtime *runtime;
    struct json *messages;
    struct buffer answer;
    bool colour;
    size_t shown; /* bytes of answer already on the screen */
    bool thinking;
    struct octet_error failure;
    struct generation_summary summary;
};

static void on_signal(int number)
{
    terminal_interrupted = number;
}

/* Unlike in the other commands, Ctrl-C stops an answer and the program goes on; SIGTERM ends it. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

static bool add_message(struct json *messages, const char *role, const char *content, size_t size)
{
    struct json *message = json_new_object();
    bool ok = json_set(message, "role", json_new_string(role)) &&
              json_set(message, "content", json_new_string_n(content, size));
    return json_push(messages, message) && ok;
}

static void reset(struct chat *chat)
{
    json_free(chat->messages);
    chat->messages = json_new_array();
    const char *system = args_text(chat->args, OPT_SYSTEM_PROMPT, NULL);
    if (system)
        add_message(chat->messages, "system", system, strlen(system));
}

static void show(struct chat *chat, size_t end)
{
    terminal_write(stdout, chat->answer.data + chat->shown, end - chat->shown);
    chat->shown = end;
}

/* Dim on or off at the tags; the tags themselves stay visible where there is no colour. */
static void show_answer(struct chat *chat, bool finished)
{
    for (;;) {
        const char *tag = chat->thinking ? THINK_CLOSE : THINK_OPEN;
        size_t length = strlen(tag), left = chat->answer.size - chat->shown;
        if (left == 0)
            break;
        const char *start = chat->answer.data + chat->shown;
        const char *found = memmem(start, left, tag, length);
        if (!found) {
            /* A tag may be half here: hold back what could still become one. */
            size_t hold = finished ? 0 : length - 1;
            while (hold > 0 && (hold > left || memcmp(start + left - hold, tag, hold) != 0))
                hold--;
            show(chat, chat->answer.size - hold);
            break;
        }
        size_t at = (size_t)(found - chat->answer.data);
        if (chat->thinking) {
            show(chat, at + length);
            fputs(chat->colour ? "\033[0m" : "", stdout);
        } else {
            show(chat, at);
            fputs(chat->colour ? "\033[2m" : "", stdout);
            show(chat, at + length);
        }
        chat->thinking = !chat->thinking;
    }
    fflush(stdout);
}

static bool on_event(void *context, size_t index, const struct generation_event *event)
{
    struct chat *chat = context;
    (void)index;
    buffer_append(&chat->answer, event->text, event->text_size);
    show_answer(chat, event->finished);
    if (event->finish_reason == FINISH_ERROR)
        error_set(&chat->failure, event->error, "%s", event->message);
    return !terminal_interrupted;
}

/* What goes into the conversation: the answer without its thinking. */
static const char *spoken(const struct buffer *answer, size_t *size)
{
    const char *text = buffer_text(answer);
    const char *end = memmem(text, answer->size, THINK_CLOSE, strlen(THINK_CLOSE));
    const char *start = end ? end + strlen(THINK_CLOSE) : text;
    start += strspn(start, "\n");
    *size = answer->size - (size_t)(start - text);
    return start;
}

static octet_status render(struct chat *chat, struct buffer *prompt, struct octet_error *err)
{
    struct json *variables = json_new_object();
    bool ok = json_set(variables, "messages", json_share(chat->messages)) &&
              json_set(variables, "add_generation_prompt", json_new_bool(true));
    if (ok && args_given(chat->args, OPT_ENABLE_THINKING))
        ok = json_set(variables, "enable_thinking",
                      json_new_bool(args_flag(chat->args, OPT_ENABLE_THINKING, true)));
    octet_status status = ok ? runtime_render_chat(chat->runtime, variables, prompt, err)
                             : error_memory(err, "conversation", 0);
    json_free(variables);
    return status;
}

static octet_status answer_turn(struct chat *chat, struct octet_error *err)
{
    struct buffer prompt;
    buffer_init(&prompt, ANSWER_BYTES_MAX);
    buffer_clear(&chat->answer);
    chat->shown = 0;
    chat->thinking = false;
    chat->failure = (struct octet_error){0};
    octet_status status = render(chat, &prompt, err);
    if (status == OCTET_OK) {
        struct generation_options request;
        generation_options_init(chat->runtime, &request);
        request.prompt = buffer_text(&prompt);
        request.prompt_size = prompt.size;
        request.add_special_tokens = false;
        cli_sampling(chat->args, &request.sampling);
        request.stop = args_list(chat->args, OPT_STOP, &request.stop_count);
        status = runtime_generate(chat->runtime, &request, 1, on_event, chat, &chat->summary, err);
        if (status == OCTET_CANCELLED)
            status = OCTET_OK;
    }
    if (status == OCTET_OK && chat->failure.status != OCTET_OK)
        status = error_set(err, chat->failure.status, "%s", chat->failure.message);
    if (chat->thinking && chat->colour)
        fputs("\033[0m", stdout);
    buffer_free(&prompt);
    return status;
}

static void print_help(void)
{
    fputs("/reset   forget the conversation\n"
          "/stats   tokens and speed of the last answer\n"
          "/help    this list\n"
          "/exit    leave (also Ctrl-D); Ctrl-C stops an answer\n",
          stderr);
}

static void print_stats(const struct chat *chat)
{
    const struct generation_summary *summary = &chat->summary;
    double per_token = summary->time_per_token_s;
    fprintf(stderr,
            "%zu prompt tokens (%zu cached), %zu output tokens; TTFT %.1f ms, %.1f tokens/s\n",
            summary->prompt_tokens, summary->cached_tokens, summary->output_tokens,
            summary->ttft_s * 1e3, per_token > 0 ? 1 / per_token : 0);
}

/* Commands begin with '/'. Returns false to leave. */
static bool run_slash_command(struct chat *chat, const char *line)
{
    if (strcmp(line, "/exit") == 0 || strcmp(line, "/quit") == 0 || strcmp(line, "/bye") == 0)
        return false;
    if (strcmp(line, "/reset") == 0 || strcmp(line, "/clear") == 0)
        reset(chat);
    else if (strcmp(line, "/stats") == 0)
        print_stats(chat);
    else
        print_help();
    return true;
}

static octet_status take_turn(struct chat *chat, const char *line, struct octet_error *err)
{
    if (!add_message(chat->messages, "user", line, strlen(line)))
        return error_memory(err, "conversation", strlen(line));
    struct octet_error turn_err = {0};
    octet_status status = answer_turn(chat, &turn_err);
    putchar('\n');
    if (status != OCTET_OK) {
        terminal_fail(status, turn_err.message);
        fputs("The conversation was reset.\n", stderr);
        reset(chat);
        return OCTET_OK;
    }
    size_t size;
    const char *text = spoken(&chat->answer, &size);
    if (!add_message(chat->messages, "assistant", text, size))
        return error_memory(err, "conversation", size);
    if (terminal_interrupted)
        fputs("(stopped)\n", stderr);
    return terminal_flush_stdout(err);
}

/* $XDG_STATE_HOME/octet/chat_history, made when it is missing; NULL when there is no home. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *base = state && *state ? strdup(state) : home ? path_join(home, ".local/state") : NULL;
    char *directory = base ? path_join(base, "octet") : NULL;
    char *path = NULL;
    if (directory && directory_create(directory, NULL) == OCTET_OK)
        path = path_join(directory, "chat_history");
    free(directory);
    free(base);
    return path;
}

static octet_status converse(struct chat *chat, struct octet_error *err)
{
    char *history = isatty(STDIN_FILENO) ? history_path() : NULL;
    struct line_editor *editor = line_editor_new("> ", history);
    free(history);
    if (!editor)
        return error_memory(err, "line editor", 0);
    octet_status status = OCTET_OK;
    bool go_on = true;
    while (go_on && status == OCTET_OK) {
        const char *line;
        terminal_interrupted = 0;
        enum line_result result = line_editor_read(editor, &line);
        if (result == LINE_END || terminal_interrupted == SIGTERM)
            break;
        if (result == LINE_INTERRUPTED) {
            fputs("\n(Ctrl-D or /exit leaves)\n", stderr);
            continue;
        }
        if (line[0] == '/')
            go_on = run_slash_command(chat, line);
        else if (line[strspn(line, " \t")] != '\0')
            status = take_turn(chat, line, err);
        if (terminal_interrupted == SIGTERM)
            break;
    }
    if (status == OCTET_OK && terminal_interrupted == SIGTERM)
        status = error_set(err, OCTET_CANCELLED, "ended by a signal");
    if (isatty(STDIN_FILENO))
        putchar('\n');
    line_editor_free(editor);
    return status;
}

static octet_status check_options(const struct args *args, struct octet_error *err)
{
    static const enum option_id remote[] = {OPT_MODEL_NAME, OPT_CLIENT_KEY};
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if (args_given(args, remote[i]))
            return error_set(err, OCTET_USAGE, "--%s has an effect only with --url",
                             option_at((int)remote[i])->name);
    }
    return OCTET_OK;
}

octet_status command_chat(const struct args *args, struct octet_error *err)
{
    if (args_given(args, OPT_URL) || !args_given(args, OPT_MODEL))
        return remote_run(args, true, err);
    RETURN_IF_ERROR(check_options(args, err));
    struct chat chat = {.args = args, .colour = terminal_colour(stdout)};
    RETURN_IF_ERROR(cli_open_runtime(args, &chat.runtime, err));
    octet_status status = OCTET_OK;
    if (!runtime_has_chat_template(chat.runtime))
        status = error_set(err, OCTET_INPUT,
                           "%s has no chat template (chat_template.jinja, or chat_template in "
                           "tokenizer_config.json); give one by --chat-template FILE, or use "
                           "octet infer --prompt",
                           args_text(args, OPT_MODEL, ""));
    if (status == OCTET_OK) {
        buffer_init(&chat.answer, ANSWER_BYTES_MAX);
        catch_interrupts();
        reset(&chat);
        const char *quick = args_text(args, OPT_QUICK_TEXT, NULL);
        if (!quick && isatty(STDIN_FILENO))
            fputs("Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands.\n", stderr);
        status = quick ? take_turn(&chat, quick, err) : converse(&chat, err);
        buffer_free(&chat.answer);
        json_free(chat.messages);
    }
    runtime_close(chat.runtime);
    return status;
}
