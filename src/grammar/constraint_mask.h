/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens that a walk's level 0 allows. Inside strings the answer is mostly known in advance;
 * elsewhere the trie is walked, and walks that were long are remembered. Only the grammar room
 * includes this.
 */
#ifndef GRAMMAR_CONSTRAINT_MASK_H
#define GRAMMAR_CONSTRAINT_MASK_H

#include "grammar/constraint_walk.h"

#define MASK_CACHE_SLOTS 12
#define MASK_KEY_MAX 192
/* Walks of more steps than this are remembered. */
#define MASK_CACHE_STEPS 2000

struct mask_slot {
    uint32_t key[MASK_KEY_MAX]; /* nodes, positions and stacks of the configs */
    uint32_t key_size;          /* 0: empty */
    uint64_t used;              /* when, to replace the least recently used */
    uint32_t *bits;             /* [words] */
};

#define MASK_RUN_SLOTS 256
#define MASK_RUN_MAX 32 /* longer runs are not looked for */
#define MASK_RUN_ENDLESS 254

/*
 * From a node, at a depth of the stack, every string of at most `length` bytes of `classes` can be
 * read: whole subtrees of the trie are allowed without walking them.
 */
struct mask_run {
    uint32_t node; /* 0: empty slot */
    uint32_t depth;
    uint32_t classes;
    uint32_t length;
};

struct mask_maker {
    const struct grammar_vocab *vocab;
    struct constraint_walk *walk; /* NULL without a grammar */
    struct mask_slot *slots;      /* [MASK_CACHE_SLOTS] */
    uint32_t *memory;             /* of all bits */
    uint32_t *scratch;            /* [words] */
    uint64_t clock;
    struct mask_run *runs;     /* [MASK_RUN_SLOTS] by node */
    uint8_t byte_classes[256]; /* vocab_byte_class */
    uint16_t class_sizes[32];
};

octet_status mask_maker_init(struct mask_maker *maker, const struct grammar_vocab *vocab,
                             struct constraint_walk *walk, struct octet_error *err);
void mask_maker_free(struct mask_maker *maker);
size_t mask_maker_bytes(const struct grammar_vocab *vocab); /* that one with a walk allocates */

/* mask_run.c. The run from a NODE_BYTES. */
const struct mask_run *mask_maker_run(struct mask_maker *maker, uint32_t node, uint32_t depth);
void mask_maker_init_classes(struct mask_maker *maker);

/* Write the tokens that level 0 allows, without end-of-text, into bits [words]. */
void mask_maker_fill(struct mask_maker *maker, uint32_t *bits);

/*
 * Of the tokens that begin with `prefix` and go on behind it, those whose rest level 0 does not
 * allow are removed from bits. False when there is no such token at all; bits are untouched then.
 */
bool mask_maker_refuse_beyond(struct mask_maker *maker, const char *prefix, uint32_t *bits);

/* All ids of the vocabulary. */
void mask_maker_allow_all(const struct mask_maker *maker, uint32_t *bits);

#endif
