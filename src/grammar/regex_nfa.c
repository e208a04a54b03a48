/* SPDX-License-Identifier: Apache-2.0 */
/* Syntax tree -> nondeterministic automaton over bytes, built from its end (Thompson's method). */
#include "grammar/grammar_regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct nfa_work {
    struct grammar_builder *builder;
    struct regex_nfa *nfa;
    enum regex_mode mode;
    uint64_t steps;
};

static uint32_t add_state(struct nfa_work *work, struct regex_state state)
{
    struct regex_nfa *nfa = work->nfa;
    if (work->builder->status != OCTET_OK)
        return 0;
    if (nfa->count == nfa->capacity) {
        uint32_t capacity = nfa->capacity ? 2 * nfa->capacity : 256;
        if (capacity > REGEX_STATES_MAX)
            return grammar_fail(work->builder, OCTET_LIMIT,
                                "a regular expression of more than %d states, the most allowed",
                                REGEX_STATES_MAX);
        struct regex_state *states = realloc(nfa->states, capacity * sizeof *states);
        if (!states)
            return grammar_fail_memory(work->builder, "regular expression",
                                       capacity * sizeof *states);
        nfa->states = states;
        nfa->capacity = capacity;
    }
    nfa->states[nfa->count] = state;
    return nfa->count++;
}

static uint32_t add_fork(struct nfa_work *work, uint32_t next, uint32_t second)
{
    return add_state(work,
                     (struct regex_state){.kind = REGEX_FORK, .next = next, .second = second});
}

static uint32_t add_byte(struct nfa_work *work, unsigned first, unsigned last, bool begins,
                         uint32_t next)
{
    return add_state(work, (struct regex_state){.kind = REGEX_BYTE,
                                                .first = (uint8_t)first,
                                                .last = (uint8_t)last,
                                                .begins = begins,
                                                .next = next});
}

/* The ways to spell the characters of a class. */
struct class_ways {
    uint32_t entry; /* a fork over all of them so far */
    bool any;
    uint32_t next;
};

static void add_way(struct nfa_work *work, struct class_ways *ways, uint32_t entry)
{
    ways->entry = ways->any ? add_fork(work, entry, ways->entry) : entry;
    ways->any = true;
}

/*
 * Code points whose UTF-8 has one length, as sequences of byte ranges. A range is cut where its
 * ends differ above the last i bytes and those bytes are not full: at most twice a byte, so the
 * recursion is at most 7 deep.
 */
static void add_utf8(struct nfa_work *work, struct class_ways *ways, uint32_t first, uint32_t last)
{
    char low[4], high[4];
    size_t size = utf8_encode(first, low);
    for (unsigned i = 1; i < size; i++) {
        uint32_t mask = (1u << (6 * i)) - 1;
        if ((first & ~mask) == (last & ~mask))
            continue;
        if (first & mask) {
            add_utf8(work, ways, first, first | mask);
            add_utf8(work, ways, (first | mask) + 1, last);
            return;
        }
        if ((last & mask) != mask) {
            add_utf8(work, ways, first, (last & ~mask) - 1);
            add_utf8(work, ways, last & ~mask, last);
            return;
        }
    }
    utf8_encode(last, high);
    uint32_t entry = ways->next;
    for (size_t i = size; i-- > 0;)
        entry = add_byte(work, (uint8_t)low[i], (uint8_t)high[i], i == 0, entry);
    add_way(work, ways, entry);
}

static void add_range(struct nfa_work *work, struct class_ways *ways, uint32_t first, uint32_t last)
{
    static const uint32_t ends[] = {0x7F, 0x7FF, 0xD7FF, 0xFFFF, 0x10FFFF};
    uint32_t from = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        uint32_t low = first > from ? first : from, high = last < ends[i] ? last : ends[i];
        if (low <= high)
            add_utf8(work, ways, low, high);
        from = ends[i] == 0xD7FF ? 0xE000 : ends[i] + 1;
    }
}

/* A character that JSON writes with a backslash; control characters without a letter as \u00xx. */
static void add_escaped(struct nfa_work *work, struct class_ways *ways, uint32_t code)
{
    static const char letters[] = "\b\f\n\r\t\"\\", written[] = "bfnrt\"\\";
    static const char digits[] = "0123456789abcdef";
    const char *letter = code ? strchr(letters, (char)code) : NULL;
    uint32_t entry = ways->next;
    if (code == 0)
        return;
    if (letter) {
        unsigned as = (uint8_t)written[letter - letters];
        entry = add_byte(work, as, as, false, entry);
    } else {
        const char spelled[] = {'u', '0', '0', digits[code >> 4], digits[code & 15]};
        for (size_t i = sizeof spelled; i-- > 0;)
            entry = add_byte(work, (uint8_t)spelled[i], (uint8_t)spelled[i], false, entry);
    }
    add_way(work, ways, add_byte(work, '\\', '\\', true, entry));
}

