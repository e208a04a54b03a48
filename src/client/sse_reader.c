/* SPDX-License-Identifier: Apache-2.0 */
#include "client/sse_reader.h"

#include <string.h>

void sse_reader_init(struct sse_reader *reader, size_t limit)
{
    *reader = (struct sse_reader){0};
    buffer_init(&reader->line, limit);
    buffer_init(&reader->data, limit);
}

void sse_reader_free(struct sse_reader *reader)
{
    buffer_free(&reader->line);
    buffer_free(&reader->data);
}

/* "data", "data:x" and "data: x" are fields; everything else is skipped. */
static bool take_field(struct sse_reader *reader)
{
    const char *line = buffer_text(&reader->line);
    size_t size = reader->line.size;
    if (size < 4 || memcmp(line, "data", 4) != 0 || (size > 4 && line[4] != ':'))
        return true;
    size_t start = size > 4 ? 5 : 4;
    start += size > start && line[start] == ' ';
    if (reader->has_data)
        buffer_append_char(&reader->data, '\n');
    reader->has_data = true;
    buffer_append(&reader->data, line + start, size - start);
    return !buffer_failed(&reader->data);
}

static enum sse_result end_line(struct sse_reader *reader,
                                bool (*event)(void *context, const char *data, size_t size),
                                void *context)
{
    static const char mark[] = "\xEF\xBB\xBF";
    enum sse_result result = SSE_MORE;
    if (!reader->begun && reader->line.size >= 3 && memcmp(reader->line.data, mark, 3) == 0) {
        reader->line.size -= 3;
        memmove(reader->line.data, reader->line.data + 3, reader->line.size + 1);
    }
    reader->begun = true;
    if (reader->line.size) {
        if (!take_field(reader))
            result = SSE_FAILED;
    } else if (reader->has_data) {
        if (!event(context, buffer_text(&reader->data), reader->data.size))
            result = SSE_STOPPED;
        buffer_clear(&reader->data);
        reader->has_data = false;
    }
    buffer_clear(&reader->line);
    return result;
}

enum sse_result sse_reader_push(struct sse_reader *reader, const char *bytes, size_t size,
                                bool (*event)(void *context, const char *data, size_t size),
                                void *context)
{
    size_t at = size && reader->after_return && bytes[0] == '\n';
    if (size)
        reader->after_return = false;
    while (at < size) {
        size_t end = at;
        while (end < size && bytes[end] != '\n' && bytes[end] != '\r')
            end++;
        if (!buffer_append(&reader->line, bytes + at, end - at))
            return SSE_FAILED;
        if (end == size)
            return SSE_MORE;
        enum sse_result result = end_line(reader, event, context);
        if (result != SSE_MORE)
            return result;
        at = end + 1;
        if (bytes[end] == '\r' && at < size && bytes[at] == '\n')
            at++;
        else
            reader->after_return = bytes[end] == '\r' && at == size;
    }
    return SSE_MORE;
}
