/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <function=NAME>, then <parameter=KEY>, a line break, the value, a line break and </parameter> for
 * each parameter, then </function>, between <tool_call> and </tool_call>. The value is text, and
 * the schema of the tool says what it stands for.
 */
#include "api/output_parser_parts.h"

#include <string.h>
#include <strings.h>

enum {
    C_START, /* white space and the beginning of "<function=" */
    C_NAME,
    C_BODY, /* between parameters */
    C_KEY,
    C_VALUE,
    C_TAIL, /* after "</function>" */
};

enum { TYPE_STRING, TYPE_BOOLEAN, TYPE_INTEGER, TYPE_NUMBER, TYPE_OBJECT, TYPE_ARRAY, TYPE_NULL };
static const char *const type_names[] = {"string", "boolean", "integer", "number",
                                         "object", "array",   "null"};
#define TYPE_COUNT (sizeof type_names / sizeof type_names[0])

static const char function_tag[] = "<function=";

enum { BODY_PARAMETER, BODY_FUNCTION_END, BODY_CALL_END };
static const char *const body_tags[] = {"<parameter=", "</function>", "</tool_call>", NULL};

/* The line break before the tag belongs to it. Models forget </parameter>: a tag that may come next
 * ends the value too, at the beginning of a line. */
enum { VALUE_END_LINE, VALUE_END, VALUE_PARAMETER, VALUE_FUNCTION_END };
static const char *const value_tags[] = {"\n</parameter>", "</parameter>",
                                         "\n<parameter=", "\n</function>", NULL};

enum { TAIL_CLOSE, TAIL_OPEN };
static const char *const tail_tags[] = {"</tool_call>", "<tool_call>", NULL};

void coder_block_init(struct coder_block *block)
{
    *block = (struct coder_block){.state = C_START};
    buffer_init(&block->token, OUTPUT_TEXT_LIMIT);
    buffer_init(&block->shown, OUTPUT_TEXT_LIMIT);
}

void coder_block_start(struct coder_block *block, bool opened)
{
    block->state = opened ? C_NAME : C_START;
    block->matched = block->parameters = 0;
    buffer_clear(&block->token);
    buffer_clear(&block->shown);
}

void coder_block_free(struct coder_block *block)
{
    buffer_free(&block->shown);
    buffer_free(&block->token);
}

static enum block_result enter(struct coder_block *block, int state, const char *const *tags)
{
    tag_scan_init(&block->tags, tags);
    block->state = state;
    return BLOCK_MORE;
}

/* ---- Types ---- */

/* The properties of the tool called name; NULL: unknown. */
static const struct json *find_properties(const struct json *tools, const char *name)
{
    for (size_t i = 0; i < json_count(tools); i++) {
        const struct json *function = json_get(json_at(tools, i), "function");
        const char *other = json_string(json_get(function, "name"));
        if (other && strcmp(other, name) == 0)
            return json_get_path(function, "parameters.properties");
    }
    return NULL;
}

static void take_type(struct coder_block *block, const struct json *name, bool *found)
{
    const char *text = json_string(name);
    for (int i = 0; text && i < (int)TYPE_COUNT; i++) {
        if (strcmp(text, type_names[i]) != 0)
            continue;
        block->nullable = block->nullable || i == TYPE_NULL;
        if (*found && i != TYPE_NULL) /* A choice that is not by one type only is read as text. */
            block->type = TYPE_STRING;
        else if (!*found && i != TYPE_NULL)
            block->type = i;
        *found = *found || i != TYPE_NULL;
    }
}

/* The type of a parameter: "type" is a name or names, "anyOf" offers some. */
static void find_type(struct coder_block *block, const char *key)
{
    const struct json *schema = json_get(block->properties, key);
    const struct json *type = json_get(schema, "type"), *any = json_get(schema, "anyOf");
    bool found = false;
    block->type = TYPE_STRING;
    block->nullable = false;
    take_type(block, type, &found);
    for (size_t i = 0; json_type(type) == JSON_TYPE_ARRAY && i < json_count(type); i++)
        take_type(block, json_at(type, i), &found);
    for (size_t i = 0; json_type(any) == JSON_TYPE_ARRAY && i < json_count(any); i++)
        take_type(block, json_get(json_at(any, i), "type"), &found);
    if (!found && block->nullable)
        block->type = TYPE_NULL;
}

/* Strings that cannot be null are passed on as they come. */
static bool streamed(const struct coder_block *block)
{
    return block->type == TYPE_STRING && !block->nullable;
}

