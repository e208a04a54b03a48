/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root mode reads template text up to the next tag and decides how much white space the tag
 * eats; the variable and block modes read tokens up to the closing mark.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_lexer.h"
#include "template/jinja_unicode.h"

size_t jinja_space_prefix(const char *text, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t length = 1;
        uint32_t code_point = utf8_decode(text + done, size - done, &length);
        if (code_point == UTF8_INVALID || !jinja_unicode_is(code_point, UNICODE_IS_SPACE))
            break;
        done += length;
    }
    return done;
}

size_t jinja_space_suffix(const char *text, size_t size)
{
    size_t left = size;
    while (left > 0) {
        size_t start = left - 1, length = 1;
        while (start > 0 && ((unsigned char)text[start] & 0xC0) == 0x80)
            start--;
        uint32_t code_point = utf8_decode(text + start, left - start, &length);
        if (code_point == UTF8_INVALID || !jinja_unicode_is(code_point, UNICODE_IS_SPACE))
            break;
        left = start;
    }
    return size - left;
}

octet_status jinja_lexer_fail(struct jinja_lexer *lexer, octet_status status, uint32_t line,
                              uint32_t column, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(lexer->err, status, "%s:%u:%u: %s", lexer->name, line, column, text);
}

octet_status jinja_lexer_init(struct jinja_lexer *lexer, const char *source, size_t size)
{
    if (!utf8_valid(source, size))
        return error_set(lexer->err, OCTET_INPUT, "%s: the template is not valid UTF-8",
                         lexer->name);
    char *copy = arena_alloc(lexer->arena, size + 1);
    if (!copy)
        return error_memory(lexer->err, "chat template", size + 1);
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        if (source[i] == '\r') {
            copy[out++] = '\n';
            if (i + 1 < size && source[i + 1] == '\n')
                i++;
        } else {
            copy[out++] = source[i];
        }
    }
    if (out && copy[out - 1] == '\n')
        out--;
    lexer->source = copy;
    lexer->size = out;
    lexer->position = 0;
    lexer->mode = LEXER_ROOT;
    lexer->line_starting = true;
    lexer->line = lexer->column = 1;
    return OCTET_OK;
}

/* Move the mark to position and give the token its place. */
static void place_token(struct jinja_lexer *lexer, size_t position, struct jinja_token *token)
{
    for (; lexer->mark < position; lexer->mark++) {
        if (lexer->source[lexer->mark] == '\n') {
            lexer->line++;
            lexer->column = 1;
        } else if (((unsigned char)lexer->source[lexer->mark] & 0xC0) != 0x80) {
            lexer->column++;
        }
    }
    token->line = lexer->line;
    token->column = lexer->column;
}

static octet_status fail_at(struct jinja_lexer *lexer, size_t position, const char *message)
{
    struct jinja_token token;
    place_token(lexer, position, &token);
    return jinja_lexer_fail(lexer, OCTET_INPUT, token.line, token.column, "%s", message);
}

static bool starts(const struct jinja_lexer *lexer, size_t position, const char *text)
{
    size_t length = strlen(text);
    return lexer->size - position >= length && !memcmp(lexer->source + position, text, length);
}

static size_t skip_space(const struct jinja_lexer *lexer, size_t position)
{
    return position + jinja_space_prefix(lexer->source + position, lexer->size - position);
}

/*
 * The end of a tag at position: "+%}", "-%}" and white space, or "%}" and one newline when trim is
 * set. 0 when there is none; else the position after it.
 */
static size_t match_end(const struct jinja_lexer *lexer, size_t position, const char *mark,
                        bool trim)
{
    char sign = position < lexer->size ? lexer->source[position] : '\0';
    if (sign == '-' && starts(lexer, position + 1, mark))
        return skip_space(lexer, position + 3);
    if (sign == '+' && trim && starts(lexer, position + 1, mark))
        return position + 3;
    if (!starts(lexer, position, mark))
        return 0;
    position += 2;
    if (trim && position < lexer->size && lexer->source[position] == '\n')
        position++;
    return position;
}

/* "{%- raw %}" or "endraw": the position after its end, 0 when position does not hold one. */
static size_t match_raw(const struct jinja_lexer *lexer, size_t position, const char *word,
                        bool trim)
{
    if (!starts(lexer, position, "{%"))
        return 0;
    position += 2;
    if (position < lexer->size &&
        (lexer->source[position] == '-' || lexer->source[position] == '+'))
        position++;
    position = skip_space(lexer, position);
    if (!starts(lexer, position, word))
        return 0;
    position = skip_space(lexer, position + strlen(word));
    if (!trim && position < lexer->size && lexer->source[position] == '+')
        return 0;
    if (!trim && starts(lexer, position, "%}"))
        return position + 2;
    return match_end(lexer, position, "%}", trim);
}

