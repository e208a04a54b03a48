/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed command line. Grammar as vLLM's: "--flag value", "--flag=value", dashes or underscores,
 * "--no-flag" for booleans, repeated and space-separated lists, JSON objects also piece by piece
 * ("--name.key value"), "--config FILE"; "--" ends the options.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/json.h"
#include "base/status.h"
#include "cli/args_find.h"
#include "cli/config_file.h"
#include "cli/options.h"

#define ARGS_LIST_MAX 256
#define ARGS_POSITIONAL_MAX 4
#define ARGS_JSON_MAX 8

struct args {
    const struct command_spec *command;
    struct {
        bool given;
        bool flag;
        int64_t integer;  /* KIND_INT, KIND_SIZE */
        double number;    /* KIND_NUMBER, KIND_INT */
        const char *text; /* as typed; of an object given in pieces, the whole */
    } values[OPT_COUNT];
    const char *list[ARGS_LIST_MAX]; /* values of lists, those of an option together, in order */
    int list_option[ARGS_LIST_MAX];  /* the option's id */
    int list_count;
    const char *positionals[ARGS_POSITIONAL_MAX]; /* without the one that became an option */
    int positional_count;
    const char *help_topic; /* --help=TOPIC; NULL */
    struct {
        const struct option_spec *option;
        struct json *value;
        char *text;
    } pieces[ARGS_JSON_MAX]; /* owned: objects given by "--name.key value" */
    int piece_count;
    char *found_model;         /* owned: the folder of an id; cli_find_model() */
    struct config_file config; /* owned: the entries of --config */
};

/*
 * Parse argv[2..] for `command`, then the file of --config, whose entries yield to the command
 * line. Strings are argv's or the args' own: args_free(), also after an error. OCTET_USAGE with a
 * sentence, which names the nearest option for an unknown one or says why a known one is refused;
 * errors of config_file_read(). --help and --version stop the parsing.
 */
octet_status args_parse(const struct command_spec *command, int argc, char **argv, struct args *out,
                        struct octet_error *err);
void args_free(struct args *args);

/* "--name.path text": set a key of the option's object; text is JSON, or else a string. Errors:
 * OCTET_USAGE, OCTET_MEMORY. For args.c. */
octet_status args_set_piece(const struct option_spec *option, const char *path, size_t length,
                            const char *text, struct args *out, struct octet_error *err);
/* The whole object is given: forget its pieces. For args.c. */
void args_drop_pieces(const struct option_spec *option, struct args *out);

/* A log line for each option that was given and has no effect here. */
void args_note_accepted(const struct args *args);

/* The values of a list in order; *count is 0 when it was not given. */
const char *const *args_list(const struct args *args, enum option_id id, size_t *count);

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