/* ---- Arguments ---- */

static void append_string_part(const char *text, size_t size, struct buffer *out)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            buffer_append_char(out, '\\');
        tool_json_byte(text[i], true, out);
    }
}

static bool send(struct tool_parser *parser, struct buffer *json, struct output_delta *delta)
{
    bool ok =
        !buffer_failed(json) && tool_parser_arguments(parser, buffer_text(json), json->size, delta);
    buffer_free(json);
    return ok;
}

static bool send_text(struct tool_parser *parser, const char *text, struct output_delta *delta)
{
    return tool_parser_arguments(parser, text, strlen(text), delta);
}

/* The key, and the quote that opens a value that will be streamed. */
static bool send_key(struct tool_parser *parser, struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    struct buffer json;
    buffer_init(&json, OUTPUT_TEXT_LIMIT);
    buffer_append_str(&json, block->parameters++ ? ", \"" : "{\"");
    append_string_part(buffer_text(&block->token), block->token.size, &json);
    buffer_append_str(&json, streamed(block) ? "\": \"" : "\": ");
    return send(parser, &json, delta);
}

/* Whether text of one JSON value that begins with `first` is of the type. */
static bool fits(int type, char first, const char *text, size_t size)
{
    bool number = first == '-' || (first >= '0' && first <= '9');
    switch (type) {
    case TYPE_INTEGER:
        return number && !memchr(text, '.', size) && !memchr(text, 'e', size) &&
               !memchr(text, 'E', size);
    case TYPE_NUMBER:
        return number;
    case TYPE_OBJECT:
        return first == '{';
    case TYPE_ARRAY:
        return first == '[';
    default:
        return false;
    }
}

/* A value that was read whole: what it stands for, or a string. */
static bool send_value(struct tool_parser *parser, struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    const char *text = buffer_text(&block->token);
    size_t size = block->token.size, from = 0;
    while (from < size && json_space(text[from]))
        from++;
    while (size > from && json_space(text[size - 1]))
        size--;
    const char *trimmed = text + from;
    size -= from;
    char first = json_scanner_check(trimmed, size);
    struct buffer json;
    buffer_init(&json, OUTPUT_TEXT_LIMIT);
    bool null = (block->nullable || block->type != TYPE_STRING) && size == 4 &&
                (strncasecmp(trimmed, "null", 4) == 0 || strncasecmp(trimmed, "none", 4) == 0);
    if (null)
        buffer_append_str(&json, "null");
    else if (block->type == TYPE_BOOLEAN && size == 4 && strncasecmp(trimmed, "true", 4) == 0)
        buffer_append_str(&json, "true");
    else if (block->type == TYPE_BOOLEAN && size == 5 && strncasecmp(trimmed, "false", 5) == 0)
        buffer_append_str(&json, "false");
    else if (first && fits(block->type, first, trimmed, size))
        tool_json_text(trimmed, size, &json);
    else {
        buffer_append_char(&json, '"');
        append_string_part(text, block->token.size, &json);
        buffer_append_char(&json, '"');
    }
    return send(parser, &json, delta);
}

/* ---- Bytes ---- */

static enum block_result start_byte(struct coder_block *block, char byte)
{
    if (byte == function_tag[block->matched]) {
        if (++block->matched + 1 < sizeof function_tag)
            return BLOCK_MORE;
        block->state = C_NAME;
        return BLOCK_MORE;
    }
    return block->matched == 0 && json_space(byte) ? BLOCK_MORE : BLOCK_NONE;
}

/* A name up to '>'. BLOCK_END: it is complete, in token. */
static enum block_result name_byte(struct coder_block *block, char byte)
{
    if (byte == '>' && block->token.size > 0)
        return BLOCK_END;
    bool allowed = (unsigned char)byte > ' ' && byte != '<' && byte != '>' && byte != 0x7f;
    if (!allowed || block->token.size == TOOL_NAME_MAX)
        return BLOCK_NONE;
    return buffer_append_char(&block->token, byte) ? BLOCK_MORE : BLOCK_FAILED;
}

static enum block_result function_name_byte(struct tool_parser *parser, char byte,
                                            struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    enum block_result result = name_byte(block, byte);
    if (result != BLOCK_END)
        return result;
    block->properties = find_properties(parser->rules.tool_schemas, buffer_text(&block->token));
    if (!tool_parser_begin(parser, buffer_text(&block->token), block->token.size, delta))
        return BLOCK_FAILED;
    return enter(block, C_BODY, body_tags);
}

