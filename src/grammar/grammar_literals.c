/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of texts: read as a trie, so that a choice of ten thousand follows one way at a time. */
#include "grammar/literal_trie.h"

#include <stdlib.h>
#include <string.h>

static int compare_literals(const void *left, const void *right)
{
    const struct grammar_literal *a = left, *b = right;
    size_t common = a->size < b->size ? a->size : b->size;
    int order = common ? memcmp(a->text, b->text, common) : 0;
    if (order)
        return order;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return 0;
}

static bool trie_grow(struct literal_trie *trie, struct grammar_builder *builder)
{
    if (trie->count < trie->capacity)
        return true;
    if (trie->count >= GRAMMAR_NODES_MAX) {
        grammar_fail(builder, OCTET_LIMIT, "the texts need more than %d nodes, the most allowed",
                     GRAMMAR_NODES_MAX);
        return false;
    }
    uint32_t capacity = trie->capacity ? 2 * trie->capacity : 64;
    struct literal_node *nodes = realloc(trie->nodes, capacity * sizeof *nodes);
    if (!nodes) {
        grammar_fail_memory(builder, "texts of a grammar", capacity * sizeof *nodes);
        return false;
    }
    trie->nodes = nodes;
    trie->capacity = capacity;
    return true;
}

/* Texts come in order, so a byte that is there already is the last child. */
static bool trie_insert(struct literal_trie *trie, struct grammar_builder *builder,
                        const struct grammar_literal *literal)
{
    uint32_t at = 0;
    for (size_t i = 0; i < literal->size; i++) {
        uint8_t byte = (uint8_t)literal->text[i];
        uint32_t last = trie->nodes[at].last_child;
        if (last && trie->nodes[last].byte == byte) {
            at = last;
            continue;
        }
        if (!trie_grow(trie, builder))
            return false;
        uint32_t child = trie->count++;
        trie->nodes[child] = (struct literal_node){.byte = byte};
        if (last)
            trie->nodes[last].sibling = child;
        else
            trie->nodes[at].first_child = child;
        trie->nodes[at].last_child = child;
        at = child;
    }
    if (!trie->nodes[at].ends) {
        trie->nodes[at].ends = true;
        trie->nodes[at].next = literal->next;
    }
    return true;
}

bool literal_trie_build(struct literal_trie *trie, struct grammar_builder *builder,
                        struct grammar_literal *literals, size_t count)
{
    memset(trie, 0, sizeof *trie);
    if (builder->status != OCTET_OK || !trie_grow(trie, builder))
        return false;
    trie->nodes[trie->count++] = (struct literal_node){0};
    if (count)
        qsort(literals, count, sizeof *literals, compare_literals);
    for (size_t i = 0; i < count; i++)
        if (!trie_insert(trie, builder, &literals[i]))
            return false;
    return true;
}

void literal_trie_free(struct literal_trie *trie)
{
    free(trie->nodes);
}

/* Children stand behind their parents: from the last to the first, each has its children built. */
uint32_t grammar_add_literals(struct grammar_builder *builder, struct grammar_literal *literals,
                              size_t count)
{
    struct literal_trie trie;
    uint32_t entry = 0;
    if (!literal_trie_build(&trie, builder, literals, count))
        goto cleanup;
    for (uint32_t i = trie.count; i-- > 0 && builder->status == OCTET_OK;) {
        struct grammar_edge edges[256];
        size_t edge_count = 0;
        for (uint32_t child = trie.nodes[i].first_child; child; child = trie.nodes[child].sibling)
            edges[edge_count++] = (struct grammar_edge){
                trie.nodes[child].byte, trie.nodes[child].byte, trie.nodes[child].built};
        entry = edge_count ? grammar_add_bytes(builder, edges, edge_count) : trie.nodes[i].next;
        if (trie.nodes[i].ends && edge_count)
            grammar_set_pass(builder, entry, trie.nodes[i].next);
        trie.nodes[i].built = entry;
    }
cleanup:
    literal_trie_free(&trie);
    return builder->status == OCTET_OK ? entry : 0;
}
