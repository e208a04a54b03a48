/* SPDX-License-Identifier: Apache-2.0 */
/* object.name, object[index] and slices, as Jinja's immutable sandbox resolves them. */
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_filter_key.h"

/* A value of kind JINJA_ERROR with run->status still fine: there is no such attribute. */
static struct jinja_value loop_attribute(struct jinja_run *run, struct jinja_loop *loop,
                                         const struct jinja_string *name)
{
    size_t count = loop->items->count, index = loop->index0;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"index", (int64_t)index + 1},
        {"index0", (int64_t)index},
        {"revindex", (int64_t)(count - index)},
        {"revindex0", (int64_t)(count - index) - 1},
        {"length", (int64_t)count},
        {"depth", (int64_t)loop->depth0 + 1},
        {"depth0", (int64_t)loop->depth0},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (jinja_string_is(name, numbers[i].name))
            return jinja_int(numbers[i].value);
    }
    if (jinja_string_is(name, "first"))
        return jinja_bool(index == 0);
    if (jinja_string_is(name, "last"))
        return jinja_bool(index + 1 == count);
    if (jinja_string_is(name, "previtem"))
        return index ? loop->items->items[index - 1]
                     : jinja_undefined_hint(run, "there is no previous item");
    if (jinja_string_is(name, "nextitem"))
        return index + 1 < count ? loop->items->items[index + 1]
                                 : jinja_undefined_hint(run, "there is no next item");
    return jinja_error();
}

static struct jinja_value macro_attribute(struct jinja_run *run, const struct jinja_macro *macro,
                                          const struct jinja_string *name)
{
    if (jinja_string_is(name, "name"))
        return macro->name ? jinja_from_string(macro->name) : jinja_none();
    if (jinja_string_is(name, "catch_kwargs"))
        return jinja_bool(macro->def->uses_kwargs);
    if (jinja_string_is(name, "catch_varargs"))
        return jinja_bool(macro->def->uses_varargs);
    if (jinja_string_is(name, "caller"))
        return jinja_bool(macro->def->uses_caller);
    if (!jinja_string_is(name, "arguments"))
        return jinja_error();
    struct jinja_value list = jinja_list_new(run, JINJA_TUPLE, "tuple");
    for (const struct jinja_node *node = macro->def->parameters; list.kind && node;
         node = node->next) {
        if (!jinja_list_push(run, list.as.list, jinja_from_string(node->as.name)))
            return jinja_error();
    }
    return list;
}

/* What groupby gives: a tuple whose two items have names. */
static struct jinja_value group_attribute(const struct jinja_list *group,
                                          const struct jinja_string *name)
{
    if (group->count == 2 && jinja_string_is(name, "grouper"))
        return group->items[0];
    return group->count == 2 && jinja_string_is(name, "list") ? group->items[1] : jinja_error();
}

/* "access to attribute 'append' of 'list' object is unsafe." */
static struct jinja_value unsafe_attribute(struct jinja_run *run, struct jinja_value object,
                                           const struct jinja_string *name)
{
    struct buffer text;
    buffer_init(&text, 4096);
    buffer_printf(&text, "access to attribute '%.*s' of '%s' object is unsafe.",
                  (int)(name->size < 200 ? name->size : 200), name->data, jinja_type_name(object));
    struct jinja_value hint = jinja_string_take(run, &text);
    struct jinja_undefined *undefined = jinja_alloc(run, sizeof(*undefined));
    if (!hint.kind || !undefined)
        return jinja_error();
    undefined->hint = hint.as.string->data;
    undefined->unsafe = true;
    return (struct jinja_value){.kind = JINJA_UNDEFINED, .as.undefined = undefined};
}

/* Python's getattr(); JINJA_ERROR with run->status fine when there is no such attribute. */
static struct jinja_value own_attribute(struct jinja_run *run, struct jinja_value object,
                                        const struct jinja_string *name)
{
    struct jinja_value value = jinja_error();
    if (name->size > 4 && !memcmp(name->data, "__", 2) &&
        !memcmp(name->data + name->size - 2, "__", 2))
        return unsafe_attribute(run, object, name);
    if (object.kind == JINJA_NAMESPACE) {
        const struct jinja_value *found = jinja_dict_find(object.as.dict, name);
        return found ? *found : value;
    }
    if (object.kind == JINJA_LOOP)
        value = loop_attribute(run, object.as.loop, name);
    else if (object.kind == JINJA_MACRO)
        value = macro_attribute(run, object.as.macro, name);
    else if (object.kind == JINJA_TUPLE && !strcmp(object.as.list->type, JINJA_GROUP_TYPE))
        value = group_attribute(object.as.list, name);
    else if (object.kind == JINJA_CYCLER && jinja_string_is(name, "current"))
        value = object.as.cycler->items.as.list->items[object.as.cycler->position];
    if (value.kind || run->status != OCTET_OK)
        return value;
    const struct jinja_method *method = jinja_method_find(object, name->data, name->size);
    if (!method)
        return value;
    if (method->class == METHOD_MUTATES)
        return unsafe_attribute(run, object, name);
    struct jinja_bound *bound = jinja_alloc(run, sizeof(*bound));
    if (!bound)
        return value;
    bound->self = object;
    bound->method = method;
    return (struct jinja_value){.kind = JINJA_METHOD, .as.bound = bound};
}

