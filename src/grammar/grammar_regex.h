/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions: pattern -> syntax tree -> nondeterministic automaton over bytes ->
 * deterministic automaton -> nodes of a grammar. Only the grammar room includes this.
 */
#ifndef GRAMMAR_REGEX_H
#define GRAMMAR_REGEX_H

#include "base/arena.h"
#include "grammar/grammar_builder.h"

#define REGEX_GROUP_DEPTH_MAX 64
#define REGEX_REPEAT_MAX 10000
#define REGEX_STATES_MAX 200000      /* of the nondeterministic automaton */
#define REGEX_DFA_STATES_MAX 20000   /* of the deterministic one */
#define REGEX_WORK_MAX 10000000      /* elementary steps of making either */
#define REGEX_PRODUCT_MAX (1 << 22)  /* its states times the lengths that are counted */
#define REGEX_MEMORY_MAX (64u << 20) /* of the syntax tree */

enum regex_mode {
    REGEX_WHOLE,     /* the text is what the expression matches */
    REGEX_JSON_BODY, /* ... inside a JSON string, in canonical escapes, with the closing quote */
};

struct regex_span {
    uint32_t first, last; /* code points, both included */
};

enum regex_kind { REGEX_CLASS, REGEX_SEQUENCE, REGEX_CHOICE, REGEX_REPEAT };

struct regex_tree {
    enum regex_kind kind;
    struct regex_tree *child;   /* CHOICE: the first; SEQUENCE: the last; REPEAT: the only one */
    struct regex_tree *sibling; /* the next child of a CHOICE, the one before of a SEQUENCE */
    struct regex_span *spans;   /* CLASS: ascending, disjoint, without surrogates */
    uint32_t span_count;
    uint32_t min, max; /* REPEAT; GRAMMAR_NO_LIMIT: any number */
};

/*
 * Parse. search: the expression may match any part (JSON schema's "pattern"), so that text is
 * allowed before and behind it except where ^ and $ forbid; else the whole text is matched and
 * both anchors say nothing new. Errors go to the builder: OCTET_INPUT with the position,
 * OCTET_UNSUPPORTED naming the construct, OCTET_LIMIT, OCTET_MEMORY; then NULL.
 */
struct regex_tree *regex_parse(struct grammar_builder *builder, struct arena *arena,
                               const char *pattern, size_t size, bool search);

/* A state of the nondeterministic automaton. */
struct regex_state {
    enum { REGEX_MATCH, REGEX_BYTE, REGEX_FORK } kind;
    uint8_t first, last;   /* BYTE */
    bool begins;           /* BYTE: the first byte of a character */
    uint32_t next, second; /* FORK: both */
};

struct regex_nfa {
    struct regex_state *states; /* [0] matches */
    uint32_t count, capacity, start;
};

/* Errors go to the builder. regex_nfa_free in every case. */
bool regex_nfa_build(struct grammar_builder *builder, const struct regex_tree *tree,
                     enum regex_mode mode, struct regex_nfa *nfa);
void regex_nfa_free(struct regex_nfa *nfa);

struct regex_dfa_state {
    uint32_t first_edge, edge_count;
    bool matches;
    bool between; /* between two characters */
};

struct regex_dfa {
    struct regex_dfa_state *states; /* [0] is the start */
    uint32_t count, capacity;
    struct grammar_edge *edges; /* ascending within a state; targets are states */
    uint32_t edge_count, edge_capacity;
};

/* Errors go to the builder. regex_dfa_free in every case. */
bool regex_dfa_build(struct grammar_builder *builder, const struct regex_nfa *nfa,
                     struct regex_dfa *dfa);
void regex_dfa_free(struct regex_dfa *dfa);

/*
 * All of it: what `pattern` matches, then next. min and max: the number of characters (JSON body
 * only; 0 and GRAMMAR_NO_LIMIT: any).
 */
uint32_t grammar_add_regex(struct grammar_builder *builder, const char *pattern, size_t size,
                           enum regex_mode mode, bool search, uint32_t min, uint32_t max,
                           uint32_t next);

#endif
