/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number below 1e15 in fixed notation, its whole part in groups of three. */
static bool append_grouped(struct buffer *out, double number, int digits)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%.*f", digits, number);
    if (size < 0 || (size_t)size >= sizeof text)
        return false;
    const char *start = text;
    /* A rounded "-0.00" is a zero. */
    if (text[0] == '-') {
        start++;
        if (strspn(start, "0.") != strlen(start))
            buffer_append_char(out, '-');
    }
    size_t whole = strspn(start, "0123456789");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            buffer_append_char(out, ',');
        buffer_append_char(out, start[i]);
    }
    return buffer_append_str(out, start + whole);
}

static bool append_bytes(struct buffer *out, double number)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (fabs(number) >= 1024.0 && unit + 1 < sizeof units / sizeof units[0]) {
        number /= 1024.0;
        unit++;
    }
    if (fabs(number) >= 1e15)
        return buffer_printf(out, "%.2e %s", number, units[unit]);
    append_grouped(out, number, unit == 0 ? 0 : 2);
    return buffer_printf(out, " %s", units[unit]);
}

/* `digits` significant digits, zeros at the end kept: 0.00120, 12.0, 1,200. */
static bool append_significant(struct buffer *out, double number, int digits)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%.*e", digits - 1, number);
    const char *mark = size > 0 && (size_t)size < sizeof text ? strchr(text, 'e') : NULL;
    if (!mark)
        return false;
    /* The exponent after rounding, so that 9.999 with two digits is 10. */
    int exponent = 0;
    for (const char *c = mark + 2; *c; c++)
        exponent = exponent * 10 + (*c - '0');
    if (mark[1] == '-')
        exponent = -exponent;
    if (number != 0 && (exponent < -4 || exponent >= 9))
        return buffer_append_str(out, text);
    int behind = digits - 1 - exponent;
    return append_grouped(out, number, behind > 0 ? behind : 0);
}

bool report_number_append(struct buffer *out, double number, enum report_format format, int digits)
{
    digits = digits < 0 ? 0 : digits > 15 ? 15 : digits;
    if (isnan(number))
        return buffer_append_str(out, "–");
    if (isinf(number))
        return buffer_append_str(out, number > 0 ? "∞" : "-∞");
    bool huge = fabs(number) >= 1e13;
    switch (format) {
    case REPORT_TEXT:
        return buffer_printf(out, "%.6g", number);
    case REPORT_INTEGER:
        return fabs(number) < 1e15 ? append_grouped(out, number, 0)
                                   : buffer_printf(out, "%.6e", number);
    case REPORT_FIXED:
        return huge ? buffer_printf(out, "%.*e", digits, number)
                    : append_grouped(out, number, digits);
    case REPORT_SIGNIFICANT:
        return append_significant(out, number, digits ? digits : 1);
    case REPORT_SCIENTIFIC:
        return buffer_printf(out, "%.*e", digits, number);
    case REPORT_PERCENT:
        if (huge)
            return buffer_printf(out, "%.*e%%", digits, number * 100);
        append_grouped(out, number * 100, digits);
        return buffer_append_char(out, '%');
    case REPORT_BYTES:
        return append_bytes(out, number);
    }
    return false;
}
