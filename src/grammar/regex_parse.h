/* SPDX-License-Identifier: Apache-2.0 */
/* What the parser of regular expressions and that of their classes share. */
#ifndef GRAMMAR_REGEX_PARSE_H
#define GRAMMAR_REGEX_PARSE_H

#include "grammar/grammar_regex.h"

struct regex_parser {
    struct grammar_builder *builder;
    struct arena *arena;
    const char *pattern; /* size bytes of valid UTF-8 */
    size_t size, at;
    bool search;
};

/* Note an error: "regular expression: WHAT at byte N". */
void regex_parser_refuse(struct regex_parser *parser, octet_status status, const char *what);
/* An arena that is full, or the system's memory. */
void regex_parser_memory(struct regex_parser *parser);
bool regex_parser_looks_at(const struct regex_parser *parser, const char *text);
/* The code point at `at`, which moves behind it. Only before the end. */
uint32_t regex_parser_next(struct regex_parser *parser);

/* Code points that are gathered, in any order. */
struct regex_set {
    struct regex_span *spans; /* malloc'ed; regex_set_free */
    uint32_t count, capacity;
};
void regex_set_add(struct regex_parser *parser, struct regex_set *set, uint32_t first,
                   uint32_t last);
void regex_set_free(struct regex_set *set);
/* Write the set, or all but it, into a REGEX_CLASS node: sorted, without surrogates. */
bool regex_set_finish(struct regex_parser *parser, const struct regex_set *set, bool negated,
                      struct regex_tree *tree);

/* "\" and what follows, into set. */
bool regex_escape_parse(struct regex_parser *parser, struct regex_set *set);
/* "[...]". */
bool regex_class_parse(struct regex_parser *parser, struct regex_set *set, bool *negated);

#endif
