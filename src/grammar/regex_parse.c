/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern -> syntax tree: recursive descent, groups nested to a fixed depth. */
#include "grammar/regex_parse.h"

#include <string.h>

#include "base/utf8.h"

static struct regex_tree *parse_choice(struct regex_parser *parser, unsigned depth);

static struct regex_tree *new_tree(struct regex_parser *parser, enum regex_kind kind)
{
    struct regex_tree *tree = arena_alloc(parser->arena, sizeof *tree);
    if (!tree) {
        regex_parser_memory(parser);
        return NULL;
    }
    tree->kind = kind;
    return tree;
}

void regex_parser_memory(struct regex_parser *parser)
{
    if (parser->arena->used + 4096 > parser->arena->limit)
        grammar_fail(parser->builder, OCTET_LIMIT,
                     "regular expression: its syntax tree needs more than %u MiB, the most allowed",
                     REGEX_MEMORY_MAX >> 20);
    else
        grammar_fail_memory(parser->builder, "regular expression", sizeof(struct regex_tree));
}

void regex_parser_refuse(struct regex_parser *parser, octet_status status, const char *what)
{
    grammar_fail(parser->builder, status, "regular expression: %s at byte %zu", what, parser->at);
}

bool regex_parser_looks_at(const struct regex_parser *parser, const char *text)
{
    size_t size = strlen(text);
    return parser->size - parser->at >= size &&
           memcmp(parser->pattern + parser->at, text, size) == 0;
}

uint32_t regex_parser_next(struct regex_parser *parser)
{
    size_t length;
    uint32_t code = utf8_decode(parser->pattern + parser->at, parser->size - parser->at, &length);
    parser->at += length;
    return code;
}

static struct regex_tree *new_class(struct regex_parser *parser, const struct regex_set *set,
                                    bool negated)
{
    struct regex_tree *tree = new_tree(parser, REGEX_CLASS);
    if (tree && !regex_set_finish(parser, set, negated, tree))
        return NULL;
    return tree;
}

/* "." is any character but the ends of lines that some dialect knows. */
static struct regex_tree *parse_dot(struct regex_parser *parser)
{
    struct regex_set set = {.count = 0};
    parser->at++;
    regex_set_add(parser, &set, '\n', '\n');
    regex_set_add(parser, &set, '\r', '\r');
    regex_set_add(parser, &set, 0x2028, 0x2029);
    struct regex_tree *tree = new_class(parser, &set, true);
    regex_set_free(&set);
    return tree;
}

static bool skip_group_name(struct regex_parser *parser, size_t prefix)
{
    const char *start = parser->pattern + parser->at + prefix;
    const char *close = memchr(start, '>', parser->size - parser->at - prefix);
    if (!close || close == start) {
        regex_parser_refuse(parser, OCTET_INPUT, "a group's name without an end");
        return false;
    }
    parser->at = (size_t)(close - parser->pattern) + 1;
    return true;
}

/* Behind "(": what kind of group. */
static bool parse_group_kind(struct regex_parser *parser)
{
    if (!regex_parser_looks_at(parser, "?"))
        return true;
    if (regex_parser_looks_at(parser, "?:")) {
        parser->at += 2;
        return true;
    }
    if (regex_parser_looks_at(parser, "?=") || regex_parser_looks_at(parser, "?!") ||
        regex_parser_looks_at(parser, "?<=") || regex_parser_looks_at(parser, "?<!")) {
        regex_parser_refuse(parser, OCTET_UNSUPPORTED, "look-around is not supported,");
        return false;
    }
    if (regex_parser_looks_at(parser, "?P<"))
        return skip_group_name(parser, 3);
    if (regex_parser_looks_at(parser, "?<"))
        return skip_group_name(parser, 2);
    regex_parser_refuse(parser, OCTET_UNSUPPORTED,
                        "a group that begins with \"(?\" and is not (?:, (?<name> or (?P<name> is "
                        "not supported,");
    return false;
}

static struct regex_tree *parse_group(struct regex_parser *parser, unsigned depth)
{
    size_t open = parser->at++;
    if (depth >= REGEX_GROUP_DEPTH_MAX) {
        grammar_fail(parser->builder, OCTET_LIMIT,
                     "regular expression: groups are nested deeper than %d", REGEX_GROUP_DEPTH_MAX);
        return NULL;
    }
    if (!parse_group_kind(parser))
        return NULL;
    struct regex_tree *tree = parse_choice(parser, depth + 1);
    if (!tree)
        return NULL;
    if (!regex_parser_looks_at(parser, ")")) {
        parser->at = open;
        regex_parser_refuse(parser, OCTET_INPUT, "a group without \")\", opened");
        return NULL;
    }
    parser->at++;
    return tree;
}

