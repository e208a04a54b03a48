/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chat templates: messages -> prompt text, by an interpreter of the Jinja subset that published
 * templates use, with Python's semantics (trim_blocks, lstrip_blocks, loopcontrols, sandboxed).
 * A compiled template is immutable; renders may run in any number of threads at once.
 */
#ifndef TEMPLATE_CHAT_TEMPLATE_H
#define TEMPLATE_CHAT_TEMPLATE_H

#include "base/buffer.h"
#include "base/json.h"
#include "base/status.h"

struct chat_template;

/*
 * Compile. name begins each message ("chat_template.jinja:12:7: unknown filter 'foo'"). Unsupported
 * syntax, filters, tests and functions are errors here, never at rendering. Errors: OCTET_INPUT
 * with line and column, OCTET_LIMIT (source over 1 MiB, nesting), OCTET_MEMORY.
 */
octet_status chat_template_compile(const char *source, size_t size, const char *name,
                                   struct chat_template **out, struct octet_error *err);
void chat_template_free(struct chat_template *chat_template);

/*
 * Render with the variables of `variables` (a JSON object: messages, tools, add_generation_prompt,
 * enable_thinking, bos_token, ...: a key that is absent is undefined). out receives the text; at
 * most limit bytes and a bounded number of steps. Errors: OCTET_INPUT with the text of
 * raise_exception() or Python's TypeError and the like, OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status chat_template_render(const struct chat_template *chat_template,
                                  const struct json *variables, struct buffer *out,
                                  struct octet_error *err);

#endif
