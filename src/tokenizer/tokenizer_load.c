/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tokenizer.json, component by component. */
#include <string.h>

#include "tokenizer/tokenizer_parts.h"
#include "tokenizer/vocab_source.h"

#define SEQUENCE_DEPTH_MAX 4

static octet_status load_vocab(struct tokenizer *tokenizer, const struct json *added,
                               const struct vocab_source *source, const char *name,
                               struct octet_error *err)
{
    int32_t highest;
    RETURN_IF_ERROR(added_tokens_check(added, name, &highest, err));
    for (size_t i = 0; i < source->pair_count; i++)
        if (source->pairs[i].id > highest)
            highest = source->pairs[i].id;
    RETURN_IF_ERROR(vocab_init(&tokenizer->vocab, highest + 1, err));
    for (size_t i = 0; i < source->pair_count; i++)
        RETURN_IF_ERROR(vocab_put(&tokenizer->vocab, source->pairs[i].id, source->pairs[i].text,
                                  source->pairs[i].size, VOCAB_MODEL, name, err));
    RETURN_IF_ERROR(added_tokens_put(added, &tokenizer->vocab, name, err));
    return vocab_seal(&tokenizer->vocab, name, err);
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

/* What needs no vocabulary: unsupported components explain more than a field of a foreign one. */
static octet_status load_components(struct tokenizer *tokenizer, const struct json *document,
                                    const char *name, struct octet_error *err)
{
    const struct json *model = json_get(document, "model");
    if (json_type(model) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: model is %s, expected an object", name,
                         json_type_name(json_type(model)));
    RETURN_IF_ERROR(
        load_normalizer(json_get(document, "normalizer"), name, 0, &tokenizer->nfc, err));
    RETURN_IF_ERROR(
        pretok_open(json_get(document, "pre_tokenizer"), name, &tokenizer->pretok, err));
    RETURN_IF_ERROR(check_decoder(json_get(document, "decoder"), name, err));
    return bpe_check(model, name, err);
}

static octet_status load_tokens(struct tokenizer *tokenizer, const struct json *document,
                                const struct vocab_source *source, const char *name,
                                struct octet_error *err)
{
    const struct json *added = json_get(document, "added_tokens");
    const struct json *model = json_get(document, "model");
    RETURN_IF_ERROR(load_vocab(tokenizer, added, source, name, err));
    RETURN_IF_ERROR(bpe_load(model, source, &tokenizer->vocab, name, &tokenizer->bpe, err));
    RETURN_IF_ERROR(added_set_load(added, false, false, &tokenizer->raw, err));
    RETURN_IF_ERROR(added_set_load(added, true, tokenizer->nfc, &tokenizer->normalized, err));
    return post_processor_load(json_get(document, "post_processor"), name, tokenizer->vocab.count,
                               &tokenizer->before, &tokenizer->after, err);
}

/* The document was parsed as a whole: read the vocabulary from it too. */
static octet_status load_document(struct tokenizer *tokenizer, const struct json *document,
                                  const char *name, struct octet_error *err)
{
    struct vocab_source source;
    RETURN_IF_ERROR(load_components(tokenizer, document, name, err));
    vocab_source_init(&source);
    octet_status status = vocab_source_read(json_get(document, "model"), name, &source, err);
    if (status == OCTET_OK)
        status = load_tokens(tokenizer, document, &source, name, err);
    vocab_source_free(&source);
    return status;
}

octet_status tokenizer_load(struct tokenizer *tokenizer, const char *text, size_t size,
                            const char *name, struct octet_error *err)
{
    struct vocab_source source;
    struct buffer rest;
    struct json *document = NULL;
    octet_status status = OCTET_OK;
    vocab_source_init(&source);
    buffer_init(&rest, TOKENIZER_JSON_LIMIT);
    bool scanned =
        vocab_source_scan(text, size, &source, &rest) &&
        json_parse(rest.data, rest.size, TOKENIZER_JSON_LIMIT, name, &document, NULL) == OCTET_OK;
    if (!scanned)
        status = json_parse(text, size, TOKENIZER_JSON_LIMIT, name, &document, err);
    if (scanned)
        status = load_components(tokenizer, document, name, err);
    if (scanned && status == OCTET_OK)
        status = load_tokens(tokenizer, document, &source, name, err);
    else if (!scanned && status == OCTET_OK)
        status = load_document(tokenizer, document, name, err);
    json_free(document);
    buffer_free(&rest);
    vocab_source_free(&source);
    return status;
}
