/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The automaton of a grammar: nodes over bytes, with calls of rules (a pushdown automaton). A text
 * is read by following every way at once; a way is a node, what it returns to, and a position
 * inside the node (struct constraint_config in constraint_walk.h). Only the grammar room includes
 * this.
 */
#ifndef GRAMMAR_AUTOMATON_H
#define GRAMMAR_AUTOMATON_H

#include <stdatomic.h>

#include "grammar/grammar.h"

#define GRAMMAR_EDGES_MAX (4 * GRAMMAR_NODES_MAX)
#define GRAMMAR_RULES_MAX 8192
/* Ways to read a text that are followed at once. */
#define GRAMMAR_WAYS_MAX 256

#define GRAMMAR_NO_LIMIT UINT32_MAX
#define GRAMMAR_NEED_NEVER 255 /* no text leads from the node to the end of its rule */

enum grammar_node_kind {
    NODE_END,    /* the rule ends: go on behind the call, or the text is complete */
    NODE_BYTES,  /* one byte, by its edges (disjoint, ascending); with max = NODE_MAY_PASS, or
                    nothing and then next */
    NODE_SPLIT,  /* any of the targets of its edges, without reading */
    NODE_CALL,   /* what `rule` describes, then next */
    NODE_STRING, /* the inside of a JSON string and its closing quote, then next; `min` to `max`
                    characters; count is the enum grammar_string_state to begin with */
    NODE_SPACE,  /* white space between JSON tokens, perhaps none, then next; count 1: at most one
                    blank */
    NODE_LEAD,   /* up to GRAMMAR_LEAD_MAX characters of any white space, then next */
    NODE_TAG,    /* a tag by its token (count is the enum grammar_tag), then `after`; or spelled by
                    the nodes at next */
    NODE_ANY,    /* the grammar is over; count is the enum grammar_tag of what came last */
};

#define NODE_MAY_PASS 1

enum grammar_tag {
    TAG_TOOL_OPEN,
    TAG_TOOL_CLOSE,
    TAG_THINK_OPEN,
    TAG_THINK_CLOSE,
    TAG_COUNT,
};

/* Newline and up to this many blanks, or this many tabs, is one indentation. */
#define GRAMMAR_INDENT_BLANKS 32
#define GRAMMAR_INDENT_TABS 8
#define GRAMMAR_LEAD_MAX 4

struct grammar_node {
    uint8_t kind;
    uint8_t need; /* stack frames beyond the present ones to get to the end of the rule, at least */
    uint16_t count;
    uint32_t next;
    union {
        uint32_t first_edge; /* BYTES, SPLIT: count edges from here */
        uint32_t rule;
        uint32_t min;
        uint32_t after;
    };
    uint32_t max;
};

struct grammar_edge {
    uint8_t first, last; /* both included; 0 in a SPLIT */
    uint32_t target;
};

struct grammar {
    atomic_uint references;
    struct grammar_node *nodes;
    struct grammar_edge *edges;
    uint32_t *rules; /* [rule_count] their first nodes */
    uint32_t node_count, edge_count, rule_count;
    uint32_t start;          /* of a text that the grammar governs from its first byte */
    uint32_t after_thinking; /* behind "</think>" */
    uint32_t or_thinking;    /* as after_thinking, or "<think>" */
    uint32_t in_call;        /* behind a "<tool_call>" in free text; 0: not a grammar of calls */
};

/* The text of a tag. */
const char *grammar_tag_text(enum grammar_tag tag);

/*
 * Inside a JSON string (RFC 8259, section 7; UTF-8 as Unicode 16.0, table 3-7). Surrogates are
 * escaped in pairs, \u0000 is left out because many readers refuse it.
 */
enum grammar_string_state {
    STRING_BODY,   /* between characters */
    STRING_ESCAPE, /* behind a backslash */
    STRING_HEX,    /* behind \u */
    STRING_HEX_0,  /* \u0 */
    STRING_HEX_00,
    STRING_HEX_000,
    STRING_HEX_D, /* \ud */
    STRING_HEX_3, /* so many digits are missing */
    STRING_HEX_2,
    STRING_HEX_1,
    STRING_HIGH_2, /* of a high surrogate */
    STRING_HIGH_1,
    STRING_LOW_ESCAPE, /* a low surrogate's backslash must follow */
    STRING_LOW_U,
    STRING_LOW_D,
    STRING_LOW_DIGIT,
    STRING_TAIL_1, /* so many bytes of a UTF-8 sequence are missing */
    STRING_TAIL_2,
    STRING_TAIL_3,
    STRING_TAIL_E0,
    STRING_TAIL_ED,
    STRING_TAIL_F0,
    STRING_TAIL_F4,
    STRING_STATES,
    STRING_END = 254, /* the closing quote was read */
    STRING_DEAD = 255,
};

uint8_t grammar_string_step(uint8_t state, uint8_t byte);

#endif
