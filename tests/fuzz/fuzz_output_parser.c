/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, cut in any way, gives what it gives in one piece. The first byte chooses the rules, the
 * second how the text is cut.
 */
#include "api/output_parser.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define LIMIT ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append_counted(struct buffer *out, char kind, const char *text, size_t size)
{
    buffer_append_char(out, kind);
    buffer_append(out, text, size);
}

/* All that a parser says, in one text: content, reasoning, then the calls in order. */
static bool parse(const struct output_rules *rules, const char *text, size_t size, size_t step,
                  struct buffer *said)
{
    struct output_parser *parser;
    if (output_parser_new(rules, 1, &parser, NULL) != OCTET_OK)
        return false;
    struct output_delta delta;
    struct buffer reasoning, content, calls;
    output_delta_init(&delta);
    buffer_init(&reasoning, LIMIT);
    buffer_init(&content, LIMIT);
    buffer_init(&calls, LIMIT);
    bool ok = true;
    for (size_t from = 0, to = 0; ok && from <= size; from = to) {
        to = from + step < size ? from + step : size;
        while (to < size && ((unsigned char)text[to] & 0xC0) == 0x80)
            to++;
        output_delta_clear(&delta);
        ok = from == size ? output_parser_finish(parser, &delta)
                          : output_parser_push(parser, text + from, to - from, &delta);
        buffer_append(&reasoning, buffer_text(&delta.reasoning), delta.reasoning.size);
        buffer_append(&content, buffer_text(&delta.content), delta.content.size);
        for (size_t i = 0; i < delta.tool_count; i++) {
            if (delta.tools[i].begins)
                append_counted(&calls, '\n', delta.tools[i].name, strlen(delta.tools[i].name));
            buffer_append(&calls, buffer_text(&delta.tools[i].arguments),
                          delta.tools[i].arguments.size);
        }
        if (from == size)
            break;
    }
    assert(utf8_valid(buffer_text(&calls), calls.size));
    append_counted(said, 'r', buffer_text(&reasoning), reasoning.size);
    append_counted(said, 'c', buffer_text(&content), content.size);
    append_counted(said, 't', buffer_text(&calls), calls.size);
    buffer_free(&calls);
    buffer_free(&content);
    buffer_free(&reasoning);
    output_delta_free(&delta);
    output_parser_free(parser);
    return ok && !buffer_failed(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    static const char schema[] =
        "[{\"function\":{\"name\":\"f\",\"parameters\":{\"properties\":{\"i\":{\"type\":"
        "\"integer\"},\"o\":{\"type\":[\"object\",\"null\"]},\"b\":{\"type\":\"boolean\"}}}}}]";
    struct json *tools = NULL;
    json_parse(schema, sizeof schema - 1, LIMIT, "tools", &tools, NULL);
    struct output_rules rules = {
        .reasoning = data[0] & 1 ? REASONING_QWEN3 : REASONING_NONE,
        .start = (enum reasoning_start)(data[0] / 2 % 3),
        .tools = (enum tool_format)(data[0] / 8 % 3),
        .parallel_tool_calls = (data[0] & 0x40) == 0,
        .tool_schemas = data[0] & 0x80 ? NULL : tools,
    };
    struct buffer text, whole, pieces;
    buffer_init(&text, LIMIT);
    buffer_init(&whole, LIMIT);
    buffer_init(&pieces, LIMIT);
    utf8_append_lossy(&text, (const char *)data + 2, size - 2);
    /* An exact copy without the buffer's NUL, so that a read beyond it is seen. */
    char *exact = malloc(text.size);
    if (exact || text.size == 0) {
        if (text.size)
            memcpy(exact, text.data, text.size);
        if (parse(&rules, exact, text.size, SIZE_MAX / 2, &whole) &&
            parse(&rules, exact, text.size, 1u + data[1] % 16, &pieces))
            assert(whole.size == pieces.size && memcmp(whole.data, pieces.data, whole.size) == 0);
    }
    free(exact);
    buffer_free(&pieces);
    buffer_free(&whole);
    buffer_free(&text);
    json_free(tools);
    return 0;
}
