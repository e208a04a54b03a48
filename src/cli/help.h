/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is printed from the option table: help, manual page, completions. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>
#include "cli/options.h"

/* The list of commands. */
void help_print_overview(FILE *out);
/* One command: synopsis, options by group, examples. Bold headings when out is a terminal. */
void help_print_command(FILE *out, const struct command_spec *command);
/* octet(1) in man(7) macros. */
void help_print_man(FILE *out);
void help_print_bash(FILE *out);
void help_print_zsh(FILE *out);

#endif
