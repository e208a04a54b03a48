/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/vocab_trie.h"

#include <stdlib.h>
#include <string.h>

/* One walk of the trie from one state of a string. */
struct string_walk {
    struct grammar_vocab *vocab;
    uint8_t states[VOCAB_TOKEN_BYTES_MAX + 1];      /* by depth */
    uint32_t characters[VOCAB_TOKEN_BYTES_MAX + 1]; /* begun since the start, by depth */
    struct vocab_exit *exits;                       /* NULL: only count them */
    uint32_t exit_count;
    struct vocab_long_token *longer; /* likewise */
    uint32_t longer_count;
    uint32_t *inside;  /* NULL: not wanted */
    uint32_t *at_most; /* likewise */
};

static void visit_inside(struct string_walk *walk, const struct vocab_trie_node *node)
{
    const struct grammar_vocab *vocab = walk->vocab;
    uint32_t characters = walk->characters[node->depth];
    for (uint32_t i = node->first_id; i < node[1].first_id; i++) {
        int32_t id = vocab->ids[i];
        if (walk->inside)
            vocab_set_bit(walk->inside, id);
        if (characters > VOCAB_SHORT_MAX) {
            if (walk->longer)
                walk->longer[walk->longer_count] = (struct vocab_long_token){id, characters};
            walk->longer_count++;
        } else if (walk->at_most) {
            vocab_set_bit(walk->at_most + (characters - 1) * vocab->words, id);
        }
    }
}

static void walk_string(struct string_walk *walk, uint8_t start)
{
    const struct grammar_vocab *vocab = walk->vocab;
    walk->states[0] = start;
    walk->characters[0] = 0;
    walk->exit_count = 0;
    walk->longer_count = 0;
    for (uint32_t i = 0; i < vocab->node_count;) {
        const struct vocab_trie_node *node = &vocab->nodes[i];
        uint8_t before = walk->states[node->depth - 1];
        uint8_t state = grammar_string_step(before, node->byte);
        uint32_t characters =
            walk->characters[node->depth - 1] + (before == STRING_BODY && state != STRING_END);
        if (state == STRING_END) {
            if (walk->exits)
                walk->exits[walk->exit_count] = (struct vocab_exit){i, characters};
            walk->exit_count++;
        }
        if (state >= STRING_STATES) {
            i = node->skip;
            continue;
        }
        walk->states[node->depth] = state;
        walk->characters[node->depth] = characters;
        visit_inside(walk, node);
        i++;
    }
}

static int compare_longer(const void *left, const void *right)
{
    const struct vocab_long_token *a = left, *b = right;
    if (a->characters != b->characters)
        return a->characters < b->characters ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

/* at_most[i] holds the tokens of exactly 1 + i characters; make it those of at most so many. */
static void accumulate(struct grammar_vocab *vocab)
{
    for (size_t i = 1; i < VOCAB_SHORT_MAX; i++)
        for (size_t word = 0; word < vocab->words; word++)
            vocab->at_most[i * vocab->words + word] |=
                vocab->at_most[(i - 1) * vocab->words + word];
}

octet_status vocab_strings_init(struct grammar_vocab *vocab, struct octet_error *err)
{
    struct string_walk walk = {.vocab = vocab};
    uint32_t exit_total = 0;
    for (unsigned state = 0; state < STRING_STATES; state++) {
        walk_string(&walk, (uint8_t)state);
        vocab->exit_first[state] = exit_total;
        exit_total += walk.exit_count;
        if (state == STRING_BODY)
            vocab->longer_count = walk.longer_count;
    }
    vocab->exit_first[STRING_STATES] = exit_total;
    vocab->inside = calloc(STRING_STATES * vocab->words + 1, sizeof *vocab->inside);
    vocab->at_most = calloc(VOCAB_SHORT_MAX * vocab->words + 1, sizeof *vocab->at_most);
    vocab->exits = calloc((size_t)exit_total + 1, sizeof *vocab->exits);
    vocab->longer = calloc((size_t)vocab->longer_count + 1, sizeof *vocab->longer);
    if (!vocab->inside || !vocab->at_most || !vocab->exits || !vocab->longer)
        return error_memory(err, "vocabulary of grammars",
                            (STRING_STATES + VOCAB_SHORT_MAX) * vocab->words * 4);
    for (unsigned state = 0; state < STRING_STATES; state++) {
        walk.inside = vocab->inside + state * vocab->words;
        walk.exits = vocab->exits + vocab->exit_first[state];
        walk.at_most = state == STRING_BODY ? vocab->at_most : NULL;
        walk.longer = state == STRING_BODY ? vocab->longer : NULL;
        walk_string(&walk, (uint8_t)state);
    }
    if (vocab->longer_count > 1)
        qsort(vocab->longer, vocab->longer_count, sizeof *vocab->longer, compare_longer);
    accumulate(vocab);
    return OCTET_OK;
}
