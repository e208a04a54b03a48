/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output_parser_parts.h"

#include <stdlib.h>

struct output_parser {
    bool has_tools;
    struct reasoning_parser reasoning;
    struct tool_parser tools;
    struct buffer content; /* what the reasoning parser passes on to the tool parser */
};

void output_delta_init(struct output_delta *delta)
{
    *delta = (struct output_delta){0};
    buffer_init(&delta->reasoning, OUTPUT_TEXT_LIMIT);
    buffer_init(&delta->content, OUTPUT_TEXT_LIMIT);
}

/* Of tool calls, the first `kept` pieces stay. */
static void clear_pieces(struct output_delta *delta, size_t kept)
{
    buffer_clear(&delta->reasoning);
    buffer_clear(&delta->content);
    for (size_t i = kept; i < delta->tool_count; i++) {
        struct tool_delta *tool = &delta->tools[i];
        free(tool->name);
        tool->name = NULL;
        tool->begins = false;
        buffer_clear(&tool->arguments);
    }
    delta->tool_count = kept;
}

void output_delta_clear(struct output_delta *delta)
{
    clear_pieces(delta, 0);
}

void output_delta_keep_last_piece(struct output_delta *delta)
{
    struct tool_delta *last = &delta->tools[delta->tool_count - 1];
    struct tool_delta piece = *last;
    *last = delta->tools[0];
    delta->tools[0] = piece;
    clear_pieces(delta, 1);
}

void output_delta_free(struct output_delta *delta)
{
    output_delta_clear(delta);
    for (size_t i = 0; i < delta->tool_capacity; i++)
        buffer_free(&delta->tools[i].arguments);
    free(delta->tools);
    buffer_free(&delta->content);
    buffer_free(&delta->reasoning);
    output_delta_init(delta);
}

octet_status output_parser_new(const struct output_rules *rules, uint64_t id_seed,
                               struct output_parser **out, struct octet_error *err)
{
    struct output_parser *parser = calloc(1, sizeof *parser);
    if (!parser)
        return error_memory(err, "an output parser", sizeof *parser);
    parser->has_tools = rules->tools != TOOLS_NONE;
    reasoning_parser_init(&parser->reasoning, rules);
    tool_parser_init(&parser->tools, rules, id_seed);
    buffer_init(&parser->content, OUTPUT_TEXT_LIMIT);
    *out = parser;
    return OCTET_OK;
}

void output_parser_free(struct output_parser *parser)
{
    if (!parser)
        return;
    buffer_free(&parser->content);
    tool_parser_free(&parser->tools);
    reasoning_parser_free(&parser->reasoning);
    free(parser);
}

bool output_parser_push(struct output_parser *parser, const char *text, size_t size,
                        struct output_delta *delta)
{
    if (!parser->has_tools)
        return reasoning_parser_push(&parser->reasoning, text, size, &delta->reasoning,
                                     &delta->content);
    buffer_clear(&parser->content);
    return reasoning_parser_push(&parser->reasoning, text, size, &delta->reasoning,
                                 &parser->content) &&
           tool_parser_push(&parser->tools, buffer_text(&parser->content), parser->content.size,
                            delta);
}

bool output_parser_finish(struct output_parser *parser, struct output_delta *delta)
{
    if (!parser->has_tools)
        return reasoning_parser_finish(&parser->reasoning, &delta->reasoning, &delta->content);
    buffer_clear(&parser->content);
    return reasoning_parser_finish(&parser->reasoning, &delta->reasoning, &parser->content) &&
           tool_parser_push(&parser->tools, buffer_text(&parser->content), parser->content.size,
                            delta) &&
           tool_parser_finish(&parser->tools, delta);
}

size_t output_parser_tool_calls(const struct output_parser *parser)
{
    return parser->tools.calls;
}

bool output_parser_reasoning_seen(const struct output_parser *parser)
{
    return parser->reasoning.seen;
}

bool output_parser_in_reasoning(const struct output_parser *parser)
{
    return reasoning_parser_active(&parser->reasoning);
}