/* How much of text[0..size) remains before a tag with this sign; variable: lstrip does not apply.
 */
static size_t strip_before_tag(const struct jinja_lexer *lexer, const char *text, size_t size,
                               char sign, bool variable)
{
    if (sign == '-')
        return size - jinja_space_suffix(text, size);
    if (sign == '+' || variable)
        return size;
    size_t line = size;
    while (line > 0 && text[line - 1] != '\n')
        line--;
    if (line == 0 && !lexer->line_starting)
        return size;
    return jinja_space_prefix(text + line, size - line) == size - line ? line : size;
}

static void note_line_start(struct jinja_lexer *lexer)
{
    lexer->line_starting = lexer->position > 0 && lexer->source[lexer->position - 1] == '\n';
}

/* A comment whose text begins at position. */
static octet_status skip_comment(struct jinja_lexer *lexer, size_t start, size_t position)
{
    for (size_t i = position; i + 1 < lexer->size; i++) {
        size_t end = match_end(lexer, i, "#}", true);
        if (end) {
            lexer->position = end;
            note_line_start(lexer);
            return OCTET_OK;
        }
    }
    return fail_at(lexer, start, "Missing end of comment tag");
}

static void data_token(struct jinja_lexer *lexer, size_t start, size_t size,
                       struct jinja_token *token)
{
    place_token(lexer, start, token);
    token->type = TOKEN_DATA;
    token->text = lexer->source + start;
    token->size = size;
}

/* The text between {% raw %} and {% endraw %}, which begins at position. */
static octet_status read_raw(struct jinja_lexer *lexer, size_t start, size_t position,
                             struct jinja_token *token)
{
    lexer->position = position;
    note_line_start(lexer);
    for (size_t i = position; i + 1 < lexer->size; i++) {
        size_t end = lexer->source[i] == '{' ? match_raw(lexer, i, "endraw", true) : 0;
        if (!end)
            continue;
        size_t size = strip_before_tag(lexer, lexer->source + position, i - position,
                                       lexer->source[i + 2], false);
        data_token(lexer, position, size, token);
        lexer->position = end;
        note_line_start(lexer);
        return OCTET_OK;
    }
    return fail_at(lexer, start, "Missing end of raw directive");
}

/* The position of the next tag, lexer->size when there is none. */
static size_t find_tag(const struct jinja_lexer *lexer)
{
    for (size_t i = lexer->position; i + 1 < lexer->size; i++) {
        char next = lexer->source[i + 1];
        if (lexer->source[i] == '{' && (next == '{' || next == '%' || next == '#'))
            return i;
    }
    return lexer->size;
}

/* Text up to the next tag. *done is set when token holds something to hand out. */
static octet_status read_root(struct jinja_lexer *lexer, struct jinja_token *token, bool *done)
{
    size_t start = lexer->position, tag = find_tag(lexer);
    *done = false;
    if (tag == lexer->size) {
        data_token(lexer, start, lexer->size - start, token);
        lexer->position = lexer->size;
        *done = token->size > 0;
        if (!*done) {
            token->type = TOKEN_EOF;
            *done = true;
        }
        return OCTET_OK;
    }
    char kind = lexer->source[tag + 1];
    char sign = tag + 2 < lexer->size ? lexer->source[tag + 2] : '\0';
    size_t after = tag + 2 + (sign == '-' || sign == '+');
    size_t size = strip_before_tag(lexer, lexer->source + start, tag - start, sign, kind == '{');
    if (size) { /* hand out the text now; the tag is read again, with nothing before it */
        data_token(lexer, start, size, token);
        *done = true;
    }
    size_t raw = kind == '%' ? match_raw(lexer, tag, "raw", false) : 0;
    lexer->pending_position = tag;
    lexer->position = after;
    lexer->pending = kind == '#'   ? 'c'
                     : raw         ? 'r'
                     : kind == '%' ? TOKEN_BLOCK_BEGIN
                                   : TOKEN_VARIABLE_BEGIN;
    if (raw)
        lexer->position = raw;
    lexer->line_starting = false;
    return OCTET_OK;
}

/* The tag that read_root found. */
static octet_status read_pending(struct jinja_lexer *lexer, struct jinja_token *token, bool *done)
{
    uint8_t pending = lexer->pending;
    size_t tag = lexer->pending_position;
    lexer->pending = 0;
    *done = false;
    if (pending == 'c')
        return skip_comment(lexer, tag, lexer->position);
    if (pending == 'r') {
        RETURN_IF_ERROR(read_raw(lexer, tag, lexer->position, token));
        *done = token->size > 0;
        return OCTET_OK;
    }
    place_token(lexer, tag, token);
    token->type = pending;
    lexer->mode = pending == TOKEN_BLOCK_BEGIN ? LEXER_BLOCK : LEXER_VARIABLE;
    *done = true;
    return OCTET_OK;
}

