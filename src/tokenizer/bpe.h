/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-pair encoding of one word: the bytes' tokens are joined pair by pair, the pair of the lowest
 * rank first and the leftmost of equals, until no pair has a merge (Sennrich et al., "Neural
 * machine translation of rare words with subword units", ACL 2016). O(n log n) in the word's
 * length.
 */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include "base/json.h"
#include "base/status.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocab.h"
#include "tokenizer/vocab_source.h"

struct bpe_merge {
    int32_t left, right; /* left < 0: an empty slot */
    uint32_t rank;
    int32_t joined;
};

/* Immutable once loaded. The vocabulary is the owner's and outlives this. */
struct bpe {
    const struct vocab *vocab;
    struct bpe_merge *merges; /* open addressing, slot_mask + 1 slots */
    uint32_t slot_mask;
    int32_t byte_ids[256]; /* the token of each single byte; unknown_id where there is none */
    int32_t unknown_id;    /* unk_token; -1: a byte without a token gives nothing */
    bool ignore_merges;    /* a word that is a token is that token, whatever the merges say */
};

/* Memory that the words of one call share. */
struct bpe_scratch {
    void *memory;
    size_t capacity; /* bytes */
};

/* Errors: OCTET_UNSUPPORTED for an option of tokenizer.json's "model" that octet does not do. */
octet_status bpe_check(const struct json *model, const char *name, struct octet_error *err);

/*
 * Take the options of tokenizer.json's "model" and the merges of the source. The model was checked
 * and vocab is sealed. name begins each message. Errors: OCTET_INPUT, OCTET_MEMORY.
 */
octet_status bpe_load(const struct json *model, const struct vocab_source *source,
                      const struct vocab *vocab, const char *name, struct bpe *out,
                      struct octet_error *err);
void bpe_free(struct bpe *bpe);

void bpe_scratch_free(struct bpe_scratch *scratch);

/* Append the ids of a word. Errors: OCTET_MEMORY. */
octet_status bpe_encode(const struct bpe *bpe, struct bpe_scratch *scratch, const char *word,
                        size_t size, struct token_ids *out, struct octet_error *err);

#endif
