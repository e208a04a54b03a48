/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a construction to a grammar: which nodes can be finished and with how much stack, and
 * whether the ways that are followed at once stay within their cap.
 */
#include "grammar/grammar_builder.h"

#include <stdlib.h>
#include <string.h>

/* Who depends on a node's need: users[first[n] .. first[n + 1]) of node n. */
struct need_work {
    uint32_t *first;  /* [node_count + 2] */
    uint32_t *users;  /* [first[node_count]] */
    uint32_t *queue;  /* ring of node_count nodes, each in it once at most */
    uint8_t *queued;  /* [node_count] */
    uint32_t *marks;  /* [node_count] for the check of ways */
    uint32_t pending; /* in the queue */
};

static void need_work_free(struct need_work *work)
{
    free(work->marks);
    free(work->queued);
    free(work->queue);
    free(work->users);
    free(work->first);
}

/* Call visit for every node that the need of `node` is made of. */
static void visit_sources(const struct grammar_builder *builder, uint32_t node,
                          void (*visit)(struct need_work *work, uint32_t source, uint32_t node),
                          struct need_work *work)
{
    const struct grammar_node *at = &builder->nodes[node];
    switch (at->kind) {
    case NODE_BYTES:
    case NODE_SPLIT:
        for (uint32_t i = 0; i < at->count; i++)
            visit(work, builder->edges[at->first_edge + i].target, node);
        if (at->max == NODE_MAY_PASS)
            visit(work, at->next, node);
        break;
    case NODE_CALL:
        visit(work, builder->rules[at->rule], node);
        visit(work, at->next, node);
        break;
    case NODE_TAG:
        visit(work, at->after, node);
        break;
    case NODE_STRING:
    case NODE_SPACE:
    case NODE_LEAD:
        visit(work, at->next, node);
        break;
    default:
        break;
    }
}

static void count_user(struct need_work *work, uint32_t source, uint32_t node)
{
    (void)node;
    work->first[source + 2]++;
}

static void place_user(struct need_work *work, uint32_t source, uint32_t node)
{
    work->users[work->first[source + 1]++] = node;
}

static bool need_work_init(struct grammar_builder *builder, struct need_work *work)
{
    uint32_t count = builder->node_count;
    memset(work, 0, sizeof *work);
    work->first = calloc((size_t)count + 2, sizeof *work->first);
    work->queue = calloc(count, sizeof *work->queue);
    work->queued = calloc(count, 1);
    work->marks = calloc(count, sizeof *work->marks);
    if (!work->first || !work->queue || !work->queued || !work->marks)
        goto memory;
    for (uint32_t node = 0; node < count; node++)
        visit_sources(builder, node, count_user, work);
    for (uint32_t node = 0; node < count; node++)
        work->first[node + 2] += work->first[node + 1];
    work->users = calloc(work->first[count + 1] + 1, sizeof *work->users);
    if (!work->users)
        goto memory;
    for (uint32_t node = 0; node < count; node++)
        visit_sources(builder, node, place_user, work);
    return true;
memory:
    grammar_fail_memory(builder, "grammar", (size_t)count * 16);
    return false;
}

static uint8_t saturated(unsigned need)
{
    return need < GRAMMAR_NEED_NEVER ? (uint8_t)need : GRAMMAR_NEED_NEVER;
}

/* A call whose return leads nowhere but to the end of the rule needs no frame: see constraint_walk.
 */
static unsigned call_need(const struct grammar_builder *builder, const struct grammar_node *call)
{
    unsigned callee = builder->nodes[builder->rules[call->rule]].need;
    unsigned next = builder->nodes[call->next].need;
    if (builder->nodes[call->next].kind == NODE_END)
        return callee;
    return callee + 1 > next ? callee + 1 : next;
}

static uint8_t node_need(const struct grammar_builder *builder, uint32_t node)
{
    const struct grammar_node *at = &builder->nodes[node];
    unsigned need = GRAMMAR_NEED_NEVER;
    switch (at->kind) {
    case NODE_END:
    case NODE_ANY:
        return 0;
    case NODE_BYTES:
    case NODE_SPLIT:
        for (uint32_t i = 0; i < at->count; i++) {
            unsigned target = builder->nodes[builder->edges[at->first_edge + i].target].need;
            need = target < need ? target : need;
        }
        if (at->max == NODE_MAY_PASS && builder->nodes[at->next].need < need)
            need = builder->nodes[at->next].need;
        return saturated(need);
    case NODE_CALL:
        return saturated(call_need(builder, at));
    case NODE_TAG:
        return builder->nodes[at->after].need;
    default:
        return builder->nodes[at->next].need;
    }
}

/*
 * The least fixed point, from "never" downwards. Every need falls at most 255 times, in fact once
 * or twice.
 */
static void find_needs(struct grammar_builder *builder, struct need_work *work)
{
    uint32_t count = builder->node_count, head = 0;
    for (uint32_t node = 0; node < count; node++) {
        builder->nodes[node].need = GRAMMAR_NEED_NEVER;
        work->queue[node] = node;
        work->queued[node] = 1;
    }
    for (uint32_t pending = count; pending > 0; pending--) {
        uint32_t node = work->queue[head];
        head = head + 1 < count ? head + 1 : 0;
        work->queued[node] = 0;
        uint8_t need = node_need(builder, node);
        if (need >= builder->nodes[node].need)
            continue;
        builder->nodes[node].need = need;
        for (uint32_t i = work->first[node]; i < work->first[node + 1]; i++) {
            uint32_t user = work->users[i];
            if (work->queued[user])
                continue;
            work->queued[user] = 1;
            uint32_t tail = (uint32_t)(((uint64_t)head + pending - 1) % count);
            work->queue[tail] = user;
            pending++;
        }
    }
}

