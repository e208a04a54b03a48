/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed command line. Grammar as vLLM's: "--flag value", "--flag=value", dashes or underscores,
 * "--no-flag" for booleans, repeated lists; "--" ends the options.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/status.h"
#include "cli/options.h"

#define ARGS_LIST_MAX 64
#define ARGS_POSITIONAL_MAX 4

struct args {
    const struct command_spec *command;
    struct {
        bool given;
        bool flag;
        int64_t integer;  /* KIND_INT, KIND_SIZE */
        double number;    /* KIND_NUMBER, KIND_INT */
        const char *text; /* as typed */
    } values[OPT_COUNT];
    const char *list[ARGS_LIST_MAX]; /* values of KIND_LIST options, in order */
    int list_count;
    const char *positionals[ARGS_POSITIONAL_MAX]; /* without the one that became an option */
    int positional_count;
};

/*
 * Parse argv[2..] for `command`. Strings stay argv's. OCTET_USAGE with a sentence, which names the
 * nearest option for an unknown one. --help stops the parsing: values[OPT_HELP].given.
 */
octet_status args_parse(const struct command_spec *command, int argc, char **argv, struct args *out,
                        struct octet_error *err);

/* The command of this name, or NULL. */
const struct command_spec *command_find(const char *name);
/* The nearest command name to a mistyped one, or NULL. */
const char *command_nearest(const char *name);

static inline bool args_given(const struct args *args, enum option_id id)
{
    return args->values[id].given;
}
static inline bool args_flag(const struct args *args, enum option_id id, bool preset)
{
    return args->values[id].given ? args->values[id].flag : preset;
}
static inline int64_t args_integer(const struct args *args, enum option_id id, int64_t preset)
{
    return args->values[id].given ? args->values[id].integer : preset;
}
static inline double args_number(const struct args *args, enum option_id id, double preset)
{
    return args->values[id].given ? args->values[id].number : preset;
}
static inline const char *args_text(const struct args *args, enum option_id id, const char *preset)
{
    return args->values[id].given ? args->values[id].text : preset;
}

#endif
