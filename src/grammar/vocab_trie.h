/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of a vocabulary as a trie, and what can be said about them in advance because most of
 * any JSON text is the inside of strings. Only the grammar room includes this.
 */
#ifndef GRAMMAR_VOCAB_TRIE_H
#define GRAMMAR_VOCAB_TRIE_H

#include "grammar/automaton.h"

/* A token with more bytes is not text for a grammar. */
#define VOCAB_TOKEN_BYTES_MAX 256
/* Masks of the tokens with at most 1 ... VOCAB_SHORT_MAX characters of a string. */
#define VOCAB_SHORT_MAX 15

/* In depth-first order. The tokens below and at a node are ids[first_id .. end), where end is the
 * first_id of the node at skip; those at the node itself end at the first_id of the next node. */
struct vocab_trie_node {
    uint32_t skip; /* the next node that is not below this one */
    uint32_t first_id;
    uint32_t below; /* the classes of all bytes below it: 1 << vocab_byte_class() */
    uint16_t depth; /* bytes of the prefix, 1 and up */
    uint8_t height; /* levels below it; 255 for more */
    uint8_t byte;   /* its last byte */
};

/* A prefix that closes the string it began in. */
struct vocab_exit {
    uint32_t node;
    uint32_t characters; /* that it adds to the string */
};

/* A token that stays inside the string and is longer than VOCAB_SHORT_MAX characters. */
struct vocab_long_token {
    int32_t id;
    uint32_t characters;
};

struct grammar_vocab {
    const struct tokenizer *tokenizer;
    int32_t vocab_size;
    size_t words; /* of a mask */
    int32_t *eos_ids;
    size_t eos_id_count;
    int32_t tags[TAG_COUNT]; /* the added token with a tag's text; -1: none */

    struct vocab_trie_node *nodes; /* [node_count + 1], the last is a sentinel */
    uint32_t node_count;
    int32_t *ids; /* [id_count] sorted by their bytes */
    uint32_t id_count;

    /* For each enum grammar_string_state: the tokens that stay inside the string. */
    uint32_t *inside;         /* [STRING_STATES][words] */
    struct vocab_exit *exits; /* of state s: exits[exit_first[s] .. exit_first[s + 1]) */
    uint32_t exit_first[STRING_STATES + 1];
    /* From STRING_BODY: those of at most 1 + i characters, and the long ones, ascending. */
    uint32_t *at_most; /* [VOCAB_SHORT_MAX][words] */
    struct vocab_long_token *longer;
    uint32_t longer_count;
};

/* Bytes in 32 classes, as expressions tend to treat them alike. */
unsigned vocab_byte_class(uint8_t byte);

static inline void vocab_set_bit(uint32_t *bits, int32_t id)
{
    bits[id >> 5] |= 1u << (id & 31);
}

/* Set the bits of the tokens ids[from .. to). */
static inline void vocab_set_ids(const struct grammar_vocab *vocab, uint32_t from, uint32_t to,
                                 uint32_t *bits)
{
    for (uint32_t i = from; i < to; i++)
        vocab_set_bit(bits, vocab->ids[i]);
}

/* Whether a token is text for grammars. */
bool vocab_is_text(const struct grammar_vocab *vocab, int32_t id);
bool vocab_is_eos(const struct grammar_vocab *vocab, int32_t id);

/* vocab_strings.c: fill inside, exits, at_most, longer from the trie. Errors: OCTET_MEMORY. */
octet_status vocab_strings_init(struct grammar_vocab *vocab, struct octet_error *err);

#endif
