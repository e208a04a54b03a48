/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output_parser_parts.h"

#include <string.h>

enum {
    R_UNKNOWN, /* nothing but white space and the beginning of "<think>" so far: else content */
    R_OPEN,    /* the same, else reasoning */
    R_REASONING,
    R_TOOL_TAG, /* after "<tool_call>" in reasoning: does a call follow? */
    R_CONTENT,
};

static const char think_tag[] = "<think>", tool_tag[] = "<tool_call>", function_tag[] = "<function";
static const char *const reasoning_tags[] = {"</think>", tool_tag, NULL};

void reasoning_parser_init(struct reasoning_parser *parser, const struct output_rules *rules)
{
    *parser = (struct reasoning_parser){.state = R_CONTENT};
    buffer_init(&parser->held, OUTPUT_TEXT_LIMIT);
    tag_scan_init(&parser->tags, reasoning_tags);
    if (rules->reasoning == REASONING_NONE || rules->start == REASONING_CLOSED)
        return;
    parser->seen = rules->start == REASONING_OPEN;
    parser->state = parser->seen ? R_OPEN : R_UNKNOWN;
}

void reasoning_parser_free(struct reasoning_parser *parser)
{
    buffer_free(&parser->held);
}

bool reasoning_parser_active(const struct reasoning_parser *parser)
{
    return parser->state == R_OPEN || parser->state == R_REASONING || parser->state == R_TOOL_TAG;
}

/* Hold a byte back. Clearing held forgets a failure, so it is kept in `out`, which is checked. */
static void hold(struct reasoning_parser *parser, char byte, struct buffer *out)
{
    if (!buffer_append_char(&parser->held, byte))
        out->failed = true;
}

/* Text of reasoning up to the tag that may end it; returns what was taken. */
static size_t reasoning_text(struct reasoning_parser *parser, const char *text, size_t size,
                             struct buffer *reasoning)
{
    int found;
    size_t taken = tag_scan_push(&parser->tags, text, size, reasoning, &found);
    if (found == 0)
        parser->state = R_CONTENT;
    if (found == 1) {
        parser->state = R_TOOL_TAG;
        parser->matched = 0;
        for (const char *at = tool_tag; *at; at++)
            hold(parser, *at, reasoning);
    }
    return taken;
}

/* held was no tag after all. Its end may begin another one. */
static void release_to_reasoning(struct reasoning_parser *parser, struct buffer *reasoning)
{
    char partial[sizeof function_tag];
    size_t matched = parser->matched, size = parser->held.size - matched;
    const char *held = buffer_text(&parser->held);
    memcpy(partial, held + size, matched);
    buffer_append(reasoning, held, size);
    buffer_clear(&parser->held);
    parser->matched = 0;
    parser->state = R_REASONING;
    reasoning_text(parser, partial, matched, reasoning);
}

/* White space and "<think>", before anything else. False: the byte was not taken. */
static bool lead_byte(struct reasoning_parser *parser, char byte, struct buffer *reasoning,
                      struct buffer *content)
{
    bool expected = byte == think_tag[parser->matched];
    if (expected || (parser->matched == 0 && json_space(byte))) {
        hold(parser, byte, reasoning);
        parser->matched += expected;
        if (parser->matched + 1 < sizeof think_tag)
            return true;
        buffer_clear(&parser->held);
        parser->matched = 0;
        parser->seen = true;
        parser->state = R_REASONING;
        return true;
    }
    if (parser->state == R_OPEN) {
        release_to_reasoning(parser, reasoning);
        return false;
    }
    buffer_append(content, buffer_text(&parser->held), parser->held.size);
    buffer_clear(&parser->held);
    parser->state = R_CONTENT;
    return false;
}

/* After "<tool_call>". False: the byte was not taken. */
static bool tool_tag_byte(struct reasoning_parser *parser, char byte, struct buffer *reasoning,
                          struct buffer *content)
{
    bool call = parser->matched == 0 && byte == '{';
    bool expected = byte == function_tag[parser->matched];
    if (!call && !expected && !(parser->matched == 0 && json_space(byte))) {
        release_to_reasoning(parser, reasoning);
        return false;
    }
    hold(parser, byte, reasoning);
    parser->matched += expected;
    if (!call && parser->matched + 1 < sizeof function_tag)
        return true;
    buffer_append(content, buffer_text(&parser->held), parser->held.size);
    buffer_clear(&parser->held);
    parser->state = R_CONTENT;
    return true;
}

bool reasoning_parser_push(struct reasoning_parser *parser, const char *text, size_t size,
                           struct buffer *reasoning, struct buffer *content)
{
    for (size_t at = 0; at < size;) {
        switch (parser->state) {
        case R_REASONING:
            at += reasoning_text(parser, text + at, size - at, reasoning);
            break;
        case R_TOOL_TAG:
            at += tool_tag_byte(parser, text[at], reasoning, content);
            break;
        case R_CONTENT:
            buffer_append(content, text + at, size - at);
            at = size;
            break;
        default:
            at += lead_byte(parser, text[at], reasoning, content);
        }
    }
    return !buffer_failed(reasoning) && !buffer_failed(content);
}

bool reasoning_parser_finish(struct reasoning_parser *parser, struct buffer *reasoning,
                             struct buffer *content)
{
    struct buffer *out = parser->state == R_UNKNOWN ? content : reasoning;
    buffer_append(out, buffer_text(&parser->held), parser->held.size);
    buffer_clear(&parser->held);
    tag_scan_flush(&parser->tags, reasoning);
    return !buffer_failed(reasoning) && !buffer_failed(content);
}
