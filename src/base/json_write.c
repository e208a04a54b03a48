/* SPDX-License-Identifier: Apache-2.0 */
/* The serialiser: over the accessors only, because jansson's cannot write the shortest reals. */
#include "base/json.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX (2 * JSON_DEPTH_MAX)
#define INDENT_MAX 16
#define DIGITS_MAX 17 /* DBL_DECIMAL_DIG */

/* value = 0.d1d2d3... * 10^(exponent + 1), that is d1.d2d3... * 10^exponent. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count, exponent;
};

/* The correctly rounded value with `count` digits. value is finite and positive. */
static void decimal_round(double value, int count, struct decimal *out)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    out->count = 0;
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            out->digits[out->count++] = *at;
    out->digits[out->count] = '\0';
    out->exponent = (int)strtol(at + 1, NULL, 10);
}

/* One more in the last digit. */
static void decimal_increment(struct decimal *decimal)
{
    int i = decimal->count - 1;
    for (; i >= 0 && decimal->digits[i] == '9'; i--)
        decimal->digits[i] = '0';
    if (i >= 0) {
        decimal->digits[i]++;
        return;
    }
    decimal->digits[0] = '1';
    decimal->exponent++;
}

static bool decimal_reads_back(const struct decimal *decimal, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->exponent - decimal->count + 1);
    return strtod(text, NULL) == value;
}

static void decimal_shortest(double value, struct decimal *out)
{
    /*
     * Up to DBL_DIG digits a normal number has at most one decimal that reads back, so trailing
     * zeros show how short it may be; subnormals are searched from one digit on. Just above a power
     * of two the gap below is half the gap above: there the next decimal up may read back although
     * the nearest does not.
     */
    for (int count = value < DBL_MIN ? 1 : DBL_DIG; count < DIGITS_MAX; count++) {
        decimal_round(value, count, out);
        if (decimal_reads_back(out, value))
            goto trim;
        decimal_increment(out);
        if (decimal_reads_back(out, value))
            goto trim;
    }
    decimal_round(value, DIGITS_MAX, out);
trim:
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->digits[--out->count] = '\0';
}

/* Plain notation for exponents -4 to 15, as Python's repr does. */
static void decimal_print(const struct decimal *decimal, bool negative, char out[32])
{
    const char *sign = negative ? "-" : "", *digits = decimal->digits;
    int exponent = decimal->exponent, count = decimal->count;
    if (exponent < -4 || exponent >= 16)
        snprintf(out, 32, "%s%c%s%se%c%02d", sign, digits[0], count > 1 ? "." : "", digits + 1,
                 exponent < 0 ? '-' : '+', abs(exponent));
    else if (exponent < 0)
        snprintf(out, 32, "%s0.%.*s%s", sign, -exponent - 1, "000", digits);
    else if (count <= exponent + 1)
        snprintf(out, 32, "%s%s%.*s.0", sign, digits, exponent + 1 - count, "000000000000000");
    else
        snprintf(out, 32, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
}

void json_format_real(double value, char out[32])
{
    if (value == 0 || !isfinite(value)) {
        snprintf(out, 32, "%s", !isfinite(value) ? "null" : signbit(value) ? "-0.0" : "0.0");
        return;
    }
    /* The program's locale may want a comma. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = c_locale ? uselocale(c_locale) : (locale_t)0;
    struct decimal decimal;
    decimal_shortest(fabs(value), &decimal);
    decimal_print(&decimal, value < 0, out);
    if (c_locale) {
        uselocale(before);
        freelocale(c_locale);
    }
}

void json_append_string(struct buffer *out, const char *text, size_t size)
{
    buffer_append_char(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        buffer_append(out, text + start, i - start);
        start = i + 1;
        switch (byte) {
        case '"':
            buffer_append_str(out, "\\\"");
            break;
        case '\\':
            buffer_append_str(out, "\\\\");
            break;
        case '\n':
            buffer_append_str(out, "\\n");
            break;
        case '\r':
            buffer_append_str(out, "\\r");
            break;
        case '\t':
            buffer_append_str(out, "\\t");
            break;
        case '\b':
            buffer_append_str(out, "\\b");
            break;
        case '\f':
            buffer_append_str(out, "\\f");
            break;
        default:
            buffer_printf(out, "\\u%04x", byte);
        }
    }
    buffer_append(out, text + start, size - start);
    buffer_append_char(out, '"');
}

static void new_line(int indent, int depth, struct buffer *out)
{
    if (indent <= 0)
        return;
    buffer_append_char(out, '\n');
    for (int i = 0; i < indent * depth; i++)
        buffer_append_char(out, ' ');
}

static void write_value(const struct json *value, int indent, int depth, struct buffer *out);

/* Python's separators: ", " and ": " on one line, a line break after each comma otherwise. */
static void write_separator(bool first, int indent, int depth, struct buffer *out)
{
    if (!first)
        buffer_append_str(out, indent > 0 ? "," : ", ");
    new_line(indent, depth, out);
}

static void write_array(const struct json *value, int indent, int depth, struct buffer *out)
{
    size_t count = json_count(value);
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        write_separator(i == 0, indent, depth + 1, out);
        write_value(json_at(value, i), indent, depth + 1, out);
    }
    if (count)
        new_line(indent, depth, out);
    buffer_append_char(out, ']');
}

static void write_object(const struct json *value, int indent, int depth, struct buffer *out)
{
    bool first = true;
    buffer_append_char(out, '{');
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        write_separator(first, indent, depth + 1, out);
        first = false;
        json_append_string(out, it.key, it.key_length);
        buffer_append_str(out, ": ");
        write_value(it.value, indent, depth + 1, out);
    }
    if (!first)
        new_line(indent, depth, out);
    buffer_append_char(out, '}');
}

static void write_value(const struct json *value, int indent, int depth, struct buffer *out)
{
    char number[32];
    size_t size = 0;
    if (depth > DEPTH_MAX)
        out->failed = true;
    if (buffer_failed(out))
        return;
    switch (json_type(value)) {
    case JSON_NONE:
    case JSON_TYPE_NULL:
        buffer_append_str(out, "null");
        break;
    case JSON_TYPE_BOOL:
        buffer_append_str(out, json_bool(value, false) ? "true" : "false");
        break;
    case JSON_TYPE_INTEGER:
        buffer_printf(out, "%" PRId64, json_integer(value, 0));
        break;
    case JSON_TYPE_BIG_INTEGER:
        buffer_append_str(out, json_text(value));
        break;
    case JSON_TYPE_REAL:
        json_format_real(json_number(value, 0), number);
        buffer_append_str(out, number);
        break;
    case JSON_TYPE_STRING: {
        const char *text = json_string_n(value, &size);
        json_append_string(out, text, size);
        break;
    }
    case JSON_TYPE_ARRAY:
        write_array(value, indent, depth, out);
        break;
    case JSON_TYPE_OBJECT:
        write_object(value, indent, depth, out);
        break;
    }
}

bool json_dump(const struct json *value, int indent, struct buffer *out)
{
    write_value(value, indent > INDENT_MAX ? INDENT_MAX : indent, 0, out);
    return !buffer_failed(out);
}
