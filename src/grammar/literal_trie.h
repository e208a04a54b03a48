/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as a trie over their bytes, while a grammar is built. Only the grammar room includes this.
 */
#ifndef GRAMMAR_LITERAL_TRIE_H
#define GRAMMAR_LITERAL_TRIE_H

#include "grammar/grammar_builder.h"

struct literal_node {
    uint32_t first_child, last_child, sibling; /* 0: none; children ascend by byte */
    uint32_t next;                             /* of the text that ends here */
    uint32_t built;                            /* the grammar's node, once it exists */
    uint8_t byte;
    bool ends; /* a text ends here */
};

struct literal_trie {
    struct literal_node *nodes; /* [0] is the root; children stand behind their parents */
    uint32_t count, capacity;
};

/* Sorts the array. On failure the builder has the status. literal_trie_free in every case. */
bool literal_trie_build(struct literal_trie *trie, struct grammar_builder *builder,
                        struct grammar_literal *literals, size_t count);
void literal_trie_free(struct literal_trie *trie);

#endif
