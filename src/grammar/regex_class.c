/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of code points in regular expressions: escapes and bracketed classes. */
#include "grammar/regex_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_POINT_MAX 0x10FFFFu

void regex_set_add(struct regex_parser *parser, struct regex_set *set, uint32_t first,
                   uint32_t last)
{
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity ? 2 * set->capacity : 8;
        struct regex_span *spans = realloc(set->spans, capacity * sizeof *spans);
        if (!spans) {
            grammar_fail_memory(parser->builder, "regular expression", capacity * sizeof *spans);
            return;
        }
        set->spans = spans;
        set->capacity = capacity;
    }
    set->spans[set->count++] = (struct regex_span){first, last};
}

void regex_set_free(struct regex_set *set)
{
    free(set->spans);
    set->spans = NULL;
}

static int compare_spans(const void *left, const void *right)
{
    const struct regex_span *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Sorted, disjoint, neighbours joined; returns how many are left. */
static uint32_t normalise(struct regex_span *spans, uint32_t count)
{
    uint32_t kept = 0;
    if (count)
        qsort(spans, count, sizeof *spans, compare_spans);
    for (uint32_t i = 0; i < count; i++) {
        if (kept && spans[i].first <= spans[kept - 1].last + 1) {
            if (spans[i].last > spans[kept - 1].last)
                spans[kept - 1].last = spans[i].last;
        } else {
            spans[kept++] = spans[i];
        }
    }
    return kept;
}

/* Append [first, last] without the surrogates. */
static void put(struct regex_span *out, uint32_t *count, uint32_t first, uint32_t last)
{
    static const struct regex_span planes[] = {{0, 0xD7FF}, {0xE000, CODE_POINT_MAX}};
    for (size_t i = 0; i < 2; i++) {
        uint32_t low = first > planes[i].first ? first : planes[i].first;
        uint32_t high = last < planes[i].last ? last : planes[i].last;
        if (low <= high)
            out[(*count)++] = (struct regex_span){low, high};
    }
}

bool regex_set_finish(struct regex_parser *parser, const struct regex_set *set, bool negated,
                      struct regex_tree *tree)
{
    if (parser->builder->status != OCTET_OK)
        return false;
    uint32_t count = set->count ? normalise(set->spans, set->count) : 0, out = 0;
    struct regex_span *spans = arena_calloc(parser->arena, (size_t)count + 2, 2 * sizeof *spans);
    if (!spans) {
        regex_parser_memory(parser);
        return false;
    }
    uint32_t free_from = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!negated)
            put(spans, &out, set->spans[i].first, set->spans[i].last);
        else if (set->spans[i].first > free_from)
            put(spans, &out, free_from, set->spans[i].first - 1);
        free_from = set->spans[i].last + 1;
    }
    if (negated && free_from <= CODE_POINT_MAX)
        put(spans, &out, free_from, CODE_POINT_MAX);
    tree->spans = spans;
    tree->span_count = out;
    return true;
}

/* \d \w \s and their complements, ASCII. False when letter is none of them. */
static bool add_shorthand(struct regex_parser *parser, struct regex_set *set, char letter)
{
    static const struct regex_span digits[] = {{'0', '9'}};
    static const struct regex_span words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct regex_span spaces[] = {{'\t', '\r'}, {' ', ' '}};
    const struct regex_span *spans;
    size_t count;
    switch (letter | 0x20) {
    case 'd':
        spans = digits;
        count = 1;
        break;
    case 'w':
        spans = words;
        count = 4;
        break;
    case 's':
        spans = spaces;
        count = 2;
        break;
    default:
        return false;
    }
    bool negated = !(letter & 0x20);
    uint32_t free_from = 0;
    for (size_t i = 0; i < count; i++) {
        if (!negated)
            regex_set_add(parser, set, spans[i].first, spans[i].last);
        else if (spans[i].first > free_from)
            regex_set_add(parser, set, free_from, spans[i].first - 1);
        free_from = spans[i].last + 1;
    }
    if (negated)
        regex_set_add(parser, set, free_from, CODE_POINT_MAX);
    return true;
}

static bool parse_hex(struct regex_parser *parser, size_t least, size_t most, uint32_t *code)
{
    size_t digits = 0;
    *code = 0;
    while (digits < most && parser->at < parser->size) {
        const char *all = "0123456789abcdef";
        char letter = parser->pattern[parser->at];
        const char *found =
            letter ? strchr(all, letter >= 'A' && letter <= 'F' ? letter | 0x20 : letter) : NULL;
        if (!found)
            break;
        *code = *code * 16 + (uint32_t)(found - all);
        parser->at++;
        digits++;
    }
    if (digits >= least && *code <= CODE_POINT_MAX)
        return true;
    regex_parser_refuse(parser, OCTET_INPUT, "an escape with too few or too large digits");
    return false;
}

