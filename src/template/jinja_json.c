/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in and out: a request's values into the render's arena, json.dumps() as Python writes it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"

static struct jinja_value from_array(struct jinja_run *run, const struct json *json, unsigned depth)
{
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list");
    size_t count = json_count(json);
    for (size_t i = 0; list.kind && i < count; i++) {
        struct jinja_value item = jinja_from_json(run, json_at(json, i), depth + 1);
        if (!item.kind || !jinja_list_push(run, list.as.list, item))
            return jinja_error();
    }
    return list;
}

static struct jinja_value from_object(struct jinja_run *run, const struct json *json,
                                      unsigned depth)
{
    struct jinja_value dict = jinja_dict_new(run);
    if (!dict.kind)
        return dict;
    for (struct json_iter it = json_iter(json); json_next(&it);) {
        struct jinja_value key = jinja_string_new(run, it.key, it.key_length);
        struct jinja_value value = jinja_from_json(run, it.value, depth + 1);
        if (!key.kind || !value.kind || !jinja_dict_set(run, dict.as.dict, key, value))
            return jinja_error();
    }
    return dict;
}

struct jinja_value jinja_from_json(struct jinja_run *run, const struct json *json, unsigned depth)
{
    size_t size = 0;
    if (depth > JSON_DEPTH_MAX)
        return jinja_raise_limit(run, "variables nest deeper than %d", JSON_DEPTH_MAX);
    switch (json_type(json)) {
    case JSON_TYPE_BOOL:
        return jinja_bool(json_bool(json, false));
    case JSON_TYPE_INTEGER:
        return jinja_int(json_integer(json, 0));
    case JSON_TYPE_BIG_INTEGER: {
        struct jinja_value value = jinja_string_text(run, json_text(json));
        if (value.kind)
            value.kind = JINJA_BIG;
        return value;
    }
    case JSON_TYPE_REAL:
        return jinja_float(json_number(json, 0));
    case JSON_TYPE_STRING: {
        const char *text = json_string_n(json, &size);
        return jinja_string_view(run, text, size);
    }
    case JSON_TYPE_ARRAY:
        return from_array(run, json, depth);
    case JSON_TYPE_OBJECT:
        return from_object(run, json, depth);
    default:
        return jinja_none();
    }
}

/* The writer's state: where, how, how deep. */
struct json_writer {
    struct jinja_run *run;
    struct buffer *out;
    const struct jinja_json_style *style;
    unsigned depth;
};

static void write_escaped(struct json_writer *writer, uint32_t code_point)
{
    if (code_point < 0x10000) {
        buffer_printf(writer->out, "\\u%04x", code_point);
        return;
    }
    code_point -= 0x10000;
    buffer_printf(writer->out, "\\u%04x\\u%04x", 0xD800 + (code_point >> 10),
                  0xDC00 + (code_point & 0x3FF));
}

static void write_string(struct json_writer *writer, const struct jinja_string *string)
{
    static const char plain[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    buffer_append_char(writer->out, '"');
    for (size_t i = 0; i < string->size;) {
        size_t length = 1;
        uint32_t code_point = utf8_decode(string->data + i, string->size - i, &length);
        const char *found = code_point && code_point < 0x80 ? strchr(plain, (int)code_point) : NULL;
        if (found) {
            buffer_append_char(writer->out, '\\');
            buffer_append_char(writer->out, letters[found - plain]);
        } else if (code_point < 0x20 || (writer->style->ascii && code_point > 0x7E)) {
            write_escaped(writer, code_point);
        } else {
            buffer_append(writer->out, string->data + i, length);
        }
        i += length;
    }
    buffer_append_char(writer->out, '"');
}

static void write_break(struct json_writer *writer)
{
    const struct jinja_string *indent = writer->style->indent;
    if (!indent)
        return;
    buffer_append_char(writer->out, '\n');
    for (unsigned i = 0; i < writer->depth; i++)
        buffer_append(writer->out, indent->data, indent->size);
}

static void write_separator(struct json_writer *writer)
{
    const struct jinja_string *separator = writer->style->item_separator;
    if (separator)
        buffer_append(writer->out, separator->data, separator->size);
    else
        buffer_append_str(writer->out, writer->style->indent ? "," : ", ");
    write_break(writer);
}

/* null, true, a number; false when value is none of these. */
static bool write_scalar(struct json_writer *writer, struct jinja_value value)
{
    char text[32];
    switch (value.kind) {
    case JINJA_NONE:
        buffer_append_str(writer->out, "null");
        return true;
    case JINJA_BOOL:
        buffer_append_str(writer->out, value.as.boolean ? "true" : "false");
        return true;
    case JINJA_INT:
        buffer_printf(writer->out, "%" PRId64, value.as.integer);
        return true;
    case JINJA_BIG:
        buffer_append(writer->out, value.as.string->data, value.as.string->size);
        return true;
    case JINJA_FLOAT:
        if (isnan(value.as.real)) {
            buffer_append_str(writer->out, "NaN");
        } else if (isinf(value.as.real)) {
            buffer_append_str(writer->out, value.as.real < 0 ? "-Infinity" : "Infinity");
        } else {
            json_format_real(value.as.real, text);
            buffer_append_str(writer->out, text);
        }
        return true;
    default:
        return false;
    }
}

static bool write_value(struct json_writer *writer, struct jinja_value value);

static bool write_list(struct json_writer *writer, const struct jinja_list *list)
{
    if (list->count == 0)
        return buffer_append_str(writer->out, "[]") || true;
    buffer_append_char(writer->out, '[');
    writer->depth++;
    write_break(writer);
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            write_separator(writer);
        if (!write_value(writer, list->items[i]))
            return false;
    }
    writer->depth--;
    write_break(writer);
    buffer_append_char(writer->out, ']');
    return true;
}

