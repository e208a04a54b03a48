/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "tokenizer/nfc.h"
#include "tokenizer/unicode_class.h"

#define ADDED_BYTES_LIMIT ((size_t)64 << 20)

octet_status added_tokens_check(const struct json *added_tokens, const char *name, int32_t *highest,
                                struct octet_error *err)
{
    static const char *const flags[] = {"special", "normalized", "lstrip", "rstrip", "single_word"};
    enum json_type type = json_type(added_tokens);
    *highest = -1;
    if (type == JSON_NONE || type == JSON_TYPE_NULL)
        return OCTET_OK;
    if (type != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT, "%s: added_tokens is %s, expected an array", name,
                         json_type_name(type));
    for (size_t i = 0; i < json_count(added_tokens); i++) {
        const struct json *token = json_at(added_tokens, i);
        int64_t id = 0;
        const char *content;
        bool flag = false;
        octet_status status =
            json_field_int(token, name, "id", true, 0, VOCAB_ID_LIMIT - 1, &id, err);
        if (status == OCTET_OK)
            status = json_field_string(token, name, "content", true, &content, err);
        for (size_t j = 0; j < sizeof flags / sizeof flags[0] && status == OCTET_OK; j++)
            status = json_field_bool(token, name, flags[j], false, &flag, err);
        if (status != OCTET_OK)
            return error_prefix(err, status, "added_tokens[%zu]", i);
        if (id > *highest)
            *highest = (int32_t)id;
    }
    return OCTET_OK;
}

octet_status added_tokens_put(const struct json *added_tokens, struct vocab *vocab,
                              const char *name, struct octet_error *err)
{
    for (size_t i = 0; i < json_count(added_tokens); i++) {
        const struct json *token = json_at(added_tokens, i);
        size_t size;
        const char *text = json_string_n(json_get(token, "content"), &size);
        bool special = json_bool(json_get(token, "special"), false);
        if (size == 0)
            continue; /* the reference passes over them */
        RETURN_IF_ERROR(vocab_put(vocab, (int32_t)json_integer(json_get(token, "id"), 0), text,
                                  size, (uint8_t)(VOCAB_ADDED | (special ? VOCAB_SPECIAL : 0)),
                                  name, err));
    }
    return OCTET_OK;
}

/* Ascending by bytes, a prefix first. */
static int compare_tokens(const void *a, const void *b)
{
    const struct added_token *left = a, *right = b;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->text, right->text, common);
    if (order)
        return order;
    return left->size < right->size ? -1 : left->size > right->size;
}

/* Append a token's text to bytes and note its offset in `text`'s place until all are known. */
static octet_status gather(const struct json *value, bool nfc, struct buffer *bytes,
                           struct added_token *token, size_t *offset, struct octet_error *err)
{
    size_t size;
    bool changed = false;
    const char *text = json_string_n(json_get(value, "content"), &size);
    *offset = bytes->size;
    if (nfc)
        RETURN_IF_ERROR(nfc_normalize(text, size, bytes, &changed, err));
    if (!changed && !buffer_append(bytes, text, size))
        return error_memory(err, "added tokens", bytes->size);
    *token = (struct added_token){
        .size = bytes->size - *offset,
        .id = (int32_t)json_integer(json_get(value, "id"), 0),
        .special = json_bool(json_get(value, "special"), false),
        .lstrip = json_bool(json_get(value, "lstrip"), false),
        .rstrip = json_bool(json_get(value, "rstrip"), false),
        .single_word = json_bool(json_get(value, "single_word"), false),
    };
    return OCTET_OK;
}

static void index_first_bytes(struct added_set *set)
{
    size_t at = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        set->first[byte] = at;
        while (at < set->count && (uint8_t)set->tokens[at].text[0] == byte)
            at++;
    }
    set->first[256] = at;
}