/* Behind "\x" or "\u". */
static bool parse_code(struct regex_parser *parser, char letter, uint32_t *code)
{
    if (!regex_parser_looks_at(parser, "{"))
        return parse_hex(parser, letter == 'x' ? 2 : 4, letter == 'x' ? 2 : 4, code);
    parser->at++;
    if (!parse_hex(parser, 1, 6, code))
        return false;
    if (!regex_parser_looks_at(parser, "}")) {
        regex_parser_refuse(parser, OCTET_INPUT, "an escape without \"}\"");
        return false;
    }
    parser->at++;
    return true;
}

static bool is_letter_or_digit(uint32_t code)
{
    return (code >= '0' && code <= '9') || ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
}

/* An escape that is one character. */
static bool escape_code(struct regex_parser *parser, uint32_t letter, uint32_t *code)
{
    static const char letters[] = "nrtfv0a", values[] = "\n\r\t\f\v\0\a";
    const char *found = letter && letter < 0x80 ? strchr(letters, (char)letter) : NULL;
    if (letter == 'x' || letter == 'u')
        return parse_code(parser, (char)letter, code);
    if (found) {
        *code = (uint32_t)values[found - letters];
        return true;
    }
    if (letter >= 0x80 || !is_letter_or_digit(letter)) {
        *code = letter;
        return true;
    }
    char what[64];
    snprintf(what, sizeof what, "\"\\%c\" is not supported,", (char)letter);
    parser->at -= 2;
    regex_parser_refuse(parser, OCTET_UNSUPPORTED, what);
    return false;
}

/* *single: the escape is one character, *code, and not yet in set. */
static bool parse_escape(struct regex_parser *parser, struct regex_set *set, bool *single,
                         uint32_t *code)
{
    parser->at++;
    if (parser->at >= parser->size) {
        regex_parser_refuse(parser, OCTET_INPUT, "a backslash with nothing behind it");
        return false;
    }
    uint32_t letter = regex_parser_next(parser);
    *single = false;
    if (letter < 0x80 && is_letter_or_digit(letter) && add_shorthand(parser, set, (char)letter))
        return true;
    *single = true;
    return escape_code(parser, letter, code);
}

bool regex_escape_parse(struct regex_parser *parser, struct regex_set *set)
{
    bool single;
    uint32_t code = 0;
    if (!parse_escape(parser, set, &single, &code))
        return false;
    if (single)
        regex_set_add(parser, set, code, code);
    return true;
}

/* One member of a class: a character, or a shorthand (then *single is false). */
static bool parse_member(struct regex_parser *parser, struct regex_set *set, bool *single,
                         uint32_t *code)
{
    if (parser->pattern[parser->at] == '\\') {
        if (regex_parser_looks_at(parser, "\\b")) {
            parser->at += 2;
            *single = true;
            *code = '\b';
            return true;
        }
        return parse_escape(parser, set, single, code);
    }
    if (regex_parser_looks_at(parser, "[:") || regex_parser_looks_at(parser, "[=") ||
        regex_parser_looks_at(parser, "[.")) {
        regex_parser_refuse(parser, OCTET_UNSUPPORTED, "a POSIX class is not supported,");
        return false;
    }
    *single = true;
    *code = regex_parser_next(parser);
    return true;
}

static bool parse_range(struct regex_parser *parser, struct regex_set *set)
{
    bool single, to_single;
    uint32_t first = 0, last = 0;
    if (!parse_member(parser, set, &single, &first))
        return false;
    if (!single)
        return true;
    bool range = regex_parser_looks_at(parser, "-") && parser->at + 1 < parser->size &&
                 parser->pattern[parser->at + 1] != ']';
    if (!range) {
        regex_set_add(parser, set, first, first);
        return true;
    }
    parser->at++;
    if (!parse_member(parser, set, &to_single, &last))
        return false;
    if (!to_single || last < first) {
        regex_parser_refuse(parser, OCTET_INPUT, "a range in a class that does not ascend");
        return false;
    }
    regex_set_add(parser, set, first, last);
    return true;
}

bool regex_class_parse(struct regex_parser *parser, struct regex_set *set, bool *negated)
{
    size_t open = parser->at++;
    *negated = regex_parser_looks_at(parser, "^");
    if (*negated)
        parser->at++;
    for (bool first = true;; first = false) {
        if (parser->at >= parser->size) {
            parser->at = open;
            regex_parser_refuse(parser, OCTET_INPUT, "a class without \"]\", opened");
            return false;
        }
        if (parser->pattern[parser->at] == ']' && !first)
            break;
        if (!parse_range(parser, set))
            return false;
    }
    parser->at++;
    return true;
}
