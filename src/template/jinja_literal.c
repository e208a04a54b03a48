/* SPDX-License-Identifier: Apache-2.0 */
/* Literals: numbers as Jinja's lexer matches them, strings with Python's escapes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_lexer.h"

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int digit_value(char byte)
{
    if (is_digit(byte))
        return byte - '0';
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 99;
}

/* Digits below base with single underscores between (and, with lead, before) them. */
static size_t match_digits(const char *text, size_t size, int base, bool lead)
{
    size_t length = 0;
    while (length < size) {
        size_t at = length;
        if (text[at] == '_' && (length || lead) && at + 1 < size)
            at++;
        if (digit_value(text[at]) >= base)
            break;
        length = at + 1;
    }
    return length;
}

/* An exponent: its length, 0 when there is none. */
static size_t match_exponent(const char *text, size_t size)
{
    if (size < 2 || (text[0] | 0x20) != 'e')
        return 0;
    size_t start = text[1] == '+' || text[1] == '-' ? 2 : 1;
    size_t digits = match_digits(text + start, size - start, 10, false);
    return digits ? start + digits : 0;
}

size_t jinja_literal_match_number(const char *text, size_t size, bool after_dot, bool *is_integer)
{
    if (!size || !is_digit(text[0]))
        return 0;
    *is_integer = false;
    size_t length = match_digits(text, size, 10, false);
    if (!after_dot) {
        size_t fraction = 0;
        if (length < size && text[length] == '.')
            fraction = match_digits(text + length + 1, size - length - 1, 10, false);
        if (fraction)
            fraction++;
        size_t exponent = match_exponent(text + length + fraction, size - length - fraction);
        if (fraction || exponent)
            return length + fraction + exponent;
    }
    *is_integer = true;
    if (text[0] != '0')
        return length;
    static const struct {
        char letter;
        int base;
    } bases[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    for (size_t i = 0; size > 2 && i < 3; i++) {
        size_t digits = (text[1] | 0x20) == bases[i].letter
                            ? match_digits(text + 2, size - 2, bases[i].base, true)
                            : 0;
        if (digits)
            return digits + 2;
    }
    return match_digits(text, size, 1, false);
}

/* The digits without their underscores, NUL-terminated. */
static char *plain_digits(struct jinja_lexer *lexer, const char *text, size_t size)
{
    char *digits = arena_alloc(lexer->arena, size + 1);
    size_t out = 0;
    for (size_t i = 0; digits && i < size; i++) {
        if (text[i] != '_')
            digits[out++] = text[i];
    }
    return digits;
}

octet_status jinja_literal_number(struct jinja_lexer *lexer, const char *text, size_t size,
                                  struct jinja_token *token)
{
    token->type = TOKEN_NUMBER;
    char *digits = plain_digits(lexer, text, size);
    if (!digits)
        return error_memory(lexer->err, "chat template", size);
    if (!token->is_integer) {
        token->value = jinja_float(strtod(digits, NULL));
        return OCTET_OK;
    }
    int base = 10;
    if (digits[0] == '0' && digits[1]) {
        char letter = (char)(digits[1] | 0x20);
        base = letter == 'b' ? 2 : letter == 'o' ? 8 : letter == 'x' ? 16 : 10;
    }
    errno = 0;
    long long value = strtoll(base == 10 ? digits : digits + 2, NULL, base);
    if (errno == 0) {
        token->value = jinja_int(value);
        return OCTET_OK;
    }
    if (base != 10)
        return jinja_lexer_fail(lexer, OCTET_INPUT, token->line, token->column,
                                "integers beyond 64 bits are supported in decimal only");
    struct jinja_string *string = arena_alloc(lexer->arena, sizeof(*string));
    if (!string)
        return error_memory(lexer->err, "chat template", sizeof(*string));
    string->data = digits;
    string->size = string->chars = strlen(digits);
    token->value = (struct jinja_value){.kind = JINJA_BIG, .as.string = string};
    return OCTET_OK;
}

/* What an escape came to. */
struct escape {
    uint32_t code_point;
    size_t length;     /* of the source, backslash included */
    const char *error; /* NULL: fine */
};

static struct escape hex_escape(const char *text, size_t size, size_t digits)
{
    struct escape escape = {0, digits + 2, NULL};
    for (size_t i = 0; i < digits; i++) {
        if (i + 2 >= size || digit_value(text[i + 2]) > 15) {
            escape.error = digits == 2   ? "truncated \\xXX escape"
                           : digits == 4 ? "truncated \\uXXXX escape"
                                         : "truncated \\UXXXXXXXX escape";
            return escape;
        }
        escape.code_point = escape.code_point << 4 | (uint32_t)digit_value(text[i + 2]);
    }
    if (escape.code_point > 0x10FFFF)
        escape.error = "illegal Unicode character";
    else if (escape.code_point >= 0xD800 && escape.code_point <= 0xDFFF)
        escape.error = "a surrogate is not a character";
    return escape;
}

/* The escape at text, which begins with a backslash and has a byte after it. */
static struct escape read_escape(const char *text, size_t size)
{
    static const char letters[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    char letter = text[1];
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (found)
        return (struct escape){(uint32_t)values[found - letters], 2, NULL};
    if (letter == 'x' || letter == 'u' || letter == 'U')
        return hex_escape(text, size, letter == 'x' ? 2 : letter == 'u' ? 4 : 8);
    if (letter == 'N')
        return (struct escape){0, 2, "\\N{...} escapes are not supported"};
    if (letter >= '0' && letter <= '7') {
        struct escape escape = {0, 1, NULL};
        while (escape.length < 4 && escape.length < size && text[escape.length] >= '0' &&
               text[escape.length] <= '7')
            escape.code_point = escape.code_point * 8 + (uint32_t)(text[escape.length++] - '0');
        return escape;
    }
    return (struct escape){'\\', 1, NULL}; /* no escape: the backslash stays */
}

octet_status jinja_literal_string(struct jinja_lexer *lexer, const char *text, size_t size,
                                  struct jinja_token *token)
{
    token->type = TOKEN_STRING;
    char *out = arena_alloc(lexer->arena, size + 1);
    struct jinja_string *string = arena_alloc(lexer->arena, sizeof(*string));
    if (!out || !string)
        return error_memory(lexer->err, "chat template", size);
    size_t length = 0;
    for (size_t i = 1; i + 1 < size;) {
        if (text[i] != '\\') {
            out[length++] = text[i++];
            continue;
        }
        if (text[i + 1] == '\n') {
            i += 2;
            continue;
        }
        struct escape escape = read_escape(text + i, size - 1 - i);
        if (escape.error)
            return jinja_lexer_fail(lexer, OCTET_INPUT, token->line, token->column, "%s",
                                    escape.error);
        /* The text of an escape is never shorter than its UTF-8, so out has room. */
        length += utf8_encode(escape.code_point, out + length);
        i += escape.length;
    }
    string->data = out;
    string->size = length;
    string->chars = jinja_count_chars(out, length);
    token->value = jinja_from_string(string);
    return OCTET_OK;
}
