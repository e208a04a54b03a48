/* SPDX-License-Identifier: Apache-2.0 */
/* Operators: Jinja's grammar, one function a level of precedence. */
#include "template/jinja_parser.h"

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
            node =
                jinja_parser_pair(parser, NODE_UNARY, minus ? OP_SUB : OP_ADD, &token, node, NULL);
    } else {
        node = jinja_parse_primary(parser);
    }
    node = jinja_parse_postfix(parser, node);
    if (with_filter)
        node = jinja_parse_suffixes(parser, node);
    jinja_parser_leave(parser);
    return node;
}

static struct jinja_node *parse_pow(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_unary(parser, true);
    while (left && jinja_parser_is_operator(&parser->token, "**")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_unary(parser, true) : NULL;
        left = right ? jinja_parser_pair(parser, NODE_BINARY, OP_POW, &token, left, right) : NULL;
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
        left = right ? jinja_parser_pair(parser, NODE_BINARY, ops[i], &token, left, right) : NULL;
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
    return parser->status ? NULL : jinja_parser_items(parser, NODE_CONCAT, &token, &items);
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
            operand ? jinja_parser_pair(parser, NODE_COMPARE, op, &at, operand, NULL) : NULL;
        if (!wrapped)
            return NULL;
        jinja_node_list_push(&items, wrapped);
    }
    if (parser->status || !items.count)
        return parser->status ? NULL : first;
    return jinja_parser_items(parser, NODE_COMPARE, &token, &items);
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
    return node ? jinja_parser_pair(parser, NODE_UNARY, OP_NOT, &token, node, NULL) : NULL;
}

static struct jinja_node *parse_and(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_not(parser);
    while (left && jinja_parser_is_name(&parser->token, "and")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_not(parser) : NULL;
        left = right ? jinja_parser_pair(parser, NODE_AND, OP_NONE, &token, left, right) : NULL;
    }
    return left;
}

static struct jinja_node *parse_or(struct jinja_parser *parser)
{
    struct jinja_node *left = parse_and(parser);
    while (left && jinja_parser_is_name(&parser->token, "or")) {
        struct jinja_token token = parser->token;
        struct jinja_node *right = jinja_parser_advance(parser) ? parse_and(parser) : NULL;
        left = right ? jinja_parser_pair(parser, NODE_OR, OP_NONE, &token, left, right) : NULL;
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
            unsigned depth = jinja_parser_deeper(test, node);
            cond = jinja_parser_over(parser, cond, no && no->depth > depth ? no->depth : depth);
        }
        node = cond;
    }
    jinja_parser_leave(parser);
    return node;
}
