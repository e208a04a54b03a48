/* SPDX-License-Identifier: Apache-2.0 */
/* {"name": NAME, "arguments": ARGUMENTS} between <tool_call> and </tool_call>. */
#include "api/output_parser_parts.h"

#include <string.h>

#include "base/utf8.h"

#define NAME_TOKEN_MAX (6 * TOOL_NAME_MAX + 2) /* every character escaped */

enum {
    H_START,     /* before '{' */
    H_FIRST_KEY, /* after '{' */
    H_NEXT_KEY,  /* after ',' */
    H_KEY,
    H_COLON,
    H_VALUE, /* after ':' */
    H_NAME,
    H_ARGUMENTS, /* an object or array: passed on as it comes */
    H_LITERAL,   /* arguments that are something else: read whole */
    H_SKIP,      /* the value of another key */
    H_AFTER_VALUE,
    H_RAW,  /* arguments that turned out to be no JSON */
    H_TAIL, /* arguments are complete: up to the closing tag */
};

enum { KEY_NAME, KEY_ARGUMENTS, KEY_OTHER };

static const char *const raw_tags[] = {"</tool_call>", NULL};
static const char *const tail_tags[] = {"</tool_call>", "<tool_call>", NULL};

void hermes_block_init(struct hermes_block *block)
{
    *block = (struct hermes_block){.state = H_START};
    buffer_init(&block->token, OUTPUT_TEXT_LIMIT);
    buffer_init(&block->name, NAME_TOKEN_MAX);
    buffer_init(&block->arguments, OUTPUT_TEXT_LIMIT);
}

void hermes_block_start(struct hermes_block *block)
{
    block->state = H_START;
    block->has_name = block->has_arguments = false;
    buffer_clear(&block->token);
    buffer_clear(&block->name);
    buffer_clear(&block->arguments);
}

void hermes_block_free(struct hermes_block *block)
{
    buffer_free(&block->arguments);
    buffer_free(&block->name);
    buffer_free(&block->token);
}

static enum block_result go(struct hermes_block *block, int state)
{
    block->state = state;
    return BLOCK_MORE;
}

static uint32_t hex4(const char *text)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)text[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* \uXXXX, the second half of a surrogate pair included; one without the other is U+FFFD. Returns
 * the bytes read from text, which begins after the "u". */
static size_t decode_unicode(const char *text, struct buffer *out)
{
    char utf8[4];
    size_t used = 4;
    uint32_t code = hex4(text);
    if (code >= 0xD800 && code < 0xDC00 && text[4] == '\\' && text[5] == 'u') {
        uint32_t low = hex4(text + 6);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            used = 10;
        }
    }
    size_t size = utf8_encode(code, utf8);
    if (size == 0)
        size = utf8_encode(0xFFFD, utf8);
    buffer_append(out, utf8, size);
    return used;
}

/* The text of the JSON string in token, which is one as far as the scanner has seen. */
static bool decode(const struct hermes_block *block, struct buffer *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *text = buffer_text(&block->token);
    for (size_t i = 1; i + 1 < block->token.size; i++) {
        if (text[i] != '\\') {
            buffer_append_char(out, text[i]);
            continue;
        }
        const char *known = strchr(from, text[++i]);
        if (text[i] == 'u')
            i += decode_unicode(text + i + 1, out);
        else
            buffer_append_char(out, known ? to[known - from] : text[i]);
    }
    return !buffer_failed(out);
}

/* Pass on the arguments that are in the buffer. */
static bool send_arguments(struct tool_parser *parser, struct output_delta *delta)
{
    struct buffer *arguments = &parser->hermes.arguments;
    bool ok = !buffer_failed(arguments) &&
              tool_parser_arguments(parser, buffer_text(arguments), arguments->size, delta);
    buffer_clear(arguments);
    return ok;
}

/* Name and the first of the arguments are known. */
static bool begin(struct tool_parser *parser, struct output_delta *delta)
{
    const struct buffer *name = &parser->hermes.name;
    return tool_parser_begin(parser, buffer_text(name), name->size, delta) &&
           send_arguments(parser, delta);
}

