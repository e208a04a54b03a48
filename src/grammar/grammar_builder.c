/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/grammar_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const tag_texts[TAG_COUNT] = {
    [TAG_TOOL_OPEN] = "<tool_call>",
    [TAG_TOOL_CLOSE] = "</tool_call>",
    [TAG_THINK_OPEN] = "<think>",
    [TAG_THINK_CLOSE] = "</think>",
};

const char *grammar_tag_text(enum grammar_tag tag)
{
    return tag_texts[tag];
}

void grammar_builder_init(struct grammar_builder *builder, struct octet_error *err)
{
    memset(builder, 0, sizeof *builder);
    builder->err = err;
    for (size_t i = 0; i < SHARED_COUNT; i++)
        builder->shared[i] = GRAMMAR_NO_RULE;
    grammar_add_node(builder, (struct grammar_node){.kind = NODE_END});
}

void grammar_builder_free(struct grammar_builder *builder)
{
    free(builder->rules);
    free(builder->edges);
    free(builder->nodes);
    builder->rules = NULL;
    builder->edges = NULL;
    builder->nodes = NULL;
}

uint32_t grammar_fail(struct grammar_builder *builder, octet_status status, const char *format, ...)
{
    if (builder->status != OCTET_OK)
        return 0;
    char message[sizeof builder->err->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    builder->status = error_set(builder->err, status, "%s", message);
    return 0;
}

uint32_t grammar_fail_memory(struct grammar_builder *builder, const char *what, size_t bytes)
{
    if (builder->status == OCTET_OK)
        builder->status = error_memory(builder->err, what, bytes);
    return 0;
}

struct grammar_mark grammar_builder_mark(const struct grammar_builder *builder)
{
    struct grammar_mark mark = {
        .node_count = builder->node_count,
        .edge_count = builder->edge_count,
        .rule_count = builder->rule_count,
    };
    memcpy(mark.shared, builder->shared, sizeof mark.shared);
    return mark;
}

void grammar_builder_rewind(struct grammar_builder *builder, const struct grammar_mark *mark)
{
    builder->node_count = mark->node_count;
    builder->edge_count = mark->edge_count;
    builder->rule_count = mark->rule_count;
    memcpy(builder->shared, mark->shared, sizeof builder->shared);
    builder->status = OCTET_OK;
}

/* Room for `more` elements behind *count, up to `limit`. */
static bool reserve(struct grammar_builder *builder, void **array, size_t element, uint32_t count,
                    uint32_t *capacity, size_t more, uint32_t limit, const char *what)
{
    if (builder->status != OCTET_OK)
        return false;
    if (more > limit - count) {
        grammar_fail(builder, OCTET_LIMIT, "the grammar needs more than %u %s, the most allowed",
                     limit, what);
        return false;
    }
    if (count + more <= *capacity)
        return true;
    size_t wanted = *capacity ? 2 * (size_t)*capacity : 64;
    while (wanted < count + more)
        wanted *= 2;
    if (wanted > limit)
        wanted = limit;
    void *grown = realloc(*array, wanted * element);
    if (!grown) {
        grammar_fail_memory(builder, "grammar", wanted * element);
        return false;
    }
    *array = grown;
    *capacity = (uint32_t)wanted;
    return true;
}

uint32_t grammar_add_node(struct grammar_builder *builder, struct grammar_node node)
{
    void *nodes = builder->nodes;
    bool ok = reserve(builder, &nodes, sizeof node, builder->node_count, &builder->node_capacity, 1,
                      GRAMMAR_NODES_MAX, "nodes");
    builder->nodes = nodes;
    if (!ok)
        return 0;
    builder->nodes[builder->node_count] = node;
    return builder->node_count++;
}

/* Append edges and make them those of a node without any. */
static void set_edges(struct grammar_builder *builder, uint32_t node,
                      const struct grammar_edge *edges, size_t count)
{
    void *all = builder->edges;
    bool ok = reserve(builder, &all, sizeof *edges, builder->edge_count, &builder->edge_capacity,
                      count, GRAMMAR_EDGES_MAX, "edges");
    builder->edges = all;
    if (ok && count > UINT16_MAX)
        grammar_fail(builder, OCTET_LIMIT, "a choice of %zu parts; at most %d are allowed", count,
                     UINT16_MAX);
    if (builder->status != OCTET_OK)
        return;
    builder->nodes[node].count = (uint16_t)count;
    builder->nodes[node].first_edge = builder->edge_count;
    if (count)
        memcpy(builder->edges + builder->edge_count, edges, count * sizeof *edges);
    builder->edge_count += (uint32_t)count;
}

static uint32_t add_with_edges(struct grammar_builder *builder, enum grammar_node_kind kind,
                               const struct grammar_edge *edges, size_t count)
{
    uint32_t node = grammar_add_node(builder, (struct grammar_node){.kind = (uint8_t)kind});
    set_edges(builder, node, edges, count);
    return builder->status == OCTET_OK ? node : 0;
}

uint32_t grammar_add_bytes(struct grammar_builder *builder, const struct grammar_edge *edges,
                           size_t count)
{
    return add_with_edges(builder, NODE_BYTES, edges, count);
}

uint32_t grammar_add_open_bytes(struct grammar_builder *builder)
{
    return add_with_edges(builder, NODE_BYTES, NULL, 0);
}

void grammar_set_bytes(struct grammar_builder *builder, uint32_t node,
                       const struct grammar_edge *edges, size_t count)
{
    set_edges(builder, node, edges, count);
}

void grammar_set_pass(struct grammar_builder *builder, uint32_t node, uint32_t next)
{
    if (builder->status != OCTET_OK)
        return;
    builder->nodes[node].max = NODE_MAY_PASS;
    builder->nodes[node].next = next;
}

uint32_t grammar_add_byte(struct grammar_builder *builder, char byte, uint32_t next)
{
    struct grammar_edge edge = {(uint8_t)byte, (uint8_t)byte, next};
    return grammar_add_bytes(builder, &edge, 1);
}

uint32_t grammar_add_open_split(struct grammar_builder *builder, size_t count)
{
    if (count > GRAMMAR_EDGES_MAX)
        return grammar_fail(builder, OCTET_LIMIT, "a choice of %zu parts is too large", count);
    struct grammar_edge *edges = calloc(count ? count : 1, sizeof *edges);
    if (!edges)
        return grammar_fail_memory(builder, "grammar", count * sizeof *edges);
    uint32_t node = add_with_edges(builder, NODE_SPLIT, edges, count);
    free(edges);
    return node;
}

void grammar_set_target(struct grammar_builder *builder, uint32_t split, size_t index,
                        uint32_t target)
{
    if (builder->status == OCTET_OK)
        builder->edges[builder->nodes[split].first_edge + index].target = target;
}

uint32_t grammar_add_split(struct grammar_builder *builder, const uint32_t *targets, size_t count)
{
    if (count == 1)
        return targets[0];
    uint32_t node = grammar_add_open_split(builder, count);
    for (size_t i = 0; i < count; i++)
        grammar_set_target(builder, node, i, targets[i]);
    return node;
}

uint32_t grammar_add_either(struct grammar_builder *builder, uint32_t a, uint32_t b)
{
    return grammar_add_split(builder, (const uint32_t[]){a, b}, 2);
}

uint32_t grammar_add_literal(struct grammar_builder *builder, const char *text, size_t size,
                             uint32_t next)
{
    while (size > 0 && builder->status == OCTET_OK)
        next = grammar_add_byte(builder, text[--size], next);
    return next;
}

uint32_t grammar_add_rule(struct grammar_builder *builder)
{
    void *rules = builder->rules;
    bool ok = reserve(builder, &rules, sizeof *builder->rules, builder->rule_count,
                      &builder->rule_capacity, 1, GRAMMAR_RULES_MAX, "rules");
    builder->rules = rules;
    if (!ok)
        return 0;
    builder->rules[builder->rule_count] = 0;
    return builder->rule_count++;
}

void grammar_set_rule(struct grammar_builder *builder, uint32_t rule, uint32_t start)
{
    if (builder->status == OCTET_OK)
        builder->rules[rule] = start;
}

uint32_t grammar_add_call(struct grammar_builder *builder, uint32_t rule, uint32_t next)
{
    return grammar_add_node(builder,
                            (struct grammar_node){.kind = NODE_CALL, .rule = rule, .next = next});
}

uint32_t grammar_add_space(struct grammar_builder *builder, uint32_t next)
{
    return grammar_add_node(builder, (struct grammar_node){.kind = NODE_SPACE, .next = next});
}

uint32_t grammar_add_colon(struct grammar_builder *builder, uint32_t next)
{
    uint32_t blank = grammar_add_node(
        builder, (struct grammar_node){.kind = NODE_SPACE, .count = 1, .next = next});
    return grammar_add_byte(builder, ':', blank);
}

uint32_t grammar_add_tag(struct grammar_builder *builder, enum grammar_tag tag, uint32_t next)
{
    const char *text = tag_texts[tag];
    uint32_t spelled = grammar_add_literal(builder, text, strlen(text), next);
    return grammar_add_node(
        builder, (struct grammar_node){
                     .kind = NODE_TAG, .count = (uint16_t)tag, .next = spelled, .after = next});
}
