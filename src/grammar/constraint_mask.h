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

struct mask_maker {
    const struct grammar_vocab *vocab;
    struct constraint_walk *walk; /* NULL without a grammar */
    struct mask_slot *slots;      /* [MASK_CACHE_SLOTS] */
    uint32_t *memory;             /* of all bits */
    uint32_t *scratch;            /* [words] */
    uint64_t clock;
};

octet_status mask_maker_init(struct mask_maker *maker, const struct grammar_vocab *vocab,
                             struct constraint_walk *walk, struct octet_error *err);
void mask_maker_free(struct mask_maker *maker);

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
