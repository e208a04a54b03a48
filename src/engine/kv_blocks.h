/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KV pool's bookkeeping: which block belongs to whom, and which blocks hold a prefix that
 * another request may reuse. Knows ids and counts only, never the memory behind them.
 *
 * A block with references is in use. A block without is in the free list, whose head is taken next:
 * blocks without a cached prefix are put at the head, cached ones at the tail, so that the cached
 * block unused for longest is the first to be overwritten.
 *
 * Prefix cache. A full block of a sequence can be registered under (parent, its tokens), where
 * parent is the number that was given to the preceding block's contents (a salt for the first). A
 * number is never used twice, so equal keys mean equal prefixes exactly: hashing only finds the
 * candidate, which is then compared. One thread uses a pool.
 */
#ifndef ENGINE_KV_BLOCKS_H
#define ENGINE_KV_BLOCKS_H

#include "base/status.h"

#define KV_NO_BLOCK (-1)

struct kv_block {
    int32_t references;
    int32_t previous, next; /* in the free list; KV_NO_BLOCK at its ends */
    int32_t chain;          /* next block of the same hash bucket */
    uint64_t content;       /* number of its registered contents; 0: not cached */
    uint64_t parent;        /* content number of the block before it */
};

struct kv_blocks {
    int32_t block_size;
    int32_t block_count;
    int32_t free_count;
    int32_t free_head, free_tail;
    struct kv_block *blocks;
    int32_t *tokens;  /* [block_count][block_size] of cached blocks; NULL without prefix cache */
    int32_t *buckets; /* [bucket_mask + 1] heads of chains */
    uint32_t bucket_mask;
    uint64_t next_content;
    int32_t cached_count;      /* blocks with registered contents */
    int32_t idle_cached_count; /* of them, those in the free list */
};

/* All memory is allocated here. Errors: OCTET_USAGE, OCTET_MEMORY. */
octet_status kv_blocks_init(struct kv_blocks *pool, int32_t block_count, int32_t block_size,
                            bool prefix_cache, struct octet_error *err);
void kv_blocks_free(struct kv_blocks *pool);

/* Take a free block with one reference; what was cached in it is forgotten. KV_NO_BLOCK when none
 * is free. */
int32_t kv_blocks_take(struct kv_blocks *pool);
/* One more, one fewer reference; the last one frees the block and keeps its cached contents. */
void kv_blocks_retain(struct kv_blocks *pool, int32_t block);
void kv_blocks_release(struct kv_blocks *pool, int32_t block);

/* The parent of a sequence's first block: the same for equal salts; 0 is the common one. */
uint64_t kv_blocks_root(uint64_t salt);

/*
 * Find a cached block with these block_size tokens after `parent` and give it a reference.
 * KV_NO_BLOCK when there is none. *content receives the parent of the next block.
 */
int32_t kv_blocks_find(struct kv_blocks *pool, uint64_t parent, const int32_t *tokens,
                       uint64_t *content);

/*
 * Register a block, in use and full, under (parent, tokens); if another block already holds the
 * same, that one stays the cached one. Returns the parent of the next block.
 */
uint64_t kv_blocks_register(struct kv_blocks *pool, int32_t block, uint64_t parent,
                            const int32_t *tokens);

/* Forget every cached prefix. */
void kv_blocks_forget(struct kv_blocks *pool);

static inline int32_t kv_blocks_needed(const struct kv_blocks *pool, int32_t positions)
{
    return positions / pool->block_size + (positions % pool->block_size != 0);
}

#endif
