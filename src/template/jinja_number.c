/* SPDX-License-Identifier: Apache-2.0 */
/* Text to numbers as int() and float() read it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "template/jinja_eval.h"
#include "template/jinja_lexer.h"

/*
 * The text without surrounding white space and without the single underscores that Python allows
 * between digits; false when it is no number for other reasons. out has size + 1 bytes.
 */
static bool plain_number(const struct jinja_string *text, char *out)
{
    const char *data = text->data;
    size_t size = text->size, length = 0;
    size_t lead = jinja_space_prefix(data, size);
    data += lead;
    size -= lead;
    size -= jinja_space_suffix(data, size);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '_') {
            bool between = i > 0 && i + 1 < size && data[i - 1] != '_' && data[i + 1] != '_';
            if (!between)
                return false;
            continue;
        }
        if ((unsigned char)data[i] <= ' ' || (unsigned char)data[i] > '~')
            return false;
        out[length++] = data[i];
    }
    out[length] = '\0';
    return length > 0;
}

/* digits is valid in base; skips what int(text, base) lets stand before the digits. */
static const char *skip_prefix(const char *digits, int *base)
{
    char letter = digits[0] == '0' ? (char)(digits[1] | 0x20) : '\0';
    int named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (named && (*base == 0 || *base == named)) {
        *base = named;
        return digits + 2;
    }
    if (*base == 0)
        *base = 10;
    return digits;
}

static bool all_digits(const char *digits, int base)
{
    if (!*digits)
        return false;
    for (; *digits; digits++) {
        char byte = *digits >= 'A' && *digits <= 'Z' ? (char)(*digits | 0x20) : *digits;
        int value = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'a' && byte <= 'z' ? byte - 'a' + 10
                                                 : 99;
        if (value >= base)
            return false;
    }
    return true;
}

/* An integer beyond 64 bits: its digits without leading zeros. */
static struct jinja_value big_integer(struct jinja_run *run, const char *digits, bool negative)
{
    while (*digits == '0')
        digits++;
    size_t size = strlen(digits);
    char *text = jinja_alloc(run, size + 2);
    if (!text)
        return jinja_error();
    text[0] = '-';
    memcpy(text + negative, digits, size);
    struct jinja_value value = jinja_string_view(run, text, size + negative);
    if (value.kind)
        value.kind = JINJA_BIG;
    return value;
}

bool jinja_parse_int(struct jinja_run *run, const struct jinja_string *text, int base,
                     struct jinja_value *out)
{
    char *plain = jinja_alloc(run, text->size + 1);
    *out = jinja_error();
    if (!plain || !plain_number(text, plain))
        return false;
    bool negative = plain[0] == '-';
    const char *digits = skip_prefix(plain + (negative || plain[0] == '+'), &base);
    if (!all_digits(digits, base))
        return false;
    errno = 0;
    unsigned long long value = strtoull(digits, NULL, base);
    if (errno == 0 && value <= (unsigned long long)INT64_MAX + negative) {
        *out = jinja_int((int64_t)(negative ? 0 - value : value));
        return true;
    }
    if (base == 10)
        *out = big_integer(run, digits, negative);
    else
        jinja_raise(run, "OverflowError", "integers beyond 64 bits are supported in decimal only");
    return out->kind != JINJA_ERROR;
}

bool jinja_parse_float(const struct jinja_string *text, double *out)
{
    char plain[512];
    if (text->size >= sizeof(plain) || !plain_number(text, plain))
        return false;
    const char *digits = plain + (plain[0] == '-' || plain[0] == '+');
    bool word =
        !strcasecmp(digits, "inf") || !strcasecmp(digits, "infinity") || !strcasecmp(digits, "nan");
    if (!word && strspn(digits, "0123456789.eE+-") != strlen(digits))
        return false;
    char *end = NULL;
    *out = strtod(plain, &end);
    return *end == '\0';
}
