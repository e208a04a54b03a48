/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <string.h>
#include "base/parse.h"

/* "max_model_len" and "max-model-len" are one name. */
static bool same_name(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char x = a[i] == '_' ? '-' : a[i];
        char y = b[i] == '_' ? '-' : b[i];
        if (x != y || x == '\0')
            return false;
    }
    return b[length] == '\0';
}

/* Is `flag` (dashes included, `length` bytes) one of the space-separated aliases? */
static bool is_alias(const char *aliases, const char *flag, size_t length)
{
    while (*aliases) {
        size_t word = strcspn(aliases, " ");
        if (word == length) {
            size_t i = 0;
            while (i < length && (flag[i] == '_' ? '-' : flag[i]) == aliases[i])
                i++;
            if (i == length)
                return true;
        }
        aliases += word;
        aliases += strspn(aliases, " ");
    }
    return false;
}

/* Find "--name", an alias, or "--no-name" for a flag (*negated). */
static const struct option_spec *find_option(const char *flag, size_t length,
                                             enum command_id command, bool *negated)
{
    *negated = false;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option_spec *option = &option_table[i];
            if (!option_applies(option, command))
                continue;
            if (pass == 0 && ((length > 2 && flag[0] == '-' && flag[1] == '-' &&
                               same_name(flag + 2, option->name, length - 2)) ||
                              is_alias(option->aliases, flag, length)))
                return option;
            if (pass == 1 && option->kind == KIND_FLAG && length > 5 &&
                (strncmp(flag, "--no-", 5) == 0 || strncmp(flag, "--no_", 5) == 0) &&
                same_name(flag + 5, option->name, length - 5)) {
                *negated = true;
                return option;
            }
        }
    }
    return NULL;
}

/* Levenshtein distance with a bound on the lengths; names are short. */
static size_t edit_distance(const char *a, size_t a_length, const char *b)
{
    enum { MAX = 48 };
    size_t b_length = strlen(b);
    if (a_length >= MAX || b_length >= MAX)
        return MAX;
    size_t row[MAX];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            char x = a[i - 1] == '_' ? '-' : a[i - 1];
            size_t best = diagonal + (x != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_length];
}

static const char *nearest_option(const char *name, size_t length, enum command_id command)
{
    const char *nearest = NULL;
    size_t best = length / 2 + 1;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (!option_applies(&option_table[i], command))
            continue;
        size_t distance = edit_distance(name, length, option_table[i].name);
        if (distance < best) {
            best = distance;
            nearest = option_table[i].name;
        }
    }
    return nearest;
}

const struct command_spec *command_find(const char *name)
{
    for (int i = 0; i < CMD_COUNT; i++) {
        if (same_name(name, command_table[i].name, strlen(name)))
            return &command_table[i];
    }
    return NULL;
}

const char *command_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1;
    for (int i = 0; i < CMD_COUNT; i++) {
        size_t distance = edit_distance(name, strlen(name), command_table[i].name);
        if (distance < best) {
            best = distance;
            nearest = command_table[i].name;
        }
    }
    return nearest;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    while (*choices) {
        size_t word = strcspn(choices, "|");
        if (word == length && memcmp(choices, text, length) == 0)
            return true;
        choices += word + (choices[word] == '|');
    }
    return false;
}

/* Which other command knows an option, for the hint; NULL when none does. */
static const char *command_with_option(const char *flag, size_t length)
{
    for (int c = 0; c < CMD_COUNT; c++) {
        bool negated;
        if (find_option(flag, length, (enum command_id)c, &negated))
            return command_table[c].name;
    }
    return NULL;
}

static octet_status unknown_option(const struct command_spec *command, const char *flag,
                                   size_t length, struct octet_error *err)
{
    const char *other = command_with_option(flag, length);
    if (other)
        return error_set(err, OCTET_USAGE,
                         "%.*s is not an option of 'octet %s' (it is one of 'octet %s'); see "
                         "'octet %s --help'",
                         (int)length, flag, command->name, other, command->name);
    size_t dashes = strspn(flag, "-");
    const char *nearest = nearest_option(flag + dashes, length - dashes, command->id);
    if (nearest)
        return error_set(err, OCTET_USAGE, "unknown option %.*s; did you mean --%s?", (int)length,
                         flag, nearest);
    return error_set(err, OCTET_USAGE, "unknown option %.*s; see 'octet %s --help'", (int)length,
                     flag, command->name);
}

static octet_status out_of_range(const struct option_spec *option, const char *text,
                                 struct octet_error *err)
{
    return error_set(err, OCTET_USAGE, "--%s: got %s, expected %s%.15g to %.15g", option->name,
                     text, option->kind == KIND_NUMBER ? "a number from " : "a whole number from ",
                     option->min, option->max);
}

