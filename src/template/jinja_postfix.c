/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an operand: attributes, items, slices, calls, filters, tests. */
#include <string.h>
#include "template/jinja_parser.h"
#include "template/jinja_registry.h"

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
    if (jinja_parser_deeper(args->star, args->star_star) > *depth)
        *depth = jinja_parser_deeper(args->star, args->star_star);
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
        struct jinja_node *index = jinja_parse_primary(parser);
        return index ? jinja_parser_pair(parser, NODE_ITEM, OP_NONE, &token, object, index) : NULL;
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
    unsigned a = jinja_parser_deeper(start, stop), b = jinja_parser_deeper(object, step);
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
        index = jinja_parser_items(parser, NODE_TUPLE, &token, &items);
    return index ? jinja_parser_pair(parser, NODE_ITEM, OP_NONE, &token, object, index) : NULL;
}

struct jinja_node *jinja_parse_postfix(struct jinja_parser *parser, struct jinja_node *node)
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
    args->positional = jinja_parse_postfix(parser, jinja_parse_primary(parser));
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

struct jinja_node *jinja_parse_suffixes(struct jinja_parser *parser, struct jinja_node *node)
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
