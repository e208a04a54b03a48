/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/constraint_mask.h"

#include <string.h>

/* Nodes that strings of one length may lead to. */
#define RUN_NODES_MAX 8

struct node_set {
    uint32_t nodes[RUN_NODES_MAX];
    unsigned count;
};

void mask_maker_init_classes(struct mask_maker *maker)
{
    memset(maker->class_sizes, 0, sizeof maker->class_sizes);
    for (unsigned byte = 0; byte < 256; byte++) {
        maker->byte_classes[byte] = (uint8_t)vocab_byte_class((uint8_t)byte);
        maker->class_sizes[maker->byte_classes[byte]]++;
    }
}

static bool may_enter(const struct mask_maker *maker, uint32_t target, uint32_t depth)
{
    const struct grammar_node *node = &maker->walk->grammar->nodes[target];
    return node->kind == NODE_BYTES && depth + node->need <= GRAMMAR_DEPTH_MAX;
}

/* The classes of which a node reads every byte. */
static uint32_t covered(const struct mask_maker *maker, uint32_t node, uint32_t depth)
{
    const struct grammar *grammar = maker->walk->grammar;
    const struct grammar_node *at = &grammar->nodes[node];
    uint16_t counts[32] = {0};
    uint32_t classes = 0;
    for (uint32_t i = 0; i < at->count; i++) {
        const struct grammar_edge *edge = &grammar->edges[at->first_edge + i];
        if (!may_enter(maker, edge->target, depth))
            continue;
        for (unsigned byte = edge->first; byte <= edge->last; byte++)
            counts[maker->byte_classes[byte]]++;
    }
    for (unsigned i = 0; i < 32; i++)
        if (counts[i] && counts[i] == maker->class_sizes[i])
            classes |= 1u << i;
    return classes;
}

static bool reads_any(const struct mask_maker *maker, const struct grammar_edge *edge,
                      uint32_t classes)
{
    for (unsigned byte = edge->first; byte <= edge->last; byte++)
        if (classes >> maker->byte_classes[byte] & 1)
            return true;
    return false;
}

static bool add(struct node_set *set, uint32_t node)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->nodes[i] == node)
            return true;
    if (set->count == RUN_NODES_MAX)
        return false;
    set->nodes[set->count++] = node;
    return true;
}

/* Where one more byte of classes leads; false: to more nodes than are followed. */
static bool advance(const struct mask_maker *maker, const struct node_set *from, uint32_t classes,
                    struct node_set *to)
{
    const struct grammar *grammar = maker->walk->grammar;
    to->count = 0;
    for (unsigned i = 0; i < from->count; i++) {
        const struct grammar_node *at = &grammar->nodes[from->nodes[i]];
        for (uint32_t j = 0; j < at->count; j++) {
            const struct grammar_edge *edge = &grammar->edges[at->first_edge + j];
            if (reads_any(maker, edge, classes) && !add(to, edge->target))
                return false;
        }
    }
    return true;
}

static bool is_within(const struct node_set *set, const struct node_set *other)
{
    for (unsigned i = 0; i < set->count; i++) {
        bool found = false;
        for (unsigned j = 0; j < other->count && !found; j++)
            found = set->nodes[i] == other->nodes[j];
        if (!found)
            return false;
    }
    return true;
}

/*
 * How far strings of run->classes can be read. Where a node reads only some of the classes, those
 * are left and the search begins again with them.
 */
static void find_run(const struct mask_maker *maker, struct mask_run *run)
{
    struct node_set from = {.nodes = {run->node}, .count = 1}, to;
    run->classes = covered(maker, run->node, run->depth);
    run->length = run->classes ? 1 : 0;
    while (run->classes && run->length < MASK_RUN_MAX) {
        uint32_t common = run->classes;
        if (!advance(maker, &from, run->classes, &to))
            return;
        if (is_within(&to, &from)) {
            run->length = MASK_RUN_ENDLESS;
            return;
        }
        for (unsigned i = 0; i < to.count; i++)
            common &= covered(maker, to.nodes[i], run->depth);
        if (common == run->classes) {
            run->length++;
            from = to;
        } else if (common) {
            run->classes = common;
            run->length = 1;
            from = (struct node_set){.nodes = {run->node}, .count = 1};
        } else {
            return;
        }
    }
}

const struct mask_run *mask_maker_run(struct mask_maker *maker, uint32_t node, uint32_t depth)
{
    struct mask_run *run = &maker->runs[node % MASK_RUN_SLOTS];
    if (run->node != node || run->depth != depth) {
        run->node = node;
        run->depth = depth;
        find_run(maker, run);
    }
    return run;
}
