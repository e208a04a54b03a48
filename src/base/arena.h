/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: memory for many small things that live as long as their owner, freed once. Blocks are
 * malloc'ed so that ASan sees overruns of a block; an arena is born with its maximum.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* the block that is being filled */
    size_t used;              /* bytes handed out, alignment included */
    size_t limit;             /* arena_alloc fails past this many bytes */
};

void arena_init(struct arena *arena, size_t limit);
void arena_free(struct arena *arena);

/* size bytes, zeroed, aligned to 16; NULL when the limit or the system's memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t size);

/* count * size bytes with the product checked. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* Copies, with a NUL after the bytes; NULL as above. */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_strdup(struct arena *arena, const char *text);

#endif
