/* SPDX-License-Identifier: Apache-2.0 */
/* The innermost expressions: literals, names, lists, dicts, tuples; what can be assigned to. */
#include <string.h>
#include "template/jinja_parser.h"

unsigned jinja_parser_deeper(const struct jinja_node *a, const struct jinja_node *b)
{
    unsigned left = a ? a->depth : 0, right = b ? b->depth : 0;
    return left > right ? left : right;
}

struct jinja_node *jinja_parser_pair(struct jinja_parser *parser, enum jinja_node_kind kind,
                                     enum jinja_operator op, const struct jinja_token *token,
                                     struct jinja_node *left, struct jinja_node *right)
{
    struct jinja_node *node = jinja_parser_node(parser, kind, token);
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->as.pair.left = left;
    node->as.pair.right = right;
    return jinja_parser_over(parser, node, jinja_parser_deeper(left, right));
}

struct jinja_node *jinja_parser_items(struct jinja_parser *parser, enum jinja_node_kind kind,
                                      const struct jinja_token *token,
                                      const struct jinja_node_list *list)
{
    struct jinja_node *node = jinja_parser_node(parser, kind, token);
    if (!node)
        return NULL;
    node->as.items.first = list->first;
    node->as.items.count = list->count;
    return jinja_parser_over(parser, node, list->depth);
}

static struct jinja_node *make_const(struct jinja_parser *parser, const struct jinja_token *token,
                                     struct jinja_value value)
{
    struct jinja_node *node = jinja_parser_node(parser, NODE_CONST, token);
    if (node)
        node->as.value = value;
    return node;
}

/* A name that is read: macros want to know whether their body uses caller, kwargs, varargs. */
static struct jinja_node *make_name(struct jinja_parser *parser, const struct jinja_token *token)
{
    struct jinja_name *name = jinja_parser_intern(parser, token->text, token->size);
    struct jinja_node *node = jinja_parser_node(parser, NODE_NAME, token);
    if (!name || !node)
        return NULL;
    node->as.name = &name->string;
    for (struct jinja_macro_scope *scope = parser->macro; scope; scope = scope->outer) {
        scope->def->uses_caller |= jinja_parser_is_name(token, "caller");
        scope->def->uses_kwargs |= jinja_parser_is_name(token, "kwargs");
        scope->def->uses_varargs |= jinja_parser_is_name(token, "varargs");
    }
    return node;
}

static struct jinja_node *parse_name(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_node *node = NULL;
    if (jinja_parser_is_name(&token, "true") || jinja_parser_is_name(&token, "True"))
        node = make_const(parser, &token, jinja_bool(true));
    else if (jinja_parser_is_name(&token, "false") || jinja_parser_is_name(&token, "False"))
        node = make_const(parser, &token, jinja_bool(false));
    else if (jinja_parser_is_name(&token, "none") || jinja_parser_is_name(&token, "None"))
        node = make_const(parser, &token, jinja_none());
    else if (jinja_parser_is_name(&token, "self") || jinja_parser_is_name(&token, "super"))
        return jinja_parser_fail(parser, &token, "'%.*s' (template inheritance) is not supported",
                                 (int)token.size, token.text);
    else
        node = make_name(parser, &token);
    return node && jinja_parser_advance(parser) ? node : NULL;
}

/* Adjacent string literals are one. */
static struct jinja_node *parse_strings(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_value value = token.value;
    if (!jinja_parser_advance(parser))
        return NULL;
    while (parser->token.type == TOKEN_STRING) {
        const struct jinja_string *a = value.as.string, *b = parser->token.value.as.string;
        struct jinja_string *joined = arena_alloc(parser->arena, sizeof(*joined));
        char *data = arena_alloc(parser->arena, a->size + b->size + 1);
        if (!joined || !data) {
            parser->status = error_memory(parser->err, "chat template", a->size + b->size);
            return NULL;
        }
        if (a->size)
            memcpy(data, a->data, a->size);
        if (b->size)
            memcpy(data + a->size, b->data, b->size);
        *joined = (struct jinja_string){data, a->size + b->size, a->chars + b->chars, NULL};
        value = jinja_from_string(joined);
        if (!jinja_parser_advance(parser))
            return NULL;
    }
    return make_const(parser, &token, value);
}

