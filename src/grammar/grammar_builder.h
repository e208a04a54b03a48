/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an automaton from its end to its beginning: every function takes the node that follows
 * and returns the node to enter. The first failure stays in `status`; from then on the functions
 * return node 0 and change nothing, so that a construction needs one check at its end. Only the
 * grammar room includes this.
 */
#ifndef GRAMMAR_BUILDER_H
#define GRAMMAR_BUILDER_H

#include "grammar/automaton.h"

/* Rules that many places call. */
enum grammar_shared_rule {
    SHARED_VALUE,  /* any JSON value */
    SHARED_OBJECT, /* any JSON object */
    SHARED_ARRAY,  /* any JSON array */
    SHARED_NUMBER,
    SHARED_INTEGER,
    SHARED_COUNT,
};

#define GRAMMAR_NO_RULE UINT32_MAX

struct grammar_builder {
    struct grammar_node *nodes; /* [0] is the one NODE_END */
    struct grammar_edge *edges;
    uint32_t *rules;
    uint32_t node_count, node_capacity;
    uint32_t edge_count, edge_capacity;
    uint32_t rule_count, rule_capacity;
    uint32_t shared[SHARED_COUNT]; /* GRAMMAR_NO_RULE until it is needed */
    octet_status status;
    struct octet_error *err;
    bool unsatisfied; /* set by grammar_builder_finish: no text satisfies the grammar */
};

void grammar_builder_init(struct grammar_builder *builder, struct octet_error *err);
void grammar_builder_free(struct grammar_builder *builder);

/* Note the first failure; returns 0. */
uint32_t grammar_fail(struct grammar_builder *builder, octet_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for OCTET_MEMORY. */
uint32_t grammar_fail_memory(struct grammar_builder *builder, const char *what, size_t bytes);

/* What has been built so far, to give up an attempt. */
struct grammar_mark {
    uint32_t node_count, edge_count, rule_count;
    uint32_t shared[SHARED_COUNT];
};
struct grammar_mark grammar_builder_mark(const struct grammar_builder *builder);
void grammar_builder_rewind(struct grammar_builder *builder, const struct grammar_mark *mark);

uint32_t grammar_add_node(struct grammar_builder *builder, struct grammar_node node);
uint32_t grammar_add_bytes(struct grammar_builder *builder, const struct grammar_edge *edges,
                           size_t count);
/* A node that reads nothing yet; grammar_set_bytes gives it its edges. */
uint32_t grammar_add_open_bytes(struct grammar_builder *builder);
void grammar_set_bytes(struct grammar_builder *builder, uint32_t node,
                       const struct grammar_edge *edges, size_t count);
/* A node that reads may also be passed: go on at next. */
void grammar_set_pass(struct grammar_builder *builder, uint32_t node, uint32_t next);
uint32_t grammar_add_byte(struct grammar_builder *builder, char byte, uint32_t next);
uint32_t grammar_add_split(struct grammar_builder *builder, const uint32_t *targets, size_t count);
uint32_t grammar_add_either(struct grammar_builder *builder, uint32_t a, uint32_t b);
/* A split whose targets, at first node 0, are set later. */
uint32_t grammar_add_open_split(struct grammar_builder *builder, size_t count);
void grammar_set_target(struct grammar_builder *builder, uint32_t split, size_t index,
                        uint32_t target);
uint32_t grammar_add_literal(struct grammar_builder *builder, const char *text, size_t size,
                             uint32_t next);

/* A rule without a start; grammar_set_rule gives it one. */
uint32_t grammar_add_rule(struct grammar_builder *builder);
void grammar_set_rule(struct grammar_builder *builder, uint32_t rule, uint32_t start);
uint32_t grammar_add_call(struct grammar_builder *builder, uint32_t rule, uint32_t next);

uint32_t grammar_add_space(struct grammar_builder *builder, uint32_t next);
/* The colon behind a name, with at most one blank. */
uint32_t grammar_add_colon(struct grammar_builder *builder, uint32_t next);
/* A tag by its token or its bytes. */
uint32_t grammar_add_tag(struct grammar_builder *builder, enum grammar_tag tag, uint32_t next);

/* One of several texts, each with its own continuation. */
struct grammar_literal {
    const char *text;
    size_t size;
    uint32_t next;
};
/* Sorts the array; of equal texts one counts. */
uint32_t grammar_add_literals(struct grammar_builder *builder, struct grammar_literal *literals,
                              size_t count);

/*
 * Check what was built and make it a grammar that begins at start. in_call: the node behind a
 * "<tool_call>" in free text, or 0. Frees the builder also when it fails. Errors: the builder's,
 * OCTET_INPUT when no text satisfies the grammar, OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status grammar_builder_finish(struct grammar_builder *builder, uint32_t start,
                                    uint32_t in_call, struct grammar **out);

/* grammar_json.c. A JSON string of min to max characters with its quotes. */
uint32_t grammar_add_string(struct grammar_builder *builder, uint32_t min, uint32_t max,
                            uint32_t next);
uint32_t grammar_add_shared(struct grammar_builder *builder, enum grammar_shared_rule shared,
                            uint32_t next);
/*
 * `count` bytes of text as JSON writes them inside quotes: short escapes, \u00xx for the other
 * control characters, the rest as it is. False when out of memory.
 */
bool grammar_escape(struct buffer *out, const char *text, size_t size);
/* A string in quotes, spelled like that. */
uint32_t grammar_add_quoted(struct grammar_builder *builder, const char *text, size_t size,
                            uint32_t next);
/* Exactly this value, with the white space that values have. */
uint32_t grammar_add_value(struct grammar_builder *builder, const struct json *value,
                           unsigned depth, uint32_t next);
/*
 * The opening quote and a string that is none of names[0..count), for the names of additional
 * properties. names[i].next is not used; the array is sorted.
 */
uint32_t grammar_add_other_name(struct grammar_builder *builder, struct grammar_literal *names,
                                size_t count, uint32_t next);

/* grammar_number.c. A JSON number between two bounds, in plain decimal notation. */
struct grammar_bounds {
    const struct json *min, *max; /* numbers; NULL: none */
    bool min_exclusive, max_exclusive;
    bool integer;
};
uint32_t grammar_add_bounded(struct grammar_builder *builder, const struct grammar_bounds *bounds,
                             uint32_t next);

#endif
