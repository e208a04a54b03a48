/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an event stream: what comes out does not depend on how they were cut. */
#include "client/sse_reader.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_event(void *context, const char *data, size_t size)
{
    struct buffer *out = context;
    assert(strlen(data) <= size && data[size] == '\0');
    buffer_append(out, data, size);
    buffer_append_char(out, '\0');
    return true;
}

static enum sse_result read_in_pieces(const char *bytes, size_t size, size_t piece,
                                      struct buffer *out)
{
    struct sse_reader reader;
    enum sse_result result = SSE_MORE;
    sse_reader_init(&reader, LIMIT);
    for (size_t at = 0; at < size && result == SSE_MORE; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        result = sse_reader_push(&reader, bytes + at, length, on_event, out);
    }
    sse_reader_free(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    struct buffer whole, cut;
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    buffer_init(&whole, 1 << 20);
    buffer_init(&cut, 1 << 20);
    enum sse_result first = read_in_pieces(bytes, size, size ? size : 1, &whole);
    enum sse_result second = read_in_pieces(bytes, size, size > 1 ? 1 + data[0] % 7 : 1, &cut);
    assert(first == second && whole.size == cut.size);
    assert(whole.size == 0 || memcmp(whole.data, cut.data, whole.size) == 0);
    buffer_free(&cut);
    buffer_free(&whole);
    free(bytes);
    return 0;
}
