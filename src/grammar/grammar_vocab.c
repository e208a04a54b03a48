/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/vocab_trie.h"

#include <stdlib.h>
#include <string.h>

/* A token while the trie is built; ordered by its bytes. */
struct token_key {
    const char *bytes;
    uint32_t size;
    int32_t id;
};

bool vocab_is_eos(const struct grammar_vocab *vocab, int32_t id)
{
    for (size_t i = 0; i < vocab->eos_id_count; i++)
        if (vocab->eos_ids[i] == id)
            return true;
    return false;
}

bool vocab_is_text(const struct grammar_vocab *vocab, int32_t id)
{
    size_t size;
    if (id < 0 || id >= vocab->vocab_size || tokenizer_is_added(vocab->tokenizer, id) ||
        tokenizer_is_special(vocab->tokenizer, id) || vocab_is_eos(vocab, id))
        return false;
    tokenizer_token_bytes(vocab->tokenizer, id, &size);
    return size > 0 && size <= VOCAB_TOKEN_BYTES_MAX;
}

unsigned vocab_byte_class(uint8_t byte)
{
    static const char singles[] = " _-.,\"\\\n'/=@%+*\t";
    static const char *const pairs[] = {"()", ":;", "{}", "[]", "<>", "&|", "!?", "#$~^`"};
    if (byte >= 0x80)
        return byte < 0xC0 ? 28 : byte < 0xE0 ? 29 : byte < 0xF0 ? 30 : 31;
    if (byte >= 'a' && byte <= 'z')
        return 0;
    if (byte >= 'A' && byte <= 'Z')
        return 1;
    if (byte >= '0' && byte <= '9')
        return 2;
    const char *found = byte ? strchr(singles, (char)byte) : NULL;
    if (found)
        return 3 + (unsigned)(found - singles);
    for (unsigned i = 0; byte && i < sizeof pairs / sizeof pairs[0]; i++)
        if (strchr(pairs[i], (char)byte))
            return 19 + i;
    return 27;
}

static int compare_keys(const void *left, const void *right)
{
    const struct token_key *a = left, *b = right;
    size_t common = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, common);
    if (order)
        return order;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

/* The text tokens, sorted; *total receives the number of their bytes. */
static struct token_key *sorted_keys(struct grammar_vocab *vocab, size_t *total)
{
    int32_t end = tokenizer_vocab_size(vocab->tokenizer);
    if (end > vocab->vocab_size)
        end = vocab->vocab_size;
    struct token_key *keys = calloc((size_t)end + 1, sizeof *keys);
    if (!keys)
        return NULL;
    *total = 0;
    for (int32_t id = 0; id < end; id++) {
        if (!vocab_is_text(vocab, id))
            continue;
        size_t size;
        const char *bytes = tokenizer_token_bytes(vocab->tokenizer, id, &size);
        keys[vocab->id_count++] = (struct token_key){bytes, (uint32_t)size, id};
        *total += size;
    }
    if (vocab->id_count > 1)
        qsort(keys, vocab->id_count, sizeof *keys, compare_keys);
    return keys;
}

static size_t common_prefix(const struct token_key *a, const struct token_key *b)
{
    size_t common = 0;
    while (common < a->size && common < b->size && a->bytes[common] == b->bytes[common])
        common++;
    return common;
}

/* Nodes that are open, by depth, get their skip when a key leaves them. */
static void fill_nodes(struct grammar_vocab *vocab, const struct token_key *keys)
{
    uint32_t open[VOCAB_TOKEN_BYTES_MAX + 1], count = 0;
    size_t depth = 0;
    for (uint32_t i = 0; i < vocab->id_count; i++) {
        size_t common = i ? common_prefix(&keys[i - 1], &keys[i]) : 0;
        while (depth > common)
            vocab->nodes[open[depth--]].skip = count;
        while (depth < keys[i].size) {
            vocab->nodes[count] = (struct vocab_trie_node){.first_id = i,
                                                           .depth = (uint16_t)(depth + 1),
                                                           .byte = (uint8_t)keys[i].bytes[depth]};
            open[++depth] = count++;
        }
        vocab->ids[i] = keys[i].id;
    }
    while (depth > 0)
        vocab->nodes[open[depth--]].skip = count;
    vocab->nodes[count] = (struct vocab_trie_node){.skip = count, .first_id = vocab->id_count};
    vocab->node_count = count;
}

