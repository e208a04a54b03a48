/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/byte_level.h"

#define TOKEN_TEXT_LIMIT (1u << 20)

octet_status vocab_init(struct vocab *vocab, int32_t count, struct octet_error *err)
{
    *vocab = (struct vocab){.count = count};
    vocab->entries = calloc((size_t)count + 1, sizeof *vocab->entries);
    if (!vocab->entries)
        return error_memory(err, "tokens", (size_t)count * sizeof *vocab->entries);
    return OCTET_OK;
}

void vocab_free(struct vocab *vocab)
{
    free(vocab->slots);
    free(vocab->flags);
    free(vocab->offsets);
    free(vocab->bytes);
    free(vocab->entries);
    *vocab = (struct vocab){0};
}

octet_status vocab_put(struct vocab *vocab, int32_t id, const char *text, size_t size,
                       uint8_t flags, const char *name, struct octet_error *err)
{
    struct vocab_entry *entry = &vocab->entries[id];
    if (size > TOKEN_TEXT_LIMIT)
        return error_set(err, OCTET_INPUT, "%s: token %d has %zu bytes, at most %u are accepted",
                         name, id, size, TOKEN_TEXT_LIMIT);
    if (entry->flags & flags & VOCAB_MODEL ||
        (entry->flags && (entry->size != size || memcmp(entry->text, text, size) != 0)))
        return error_set(err, OCTET_INPUT, "%s: id %d is both \"%.*s\" and \"%.*s\"", name, id,
                         vocab_shown(entry->size), entry->text, vocab_shown(size), text);
    entry->text = text;
    entry->size = (uint32_t)size;
    entry->flags |= flags;
    return OCTET_OK;
}

static uint64_t hash_bytes(const char *bytes, size_t size)
{
    uint64_t hash = 0x9E3779B97F4A7C15u ^ size;
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, bytes, size);
    hash = (hash ^ rest) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 29;
}

/* Where a token is, or the empty slot where it would go. */
static uint32_t find_slot(const struct vocab *vocab, const char *bytes, size_t size,
                          uint8_t verbatim)
{
    uint32_t slot = (uint32_t)hash_bytes(bytes, size) & vocab->slot_mask;
    for (;; slot = (slot + 1) & vocab->slot_mask) {
        int32_t id = vocab->slots[slot];
        if (id < 0)
            return slot;
        size_t found;
        const char *candidate = vocab_bytes(vocab, id, &found);
        if (found == size && memcmp(candidate, bytes, size) == 0 &&
            (vocab->flags[id] & VOCAB_VERBATIM) == verbatim)
            return slot;
    }
}

static octet_status build_slots(struct vocab *vocab, const char *name, struct octet_error *err)
{
    size_t slots = 16;
    while (slots < (size_t)vocab->count + (size_t)vocab->count / 2)
        slots *= 2;
    vocab->slots = malloc(slots * sizeof *vocab->slots);
    if (!vocab->slots)
        return error_memory(err, "token look-up", slots * sizeof *vocab->slots);
    memset(vocab->slots, 0xFF, slots * sizeof *vocab->slots);
    vocab->slot_mask = (uint32_t)(slots - 1);
    for (int32_t id = 0; id < vocab->count; id++) {
        if (!(vocab->flags[id] & VOCAB_MODEL))
            continue;
        size_t size;
        const char *bytes = vocab_bytes(vocab, id, &size);
        uint32_t slot = find_slot(vocab, bytes, size, vocab->flags[id] & VOCAB_VERBATIM);
        if (vocab->slots[slot] >= 0)
            return error_set(err, OCTET_INPUT, "%s: model.vocab: ids %d and %d have the same text",
                             name, vocab->slots[slot], id);
        vocab->slots[slot] = id;
    }
    return OCTET_OK;
}

octet_status vocab_seal(struct vocab *vocab, const char *name, struct octet_error *err)
{
    size_t count = (size_t)vocab->count;
    size_t total = 0;
    for (size_t id = 0; id < count; id++)
        total += vocab->entries[id].size;
    if (total > UINT32_MAX)
        return error_set(err, OCTET_LIMIT, "the tokens have %zu bytes, at most 4 GiB are accepted",
                         total);
    vocab->bytes = malloc(total + 1);
    vocab->offsets = malloc((count + 1) * sizeof *vocab->offsets);
    vocab->flags = malloc(count + 1);
    if (!vocab->bytes || !vocab->offsets || !vocab->flags)
        return error_memory(err, "token bytes", total);

    size_t used = 0;
    for (size_t id = 0; id < count; id++) {
        const struct vocab_entry *entry = &vocab->entries[id];
        size_t size = 0;
        vocab->offsets[id] = (uint32_t)used;
        vocab->flags[id] = entry->flags;
        if (entry->flags &&
            !byte_level_decode(entry->text, entry->size, vocab->bytes + used, &size)) {
            memcpy(vocab->bytes + used, entry->text, entry->size);
            size = entry->size;
            vocab->flags[id] |= VOCAB_VERBATIM;
        }
        used += size;
    }
    vocab->offsets[count] = (uint32_t)used;
    char *smaller = realloc(vocab->bytes, used + 1);
    if (smaller)
        vocab->bytes = smaller;
    free(vocab->entries);
    vocab->entries = NULL;
    return build_slots(vocab, name, err);
}

const char *vocab_bytes(const struct vocab *vocab, int32_t id, size_t *size)
{
    if (id < 0 || id >= vocab->count) {
        *size = 0;
        return "";
    }
    *size = vocab->offsets[id + 1] - vocab->offsets[id];
    return vocab->bytes + vocab->offsets[id];
}

uint8_t vocab_flags(const struct vocab *vocab, int32_t id)
{
    return id < 0 || id >= vocab->count ? 0 : vocab->flags[id];
}

int32_t vocab_find(const struct vocab *vocab, const char *bytes, size_t size)
{
    return vocab->slots[find_slot(vocab, bytes, size, 0)];
}

int32_t vocab_find_text(const struct vocab *vocab, const char *text, size_t size, char *scratch)
{
    size_t decoded;
    if (byte_level_decode(text, size, scratch, &decoded))
        return vocab_find(vocab, scratch, decoded);
    return vocab->slots[find_slot(vocab, text, size, VOCAB_VERBATIM)];
}
