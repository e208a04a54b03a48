/* SPDX-License-Identifier: Apache-2.0 */
/* Making strings, lists, dicts and undefined values. */
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_run.h"

size_t jinja_count_chars(const char *data, size_t size)
{
    size_t chars = 0;
    for (size_t i = 0; i < size; i++)
        chars += ((unsigned char)data[i] & 0xC0) != 0x80;
    return chars;
}

struct jinja_value jinja_string_view(struct jinja_run *run, const char *data, size_t size)
{
    struct jinja_string *string = jinja_alloc(run, sizeof(*string));
    if (!string)
        return jinja_error();
    string->data = data;
    string->size = size;
    string->chars = jinja_count_chars(data, size);
    return jinja_from_string(string);
}

struct jinja_value jinja_string_new(struct jinja_run *run, const char *data, size_t size)
{
    char *copy = jinja_alloc(run, size + 1);
    if (!copy)
        return jinja_error();
    if (size)
        memcpy(copy, data, size);
    return jinja_string_view(run, copy, size);
}

struct jinja_value jinja_string_text(struct jinja_run *run, const char *text)
{
    return jinja_string_new(run, text, strlen(text));
}

struct jinja_value jinja_string_take(struct jinja_run *run, struct buffer *buffer)
{
    struct jinja_value value = jinja_error();
    if (jinja_buffer_check(run, buffer))
        value = jinja_string_new(run, buffer_text(buffer), buffer->size);
    buffer_free(buffer);
    return value;
}

struct jinja_value jinja_string_concat(struct jinja_run *run, const struct jinja_string *a,
                                       const struct jinja_string *b)
{
    struct jinja_string *string = jinja_alloc(run, sizeof(*string));
    if (!string)
        return jinja_error();
    struct jinja_room *room = a->room;
    bool fits = room && a->data + a->size == room->data + room->used &&
                room->capacity - room->used >= b->size;
    if (!fits) {
        size_t size = a->size + b->size;
        size_t capacity = a->size < 512 ? size : size * 2;
        room = jinja_alloc(run, sizeof(*room) + capacity);
        if (!room || !jinja_charge(run, a->size / 256))
            return jinja_error();
        room->capacity = capacity;
        if (a->size)
            memcpy(room->data, a->data, a->size);
        room->used = a->size;
        string->data = room->data;
    } else {
        string->data = a->data;
    }
    if (b->size)
        memcpy(room->data + room->used, b->data, b->size);
    room->used += b->size;
    string->size = a->size + b->size;
    string->chars = a->chars + b->chars;
    string->room = room;
    return jinja_from_string(string);
}

size_t jinja_string_offset(const struct jinja_string *string, size_t index)
{
    if (string->chars == string->size)
        return index;
    if (index >= string->chars)
        return string->size;
    size_t offset = 0;
    for (size_t seen = 0; offset < string->size; offset++) {
        if (((unsigned char)string->data[offset] & 0xC0) == 0x80)
            continue;
        if (seen == index)
            break;
        seen++;
    }
    return offset;
}

bool jinja_string_equal(const struct jinja_string *a, const struct jinja_string *b)
{
    return a == b || (a->size == b->size && (a->size == 0 || !memcmp(a->data, b->data, a->size)));
}

bool jinja_string_is(const struct jinja_string *string, const char *text)
{
    return string->size == strlen(text) && !memcmp(string->data, text, string->size);
}

struct jinja_value jinja_list_new(struct jinja_run *run, enum jinja_kind kind, const char *type)
{
    struct jinja_list *list = jinja_alloc(run, sizeof(*list));
    if (!list)
        return jinja_error();
    list->type = type;
    return (struct jinja_value){.kind = (uint8_t)kind, .as.list = list};
}

bool jinja_list_push(struct jinja_run *run, struct jinja_list *list, struct jinja_value item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        struct jinja_value *items = jinja_alloc(run, capacity * sizeof(*items));
        if (!items)
            return false;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

struct jinja_value jinja_pair(struct jinja_run *run, struct jinja_value a, struct jinja_value b)
{
    struct jinja_value pair = jinja_list_new(run, JINJA_TUPLE, "tuple");
    if (!pair.kind || !jinja_list_push(run, pair.as.list, a) ||
        !jinja_list_push(run, pair.as.list, b))
        return jinja_error();
    return pair;
}

static struct jinja_value make_undefined(struct jinja_run *run, struct jinja_undefined value)
{
    struct jinja_undefined *undefined = jinja_alloc(run, sizeof(*undefined));
    if (!undefined)
        return jinja_error();
    *undefined = value;
    return (struct jinja_value){.kind = JINJA_UNDEFINED, .as.undefined = undefined};
}

struct jinja_value jinja_undefined_hint(struct jinja_run *run, const char *hint)
{
    return make_undefined(run, (struct jinja_undefined){.hint = hint});
}

struct jinja_value jinja_undefined_name(struct jinja_run *run, const struct jinja_string *name)
{
    return make_undefined(run, (struct jinja_undefined){.name = jinja_from_string(name)});
}

struct jinja_value jinja_undefined_item(struct jinja_run *run, struct jinja_value object,
                                        struct jinja_value name)
{
    return make_undefined(
        run, (struct jinja_undefined){.object_type = jinja_type_name(object), .name = name});
}

/* Jinja's object_type_repr: "None", "dict object", "jinja2.utils.Namespace object". */
static const char *object_prefix(const char *type)
{
    if (!strcmp(type, "Namespace") || !strcmp(type, "Cycler") || !strcmp(type, "Joiner"))
        return "jinja2.utils.";
    if (!strcmp(type, "LoopContext") || !strcmp(type, "Macro"))
        return "jinja2.runtime.";
    return !strcmp(type, "Markup") ? "markupsafe." : "";
}

struct jinja_value jinja_undefined_raise(struct jinja_run *run, struct jinja_value value)
{
    const struct jinja_undefined *undefined = value.as.undefined;
    const char *class_name = undefined->unsafe ? "SecurityError" : "UndefinedError";
    if (undefined->hint)
        return jinja_raise(run, class_name, "%s", undefined->hint);
    struct jinja_value name = jinja_repr(run, undefined->name);
    if (!name.kind)
        return name;
    const char *text = name.as.string->data;
    if (!undefined->object_type)
        return jinja_raise(run, class_name, "%s is undefined", text);
    const char *type = undefined->object_type;
    bool none = !strcmp(type, "NoneType");
    const char *quote = undefined->name.kind == JINJA_STRING ? "'" : "";
    return jinja_raise(run, class_name, "%s%s%s%s%s has no %s %s", quote, object_prefix(type),
                       none ? "None" : type, none ? "" : " object", quote,
                       *quote ? "attribute" : "element", text);
}