static struct regex_tree *parse_literal(struct regex_parser *parser)
{
    struct regex_set set = {.count = 0};
    uint32_t code = regex_parser_next(parser);
    regex_set_add(parser, &set, code, code);
    struct regex_tree *tree = new_class(parser, &set, false);
    regex_set_free(&set);
    return tree;
}

static struct regex_tree *parse_class_or_escape(struct regex_parser *parser)
{
    struct regex_set set = {.count = 0};
    bool negated = false;
    struct regex_tree *tree = NULL;
    bool ok = parser->pattern[parser->at] == '[' ? regex_class_parse(parser, &set, &negated)
                                                 : regex_escape_parse(parser, &set);
    if (ok)
        tree = new_class(parser, &set, negated);
    regex_set_free(&set);
    return tree;
}

static struct regex_tree *parse_atom(struct regex_parser *parser, unsigned depth)
{
    switch (parser->pattern[parser->at]) {
    case '(':
        return parse_group(parser, depth);
    case '.':
        return parse_dot(parser);
    case '[':
    case '\\':
        return parse_class_or_escape(parser);
    case '*':
    case '+':
    case '?':
        regex_parser_refuse(parser, OCTET_INPUT, "a quantifier with nothing before it");
        return NULL;
    case '^':
    case '$':
        regex_parser_refuse(parser, OCTET_UNSUPPORTED,
                            "an anchor that is not at the beginning or end of a top-level "
                            "alternative is not supported,");
        return NULL;
    default:
        return parse_literal(parser);
    }
}

static bool parse_number(struct regex_parser *parser, size_t *at, uint32_t *value)
{
    size_t begin = *at;
    *value = 0;
    while (*at < parser->size && parser->pattern[*at] >= '0' && parser->pattern[*at] <= '9') {
        *value = *value * 10 + (uint32_t)(parser->pattern[(*at)++] - '0');
        if (*value > REGEX_REPEAT_MAX)
            *value = REGEX_REPEAT_MAX + 1;
    }
    return *at > begin;
}

/* {m}, {m,}, {m,n} or {,n}; anything else that begins with "{" is literal text, as in Python. */
static bool parse_braces(struct regex_parser *parser, uint32_t *min, uint32_t *max)
{
    size_t at = parser->at + 1;
    bool has_min = parse_number(parser, &at, min);
    *max = *min;
    if (at < parser->size && parser->pattern[at] == ',') {
        at++;
        if (!parse_number(parser, &at, max)) {
            if (!has_min)
                return false;
            *max = GRAMMAR_NO_LIMIT;
        }
    } else if (!has_min) {
        return false;
    }
    if (at >= parser->size || parser->pattern[at] != '}')
        return false;
    parser->at = at + 1;
    return true;
}

static bool parse_bounds(struct regex_parser *parser, uint32_t *min, uint32_t *max)
{
    *min = 0;
    *max = GRAMMAR_NO_LIMIT;
    switch (parser->at < parser->size ? parser->pattern[parser->at] : '\0') {
    case '*':
        break;
    case '+':
        *min = 1;
        break;
    case '?':
        *max = 1;
        break;
    case '{':
        return parse_braces(parser, min, max);
    default:
        return false;
    }
    parser->at++;
    return true;
}

/* An atom and its quantifier. "*?" and its like match the same texts as "*". */
static struct regex_tree *parse_piece(struct regex_parser *parser, unsigned depth)
{
    uint32_t min, max;
    struct regex_tree *atom = parse_atom(parser, depth);
    if (!atom || !parse_bounds(parser, &min, &max))
        return atom;
    if (min > REGEX_REPEAT_MAX || (max > REGEX_REPEAT_MAX && max != GRAMMAR_NO_LIMIT)) {
        grammar_fail(parser->builder, OCTET_LIMIT,
                     "regular expression: a repetition of more than %d", REGEX_REPEAT_MAX);
        return NULL;
    }
    if (min > max) {
        regex_parser_refuse(parser, OCTET_INPUT,
                            "a repetition whose minimum is above its maximum,");
        return NULL;
    }
    if (regex_parser_looks_at(parser, "?"))
        parser->at++;
    if (regex_parser_looks_at(parser, "+")) {
        regex_parser_refuse(parser, OCTET_UNSUPPORTED, "a possessive quantifier is not supported,");
        return NULL;
    }
    if (regex_parser_looks_at(parser, "*") || regex_parser_looks_at(parser, "?")) {
        regex_parser_refuse(parser, OCTET_INPUT, "a quantifier behind a quantifier");
        return NULL;
    }
    struct regex_tree *tree = new_tree(parser, REGEX_REPEAT);
    if (!tree)
        return NULL;
    tree->child = atom;
    tree->min = min;
    tree->max = max;
    return tree;
}