static octet_status track_brackets(struct jinja_lexer *lexer, char bracket,
                                   const struct jinja_token *token)
{
    static const char opening[] = "([{", closing[] = ")]}";
    const char *found = strchr(opening, bracket);
    if (found) {
        if (lexer->open_count == JINJA_NESTING_MAX)
            return jinja_lexer_fail(lexer, OCTET_LIMIT, token->line, token->column,
                                    "more than %d open brackets", JINJA_NESTING_MAX);
        lexer->open[lexer->open_count++] = closing[found - opening];
        return OCTET_OK;
    }
    if (!strchr(closing, bracket))
        return OCTET_OK;
    if (!lexer->open_count)
        return jinja_lexer_fail(lexer, OCTET_INPUT, token->line, token->column, "unexpected '%c'",
                                bracket);
    char expected = lexer->open[--lexer->open_count];
    if (expected != bracket)
        return jinja_lexer_fail(lexer, OCTET_INPUT, token->line, token->column,
                                "unexpected '%c', expected '%c'", bracket, expected);
    return OCTET_OK;
}

static octet_status read_operator(struct jinja_lexer *lexer, struct jinja_token *token)
{
    static const char *const pairs[] = {"//", "**", "==", "!=", ">=", "<="};
    const char *text = lexer->source + lexer->position;
    token->type = TOKEN_OPERATOR;
    token->text = text;
    token->size = 0;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (starts(lexer, lexer->position, pairs[i]))
            token->size = 2;
    }
    if (!token->size && text[0] && strchr("+-/*%~[](){}><=.:|,;", text[0]))
        token->size = 1;
    if (!token->size) {
        size_t length = 1;
        utf8_decode(text, lexer->size - lexer->position, &length);
        return jinja_lexer_fail(lexer, OCTET_INPUT, token->line, token->column,
                                "unexpected char '%.*s'", (int)length, text);
    }
    lexer->position += token->size;
    return token->size == 1 ? track_brackets(lexer, text[0], token) : OCTET_OK;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_';
}

/* The length of the string literal at text, 0 when it does not end. */
static size_t match_string(const char *text, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == text[0])
            return i + 1;
    }
    return 0;
}

static octet_status read_tag(struct jinja_lexer *lexer, struct jinja_token *token)
{
    bool block = lexer->mode == LEXER_BLOCK;
    if (!lexer->open_count) {
        size_t end = match_end(lexer, lexer->position, block ? "%}" : "}}", block);
        if (end) {
            place_token(lexer, lexer->position, token);
            token->type = block ? TOKEN_BLOCK_END : TOKEN_VARIABLE_END;
            lexer->position = end;
            lexer->mode = LEXER_ROOT;
            note_line_start(lexer);
            return OCTET_OK;
        }
    }
    const char *text = lexer->source + lexer->position;
    size_t left = lexer->size - lexer->position;
    place_token(lexer, lexer->position, token);
    if (!left) {
        token->type = TOKEN_EOF;
        return OCTET_OK;
    }
    bool after_dot = lexer->position > 0 && text[-1] == '.';
    size_t length = jinja_literal_match_number(text, left, after_dot, &token->is_integer);
    if (length) {
        lexer->position += length;
        return jinja_literal_number(lexer, text, length, token);
    }
    while (length < left && is_name_byte(text[length]))
        length++;
    if (length) {
        token->type = TOKEN_NAME;
        token->text = text;
        token->size = length;
        lexer->position += length;
        return OCTET_OK;
    }
    if (text[0] == '"' || text[0] == '\'') {
        length = match_string(text, left);
        if (!length)
            return fail_at(lexer, lexer->position, "the string does not end");
        lexer->position += length;
        return jinja_literal_string(lexer, text, length, token);
    }
    return read_operator(lexer, token);
}

octet_status jinja_lexer_next(struct jinja_lexer *lexer, struct jinja_token *token)
{
    memset(token, 0, sizeof(*token));
    bool done = false;
    while (!done) {
        if (lexer->pending) {
            RETURN_IF_ERROR(read_pending(lexer, token, &done));
        } else if (lexer->mode == LEXER_ROOT) {
            RETURN_IF_ERROR(read_root(lexer, token, &done));
        } else {
            lexer->position = skip_space(lexer, lexer->position);
            return read_tag(lexer, token);
        }
    }
    return OCTET_OK;
}
