/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/vocab_source.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/vocab.h"

void vocab_source_init(struct vocab_source *source)
{
    *source = (struct vocab_source){0};
    arena_init(&source->strings, (size_t)1 << 30);
}

void vocab_source_free(struct vocab_source *source)
{
    free(source->pairs);
    free(source->merges);
    arena_free(&source->strings);
    *source = (struct vocab_source){0};
}

/* Room for one more of `width` bytes. */
static void *grow(void *items, size_t count, size_t *capacity, size_t width)
{
    if (count < *capacity)
        return items;
    if (count >= VOCAB_ID_LIMIT)
        return NULL;
    size_t larger = *capacity ? *capacity * 2 : 1024;
    void *grown = realloc(items, larger * width);
    if (grown)
        *capacity = larger;
    return grown;
}

bool vocab_source_add_pair(struct vocab_source *source, struct vocab_pair pair)
{
    struct vocab_pair *pairs =
        grow(source->pairs, source->pair_count, &source->pair_capacity, sizeof *pairs);
    if (!pairs)
        return false;
    source->pairs = pairs;
    pairs[source->pair_count++] = pair;
    return true;
}

bool vocab_source_add_merge(struct vocab_source *source, struct merge_text merge)
{
    struct merge_text *merges =
        grow(source->merges, source->merge_count, &source->merge_capacity, sizeof *merges);
    if (!merges)
        return false;
    source->merges = merges;
    merges[source->merge_count++] = merge;
    return true;
}

bool merge_text_split(const char *text, size_t size, struct merge_text *out)
{
    const char *space = memchr(text, ' ', size);
    if (!space)
        return false;
    size_t left = (size_t)(space - text), right = size - left - 1;
    *out = (struct merge_text){text, space + 1, (uint32_t)left, (uint32_t)right};
    return left > 0 && right > 0 && !memchr(space + 1, ' ', right);
}

static octet_status read_vocab(const struct json *entries, const char *name,
                               struct vocab_source *source, struct octet_error *err)
{
    if (json_type(entries) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: model.vocab is %s, expected an object", name,
                         json_type_name(json_type(entries)));
    if (json_count(entries) > VOCAB_ID_LIMIT)
        return error_set(err, OCTET_LIMIT,
                         "%s: model.vocab has %zu entries, at most %d are accepted", name,
                         json_count(entries), VOCAB_ID_LIMIT);
    for (struct json_iter it = json_iter(entries); json_next(&it);) {
        int64_t id = json_integer(it.value, -1);
        if (id < 0 || id >= VOCAB_ID_LIMIT)
            return error_set(err, OCTET_INPUT,
                             "%s: model.vocab[\"%.100s\"]: expected an integer from 0 to %d", name,
                             it.key, VOCAB_ID_LIMIT - 1);
        struct vocab_pair pair = {it.key, (uint32_t)it.key_length, (int32_t)id};
        if (!vocab_source_add_pair(source, pair))
            return error_memory(err, "tokens", source->pair_count * sizeof pair);
    }
    return OCTET_OK;
}

/* "a b" or ["a", "b"]. */
static bool read_merge(const struct json *value, struct merge_text *out)
{
    size_t left, right;
    const char *text = json_string_n(value, &left);
    if (text)
        return merge_text_split(text, left, out);
    out->left = json_string_n(json_at(value, 0), &left);
    out->right = json_string_n(json_at(value, 1), &right);
    out->left_size = (uint32_t)left;
    out->right_size = (uint32_t)right;
    return json_count(value) == 2 && out->left && out->right && left > 0 && right > 0;
}

static octet_status read_merges(const struct json *merges, const char *name,
                                struct vocab_source *source, struct octet_error *err)
{
    if (json_type(merges) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT, "%s: model.merges is %s, expected an array", name,
                         json_type_name(json_type(merges)));
    if (json_count(merges) > VOCAB_ID_LIMIT)
        return error_set(err, OCTET_LIMIT,
                         "%s: model.merges has %zu entries, at most %d are accepted", name,
                         json_count(merges), VOCAB_ID_LIMIT);
    for (size_t i = 0; i < json_count(merges); i++) {
        const struct json *value = json_at(merges, i);
        const char *text = json_string(value);
        struct merge_text merge;
        if (text && strncmp(text, "#version", 8) == 0)
            continue; /* the first line of old files: "#version: 0.2" */
        if (!read_merge(value, &merge))
            return error_set(
                err, OCTET_INPUT,
                "%s: model.merges[%zu]: expected \"a b\" or [\"a\", \"b\"], two parts that "
                "are not empty",
                name, i);
        if (!vocab_source_add_merge(source, merge))
            return error_memory(err, "merges", source->merge_count * sizeof merge);
    }
    return OCTET_OK;
}

octet_status vocab_source_read(const struct json *model, const char *name,
                               struct vocab_source *source, struct octet_error *err)
{
    RETURN_IF_ERROR(read_vocab(json_get(model, "vocab"), name, source, err));
    return read_merges(json_get(model, "merges"), name, source, err);
}
