/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events (the "event stream" of the HTML standard) as they come: bytes in any pieces
 * in, the data of each event out. Names, ids and comments are skipped.
 */
#ifndef CLIENT_SSE_READER_H
#define CLIENT_SSE_READER_H

#include "base/buffer.h"

struct sse_reader {
    struct buffer line, data;
    bool has_data;     /* a data line came since the last event */
    bool after_return; /* the last byte was '\r': a '\n' now belongs to it */
    bool begun;        /* past the byte-order mark that may come first */
};

/* limit: the most bytes of a line and of an event. */
void sse_reader_init(struct sse_reader *reader, size_t limit);
void sse_reader_free(struct sse_reader *reader);

enum sse_result {
    SSE_MORE,
    SSE_STOPPED, /* event() said so; the rest of the bytes was not read */
    SSE_FAILED,  /* the limit or the memory was exhausted */
};

/* event(context, data, size): data of one event, its lines joined by '\n' and a NUL behind them;
 * false stops. An event that the end of the bytes cuts short is none. */
enum sse_result sse_reader_push(struct sse_reader *reader, const char *bytes, size_t size,
                                bool (*event)(void *context, const char *data, size_t size),
                                void *context);

#endif
