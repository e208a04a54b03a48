/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user sees of tokens as they come. Text is shown as soon as it is certain: an incomplete
 * UTF-8 sequence and a beginning of a stop string are held back. A stop string is found across
 * token borders, and what is shown does not depend on how the text was cut into tokens: of the stop
 * strings the one that ends first counts, of those that end together the one that begins first.
 *
 * A stream belongs to one thread at a time; the tokenizer may be shared.
 */
#ifndef TEXT_TEXT_STREAM_H
#define TEXT_TEXT_STREAM_H

#include "base/buffer.h"
#include "base/status.h"
#include "tokenizer/tokenizer.h"

#define TEXT_STREAM_STOPS_MAX 256
#define TEXT_STREAM_STOP_BYTES_MAX 65536

struct text_stream;

struct text_stream_options {
    bool skip_special;        /* tokens marked special give no text */
    const char *const *stops; /* stop_count strings, copied */
    size_t stop_count;
    bool include_stop; /* show the stop string that was found (vLLM: include_stop_str_in_output) */
    size_t min_tokens; /* stop strings that end within the first so many tokens do not count */
};

/*
 * The tokenizer outlives the stream. options NULL: no stop strings, special tokens shown.
 * Errors: OCTET_INPUT (a stop string is empty or not UTF-8), OCTET_LIMIT (too many, too long),
 * OCTET_MEMORY.
 */
octet_status text_stream_new(const struct tokenizer *tokenizer,
                             const struct text_stream_options *options, struct text_stream **out,
                             struct octet_error *err);
void text_stream_free(struct text_stream *stream); /* NULL is fine */

/*
 * Append to out what may be shown after this token: valid UTF-8 that ends at a code point's border.
 * After a stop string was found nothing is appended any more. False when out of memory.
 */
bool text_stream_push(struct text_stream *stream, int32_t id, struct buffer *out);

/* At the end: append what was held back. A stop string may still be found here. */
bool text_stream_finish(struct text_stream *stream, struct buffer *out);

/* Index of the stop string that was found; -1 while there is none. */
int text_stream_stopped(const struct text_stream *stream);

#endif
