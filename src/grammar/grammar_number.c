/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers between bounds. A decimal number is compared with a bound digit by digit: as long as it
 * equals the bound so far it is "tight" and the next digit is bounded too. Positive and negative
 * numbers are two magnitudes; each number of whole digits has its own nodes.
 */
#include "grammar/grammar_builder.h"

#include <string.h>

#define WHOLE_DIGITS 18    /* so that every integer fits 64 bits */
#define FRACTION_DIGITS 17 /* as many as a double can need */

/* A magnitude. */
struct decimal {
    char whole[WHOLE_DIGITS + 1];       /* digits without leading zeros, "0" for none */
    char fraction[FRACTION_DIGITS + 1]; /* without trailing zeros */
    unsigned whole_size, fraction_size;
    bool negative;
    bool huge; /* 10^18 or more */
    bool cut;  /* digits behind the last of fraction are left out */
};

/* Magnitudes from low to high. */
struct magnitudes {
    const struct decimal *low, *high; /* high NULL: no bound */
    bool low_exclusive, high_exclusive;
};

struct number_work {
    struct grammar_builder *builder;
    struct magnitudes range;
    bool integer;
    uint32_t next;
    uint32_t memo[WHOLE_DIGITS + FRACTION_DIGITS + 2][2][2]; /* nodes; 0: not made */
};

/* A digit at `place` of the text "digits.digits" shifted by `exponent`; '0' beyond its ends. */
static void place_digit(struct decimal *out, long place, char digit)
{
    if (place >= WHOLE_DIGITS) {
        out->huge = out->huge || digit != '0';
    } else if (place >= 0) {
        out->whole[WHOLE_DIGITS - 1 - place] = digit;
    } else if (-place <= FRACTION_DIGITS) {
        out->fraction[-place - 1] = digit;
    } else {
        out->cut = out->cut || digit != '0';
    }
}

static void trim(struct decimal *out)
{
    unsigned zeros = 0;
    while (zeros < WHOLE_DIGITS - 1 && out->whole[zeros] == '0')
        zeros++;
    out->whole_size = WHOLE_DIGITS - zeros;
    memmove(out->whole, out->whole + zeros, out->whole_size);
    out->fraction_size = FRACTION_DIGITS;
    while (out->fraction_size && out->fraction[out->fraction_size - 1] == '0')
        out->fraction_size--;
}

/* Text as json_dump writes numbers: -?digits(.digits)?(e[+-]?digits)? */
static void read_decimal(struct decimal *out, const char *text)
{
    memset(out, 0, sizeof *out);
    memset(out->whole, '0', WHOLE_DIGITS);
    memset(out->fraction, '0', FRACTION_DIGITS);
    out->negative = *text == '-';
    text += out->negative;
    size_t mantissa = strspn(text, "0123456789.");
    size_t whole = strcspn(text, ".eE");
    long exponent = 0;
    if (text[mantissa] == 'e' || text[mantissa] == 'E') {
        const char *digit = text + mantissa + 1;
        bool down = *digit == '-';
        digit += *digit == '-' || *digit == '+';
        for (; *digit >= '0' && *digit <= '9' && exponent < 10000; digit++)
            exponent = exponent * 10 + (*digit - '0');
        exponent = down ? -exponent : exponent;
    }
    long place = (long)whole - 1 + exponent;
    for (size_t i = 0; i < mantissa; i++)
        if (text[i] != '.')
            place_digit(out, place--, text[i]);
    trim(out);
}

static bool read_bound(struct grammar_builder *builder, const struct json *value,
                       struct decimal *out)
{
    struct buffer text;
    buffer_init(&text, GRAMMAR_SOURCE_BYTES_MAX + 64);
    bool ok = json_dump(value, 0, &text);
    if (ok)
        read_decimal(out, buffer_text(&text));
    else
        grammar_fail_memory(builder, "a bound of a grammar", text.size);
    buffer_free(&text);
    return ok;
}

static bool is_zero(const struct decimal *value)
{
    return !value->huge && !value->cut && value->whole_size == 1 && value->whole[0] == '0' &&
           value->fraction_size == 0;
}

/* The bound's digit at a place of the text: whole digits first, then those behind the point. */
static char bound_digit(const struct decimal *bound, unsigned place)
{
    if (place < bound->whole_size)
        return bound->whole[place];
    place -= bound->whole_size;
    return place < bound->fraction_size ? bound->fraction[place] : '0';
}

/* Whether all places of the bound from `place` on are zero, so that the number equals it. */
static bool bound_over(const struct decimal *bound, unsigned place)
{
    return place >= bound->whole_size + bound->fraction_size && !bound->cut;
}

