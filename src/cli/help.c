/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/args_find.h"
#include "cli/terminal.h"
#include "octet/octet.h"

#define HELP_WIDTH 96
#define HELP_WIDTH_MIN 56
#define OPTION_COLUMN 34

/* A pipe and a wide terminal get HELP_WIDTH columns, a narrow terminal what it has. */
static int help_width(FILE *out)
{
    struct winsize window;
    if (ioctl(fileno(out), TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
        window.ws_col > HELP_WIDTH)
        return HELP_WIDTH;
    return window.ws_col > HELP_WIDTH_MIN ? window.ws_col : HELP_WIDTH_MIN;
}

/* Print text wrapped at the help's width; `column` is where the cursor is, `indent` where lines
 * begin. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
    int width = help_width(out);
    while (*text) {
        size_t spaces = strspn(text, " "), word = strcspn(text + spaces, " \n");
        if (column > indent && column + (int)(spaces + word) > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            text += spaces;
            spaces = 0;
        }
        if (word > 0)
            fwrite(text, 1, spaces + word, out);
        column += (int)(spaces + word);
        text += spaces + word;
        if (*text == '\n') {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            text++;
        }
    }
    fputc('\n', out);
}

static void heading(FILE *out, const char *text)
{
    bool bold = terminal_colour(out);
    fprintf(out, "\n%s%s:%s\n", bold ? "\033[1m" : "", text, bold ? "\033[0m" : "");
}

void help_print_overview(FILE *out)
{
    fprintf(out,
            "octet %s: inference of FP8 checkpoints on processors that have no FP8 arithmetic\n"
            "\nUsage: octet COMMAND [arguments]\n",
            octet_version());
    heading(out, "Commands");
    for (int i = 0; i < CMD_COUNT; i++)
        fprintf(out, "  %-12s %s\n", command_table[i].name, command_table[i].summary);
    heading(out, "More");
    fprintf(out, "  octet COMMAND --help   what a command takes, with examples\n"
                 "  octet --version        the version\n");
    heading(out, "Exit codes");
    fprintf(out, "  0 done   1 bad input or failure   2 bad usage   3 verification found a "
                 "difference\n"
                 "  130 interrupted   143 ended by a second SIGTERM\n");
}

/* "-tp, --tp": those aliases that lead here in this command. */
static void list_aliases(const struct option_spec *option, enum command_id command, char *out,
                         size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *alias = option->aliases; *alias;) {
        size_t length = strcspn(alias, " ");
        if (option_owns_alias(option, alias, length, command)) {
            int more = snprintf(out + used, size - used, ", %.*s", (int)length, alias);
            if (more < 0 || (size_t)more >= size - used)
                break;
            used += (size_t)more;
        }
        alias += length;
        alias += strspn(alias, " ");
    }
}

static void print_option(FILE *out, const struct option_spec *option, enum command_id command)
{
    char left[256], aliases[128];
    list_aliases(option, command, aliases, sizeof aliases);
    int used = snprintf(left, sizeof left, "  --%s%s%s%s", option->name, option->value ? " " : "",
                        option->value ? option->value : "", aliases);
    fputs(left, out);
    int column = used;
    if (column >= OPTION_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", OPTION_COLUMN - column, "");
    char text[768];
    snprintf(text, sizeof text, "%s%s%s%s", option->help, option->preset ? " [default: " : "",
             option->preset ? option->preset : "", option->preset ? "]" : "");
    print_wrapped(out, text, OPTION_COLUMN, OPTION_COLUMN);
}

/* The options of a group; returns how many there are. */
static int print_group(FILE *out, const struct command_spec *command, enum option_group group)
{
    int count = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        if (option->group != group || !option_applies(option, command->id))
            continue;
        if (count++ == 0)
            heading(out, option_group_title(group));
        print_option(out, option, command->id);
    }
    return count;
}

static int count_foreign(const struct command_spec *command)
{
    int count = 0;
    for (int i = OPT_FOREIGN_FIRST; i < OPT_COUNT; i++)
        count += option_applies(option_at(i), command->id);
    return count;
}

