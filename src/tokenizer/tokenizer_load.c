/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tokenizer.json, component by component. */
#include <string.h>

#include "tokenizer/tokenizer_parts.h"

#define SEQUENCE_DEPTH_MAX 4

static octet_status highest_vocab_id(const struct json *entries, const char *name, int32_t *highest,
                                     struct octet_error *err)
{
    if (json_type(entries) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: model.vocab is %s, expected an object", name,
                         json_type_name(json_type(entries)));
    for (struct json_iter it = json_iter(entries); json_next(&it);) {
        int64_t id = json_integer(it.value, -1);
        if (id < 0 || id >= VOCAB_ID_LIMIT)
            return error_set(err, OCTET_INPUT,
                             "%s: model.vocab[\"%.100s\"]: expected an integer from 0 to %d", name,
                             it.key, VOCAB_ID_LIMIT - 1);
        if (id > *highest)
            *highest = (int32_t)id;
    }
    return OCTET_OK;
}

static octet_status load_vocab(struct tokenizer *tokenizer, const struct json *document,
                               const char *name, struct octet_error *err)
{
    const struct json *entries = json_get_path(document, "model.vocab");
    const struct json *added = json_get(document, "added_tokens");
    int32_t highest;
    RETURN_IF_ERROR(added_tokens_check(added, name, &highest, err));
    RETURN_IF_ERROR(highest_vocab_id(entries, name, &highest, err));
    RETURN_IF_ERROR(vocab_init(&tokenizer->vocab, highest + 1, err));
    for (struct json_iter it = json_iter(entries); json_next(&it);)
        RETURN_IF_ERROR(vocab_put(&tokenizer->vocab, (int32_t)json_integer(it.value, 0), it.key,
                                  it.key_length, VOCAB_MODEL, name, err));
    RETURN_IF_ERROR(added_tokens_put(added, &tokenizer->vocab, name, err));
    return vocab_seal(&tokenizer->vocab, err);
}

/* NFC or nothing; recursion ends at SEQUENCE_DEPTH_MAX. */
static octet_status load_normalizer(const struct json *normalizer, const char *name, size_t depth,
                                    bool *nfc, struct octet_error *err)
{
    enum json_type json = json_type(normalizer);
    if (json == JSON_NONE || json == JSON_TYPE_NULL)
        return OCTET_OK;
    const char *type = json_string(json_get(normalizer, "type"));
    if (type && strcmp(type, "NFC") == 0) {
        *nfc = true;
        return OCTET_OK;
    }
    if (type && strcmp(type, "Sequence") == 0 && depth < SEQUENCE_DEPTH_MAX) {
        const struct json *steps = json_get(normalizer, "normalizers");
        for (size_t i = 0; i < json_count(steps); i++)
            RETURN_IF_ERROR(load_normalizer(json_at(steps, i), name, depth + 1, nfc, err));
        return OCTET_OK;
    }
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: normalizer: \"%.100s\" is not supported (null, NFC and a Sequence of NFC "
                     "are)",
                     name, type ? type : "absent type");
}

/* The decoder must be the inverse of the byte-level alphabet. */
static octet_status check_decoder(const struct json *decoder, const char *name,
                                  struct octet_error *err)
{
    const char *type = json_string(json_get(decoder, "type"));
    if (type && strcmp(type, "Sequence") == 0 && json_count(json_get(decoder, "decoders")) == 1)
        type = json_string(json_get(json_at(json_get(decoder, "decoders"), 0), "type"));
    if (type && strcmp(type, "ByteLevel") == 0)
        return OCTET_OK;
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: decoder: \"%.100s\" is not supported (ByteLevel is)", name,
                     type ? type : "absent");
}

octet_status tokenizer_load(struct tokenizer *tokenizer, const struct json *document,
                            const char *name, struct octet_error *err)
{
    const struct json *added = json_get(document, "added_tokens");
    if (json_type(json_get(document, "model")) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: model is %s, expected an object", name,
                         json_type_name(json_type(json_get(document, "model"))));
    /* Unsupported components first: they explain more than a field of a foreign vocabulary. */
    RETURN_IF_ERROR(
        load_normalizer(json_get(document, "normalizer"), name, 0, &tokenizer->nfc, err));
    RETURN_IF_ERROR(
        pretok_open(json_get(document, "pre_tokenizer"), name, &tokenizer->pretok, err));
    RETURN_IF_ERROR(check_decoder(json_get(document, "decoder"), name, err));
    RETURN_IF_ERROR(bpe_check(json_get(document, "model"), name, err));
    RETURN_IF_ERROR(load_vocab(tokenizer, document, name, err));
    RETURN_IF_ERROR(
        bpe_load(json_get(document, "model"), &tokenizer->vocab, name, &tokenizer->bpe, err));
    RETURN_IF_ERROR(added_set_load(added, false, false, &tokenizer->raw, err));
    RETURN_IF_ERROR(added_set_load(added, true, tokenizer->nfc, &tokenizer->normalized, err));
    return post_processor_load(json_get(document, "post_processor"), name, tokenizer->vocab.count,
                               &tokenizer->before, &tokenizer->after, err);
}