static enum block_result enter_tail(struct tool_parser *parser)
{
    tag_scan_init(&parser->hermes.tags, tail_tags);
    return go(&parser->hermes, H_TAIL);
}

/* All of the arguments are known. */
static enum block_result arguments_end(struct tool_parser *parser, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    block->has_arguments = true;
    if (!block->has_name)
        return go(block, H_AFTER_VALUE);
    if (!parser->begun && !begin(parser, delta))
        return BLOCK_FAILED;
    return enter_tail(parser);
}

static enum block_result name_end(struct tool_parser *parser, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    if (block->token.size > NAME_TOKEN_MAX)
        return BLOCK_NONE;
    if (!decode(block, &block->name))
        return BLOCK_FAILED;
    if (block->name.size == 0 || block->name.size > TOOL_NAME_MAX ||
        memchr(block->name.data, '\0', block->name.size))
        return BLOCK_NONE;
    block->has_name = true;
    return block->has_arguments ? arguments_end(parser, delta) : go(block, H_AFTER_VALUE);
}

/* Arguments that are a string, a number, true, false or null. */
static enum block_result literal_end(struct tool_parser *parser, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    const char *token = buffer_text(&block->token);
    if (strcmp(token, "null") == 0)
        buffer_append_str(&block->arguments, "{}");
    else if (token[0] == '"') {
        struct buffer decoded;
        buffer_init(&decoded, OUTPUT_TEXT_LIMIT);
        bool ok = decode(block, &decoded);
        if (json_scanner_check(buffer_text(&decoded), decoded.size) == '{')
            tool_json_text(decoded.data, decoded.size, &block->arguments);
        else
            buffer_append(&block->arguments, token, block->token.size);
        buffer_free(&decoded);
        if (!ok)
            return BLOCK_FAILED;
    } else
        buffer_append(&block->arguments, token, block->token.size);
    return buffer_failed(&block->arguments) ? BLOCK_FAILED : arguments_end(parser, delta);
}

/* The object is complete. */
static enum block_result object_end(struct tool_parser *parser, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    if (!block->has_name)
        return BLOCK_NONE;
    if (!buffer_append_str(&block->arguments, "{}"))
        return BLOCK_FAILED;
    return arguments_end(parser, delta);
}

static enum block_result key_end(struct hermes_block *block)
{
    const char *key = buffer_text(&block->token);
    block->key = KEY_OTHER;
    if (strcmp(key, "\"name\"") == 0 && !block->has_name)
        block->key = KEY_NAME;
    if (strcmp(key, "\"arguments\"") == 0 && !block->has_arguments)
        block->key = KEY_ARGUMENTS;
    return go(block, H_COLON);
}

/* Punctuation between keys and values. */
static enum block_result structure_byte(struct tool_parser *parser, char byte,
                                        struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    if (json_space(byte))
        return BLOCK_MORE;
    switch (block->state) {
    case H_START:
        return byte == '{' ? go(block, H_FIRST_KEY) : BLOCK_NONE;
    case H_COLON:
        return byte == ':' ? go(block, H_VALUE) : BLOCK_NONE;
    case H_AFTER_VALUE:
        if (byte == ',')
            return go(block, H_NEXT_KEY);
        return byte == '}' ? object_end(parser, delta) : BLOCK_NONE;
    default: /* H_FIRST_KEY, H_NEXT_KEY */
        if (byte == '}' && block->state == H_FIRST_KEY)
            return object_end(parser, delta);
        return byte == '"' ? go(block, H_KEY) : BLOCK_NONE;
    }
}

/* The first byte of a value says how it will be read. False: out of memory. */
static bool value_start(struct tool_parser *parser, char byte, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    bool container = byte == '{' || byte == '[';
    block->state = H_SKIP;
    if (block->key == KEY_NAME)
        block->state = H_NAME;
    if (block->key == KEY_ARGUMENTS)
        block->state = container ? H_ARGUMENTS : H_LITERAL;
    return block->state != H_ARGUMENTS || !block->has_name || begin(parser, delta);
}

