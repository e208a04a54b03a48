/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page and the shells' completions. */
#include <string.h>
#include "cli/help.h"
#include "octet/octet.h"

/* roff: '-' and '\' need a backslash, a line must not begin with '.' or '\''. */
static void print_roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void print_roff_option(FILE *out, const struct option_spec *option)
{
    fputs(".TP\n\\fB\\-\\-", out);
    print_roff(out, option->name);
    fputs("\\fR", out);
    if (option->value) {
        fputs(" \\fI", out);
        print_roff(out, option->value);
        fputs("\\fR", out);
    }
    if (*option->aliases) {
        fputs(", \\fB", out);
        print_roff(out, option->aliases);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_roff(out, option->help);
    if (option->preset) {
        fputs(" Default: ", out);
        print_roff(out, option->preset);
        fputc('.', out);
    }
    fputc('\n', out);
}

static void print_roff_command(FILE *out, const struct command_spec *command)
{
    fputs(".SS octet ", out);
    print_roff(out, command->name);
    fputc(' ', out);
    print_roff(out, command->synopsis);
    fputc('\n', out);
    print_roff(out, command->summary);
    fputs(".\n", out);
    if (command->details) {
        print_roff(out, command->details);
        fputc('\n', out);
    }
    for (int i = 0; i < OPT_COUNT; i++) {
        if (option_applies(option_at(i), command->id) && i != OPT_HELP && i != OPT_VERSION)
            print_roff_option(out, option_at(i));
    }
    fputs(".PP\nExample:\n.PP\n.nf\n.RS\n", out);
    print_roff(out, command->examples);
    fputs(".RE\n.fi\n", out);
}

static const struct {
    const char *name, *meaning;
} variables[] = {
    {"OCTET_CPU_MASK", "As --cpu-mask."},
    {"NO_COLOR", "No colour, also on a terminal."},
    {"VLLM_LOGGING_LEVEL", "DEBUG, INFO, WARNING, ERROR or CRITICAL."},
    {"VLLM_LOGGING_PREFIX", "serve: put before each line of the log."},
    {"VLLM_LOGGING_STREAM", "serve: ext://sys.stderr (default) or ext://sys.stdout."},
    {"VLLM_LOG_STATS_INTERVAL", "serve: seconds between lines of statistics (10)."},
    {"VLLM_API_KEY", "serve: as --api-key, which wins."},
    {"VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "serve: seconds that an idle connection stays open (5)."},
    {"VLLM_CPU_KVCACHE_SPACE", "serve: GiB of the KV cache; 0: what is left of memory."},
    {"VLLM_CPU_OMP_THREADS_BIND", "serve: auto, nobind, or processors such as 0-31."},
    {"VLLM_CPU_NUM_OF_RESERVED_CPU", "serve: as --reserve-cores."},
    {"CPU_VISIBLE_MEMORY_NODES", "serve: memory nodes, as --numa."},
    {"OMP_NUM_THREADS", "serve: as --threads, which wins."},
    {"VLLM_MAX_N_SEQUENCES", "serve: largest n of a request (16384)."},
    {"VLLM_MAX_STOP_STRINGS", "serve: most stop strings of a request."},
    {"VLLM_MAX_COMPLETION_PROMPTS", "serve: most prompts of a request."},
    {"VLLM_SERVER_DEV_MODE", "serve: 1 opens /debug/."},
    {"VLLM_KEEP_ALIVE_ON_ENGINE_DEATH", "serve: 1 keeps a server up whose engine has failed."},
    {"HF_HOME, HF_HUB_CACHE, MODELSCOPE_CACHE, VLLM_USE_MODELSCOPE",
     "Where a model's id is looked up, and where pull puts it."},
    {"HF_ENDPOINT, MODELSCOPE_DOMAIN", "pull: address of the hub; --endpoint wins."},
    {"HF_TOKEN, HF_TOKEN_PATH, MODELSCOPE_API_TOKEN", "pull: the token, or the file that has it."},
    {"HF_HUB_OFFLINE", "pull: 1 looks at the cache only."},
    {"OPENAI_API_KEY", "chat --url and complete: the key to send."},
};

void help_print_man(FILE *out)
{
    fprintf(out, ".TH OCTET 1 \"\" \"octet %s\" \"User Commands\"\n", octet_version());
    fputs(".SH NAME\noctet \\- inference of FP8 checkpoints on processors that have no FP8 "
          "arithmetic\n.SH SYNOPSIS\n.B octet\n.I COMMAND\n[\\fIarguments\\fR]\n.SH COMMANDS\n",
          out);
    for (int i = 0; i < CMD_COUNT; i++)
        print_roff_command(out, &command_table[i]);
    fputs(".SH EXIT STATUS\n.TP\n0\nDone; for serve, a clean stop by SIGTERM or SIGINT.\n.TP\n1\n"
          "Bad input, or the work failed.\n.TP\n2\nBad usage, also a flag that octet refuses.\n"
          ".TP\n3\nVerification found a difference.\n.TP\n130, 143\nInterrupted; for serve, by a "
          "second SIGINT or SIGTERM.\n.SH ENVIRONMENT\n",
          out);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        fputs(".TP\n", out);
        print_roff(out, variables[i].name);
        fputc('\n', out);
        print_roff(out, variables[i].meaning);
        fputc('\n', out);
    }
}

static void print_flags(FILE *out, enum command_id command, const char *separator)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        if (!option_applies(option, command) || option->class == OPTION_REFUSE)
            continue;
        fprintf(out, "--%s%s", option->name, separator);
        if (option->kind == KIND_FLAG && i != OPT_HELP && i != OPT_VERSION)
            fprintf(out, "--no-%s%s", option->name, separator);
    }
}

