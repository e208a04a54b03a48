/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer that is born with its maximum. Appends after a failure do nothing, so a
 * sequence of appends needs one check at its end: buffer_failed().
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* size bytes, then a NUL; NULL while empty */
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed; /* the limit or the memory was exhausted */
    bool full;   /* failed, and it was the limit */
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_free(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* size 0, memory kept, failure forgotten */

/* Each returns false (and marks the buffer failed) when it cannot append all. */
bool buffer_append(struct buffer *buffer, const void *bytes, size_t size);
bool buffer_append_str(struct buffer *buffer, const char *text);
bool buffer_append_char(struct buffer *buffer, char byte);
bool buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool buffer_failed(const struct buffer *buffer)
{
    return buffer->failed;
}

/* The text, "" when empty; owned by the buffer. */
const char *buffer_text(const struct buffer *buffer);

/* Hand the bytes to the caller, who frees them with free(); the buffer is empty afterwards. */
char *buffer_take(struct buffer *buffer, size_t *size);

#endif