static bool write_key(struct json_writer *writer, struct jinja_value key)
{
    const struct jinja_string *separator = writer->style->key_separator;
    if (key.kind == JINJA_STRING) {
        write_string(writer, key.as.string);
    } else {
        buffer_append_char(writer->out, '"');
        if (!write_scalar(writer, key))
            return jinja_raise(writer->run, "TypeError",
                               "keys must be str, int, float, bool or None, not %s",
                               jinja_type_name(key))
                .kind;
        buffer_append_char(writer->out, '"');
    }
    if (separator)
        buffer_append(writer->out, separator->data, separator->size);
    else
        buffer_append_str(writer->out, ": ");
    return true;
}

/* The entries by ascending key, or as they are. */
static const struct jinja_entry *ordered(struct json_writer *writer, const struct jinja_dict *dict)
{
    if (!writer->style->sort_keys)
        return dict->entries;
    struct jinja_value items = jinja_list_new(writer->run, JINJA_LIST, "list");
    struct jinja_value keys = jinja_list_new(writer->run, JINJA_LIST, "list");
    struct jinja_entry *out = jinja_alloc(writer->run, dict->count * sizeof(*out));
    if (!items.kind || !keys.kind || !out)
        return NULL;
    for (size_t i = 0; i < dict->count; i++) {
        if (!jinja_list_push(writer->run, items.as.list, jinja_int((int64_t)i)) ||
            !jinja_list_push(writer->run, keys.as.list, dict->entries[i].key))
            return NULL;
    }
    if (!jinja_sort(writer->run, items.as.list, keys.as.list, false))
        return NULL;
    for (size_t i = 0; i < dict->count; i++)
        out[i] = dict->entries[items.as.list->items[i].as.integer];
    return out;
}

static bool write_dict(struct json_writer *writer, const struct jinja_dict *dict)
{
    if (dict->count == 0)
        return buffer_append_str(writer->out, "{}") || true;
    const struct jinja_entry *entries = ordered(writer, dict);
    if (!entries)
        return false;
    buffer_append_char(writer->out, '{');
    writer->depth++;
    write_break(writer);
    for (size_t i = 0; i < dict->count; i++) {
        if (i)
            write_separator(writer);
        if (!write_key(writer, entries[i].key) || !write_value(writer, entries[i].value))
            return false;
    }
    writer->depth--;
    write_break(writer);
    buffer_append_char(writer->out, '}');
    return true;
}

static bool write_value(struct json_writer *writer, struct jinja_value value)
{
    if (writer->depth > JINJA_VALUE_DEPTH_MAX)
        return jinja_raise(writer->run, "RecursionError",
                           "maximum recursion depth exceeded while encoding a JSON object")
            .kind;
    if (!jinja_charge(writer->run, 1) || !jinja_buffer_check(writer->run, writer->out))
        return false;
    if (value.kind == JINJA_STRING) {
        write_string(writer, value.as.string);
        return jinja_charge(writer->run, value.as.string->size / 256);
    }
    if (value.kind == JINJA_LIST || value.kind == JINJA_TUPLE)
        return write_list(writer, value.as.list);
    if (value.kind == JINJA_DICT)
        return write_dict(writer, value.as.dict);
    if (write_scalar(writer, value))
        return true;
    return jinja_raise(writer->run, "TypeError", "Object of type %s is not JSON serializable",
                       jinja_type_name(value))
        .kind;
}

struct jinja_value jinja_to_json(struct jinja_run *run, struct jinja_value value,
                                 const struct jinja_json_style *style)
{
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    struct json_writer writer = {run, &out, style, 0};
    if (!write_value(&writer, value)) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}