/* Any text at all, for the sides of a pattern that no anchor holds. */
static struct regex_tree *new_anything(struct regex_parser *parser)
{
    struct regex_set set = {.count = 0};
    struct regex_tree *tree = new_tree(parser, REGEX_REPEAT);
    struct regex_tree *any = new_class(parser, &set, true);
    regex_set_free(&set);
    if (!tree || !any)
        return NULL;
    tree->max = GRAMMAR_NO_LIMIT;
    tree->child = any;
    return tree;
}

static bool at_end_of_sequence(const struct regex_parser *parser)
{
    return parser->at >= parser->size || parser->pattern[parser->at] == '|' ||
           parser->pattern[parser->at] == ')';
}

/* "$" or "\Z" as the last thing of an alternative. */
static bool at_final_anchor(const struct regex_parser *parser)
{
    struct regex_parser behind = *parser;
    if (regex_parser_looks_at(parser, "$"))
        behind.at += 1;
    else if (regex_parser_looks_at(parser, "\\Z") || regex_parser_looks_at(parser, "\\z"))
        behind.at += 2;
    else
        return false;
    return at_end_of_sequence(&behind);
}

static bool skip_anchor(struct regex_parser *parser, const char *sign, const char *name)
{
    const char *found = regex_parser_looks_at(parser, sign)   ? sign
                        : regex_parser_looks_at(parser, name) ? name
                                                              : NULL;
    if (found)
        parser->at += strlen(found);
    return found != NULL;
}

/* A sequence's children are kept from the last to the first: see regex_tree. */
static bool prepend(struct regex_tree *sequence, struct regex_tree *piece)
{
    if (!piece)
        return false;
    piece->sibling = sequence->child;
    sequence->child = piece;
    return true;
}

/* One alternative. At the top level it may begin with ^ and end in $. */
static struct regex_tree *parse_sequence(struct regex_parser *parser, unsigned depth)
{
    struct regex_tree *sequence = new_tree(parser, REGEX_SEQUENCE);
    if (!sequence)
        return NULL;
    bool top = depth == 0;
    bool held = top && skip_anchor(parser, "^", "\\A");
    if (top && parser->search && !held && !prepend(sequence, new_anything(parser)))
        return NULL;
    while (!at_end_of_sequence(parser) && !(top && at_final_anchor(parser)))
        if (!prepend(sequence, parse_piece(parser, depth)))
            return NULL;
    held = !at_end_of_sequence(parser);
    if (held)
        parser->at += parser->pattern[parser->at] == '$' ? 1 : 2;
    else if (top && parser->search && !prepend(sequence, new_anything(parser)))
        return NULL;
    return sequence;
}

static struct regex_tree *parse_choice(struct regex_parser *parser, unsigned depth)
{
    struct regex_tree *choice = new_tree(parser, REGEX_CHOICE);
    struct regex_tree **tail = choice ? &choice->child : NULL;
    if (!choice)
        return NULL;
    for (;;) {
        if (!(*tail = parse_sequence(parser, depth)))
            return NULL;
        tail = &(*tail)->sibling;
        if (!regex_parser_looks_at(parser, "|"))
            return choice;
        parser->at++;
    }
}

struct regex_tree *regex_parse(struct grammar_builder *builder, struct arena *arena,
                               const char *pattern, size_t size, bool search)
{
    struct regex_parser parser = {
        .builder = builder, .arena = arena, .pattern = pattern, .size = size, .search = search};
    if (builder->status != OCTET_OK)
        return NULL;
    if (size > GRAMMAR_SOURCE_BYTES_MAX) {
        grammar_fail(builder, OCTET_LIMIT,
                     "a regular expression of %zu bytes; at most %d are allowed", size,
                     GRAMMAR_SOURCE_BYTES_MAX);
        return NULL;
    }
    if (!utf8_valid(pattern, size)) {
        grammar_fail(builder, OCTET_INPUT, "a regular expression that is not valid UTF-8");
        return NULL;
    }
    struct regex_tree *tree = parse_choice(&parser, 0);
    if (tree && parser.at < size) {
        regex_parser_refuse(&parser, OCTET_INPUT, "\")\" without a group");
        return NULL;
    }
    return builder->status == OCTET_OK ? tree : NULL;
}
