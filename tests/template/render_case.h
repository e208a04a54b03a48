/* SPDX-License-Identifier: Apache-2.0 */
/* Rendering in tests: a compiled template, the variables of a golden chat, comparison of results.
 */
#ifndef TESTS_TEMPLATE_RENDER_CASE_H
#define TESTS_TEMPLATE_RENDER_CASE_H

#include "support/testing.h"
#include "template/chat_template.h"

/* The template in a file, or the test fails. */
struct chat_template *render_load_template(const char *path);

/* The "chat_template" of a tokenizer_config.json, or the test fails. */
struct chat_template *render_load_config_template(const char *path);

/* messages, tools, add_generation_prompt, enable_thinking of a golden chat, as far as it has them.
 */
struct json *render_chat_variables(const struct json *golden);

/*
 * Render and compare: expected is the text, or null when error is expected, whose text the message
 * must end with. False (and a line on stdout) when something differs.
 */
bool render_matches(const struct chat_template *chat_template, const struct json *variables,
                    const char *id, const struct json *expected, const char *error);

/* Call each(line) for each JSON line of a file. */
void render_each_line(const char *path, void (*each)(const struct json *line, void *context),
                      void *context);

#endif