static void add_json_range(struct nfa_work *work, struct class_ways *ways, uint32_t first,
                           uint32_t last)
{
    static const struct regex_span plain[] = {
        {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, 0x10FFFF}};
    for (uint32_t code = first; code <= last && code < 0x20; code++)
        add_escaped(work, ways, code);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        uint32_t low = first > plain[i].first ? first : plain[i].first;
        uint32_t high = last < plain[i].last ? last : plain[i].last;
        if (low <= high)
            add_range(work, ways, low, high);
    }
    if (first <= '"' && last >= '"')
        add_escaped(work, ways, '"');
    if (first <= '\\' && last >= '\\')
        add_escaped(work, ways, '\\');
}

/* A class that matches nothing leads to a state that reads nothing: a byte range without bytes. */
static uint32_t build_class(struct nfa_work *work, const struct regex_tree *tree, uint32_t next)
{
    struct class_ways ways = {.next = next};
    for (uint32_t i = 0; i < tree->span_count && work->builder->status == OCTET_OK; i++) {
        if (work->mode == REGEX_JSON_BODY)
            add_json_range(work, &ways, tree->spans[i].first, tree->spans[i].last);
        else
            add_range(work, &ways, tree->spans[i].first, tree->spans[i].last);
    }
    return ways.any ? ways.entry : add_byte(work, 1, 0, true, next);
}

static uint32_t build(struct nfa_work *work, const struct regex_tree *tree, uint32_t next);

static uint32_t build_choice(struct nfa_work *work, const struct regex_tree *tree, uint32_t next)
{
    uint32_t entry = 0;
    for (const struct regex_tree *child = tree->child; child; child = child->sibling) {
        uint32_t way = build(work, child, next);
        entry = child == tree->child ? way : add_fork(work, way, entry);
    }
    return entry;
}

static uint32_t build_repeat(struct nfa_work *work, const struct regex_tree *tree, uint32_t next)
{
    uint32_t entry = next;
    if (tree->max == GRAMMAR_NO_LIMIT) {
        entry = add_fork(work, 0, next);
        uint32_t body = build(work, tree->child, entry);
        if (work->builder->status == OCTET_OK)
            work->nfa->states[entry].next = body;
    } else {
        for (uint32_t i = tree->min; i < tree->max && work->builder->status == OCTET_OK; i++)
            entry = add_fork(work, build(work, tree->child, entry), next);
    }
    for (uint32_t i = 0; i < tree->min && work->builder->status == OCTET_OK; i++)
        entry = build(work, tree->child, entry);
    return entry;
}

/* As deep as the syntax tree, which the parser limits. */
static uint32_t build(struct nfa_work *work, const struct regex_tree *tree, uint32_t next)
{
    if (++work->steps > REGEX_WORK_MAX / 10)
        return grammar_fail(work->builder, OCTET_LIMIT,
                            "a regular expression whose repetitions multiply to more than %d parts",
                            REGEX_WORK_MAX / 10);
    if (work->builder->status != OCTET_OK)
        return 0;
    switch (tree->kind) {
    case REGEX_CLASS:
        return build_class(work, tree, next);
    case REGEX_SEQUENCE:
        for (const struct regex_tree *child = tree->child; child; child = child->sibling)
            next = build(work, child, next);
        return next;
    case REGEX_CHOICE:
        return build_choice(work, tree, next);
    case REGEX_REPEAT:
        return build_repeat(work, tree, next);
    }
    return next;
}

bool regex_nfa_build(struct grammar_builder *builder, const struct regex_tree *tree,
                     enum regex_mode mode, struct regex_nfa *nfa)
{
    struct nfa_work work = {.builder = builder, .nfa = nfa, .mode = mode};
    memset(nfa, 0, sizeof *nfa);
    uint32_t match = add_state(&work, (struct regex_state){.kind = REGEX_MATCH});
    nfa->start = build(&work, tree, match);
    return builder->status == OCTET_OK;
}

void regex_nfa_free(struct regex_nfa *nfa)
{
    free(nfa->states);
    nfa->states = NULL;
}
