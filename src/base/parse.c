/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"
#include "base/checked.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C library's conversions skip white space first; here the text must begin at once. */
static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

bool parse_int64(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!is_digit(*digits))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end || errno)
        return false;
    *out = value;
    return true;
}

bool parse_double(const char *text, double *out)
{
    /* Hexadecimal floats, "inf" and "nan" are numbers to strtod and mistakes to people. */
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale)
        return false;
    char *end;
    double value = strtod_l(text, &end, c_locale);
    freelocale(c_locale);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static const struct size_unit {
    const char *suffix;
    uint64_t factor;
} size_units[] = {
    {"", 1},
    {"B", 1},
    {"k", 1000},
    {"kB", 1000},
    {"KB", 1000},
    {"K", (uint64_t)1 << 10},
    {"KiB", (uint64_t)1 << 10},
    {"m", 1000000},
    {"MB", 1000000},
    {"M", (uint64_t)1 << 20},
    {"MiB", (uint64_t)1 << 20},
    {"g", 1000000000},
    {"GB", 1000000000},
    {"G", (uint64_t)1 << 30},
    {"GiB", (uint64_t)1 << 30},
    {"t", 1000000000000},
    {"TB", 1000000000000},
    {"T", (uint64_t)1 << 40},
    {"TiB", (uint64_t)1 << 40},
};

/* Decimal digits into *value; *count says how many there were. False on overflow. */
static bool read_digits(const char **text, uint64_t *value, unsigned *count)
{
    for (*count = 0; is_digit(**text); (*text)++, (*count)++) {
        if (!checked_mul_u64(*value, 10, value) ||
            !checked_add_u64(*value, (uint64_t)(**text - '0'), value))
            return false;
    }
    return true;
}

bool parse_size(const char *text, uint64_t *out)
{
    /* "1.5G" is 15 with one decimal: (15 * factor) / 10, which must come out even. */
    uint64_t value = 0, divisor = 1;
    unsigned count, decimals = 0;
    if (!read_digits(&text, &value, &count) || count == 0)
        return false;
    if (*text == '.') {
        text++;
        if (!read_digits(&text, &value, &decimals) || decimals == 0)
            return false;
        for (; decimals; decimals--)
            if (!checked_mul_u64(divisor, 10, &divisor))
                return false;
    }
    for (size_t i = 0; i < sizeof size_units / sizeof size_units[0]; i++) {
        if (strcmp(text, size_units[i].suffix) != 0)
            continue;
        if (!checked_mul_u64(value, size_units[i].factor, &value) || value % divisor)
            return false;
        *out = value / divisor;
        return true;
    }
    return false;
}

void format_bytes(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(out, 32, "%" PRIu64 " B", bytes);
        return;
    }
    double value = (double)bytes;
    size_t unit = 0;
    /* 999.5 would be printed as 1000 of the unit. */
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000.0;
        unit++;
    }
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(out, 32, "%.*f %s", decimals, value, units[unit]);
}

void format_count(uint64_t value, char out[32])
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value), used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

static int base64_value(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (is_digit(byte))
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

char *base64_decode(const char *text, size_t size, size_t *out_size)
{
    if (size % 4)
        return NULL;
    size_t padding = 0;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    size_t length = size / 4 * 3 - padding, used = 0;
    char *out = malloc(length + 1);
    if (!out)
        return NULL;
    uint32_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        int value = i >= size - padding ? 0 : base64_value(text[i]);
        if (value < 0)
            goto fail;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        /* The bits that the padding hides must be zero: one text for each value. */
        if (i + 1 == size && padding && (bits & (padding == 1 ? 0xFFu : 0xFFFFu)))
            goto fail;
        for (int shift = 16; shift >= 0 && used < length; shift -= 8)
            out[used++] = (char)(bits >> shift & 0xFF);
        bits = 0;
    }
    out[length] = '\0';
    *out_size = length;
    return out;
fail:
    free(out);
    return NULL;
}
