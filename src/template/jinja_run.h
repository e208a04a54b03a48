/* SPDX-License-Identifier: Apache-2.0 */
/* One render: its memory, limits, output and the place that an error message names. */
#ifndef TEMPLATE_JINJA_RUN_H
#define TEMPLATE_JINJA_RUN_H

#include "base/arena.h"
#include "base/status.h"
#include "template/jinja_value.h"

#define JINJA_MEMORY_MAX ((size_t)512 << 20)
#define JINJA_STEPS_MAX 20000000u
#define JINJA_CALL_DEPTH_MAX 700 /* nested evaluations, macro calls included */
#define JINJA_RANGE_MAX 100000   /* as Jinja's sandbox */

struct jinja_node;
struct jinja_tree;

struct jinja_run {
    struct arena *arena;
    struct octet_error *err;
    octet_status status;
    const char *name; /* of the template, begins messages */
    const struct jinja_tree *tree;
    const struct jinja_node *at; /* what is being evaluated */
    struct buffer *out;
    uint64_t steps;
    unsigned depth;
    const struct jinja_dict *variables;
};

/* size zeroed bytes of the render's arena; NULL after OCTET_LIMIT or OCTET_MEMORY was reported. */
void *jinja_alloc(struct jinja_run *run, size_t size);

/* Count work; false once the render did more than JINJA_STEPS_MAX steps. */
bool jinja_charge(struct jinja_run *run, uint64_t steps);

/* Fail with "NAME:LINE:COLUMN: CLASS: TEXT". */
struct jinja_value jinja_raise(struct jinja_run *run, const char *class_name, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* Fail with a limit of octet's own. */
struct jinja_value jinja_raise_limit(struct jinja_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fail with exactly this text: what a template says by raise_exception(). */
struct jinja_value jinja_raise_text(struct jinja_run *run, const struct jinja_string *text);

/* The output buffer is full or the memory is gone. */
bool jinja_buffer_check(struct jinja_run *run, const struct buffer *buffer);

#endif