static enum block_result enter_key(struct coder_block *block)
{
    buffer_clear(&block->token);
    block->state = C_KEY;
    return BLOCK_MORE;
}

static enum block_result close_arguments(struct tool_parser *parser, struct output_delta *delta)
{
    if (!send_text(parser, parser->coder.parameters ? "}" : "{}", delta))
        return BLOCK_FAILED;
    return enter(&parser->coder, C_TAIL, tail_tags);
}

static enum block_result body_byte(struct tool_parser *parser, char byte,
                                   struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    int found;
    tag_scan_push(&block->tags, &byte, 1, NULL, &found);
    if (found < 0)
        return BLOCK_MORE;
    if (found == BODY_PARAMETER)
        return enter_key(block);
    if (close_arguments(parser, delta) == BLOCK_FAILED)
        return BLOCK_FAILED;
    return found == BODY_CALL_END ? BLOCK_END : BLOCK_MORE;
}

static enum block_result key_byte(struct tool_parser *parser, char byte, struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    enum block_result result = name_byte(block, byte);
    if (result == BLOCK_NONE) { /* No parameter: nothing was sent of it. */
        enter(block, C_BODY, body_tags);
        return body_byte(parser, byte, delta);
    }
    if (result != BLOCK_END)
        return result;
    find_type(block, buffer_text(&block->token));
    if (!send_key(parser, delta))
        return BLOCK_FAILED;
    buffer_clear(&block->token);
    block->first_byte = true;
    return enter(block, C_VALUE, value_tags);
}

/* What the tags let pass of a value: sent as part of a string, or kept. */
static bool value_text(struct tool_parser *parser, struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    if (block->shown.size == 0 || buffer_failed(&block->shown))
        return !buffer_failed(&block->shown);
    bool ok;
    if (streamed(block)) {
        struct buffer json;
        buffer_init(&json, OUTPUT_TEXT_LIMIT);
        append_string_part(block->shown.data, block->shown.size, &json);
        ok = send(parser, &json, delta);
    } else {
        ok = buffer_append(&block->token, block->shown.data, block->shown.size);
    }
    buffer_clear(&block->shown);
    return ok;
}

static enum block_result value_byte(struct tool_parser *parser, char byte,
                                    struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    bool first = block->first_byte;
    block->first_byte = false;
    if (first && byte == '\n')
        return BLOCK_MORE;
    int found;
    tag_scan_push(&block->tags, &byte, 1, &block->shown, &found);
    if (!value_text(parser, delta))
        return BLOCK_FAILED;
    if (found < 0)
        return BLOCK_MORE;
    if (!(streamed(block) ? send_text(parser, "\"", delta) : send_value(parser, delta)))
        return BLOCK_FAILED;
    if (found == VALUE_PARAMETER)
        return enter_key(block);
    return found == VALUE_FUNCTION_END ? close_arguments(parser, delta)
                                       : enter(block, C_BODY, body_tags);
}

static enum block_result tail_byte(struct coder_block *block, char byte)
{
    int found;
    tag_scan_push(&block->tags, &byte, 1, NULL, &found);
    if (found < 0)
        return BLOCK_MORE;
    return found == TAIL_CLOSE ? BLOCK_END : BLOCK_RESTART;
}

enum block_result coder_block_byte(struct tool_parser *parser, char byte,
                                   struct output_delta *delta)
{
    switch (parser->coder.state) {
    case C_START:
        return start_byte(&parser->coder, byte);
    case C_NAME:
        return function_name_byte(parser, byte, delta);
    case C_BODY:
        return body_byte(parser, byte, delta);
    case C_KEY:
        return key_byte(parser, byte, delta);
    case C_VALUE:
        return value_byte(parser, byte, delta);
    default:
        return tail_byte(&parser->coder, byte);
    }
}

enum block_result coder_block_finish(struct tool_parser *parser, struct output_delta *delta)
{
    struct coder_block *block = &parser->coder;
    if (!parser->begun)
        return BLOCK_NONE;
    if (block->state == C_BODY && block->parameters > 0) /* Only the closing tags are missing. */
        return close_arguments(parser, delta) == BLOCK_FAILED ? BLOCK_FAILED : BLOCK_END;
    if (block->state != C_VALUE)
        return BLOCK_END;
    tag_scan_flush(&block->tags, &block->shown);
    return value_text(parser, delta) ? BLOCK_END : BLOCK_FAILED;
}