static octet_status store_value(const struct option_spec *option, const char *text,
                                struct args *out, struct octet_error *err)
{
    out->values[option->id].given = true;
    out->values[option->id].text = text;
    int64_t integer = 0;
    double number = 0;
    uint64_t size;
    switch (option->kind) {
    case KIND_FLAG:
    case KIND_STRING:
        return OCTET_OK;
    case KIND_LIST:
        if (!*text)
            return error_set(err, OCTET_USAGE, "--%s: the text is empty", option->name);
        if (out->list_count == ARGS_LIST_MAX)
            return error_set(err, OCTET_USAGE, "--%s: given more than %d times", option->name,
                             ARGS_LIST_MAX);
        out->list[out->list_count++] = text;
        return OCTET_OK;
    case KIND_CHOICE:
        if (!is_choice(option->choices, text))
            return error_set(err, OCTET_USAGE, "--%s: got '%s', expected one of %s", option->name,
                             text, option->choices);
        return OCTET_OK;
    case KIND_INT:
        if (!parse_int64(text, &integer))
            return out_of_range(option, text, err);
        number = (double)integer;
        break;
    case KIND_NUMBER:
        if (!parse_double(text, &number))
            return out_of_range(option, text, err);
        break;
    case KIND_SIZE:
        if (option->min < 0 && (strcmp(text, "-1") == 0 || strcmp(text, "auto") == 0))
            integer = -1;
        else if (parse_size(text, &size) && size <= INT64_MAX)
            integer = (int64_t)size;
        else
            return out_of_range(option, text, err);
        number = (double)integer;
        break;
    }
    if (number < option->min || number > option->max)
        return out_of_range(option, text, err);
    out->values[option->id].integer = integer;
    out->values[option->id].number = number;
    return OCTET_OK;
}

/* One argument that begins with '-'; *index moves past a value. */
static octet_status parse_option(int argc, char **argv, int *index, struct args *out,
                                 struct octet_error *err)
{
    const char *flag = argv[*index];
    const char *equals = strncmp(flag, "--", 2) == 0 ? strchr(flag, '=') : NULL;
    size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
    bool negated;
    const struct option_spec *option = find_option(flag, length, out->command->id, &negated);
    if (!option)
        return unknown_option(out->command, flag, length, err);
    if (option->kind == KIND_FLAG) {
        bool value = true;
        if (equals) {
            value = strcmp(equals + 1, "true") == 0 || strcmp(equals + 1, "1") == 0;
            if (!value && strcmp(equals + 1, "false") != 0 && strcmp(equals + 1, "0") != 0)
                return error_set(err, OCTET_USAGE, "--%s: got '%s', expected true or false",
                                 option->name, equals + 1);
        }
        out->values[option->id].given = true;
        out->values[option->id].flag = negated ? !value : value;
        return OCTET_OK;
    }
    if (equals)
        return store_value(option, equals + 1, out, err);
    if (*index + 1 >= argc)
        return error_set(err, OCTET_USAGE, "--%s needs a value (%s)", option->name, option->value);
    *index += 1;
    return store_value(option, argv[*index], out, err);
}

static octet_status store_positional(const char *text, struct args *out, struct octet_error *err)
{
    const struct command_spec *command = out->command;
    enum option_id first = command->positional_option;
    if (first != OPT_COUNT && !out->values[first].given)
        return store_value(&option_table[first], text, out, err);
    if (out->positional_count + (first != OPT_COUNT) >= command->positional_max)
        return error_set(err, OCTET_USAGE, "unexpected argument '%s'; usage: octet %s %s", text,
                         command->name, command->synopsis);
    out->positionals[out->positional_count++] = text;
    return OCTET_OK;
}

octet_status args_parse(const struct command_spec *command, int argc, char **argv, struct args *out,
                        struct octet_error *err)
{
    *out = (struct args){.command = command};
    bool options_ended = false;
    for (int i = 2; i < argc; i++) {
        const char *text = argv[i];
        if (!options_ended && strcmp(text, "--") == 0) {
            options_ended = true;
            continue;
        }
        /* "-" alone and negative numbers are not options. */
        bool option = !options_ended && text[0] == '-' && text[1] != '\0' &&
                      !(text[1] >= '0' && text[1] <= '9');
        RETURN_IF_ERROR(option ? parse_option(argc, argv, &i, out, err)
                               : store_positional(text, out, err));
        if (out->values[OPT_HELP].given)
            return OCTET_OK;
    }
    if (out->positional_count < command->positional_min)
        return error_set(err, OCTET_USAGE, "an argument is missing; usage: octet %s %s",
                         command->name, command->synopsis);
    return OCTET_OK;
}
