/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tokens: id -> bytes and bytes -> id. Immutable once sealed. */
#ifndef TOKENIZER_VOCAB_H
#define TOKENIZER_VOCAB_H

#include "base/status.h"

#define VOCAB_ID_LIMIT (1 << 22) /* ids are below this; published vocabularies end near 2^18 */

enum vocab_flag {
    VOCAB_MODEL = 1,   /* in model.vocab: merges and ignore_merges may yield it */
    VOCAB_ADDED = 2,   /* in added_tokens */
    VOCAB_SPECIAL = 4, /* added with "special": true */
    VOCAB_VERBATIM =
        8, /* its text is not in the byte-level alphabet: the bytes are the text's own */
};

/* A token while the table is being filled; the texts belong to the caller. */
struct vocab_entry {
    const char *text; /* size bytes */
    uint32_t size;
    uint8_t flags; /* 0: no such id */
};

struct vocab {
    struct vocab_entry *entries; /* [count] until sealed, then NULL */
    char *bytes;                 /* all tokens' bytes in the order of ids */
    uint32_t *offsets;           /* [count + 1] into bytes */
    uint8_t *flags;              /* [count] */
    int32_t count;               /* one past the highest id */
    int32_t *slots;              /* open addressing over the VOCAB_MODEL tokens; -1 is empty */
    uint32_t slot_mask;
};

/* Room for ids 0 ... count - 1, none present. Errors: OCTET_MEMORY. */
octet_status vocab_init(struct vocab *vocab, int32_t count, struct octet_error *err);
void vocab_free(struct vocab *vocab);

/*
 * Put a token's text; the same text again adds its flags. name begins the message.
 * Errors: OCTET_INPUT (another text, or another token of the model, has that id; text over 1 MiB).
 */
octet_status vocab_put(struct vocab *vocab, int32_t id, const char *text, size_t size,
                       uint8_t flags, const char *name, struct octet_error *err);

/* Turn the texts into bytes and build the look-up. Errors: OCTET_INPUT (a text twice),
 * OCTET_MEMORY. */
octet_status vocab_seal(struct vocab *vocab, const char *name, struct octet_error *err);

/* Bytes of a token, "" for an id without one. Only after vocab_seal. */
const char *vocab_bytes(const struct vocab *vocab, int32_t id, size_t *size);
uint8_t vocab_flags(const struct vocab *vocab, int32_t id);

/* The model's token with exactly these bytes; -1 when there is none. */
int32_t vocab_find(const struct vocab *vocab, const char *bytes, size_t size);

/*
 * The model's token with this text as tokenizer.json writes it; -1 when there is none. scratch has
 * room for size bytes.
 */
int32_t vocab_find_text(const struct vocab *vocab, const char *text, size_t size, char *scratch);

/* How many bytes of a text a message shows, for "%.*s". */
static inline int vocab_shown(size_t size)
{
    return size < 100 ? (int)size : 100;
}

#endif
