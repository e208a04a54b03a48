/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating the tree: expressions to values, statements to text. */
#ifndef TEMPLATE_JINJA_EVAL_H
#define TEMPLATE_JINJA_EVAL_H

#include "template/jinja_ast.h"
#include "template/jinja_run.h"

struct jinja_binding {
    const struct jinja_string *name; /* interned */
    struct jinja_value value;
    struct jinja_binding *next;
};

/* What a block has assigned; names not found here are looked for outwards. */
struct jinja_scope {
    struct jinja_scope *outer;
    struct jinja_binding *bindings;
    struct jinja_binding *spare; /* of earlier iterations, to be used again */
    bool captured;               /* a macro was defined in it or below: it must stay as it is */
};

/* The loop variable. */
struct jinja_loop {
    const struct jinja_list *items;
    size_t index0, depth0;
    struct jinja_value changed; /* the last arguments of changed(), a tuple */
    const struct jinja_node *node;
    struct jinja_scope *scope; /* around the loop: where a recursive call runs */
};

struct jinja_macro {
    const struct jinja_string *name; /* NULL: a caller */
    const struct jinja_macro_def *def;
    struct jinja_scope *scope; /* around the definition */
};

enum jinja_flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };

struct jinja_value jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                              struct jinja_scope *scope);

/* Run statements; their text goes to run->out. */
enum jinja_flow jinja_exec(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_scope *scope);

/* The same with the text as a string. */
struct jinja_value jinja_exec_text(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_scope *scope, enum jinja_flow *flow);

/* A loop over value with the given nesting (recursive loops). */
enum jinja_flow jinja_exec_loop(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_scope *scope, struct jinja_value value, size_t depth0);

struct jinja_scope *jinja_scope_new(struct jinja_run *run, struct jinja_scope *outer);
/* An empty scope for the next iteration: the same one unless it is captured. NULL: a new one. */
struct jinja_scope *jinja_scope_next(struct jinja_run *run, struct jinja_scope *scope,
                                     struct jinja_scope *outer);
bool jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope,
                     const struct jinja_string *name, struct jinja_value value);

bool jinja_eval_args(struct jinja_run *run, const struct jinja_call_args *written,
                     struct jinja_scope *scope, struct jinja_args *args);

/* Add a named argument. */
bool jinja_args_name(struct jinja_run *run, struct jinja_args *args,
                     const struct jinja_string *name, struct jinja_value value);

/* callee(args). */
struct jinja_value jinja_call(struct jinja_run *run, struct jinja_value callee,
                              struct jinja_args *args);
struct jinja_value jinja_macro_call(struct jinja_run *run, const struct jinja_macro *macro,
                                    struct jinja_args *args);

/* Operators. */
struct jinja_value jinja_binary(struct jinja_run *run, enum jinja_operator op, struct jinja_value a,
                                struct jinja_value b);
struct jinja_value jinja_unary(struct jinja_run *run, enum jinja_operator op,
                               struct jinja_value value);
/* ==, <, in ...: 1, 0, or -1 after an error. */
int jinja_compare(struct jinja_run *run, enum jinja_operator op, struct jinja_value a,
                  struct jinja_value b);
/* needle in container: 1, 0, or -1. */
int jinja_contains(struct jinja_run *run, struct jinja_value container, struct jinja_value needle);
struct jinja_value jinja_repeat(struct jinja_run *run, struct jinja_value value, int64_t times);

/* "text" % value; value.format(args). */
struct jinja_value jinja_percent_format(struct jinja_run *run, const struct jinja_string *format,
                                        struct jinja_value value);
struct jinja_value jinja_brace_format(struct jinja_run *run, const struct jinja_string *format,
                                      const struct jinja_args *args);

/* object.name, object[index], object[start:stop:step] as the sandbox allows them. */
struct jinja_value jinja_attribute(struct jinja_run *run, struct jinja_value object,
                                   const struct jinja_string *name);
struct jinja_value jinja_item(struct jinja_run *run, struct jinja_value object,
                              struct jinja_value index);
struct jinja_value jinja_slice(struct jinja_run *run, struct jinja_value object,
                               struct jinja_value start, struct jinja_value stop,
                               struct jinja_value step);

/* int(value) for integers and booleans: false after a TypeError that names what. */
bool jinja_index(struct jinja_run *run, struct jinja_value value, int64_t *out);
/* The value as double where it is a number of any kind. */
bool jinja_as_double(struct jinja_value value, double *out);
/* The value as an integer where it is an int of 64 bits or a bool. */
bool jinja_as_int(struct jinja_value value, int64_t *out);

/* Sort items by keys (as many), stable, ascending or descending. */
bool jinja_sort(struct jinja_run *run, struct jinja_list *items, const struct jinja_list *keys,
                bool descending);

/* HTML's & < > ' " escaped; a string that is Markup already stays. The result is Markup. */
struct jinja_value jinja_escape(struct jinja_run *run, struct jinja_value value);

/* strip() of chars (NULL: white space) at the left, the right end. */
struct jinja_value jinja_strip(struct jinja_run *run, const struct jinja_string *string,
                               const struct jinja_string *chars, bool left, bool right);
/* Find needle in string[from..): its byte offset, or SIZE_MAX. */
size_t jinja_find(const struct jinja_string *string, const struct jinja_string *needle,
                  size_t from);
struct jinja_value jinja_replace(struct jinja_run *run, const struct jinja_string *string,
                                 const struct jinja_string *old, const struct jinja_string *with,
                                 int64_t count);

enum jinja_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITALIZE, CASE_SWAP };
struct jinja_value jinja_change_case(struct jinja_run *run, const struct jinja_string *string,
                                     enum jinja_case to);
/* islower(), isupper(). */
bool jinja_is_case(const struct jinja_string *string, bool upper);
struct jinja_value jinja_split_lines(struct jinja_run *run, const struct jinja_string *string,
                                     bool keep_ends);
/* Pad to width code points: where is -1 left-justified, 0 centred, 1 right-justified. */
struct jinja_value jinja_pad(struct jinja_run *run, const struct jinja_string *string,
                             int64_t width, const struct jinja_string *fill, int where);
struct jinja_value jinja_join(struct jinja_run *run, const struct jinja_string *separator,
                              struct jinja_value items, bool convert);

/* int(text, base), float(text): false when Python raises ValueError; *out may be JINJA_BIG. */
bool jinja_parse_int(struct jinja_run *run, const struct jinja_string *text, int base,
                     struct jinja_value *out);
bool jinja_parse_float(const struct jinja_string *text, double *out);

#endif
