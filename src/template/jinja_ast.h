/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a compiled template: in the template's arena, immutable once compiled. */
#ifndef TEMPLATE_JINJA_AST_H
#define TEMPLATE_JINJA_AST_H

#include "template/jinja_value.h"

#define JINJA_TREE_DEPTH_MAX 300

enum jinja_node_kind {
    /* expressions */
    NODE_CONST,   /* value */
    NODE_NAME,    /* name */
    NODE_LIST,    /* items */
    NODE_TUPLE,   /* items */
    NODE_DICT,    /* items: key, value, key, value ... */
    NODE_CONCAT,  /* items: a ~ b ~ c */
    NODE_UNARY,   /* pair.left; op: not, -, + */
    NODE_BINARY,  /* pair; op */
    NODE_AND,     /* pair */
    NODE_OR,      /* pair */
    NODE_COMPARE, /* items: the first operand, then operands whose op says how they compare */
    NODE_COND,    /* cond */
    NODE_ATTR,    /* attr: object.name */
    NODE_ITEM,    /* pair: object[index] */
    NODE_SLICE,   /* slice: object[start:stop:step] */
    NODE_CALL,    /* call */
    NODE_FILTER,  /* filter */
    NODE_TEST,    /* test; op 1: "is not" */
    /* statements */
    NODE_DATA,         /* value */
    NODE_OUTPUT,       /* pair.left */
    NODE_IF,           /* cond: test, body, else part */
    NODE_FOR,          /* loop */
    NODE_SET,          /* pair: target, value */
    NODE_SET_BLOCK,    /* block: target, filters, body */
    NODE_WITH,         /* block: target is a list of NODE_SET, body */
    NODE_MACRO,        /* macro */
    NODE_CALL_BLOCK,   /* macro: the caller; macro.call */
    NODE_FILTER_BLOCK, /* block: filters, body */
    NODE_SCOPE,        /* block: body, in its own scope */
    NODE_BREAK,
    NODE_CONTINUE,
};

enum jinja_operator {
    OP_NONE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_FLOORDIV,
    OP_MOD,
    OP_POW,
    OP_NOT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_IN,
    OP_NOT_IN,
};

/* The arguments of a call as written. */
struct jinja_call_args {
    struct jinja_node *positional; /* linked by next */
    struct jinja_node *named;      /* linked by next; arg_name of each is set */
    struct jinja_node *star, *star_star;
    size_t count, named_count;
};

struct jinja_macro_def {
    const struct jinja_string *name; /* NULL: the caller of a call block */
    struct jinja_node *parameters;   /* NODE_NAME, linked by next */
    struct jinja_node *defaults;     /* of the last parameters */
    size_t count, default_count;
    struct jinja_node *body;
    struct jinja_node *call;                     /* of a call block: NODE_CALL */
    bool uses_caller, uses_kwargs, uses_varargs; /* the body names them */
};

struct jinja_node {
    uint8_t kind, op;
    uint16_t depth; /* of the tree below */
    uint32_t line, column;
    struct jinja_node *next;             /* in a list of nodes */
    const struct jinja_string *arg_name; /* of a named argument */
    union {
        struct jinja_value value;
        const struct jinja_string *name; /* interned: equal names are one pointer */
        struct {
            struct jinja_node *first;
            size_t count;
        } items;
        struct {
            struct jinja_node *left, *right;
        } pair;
        struct {
            struct jinja_node *test, *yes, *no;
        } cond;
        struct {
            struct jinja_node *object;
            const struct jinja_string *name;
        } attr;
        struct {
            struct jinja_node *object, *start, *stop, *step;
        } slice;
        struct {
            struct jinja_node *callee;
            struct jinja_call_args *args;
        } call;
        struct {
            struct jinja_node *input; /* NULL: the body of a block */
            const struct jinja_filter *filter;
            struct jinja_call_args *args;
        } filter;
        struct {
            struct jinja_node *input;
            const struct jinja_test *test;
            struct jinja_call_args *args;
        } test;
        struct {
            struct jinja_node *target, *iterable, *condition, *body, *otherwise;
            bool recursive;
        } loop;
        struct {
            struct jinja_node *target, *filters, *body;
        } block;
        struct jinja_macro_def *macro;
    } as;
};

/* A compiled template: its statements and the interned names that the evaluator sets itself. */
struct jinja_tree {
    struct jinja_node *first; /* NULL: an empty template */
    const struct jinja_string *loop, *caller, *kwargs, *varargs;
};

#endif
