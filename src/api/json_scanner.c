/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_scanner.h"

#include <string.h>

enum {
    S_VALUE,        /* a value must come */
    S_VALUE_OR_END, /* after '[' */
    S_KEY_OR_END,   /* after '{' */
    S_KEY,          /* after ',' in an object */
    S_COLON,
    S_NEXT, /* after a value in a container */
    S_STRING,
    S_ESCAPE,
    S_HEX,
    S_LITERAL,
    S_MINUS,
    S_ZERO, /* a number may end here and in the next one, S_FRACTION and S_EXPONENT */
    S_INTEGER,
    S_POINT,
    S_FRACTION,
    S_E,
    S_E_SIGN,
    S_EXPONENT,
};

void json_scanner_init(struct json_scanner *scanner)
{
    *scanner = (struct json_scanner){.state = S_VALUE};
}

bool json_scanner_in_string(const struct json_scanner *scanner)
{
    return scanner->state == S_STRING || scanner->state == S_ESCAPE || scanner->state == S_HEX;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool in_object(const struct json_scanner *scanner)
{
    uint32_t at = scanner->depth - 1;
    return scanner->objects[at / 64] >> (at % 64) & 1;
}

static enum json_scan open_container(struct json_scanner *scanner, bool object)
{
    if (scanner->depth == JSON_SCANNER_DEPTH_MAX)
        return JSON_SCAN_BAD;
    uint32_t at = scanner->depth++;
    uint64_t bit = (uint64_t)1 << (at % 64);
    if (object)
        scanner->objects[at / 64] |= bit;
    else
        scanner->objects[at / 64] &= ~bit;
    scanner->state = object ? S_KEY_OR_END : S_VALUE_OR_END;
    return JSON_SCAN_MORE;
}

/* A value is complete with this byte. */
static enum json_scan value_end(struct json_scanner *scanner)
{
    if (scanner->depth == 0)
        return JSON_SCAN_END;
    scanner->state = S_NEXT;
    return JSON_SCAN_MORE;
}

static enum json_scan close_container(struct json_scanner *scanner)
{
    scanner->depth--;
    return value_end(scanner);
}

static enum json_scan go(struct json_scanner *scanner, int state)
{
    scanner->state = (uint8_t)state;
    return JSON_SCAN_MORE;
}

static enum json_scan open_string(struct json_scanner *scanner, bool key)
{
    scanner->key = key;
    return go(scanner, S_STRING);
}

static enum json_scan open_value(struct json_scanner *scanner, char byte)
{
    switch (byte) {
    case '{':
    case '[':
        return open_container(scanner, byte == '{');
    case '"':
        return open_string(scanner, false);
    case '-':
        return go(scanner, S_MINUS);
    case '0':
        return go(scanner, S_ZERO);
    case 't':
    case 'f':
    case 'n':
        scanner->literal = byte == 't' ? "rue" : byte == 'f' ? "alse" : "ull";
        return go(scanner, S_LITERAL);
    default:
        return is_digit(byte) ? go(scanner, S_INTEGER) : JSON_SCAN_BAD;
    }
}

/* Between values: punctuation and the first byte of what comes. */
static enum json_scan structure_byte(struct json_scanner *scanner, char byte)
{
    if (json_space(byte))
        return JSON_SCAN_MORE;
    switch (scanner->state) {
    case S_VALUE_OR_END:
        return byte == ']' ? close_container(scanner) : open_value(scanner, byte);
    case S_VALUE:
        return open_value(scanner, byte);
    case S_KEY_OR_END:
        if (byte == '}')
            return close_container(scanner);
        return byte == '"' ? open_string(scanner, true) : JSON_SCAN_BAD;
    case S_KEY:
        return byte == '"' ? open_string(scanner, true) : JSON_SCAN_BAD;
    case S_COLON:
        return byte == ':' ? go(scanner, S_VALUE) : JSON_SCAN_BAD;
    default: /* S_NEXT */
        if (byte == ',')
            return go(scanner, in_object(scanner) ? S_KEY : S_VALUE);
        return byte == (in_object(scanner) ? '}' : ']') ? close_container(scanner) : JSON_SCAN_BAD;
    }
}

static enum json_scan string_byte(struct json_scanner *scanner, char byte)
{
    switch (scanner->state) {
    case S_ESCAPE:
        if (byte == 'u') {
            scanner->digits = 4;
            return go(scanner, S_HEX);
        }
        if (!byte || !strchr("\"\\/bfnrt", byte))
            return JSON_SCAN_BAD;
        return go(scanner, S_STRING);
    case S_HEX:
        if (!is_hex(byte))
            return JSON_SCAN_BAD;
        return --scanner->digits ? JSON_SCAN_MORE : go(scanner, S_STRING);
    default:
        if (byte == '\\')
            return go(scanner, S_ESCAPE);
        if (byte != '"')
            return JSON_SCAN_MORE;
        return scanner->key ? go(scanner, S_COLON) : value_end(scanner);
    }
}

/* A number has ended before this byte. */
static enum json_scan number_end(struct json_scanner *scanner, char byte)
{
    if (scanner->depth == 0)
        return JSON_SCAN_END_BEFORE;
    scanner->state = S_NEXT;
    return structure_byte(scanner, byte);
}

static enum json_scan number_byte(struct json_scanner *scanner, char byte)
{
    bool digit = is_digit(byte), exponent = byte == 'e' || byte == 'E';
    switch (scanner->state) {
    case S_MINUS:
        return digit ? go(scanner, byte == '0' ? S_ZERO : S_INTEGER) : JSON_SCAN_BAD;
    case S_ZERO:
    case S_INTEGER:
        if (digit)
            return scanner->state == S_ZERO ? JSON_SCAN_BAD : JSON_SCAN_MORE;
        if (byte == '.')
            return go(scanner, S_POINT);
        return exponent ? go(scanner, S_E) : number_end(scanner, byte);
    case S_POINT:
        return digit ? go(scanner, S_FRACTION) : JSON_SCAN_BAD;
    case S_FRACTION:
        if (digit)
            return JSON_SCAN_MORE;
        return exponent ? go(scanner, S_E) : number_end(scanner, byte);
    case S_E:
        if (byte == '+' || byte == '-')
            return go(scanner, S_E_SIGN);
        return digit ? go(scanner, S_EXPONENT) : JSON_SCAN_BAD;
    case S_E_SIGN:
        return digit ? go(scanner, S_EXPONENT) : JSON_SCAN_BAD;
    default: /* S_EXPONENT */
        return digit ? JSON_SCAN_MORE : number_end(scanner, byte);
    }
}

enum json_scan json_scanner_byte(struct json_scanner *scanner, char byte)
{
    if (scanner->state <= S_NEXT)
        return structure_byte(scanner, byte);
    if (scanner->state <= S_HEX)
        return string_byte(scanner, byte);
    if (scanner->state != S_LITERAL)
        return number_byte(scanner, byte);
    if (byte != *scanner->literal)
        return JSON_SCAN_BAD;
    return *++scanner->literal ? JSON_SCAN_MORE : value_end(scanner);
}

char json_scanner_check(const char *text, size_t size)
{
    size_t first = 0;
    while (first < size && json_space(text[first]))
        first++;
    struct json_scanner scanner;
    json_scanner_init(&scanner);
    enum json_scan found = JSON_SCAN_MORE;
    size_t at = first;
    while (at < size && found == JSON_SCAN_MORE)
        found = json_scanner_byte(&scanner, text[at++]);
    if (found == JSON_SCAN_MORE) /* Only a number may end with the text: a space shows it. */
        found = json_scanner_byte(&scanner, ' ');
    else if (found == JSON_SCAN_END_BEFORE)
        at--;
    while (at < size && json_space(text[at]))
        at++;
    bool ended = found == JSON_SCAN_END || found == JSON_SCAN_END_BEFORE;
    return ended && at == size ? text[first] : 0;
}