/* From the last node to the first, each tells its parent what it has. */
static void summarise(struct grammar_vocab *vocab)
{
    uint32_t below[VOCAB_TOKEN_BYTES_MAX + 2] = {0};
    uint16_t height[VOCAB_TOKEN_BYTES_MAX + 2] = {0};
    for (uint32_t i = vocab->node_count; i-- > 0;) {
        struct vocab_trie_node *node = &vocab->nodes[i];
        uint16_t depth = node->depth, tall = (uint16_t)(height[depth] + 1);
        node->below = below[depth];
        node->height = (uint8_t)(height[depth] < UINT8_MAX ? height[depth] : UINT8_MAX);
        below[depth - 1] |= below[depth] | 1u << vocab_byte_class(node->byte);
        height[depth - 1] = tall > height[depth - 1] ? tall : height[depth - 1];
        below[depth] = 0;
        height[depth] = 0;
    }
}

static octet_status build_trie(struct grammar_vocab *vocab, struct octet_error *err)
{
    size_t total = 0;
    struct token_key *keys = sorted_keys(vocab, &total);
    if (!keys)
        return error_memory(err, "vocabulary of grammars", 0);
    octet_status status = OCTET_OK;
    vocab->ids = calloc((size_t)vocab->id_count + 1, sizeof *vocab->ids);
    vocab->nodes = calloc(total + 1, sizeof *vocab->nodes);
    if (vocab->ids && vocab->nodes) {
        fill_nodes(vocab, keys);
        summarise(vocab);
        void *fitted = realloc(vocab->nodes, (vocab->node_count + 1u) * sizeof *vocab->nodes);
        if (fitted)
            vocab->nodes = fitted;
    } else {
        status = error_memory(err, "vocabulary of grammars", total * sizeof *vocab->nodes);
    }
    free(keys);
    return status;
}

/* A tag that an added token spells; an ordinary token with that text is in the trie already. */
static void find_tags(struct grammar_vocab *vocab)
{
    for (int tag = 0; tag < TAG_COUNT; tag++) {
        int32_t id = tokenizer_token_id(vocab->tokenizer, grammar_tag_text((enum grammar_tag)tag));
        bool added = id >= 0 && id < vocab->vocab_size &&
                     (tokenizer_is_added(vocab->tokenizer, id) ||
                      tokenizer_is_special(vocab->tokenizer, id));
        vocab->tags[tag] = added ? id : -1;
    }
}

octet_status grammar_vocab_new(const struct tokenizer *tokenizer, int32_t vocab_size,
                               const int32_t *eos_ids, size_t eos_id_count,
                               struct grammar_vocab **out, struct octet_error *err)
{
    struct grammar_vocab *vocab = calloc(1, sizeof *vocab);
    if (!vocab)
        return error_memory(err, "vocabulary of grammars", sizeof *vocab);
    vocab->tokenizer = tokenizer;
    vocab->vocab_size = vocab_size;
    vocab->words = ((size_t)vocab_size + 31) / 32;
    octet_status status = OCTET_OK;
    vocab->eos_ids = calloc(eos_id_count + 1, sizeof *vocab->eos_ids);
    if (!vocab->eos_ids)
        status = error_memory(err, "vocabulary of grammars", eos_id_count * sizeof *eos_ids);
    for (size_t i = 0; status == OCTET_OK && i < eos_id_count; i++)
        if (eos_ids[i] >= 0 && eos_ids[i] < vocab_size)
            vocab->eos_ids[vocab->eos_id_count++] = eos_ids[i];
    if (status == OCTET_OK)
        status = build_trie(vocab, err);
    if (status == OCTET_OK) {
        find_tags(vocab);
        status = vocab_strings_init(vocab, err);
    }
    if (status != OCTET_OK) {
        grammar_vocab_free(vocab);
        return status;
    }
    *out = vocab;
    return OCTET_OK;
}

void grammar_vocab_free(struct grammar_vocab *vocab)
{
    if (!vocab)
        return;
    free(vocab->longer);
    free(vocab->at_most);
    free(vocab->exits);
    free(vocab->inside);
    free(vocab->ids);
    free(vocab->nodes);
    free(vocab->eos_ids);
    free(vocab);
}
