/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.vocab and model.merges of a tokenizer.json as flat lists. Almost all of the file is in
 * these two, so they are scanned in place where the text is plain JSON of the usual form; the JSON
 * library, which makes an object of each of half a million strings, reads what remains. Where the
 * scanner meets anything unusual the library reads all and has the last word.
 */
#ifndef TOKENIZER_VOCAB_SOURCE_H
#define TOKENIZER_VOCAB_SOURCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/status.h"

struct vocab_pair {
    const char *text; /* size bytes, as tokenizer.json writes the token; no NUL after them */
    uint32_t size;
    int32_t id;
};

struct merge_text {
    const char *left, *right;
    uint32_t left_size, right_size;
};

/* The texts belong to the document or scanned text, which outlives this, and to `strings`. */
struct vocab_source {
    struct vocab_pair *pairs;
    size_t pair_count, pair_capacity;
    struct merge_text *merges; /* in the order of rank */
    size_t merge_count, merge_capacity;
    struct arena strings; /* texts that were written with escapes */
};

void vocab_source_init(struct vocab_source *source);
void vocab_source_free(struct vocab_source *source);

/* Append; false when out of memory or past VOCAB_ID_LIMIT entries. */
bool vocab_source_add_pair(struct vocab_source *source, struct vocab_pair pair);
bool vocab_source_add_merge(struct vocab_source *source, struct merge_text merge);

/* Cut "a b" at its one space. False when there is not exactly one, or a part is empty. */
bool merge_text_split(const char *text, size_t size, struct merge_text *out);

/*
 * Read both from the "model" of a parsed document. name begins each message.
 * Errors: OCTET_INPUT (field and index), OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status vocab_source_read(const struct json *model, const char *name,
                               struct vocab_source *source, struct octet_error *err);

/*
 * Scan both from the text of a tokenizer.json. On success `rest` holds the text with {} and [] in
 * their place. False when the scanner does not understand the text: source is then of no use.
 */
bool vocab_source_scan(const char *text, size_t size, struct vocab_source *source,
                       struct buffer *rest);

#endif
