/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/golden_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/utf8.h"

char *golden_shared_path(const char *name)
{
    const char *root = getenv("OCTET_SHARED");
    char *path = path_join(root ? root : "../shared", name);
    if (path && !file_exists(path) && !directory_exists(path)) {
        free(path);
        return NULL;
    }
    return path;
}

static bool same_ids(const struct token_ids *ids, const struct json *expected)
{
    if (json_type(expected) != JSON_TYPE_ARRAY || json_count(expected) != ids->count)
        return false;
    for (size_t i = 0; i < ids->count; i++)
        if (json_integer(json_at(expected, i), -1) != ids->ids[i])
            return false;
    return true;
}

static bool same_text(const struct buffer *text, const struct json *expected)
{
    size_t size;
    const char *bytes = json_string_n(expected, &size);
    return bytes && size == text->size && memcmp(bytes, buffer_text(text), size) == 0;
}

static void print_ids(const char *label, const struct token_ids *ids)
{
    fprintf(stderr, "  %s:", label);
    for (size_t i = 0; i < ids->count && i < 40; i++)
        fprintf(stderr, " %d", ids->ids[i]);
    fprintf(stderr, "\n");
}

/* Encode and compare with the first of the named lists that the case has; alternatives follow. */
static bool encode_is(const struct tokenizer *tokenizer, const struct json *golden,
                      enum special_mode mode, bool add_special, const char *const *keys,
                      bool *exact)
{
    size_t size;
    const char *b64 = json_string_n(json_get(golden, "b64"), &size);
    char *bytes = base64_decode(b64, size, &size);
    struct token_ids ids = {0};
    struct octet_error err;
    bool same = false;
    if (tokenizer_encode(tokenizer, bytes, size, mode, add_special, &ids, &err) != OCTET_OK)
        fprintf(stderr, "  %s\n", err.message);
    else
        for (bool first = true; *keys && !same; keys++) {
            const struct json *expected = json_get(golden, *keys);
            if (!expected)
                continue;
            same = same_ids(&ids, expected);
            *exact = *exact && (same == first || !same);
            first = false;
        }
    if (!same)
        print_ids("found", &ids);
    token_ids_free(&ids);
    free(bytes);
    return same;
}

/* Decode some ids at once and compare with a text, lossily, and with bytes where they are given. */
static bool decode_is(const struct tokenizer *tokenizer, const struct token_ids *ids,
                      bool skip_special, const struct json *text, const struct json *b64)
{
    struct buffer raw, lossy;
    buffer_init(&raw, (size_t)1 << 28);
    buffer_init(&lossy, (size_t)1 << 28);
    bool same = tokenizer_decode(tokenizer, ids->ids, ids->count, skip_special, &raw) &&
                utf8_append_lossy(&lossy, buffer_text(&raw), raw.size) && same_text(&lossy, text);
    if (same && b64) {
        size_t size;
        const char *encoded = json_string_n(b64, &size);
        char *bytes = base64_decode(encoded, size, &size);
        same = bytes && size == raw.size && memcmp(bytes, buffer_text(&raw), size) == 0;
        free(bytes);
    }
    buffer_free(&lossy);
    buffer_free(&raw);
    return same;
}

static bool stream_is(const struct tokenizer *tokenizer, const struct token_ids *ids,
                      const struct json *stream)
{
    struct detokenizer detokenizer;
    struct buffer text;
    bool same = json_count(stream) == ids->count + 1;
    buffer_init(&text, (size_t)1 << 28);
    detokenizer_init(&detokenizer, tokenizer, false);
    for (size_t i = 0; i <= ids->count && same; i++) {
        buffer_clear(&text);
        same = i < ids->count ? detokenizer_push(&detokenizer, ids->ids[i], &text)
                              : detokenizer_finish(&detokenizer, &text);
        same = same && same_text(&text, json_at(stream, i));
    }
    buffer_free(&text);
    return same;
}

static void read_ids(const struct json *array, struct token_ids *ids)
{
    for (size_t i = 0; i < json_count(array); i++)
        token_ids_push(ids, (int32_t)json_integer(json_at(array, i), -1));
}

