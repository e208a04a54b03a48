/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args_find.h"

#include <string.h>

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

const struct option_spec *option_find(const char *flag, size_t length, enum command_id command,
                                      bool *negated)
{
    *negated = false;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option_spec *option = option_at(i);
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
        const struct option_spec *option = option_at(i);
        if (!option_applies(option, command))
            continue;
        size_t distance = edit_distance(name, length, option->name);
        if (distance < best) {
            best = distance;
            nearest = option->name;
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

bool option_is_choice(const char *choices, const char *text)
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
        if (option_find(flag, length, (enum command_id)c, &negated))
            return command_table[c].name;
    }
    return NULL;
}

octet_status option_unknown(const struct command_spec *command, const char *flag, size_t length,
                            struct octet_error *err)
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

bool option_owns_alias(const struct option_spec *option, const char *alias, size_t length,
                       enum command_id command)
{
    bool negated;
    return option_find(alias, length, command, &negated) == option && !negated;
}
