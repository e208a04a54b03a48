/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/constraint_mask.h"

#include <stdlib.h>
#include <string.h>

octet_status mask_maker_init(struct mask_maker *maker, const struct grammar_vocab *vocab,
                             struct constraint_walk *walk, struct octet_error *err)
{
    memset(maker, 0, sizeof *maker);
    maker->vocab = vocab;
    maker->walk = walk;
    if (!walk)
        return OCTET_OK;
    size_t words = vocab->words + 1;
    maker->slots = calloc(MASK_CACHE_SLOTS, sizeof *maker->slots);
    maker->memory = calloc((MASK_CACHE_SLOTS + 1) * words, sizeof *maker->memory);
    maker->runs = calloc(MASK_RUN_SLOTS, sizeof *maker->runs);
    if (!maker->slots || !maker->memory || !maker->runs) {
        mask_maker_free(maker);
        return error_memory(err, "constraint", MASK_CACHE_SLOTS * words * sizeof *maker->memory);
    }
    for (size_t i = 0; i < MASK_CACHE_SLOTS; i++)
        maker->slots[i].bits = maker->memory + i * words;
    maker->scratch = maker->memory + MASK_CACHE_SLOTS * words;
    mask_maker_init_classes(maker);
    return OCTET_OK;
}

void mask_maker_free(struct mask_maker *maker)
{
    free(maker->runs);
    free(maker->memory);
    free(maker->slots);
    memset(maker, 0, sizeof *maker);
}

size_t mask_maker_bytes(const struct grammar_vocab *vocab)
{
    return MASK_CACHE_SLOTS * sizeof(struct mask_slot) +
           (MASK_CACHE_SLOTS + 1) * (vocab->words + 1) * sizeof(uint32_t) +
           MASK_RUN_SLOTS * sizeof(struct mask_run);
}

static void merge(uint32_t *bits, const uint32_t *more, size_t words)
{
    for (size_t i = 0; i < words; i++)
        bits[i] |= more[i];
}

/* Whether everything below a trie node can be read from a level. */
static bool allows_below(struct mask_maker *maker, const struct constraint_level *level,
                         const struct vocab_trie_node *node)
{
    const struct constraint_walk *walk = maker->walk;
    const struct constraint_config *config = &walk->configs[level->begin];
    if (level->over)
        return true;
    if (level->end - level->begin != 1 || !node->height ||
        walk->grammar->nodes[config->node].kind != NODE_BYTES)
        return false;
    const struct mask_run *run =
        mask_maker_run(maker, config->node, walk->frames[config->frame].depth);
    return !(node->below & ~run->classes) && node->height <= run->length;
}

/*
 * Trie nodes first ... last - 1, all below a prefix of `depth` bytes, which level `base` has read.
 */
static void walk_nodes(struct mask_maker *maker, unsigned base, unsigned depth, uint32_t first,
                       uint32_t last, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    struct constraint_walk *walk = maker->walk;
    for (uint32_t i = first; i < last;) {
        const struct vocab_trie_node *node = &vocab->nodes[i];
        unsigned from = base + node->depth - 1 - depth;
        if (!constraint_walk_step(walk, from, node->byte)) {
            i = node->skip;
            continue;
        }
        const struct constraint_level *level = &walk->levels[from + 1];
        bool all = allows_below(maker, level, node);
        uint32_t end = all ? vocab->nodes[node->skip].first_id : node[1].first_id;
        vocab_set_ids(vocab, node->first_id, end, bits);
        i = all || level->end == level->begin ? node->skip : i + 1;
    }
}

/* Only tokens of one byte, for when the budget is spent: at least one of them is allowed, because
 * a vocabulary has all bytes. */
static void walk_bytes(struct mask_maker *maker, unsigned base, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    for (uint32_t i = 0; i < vocab->node_count; i = vocab->nodes[i].skip) {
        maker->walk->budget = WALK_BUDGET;
        if (constraint_walk_step(maker->walk, base, vocab->nodes[i].byte))
            vocab_set_ids(vocab, vocab->nodes[i].first_id, vocab->nodes[i + 1].first_id, bits);
    }
}