static void print_choices(FILE *out, const char *choices)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

void help_print_bash(FILE *out)
{
    fputs("# bash completion for octet\n_octet()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
          "cmd=${COMP_WORDS[1]} flags=\n    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          out);
    for (int i = 0; i < CMD_COUNT; i++)
        fprintf(out, "%s ", command_table[i].name);
    fputs("--help --version\" -- \"$cur\"))\n        return\n    fi\n    case $prev in\n", out);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        if (option->kind != KIND_CHOICE)
            continue;
        fprintf(out, "    --%s) COMPREPLY=($(compgen -W \"", option->name);
        print_choices(out, option->choices);
        fputs("\" -- \"$cur\")); return ;;\n", out);
    }
    fputs("    esac\n    case $cmd in\n", out);
    for (int i = 0; i < CMD_COUNT; i++) {
        fprintf(out, "    %s) flags=\"", command_table[i].name);
        print_flags(out, (enum command_id)i, " ");
        fputs("\" ;;\n", out);
    }
    fputs("    esac\n    case $cur in\n"
          "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\")) ;;\n"
          "    *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n    esac\n}\n"
          "complete -o filenames -F _octet octet\n",
          out);
}

/* zsh: quotes and brackets inside a description would end it. */
static void print_zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

void help_print_zsh(FILE *out)
{
    fputs("#compdef octet\n_octet()\n{\n    local -a commands\n    commands=(\n", out);
    for (int i = 0; i < CMD_COUNT; i++) {
        fprintf(out, "        '%s:", command_table[i].name);
        print_zsh_text(out, command_table[i].summary);
        fputs("'\n", out);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe 'command' commands\n"
          "        return\n    fi\n    case $words[2] in\n",
          out);
    for (int c = 0; c < CMD_COUNT; c++) {
        fprintf(out, "    %s)\n        _arguments \\\n", command_table[c].name);
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option_spec *option = option_at(i);
            if (!option_applies(option, (enum command_id)c) || option->class == OPTION_REFUSE)
                continue;
            fprintf(out, "            '--%s[", option->name);
            print_zsh_text(out, option->help);
            fputs("]", out);
            if (option->kind == KIND_CHOICE) {
                fprintf(out, ":%s:(", option->name);
                print_choices(out, option->choices);
                fputc(')', out);
            } else if (option->value) {
                fprintf(out, ":%s:_files", option->name);
            }
            fputs("' \\\n", out);
        }
        fputs("            '*:file:_files'\n        ;;\n", out);
    }
    fputs("    esac\n}\n_octet \"$@\"\n", out);
}
