/* SPDX-License-Identifier: Apache-2.0 */
/* The expression half of the parser: Jinja's grammar, one function a level of precedence. */
#include <string.h>
#include "template/jinja_parser.h"
#include "template/jinja_registry.h"

static unsigned deeper(const struct jinja_node *a, const struct jinja_node *b)
{
    unsigned left = a ? a->depth : 0, right = b ? b->depth : 0;
    return left > right ? left : right;
}

static struct jinja_node *make_pair(struct jinja_parser *parser, enum jinja_node_kind kind,
                                    enum jinja_operator op, const struct jinja_token *token,
                                    struct jinja_node *left, struct jinja_node *right)
{
    struct jinja_node *node = jinja_parser_node(parser, kind, token);
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->as.pair.left = left;
    node->as.pair.right = right;
    return jinja_parser_over(parser, node, deeper(left, right));
}

static struct jinja_node *make_items(struct jinja_parser *parser, enum jinja_node_kind kind,
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
    return make_items(parser, NODE_LIST, &token, &items);
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
    return make_items(parser, NODE_DICT, &token, &items);
}

static struct jinja_node *parse_parenthesised(struct jinja_parser *parser);

static struct jinja_node *parse_primary(struct jinja_parser *parser)
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
                                      ? parse_primary(parser)
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
    return make_items(parser, NODE_TUPLE, &token, &items);
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
        with_tuple ? parse_tuple_as(parser, TUPLE_SIMPLE, end, false) : parse_primary(parser);
    return node && mark_target(parser, node, &token) ? node : NULL;
}

/* One argument: "name=value", "*list", "**dict", or a value. */
static bool parse_argument(struct jinja_parser *parser, struct jinja_call_args *args,
                           struct jinja_node_list *positional, struct jinja_node_list *named)
{
    struct jinja_token token = parser->token;
    bool star = jinja_parser_is_operator(&token, "*");
    bool star_star = jinja_parser_is_operator(&token, "**");
    const struct jinja_string *name = NULL;
    bool late = args->star || args->star_star;
    if (star || star_star) {
        if (!jinja_parser_advance(parser))
            return false;
    } else if (token.type == TOKEN_NAME) {
        struct jinja_token *look = jinja_parser_look(parser);
        if (look && jinja_parser_is_operator(look, "=")) {
            struct jinja_name *interned = jinja_parser_expect_name(parser);
            if (!interned || !jinja_parser_advance(parser))
                return false;
            name = &interned->string;
            late = args->star_star != NULL;
        }
    }
    if (star_star ? args->star_star != NULL : late || (!name && !star && named->count))
        return jinja_parser_fail(parser, &token, "invalid syntax for function call expression");
    struct jinja_node *value = jinja_parse_expression(parser, true);
    if (!value)
        return false;
    if (star) {
        args->star = value;
    } else if (star_star) {
        args->star_star = value;
    } else {
        value->arg_name = name;
        jinja_node_list_push(name ? named : positional, value);
    }
    return true;
}