struct jinja_value jinja_attribute(struct jinja_run *run, struct jinja_value object,
                                   const struct jinja_string *name)
{
    if (object.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, object);
    struct jinja_value value = own_attribute(run, object, name);
    if (value.kind || run->status != OCTET_OK)
        return value;
    if (object.kind == JINJA_DICT) {
        const struct jinja_value *found = jinja_dict_find(object.as.dict, name);
        if (found)
            return *found;
    }
    return jinja_undefined_item(run, object, jinja_from_string(name));
}

static struct jinja_value char_at(struct jinja_run *run, struct jinja_value object, size_t index)
{
    const struct jinja_string *string = object.as.string;
    size_t offset = jinja_string_offset(string, index), length = 1;
    utf8_decode(string->data + offset, string->size - offset, &length);
    struct jinja_value value = jinja_string_view(run, string->data + offset, length);
    value.markup = object.markup;
    return jinja_charge(run, offset / 256) ? value : jinja_error();
}

/* object[index] for an integer; JINJA_ERROR with run->status fine when there is none. */
static struct jinja_value item_at(struct jinja_run *run, struct jinja_value object, int64_t index)
{
    int64_t count = 0;
    if (object.kind == JINJA_STRING)
        count = (int64_t)object.as.string->chars;
    else if (object.kind == JINJA_LIST || object.kind == JINJA_TUPLE)
        count = (int64_t)object.as.list->count;
    else if (object.kind == JINJA_RANGE)
        count = object.as.range->count;
    if (index < 0)
        index += count;
    if (index < 0 || index >= count)
        return jinja_error();
    if (object.kind == JINJA_STRING)
        return char_at(run, object, (size_t)index);
    if (object.kind == JINJA_RANGE)
        return jinja_int(object.as.range->start + index * object.as.range->step);
    return object.as.list->items[index];
}

struct jinja_value jinja_item(struct jinja_run *run, struct jinja_value object,
                              struct jinja_value index)
{
    struct jinja_value value = jinja_error();
    int64_t position = 0;
    if (object.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, object);
    if (object.kind == JINJA_DICT && index.kind != JINJA_LIST && index.kind != JINJA_DICT) {
        int found = jinja_dict_get(run, object.as.dict, index, &value);
        if (found)
            return found == 1 ? value : jinja_error();
    } else if (object.kind != JINJA_DICT && jinja_as_int(index, &position)) {
        value = item_at(run, object, position);
    }
    if (!value.kind && run->status == OCTET_OK && index.kind == JINJA_STRING)
        value = own_attribute(run, object, index.as.string);
    if (value.kind || run->status != OCTET_OK)
        return value;
    return jinja_undefined_item(run, object, index);
}

bool jinja_index(struct jinja_run *run, struct jinja_value value, int64_t *out)
{
    if (jinja_as_int(value, out))
        return true;
    return jinja_raise(run, "TypeError", "'%s' object cannot be interpreted as an integer",
                       jinja_type_name(value))
        .kind;
}

/* One bound of a slice, clipped as Python's slice.indices() does. */
static bool slice_bound(struct jinja_run *run, struct jinja_value value, int64_t fallback,
                        int64_t low, int64_t high, int64_t count, int64_t *out)
{
    if (value.kind == JINJA_NONE || value.kind == JINJA_ERROR) {
        *out = fallback;
        return true;
    }
    if (!jinja_as_int(value, out))
        return jinja_raise(run, "TypeError",
                           "slice indices must be integers or None or have an __index__ method")
            .kind;
    if (*out < 0)
        *out += count;
    *out = *out < low ? low : *out > high ? high : *out;
    return true;
}

struct slice_bounds {
    int64_t start, step;
    size_t count;
};

