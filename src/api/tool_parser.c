/* SPDX-License-Identifier: Apache-2.0 */
/* Content -> content and blocks; what a block means is its format's business. */
#include "api/output_parser_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { TAG_OPEN, TAG_CLOSE, TAG_FUNCTION };
static const char *const hermes_tags[] = {"<tool_call>", "</tool_call>", NULL};
static const char *const coder_tags[] = {"<tool_call>", "</tool_call>", "<function=", NULL};

void tool_parser_init(struct tool_parser *parser, const struct output_rules *rules,
                      uint64_t id_seed)
{
    *parser = (struct tool_parser){.rules = *rules, .id_seed = id_seed, .shows = true};
    tag_scan_init(&parser->tags, rules->tools == TOOLS_HERMES ? hermes_tags : coder_tags);
    buffer_init(&parser->space, OUTPUT_TEXT_LIMIT);
    buffer_init(&parser->block, OUTPUT_TEXT_LIMIT);
    buffer_init(&parser->text, OUTPUT_TEXT_LIMIT);
    hermes_block_init(&parser->hermes);
    coder_block_init(&parser->coder);
}

void tool_parser_free(struct tool_parser *parser)
{
    coder_block_free(&parser->coder);
    hermes_block_free(&parser->hermes);
    buffer_free(&parser->text);
    buffer_free(&parser->block);
    buffer_free(&parser->space);
}

/* ---- What formats report ---- */

static struct tool_delta *add_delta(struct output_delta *delta)
{
    if (delta->tool_count == delta->tool_capacity) {
        size_t capacity = delta->tool_capacity ? 2 * delta->tool_capacity : 4;
        struct tool_delta *tools = realloc(delta->tools, capacity * sizeof *tools);
        if (!tools)
            return NULL;
        for (size_t i = delta->tool_capacity; i < capacity; i++) {
            tools[i] = (struct tool_delta){0};
            buffer_init(&tools[i].arguments, OUTPUT_TEXT_LIMIT);
        }
        delta->tools = tools;
        delta->tool_capacity = capacity;
    }
    return &delta->tools[delta->tool_count++];
}

bool tool_parser_begin(struct tool_parser *parser, const char *name, size_t size,
                       struct output_delta *delta)
{
    parser->begun = true;
    parser->shows = false;
    parser->muted = !parser->rules.parallel_tool_calls && parser->calls > 0;
    buffer_clear(&parser->block);
    buffer_clear(&parser->space);
    if (parser->muted)
        return true;
    struct tool_delta *call = add_delta(delta);
    if (!call)
        return false;
    call->index = (int32_t)parser->calls;
    call->begins = true;
    call->name = malloc(size + 1);
    if (!call->name)
        return false;
    memcpy(call->name, name, size);
    call->name[size] = '\0';
    uint32_t words[4];
    rng_philox4x32(parser->id_seed, 0, parser->calls, words);
    snprintf(call->id, sizeof call->id,
             "chatcmpl-tool-%08" PRIx32 "%08" PRIx32 "%08" PRIx32 "%08" PRIx32, words[0], words[1],
             words[2], words[3]);
    parser->calls++;
    return true;
}

bool tool_parser_arguments(struct tool_parser *parser, const char *text, size_t size,
                           struct output_delta *delta)
{
    if (parser->muted || size == 0)
        return true;
    int32_t index = (int32_t)parser->calls - 1;
    struct tool_delta *call = delta->tool_count > 0 ? &delta->tools[delta->tool_count - 1] : NULL;
    if (!call || call->begins) {
        call = add_delta(delta);
        if (!call)
            return false;
        call->index = index;
        call->begins = false;
        call->id[0] = '\0';
    }
    return buffer_append(&call->arguments, text, size);
}

void tool_json_byte(char byte, bool in_string, struct buffer *out)
{
    if (!in_string || (unsigned char)byte >= 0x20)
        buffer_append_char(out, byte);
    else if (byte == '\n')
        buffer_append_str(out, "\\n");
    else if (byte == '\t')
        buffer_append_str(out, "\\t");
    else if (byte == '\r')
        buffer_append_str(out, "\\r");
    else
        buffer_printf(out, "\\u%04x", (unsigned)byte);
}

void tool_json_text(const char *text, size_t size, struct buffer *out)
{
    struct json_scanner scanner;
    json_scanner_init(&scanner);
    for (size_t i = 0; i < size; i++) {
        tool_json_byte(text[i], json_scanner_in_string(&scanner), out);
        json_scanner_byte(&scanner, text[i]);
    }
}

/* ---- Text ---- */

