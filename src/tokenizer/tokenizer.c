/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tokenizer/tokenizer_parts.h"

octet_status tokenizer_open_json(const char *text, size_t size, const char *name,
                                 struct tokenizer **out, struct octet_error *err)
{
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return error_memory(err, "a tokenizer", sizeof *tokenizer);
    octet_status status = tokenizer_load(tokenizer, text, size, name, err);
    if (status != OCTET_OK) {
        tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return OCTET_OK;
}

octet_status tokenizer_open(const char *directory, struct tokenizer **out, struct octet_error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct buffer text;
    buffer_init(&text, TOKENIZER_JSON_LIMIT);
    char *path = path_join(directory, "tokenizer.json");
    octet_status status = path ? file_read_all(path, TOKENIZER_JSON_LIMIT, &text, err)
                               : error_memory(err, "a path", strlen(directory));
    if (status == OCTET_OK && file_is_lfs_pointer(buffer_text(&text), text.size))
        status = error_set(err, OCTET_INPUT,
                           "%s: is a Git-LFS pointer of %zu bytes, not the file it stands for; "
                           "run \"git lfs pull\" in its directory",
                           path, text.size);
    if (status == OCTET_OK)
        status = tokenizer_open_json(buffer_text(&text), text.size, path, &tokenizer, err);
    if (status == OCTET_OK)
        status = tokenizer_load_config(tokenizer, directory, err);
    free(path);
    buffer_free(&text);
    if (status != OCTET_OK) {
        tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return OCTET_OK;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free(tokenizer->chat_template);
    json_free(tokenizer->config);
    token_ids_free(&tokenizer->after);
    token_ids_free(&tokenizer->before);
    added_set_free(&tokenizer->normalized);
    added_set_free(&tokenizer->raw);
    pretok_close(tokenizer->pretok);
    bpe_free(&tokenizer->bpe);
    vocab_free(&tokenizer->vocab);
    free(tokenizer);
}

void token_ids_free(struct token_ids *ids)
{
    free(ids->ids);
    *ids = (struct token_ids){0};
}

bool token_ids_push(struct token_ids *ids, int32_t id)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity ? ids->capacity * 2 : 64;
        int32_t *larger = realloc(ids->ids, capacity * sizeof *larger);
        if (!larger)
            return false;
        ids->ids = larger;
        ids->capacity = capacity;
    }
    ids->ids[ids->count++] = id;
    return true;
}

const char *tokenizer_token_bytes(const struct tokenizer *tokenizer, int32_t id, size_t *size)
{
    return vocab_bytes(&tokenizer->vocab, id, size);
}

bool tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id)
{
    return vocab_flags(&tokenizer->vocab, id) & VOCAB_SPECIAL;
}

bool tokenizer_is_added(const struct tokenizer *tokenizer, int32_t id)
{
    return vocab_flags(&tokenizer->vocab, id) & VOCAB_ADDED;
}

int32_t tokenizer_vocab_size(const struct tokenizer *tokenizer)
{
    return tokenizer->vocab.count;
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      bool skip_special, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[i], &size);
        if (skip_special && tokenizer_is_special(tokenizer, ids[i]))
            continue;
        if (!buffer_append(out, bytes, size))
            return false;
    }
    return true;
}

static int32_t find_added(const struct added_set *set, const char *text, size_t size)
{
    if (size == 0 || set->count == 0)
        return -1;
    for (size_t i = set->first[(uint8_t)text[0]]; i < set->first[(uint8_t)text[0] + 1]; i++)
        if (set->tokens[i].size == size && memcmp(set->tokens[i].text, text, size) == 0)
            return set->tokens[i].id;
    return -1;
}

int32_t tokenizer_token_id(const struct tokenizer *tokenizer, const char *token)
{
    size_t size = strlen(token);
    int32_t id = find_added(&tokenizer->raw, token, size);
    if (id < 0)
        id = find_added(&tokenizer->normalized, token, size);
    if (id >= 0)
        return id;
    char *scratch = malloc(size + 1);
    if (!scratch)
        return -1;
    id = vocab_find_text(&tokenizer->vocab, token, size, scratch);
    free(scratch);
    return id;
}