/* Whether the answer for a config is known in advance. */
static bool is_foreseen(const struct constraint_walk *walk, const struct constraint_config *config)
{
    const struct grammar_node *node = &walk->grammar->nodes[config->node];
    return node->kind == NODE_STRING &&
           (node->max == GRAMMAR_NO_LIMIT || (config->position & 0xFF) == STRING_BODY);
}

/* Tokens that stay inside the string and add at most `room` characters. */
static void fill_inside(const struct grammar_vocab *vocab, uint8_t state, uint32_t room,
                        uint32_t *bits)
{
    if (room == GRAMMAR_NO_LIMIT) {
        merge(bits, vocab->inside + state * vocab->words, vocab->words);
        return;
    }
    if (room == 0)
        return;
    uint32_t most = room < VOCAB_SHORT_MAX ? room : VOCAB_SHORT_MAX;
    merge(bits, vocab->at_most + (most - 1) * vocab->words, vocab->words);
    for (uint32_t i = 0; i < vocab->longer_count && vocab->longer[i].characters <= room; i++)
        vocab_set_bit(bits, vocab->longer[i].id);
}

/* A config inside a string: what stays inside, and what closes it and goes on. */
static void fill_string(struct mask_maker *maker, const struct constraint_config *config,
                        uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    struct constraint_walk *walk = maker->walk;
    const struct grammar_node *node = &walk->grammar->nodes[config->node];
    uint8_t state = (uint8_t)config->position;
    uint32_t characters = config->position >> 8;
    uint32_t room = node->max == GRAMMAR_NO_LIMIT ? node->max : node->max - characters;
    fill_inside(vocab, state, room, bits);
    if (!constraint_walk_enter(walk, 0, node->next, config->frame))
        return;
    struct constraint_level behind = walk->levels[1];
    for (uint32_t i = vocab->exit_first[state]; i < vocab->exit_first[state + 1]; i++) {
        const struct vocab_exit *exit = &vocab->exits[i];
        const struct vocab_trie_node *at = &vocab->nodes[exit->node];
        if (exit->characters > room || characters + exit->characters < node->min)
            continue;
        vocab_set_ids(vocab, at->first_id, at[1].first_id, bits);
        if (behind.over)
            vocab_set_ids(vocab, at->first_id, vocab->nodes[at->skip].first_id, bits);
        else if (behind.end > behind.begin)
            walk_nodes(maker, 1, at->depth, exit->node + 1, at->skip, bits);
    }
}

/* Level 1: the configs of level 0 whose answer is not foreseen. */
static bool gather_rest(struct constraint_walk *walk)
{
    const struct constraint_level *present = &walk->levels[0];
    struct constraint_level rest = {
        .begin = present->end, .end = present->end, .frame_end = present->frame_end};
    for (uint32_t i = present->begin; i < present->end && rest.end < WALK_CONFIGS_MAX; i++)
        if (!is_foreseen(walk, &walk->configs[i]) &&
            walk->grammar->nodes[walk->configs[i].node].kind != NODE_TAG)
            walk->configs[rest.end++] = walk->configs[i];
    walk->levels[1] = rest;
    return rest.end > rest.begin;
}

/* Everything that the future of level 1 depends on; 0 when it is too much. */
static uint32_t make_key(const struct constraint_walk *walk, uint32_t key[MASK_KEY_MAX])
{
    const struct constraint_level *level = &walk->levels[1];
    uint32_t size = 0;
    for (uint32_t i = level->begin; i < level->end; i++) {
        const struct constraint_config *config = &walk->configs[i];
        uint32_t depth = walk->frames[config->frame].depth;
        if (size + depth + 3 > MASK_KEY_MAX)
            return 0;
        key[size++] = config->node;
        key[size++] = config->position;
        key[size++] = depth;
        for (uint32_t frame = config->frame; frame; frame = walk->frames[frame].parent)
            key[size++] = walk->frames[frame].next;
    }
    return size;
}

