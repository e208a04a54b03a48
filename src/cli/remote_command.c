/* SPDX-License-Identifier: Apache-2.0 */
/* vLLM's small clients: `chat --url` and `complete --url`, against any OpenAI-compatible server. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/common.h"
#include "cli/line.h"
#include "cli/remote_command.h"
#include "cli/terminal.h"
#include "client/openai_client.h"

#define DEFAULT_URL "http://localhost:8000/v1"
#define ANSWER_BYTES_MAX ((size_t)64 << 20)

struct remote {
    const struct args *args;
    struct openai_client *client;
    char *model;           /* owned */
    struct json *messages; /* chat: the conversation so far; NULL: completions */
    struct buffer answer;  /* content of the answer that comes */
    bool colour, dimmed;
    bool thought; /* reasoning was shown and the answer has not begun */
};

static void on_signal(int number)
{
    terminal_interrupted = number;
}

/* Ctrl-C leaves, with exit code 0 as in vLLM; without SA_RESTART it also ends the wait for a line.
 */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static octet_status find_model(struct remote *remote, struct octet_error *err)
{
    const char *given = args_text(remote->args, OPT_MODEL_NAME, NULL);
    struct json *models = NULL;
    if (!given) {
        RETURN_IF_ERROR(openai_client_get(remote->client, "/models", &models, err));
        given = json_string(json_get(json_at(json_get(models, "data"), 0), "id"));
    }
    if (given)
        remote->model = strdup(given);
    octet_status status =
        remote->model ? OCTET_OK
        : given
            ? error_memory(err, "model name", strlen(given))
            : error_set(err, OCTET_INPUT, "the server lists no model; name one by --model-name");
    json_free(models);
    return status;
}

static void dim(struct remote *remote, bool on)
{
    if (remote->colour && on != remote->dimmed)
        fputs(on ? "\033[2m" : "\033[0m", stdout);
    remote->dimmed = on;
}

static void show(struct remote *remote, const char *reasoning, const char *content)
{
    if (reasoning && *reasoning) {
        dim(remote, true);
        remote->thought = true;
        terminal_write(stdout, reasoning, strlen(reasoning));
    }
    if (content && *content) {
        if (remote->thought && remote->answer.size == 0 && *content != '\n')
            fputc('\n', stdout);
        dim(remote, false);
        terminal_write(stdout, content, strlen(content));
        buffer_append_str(&remote->answer, content);
    }
    fflush(stdout);
}

static bool on_event(void *context, const struct json *object)
{
    struct remote *remote = context;
    const struct json *choice = json_at(json_get(object, "choices"), 0);
    const struct json *delta = json_get(choice, "delta");
    if (!remote->messages) {
        show(remote, NULL, json_string(json_get(choice, "text")));
        return true;
    }
    const char *reasoning = json_string(json_get(delta, "reasoning"));
    if (!reasoning)
        reasoning = json_string(json_get(delta, "reasoning_content"));
    show(remote, reasoning, json_string(json_get(delta, "content")));
    return true;
}

static struct json *make_message(const char *role, const char *content)
{
    struct json *message = json_new_object();
    bool ok = json_set(message, "role", json_new_string(role)) &&
              json_set(message, "content", json_new_string(content));
    if (ok)
        return message;
    json_free(message);
    return NULL;
}

/* The sampling options that were given, by their names in the API. */
static bool add_sampling(struct json *body, const struct args *args)
{
    static const struct {
        enum option_id id;
        const char *key;
    } keys[] = {
        {OPT_MAX_TOKENS, "max_tokens"},
        {OPT_MIN_TOKENS, "min_tokens"},
        {OPT_TEMPERATURE, "temperature"},
        {OPT_TOP_P, "top_p"},
        {OPT_TOP_K, "top_k"},
        {OPT_MIN_P, "min_p"},
        {OPT_REPETITION_PENALTY, "repetition_penalty"},
        {OPT_PRESENCE_PENALTY, "presence_penalty"},
        {OPT_FREQUENCY_PENALTY, "frequency_penalty"},
        {OPT_SEED, "seed"},
    };
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof keys / sizeof *keys; i++) {
        if (!args_given(args, keys[i].id))
            continue;
        bool number = option_at((int)keys[i].id)->kind == KIND_NUMBER;
        ok = json_set(body, keys[i].key,
                      number ? json_new_real(args_number(args, keys[i].id, 0))
                             : json_new_integer(args_integer(args, keys[i].id, 0)));
    }
    size_t count;
    const char *const *stops = args_list(args, OPT_STOP, &count);
    struct json *list = count ? json_new_array() : NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = json_push(list, json_new_string(stops[i]));
    if (count)
        ok = json_set(body, "stop", list) && ok;
    if (args_given(args, OPT_IGNORE_EOS))
        ok = ok &&
             json_set(body, "ignore_eos", json_new_bool(args_flag(args, OPT_IGNORE_EOS, false)));
    if (args_given(args, OPT_ENABLE_THINKING)) {
        struct json *variables = json_new_object();
        ok = json_set(variables, "enable_thinking",
                      json_new_bool(args_flag(args, OPT_ENABLE_THINKING, true))) &&
             ok;
        ok = json_set(body, "chat_template_kwargs", variables) && ok;
    }
    return ok;
}

