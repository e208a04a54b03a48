/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/checked.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN 16u
#define BLOCK_SIZE ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

void arena_free(struct arena *arena)
{
    struct arena_block *block = arena->head;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct arena){.limit = arena->limit};
}

/* A large piece gets a block of its own behind the head, which goes on being filled. */
static struct arena_block *block_new(struct arena *arena, size_t size)
{
    bool own = size > BLOCK_SIZE / 4;
    size_t room = own ? size : BLOCK_SIZE, total;
    if (!checked_add_size(sizeof(struct arena_block), room, &total))
        return NULL;
    struct arena_block *block = calloc(1, total);
    if (!block)
        return NULL;
    block->size = room;
    if (own && arena->head) {
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size == 0)
        size = 1; /* so that every result is distinct */
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (arena->used > arena->limit || size > arena->limit - arena->used)
        return NULL;
    struct arena_block *block = arena->head;
    if (!block || size > block->size - block->used)
        block = block_new(arena, size);
    if (!block)
        return NULL;
    void *result = block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return result;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    return checked_mul_size(count, size, &total) ? arena_alloc(arena, total) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}