/* "(...)"; *depth receives the depth of the deepest argument. */
static struct jinja_call_args *parse_call_args(struct jinja_parser *parser, unsigned *depth)
{
    struct jinja_call_args *args = arena_alloc(parser->arena, sizeof(*args));
    struct jinja_node_list positional = {0}, named = {0};
    if (!args) {
        parser->status = error_memory(parser->err, "chat template", sizeof(*args));
        return NULL;
    }
    if (!jinja_parser_expect_operator(parser, "("))
        return NULL;
    for (bool first = true; !jinja_parser_is_operator(&parser->token, ")"); first = false) {
        if (!first && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        if (jinja_parser_is_operator(&parser->token, ")"))
            break;
        if (!parse_argument(parser, args, &positional, &named))
            return NULL;
    }
    if (!jinja_parser_expect_operator(parser, ")"))
        return NULL;
    args->positional = positional.first;
    args->count = positional.count;
    args->named = named.first;
    args->named_count = named.count;
    *depth = positional.depth > named.depth ? positional.depth : named.depth;
    if (deeper(args->star, args->star_star) > *depth)
        *depth = deeper(args->star, args->star_star);
    return args;
}

/* Remember calls of plain names, refuse methods that octet lacks. */
static bool check_call(struct jinja_parser *parser, const struct jinja_node *callee,
                       const struct jinja_token *token)
{
    if (callee->kind == NODE_ATTR &&
        jinja_method_unsupported(callee->as.attr.name->data, callee->as.attr.name->size))
        return jinja_parser_fail(parser, token, "the method '%s' is not supported",
                                 callee->as.attr.name->data);
    if (callee->kind != NODE_NAME)
        return true;
    struct jinja_call_site *site = arena_alloc(parser->arena, sizeof(*site));
    if (!site) {
        parser->status = error_memory(parser->err, "chat template", sizeof(*site));
        return false;
    }
    site->name = jinja_parser_intern(parser, callee->as.name->data, callee->as.name->size);
    site->line = callee->line;
    site->column = callee->column;
    site->next = parser->calls;
    parser->calls = site;
    return site->name != NULL;
}

static struct jinja_node *parse_call(struct jinja_parser *parser, struct jinja_node *callee)
{
    struct jinja_token token = parser->token;
    unsigned depth = 0;
    if (!check_call(parser, callee, &token))
        return NULL;
    struct jinja_node *node = jinja_parser_node(parser, NODE_CALL, &token);
    struct jinja_call_args *args = node ? parse_call_args(parser, &depth) : NULL;
    if (!args)
        return NULL;
    node->as.call.callee = callee;
    node->as.call.args = args;
    return jinja_parser_over(parser, node, callee->depth > depth ? callee->depth : depth);
}

static struct jinja_node *parse_attribute(struct jinja_parser *parser, struct jinja_node *object)
{
    struct jinja_token token = parser->token;
    if (!jinja_parser_advance(parser))
        return NULL;
    if (parser->token.type == TOKEN_NUMBER && parser->token.is_integer) {
        struct jinja_node *index = parse_primary(parser);
        return index ? make_pair(parser, NODE_ITEM, OP_NONE, &token, object, index) : NULL;
    }
    if (parser->token.type != TOKEN_NAME)
        return jinja_parser_fail(parser, &parser->token, "expected name or number");
    struct jinja_node *node = jinja_parser_node(parser, NODE_ATTR, &token);
    struct jinja_name *name = jinja_parser_expect_name(parser);
    if (!node || !name)
        return NULL;
    node->as.attr.object = object;
    node->as.attr.name = &name->string;
    return jinja_parser_over(parser, node, object->depth);
}

/* One part of a slice; absent parts stay NULL. */
static bool parse_slice_part(struct jinja_parser *parser, struct jinja_node **part)
{
    const struct jinja_token *token = &parser->token;
    if (jinja_parser_is_operator(token, ":") || jinja_parser_is_operator(token, "]") ||
        jinja_parser_is_operator(token, ","))
        return true;
    *part = jinja_parse_expression(parser, true);
    return *part != NULL;
}

static struct jinja_node *parse_slice(struct jinja_parser *parser, struct jinja_node *object,
                                      struct jinja_node *start, const struct jinja_token *token)
{
    struct jinja_node *stop = NULL, *step = NULL;
    if (!jinja_parser_expect_operator(parser, ":") || !parse_slice_part(parser, &stop))
        return NULL;
    if (jinja_parser_skip_operator(parser, ":") && !parse_slice_part(parser, &step))
        return NULL;
    struct jinja_node *node = jinja_parser_node(parser, NODE_SLICE, token);
    if (!node)
        return NULL;
    node->as.slice.object = object;
    node->as.slice.start = start;
    node->as.slice.stop = stop;
    node->as.slice.step = step;
    unsigned a = deeper(start, stop), b = deeper(object, step);
    return jinja_parser_over(parser, node, a > b ? a : b);
}

static struct jinja_node *parse_item(struct jinja_parser *parser, struct jinja_node *object)
{
    struct jinja_token token = parser->token;
    struct jinja_node_list items = {0};
    struct jinja_node *index = NULL;
    if (!jinja_parser_advance(parser))
        return NULL;
    while (!jinja_parser_is_operator(&parser->token, "]")) {
        if (items.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        index = NULL;
        if (!jinja_parser_is_operator(&parser->token, ":")) {
            index = jinja_parse_expression(parser, true);
            if (!index)
                return NULL;
        }
        if (jinja_parser_is_operator(&parser->token, ":")) {
            struct jinja_node *node =
                items.count ? NULL : parse_slice(parser, object, index, &token);
            if (parser->status)
                return NULL;
            if (!node || !jinja_parser_is_operator(&parser->token, "]"))
                return jinja_parser_fail(parser, &token,
                                         "a slice among several indices is not supported");
            return jinja_parser_advance(parser) ? node : NULL;
        }
        jinja_node_list_push(&items, index);
    }
    if (!jinja_parser_advance(parser))
        return NULL;
    if (items.count != 1)
        index = make_items(parser, NODE_TUPLE, &token, &items);
    return index ? make_pair(parser, NODE_ITEM, OP_NONE, &token, object, index) : NULL;
}

static struct jinja_node *parse_postfix(struct jinja_parser *parser, struct jinja_node *node)
{
    while (node) {
        if (jinja_parser_is_operator(&parser->token, "."))
            node = parse_attribute(parser, node);
        else if (jinja_parser_is_operator(&parser->token, "["))
            node = parse_item(parser, node);
        else if (jinja_parser_is_operator(&parser->token, "("))
            node = parse_call(parser, node);
        else
            break;
    }
    return node;
}

/* "name" or "dotted.name" of a filter or test, as text in buffer. */
static bool parse_dotted(struct jinja_parser *parser, char *out, size_t size)
{
    size_t length = 0;
    do {
        if (parser->token.type != TOKEN_NAME) {
            jinja_parser_fail(parser, &parser->token, "expected a name");
            return false;
        }
        if (length + parser->token.size + 2 > size) {
            jinja_parser_fail(parser, &parser->token, "the name is too long");
            return false;
        }
        if (length)
            out[length++] = '.';
        memcpy(out + length, parser->token.text, parser->token.size);
        length += parser->token.size;
        if (!jinja_parser_advance(parser))
            return false;
    } while (jinja_parser_skip_operator(parser, "."));
    out[length] = '\0';
    return !parser->status;
}

/* map('name') and select('name') name a filter or test in their first argument: check it too. */
static bool check_named_argument(struct jinja_parser *parser, const char *filter,
                                 const struct jinja_call_args *args)
{
    const struct jinja_node *first = args ? args->positional : NULL;
    bool attribute = !strcmp(filter, "selectattr") || !strcmp(filter, "rejectattr");
    bool select = attribute || !strcmp(filter, "select") || !strcmp(filter, "reject");
    if (attribute && first)
        first = first->next;
    if (!first || first->kind != NODE_CONST || first->as.value.kind != JINJA_STRING)
        return true;
    const struct jinja_string *name = first->as.value.as.string;
    struct jinja_token token = {.line = first->line, .column = first->column};
    if (!strcmp(filter, "map") && !jinja_filter_find(name->data, name->size))
        return jinja_parser_fail(parser, &token, "unknown filter '%s'", name->data);
    if (select && !jinja_test_find(name->data, name->size))
        return jinja_parser_fail(parser, &token, "unknown test '%s'", name->data);
    return true;
}

struct jinja_node *jinja_parse_filters(struct jinja_parser *parser, struct jinja_node *input,
                                       bool start_inline)
{
    char name[64];
    while (jinja_parser_is_operator(&parser->token, "|") || start_inline) {
        unsigned depth = 0;
        if (!start_inline && !jinja_parser_advance(parser))
            return NULL;
        start_inline = false;
        struct jinja_token token = parser->token;
        struct jinja_node *node = jinja_parser_node(parser, NODE_FILTER, &token);
        if (!node || !parse_dotted(parser, name, sizeof(name)))
            return NULL;
        node->as.filter.filter = jinja_filter_find(name, strlen(name));
        if (!node->as.filter.filter)
            return jinja_parser_fail(parser, &token, "unknown filter '%s'", name);
        if (jinja_parser_is_operator(&parser->token, "(")) {
            node->as.filter.args = parse_call_args(parser, &depth);
            if (!node->as.filter.args)
                return NULL;
        }
        if (!check_named_argument(parser, name, node->as.filter.args))
            return NULL;
        node->as.filter.input = input;
        if (input && input->depth > depth)
            depth = input->depth;
        input = jinja_parser_over(parser, node, depth);
        if (!input)
            return NULL;
    }
    return input;
}

/* Does the current token begin the bare argument of a test, as in "is divisibleby 3"? */
static bool at_test_argument(const struct jinja_parser *parser)
{
    const struct jinja_token *token = &parser->token;
    if (token->type == TOKEN_STRING || token->type == TOKEN_NUMBER)
        return true;
    if (token->type == TOKEN_OPERATOR)
        return jinja_parser_is_operator(token, "[") || jinja_parser_is_operator(token, "{");
    return token->type == TOKEN_NAME && !jinja_parser_is_name(token, "else") &&
           !jinja_parser_is_name(token, "or") && !jinja_parser_is_name(token, "and");
}

static struct jinja_call_args *parse_test_args(struct jinja_parser *parser, unsigned *depth)
{
    if (jinja_parser_is_operator(&parser->token, "("))
        return parse_call_args(parser, depth);
    struct jinja_call_args *args = arena_alloc(parser->arena, sizeof(*args));
    if (!args) {
        parser->status = error_memory(parser->err, "chat template", sizeof(*args));
        return NULL;
    }
    if (!at_test_argument(parser))
        return args;
    if (jinja_parser_is_name(&parser->token, "is"))
        return jinja_parser_fail(parser, &parser->token, "You cannot chain multiple tests with is");
    args->positional = parse_postfix(parser, parse_primary(parser));
    args->count = 1;
    *depth = args->positional ? args->positional->depth : 0;
    return args->positional ? args : NULL;
}

static struct jinja_node *parse_test(struct jinja_parser *parser, struct jinja_node *input)
{
    char name[64];
    unsigned depth = 0;
    if (!jinja_parser_advance(parser))
        return NULL;
    bool negated = jinja_parser_skip_name(parser, "not");
    struct jinja_token token = parser->token;
    struct jinja_node *node = jinja_parser_node(parser, NODE_TEST, &token);
    if (!node || !parse_dotted(parser, name, sizeof(name)))
        return NULL;
    node->op = negated;
    node->as.test.input = input;
    node->as.test.test = jinja_test_find(name, strlen(name));
    if (!node->as.test.test)
        return jinja_parser_fail(parser, &token, "unknown test '%s'", name);
    node->as.test.args = parse_test_args(parser, &depth);
    if (!node->as.test.args)
        return NULL;
    return jinja_parser_over(parser, node, input->depth > depth ? input->depth : depth);
}

static struct jinja_node *parse_filter_expr(struct jinja_parser *parser, struct jinja_node *node)
{
    while (node) {
        if (jinja_parser_is_operator(&parser->token, "|"))
            node = jinja_parse_filters(parser, node, false);
        else if (jinja_parser_is_name(&parser->token, "is"))
            node = parse_test(parser, node);
        else if (jinja_parser_is_operator(&parser->token, "("))
            node = parse_call(parser, node);
        else
            break;
    }
    return node;
}

static struct jinja_node *parse_unary(struct jinja_parser *parser, bool with_filter)
{
    struct jinja_token token = parser->token;
    bool minus = jinja_parser_is_operator(&token, "-");
    struct jinja_node *node = NULL;
    if (!jinja_parser_enter(parser))
        return NULL;
    if (minus || jinja_parser_is_operator(&token, "+")) {
        if (jinja_parser_advance(parser))
            node = parse_unary(parser, false);
        if (node)
            node = make_pair(parser, NODE_UNARY, minus ? OP_SUB : OP_ADD, &token, node, NULL);
    } else {
        node = parse_primary(parser);
    }
    node = parse_postfix(parser, node);
    if (with_filter)
        node = parse_filter_expr(parser, node);
    jinja_parser_leave(parser);
    return node;
}

static struct jinja_node *parse_pow(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_unary(parser, true);
    while (left && jinja_parser_is_operator(&parser->token, "**")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_unary(parser, true) : NULL;
        left = right ? make_pair(parser, NODE_BINARY, OP_POW, &token, left, right) : NULL;
    }
    return left;
}

/* A left-associative level: operands by next, operators from the table. */
static struct jinja_node *parse_binary(struct jinja_parser *parser,
                                       struct jinja_node *(*next)(struct jinja_parser *),
                                       const char *const *texts, const enum jinja_operator *ops)
{
    struct jinja_node *left = next(parser);
    while (left) {
        struct jinja_token token = parser->token;
        size_t i = 0;
        while (texts[i] && !jinja_parser_is_operator(&token, texts[i]))
            i++;
        if (!texts[i])
            break;
        struct jinja_node *right = jinja_parser_advance(parser) ? next(parser) : NULL;
        left = right ? make_pair(parser, NODE_BINARY, ops[i], &token, left, right) : NULL;
    }
    return left;
}

static struct jinja_node *parse_math2(struct jinja_parser *parser)
{
    static const char *const texts[] = {"*", "/", "//", "%", NULL};
    static const enum jinja_operator ops[] = {OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD};
    return parse_binary(parser, parse_pow, texts, ops);
}

static struct jinja_node *parse_concat(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_node *first = parse_math2(parser);
    if (!first || !jinja_parser_is_operator(&parser->token, "~"))
        return first;
    struct jinja_node_list items = {0};
    jinja_node_list_push(&items, first);
    while (jinja_parser_skip_operator(parser, "~")) {
        struct jinja_node *item = parse_math2(parser);
        if (!item)
            return NULL;
        jinja_node_list_push(&items, item);
    }
    return parser->status ? NULL : make_items(parser, NODE_CONCAT, &token, &items);
}

static struct jinja_node *parse_math1(struct jinja_parser *parser)
{
    static const char *const texts[] = {"+", "-", NULL};
    static const enum jinja_operator ops[] = {OP_ADD, OP_SUB};
    return parse_binary(parser, parse_concat, texts, ops);
}

/* The comparison that begins here, OP_NONE when none does; its tokens are consumed. */
static enum jinja_operator take_comparison(struct jinja_parser *parser)
{
    static const struct {
        const char *text;
        enum jinja_operator op;
    } table[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<", OP_LT},
                 {"<=", OP_LE}, {">", OP_GT},  {">=", OP_GE}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (jinja_parser_skip_operator(parser, table[i].text))
            return table[i].op;
    }
    if (jinja_parser_skip_name(parser, "in"))
        return OP_IN;
    if (!jinja_parser_is_name(&parser->token, "not"))
        return OP_NONE;
    struct jinja_token *look = jinja_parser_look(parser);
    if (!look || !jinja_parser_is_name(look, "in"))
        return OP_NONE;
    jinja_parser_advance(parser);
    jinja_parser_advance(parser);
    return OP_NOT_IN;
}

/* Each operand is wrapped so that its op says how it compares with the one before. */
static struct jinja_node *parse_compare(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    struct jinja_node *first = parse_math1(parser);
    struct jinja_node_list items = {0};
    if (!first)
        return NULL;
    for (;;) {
        struct jinja_token at = parser->token;
        enum jinja_operator op = take_comparison(parser);
        if (op == OP_NONE)
            break;
        if (!items.count)
            jinja_node_list_push(&items, first);
        struct jinja_node *operand = parser->status ? NULL : parse_math1(parser);
        struct jinja_node *wrapped =
            operand ? make_pair(parser, NODE_COMPARE, op, &at, operand, NULL) : NULL;
        if (!wrapped)
            return NULL;
        jinja_node_list_push(&items, wrapped);
    }
    if (parser->status || !items.count)
        return parser->status ? NULL : first;
    return make_items(parser, NODE_COMPARE, &token, &items);
}

static struct jinja_node *parse_not(struct jinja_parser *parser)
{
    struct jinja_token token = parser->token;
    if (!jinja_parser_is_name(&token, "not"))
        return parse_compare(parser);
    if (!jinja_parser_advance(parser) || !jinja_parser_enter(parser))
        return NULL;
    struct jinja_node *node = parse_not(parser);
    jinja_parser_leave(parser);
    return node ? make_pair(parser, NODE_UNARY, OP_NOT, &token, node, NULL) : NULL;
}

static struct jinja_node *parse_and(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_not(parser);
    while (left && jinja_parser_is_name(&parser->token, "and")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_not(parser) : NULL;
        left = right ? make_pair(parser, NODE_AND, OP_NONE, &token, left, right) : NULL;
    }
    return left;
}

static struct jinja_node *parse_or(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_and(parser);
    while (left && jinja_parser_is_name(&parser->token, "or")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_and(parser) : NULL;
        left = right ? make_pair(parser, NODE_OR, OP_NONE, &token, left, right) : NULL;
    }
    return left;
}

struct jinja_node *jinja_parse_expression(struct jinja_parser *parser, bool with_cond)
{
    if (!jinja_parser_enter(parser))
        return NULL;
    struct jinja_node *node = parse_or(parser);
    while (node && with_cond && jinja_parser_is_name(&parser->token, "if")) {
        struct jinja_token token = parser->token;
        struct jinja_node *no = NULL;
        struct jinja_node *test = jinja_parser_advance(parser) ? parse_or(parser) : NULL;
        if (test && jinja_parser_skip_name(parser, "else"))
            no = jinja_parse_expression(parser, true);
        struct jinja_node *cond =
            test && !parser->status ? jinja_parser_node(parser, NODE_COND, &token) : NULL;
        if (cond) {
            cond->as.cond.test = test;
            cond->as.cond.yes = node;
            cond->as.cond.no = no;
            unsigned depth = deeper(test, node);
            cond = jinja_parser_over(parser, cond, no && no->depth > depth ? no->depth : depth);
        }
        node = cond;
    }
    jinja_parser_leave(parser);
    return node;
}
