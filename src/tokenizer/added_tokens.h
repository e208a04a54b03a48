/* SPDX-License-Identifier: Apache-2.0 */
/* Added tokens: texts that are found before the text is cut into words. */
#ifndef TOKENIZER_ADDED_TOKENS_H
#define TOKENIZER_ADDED_TOKENS_H

#include "base/json.h"
#include "base/status.h"
#include "tokenizer/vocab.h"

struct added_token {
    const char *text; /* what is looked for; owned by the set */
    size_t size;
    int32_t id;
    bool special;
    bool lstrip, rstrip; /* white space before, after it belongs to it */
    bool single_word;    /* only where no word character stands beside it */
};

/* Tokens that are looked for in the same text, sorted bytewise. Immutable once loaded. */
struct added_set {
    struct added_token *tokens;
    size_t count;
    char *bytes;           /* all texts */
    size_t first[256 + 1]; /* tokens that begin with byte b: [first[b], first[b + 1]) */
};

/* Where a token was found: bytes [begin, end). */
struct added_match {
    const struct added_token *token;
    size_t begin, end;
};

/*
 * Gather from "added_tokens" those whose "normalized" is `normalized`. nfc: their texts are
 * normalised first. The array was checked by added_tokens_put.
 * Errors: OCTET_MEMORY.
 */
octet_status added_set_load(const struct json *added_tokens, bool normalized, bool nfc,
                            struct added_set *out, struct octet_error *err);
void added_set_free(struct added_set *set);

/* The highest id in "added_tokens", -1 when there is none. Errors: OCTET_INPUT (each field). */
octet_status added_tokens_check(const struct json *added_tokens, const char *name, int32_t *highest,
                                struct octet_error *err);

/* Put all into the vocabulary. Errors: OCTET_INPUT. */
octet_status added_tokens_put(const struct json *added_tokens, struct vocab *vocab,
                              const char *name, struct octet_error *err);

/*
 * The next token at or after *at: of those that begin leftmost the longest. *at moves behind the
 * text that was looked at. floor: where the text before the match ends that is still free (white
 * space is taken from there on). skip_special: tokens marked special are passed over, and so is the
 * text in them. False when there is none.
 */
bool added_set_find(const struct added_set *set, const char *text, size_t size, bool skip_special,
                    size_t floor, size_t *at, struct added_match *out);

#endif
