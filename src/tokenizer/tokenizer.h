/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.json: byte-level BPE with the pre-tokenizers of Qwen2/Qwen3, Llama 3, GPT-2 and
 * SmolLM2. Immutable after opening; encode and decode may run in any number of threads at once.
 */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include "base/buffer.h"
#include "base/json.h"
#include "base/status.h"

struct tokenizer;

/*
 * Open DIR/tokenizer.json (and tokenizer_config.json for its special tokens where present).
 * Errors: OCTET_INPUT (field, found, expected), OCTET_UNSUPPORTED (a component by name), OCTET_IO.
 */
octet_status tokenizer_open(const char *directory, struct tokenizer **out, struct octet_error *err);
/* The same for the text of a tokenizer.json, without a tokenizer_config.json. name begins each
 * message. */
octet_status tokenizer_open_json(const char *text, size_t size, const char *name,
                                 struct tokenizer **out, struct octet_error *err);
void tokenizer_close(struct tokenizer *tokenizer); /* NULL is fine */

/* How added tokens inside the text are treated. */
enum special_mode {
    SPECIAL_PARSE, /* all added tokens are recognised (Hugging Face's default) */
    SPECIAL_NONE,  /* none is: everything is plain text */
    SPECIAL_SPLIT, /* those marked "special" are plain text, the others are recognised */
};

struct token_ids {
    int32_t *ids; /* malloc'ed by encode; token_ids_free */
    size_t count;
    size_t capacity;
};
void token_ids_free(struct token_ids *ids);
bool token_ids_push(struct token_ids *ids, int32_t id);

/*
 * Append the ids of size bytes of text (invalid UTF-8: each maximal invalid part is U+FFFD).
 * add_special: apply the tokenizer's own template (BOS where it has one). Near-linear in size.
 * Errors: OCTET_MEMORY, OCTET_LIMIT (text over 1 GiB).
 */
octet_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size,
                              enum special_mode mode, bool add_special, struct token_ids *out,
                              struct octet_error *err);

/* Raw bytes of one token; "" with size 0 for ids without text (also out of range). Owned by the
 * tokenizer. */
const char *tokenizer_token_bytes(const struct tokenizer *tokenizer, int32_t id, size_t *size);

/* Append the bytes of ids (may end inside a UTF-8 sequence); skip_special drops tokens marked
 * special. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      bool skip_special, struct buffer *out);

/* Id of an added or vocabulary token by its exact text; -1 when absent. */
int32_t tokenizer_token_id(const struct tokenizer *tokenizer, const char *token);
bool tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id);
/* Listed in added_tokens, special or not: its text is found before the merges run. */
bool tokenizer_is_added(const struct tokenizer *tokenizer, int32_t id);
/* One past the highest id that has text. */
int32_t tokenizer_vocab_size(const struct tokenizer *tokenizer);

/* tokenizer_config.json's bos_token / eos_token / pad_token / unk_token text (string or
 * {"content"}); NULL when absent. key: "bos_token". */
const char *tokenizer_special_text(const struct tokenizer *tokenizer, const char *key);
/* The chat template's source (chat_template.jinja, else tokenizer_config.json's chat_template: a
 * string, or the "default" of a list); NULL when absent. */
const char *tokenizer_chat_template(const struct tokenizer *tokenizer);

/* Incremental decoding for a stream: holds back an incomplete UTF-8 sequence. */
struct detokenizer {
    const struct tokenizer *tokenizer;
    bool skip_special;
    char held[8];
    size_t held_size;
};
void detokenizer_init(struct detokenizer *detokenizer, const struct tokenizer *tokenizer,
                      bool skip_special);
/* Append what may be shown after this token; invalid parts appear as U+FFFD once they cannot become
 * valid. */
bool detokenizer_push(struct detokenizer *detokenizer, int32_t id, struct buffer *out);
/* At the end: an incomplete rest appears as U+FFFD. */
bool detokenizer_finish(struct detokenizer *detokenizer, struct buffer *out);

#endif
