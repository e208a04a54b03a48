/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64u

void buffer_init(struct buffer *buffer, size_t limit)
{
    /* One byte is kept for the NUL, hence never SIZE_MAX. */
    *buffer = (struct buffer){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->limit);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
    buffer->full = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* Make room for `more` bytes and the NUL. */
static bool reserve(struct buffer *buffer, size_t more)
{
    if (buffer->failed)
        return false;
    if (buffer->size > buffer->limit || more > buffer->limit - buffer->size) {
        buffer->failed = true;
        buffer->full = true;
        return false;
    }
    size_t needed = buffer->size + more + 1;
    if (buffer->data && needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity < SIZE_MAX / 2 ? buffer->capacity * 2 : needed;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    if (capacity > buffer->limit + 1)
        capacity = buffer->limit + 1;
    if (capacity < needed)
        capacity = needed;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (!reserve(buffer, size))
        return false;
    if (size)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

bool buffer_append_str(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

bool buffer_append_char(struct buffer *buffer, char byte)
{
    return buffer_append(buffer, &byte, 1);
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    bool ok = length >= 0 && reserve(buffer, (size_t)length);
    if (ok) {
        vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    if (length < 0)
        buffer->failed = true;
    va_end(again);
    va_end(arguments);
    return ok;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

char *buffer_take(struct buffer *buffer, size_t *size)
{
    if (!buffer->data && !reserve(buffer, 0)) {
        if (size)
            *size = 0;
        return NULL;
    }
    char *data = buffer->data;
    data[buffer->size] = '\0';
    if (size)
        *size = buffer->size;
    buffer_init(buffer, buffer->limit);
    return data;
}
