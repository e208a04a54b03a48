/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's tools: tokens, names, nodes, failure, depth. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "template/jinja_parser.h"

void *jinja_parser_fail(struct jinja_parser *parser, const struct jinja_token *token,
                        const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (parser->status == OCTET_OK)
        parser->status =
            jinja_lexer_fail(&parser->lexer, OCTET_INPUT, token->line, token->column, "%s", text);
    return NULL;
}

bool jinja_parser_advance(struct jinja_parser *parser)
{
    if (parser->status != OCTET_OK)
        return false;
    if (parser->has_ahead) {
        parser->token = parser->ahead;
        parser->has_ahead = false;
        return true;
    }
    parser->status = jinja_lexer_next(&parser->lexer, &parser->token);
    return parser->status == OCTET_OK;
}

struct jinja_token *jinja_parser_look(struct jinja_parser *parser)
{
    if (!parser->has_ahead && parser->status == OCTET_OK) {
        parser->status = jinja_lexer_next(&parser->lexer, &parser->ahead);
        parser->has_ahead = parser->status == OCTET_OK;
    }
    return parser->has_ahead ? &parser->ahead : NULL;
}

bool jinja_parser_is_name(const struct jinja_token *token, const char *name)
{
    return token->type == TOKEN_NAME && token->size == strlen(name) &&
           !memcmp(token->text, name, token->size);
}

bool jinja_parser_is_operator(const struct jinja_token *token, const char *text)
{
    return token->type == TOKEN_OPERATOR && token->size == strlen(text) &&
           !memcmp(token->text, text, token->size);
}

bool jinja_parser_skip_name(struct jinja_parser *parser, const char *name)
{
    return jinja_parser_is_name(&parser->token, name) && jinja_parser_advance(parser);
}

bool jinja_parser_skip_operator(struct jinja_parser *parser, const char *text)
{
    return jinja_parser_is_operator(&parser->token, text) && jinja_parser_advance(parser);
}

void jinja_parser_describe(const struct jinja_token *token, char *out, size_t size)
{
    static const char *const texts[] = {
        [TOKEN_EOF] = "end of template",
        [TOKEN_DATA] = "template data / text",
        [TOKEN_VARIABLE_BEGIN] = "begin of print statement",
        [TOKEN_VARIABLE_END] = "end of print statement",
        [TOKEN_BLOCK_BEGIN] = "begin of statement block",
        [TOKEN_BLOCK_END] = "end of statement block",
        [TOKEN_STRING] = "string",
        [TOKEN_NUMBER] = "number",
    };
    if (token->type == TOKEN_NAME || token->type == TOKEN_OPERATOR)
        snprintf(out, size, "%.*s", (int)(token->size < 60 ? token->size : 60), token->text);
    else
        snprintf(out, size, "%s", texts[token->type]);
}

bool jinja_parser_expect_operator(struct jinja_parser *parser, const char *text)
{
    char found[64];
    if (parser->status != OCTET_OK)
        return false;
    if (jinja_parser_is_operator(&parser->token, text))
        return jinja_parser_advance(parser);
    jinja_parser_describe(&parser->token, found, sizeof(found));
    jinja_parser_fail(parser, &parser->token, "expected token '%s', got '%s'", text, found);
    return false;
}

struct jinja_name *jinja_parser_expect_name(struct jinja_parser *parser)
{
    char found[64];
    struct jinja_token token = parser->token;
    if (parser->status != OCTET_OK)
        return NULL;
    if (token.type != TOKEN_NAME) {
        jinja_parser_describe(&token, found, sizeof(found));
        return jinja_parser_fail(parser, &token, "expected a name, got '%s'", found);
    }
    return jinja_parser_advance(parser) ? jinja_parser_intern(parser, token.text, token.size)
                                        : NULL;
}

bool jinja_parser_enter(struct jinja_parser *parser)
{
    if (parser->status != OCTET_OK)
        return false;
    /* One nested expression passes here up to three times: parentheses, expression, operand. */
    if (parser->depth++ < 3 * JINJA_NESTING_MAX)
        return true;
    parser->status =
        jinja_lexer_fail(&parser->lexer, OCTET_LIMIT, parser->token.line, parser->token.column,
                         "nested deeper than %d levels", JINJA_NESTING_MAX);
    return false;
}

void jinja_parser_leave(struct jinja_parser *parser)
{
    parser->depth--;
}

struct jinja_name *jinja_parser_intern(struct jinja_parser *parser, const char *text, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    struct jinja_name **bucket =
        &parser->buckets[hash % (sizeof(parser->buckets) / sizeof(parser->buckets[0]))];
    for (struct jinja_name *name = *bucket; name; name = name->next) {
        if (name->string.size == size && !memcmp(name->string.data, text, size))
            return name;
    }
    struct jinja_name *name = arena_alloc(parser->arena, sizeof(*name));
    char *copy = arena_strndup(parser->arena, text, size);
    if (!name || !copy) {
        if (parser->status == OCTET_OK)
            parser->status = error_memory(parser->err, "chat template", sizeof(*name) + size);
        return NULL;
    }
    name->string = (struct jinja_string){copy, size, jinja_count_chars(copy, size), NULL};
    name->next = *bucket;
    *bucket = name;
    return name;
}

struct jinja_node *jinja_parser_node(struct jinja_parser *parser, enum jinja_node_kind kind,
                                     const struct jinja_token *token)
{
    struct jinja_node *node = arena_alloc(parser->arena, sizeof(*node));
    if (!node) {
        if (parser->status == OCTET_OK)
            parser->status = error_memory(parser->err, "chat template", sizeof(*node));
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->depth = 1;
    node->line = token->line;
    node->column = token->column;
    return node;
}

void jinja_node_list_push(struct jinja_node_list *list, struct jinja_node *node)
{
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
    list->count++;
    if (node->depth > list->depth)
        list->depth = node->depth;
}

struct jinja_node *jinja_parser_over(struct jinja_parser *parser, struct jinja_node *node,
                                     unsigned depth)
{
    if (depth >= JINJA_TREE_DEPTH_MAX) {
        if (parser->status == OCTET_OK)
            parser->status = jinja_lexer_fail(&parser->lexer, OCTET_LIMIT, node->line, node->column,
                                              "nested deeper than %d levels", JINJA_TREE_DEPTH_MAX);
        return NULL;
    }
    node->depth = (uint16_t)(depth + 1);
    return node;
}
