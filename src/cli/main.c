/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <signal.h>
#include <string.h>
#include "cli/command.h"
#include "cli/common.h"
#include "cli/help.h"
#include "cli/terminal.h"

static octet_status (*const command_functions[CMD_COUNT])(const struct args *,
                                                          struct octet_error *) = {
    [CMD_INFER] = command_infer,
    [CMD_CHAT] = command_chat,
    [CMD_SERVE] = command_serve,
    [CMD_COMPLETE] = command_complete,
    [CMD_PULL] = command_pull,
    [CMD_CONVERT] = command_convert,
    [CMD_INSPECT] = command_inspect,
    [CMD_VERIFY] = command_verify,
    [CMD_TOKENIZE] = command_tokenize,
    [CMD_DETOKENIZE] = command_detokenize,
    [CMD_RENDER] = command_render,
    [CMD_LOGITS] = command_logits,
    [CMD_BENCH] = command_bench,
    [CMD_COLLECT_ENV] = command_collect_env,
    [CMD_COMPLETION] = command_completion,
};

static bool is_word(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static int unknown_command(const char *name)
{
    char message[256];
    const char *nearest = command_nearest(name);
    if (nearest)
        snprintf(message, sizeof message, "unknown command '%.64s'; did you mean '%s'?", name,
                 nearest);
    else
        snprintf(message, sizeof message, "unknown command '%.64s'; see 'octet --help'", name);
    return terminal_fail(OCTET_USAGE, message);
}

static int print_and_check(octet_status status, struct octet_error *err)
{
    octet_status flushed = terminal_flush_stdout(status == OCTET_OK ? err : NULL);
    if (status == OCTET_OK)
        status = flushed;
    return status == OCTET_OK ? 0 : terminal_fail(status, err->message);
}

int main(int argc, char **argv)
{
    terminal_reserve_streams();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error with a message */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
    struct octet_error err = {0};
    if (argc < 2) {
        help_print_overview(stderr);
        return 2;
    }
    if (is_word(argv[1], "--help", "-h") || strcmp(argv[1], "help") == 0) {
        const struct command_spec *topic = argc > 2 ? command_find(argv[2]) : NULL;
        if (argc > 2 && !topic)
            return unknown_command(argv[2]);
        if (topic)
            help_print_command(stdout, topic);
        else
            help_print_overview(stdout);
        return print_and_check(OCTET_OK, &err);
    }
    if (is_word(argv[1], "--version", "-v") || strcmp(argv[1], "version") == 0) {
        printf("octet %s\n", octet_version());
        return print_and_check(OCTET_OK, &err);
    }
    const struct command_spec *command = command_find(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    struct args args;
    octet_status status = args_parse(command, argc, argv, &args, &err);
    if (status == OCTET_OK && args_given(&args, OPT_HELP)) {
        status = help_print_topic(stdout, command, args.help_topic, &err);
    } else if (status == OCTET_OK && args_given(&args, OPT_VERSION)) {
        printf("octet %s\n", octet_version());
    } else if (status == OCTET_OK) {
        terminal_log_to_stderr(args_flag(&args, OPT_QUIET, false));
        cli_find_model(&args);
        status = command_functions[command->id](&args, &err);
    }
    int code = print_and_check(status, &err);
    args_free(&args);
    return code;
}