octet_status added_set_load(const struct json *added_tokens, bool normalized, bool nfc,
                            struct added_set *out, struct octet_error *err)
{
    size_t count = json_count(added_tokens);
    size_t *offsets = calloc(count + 1, sizeof *offsets);
    struct buffer bytes;
    octet_status status = OCTET_OK;
    *out = (struct added_set){0};
    buffer_init(&bytes, ADDED_BYTES_LIMIT);
    out->tokens = calloc(count + 1, sizeof *out->tokens);
    if (!offsets || !out->tokens) {
        status = error_memory(err, "added tokens", count * sizeof *out->tokens);
        goto done;
    }
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        const struct json *value = json_at(added_tokens, i);
        size_t size;
        bool is_normalized = json_bool(json_get(value, "normalized"), false);
        (void)json_string_n(json_get(value, "content"), &size);
        if (size == 0 || is_normalized != normalized)
            continue;
        status = gather(value, nfc, &bytes, &out->tokens[out->count], &offsets[out->count], err);
        out->count++;
    }
    if (status == OCTET_OK) {
        out->bytes = buffer_take(&bytes, NULL);
        for (size_t i = 0; i < out->count; i++)
            out->tokens[i].text = out->bytes + offsets[i];
        if (out->count > 0)
            qsort(out->tokens, out->count, sizeof *out->tokens, compare_tokens);
        index_first_bytes(out);
    }
done:
    buffer_free(&bytes);
    free(offsets);
    if (status != OCTET_OK)
        added_set_free(out);
    return status;
}

void added_set_free(struct added_set *set)
{
    free(set->tokens);
    free(set->bytes);
    *set = (struct added_set){0};
}

/* The longest token that begins at text: narrows the sorted range byte by byte. */
static const struct added_token *longest_at(const struct added_set *set, const char *text,
                                            size_t size)
{
    const struct added_token *best = NULL;
    size_t low = set->first[(uint8_t)text[0]], high = set->first[(uint8_t)text[0] + 1];
    for (size_t depth = 1; low < high; depth++) {
        if (set->tokens[low].size == depth)
            best = &set->tokens[low++];
        /* Equal texts may be there twice (with two ids); the first counts. */
        while (low < high && set->tokens[low].size == depth)
            low++;
        if (depth == size)
            break;
        uint8_t byte = (uint8_t)text[depth];
        size_t bounds[2];
        for (unsigned side = 0; side < 2; side++) {
            size_t first = side == 0 ? low : bounds[0], last = high;
            while (first < last) {
                size_t middle = first + (last - first) / 2;
                if ((uint8_t)set->tokens[middle].text[depth] < byte + side)
                    first = middle + 1;
                else
                    last = middle;
            }
            bounds[side] = first;
        }
        low = bounds[0];
        high = bounds[1];
    }
    return best;
}

static uint32_t flags_at(const char *text, size_t size)
{
    size_t length, hint = 0;
    return size == 0 ? 0 : unicode_flags(utf8_decode(text, size, &length), &hint);
}

/* Where the code point before `at` begins. */
static size_t step_back(const char *text, size_t at)
{
    do
        at--;
    while (at > 0 && ((uint8_t)text[at] & 0xC0) == 0x80);
    return at;
}

static bool stands_alone(const char *text, size_t size, size_t begin, size_t end)
{
    if (flags_at(text + end, size - end) & UNICODE_WORD)
        return false;
    if (begin == 0)
        return true;
    size_t before = step_back(text, begin);
    return !(flags_at(text + before, size - before) & UNICODE_WORD);
}

static bool is_space(const char *text, size_t size)
{
    return (flags_at(text, size) & UNICODE_CLASS_MASK) == UNICODE_SPACE;
}

static void strip(const char *text, size_t size, size_t floor, struct added_match *match)
{
    while (match->token->lstrip && match->begin > floor) {
        size_t before = step_back(text, match->begin);
        if (before < floor || !is_space(text + before, size - before))
            break;
        match->begin = before;
    }
    while (match->token->rstrip && is_space(text + match->end, size - match->end)) {
        match->end++;
        while (match->end < size && ((uint8_t)text[match->end] & 0xC0) == 0x80)
            match->end++;
    }
}

bool added_set_find(const struct added_set *set, const char *text, size_t size, bool skip_special,
                    size_t floor, size_t *at, struct added_match *out)
{
    if (set->count == 0)
        return false;
    for (size_t i = *at; i < size;) {
        uint8_t byte = (uint8_t)text[i];
        const struct added_token *token =
            set->first[byte] < set->first[byte + 1] ? longest_at(set, text + i, size - i) : NULL;
        if (!token) {
            i++;
            continue;
        }
        size_t end = i + token->size;
        bool taken = !(skip_special && token->special) &&
                     (!token->single_word || stands_alone(text, size, i, end));
        if (taken) {
            *out = (struct added_match){token, i, end};
            *at = end;
            strip(text, size, floor, out);
            return true;
        }
        i = end;
    }
    *at = size;
    return false;
}