static struct jinja_node *parse_list(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_node_list items = {0};
    jinja_parser_advance(parser);
    while (!parser->status && !jinja_parser_is_operator(&parser->token, "]")) {
        if (items.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        if (jinja_parser_is_operator(&parser->token, "]"))
            break;
        struct jinja_node *item = jinja_parse_expression(parser, true);
        if (!item)
            return NULL;
        jinja_node_list_push(&items, item);
    }
    if (!jinja_parser_expect_operator(parser, "]"))
        return NULL;
    return jinja_parser_items(parser, NODE_LIST, &token, &items);
}

static struct jinja_node *parse_dict(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_node_list items = {0};
    jinja_parser_advance(parser);
    while (!parser->status && !jinja_parser_is_operator(&parser->token, "}")) {
        if (items.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        if (jinja_parser_is_operator(&parser->token, "}"))
            break;
        struct jinja_node *key = jinja_parse_expression(parser, true);
        if (!key || !jinja_parser_expect_operator(parser, ":"))
            return NULL;
        struct jinja_node *value = jinja_parse_expression(parser, true);
        if (!value)
            return NULL;
        jinja_node_list_push(&items, key);
        jinja_node_list_push(&items, value);
    }
    if (!jinja_parser_expect_operator(parser, "}"))
        return NULL;
    return jinja_parser_items(parser, NODE_DICT, &token, &items);
}

static struct jinja_node *parse_parenthesised(struct jinja_parser *parser);

struct jinja_node *jinja_parse_primary(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    char text[64];
    switch (token.type) {
    case TOKEN_NAME:
        return parse_name(parser);
    case TOKEN_STRING:
        return parse_strings(parser);
    case TOKEN_NUMBER:
        return jinja_parser_advance(parser) ? make_const(parser, &token, token.value) : NULL;
    case TOKEN_OPERATOR:
        if (jinja_parser_is_operator(&token, "("))
            return parse_parenthesised(parser);
        if (jinja_parser_is_operator(&token, "["))
            return parse_list(parser);
        if (jinja_parser_is_operator(&token, "{"))
            return parse_dict(parser);
        break;
    default:
        break;
    }
    jinja_parser_describe(&token, text, sizeof(text));
    return jinja_parser_fail(parser, &token, "unexpected '%s'", text);
}

static bool at_tuple_end(const struct jinja_parser *parser, const char *end)
{
    const struct jinja_token *token = &parser->token;
    return token->type == TOKEN_VARIABLE_END || token->type == TOKEN_BLOCK_END ||
           jinja_parser_is_operator(token, ")") || (end && jinja_parser_is_name(token, end));
}

enum tuple_style { TUPLE_FULL, TUPLE_NO_COND, TUPLE_SIMPLE };

static struct jinja_node *parse_tuple_as(struct jinja_parser *parser, enum tuple_style style,
                                         const char *end, bool parenthesised)
{
    struct jinja_token token = parser->token;
    struct jinja_node_list items = {0};
    bool is_tuple = false;
    char text[64];
    for (;;) {
        if (items.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        if (at_tuple_end(parser, end))
            break;
        struct jinja_node *item = style == TUPLE_SIMPLE
                                      ? jinja_parse_primary(parser)
                                      : jinja_parse_expression(parser, style == TUPLE_FULL);
        if (!item)
            return NULL;
        jinja_node_list_push(&items, item);
        if (!jinja_parser_is_operator(&parser->token, ","))
            break;
        is_tuple = true;
    }
    if (!is_tuple && items.first)
        return items.first;
    if (!is_tuple && !parenthesised) {
        jinja_parser_describe(&parser->token, text, sizeof(text));
        return jinja_parser_fail(parser, &parser->token, "Expected an expression, got '%s'", text);
    }
    return jinja_parser_items(parser, NODE_TUPLE, &token, &items);
}

struct jinja_node *jinja_parse_tuple(struct jinja_parser *parser, bool with_cond, const char *end)
{
    return parse_tuple_as(parser, with_cond ? TUPLE_FULL : TUPLE_NO_COND, end, false);
}

static struct jinja_node *parse_parenthesised(struct jinja_parser *parser)
{
    if (!jinja_parser_advance(parser) || !jinja_parser_enter(parser))
        return NULL;
    struct jinja_node *node = parse_tuple_as(parser, TUPLE_FULL, NULL, true);
    jinja_parser_leave(parser);
    return node && jinja_parser_expect_operator(parser, ")") ? node : NULL;
}

/* A name, or a tuple of names and tuples, that is assigned to. */
static bool mark_target(struct jinja_parser *parser, struct jinja_node *node,
                        const struct jinja_token *token)
{
    if (node->kind == NODE_NAME) {
        struct jinja_name *name =
            jinja_parser_intern(parser, node->as.name->data, node->as.name->size);
        if (name)
            name->stored = true;
        return name != NULL;
    }
    if (node->kind != NODE_TUPLE)
        return jinja_parser_fail(parser, token, "can't assign to this expression");
    for (struct jinja_node *item = node->as.items.first; item; item = item->next) {
        if (!mark_target(parser, item, token))
            return false;
    }
    return true;
}

struct jinja_node *jinja_parse_target(struct jinja_parser *parser, bool with_tuple, const char *end)
{
    struct jinja_token token = parser->token;
    struct jinja_node *node =
        with_tuple ? parse_tuple_as(parser, TUPLE_SIMPLE, end, false) : jinja_parse_primary(parser);
    return node && mark_target(parser, node, &token) ? node : NULL;
}
