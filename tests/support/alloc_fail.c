/* SPDX-License-Identifier: Apache-2.0 */
#include "support/alloc_fail.h"

#include <stdint.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static struct {
    bool active, refused;
    size_t index, failing_index;
    long outstanding;
} state;

void alloc_fail_begin(size_t failing_index)
{
    state.active = true;
    state.refused = false;
    state.index = 0;
    state.failing_index = failing_index;
    state.outstanding = 0;
}

bool alloc_fail_end(long *outstanding)
{
    state.active = false;
    *outstanding = state.outstanding;
    return state.refused;
}

static bool refuses(void)
{
    if (!state.active || state.index++ != state.failing_index)
        return false;
    state.refused = true;
    return true;
}

static void *counted(void *block)
{
    if (state.active && block)
        state.outstanding++;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return refuses() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (refuses())
        return NULL;
    return block ? __real_realloc(block, size) : counted(__real_malloc(size));
}

char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void __wrap_free(void *block)
{
    if (state.active && block)
        state.outstanding--;
    __real_free(block);
}