/* Content; white space at its beginning waits until it is known whether a call follows. */
static bool show(struct tool_parser *parser, const char *text, size_t size,
                 struct output_delta *delta)
{
    size_t blank = 0;
    if (!parser->content_seen && parser->calls == 0)
        while (blank < size && json_space(text[blank]))
            blank++;
    if (blank > 0 && !buffer_append(&parser->space, text, blank))
        return false;
    if (blank == size)
        return true;
    parser->content_seen = true;
    buffer_append(&delta->content, buffer_text(&parser->space), parser->space.size);
    buffer_clear(&parser->space);
    return buffer_append(&delta->content, text + blank, size - blank);
}

/* The text of parser->text, where it is content. */
static bool show_text(struct tool_parser *parser, struct output_delta *delta)
{
    bool ok =
        !buffer_failed(&parser->text) &&
        (!parser->shows || show(parser, buffer_text(&parser->text), parser->text.size, delta));
    buffer_clear(&parser->text);
    return ok;
}

static bool block_start(struct tool_parser *parser, int tag)
{
    parser->in_block = true;
    parser->begun = parser->muted = false;
    if (parser->rules.tools == TOOLS_HERMES)
        hermes_block_start(&parser->hermes);
    else
        coder_block_start(&parser->coder, tag == TAG_FUNCTION);
    buffer_clear(&parser->block);
    return buffer_append_str(&parser->block, parser->tags.tags[tag]);
}

/* The block is no call: it is content, and so is what follows up to its closing tag. */
static bool block_drop(struct tool_parser *parser, struct output_delta *delta)
{
    parser->in_block = false;
    parser->shows = true;
    bool ok = !buffer_failed(&parser->block) &&
              show(parser, buffer_text(&parser->block), parser->block.size, delta);
    buffer_clear(&parser->block);
    return ok;
}

/* Text outside blocks, up to the end of a tag. Returns what was taken, 0 when out of memory. */
static size_t text_push(struct tool_parser *parser, const char *text, size_t size,
                        struct output_delta *delta)
{
    int found;
    size_t taken = tag_scan_push(&parser->tags, text, size, &parser->text, &found);
    if (found == TAG_CLOSE)
        buffer_append_str(&parser->text, parser->tags.tags[TAG_CLOSE]);
    bool ok = show_text(parser, delta);
    if (found == TAG_CLOSE)
        parser->shows = parser->calls == 0;
    else if (found >= 0)
        ok = block_start(parser, found) && ok;
    return ok ? taken : 0;
}

/* One byte of a block. Returns 1 when it was taken, 0 when it is text; < 0: out of memory. */
static int block_push(struct tool_parser *parser, char byte, struct output_delta *delta)
{
    enum block_result result = parser->rules.tools == TOOLS_HERMES
                                   ? hermes_block_byte(parser, byte, delta)
                                   : coder_block_byte(parser, byte, delta);
    switch (result) {
    case BLOCK_MORE:
        return parser->begun || buffer_append_char(&parser->block, byte) ? 1 : -1;
    case BLOCK_END:
        parser->in_block = false;
        return 1;
    case BLOCK_RESTART:
        return block_start(parser, TAG_OPEN) ? 1 : -1;
    case BLOCK_NONE:
        return block_drop(parser, delta) ? 0 : -1;
    default:
        return -1;
    }
}

bool tool_parser_push(struct tool_parser *parser, const char *text, size_t size,
                      struct output_delta *delta)
{
    for (size_t at = 0; at < size;) {
        if (!parser->in_block) {
            size_t taken = text_push(parser, text + at, size - at, delta);
            if (taken == 0)
                return false;
            at += taken;
            continue;
        }
        int taken = block_push(parser, text[at], delta);
        if (taken < 0)
            return false;
        at += (size_t)taken;
    }
    return true;
}

bool tool_parser_finish(struct tool_parser *parser, struct output_delta *delta)
{
    if (parser->in_block) {
        enum block_result result = parser->rules.tools == TOOLS_HERMES
                                       ? hermes_block_finish(parser, delta)
                                       : coder_block_finish(parser, delta);
        if (result == BLOCK_FAILED || (result == BLOCK_NONE && !block_drop(parser, delta)))
            return false;
        parser->in_block = false;
    }
    tag_scan_flush(&parser->tags, &parser->text);
    if (!show_text(parser, delta))
        return false;
    /* No call came: the white space was the content. */
    buffer_append(&delta->content, buffer_text(&parser->space), parser->space.size);
    buffer_clear(&parser->space);
    return !buffer_failed(&delta->content);
}
