/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to ids in the reference's order: added tokens of the raw text are cut out; each stretch
 * between them is normalised by itself; added tokens of the normalised text are cut out; what
 * remains is cut into words, and each word into tokens.
 */
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/nfc.h"
#include "tokenizer/tokenizer_parts.h"

#define TEXT_LIMIT ((size_t)1 << 30)

/* One call of tokenizer_encode. */
struct encoder {
    const struct tokenizer *tokenizer;
    enum special_mode mode;
    struct pretok_scratch *words;
    struct bpe_scratch merges;
    struct buffer normalized;
    struct token_ids *out;
    struct octet_error *err;
};

static octet_status encode_word(void *context, const char *word, size_t size,
                                struct octet_error *err)
{
    struct encoder *encoder = context;
    return bpe_encode(&encoder->tokenizer->bpe, &encoder->merges, word, size, encoder->out, err);
}

static octet_status encode_plain(struct encoder *encoder, const char *text, size_t size)
{
    return pretok_split(encoder->tokenizer->pretok, encoder->words, text, size, encode_word,
                        encoder, encoder->err);
}

typedef octet_status stretch_encoder(struct encoder *encoder, const char *text, size_t size);

/* Cut out a set's tokens and hand the stretches between them on. */
static octet_status encode_around(struct encoder *encoder, const struct added_set *set,
                                  const char *text, size_t size, stretch_encoder *encode)
{
    struct added_match match;
    size_t at = 0, done = 0;
    bool skip_special = encoder->mode == SPECIAL_SPLIT;
    while (encoder->mode != SPECIAL_NONE &&
           added_set_find(set, text, size, skip_special, done, &at, &match)) {
        if (done < match.begin)
            RETURN_IF_ERROR(encode(encoder, text + done, match.begin - done));
        if (!token_ids_push(encoder->out, match.token->id))
            return error_memory(encoder->err, "token ids", encoder->out->count * sizeof(int32_t));
        done = match.end;
    }
    return done < size ? encode(encoder, text + done, size - done) : OCTET_OK;
}

static octet_status encode_stretch(struct encoder *encoder, const char *text, size_t size)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    if (tokenizer->nfc) {
        bool changed;
        buffer_clear(&encoder->normalized);
        RETURN_IF_ERROR(nfc_normalize(text, size, &encoder->normalized, &changed, encoder->err));
        if (changed) {
            text = encoder->normalized.data;
            size = encoder->normalized.size;
        }
    }
    return encode_around(encoder, &tokenizer->normalized, text, size, encode_plain);
}

static octet_status push_all(struct encoder *encoder, const struct token_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        if (!token_ids_push(encoder->out, ids->ids[i]))
            return error_memory(encoder->err, "token ids", ids->count * sizeof(int32_t));
    return OCTET_OK;
}

static octet_status encode_valid(struct encoder *encoder, const char *text, size_t size,
                                 bool add_special)
{
    const struct tokenizer *tokenizer = encoder->tokenizer;
    if (add_special)
        RETURN_IF_ERROR(push_all(encoder, &tokenizer->before));
    RETURN_IF_ERROR(encode_around(encoder, &tokenizer->raw, text, size, encode_stretch));
    return add_special ? push_all(encoder, &tokenizer->after) : OCTET_OK;
}

octet_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size,
                              enum special_mode mode, bool add_special, struct token_ids *out,
                              struct octet_error *err)
{
    if (size > TEXT_LIMIT)
        return error_set(err, OCTET_LIMIT, "the text has %zu bytes, at most 1 GiB is accepted",
                         size);
    struct buffer valid;
    struct encoder encoder = {.tokenizer = tokenizer, .mode = mode, .out = out, .err = err};
    buffer_init(&valid, 3 * TEXT_LIMIT);
    buffer_init(&encoder.normalized, 9 * TEXT_LIMIT);
    octet_status status = OCTET_OK;
    encoder.words = pretok_scratch_new();
    if (!encoder.words)
        status = error_memory(err, "a pre-tokenizer's memory", 0);
    if (status == OCTET_OK && !utf8_valid(text, size)) {
        if (!utf8_append_lossy(&valid, text, size))
            status = error_memory(err, "a text with its invalid parts replaced", size);
        text = buffer_text(&valid);
        size = valid.size;
    }
    if (status == OCTET_OK)
        status = encode_valid(&encoder, text, size, add_special);
    bpe_scratch_free(&encoder.merges);
    pretok_scratch_free(encoder.words);
    buffer_free(&encoder.normalized);
    buffer_free(&valid);
    return status;
}
