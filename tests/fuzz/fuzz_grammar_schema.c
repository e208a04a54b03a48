/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON schema: it is refused with a sentence, or its masks lead from token to token. */
#include "fuzz_grammar_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size);
    struct json *schema = NULL;
    struct grammar *grammar = NULL;
    struct octet_error err = {.status = OCTET_OK};
    if (!text && size)
        return 0;
    if (size)
        memcpy(text, data, size);
    if (json_parse(text, size, (size_t)1 << 20, "schema", &schema, &err) == OCTET_OK) {
        octet_status status = grammar_json_schema(schema, &grammar, &err);
        if (status == OCTET_OK)
            fuzz_walk(grammar, data, size);
        else
            assert(!grammar && err.status == status && err.message[0]);
    }
    grammar_free(grammar);
    json_free(schema);
    free(text);
    return 0;
}