/* Keep a byte of a value where its state wants it. */
static bool value_keep(struct tool_parser *parser, char byte, bool in_string,
                       struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    if (block->state == H_SKIP)
        return true;
    if (block->state != H_ARGUMENTS) {
        tool_json_byte(byte, in_string, &block->token);
        return !buffer_failed(&block->token);
    }
    tool_json_byte(byte, in_string, &block->arguments);
    return parser->begun ? send_arguments(parser, delta) : !buffer_failed(&block->arguments);
}

static enum block_result value_end(struct tool_parser *parser, struct output_delta *delta)
{
    switch (parser->hermes.state) {
    case H_KEY:
        return key_end(&parser->hermes);
    case H_NAME:
        return name_end(parser, delta);
    case H_ARGUMENTS:
        return arguments_end(parser, delta);
    case H_LITERAL:
        return literal_end(parser, delta);
    default:
        return go(&parser->hermes, H_AFTER_VALUE);
    }
}

/* Bytes of a key or a value. */
static enum block_result value_byte(struct tool_parser *parser, char byte,
                                    struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    bool in_string = json_scanner_in_string(&block->scanner);
    switch (json_scanner_byte(&block->scanner, byte)) {
    case JSON_SCAN_MORE:
        return value_keep(parser, byte, in_string, delta) ? BLOCK_MORE : BLOCK_FAILED;
    case JSON_SCAN_END:
        if (!value_keep(parser, byte, in_string, delta))
            return BLOCK_FAILED;
        return value_end(parser, delta);
    case JSON_SCAN_END_BEFORE: {
        enum block_result result = value_end(parser, delta);
        return result == BLOCK_MORE ? hermes_block_byte(parser, byte, delta) : result;
    }
    default:
        if (!parser->begun)
            return BLOCK_NONE;
        tag_scan_init(&block->tags, raw_tags);
        block->state = H_RAW;
        return hermes_block_byte(parser, byte, delta);
    }
}

/* Up to the closing tag. */
static enum block_result tag_byte(struct tool_parser *parser, char byte, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    bool raw = block->state == H_RAW;
    int found;
    tag_scan_push(&block->tags, &byte, 1, raw ? &block->arguments : NULL, &found);
    if (raw && !send_arguments(parser, delta))
        return BLOCK_FAILED;
    return found < 0 ? BLOCK_MORE : found == 0 ? BLOCK_END : BLOCK_RESTART;
}

enum block_result hermes_block_byte(struct tool_parser *parser, char byte,
                                    struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    switch (block->state) {
    case H_KEY:
    case H_NAME:
    case H_ARGUMENTS:
    case H_LITERAL:
    case H_SKIP:
        return value_byte(parser, byte, delta);
    case H_RAW:
    case H_TAIL:
        return tag_byte(parser, byte, delta);
    case H_VALUE:
        if (json_space(byte))
            return BLOCK_MORE;
        if (block->key == KEY_NAME && byte != '"')
            return BLOCK_NONE;
        json_scanner_init(&block->scanner);
        buffer_clear(&block->token);
        if (!value_start(parser, byte, delta))
            return BLOCK_FAILED;
        return value_byte(parser, byte, delta);
    default: {
        enum block_result result = structure_byte(parser, byte, delta);
        if (result != BLOCK_MORE || block->state != H_KEY)
            return result;
        json_scanner_init(&block->scanner);
        buffer_clear(&block->token);
        return value_byte(parser, byte, delta);
    }
    }
}

enum block_result hermes_block_finish(struct tool_parser *parser, struct output_delta *delta)
{
    struct hermes_block *block = &parser->hermes;
    if (!parser->begun)
        return BLOCK_NONE;
    if (block->state != H_RAW)
        return BLOCK_END;
    tag_scan_flush(&block->tags, &block->arguments);
    return send_arguments(parser, delta) ? BLOCK_END : BLOCK_FAILED;
}
