/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu/host.h"

#include <stdlib.h>
#include <sys/mman.h>
#include "base/checked.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define CHUNK_SIZE ((size_t)32 << 20)

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

void *host_pages_map(size_t bytes)
{
    size_t size = round_up(bytes, HUGE_PAGE), whole;
    if (bytes == 0 || size < bytes || !checked_add_size(size, HUGE_PAGE, &whole))
        return NULL;
    char *raw = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    /* Trim to 2 MiB alignment, so that every page of it can be a huge one. */
    size_t before = round_up((size_t)(uintptr_t)raw, HUGE_PAGE) - (size_t)(uintptr_t)raw;
    size_t after = HUGE_PAGE - before;
    if (before)
        munmap(raw, before);
    if (after)
        munmap(raw + before + size, after);
    /* A system that refuses gives small pages: slower, and right. */
    (void)madvise(raw + before, size, MADV_HUGEPAGE);
    return raw + before;
}

void host_pages_unmap(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, round_up(bytes, HUGE_PAGE));
}

void *panel_arena_alloc(struct panel_arena *arena, size_t bytes)
{
    size_t size = round_up(bytes, 64);
    struct panel_chunk *chunk = arena->head;
    if (size < bytes)
        return NULL;
    if (!chunk || chunk->size - chunk->used < size) {
        chunk = malloc(sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->size = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk->memory = host_pages_map(chunk->size);
        if (!chunk->memory) {
            free(chunk);
            return NULL;
        }
        chunk->used = 0;
        chunk->next = arena->head;
        arena->head = chunk;
    }
    void *result = chunk->memory + chunk->used;
    chunk->used += size;
    return result;
}

void panel_arena_free(struct panel_arena *arena)
{
    while (arena->head) {
        struct panel_chunk *chunk = arena->head;
        arena->head = chunk->next;
        host_pages_unmap(chunk->memory, chunk->size);
        free(chunk);
    }
}
