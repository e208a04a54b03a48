/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as text for the small committed tokenizer, which has no normaliser: decoding gives the
 * text back, a stream shows the same, and encoding twice gives the same ids. The first byte picks
 * the mode.
 */
#include "tokenizer/tokenizer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opened by the first input and kept: the working directory is the repository's root. */
static const struct tokenizer *shared_tokenizer(void)
{
    static struct tokenizer *tokenizer;
    struct octet_error err;
    if (!tokenizer &&
        tokenizer_open("tests/golden/tokenizer/llama3-style", &tokenizer, &err) != OCTET_OK)
        abort();
    return tokenizer;
}

static void check_text(const struct tokenizer *tokenizer, const struct token_ids *ids,
                       const struct buffer *expected)
{
    struct detokenizer detokenizer;
    struct buffer at_once, streamed;
    buffer_init(&at_once, (size_t)16 << 20);
    buffer_init(&streamed, (size_t)16 << 20);
    detokenizer_init(&detokenizer, tokenizer, false);
    for (size_t i = 0; i < ids->count; i++)
        assert(detokenizer_push(&detokenizer, ids->ids[i], &streamed));
    assert(detokenizer_finish(&detokenizer, &streamed));
    assert(tokenizer_decode(tokenizer, ids->ids, ids->count, false, &at_once));
    assert(at_once.size == expected->size && streamed.size == expected->size);
    assert(memcmp(buffer_text(&at_once), buffer_text(expected), expected->size) == 0);
    assert(memcmp(buffer_text(&streamed), buffer_text(expected), expected->size) == 0);
    buffer_free(&streamed);
    buffer_free(&at_once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum special_mode modes[] = {SPECIAL_PARSE, SPECIAL_NONE, SPECIAL_SPLIT};
    const struct tokenizer *tokenizer = shared_tokenizer();
    if (size == 0 || size > 1 << 20)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    size--;
    memcpy(text, data + 1, size);
    struct token_ids ids = {0}, again = {0};
    struct buffer expected;
    buffer_init(&expected, (size_t)16 << 20);
    assert(utf8_append_lossy(&expected, text, size));
    enum special_mode mode = modes[data[0] % 3];
    assert(tokenizer_encode(tokenizer, text, size, mode, false, &ids, NULL) == OCTET_OK);
    assert(tokenizer_encode(tokenizer, text, size, mode, false, &again, NULL) == OCTET_OK);
    assert(ids.count == again.count);
    assert(ids.count == 0 || memcmp(ids.ids, again.ids, ids.count * sizeof *ids.ids) == 0);
    check_text(tokenizer, &ids, &expected);
    buffer_free(&expected);
    token_ids_free(&again);
    token_ids_free(&ids);
    free(text);
    return 0;
}