/* The slot with this key, or the one to replace. */
static struct mask_slot *find_slot(struct mask_maker *maker, const uint32_t *key, uint32_t size,
                                   bool *found)
{
    struct mask_slot *oldest = &maker->slots[0];
    *found = false;
    for (size_t i = 0; i < MASK_CACHE_SLOTS; i++) {
        struct mask_slot *slot = &maker->slots[i];
        if (size && slot->key_size == size && memcmp(slot->key, key, size * sizeof *key) == 0) {
            *found = true;
            slot->used = ++maker->clock;
            return slot;
        }
        if (slot->used < oldest->used)
            oldest = slot;
    }
    return oldest;
}

/* Walk the whole trie for level 1, unless a slot remembers the answer. */
static void fill_rest(struct mask_maker *maker, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    struct constraint_walk *walk = maker->walk;
    uint32_t key[MASK_KEY_MAX];
    uint32_t size = make_key(walk, key);
    bool found;
    struct mask_slot *slot = find_slot(maker, key, size, &found);
    if (found) {
        merge(bits, slot->bits, vocab->words);
        return;
    }
    memset(maker->scratch, 0, vocab->words * sizeof *bits);
    walk->budget = WALK_BUDGET;
    walk_nodes(maker, 1, 0, 0, vocab->node_count, maker->scratch);
    int64_t steps = WALK_BUDGET - walk->budget;
    if (walk->budget <= 0)
        walk_bytes(maker, 1, maker->scratch);
    merge(bits, maker->scratch, vocab->words);
    if (!size || steps < MASK_CACHE_STEPS)
        return;
    uint32_t *freed = slot->bits;
    slot->bits = maker->scratch;
    maker->scratch = freed;
    slot->key_size = size;
    slot->used = ++maker->clock;
    memcpy(slot->key, key, size * sizeof *key);
}

void mask_maker_fill(struct mask_maker *maker, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    struct constraint_walk *walk = maker->walk;
    memset(bits, 0, vocab->words * sizeof *bits);
    walk->budget = WALK_BUDGET;
    for (uint32_t i = walk->levels[0].begin; i < walk->levels[0].end; i++) {
        const struct constraint_config *config = &walk->configs[i];
        const struct grammar_node *node = &walk->grammar->nodes[config->node];
        if (is_foreseen(walk, config))
            fill_string(maker, config, bits);
        else if (node->kind == NODE_TAG && vocab->tags[node->count] >= 0)
            vocab_set_bit(bits, vocab->tags[node->count]);
    }
    if (gather_rest(walk))
        fill_rest(maker, bits);
    walk->budget = WALK_BUDGET;
}

/* The trie's node for a prefix; node_count when no token begins with it. */
static uint32_t find_prefix(const struct grammar_vocab *vocab, const char *prefix)
{
    uint32_t at = 0, end = vocab->node_count;
    for (; *prefix; prefix++) {
        while (at < end && vocab->nodes[at].byte != (uint8_t)*prefix)
            at = vocab->nodes[at].skip;
        if (at >= end)
            return vocab->node_count;
        if (!prefix[1])
            return at;
        end = vocab->nodes[at++].skip;
    }
    return vocab->node_count;
}

bool mask_maker_refuse_beyond(struct mask_maker *maker, const char *prefix, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    uint32_t at = find_prefix(vocab, prefix);
    if (at >= vocab->node_count || vocab->nodes[at].skip == at + 1)
        return false;
    const struct vocab_trie_node *node = &vocab->nodes[at];
    memset(maker->scratch, 0, vocab->words * sizeof *bits);
    maker->walk->budget = WALK_BUDGET;
    walk_nodes(maker, 0, node->depth, at + 1, node->skip, maker->scratch);
    maker->walk->budget = WALK_BUDGET;
    mask_maker_allow_all(maker, bits);
    for (uint32_t i = node[1].first_id; i < vocab->nodes[node->skip].first_id; i++) {
        int32_t id = vocab->ids[i];
        if (!(maker->scratch[id >> 5] >> (id & 31) & 1))
            bits[id >> 5] &= ~(1u << (id & 31));
    }
    return true;
}

void mask_maker_allow_all(const struct mask_maker *maker, uint32_t *bits)
{
    const struct grammar_vocab *vocab = maker->vocab;
    memset(bits, 0xFF, vocab->words * sizeof *bits);
    if (vocab->vocab_size % 32)
        bits[vocab->words - 1] = (1u << (vocab->vocab_size % 32)) - 1;
}
