/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is printed from the option table: help, manual page, completions. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>
#include "base/status.h"
#include "cli/options.h"

/* The list of commands. */
void help_print_overview(FILE *out);
/* One command: synopsis, options by group, examples. Bold headings when out is a terminal. */
void help_print_command(FILE *out, const struct command_spec *command);
/* --help=TOPIC: "all" (also what is accepted or refused), "aliases", a group ("engine", vLLM's
 * "CacheConfig"), or what a flag's name contains; NULL: help_print_command(). OCTET_USAGE when
 * nothing is so called. */
octet_status help_print_topic(FILE *out, const struct command_spec *command, const char *topic,
                              struct octet_error *err);
/* octet(1) in man(7) macros. */
void help_print_man(FILE *out);
void help_print_bash(FILE *out);
void help_print_zsh(FILE *out);

#endif
