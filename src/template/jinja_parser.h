/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens -> tree. Everything a template may use is known here, so what octet lacks is refused here.
 */
#ifndef TEMPLATE_JINJA_PARSER_H
#define TEMPLATE_JINJA_PARSER_H

#include "template/jinja_ast.h"
#include "template/jinja_lexer.h"

/* A name of the template: one for each spelling, so that names compare as pointers. */
struct jinja_name {
    struct jinja_string string;
    struct jinja_name *next; /* in its bucket */
    bool stored;             /* something in the template assigns to it */
};

/* A call of a plain name, checked once the whole template is known. */
struct jinja_call_site {
    struct jinja_name *name;
    uint32_t line, column;
    struct jinja_call_site *next;
};

struct jinja_parser {
    struct arena *arena;
    struct octet_error *err;
    struct jinja_lexer lexer;
    struct jinja_token token, ahead;
    bool has_ahead;
    octet_status status; /* once it is not OCTET_OK, parse functions return NULL */
    unsigned depth;      /* nested expressions and statements */
    unsigned loops;      /* open loops, for break and continue */
    struct jinja_name *buckets[512];
    struct jinja_call_site *calls;
    struct jinja_macro_scope *macro; /* the innermost open one */
};

/* The macros that are being parsed. */
struct jinja_macro_scope {
    struct jinja_macro_def *def;
    struct jinja_macro_scope *outer;
};

/* A list of nodes under construction. */
struct jinja_node_list {
    struct jinja_node *first, *last;
    size_t count;
    uint16_t depth;
};

/*
 * Compile source; name begins messages. The tree lives in arena.
 * Errors: as chat_template_compile().
 */
octet_status jinja_parse(struct arena *arena, const char *source, size_t size, const char *name,
                         struct jinja_tree *tree, struct octet_error *err);

/* Shared by the two halves of the parser. */
bool jinja_parser_advance(struct jinja_parser *parser);
struct jinja_token *jinja_parser_look(struct jinja_parser *parser);
bool jinja_parser_is_name(const struct jinja_token *token, const char *name);
bool jinja_parser_is_operator(const struct jinja_token *token, const char *text);
bool jinja_parser_skip_name(struct jinja_parser *parser, const char *name);
bool jinja_parser_skip_operator(struct jinja_parser *parser, const char *text);
bool jinja_parser_expect_operator(struct jinja_parser *parser, const char *text);
/* The current token must be a name; interns it and moves on. NULL otherwise. */
struct jinja_name *jinja_parser_expect_name(struct jinja_parser *parser);
void *jinja_parser_fail(struct jinja_parser *parser, const struct jinja_token *token,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));
bool jinja_parser_enter(struct jinja_parser *parser);
void jinja_parser_leave(struct jinja_parser *parser);
struct jinja_name *jinja_parser_intern(struct jinja_parser *parser, const char *text, size_t size);
struct jinja_node *jinja_parser_node(struct jinja_parser *parser, enum jinja_node_kind kind,
                                     const struct jinja_token *token);
void jinja_node_list_push(struct jinja_node_list *list, struct jinja_node *node);
/* The node lies over children of this depth; NULL (and an error) when that is too deep. */
struct jinja_node *jinja_parser_over(struct jinja_parser *parser, struct jinja_node *node,
                                     unsigned depth);
/* The greater depth of two nodes, either of which may be NULL. */
unsigned jinja_parser_deeper(const struct jinja_node *a, const struct jinja_node *b);
struct jinja_node *jinja_parser_pair(struct jinja_parser *parser, enum jinja_node_kind kind,
                                     enum jinja_operator op, const struct jinja_token *token,
                                     struct jinja_node *left, struct jinja_node *right);
struct jinja_node *jinja_parser_items(struct jinja_parser *parser, enum jinja_node_kind kind,
                                      const struct jinja_token *token,
                                      const struct jinja_node_list *list);
/* What a token is called in messages. */
void jinja_parser_describe(const struct jinja_token *token, char *out, size_t size);

/* A literal, name or bracketed expression; then ".a", "[1]", "(x)"; then "| filter", "is test". */
struct jinja_node *jinja_parse_primary(struct jinja_parser *parser);
struct jinja_node *jinja_parse_postfix(struct jinja_parser *parser, struct jinja_node *node);
struct jinja_node *jinja_parse_suffixes(struct jinja_parser *parser, struct jinja_node *node);

/* Expressions. end: a name that also ends a tuple, or NULL. */
struct jinja_node *jinja_parse_expression(struct jinja_parser *parser, bool with_cond);
struct jinja_node *jinja_parse_tuple(struct jinja_parser *parser, bool with_cond, const char *end);
struct jinja_node *jinja_parse_target(struct jinja_parser *parser, bool with_tuple,
                                      const char *end);
struct jinja_node *jinja_parse_filters(struct jinja_parser *parser, struct jinja_node *input,
                                       bool start_inline);

#endif