static bool slice_bounds(struct jinja_run *run, struct jinja_value start, struct jinja_value stop,
                         struct jinja_value step, int64_t length, struct slice_bounds *out)
{
    int64_t end = 0;
    out->step = 1;
    if (step.kind != JINJA_NONE && step.kind != JINJA_ERROR) {
        if (!jinja_as_int(step, &out->step))
            return jinja_raise(run, "TypeError",
                               "slice indices must be integers or None or have an __index__ "
                               "method")
                .kind;
        if (out->step == 0)
            return jinja_raise(run, "ValueError", "slice step cannot be zero").kind;
    }
    bool down = out->step < 0;
    int64_t low = down ? -1 : 0, high = down ? length - 1 : length;
    if (!slice_bound(run, start, down ? high : low, low, high, length, &out->start) ||
        !slice_bound(run, stop, down ? low : high, low, high, length, &end))
        return false;
    uint64_t span = 0, stride = down ? 0 - (uint64_t)out->step : (uint64_t)out->step;
    if (down ? out->start > end : end > out->start)
        span = down ? (uint64_t)(out->start - end) : (uint64_t)(end - out->start);
    out->count = span ? (size_t)((span - 1) / stride + 1) : 0;
    return jinja_charge(run, out->count);
}

static struct jinja_value slice_string(struct jinja_run *run, struct jinja_value object,
                                       const struct slice_bounds *bounds)
{
    const struct jinja_string *string = object.as.string;
    struct jinja_value value;
    if (bounds->step == 1 || bounds->count == 0) {
        size_t from = jinja_string_offset(string, (size_t)bounds->start);
        size_t to = jinja_string_offset(string, (size_t)bounds->start + bounds->count);
        if (!bounds->count)
            to = from = 0;
        value = jinja_string_view(run, string->data + from, to - from);
    } else {
        /* Offsets of all code points once, then pick. */
        size_t *offsets = jinja_alloc(run, (string->chars + 1) * sizeof(*offsets)), n = 0;
        if (!offsets)
            return jinja_error();
        for (size_t i = 0; i < string->size; i++) {
            if (((unsigned char)string->data[i] & 0xC0) != 0x80)
                offsets[n++] = i;
        }
        offsets[n] = string->size;
        struct buffer out;
        buffer_init(&out, JINJA_MEMORY_MAX);
        int64_t at = bounds->start;
        for (size_t i = 0; i < bounds->count; i++) {
            buffer_append(&out, string->data + offsets[at], offsets[at + 1] - offsets[at]);
            if (i + 1 < bounds->count)
                at += bounds->step;
        }
        value = jinja_string_take(run, &out);
    }
    value.markup = object.markup;
    return value;
}

static struct jinja_value slice_range(struct jinja_run *run, const struct jinja_range *range,
                                      const struct slice_bounds *bounds)
{
    struct jinja_range *out = jinja_alloc(run, sizeof(*out));
    if (!out)
        return jinja_error();
    out->start = range->start + bounds->start * range->step;
    if (__builtin_mul_overflow(range->step, bounds->step, &out->step))
        out->step = range->step; /* at most one element: the step means nothing */
    out->count = (int64_t)bounds->count;
    out->stop = out->start + out->count * out->step;
    return (struct jinja_value){.kind = JINJA_RANGE, .as.range = out};
}

struct jinja_value jinja_slice(struct jinja_run *run, struct jinja_value object,
                               struct jinja_value start, struct jinja_value stop,
                               struct jinja_value step)
{
    struct slice_bounds bounds;
    int64_t length = 0;
    if (object.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, object);
    if (object.kind == JINJA_DICT)
        return jinja_raise(run, "TypeError", "unhashable type: 'slice'");
    if (object.kind != JINJA_STRING && object.kind != JINJA_LIST && object.kind != JINJA_TUPLE &&
        object.kind != JINJA_RANGE)
        return jinja_raise(run, "TypeError", "'%s' object is not subscriptable",
                           jinja_type_name(object));
    if (!jinja_length(run, object, &length) ||
        !slice_bounds(run, start, stop, step, length, &bounds))
        return jinja_error();
    if (object.kind == JINJA_STRING)
        return slice_string(run, object, &bounds);
    if (object.kind == JINJA_RANGE)
        return slice_range(run, object.as.range, &bounds);
    struct jinja_value list = jinja_list_new(run, object.kind, object.as.list->type);
    int64_t at = bounds.start;
    for (size_t i = 0; list.kind && i < bounds.count; i++) {
        if (!jinja_list_push(run, list.as.list, object.as.list->items[at]))
            return jinja_error();
        if (i + 1 < bounds.count)
            at += bounds.step;
    }
    return list;
}
