/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each stop string is followed by its own automaton (Knuth, Morris, Pratt, "Fast pattern matching
 * in strings", SIAM J. Comput. 6(2), 1977): `matched` is the length of its longest prefix that the
 * text ends in. The largest of them is what must be held back.
 */
#include "text/text_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PENDING_LIMIT ((size_t)64 << 20)

struct stop {
    char *text; /* size bytes */
    size_t size;
    uint32_t
        *border; /* border[n]: the longest proper border of the first n bytes, 1 <= n <= size */
    size_t matched;
};

struct text_stream {
    struct detokenizer detokenizer;
    struct stop *stops;
    size_t stop_count;
    bool include_stop;
    size_t min_tokens, tokens; /* ... and how many came so far */
    int stopped;
    struct buffer pending; /* decoded text that is not shown yet */
};

static size_t stop_advance(const struct stop *stop, size_t matched, char byte)
{
    while (matched > 0 && stop->text[matched] != byte)
        matched = stop->border[matched];
    return matched + (stop->text[matched] == byte);
}

static octet_status stop_init(struct stop *stop, const char *text, struct octet_error *err)
{
    size_t size = strnlen(text, TEXT_STREAM_STOP_BYTES_MAX + 1);
    if (size == 0)
        return error_set(err, OCTET_INPUT, "stop: a stop string must not be empty");
    if (size > TEXT_STREAM_STOP_BYTES_MAX)
        return error_set(err, OCTET_LIMIT, "stop: a stop string has more than %d bytes",
                         TEXT_STREAM_STOP_BYTES_MAX);
    if (!utf8_valid(text, size))
        return error_set(err, OCTET_INPUT, "stop: a stop string is not valid UTF-8");
    stop->size = size;
    stop->text = strdup(text);
    stop->border = calloc(size + 1, sizeof *stop->border);
    if (!stop->text || !stop->border)
        return error_memory(err, "a stop string", size);
    for (size_t n = 2; n <= size; n++)
        stop->border[n] = (uint32_t)stop_advance(stop, stop->border[n - 1], text[n - 1]);
    return OCTET_OK;
}

octet_status text_stream_new(const struct tokenizer *tokenizer,
                             const struct text_stream_options *options, struct text_stream **out,
                             struct octet_error *err)
{
    static const struct text_stream_options none;
    if (!options)
        options = &none;
    if (options->stop_count > TEXT_STREAM_STOPS_MAX)
        return error_set(err, OCTET_LIMIT, "stop: %zu stop strings, at most %d are accepted",
                         options->stop_count, TEXT_STREAM_STOPS_MAX);
    struct text_stream *stream = calloc(1, sizeof *stream);
    struct stop *stops = calloc(options->stop_count + 1, sizeof *stops);
    if (!stream || !stops) {
        free(stops);
        free(stream);
        return error_memory(err, "a text stream", sizeof *stream);
    }
    detokenizer_init(&stream->detokenizer, tokenizer, options->skip_special);
    buffer_init(&stream->pending, PENDING_LIMIT);
    stream->stops = stops;
    stream->include_stop = options->include_stop;
    stream->min_tokens = options->min_tokens;
    stream->stopped = -1;
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < options->stop_count && status == OCTET_OK; i++) {
        stream->stop_count = i + 1;
        status = stop_init(&stream->stops[i], options->stops[i], err);
    }
    if (status != OCTET_OK) {
        text_stream_free(stream);
        return status;
    }
    *out = stream;
    return OCTET_OK;
}

void text_stream_free(struct text_stream *stream)
{
    if (!stream)
        return;
    for (size_t i = 0; i < stream->stop_count; i++) {
        free(stream->stops[i].border);
        free(stream->stops[i].text);
    }
    free(stream->stops);
    buffer_free(&stream->pending);
    free(stream);
}

/* Advance all automata by one byte; the index of the longest stop string that ends here, or -1. */
static int advance_all(struct text_stream *stream, char byte)
{
    int found = -1;
    for (size_t i = 0; i < stream->stop_count; i++) {
        struct stop *stop = &stream->stops[i];
        stop->matched = stop_advance(stop, stop->matched, byte);
        if (stop->matched < stop->size)
            continue;
        if (found < 0 || stop->size > stream->stops[found].size)
            found = (int)i;
        stop->matched = stop->border[stop->size];
    }
    return found;
}

/* Follow the pending text from `from` on and append what of it is certain. */
static bool show(struct text_stream *stream, size_t from, bool all, struct buffer *out)
{
    struct buffer *pending = &stream->pending;
    size_t certain = pending->size;
    for (size_t i = from; i < pending->size && stream->stopped < 0; i++) {
        int found = advance_all(stream, pending->data[i]);
        stream->stopped = stream->tokens > stream->min_tokens ? found : -1;
        if (stream->stopped >= 0)
            certain = i + 1 - (stream->include_stop ? 0 : stream->stops[stream->stopped].size);
    }
    size_t held = 0;
    for (size_t i = 0; i < stream->stop_count && stream->stopped < 0 && !all; i++)
        if (stream->stops[i].matched > held)
            held = stream->stops[i].matched;
    certain -= held;
    if (!buffer_append(out, buffer_text(pending), certain))
        return false;
    if (held > 0)
        memmove(pending->data, pending->data + pending->size - held, held);
    pending->size = held;
    return true;
}

bool text_stream_push(struct text_stream *stream, int32_t id, struct buffer *out)
{
    if (stream->stopped >= 0)
        return true;
    size_t from = stream->pending.size;
    stream->tokens++;
    return detokenizer_push(&stream->detokenizer, id, &stream->pending) &&
           show(stream, from, false, out);
}

bool text_stream_finish(struct text_stream *stream, struct buffer *out)
{
    if (stream->stopped >= 0)
        return true;
    size_t from = stream->pending.size;
    return detokenizer_finish(&stream->detokenizer, &stream->pending) &&
           show(stream, from, true, out);
}

int text_stream_stopped(const struct text_stream *stream)
{
    return stream->stopped;
}
