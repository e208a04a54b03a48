/* SPDX-License-Identifier: Apache-2.0 */
/* Spellings -> options and commands, and the nearest of them to a mistyped one. */
#ifndef CLI_ARGS_FIND_H
#define CLI_ARGS_FIND_H

#include "base/status.h"
#include "cli/options.h"

/*
 * The option that `flag` (dashes included, `length` bytes) names in this command: "--name", with
 * dashes or underscores, an alias, or "--no-name" for a flag (*negated). NULL: none.
 */
const struct option_spec *option_find(const char *flag, size_t length, enum command_id command,
                                      bool *negated);

/* Does this alias, one word of option->aliases, lead to the option in this command? An earlier
 * option may have taken it. */
bool option_owns_alias(const struct option_spec *option, const char *alias, size_t length,
                       enum command_id command);

/* Is `text` one of the words of `choices`, which '|' separates? */
bool option_is_choice(const char *choices, const char *text);

/* OCTET_USAGE: "unknown option ...; did you mean --...?" */
octet_status option_unknown(const struct command_spec *command, const char *flag, size_t length,
                            struct octet_error *err);

/* The command of this name, or NULL. */
const struct command_spec *command_find(const char *name);
/* The nearest command name to a mistyped one, or NULL. */
const char *command_nearest(const char *name);

#endif