/* How many nodes that read can be entered from `node` without reading: no more than the cap? */
static bool ways_fit(const struct grammar_builder *builder, struct need_work *work, uint32_t node,
                     uint32_t mark)
{
    uint32_t top = 0, ways = 0, calls = 0, steps = 0;
    work->queue[top++] = node;
    work->marks[node] = mark;
    while (top > 0) {
        const struct grammar_node *at = &builder->nodes[work->queue[--top]];
        uint32_t targets[2], target_count = 0;
        if (++steps > 8 * GRAMMAR_WAYS_MAX || (at->kind == NODE_CALL && ++calls > GRAMMAR_WAYS_MAX))
            return false;
        if (at->kind == NODE_CALL)
            targets[target_count++] = builder->rules[at->rule];
        else if (at->kind != NODE_SPLIT && at->kind != NODE_END && ++ways > GRAMMAR_WAYS_MAX)
            return false;
        if (at->kind == NODE_SPACE || at->kind == NODE_LEAD || at->kind == NODE_TAG ||
            (at->kind == NODE_BYTES && at->max == NODE_MAY_PASS))
            targets[target_count++] = at->next;
        uint32_t edge_count = at->kind == NODE_SPLIT ? at->count : 0;
        for (uint32_t i = 0; i < edge_count + target_count; i++) {
            uint32_t target = i < edge_count ? builder->edges[at->first_edge + i].target
                                             : targets[i - edge_count];
            if (work->marks[target] == mark || builder->nodes[target].need == GRAMMAR_NEED_NEVER)
                continue;
            work->marks[target] = mark;
            work->queue[top++] = target;
        }
    }
    return true;
}

static void check_ways(struct grammar_builder *builder, struct need_work *work)
{
    for (uint32_t node = 0; node < builder->node_count; node++) {
        uint8_t kind = builder->nodes[node].kind;
        if ((kind != NODE_SPLIT && kind != NODE_CALL) || ways_fit(builder, work, node, node + 1))
            continue;
        grammar_fail(builder, OCTET_LIMIT,
                     "more than %d alternatives, optional properties in a row or references to "
                     "references would have to be followed at once, the most allowed",
                     GRAMMAR_WAYS_MAX);
        return;
    }
}

static void check(struct grammar_builder *builder, uint32_t start)
{
    struct need_work work;
    if (!need_work_init(builder, &work))
        goto cleanup;
    find_needs(builder, &work);
    unsigned need = builder->nodes[start].need;
    builder->unsatisfied = need == GRAMMAR_NEED_NEVER;
    if (builder->unsatisfied)
        grammar_fail(builder, OCTET_INPUT, "no text can satisfy this");
    else if (need > GRAMMAR_DEPTH_MAX)
        grammar_fail(builder, OCTET_LIMIT, "every text would be nested deeper than %d levels",
                     GRAMMAR_DEPTH_MAX);
    else
        check_ways(builder, &work);
cleanup:
    need_work_free(&work);
}

/* The entries that every grammar has for texts that begin with thinking. */
static void add_entries(struct grammar_builder *builder, struct grammar *entries)
{
    struct grammar_node lead = {.kind = NODE_LEAD, .next = entries->start};
    struct grammar_node any = {.kind = NODE_ANY, .count = TAG_THINK_OPEN};
    entries->after_thinking = grammar_add_node(builder, lead);
    uint32_t thinking = grammar_add_tag(builder, TAG_THINK_OPEN, grammar_add_node(builder, any));
    lead.next = thinking;
    entries->or_thinking =
        grammar_add_either(builder, entries->after_thinking, grammar_add_node(builder, lead));
}

/* The arrays change hands. */
static void hand_over(struct grammar_builder *builder, struct grammar *grammar)
{
    atomic_init(&grammar->references, 1);
    grammar->nodes = builder->nodes;
    grammar->edges = builder->edges;
    grammar->rules = builder->rules;
    grammar->node_count = builder->node_count;
    grammar->edge_count = builder->edge_count;
    grammar->rule_count = builder->rule_count;
    builder->nodes = NULL;
    builder->edges = NULL;
    builder->rules = NULL;
}

octet_status grammar_builder_finish(struct grammar_builder *builder, uint32_t start,
                                    uint32_t in_call, struct grammar **out)
{
    struct grammar *grammar = calloc(1, sizeof *grammar);
    if (!grammar) {
        grammar_fail_memory(builder, "grammar", sizeof *grammar);
    } else {
        grammar->start = start;
        grammar->in_call = in_call;
        add_entries(builder, grammar);
        if (builder->status == OCTET_OK)
            check(builder, start);
        if (builder->status == OCTET_OK) {
            hand_over(builder, grammar);
            *out = grammar;
            grammar = NULL;
        }
    }
    free(grammar);
    grammar_builder_free(builder);
    return builder->status;
}
