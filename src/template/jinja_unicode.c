/* SPDX-License-Identifier: Apache-2.0 */
#include "template/jinja_unicode.h"

struct unicode_range {
    uint32_t start;
    uint16_t flags;
};

/* Every stride-th code point of [start, end] maps to itself plus delta. */
struct unicode_run {
    uint32_t start, end;
    uint8_t stride;
    int32_t delta;
};

struct unicode_special {
    uint32_t code_point;
    uint32_t to[3]; /* 0: unused */
};

#include "template/jinja_unicode_table.h"

_Static_assert(UNICODE_ALPHA == 1 << UNICODE_IS_ALPHA, "the table and the classes must agree");
_Static_assert(UNICODE_WORD == 1 << UNICODE_IS_WORD, "the table and the classes must agree");

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint16_t unicode_flags(uint32_t code_point)
{
    size_t low = 0, high = COUNT(unicode_ranges);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (unicode_ranges[middle].start <= code_point)
            low = middle;
        else
            high = middle;
    }
    return unicode_ranges[low].flags;
}

bool jinja_unicode_is(uint32_t code_point, enum unicode_class what)
{
    return (unicode_flags(code_point) >> what) & 1;
}

bool jinja_unicode_is_cased(uint32_t code_point)
{
    return (unicode_flags(code_point) & (UNICODE_UPPER | UNICODE_LOWER | UNICODE_TITLE)) != 0;
}

static size_t find_special(const struct unicode_special *table, size_t count, uint32_t code_point,
                           uint32_t out[3])
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].code_point != code_point)
            continue;
        size_t n = 0;
        while (n < 3 && table[i].to[n]) {
            out[n] = table[i].to[n];
            n++;
        }
        return n;
    }
    return 0;
}

static size_t find_run(const struct unicode_run *table, size_t count, uint32_t code_point,
                       uint32_t out[3])
{
    for (size_t i = 0; i < count && table[i].start <= code_point; i++) {
        if (code_point > table[i].end || (code_point - table[i].start) % table[i].stride)
            continue;
        out[0] = (uint32_t)((int32_t)code_point + table[i].delta);
        return 1;
    }
    return 0;
}

size_t jinja_unicode_map(uint32_t code_point, enum unicode_case to, uint32_t out[3])
{
    size_t n = 0;
    if (to == UNICODE_TO_TITLE) {
        n = find_special(title_specials, COUNT(title_specials), code_point, out);
        if (!n)
            n = find_run(title_runs, COUNT(title_runs), code_point, out);
    }
    if (!n && to == UNICODE_TO_LOWER) {
        n = find_special(lower_specials, COUNT(lower_specials), code_point, out);
        if (!n)
            n = find_run(lower_runs, COUNT(lower_runs), code_point, out);
    } else if (!n) {
        n = find_special(upper_specials, COUNT(upper_specials), code_point, out);
        if (!n)
            n = find_run(upper_runs, COUNT(upper_runs), code_point, out);
    }
    if (!n) {
        out[0] = code_point;
        n = 1;
    }
    return n;
}
