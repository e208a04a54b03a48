/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes: parsing answers with a value or a sentence; a value survives writing and reading, and
 * writing what was read gives the same bytes again.
 */
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Visit every value through the accessors that a caller would use. */
static size_t walk(const struct json *value)
{
    size_t seen = 1;
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        assert(json_get_n(value, it.key, it.key_length) == it.value);
        seen += walk(it.value);
    }
    for (size_t i = 0; json_type(value) == JSON_TYPE_ARRAY && i < json_count(value); i++)
        seen += walk(json_at(value, i));
    size_t length = 0;
    const char *text = json_string_n(value, &length);
    assert((text != NULL) == (json_type(value) == JSON_TYPE_STRING));
    assert((json_text(value) != NULL) == (json_type(value) == JSON_TYPE_BIG_INTEGER));
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size);
    if (!text && size)
        return 0;
    if (size)
        memcpy(text, data, size);
    struct json *value, *again = NULL;
    struct octet_error err = {.status = OCTET_OK};
    struct buffer first, second;
    buffer_init(&first, 16 * LIMIT);
    buffer_init(&second, 16 * LIMIT);
    if (json_parse(text, size, LIMIT, "input", &value, &err) != OCTET_OK) {
        assert(value == NULL && err.status != OCTET_OK && err.message[0]);
    } else {
        walk(value);
        assert(json_dump(value, 2, &first));
        assert(json_parse(first.data, first.size, 16 * LIMIT, "dump", &again, &err) == OCTET_OK);
        assert(json_dump(again, 2, &second));
        assert(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    }
    json_free(again);
    json_free(value);
    buffer_free(&second);
    buffer_free(&first);
    free(text);
    return 0;
}
