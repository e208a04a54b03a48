/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kv_blocks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* Content numbers below this are roots; kv_blocks_register hands out the ones above. */
#define FIRST_CONTENT (UINT64_C(1) << 63)

static uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint32_t bucket_of(const struct kv_blocks *pool, uint64_t parent, const int32_t *tokens)
{
    uint64_t hash = mix64(parent);
    for (int32_t i = 0; i < pool->block_size; i++)
        hash = mix64(hash ^ (uint32_t)tokens[i]);
    return (uint32_t)hash & pool->bucket_mask;
}

static int32_t *tokens_of(const struct kv_blocks *pool, int32_t block)
{
    return pool->tokens + (size_t)block * (size_t)pool->block_size;
}

static bool holds(const struct kv_blocks *pool, int32_t block, uint64_t parent,
                  const int32_t *tokens)
{
    return pool->blocks[block].parent == parent &&
           memcmp(tokens_of(pool, block), tokens, (size_t)pool->block_size * sizeof *tokens) == 0;
}

static void list_remove(struct kv_blocks *pool, int32_t block)
{
    struct kv_block *b = &pool->blocks[block];
    pool->idle_cached_count -= b->content != 0;
    if (b->previous != KV_NO_BLOCK)
        pool->blocks[b->previous].next = b->next;
    else
        pool->free_head = b->next;
    if (b->next != KV_NO_BLOCK)
        pool->blocks[b->next].previous = b->previous;
    else
        pool->free_tail = b->previous;
    b->previous = b->next = KV_NO_BLOCK;
    pool->free_count--;
}

static void list_push_head(struct kv_blocks *pool, int32_t block)
{
    struct kv_block *b = &pool->blocks[block];
    b->previous = KV_NO_BLOCK;
    b->next = pool->free_head;
    if (pool->free_head != KV_NO_BLOCK)
        pool->blocks[pool->free_head].previous = block;
    else
        pool->free_tail = block;
    pool->free_head = block;
    pool->free_count++;
}

static void list_push_tail(struct kv_blocks *pool, int32_t block)
{
    struct kv_block *b = &pool->blocks[block];
    b->next = KV_NO_BLOCK;
    b->previous = pool->free_tail;
    if (pool->free_tail != KV_NO_BLOCK)
        pool->blocks[pool->free_tail].next = block;
    else
        pool->free_head = block;
    pool->free_tail = block;
    pool->free_count++;
}

static void forget(struct kv_blocks *pool, int32_t block)
{
    struct kv_block *b = &pool->blocks[block];
    if (b->content == 0)
        return;
    int32_t *link = &pool->buckets[bucket_of(pool, b->parent, tokens_of(pool, block))];
    while (*link != block)
        link = &pool->blocks[*link].chain;
    *link = b->chain;
    b->chain = KV_NO_BLOCK;
    pool->idle_cached_count -= b->references == 0;
    b->content = 0;
    b->parent = 0;
    pool->cached_count--;
}

static octet_status init_cache(struct kv_blocks *pool, struct octet_error *err)
{
    size_t token_count = (size_t)pool->block_count * (size_t)pool->block_size;
    uint32_t bucket_count = 1;
    while (bucket_count < (uint32_t)pool->block_count)
        bucket_count *= 2;
    pool->bucket_mask = bucket_count - 1;
    pool->tokens = calloc(token_count, sizeof *pool->tokens);
    pool->buckets = malloc(bucket_count * sizeof *pool->buckets);
    if (!pool->tokens || !pool->buckets)
        return error_memory(err, "prefix cache", token_count * sizeof *pool->tokens);
    for (uint32_t i = 0; i < bucket_count; i++)
        pool->buckets[i] = KV_NO_BLOCK;
    return OCTET_OK;
}

