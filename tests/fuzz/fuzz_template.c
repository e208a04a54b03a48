/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template, then a NUL, then the variables as JSON (a small conversation where there is none):
 * compiling and rendering answer with text or a sentence, and do so again the second time.
 */
#include "template/chat_template.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fallback[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi \\u00e9\"}, {\"role\": \"assistant\", "
    "\"content\": null, \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": "
    "1.5}}}]}], \"tools\": [{\"type\": \"function\"}], \"add_generation_prompt\": true, \"n\": 3, "
    "\"s\": \"a,b\", \"l\": [3, 1, \"x\", null, 12345678901234567890]}";

static octet_status render(const struct chat_template *chat_template, const struct json *variables,
                           struct buffer *out)
{
    struct octet_error err = {.status = OCTET_OK};
    buffer_init(out, LIMIT);
    octet_status status = chat_template_render(chat_template, variables, out, &err);
    if (status != OCTET_OK)
        assert(status == err.status);
    else
        assert(utf8_valid(buffer_text(out), out->size));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t source_size = nul ? (size_t)(nul - data) : size;
    char *source = malloc(source_size);
    if (!source && source_size)
        return 0;
    if (source_size)
        memcpy(source, data, source_size);
    struct chat_template *chat_template = NULL;
    struct json *variables = NULL;
    struct octet_error err = {.status = OCTET_OK};
    const char *text = nul ? (const char *)nul + 1 : fallback;
    size_t text_size = nul ? size - source_size - 1 : sizeof(fallback) - 1;
    octet_status status = chat_template_compile(source, source_size, "fuzz", &chat_template, &err);
    free(source);
    if (status != OCTET_OK) {
        assert(!chat_template && err.status == status && err.message[0]);
        return 0;
    }
    if (json_parse(text, text_size, LIMIT, "variables", &variables, &err) == OCTET_OK) {
        struct buffer first, second;
        status = render(chat_template, variables, &first);
        octet_status again = render(chat_template, variables, &second);
        bool clock = memmem(data, source_size, "strftime_now", 12) != NULL;
        if (!clock) {
            assert(status == again && first.size == second.size);
            assert(!memcmp(buffer_text(&first), buffer_text(&second), first.size));
        }
        buffer_free(&second);
        buffer_free(&first);
    }
    json_free(variables);
    chat_template_free(chat_template);
    return 0;
}
