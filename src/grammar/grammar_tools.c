/* SPDX-License-Identifier: Apache-2.0 */
/* Hermes tool calls. */
#include "grammar/schema_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arguments of one tool: its parameters' schema, or any object when that is not supported. */
static uint32_t add_arguments(struct grammar_builder *builder, const struct json *function,
                              size_t index, uint32_t next)
{
    const struct json *parameters = json_get(function, "parameters");
    if (json_type(parameters) != JSON_TYPE_OBJECT || json_count(parameters) == 0)
        return grammar_add_shared(builder, SHARED_OBJECT, next);
    char name[64];
    snprintf(name, sizeof name, "tools[%zu].function.parameters", index);
    struct grammar_mark mark = grammar_builder_mark(builder);
    uint32_t entry = grammar_add_schema(builder, parameters, name, next);
    if (builder->status == OCTET_OK || builder->status == OCTET_MEMORY)
        return entry;
    grammar_builder_rewind(builder, &mark);
    return grammar_add_shared(builder, SHARED_OBJECT, next);
}

/* NAME", "arguments": ARGUMENTS for each tool; texts are the escaped names with the quote. */
static uint32_t add_tools(struct grammar_builder *builder, const struct json *tools,
                          const char *name, struct grammar_literal *literals,
                          struct buffer *spelled, uint32_t next)
{
    size_t count = 0;
    for (size_t i = 0; i < json_count(tools) && builder->status == OCTET_OK; i++) {
        const struct json *function = json_get(json_at(tools, i), "function");
        size_t size;
        const char *own = json_string_n(json_get(function, "name"), &size);
        if (!own)
            return grammar_fail(builder, OCTET_INPUT, "tools[%zu].function.name: expected a string",
                                i);
        if (name && (strlen(name) != size || memcmp(name, own, size) != 0))
            continue;
        uint32_t arguments = grammar_add_colon(builder, add_arguments(builder, function, i, next));
        uint32_t behind = grammar_add_quoted(builder, "arguments", 9, arguments);
        behind = grammar_add_byte(builder, ',', grammar_add_space(builder, behind));
        size_t begin = spelled->size;
        if (size > GRAMMAR_SOURCE_BYTES_MAX || begin > GRAMMAR_SOURCE_BYTES_MAX)
            return grammar_fail(builder, OCTET_LIMIT, "tools: names of more than %d bytes together",
                                GRAMMAR_SOURCE_BYTES_MAX);
        if (!grammar_escape(spelled, own, size) || !buffer_append_char(spelled, '"'))
            return grammar_fail_memory(builder, "tools", spelled->size);
        literals[count++] = (struct grammar_literal){.size = spelled->size - begin, .next = behind};
    }
    if (count == 0)
        return grammar_fail(builder, OCTET_INPUT,
                            name ? "tools: none is named \"%.200s\"" : "tools: the list is empty%s",
                            name ? name : "");
    /* The buffer has stopped moving. */
    const char *text = spelled->data;
    for (size_t i = 0; i < count; text += literals[i++].size)
        literals[i].text = text;
    return grammar_add_literals(builder, literals, count);
}

/* What stands between the tags: white space, {"name": NAME, "arguments": ARGUMENTS}. */
static uint32_t add_call(struct grammar_builder *builder, const struct json *tools,
                         const char *name)
{
    struct grammar_literal *literals = calloc(json_count(tools) + 1, sizeof *literals);
    struct buffer spelled;
    if (!literals)
        return grammar_fail_memory(builder, "tools", json_count(tools) * sizeof *literals);
    buffer_init(&spelled, (size_t)16 * GRAMMAR_SOURCE_BYTES_MAX);
    uint32_t behind = grammar_add_space(builder, 0);
    uint32_t close = grammar_add_space(builder, grammar_add_byte(builder, '}', behind));
    uint32_t entry = add_tools(builder, tools, name, literals, &spelled, close);
    entry = grammar_add_colon(builder, grammar_add_byte(builder, '"', entry));
    entry = grammar_add_quoted(builder, "name", 4, entry);
    entry = grammar_add_byte(builder, '{', grammar_add_space(builder, entry));
    entry = grammar_add_space(builder, entry);
    buffer_free(&spelled);
    free(literals);
    return entry;
}

octet_status grammar_tool_calls(const struct json *tools, const char *name, bool many,
                                struct grammar **out, struct octet_error *err)
{
    struct grammar_builder builder;
    grammar_builder_init(&builder, err);
    if (json_type(tools) != JSON_TYPE_ARRAY)
        grammar_fail(&builder, OCTET_INPUT, "tools: expected a list, found %s",
                     json_type_name(json_type(tools)));
    uint32_t call = grammar_add_rule(&builder);
    grammar_set_rule(&builder, call, add_call(&builder, tools, name));

    uint32_t again = grammar_add_open_split(&builder, 1), end = 0;
    if (many)
        end = grammar_add_either(&builder, 0, grammar_add_byte(&builder, '\n', again));
    uint32_t first = grammar_add_tag(&builder, TAG_TOOL_CLOSE, end);
    first = grammar_add_tag(&builder, TAG_TOOL_OPEN, grammar_add_call(&builder, call, first));
    grammar_set_target(&builder, again, 0, first);

    struct grammar_node any = {.kind = NODE_ANY, .count = TAG_TOOL_CLOSE};
    uint32_t free_again =
        grammar_add_tag(&builder, TAG_TOOL_CLOSE, grammar_add_node(&builder, any));
    uint32_t in_call = grammar_add_call(&builder, call, free_again);
    return grammar_builder_finish(&builder, first, in_call, out);
}
