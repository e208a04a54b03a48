/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a tokenizer.json: opening answers with a tokenizer or a sentence; what it opens is
 * JSON to the library too, and the tokenizer encodes and decodes a text in which every kind of
 * character occurs.
 */
#include "tokenizer/tokenizer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct tokenizer *tokenizer)
{
    static const char text[] =
        "It's <a> 1234 e\xCC\x81\xCC\xA3 \xE4\xBD\xA0\r\n\n  x\xFF\xC5\xBF <|end|>";
    static const enum special_mode modes[] = {SPECIAL_PARSE, SPECIAL_NONE, SPECIAL_SPLIT};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct token_ids ids = {0};
        struct buffer out;
        struct octet_error err;
        buffer_init(&out, (size_t)16 << 20);
        octet_status status =
            tokenizer_encode(tokenizer, text, sizeof text - 1, modes[i], true, &ids, &err);
        assert(status == OCTET_OK || status == OCTET_LIMIT || status == OCTET_MEMORY);
        for (size_t j = 0; j < ids.count; j++)
            assert(ids.ids[j] >= 0 && ids.ids[j] < tokenizer_vocab_size(tokenizer));
        tokenizer_decode(tokenizer, ids.ids, ids.count, true, &out);
        buffer_free(&out);
        token_ids_free(&ids);
    }
    (void)tokenizer_token_id(tokenizer, "<a>");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size);
    struct tokenizer *tokenizer = NULL;
    struct octet_error err = {0};
    if (!text && size)
        return 0;
    if (size)
        memcpy(text, data, size);
    if (tokenizer_open_json(text, size, "fuzz", &tokenizer, &err) == OCTET_OK) {
        struct json *document = NULL;
        assert(json_parse(text, size, size, "fuzz", &document, &err) == OCTET_OK);
        json_free(document);
        use(tokenizer);
    } else {
        assert(err.message[0]);
    }
    tokenizer_close(tokenizer);
    free(text);
    return 0;
}