static bool run_decode(const struct tokenizer *tokenizer, const struct json *golden)
{
    struct token_ids ids = {0};
    read_ids(json_get(golden, "ids"), &ids);
    const struct json *skipped = json_get(golden, "text_skip_special");
    const struct json *skipped_bytes = json_get(golden, "bytes_skip_special_b64");
    const struct json *bytes = json_get(golden, "bytes_b64");
    bool ok = decode_is(tokenizer, &ids, false, json_get(golden, "text"), bytes) &&
              decode_is(tokenizer, &ids, true, skipped ? skipped : json_get(golden, "text"),
                        skipped ? skipped_bytes : bytes) &&
              stream_is(tokenizer, &ids, json_get(golden, "stream"));
    token_ids_free(&ids);
    return ok;
}

/* "decoded": the text of the ids without the begin-of-text id. */
static bool run_decoded(const struct tokenizer *tokenizer, const struct json *golden)
{
    struct token_ids ids = {0};
    const struct json *plain = json_get(golden, "ids_no_bos");
    const struct json *decoded = json_get(golden, "decoded");
    const struct json *skipped = json_get(golden, "decoded_skip_special");
    if (!decoded)
        return true;
    read_ids(plain ? plain : json_get(golden, "ids"), &ids);
    bool ok = decode_is(tokenizer, &ids, false, decoded, NULL) &&
              decode_is(tokenizer, &ids, true, skipped ? skipped : decoded, NULL);
    token_ids_free(&ids);
    return ok;
}

static bool run_encode(const struct tokenizer *tokenizer, const struct json *golden, bool *exact)
{
    /* Where two implementations may differ, each list is right (see the README). */
    static const char *const with_template[] = {"ids", "ids_nfc_unicode17", "ids_nfc_unicode14",
                                                NULL};
    static const char *const without[] = {"ids_no_bos", "ids", "ids_nfc_unicode17",
                                          "ids_nfc_unicode14", NULL};
    static const char *const no_parse[] = {"ids_no_parse", NULL};
    static const char *const split[] = {"ids_split_special", NULL};
    bool plain_is_exact = true;
    bool has_no_bos = json_get(golden, "ids_no_bos") != NULL;
    return encode_is(tokenizer, golden, SPECIAL_PARSE, true, with_template, exact) &&
           encode_is(tokenizer, golden, SPECIAL_PARSE, false, without,
                     has_no_bos ? &plain_is_exact : exact) &&
           plain_is_exact &&
           (!json_get(golden, "ids_no_parse") ||
            encode_is(tokenizer, golden, SPECIAL_NONE, false, no_parse, exact)) &&
           (!json_get(golden, "ids_split_special") ||
            encode_is(tokenizer, golden, SPECIAL_SPLIT, false, split, exact)) &&
           run_decoded(tokenizer, golden);
}

static bool run_line(const struct tokenizer *tokenizer, const char *line, size_t size,
                     struct golden_count *count)
{
    struct octet_error err;
    struct json *golden;
    if (json_parse(line, size, size, "golden", &golden, &err) != OCTET_OK) {
        fprintf(stderr, "  %s\n", err.message);
        return false;
    }
    const char *kind = json_string(json_get(golden, "kind"));
    bool exact = true;
    bool ok = kind && strcmp(kind, "decode") == 0 ? run_decode(tokenizer, golden)
                                                  : run_encode(tokenizer, golden, &exact);
    if (!ok)
        fprintf(stderr, "FAILED: %s (%s)\n", json_string(json_get(golden, "id")),
                json_string(json_get(golden, "cat")));
    count->total++;
    count->passed += ok;
    count->exact += ok && exact;
    json_free(golden);
    return true;
}

bool golden_run_file(const struct tokenizer *tokenizer, const char *path,
                     struct golden_count *count)
{
    struct buffer text;
    struct octet_error err;
    *count = (struct golden_count){0};
    buffer_init(&text, (size_t)1 << 28);
    bool ok = file_read_all(path, text.limit, &text, &err) == OCTET_OK;
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    for (const char *line = buffer_text(&text); ok && *line;) {
        const char *end = strchrnul(line, '\n');
        ok = run_line(tokenizer, line, (size_t)(end - line), count);
        line = *end ? end + 1 : end;
    }
    buffer_free(&text);
    printf("%s: %zu of %zu passed (%zu without an alternative)\n", path, count->passed,
           count->total, count->exact);
    return ok;
}