static void print_command(FILE *out, const struct command_spec *command, bool all)
{
    fprintf(out, "Usage: octet %s %s\n\n", command->name, command->synopsis);
    print_wrapped(out, command->summary, 0, 0);
    if (command->details) {
        fputc('\n', out);
        print_wrapped(out, command->details, 0, 0);
    }
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (all || (group != GROUP_ACCEPTED && group != GROUP_REFUSED))
            print_group(out, command, (enum option_group)group);
    }
    int foreign = count_foreign(command);
    if (!all && foreign)
        fprintf(out,
                "\n%d more flags of vLLM are accepted without effect or refused with a reason: "
                "octet %s --help=all\n",
                foreign, command->name);
    heading(out, "Examples");
    const char *line = command->examples;
    while (*line) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void help_print_command(FILE *out, const struct command_spec *command)
{
    print_command(out, command, false);
}

static void print_aliases(FILE *out, const struct command_spec *command)
{
    fprintf(out, "Other spellings in 'octet %s'; underscores stand for dashes everywhere:\n",
            command->name);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        char aliases[128];
        if (!option_applies(option, command->id))
            continue;
        list_aliases(option, command->id, aliases, sizeof aliases);
        if (*aliases)
            fprintf(out, "  --%-30s %s\n", option->name, aliases + 2);
    }
}

/* vLLM's names of groups. */
static int group_of(const char *topic)
{
    static const struct {
        const char *name;
        enum option_group group;
    } names[] = {
        {"Frontend", GROUP_SERVER},
        {"ModelConfig", GROUP_INPUT},
        {"LoadConfig", GROUP_ENGINE},
        {"ParallelConfig", GROUP_ENGINE},
        {"CacheConfig", GROUP_ENGINE},
        {"SchedulerConfig", GROUP_ENGINE},
        {"DeviceConfig", GROUP_ENGINE},
        {"CompilationConfig", GROUP_ACCEPTED},
        {"MultiModalConfig", GROUP_ACCEPTED},
        {"ObservabilityConfig", GROUP_ACCEPTED},
        {"LoRAConfig", GROUP_REFUSED},
        {"SpeculativeConfig", GROUP_REFUSED},
        {"StructuredOutputsConfig", GROUP_PROTOCOL},
        {"Accepted", GROUP_ACCEPTED},
        {"Refused", GROUP_REFUSED},
    };
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (strcasecmp(topic, option_group_title((enum option_group)group)) == 0)
            return group;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(topic, names[i].name) == 0)
            return (int)names[i].group;
    }
    return -1;
}

/* The flag of this name, or all whose names contain it. */
static int print_matching(FILE *out, const struct command_spec *command, const char *topic)
{
    char name[128], flag[132];
    size_t length = 0;
    topic += strspn(topic, "-");
    for (; topic[length] && length + 1 < sizeof name; length++)
        name[length] = topic[length] == '_' ? '-' : topic[length];
    name[length] = '\0';
    snprintf(flag, sizeof flag, "--%s", name);
    bool negated;
    const struct option_spec *exact = option_find(flag, strlen(flag), command->id, &negated);
    int count = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *option = option_at(i);
        if (!option_applies(option, command->id) ||
            (exact ? option != exact : !*name || !strstr(option->name, name)))
            continue;
        print_option(out, option, command->id);
        count++;
    }
    return count;
}

octet_status help_print_topic(FILE *out, const struct command_spec *command, const char *topic,
                              struct octet_error *err)
{
    if (!topic)
        print_command(out, command, false);
    else if (strcmp(topic, "all") == 0)
        print_command(out, command, true);
    else if (strcmp(topic, "aliases") == 0)
        print_aliases(out, command);
    else if (group_of(topic) >= 0)
        print_group(out, command, (enum option_group)group_of(topic));
    else if (print_matching(out, command, topic) == 0)
        return error_set(err, OCTET_USAGE,
                         "--help=%s: no group or flag of 'octet %s' is so called; --help=all lists "
                         "everything",
                         topic, command->name);
    return OCTET_OK;
}
