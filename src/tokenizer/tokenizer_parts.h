/* SPDX-License-Identifier: Apache-2.0 */
/* What a tokenizer is made of: shared by the files of this room. */
#ifndef TOKENIZER_TOKENIZER_PARTS_H
#define TOKENIZER_TOKENIZER_PARTS_H

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pretok.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocab.h"

#define TOKENIZER_JSON_LIMIT ((size_t)256 << 20)
#define TOKENIZER_CONFIG_LIMIT ((size_t)64 << 20)
#define TOKENIZER_TEMPLATE_LIMIT ((size_t)1 << 20)

struct tokenizer {
    struct vocab vocab;
    struct bpe bpe;
    struct pretok *pretok;
    bool nfc;
    struct added_set raw;        /* looked for in the text as it is given */
    struct added_set normalized; /* looked for after normalisation */
    struct token_ids before;     /* the template's ids around a text */
    struct token_ids after;
    struct json *config; /* tokenizer_config.json; NULL when absent */
    char *chat_template; /* NULL when absent */
};

/* Fill everything that the text of a tokenizer.json says. name begins each message. */
octet_status tokenizer_load(struct tokenizer *tokenizer, const char *text, size_t size,
                            const char *name, struct octet_error *err);

/* Fill config and chat_template from a directory. */
octet_status tokenizer_load_config(struct tokenizer *tokenizer, const char *directory,
                                   struct octet_error *err);

/*
 * Read "post_processor": ByteLevel (no effect on ids), TemplateProcessing, or a Sequence of them.
 * Errors: OCTET_UNSUPPORTED, OCTET_INPUT, OCTET_MEMORY.
 */
octet_status post_processor_load(const struct json *post_processor, const char *name,
                                 int32_t id_count, struct token_ids *before,
                                 struct token_ids *after, struct octet_error *err);

#endif
