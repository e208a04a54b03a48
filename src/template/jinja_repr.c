/* SPDX-License-Identifier: Apache-2.0 */
/* str() and repr() as Python writes them. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"
#include "template/jinja_unicode.h"

void jinja_float_text(double value, char out[32])
{
    if (isnan(value))
        memcpy(out, "nan", 4);
    else if (isinf(value))
        memcpy(out, value < 0 ? "-inf" : "inf", value < 0 ? 5 : 4);
    else
        json_format_real(value, out);
}

static void escape_code_point(struct buffer *out, uint32_t code_point)
{
    if (code_point < 0x100)
        buffer_printf(out, "\\x%02x", code_point);
    else if (code_point < 0x10000)
        buffer_printf(out, "\\u%04x", code_point);
    else
        buffer_printf(out, "\\U%08x", code_point);
}

/* Single quotes unless the text has one and no double quote. */
static void repr_string(struct buffer *out, const struct jinja_string *string)
{
    bool has_single = string->size && memchr(string->data, '\'', string->size);
    bool has_double = string->size && memchr(string->data, '"', string->size);
    char quote = has_single && !has_double ? '"' : '\'';
    buffer_append_char(out, quote);
    for (size_t i = 0; i < string->size;) {
        size_t length = 1;
        uint32_t code_point = utf8_decode(string->data + i, string->size - i, &length);
        if (code_point == (uint32_t)quote || code_point == '\\') {
            buffer_append_char(out, '\\');
            buffer_append_char(out, (char)code_point);
        } else if (code_point == '\n') {
            buffer_append_str(out, "\\n");
        } else if (code_point == '\r') {
            buffer_append_str(out, "\\r");
        } else if (code_point == '\t') {
            buffer_append_str(out, "\\t");
        } else if (!jinja_unicode_is(code_point, UNICODE_IS_PRINTABLE)) {
            escape_code_point(out, code_point);
        } else {
            buffer_append(out, string->data + i, length);
        }
        i += length;
    }
    buffer_append_char(out, quote);
}

static bool repr_list(struct jinja_run *run, struct buffer *out, struct jinja_value value,
                      unsigned depth)
{
    const struct jinja_list *list = value.as.list;
    bool view = value.kind == JINJA_VIEW, tuple = value.kind == JINJA_TUPLE;
    if (view)
        buffer_printf(out, "%s(", list->type);
    buffer_append_char(out, tuple ? '(' : '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buffer_append_str(out, ", ");
        if (!jinja_repr_append(run, out, list->items[i], depth + 1))
            return false;
    }
    if (tuple && list->count == 1)
        buffer_append_char(out, ',');
    buffer_append_char(out, tuple ? ')' : ']');
    if (view)
        buffer_append_char(out, ')');
    return true;
}

static bool repr_dict(struct jinja_run *run, struct buffer *out, const struct jinja_dict *dict,
                      unsigned depth)
{
    buffer_append_char(out, '{');
    for (size_t i = 0; i < dict->count; i++) {
        if (i)
            buffer_append_str(out, ", ");
        if (!jinja_repr_append(run, out, dict->entries[i].key, depth + 1))
            return false;
        buffer_append_str(out, ": ");
        if (!jinja_repr_append(run, out, dict->entries[i].value, depth + 1))
            return false;
    }
    buffer_append_char(out, '}');
    return true;
}

/* Objects whose Python text holds an address get the text without it. */
static bool repr_object(struct jinja_run *run, struct buffer *out, struct jinja_value value,
                        unsigned depth)
{
    switch (value.kind) {
    case JINJA_NAMESPACE:
        buffer_append_str(out, "<Namespace ");
        if (!repr_dict(run, out, value.as.dict, depth))
            return false;
        buffer_append_char(out, '>');
        return true;
    case JINJA_LOOP:
        buffer_printf(out, "<LoopContext %zu/%zu>", value.as.loop->index0 + 1,
                      value.as.loop->items->count);
        return true;
    case JINJA_MACRO:
        buffer_append_str(out, "<Macro ");
        if (value.as.macro->name)
            repr_string(out, value.as.macro->name);
        else
            buffer_append_str(out, "anonymous");
        buffer_append_char(out, '>');
        return true;
    case JINJA_RANGE:
        buffer_printf(out, "range(%" PRId64 ", %" PRId64, value.as.range->start,
                      value.as.range->stop);
        if (value.as.range->step != 1)
            buffer_printf(out, ", %" PRId64, value.as.range->step);
        buffer_append_char(out, ')');
        return true;
    default:
        buffer_printf(out, "<%s object>", jinja_type_name(value));
        return true;
    }
}

bool jinja_repr_append(struct jinja_run *run, struct buffer *out, struct jinja_value value,
                       unsigned depth)
{
    char text[32];
    if (depth > JINJA_VALUE_DEPTH_MAX)
        return jinja_raise(run, "RecursionError",
                           "maximum recursion depth exceeded while getting the repr of an object")
            .kind;
    if (!jinja_charge(run, 1) || !jinja_buffer_check(run, out))
        return false;
    switch (value.kind) {
    case JINJA_UNDEFINED:
        buffer_append_str(out, "Undefined");
        return true;
    case JINJA_NONE:
        buffer_append_str(out, "None");
        return true;
    case JINJA_BOOL:
        buffer_append_str(out, value.as.boolean ? "True" : "False");
        return true;
    case JINJA_INT:
        buffer_printf(out, "%" PRId64, value.as.integer);
        return true;
    case JINJA_BIG:
        buffer_append(out, value.as.string->data, value.as.string->size);
        return true;
    case JINJA_FLOAT:
        jinja_float_text(value.as.real, text);
        buffer_append_str(out, text);
        return true;
    case JINJA_STRING:
        buffer_append_str(out, value.markup ? "Markup(" : "");
        repr_string(out, value.as.string);
        buffer_append_str(out, value.markup ? ")" : "");
        return jinja_charge(run, value.as.string->size / 256);
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
        return repr_list(run, out, value, depth);
    case JINJA_DICT:
        return repr_dict(run, out, value.as.dict, depth);
    default:
        return repr_object(run, out, value, depth);
    }
}

bool jinja_str_append(struct jinja_run *run, struct buffer *out, struct jinja_value value)
{
    if (value.kind == JINJA_UNDEFINED)
        return true;
    if (value.kind == JINJA_STRING) {
        buffer_append(out, value.as.string->data, value.as.string->size);
        return jinja_charge(run, value.as.string->size / 256) && jinja_buffer_check(run, out);
    }
    return jinja_repr_append(run, out, value, 0) && jinja_buffer_check(run, out);
}

struct jinja_value jinja_str(struct jinja_run *run, struct jinja_value value)
{
    if (value.kind == JINJA_STRING)
        return value;
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    if (!jinja_str_append(run, &out, value)) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}

struct jinja_value jinja_repr(struct jinja_run *run, struct jinja_value value)
{
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    if (!jinja_repr_append(run, &out, value, 0)) {
        buffer_free(&out);
        return jinja_error();
    }
    return jinja_string_take(run, &out);
}
