/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/bpe_table.h"

/* Up to here the quadratic search is faster than the heap. */
#define SHORT_WORD 64

#define NO_RANK UINT32_MAX

void bpe_scratch_free(struct bpe_scratch *scratch)
{
    free(scratch->memory);
    *scratch = (struct bpe_scratch){0};
}

static octet_status scratch_reserve(struct bpe_scratch *scratch, size_t bytes,
                                    struct octet_error *err)
{
    if (bytes <= scratch->capacity)
        return OCTET_OK;
    free(scratch->memory);
    scratch->capacity = 0;
    scratch->memory = malloc(bytes);
    if (!scratch->memory)
        return error_memory(err, "a long word", bytes);
    scratch->capacity = bytes;
    return OCTET_OK;
}

static uint32_t pair_rank(const struct bpe *bpe, int32_t left, int32_t right)
{
    const struct bpe_merge *merge = bpe_table_find(bpe, left, right);
    return merge ? merge->rank : NO_RANK;
}

/* Merge in place; returns how many symbols remain. */
static size_t merge_short(const struct bpe *bpe, int32_t *ids, size_t count)
{
    uint32_t ranks[SHORT_WORD]; /* ranks[i]: of the pair that begins at i */
    for (size_t i = 0; i + 1 < count; i++)
        ranks[i] = pair_rank(bpe, ids[i], ids[i + 1]);
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = bpe_table_find(bpe, ids[best], ids[best + 1])->joined;
        memmove(ids + best + 1, ids + best + 2, (count - best - 2) * sizeof *ids);
        count--;
        if (best + 1 < count) {
            memmove(ranks + best + 1, ranks + best + 2, (count - best - 2) * sizeof *ranks);
            ranks[best] = pair_rank(bpe, ids[best], ids[best + 1]);
        }
        if (best > 0)
            ranks[best - 1] = pair_rank(bpe, ids[best - 1], ids[best]);
    }
    return count;
}

/* A symbol of a long word: a doubly linked list by index. */
struct node {
    int32_t id; /* -1: joined into the symbol before it */
    uint32_t previous, next;
    uint32_t rank; /* of the pair with the next symbol */
};

/* A heap of rank << 32 | index, smallest first. Entries that no longer hold are skipped when
 * popped. */
struct heap {
    uint64_t *items;
    size_t count;
};

static void heap_push(struct heap *heap, uint64_t item)
{
    size_t at = heap->count++;
    while (at > 0 && heap->items[(at - 1) / 2] > item) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = item;
}

static uint64_t heap_pop(struct heap *heap)
{
    uint64_t top = heap->items[0];
    uint64_t item = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->items[child + 1] < heap->items[child])
            child++;
        if (heap->items[child] >= item)
            break;
        heap->items[at] = heap->items[child];
    }
    heap->items[at] = item;
    return top;
}

static void rate_pair(const struct bpe *bpe, struct node *nodes, uint32_t count, uint32_t at,
                      struct heap *heap)
{
    uint32_t next = nodes[at].next;
    nodes[at].rank = next < count ? pair_rank(bpe, nodes[at].id, nodes[next].id) : NO_RANK;
    if (nodes[at].rank != NO_RANK)
        heap_push(heap, (uint64_t)nodes[at].rank << 32 | at);
}

static void merge_long(const struct bpe *bpe, struct node *nodes, uint32_t count, struct heap *heap)
{
    for (uint32_t i = 0; i + 1 < count; i++)
        rate_pair(bpe, nodes, count, i, heap);
    while (heap->count > 0) {
        uint64_t top = heap_pop(heap);
        uint32_t at = (uint32_t)top;
        struct node *left = &nodes[at];
        if (left->id < 0 || left->rank != (uint32_t)(top >> 32))
            continue;
        struct node *right = &nodes[left->next];
        left->id = bpe_table_find(bpe, left->id, right->id)->joined;
        right->id = -1;
        left->next = right->next;
        if (left->next < count)
            nodes[left->next].previous = at;
        rate_pair(bpe, nodes, count, at, heap);
        if (left->previous < count)
            rate_pair(bpe, nodes, count, left->previous, heap);
    }
}

static octet_status encode_short(const struct bpe *bpe, const char *word, size_t size,
                                 struct token_ids *out, struct octet_error *err)
{
    int32_t ids[SHORT_WORD];
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        int32_t id = bpe->byte_ids[(uint8_t)word[i]];
        if (id >= 0)
            ids[count++] = id;
    }
    count = merge_short(bpe, ids, count);
    for (size_t i = 0; i < count; i++)
        if (!token_ids_push(out, ids[i]))
            return error_memory(err, "token ids", out->count * sizeof *ids);
    return OCTET_OK;
}

static octet_status encode_long(const struct bpe *bpe, struct bpe_scratch *scratch,
                                const char *word, size_t size, struct token_ids *out,
                                struct octet_error *err)
{
    /* A merge takes one entry off the heap and adds at most two, and there are fewer merges than
     * pairs: 2 * size entries are enough. */
    size_t heap_bytes = 2 * size * sizeof(uint64_t);
    RETURN_IF_ERROR(scratch_reserve(scratch, heap_bytes + size * sizeof(struct node), err));
    struct heap heap = {.items = scratch->memory};
    struct node *nodes = (struct node *)(void *)((char *)scratch->memory + heap_bytes);
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) {
        int32_t id = bpe->byte_ids[(uint8_t)word[i]];
        if (id < 0)
            continue;
        nodes[count] = (struct node){id, count - 1, count + 1, NO_RANK};
        count++;
    }
    merge_long(bpe, nodes, count, &heap);
    for (uint32_t i = 0; i < count; i = nodes[i].next)
        if (!token_ids_push(out, nodes[i].id))
            return error_memory(err, "token ids", out->count * sizeof(int32_t));
    return OCTET_OK;
}

octet_status bpe_encode(const struct bpe *bpe, struct bpe_scratch *scratch, const char *word,
                        size_t size, struct token_ids *out, struct octet_error *err)
{
    if (bpe->ignore_merges) {
        int32_t id = vocab_find(bpe->vocab, word, size);
        if (id >= 0)
            return token_ids_push(out, id) ? OCTET_OK : error_memory(err, "token ids", 4);
    }
    if (size <= SHORT_WORD)
        return encode_short(bpe, word, size, out, err);
    return encode_long(bpe, scratch, word, size, out, err);
}