static struct json *make_request(const struct remote *remote, const char *line)
{
    struct json *body = json_new_object();
    bool ok = json_set(body, "model", json_new_string(remote->model)) &&
              json_set(body, "stream", json_new_bool(true));
    if (remote->messages)
        ok = ok && json_set(body, "messages", json_share(remote->messages));
    else
        ok = ok && json_set(body, "prompt", json_new_string(line));
    ok = ok && add_sampling(body, remote->args);
    if (ok)
        return body;
    json_free(body);
    return NULL;
}

static octet_status ask(struct remote *remote, const char *line, struct octet_error *err)
{
    buffer_clear(&remote->answer);
    remote->thought = false;
    if (remote->messages && !json_push(remote->messages, make_message("user", line)))
        return error_memory(err, "conversation", strlen(line));
    struct json *body = make_request(remote, line);
    if (!body)
        return error_memory(err, "request", strlen(line));
    octet_status status = openai_client_stream(
        remote->client, remote->messages ? "/chat/completions" : "/completions", body, on_event,
        remote, err);
    json_free(body);
    dim(remote, false);
    if (status == OCTET_OK || status == OCTET_CANCELLED)
        putchar('\n');
    if (status == OCTET_OK && remote->messages &&
        !json_push(remote->messages, make_message("assistant", buffer_text(&remote->answer))))
        status = error_memory(err, "conversation", remote->answer.size);
    return status == OCTET_OK ? terminal_flush_stdout(err) : status;
}

static octet_status converse(struct remote *remote, struct octet_error *err)
{
    struct line_editor *editor = line_editor_new("> ", NULL);
    octet_status status = OCTET_OK;
    if (!editor)
        return error_memory(err, "line editor", 0);
    while (status == OCTET_OK) {
        const char *line;
        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
            fputs("> ", stdout);
            fflush(stdout);
        }
        if (line_editor_read(editor, &line) != LINE_OK || terminal_interrupted)
            break;
        if (line[strspn(line, " \t")] != '\0')
            status = ask(remote, line, err);
    }
    putchar('\n');
    line_editor_free(editor);
    return status;
}

static octet_status start_conversation(struct remote *remote, bool chat, struct octet_error *err)
{
    const char *system = args_text(remote->args, OPT_SYSTEM_PROMPT, NULL);
    if (!chat)
        return OCTET_OK;
    remote->messages = json_new_array();
    if (!remote->messages ||
        (system && !json_push(remote->messages, make_message("system", system))))
        return error_memory(err, "conversation", 0);
    return OCTET_OK;
}

static octet_status run(struct remote *remote, bool chat, struct octet_error *err)
{
    const char *quick = args_text(remote->args, OPT_QUICK_TEXT, NULL);
    RETURN_IF_ERROR(find_model(remote, err));
    fputs("Using model: ", stdout);
    terminal_write(stdout, remote->model, strlen(remote->model));
    fputc('\n', stdout);
    RETURN_IF_ERROR(start_conversation(remote, chat, err));
    if (quick)
        return ask(remote, quick, err);
    puts(chat ? "Please enter a message for the chat model:" : "Please enter prompt to complete:");
    return converse(remote, err);
}

/* Options of the engine and the template are the server's business. */
static octet_status check_options(const struct args *args, struct octet_error *err)
{
    static const enum option_id here[] = {OPT_TOKENIZER, OPT_CHAT_TEMPLATE, OPT_GENERATION_CONFIG};
    if (args_given(args, OPT_URL) && args_given(args, OPT_MODEL))
        return error_set(err, OCTET_USAGE,
                         "give a directory or --url, not both; --model-name says which model of "
                         "the server");
    for (int id = 0; id < OPT_COUNT; id++) {
        bool local = option_at(id)->group == GROUP_ENGINE;
        for (size_t i = 0; i < sizeof here / sizeof *here; i++)
            local = local || id == (int)here[i];
        if (local && args_given(args, (enum option_id)id))
            return error_set(err, OCTET_USAGE,
                             "--%s has no effect on a server; it is an option of "
                             "'octet serve' there, and of 'octet chat DIR'",
                             option_at(id)->name);
    }
    return OCTET_OK;
}

octet_status remote_run(const struct args *args, bool chat, struct octet_error *err)
{
    RETURN_IF_ERROR(check_options(args, err));
    struct remote remote = {.args = args, .colour = terminal_colour(stdout)};
    const struct openai_client_options options = {
        .base_url = args_text(args, OPT_URL, DEFAULT_URL),
        .api_key = args_text(args, OPT_CLIENT_KEY, getenv("OPENAI_API_KEY")),
        .cancel = &terminal_interrupted,
    };
    catch_interrupts();
    buffer_init(&remote.answer, ANSWER_BYTES_MAX);
    octet_status status = openai_client_new(&options, &remote.client, err);
    if (status == OCTET_OK)
        status = run(&remote, chat, err);
    openai_client_free(remote.client);
    json_free(remote.messages);
    buffer_free(&remote.answer);
    free(remote.model);
    return status == OCTET_CANCELLED ? OCTET_OK : status;
}

octet_status command_complete(const struct args *args, struct octet_error *err)
{
    return remote_run(args, false, err);
}