octet_status kv_blocks_init(struct kv_blocks *pool, int32_t block_count, int32_t block_size,
                            bool prefix_cache, struct octet_error *err)
{
    memset(pool, 0, sizeof *pool);
    if (block_count < 1 || block_size < 1 || block_count > INT32_MAX / block_size)
        return error_set(err, OCTET_USAGE,
                         "KV pool: %d blocks of %d positions; both must be at least 1 and their "
                         "product below 2^31",
                         block_count, block_size);
    pool->block_size = block_size;
    pool->block_count = block_count;
    pool->free_head = pool->free_tail = KV_NO_BLOCK;
    pool->next_content = FIRST_CONTENT;
    pool->blocks = calloc((size_t)block_count, sizeof *pool->blocks);
    if (!pool->blocks)
        return error_memory(err, "KV block table", (size_t)block_count * sizeof *pool->blocks);
    octet_status status = prefix_cache ? init_cache(pool, err) : OCTET_OK;
    if (status != OCTET_OK) {
        kv_blocks_free(pool);
        return status;
    }
    for (int32_t i = 0; i < block_count; i++) {
        pool->blocks[i].chain = KV_NO_BLOCK;
        list_push_tail(pool, i);
    }
    return OCTET_OK;
}

void kv_blocks_free(struct kv_blocks *pool)
{
    free(pool->buckets);
    free(pool->tokens);
    free(pool->blocks);
    memset(pool, 0, sizeof *pool);
}

int32_t kv_blocks_take(struct kv_blocks *pool)
{
    int32_t block = pool->free_head;
    if (block == KV_NO_BLOCK)
        return KV_NO_BLOCK;
    list_remove(pool, block);
    pool->blocks[block].references = 1;
    forget(pool, block);
    return block;
}

void kv_blocks_retain(struct kv_blocks *pool, int32_t block)
{
    assert(block >= 0 && block < pool->block_count);
    if (pool->blocks[block].references++ == 0)
        list_remove(pool, block);
}

void kv_blocks_release(struct kv_blocks *pool, int32_t block)
{
    assert(block >= 0 && block < pool->block_count);
    assert(pool->blocks[block].references > 0);
    if (--pool->blocks[block].references > 0)
        return;
    if (pool->blocks[block].content != 0) {
        list_push_tail(pool, block);
        pool->idle_cached_count++;
    } else {
        list_push_head(pool, block);
    }
}

uint64_t kv_blocks_root(uint64_t salt)
{
    /* Roots and registered contents never meet: the top bit tells them apart. */
    return salt & ~FIRST_CONTENT;
}

static int32_t lookup(const struct kv_blocks *pool, uint64_t parent, const int32_t *tokens)
{
    int32_t block = pool->buckets[bucket_of(pool, parent, tokens)];
    while (block != KV_NO_BLOCK && !holds(pool, block, parent, tokens))
        block = pool->blocks[block].chain;
    return block;
}

int32_t kv_blocks_find(struct kv_blocks *pool, uint64_t parent, const int32_t *tokens,
                       uint64_t *content)
{
    if (!pool->tokens)
        return KV_NO_BLOCK;
    int32_t block = lookup(pool, parent, tokens);
    if (block == KV_NO_BLOCK)
        return KV_NO_BLOCK;
    kv_blocks_retain(pool, block);
    *content = pool->blocks[block].content;
    return block;
}

uint64_t kv_blocks_register(struct kv_blocks *pool, int32_t block, uint64_t parent,
                            const int32_t *tokens)
{
    if (!pool->tokens)
        return parent;
    assert(pool->blocks[block].references > 0);
    int32_t known = lookup(pool, parent, tokens);
    if (known != KV_NO_BLOCK)
        return pool->blocks[known].content;
    struct kv_block *b = &pool->blocks[block];
    assert(b->content == 0);
    int32_t *head = &pool->buckets[bucket_of(pool, parent, tokens)];
    memcpy(tokens_of(pool, block), tokens, (size_t)pool->block_size * sizeof *tokens);
    b->content = pool->next_content++;
    b->parent = parent;
    b->chain = *head;
    *head = block;
    pool->cached_count++;
    return b->content;
}

void kv_blocks_forget(struct kv_blocks *pool)
{
    for (int32_t i = 0; i < pool->block_count; i++)
        forget(pool, i);
}