static bool may_end(const struct number_work *work, unsigned place, bool tight_low, bool tight_high)
{
    const struct magnitudes *range = &work->range;
    if (tight_low && (!bound_over(range->low, place) || range->low_exclusive))
        return false;
    return !tight_high || !bound_over(range->high, place) || !range->high_exclusive;
}

static uint32_t build_place(struct number_work *work, unsigned whole, unsigned place,
                            bool tight_low, bool tight_high);

/* A digit at `place`, in ranges that lead to the same tightness. */
static uint32_t build_digit(struct number_work *work, unsigned whole, unsigned place,
                            bool tight_low, bool tight_high)
{
    char low = tight_low ? bound_digit(work->range.low, place) : '0';
    char high = tight_high ? bound_digit(work->range.high, place) : '9';
    struct grammar_edge edges[10];
    size_t count = 0;
    if (place == 0 && whole > 1 && low == '0')
        low = '1';
    for (char digit = low; digit <= high; digit++) {
        bool low_next = tight_low && digit == bound_digit(work->range.low, place);
        bool high_next = tight_high && digit == high;
        uint32_t target = build_place(work, whole, place + 1, low_next, high_next);
        if (count && edges[count - 1].target == target)
            edges[count - 1].last = (uint8_t)digit;
        else
            edges[count++] = (struct grammar_edge){(uint8_t)digit, (uint8_t)digit, target};
    }
    return grammar_add_bytes(work->builder, edges, count);
}

/*
 * The node behind `place` digits of a number with `whole` digits before the point. As deep as there
 * are digits, 35 at most.
 */
static uint32_t build_place(struct number_work *work, unsigned whole, unsigned place,
                            bool tight_low, bool tight_high)
{
    uint32_t *memo = &work->memo[place][tight_low][tight_high];
    if (*memo || work->builder->status != OCTET_OK)
        return *memo;
    uint32_t ways[2];
    size_t count = 0;
    bool last = place == whole + FRACTION_DIGITS;
    if (place != whole && !last)
        ways[count++] = build_digit(work, whole, place, tight_low, tight_high);
    if (place == whole && !work->integer)
        ways[count++] = grammar_add_byte(work->builder, '.',
                                         build_digit(work, whole, place, tight_low, tight_high));
    if (place >= whole && may_end(work, place, tight_low, tight_high))
        ways[count++] = work->next;
    *memo = grammar_add_split(work->builder, ways, count);
    return *memo;
}

/* All magnitudes of the range; without any, a node that reads nothing. */
static uint32_t build_range(struct number_work *work)
{
    uint32_t ways[WHOLE_DIGITS];
    size_t count = 0;
    const struct magnitudes *range = &work->range;
    for (unsigned whole = 1; whole <= WHOLE_DIGITS && !range->low->huge; whole++) {
        if (whole < range->low->whole_size || (range->high && whole > range->high->whole_size))
            continue;
        bool tight_low = whole == range->low->whole_size;
        bool tight_high = range->high && whole == range->high->whole_size;
        memset(work->memo, 0, sizeof work->memo);
        ways[count++] = build_digit(work, whole, 0, tight_low, tight_high);
    }
    return count ? grammar_add_split(work->builder, ways, count)
                 : grammar_add_open_bytes(work->builder);
}

uint32_t grammar_add_bounded(struct grammar_builder *builder, const struct grammar_bounds *bounds,
                             uint32_t next)
{
    struct decimal zero, min, max;
    read_decimal(&zero, "0");
    if ((bounds->min && !read_bound(builder, bounds->min, &min)) ||
        (bounds->max && !read_bound(builder, bounds->max, &max)))
        return 0;
    if (bounds->min && is_zero(&min))
        min.negative = false;
    if (bounds->max && is_zero(&max))
        max.negative = false;
    struct number_work work = {.builder = builder, .integer = bounds->integer, .next = next};
    uint32_t ways[2];
    size_t count = 0;
    if (!bounds->max || !max.negative) {
        bool above = bounds->min && !min.negative;
        work.range = (struct magnitudes){.low = above ? &min : &zero,
                                         .high = bounds->max && !max.huge ? &max : NULL,
                                         .low_exclusive = above && bounds->min_exclusive,
                                         .high_exclusive = bounds->max_exclusive};
        ways[count++] = build_range(&work);
    }
    if (!bounds->min || min.negative) {
        bool below = bounds->max && max.negative;
        work.range = (struct magnitudes){.low = below ? &max : &zero,
                                         .high = bounds->min && !min.huge ? &min : NULL,
                                         .low_exclusive = !below || bounds->max_exclusive,
                                         .high_exclusive = bounds->min_exclusive};
        ways[count++] = grammar_add_byte(builder, '-', build_range(&work));
    }
    if (count == 0)
        return grammar_add_open_bytes(builder);
    return grammar_add_split(builder, ways, count);
}
