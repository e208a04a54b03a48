/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tokenizer/tokenizer_parts.h"

#define SEQUENCE_DEPTH_MAX 4

/* Append the ids of template.special_tokens[ID].ids. */
static octet_status append_special(const struct json *processor, const struct json *piece,
                                   const char *name, int32_t id_count, struct token_ids *out,
                                   struct octet_error *err)
{
    const char *key = json_string(json_get_path(piece, "SpecialToken.id"));
    const struct json *ids =
        json_get(json_get(json_get(processor, "special_tokens"), key ? key : ""), "ids");
    if (!key || json_type(ids) != JSON_TYPE_ARRAY)
        return error_set(
            err, OCTET_INPUT,
            "%s: post_processor: TemplateProcessing: the piece \"%.100s\" is not in its "
            "special_tokens",
            name, key ? key : "(neither SpecialToken nor Sequence)");
    for (size_t i = 0; i < json_count(ids); i++) {
        int64_t id = json_integer(json_at(ids, i), -1);
        if (id < 0 || id >= id_count)
            return error_set(
                err, OCTET_INPUT,
                "%s: post_processor: special token \"%.100s\" has an id that is not of "
                "this vocabulary",
                name, key);
        if (!token_ids_push(out, (int32_t)id))
            return error_memory(err, "the template's ids", sizeof id);
    }
    return OCTET_OK;
}

static octet_status load_template(const struct json *processor, const char *name, int32_t id_count,
                                  struct token_ids *before, struct token_ids *after,
                                  struct octet_error *err)
{
    const struct json *single = json_get(processor, "single");
    size_t sequences = 0;
    for (size_t i = 0; i < json_count(single); i++) {
        const struct json *piece = json_at(single, i);
        if (json_get(piece, "Sequence")) {
            sequences++;
            continue;
        }
        RETURN_IF_ERROR(
            append_special(processor, piece, name, id_count, sequences ? after : before, err));
    }
    if (sequences != 1)
        return error_set(
            err, OCTET_UNSUPPORTED,
            "%s: post_processor: TemplateProcessing whose \"single\" holds the text %zu "
            "times is not supported (once is)",
            name, sequences);
    return OCTET_OK;
}

/* Recursion ends at SEQUENCE_DEPTH_MAX. */
static octet_status load_processor(const struct json *processor, const char *name, int32_t id_count,
                                   size_t depth, struct token_ids *before, struct token_ids *after,
                                   struct octet_error *err)
{
    const char *type = json_string(json_get(processor, "type"));
    if (type && strcmp(type, "ByteLevel") == 0)
        return OCTET_OK;
    if (type && strcmp(type, "TemplateProcessing") == 0) {
        if (before->count + after->count > 0)
            return error_set(err, OCTET_UNSUPPORTED,
                             "%s: post_processor: a second TemplateProcessing is not supported",
                             name);
        return load_template(processor, name, id_count, before, after, err);
    }
    if (type && strcmp(type, "Sequence") == 0 && depth < SEQUENCE_DEPTH_MAX) {
        const struct json *steps = json_get(processor, "processors");
        for (size_t i = 0; i < json_count(steps); i++)
            RETURN_IF_ERROR(
                load_processor(json_at(steps, i), name, id_count, depth + 1, before, after, err));
        return OCTET_OK;
    }
    return error_set(
        err, OCTET_UNSUPPORTED,
        "%s: post_processor: \"%.100s\" is not supported (ByteLevel, TemplateProcessing "
        "and a Sequence of them, at most %d deep, are)",
        name, type ? type : "absent type", SEQUENCE_DEPTH_MAX);
}

octet_status post_processor_load(const struct json *post_processor, const char *name,
                                 int32_t id_count, struct token_ids *before,
                                 struct token_ids *after, struct octet_error *err)
{
    enum json_type type = json_type(post_processor);
    if (type == JSON_NONE || type == JSON_TYPE_NULL)
        return OCTET_OK;
    return load_processor(post_processor, name, id_count, 0, before, after, err);
}
