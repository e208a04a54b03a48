/* SPDX-License-Identifier: Apache-2.0 */
/* Attribute paths, and the filters that apply another filter or a test to each item. */
#include <string.h>
#include "template/jinja_filter_key.h"
#include "template/jinja_unicode.h"

/* One part of a path: digits are an index. */
static struct jinja_value path_part(struct jinja_run *run, const char *text, size_t size)
{
    struct jinja_value part = jinja_string_new(run, text, size), number;
    bool digits = size > 0;
    for (size_t i = 0; i < size; i++)
        digits &= text[i] >= '0' && text[i] <= '9';
    if (part.kind && digits && jinja_parse_int(run, part.as.string, 10, &number))
        return number;
    return run->status == OCTET_OK ? part : jinja_error();
}

/* Add the path "a.b.0" (size bytes) to the key. */
static bool add_path(struct jinja_run *run, struct jinja_key *key, const char *text, size_t size)
{
    struct jinja_value path = jinja_list_new(run, JINJA_LIST, "list");
    for (size_t start = 0; path.kind && start <= size;) {
        const char *dot = size > start ? memchr(text + start, '.', size - start) : NULL;
        size_t end = dot ? (size_t)(dot - text) : size;
        struct jinja_value part = path_part(run, text + start, end - start);
        if (!part.kind || !jinja_list_push(run, path.as.list, part))
            return false;
        start = end + 1;
    }
    return path.kind && jinja_list_push(run, key->paths, path);
}

static bool key_start(struct jinja_run *run, struct jinja_value fallback, bool case_sensitive,
                      struct jinja_key *key)
{
    struct jinja_value paths = jinja_list_new(run, JINJA_LIST, "list");
    key->paths = paths.as.list;
    key->fallback = fallback;
    key->ignore_case = !case_sensitive;
    key->multi = false;
    return paths.kind != JINJA_ERROR;
}

/* An attribute that is not text: an index, or nothing. */
static bool add_plain(struct jinja_run *run, struct jinja_key *key, struct jinja_value attribute)
{
    struct jinja_value path = jinja_list_new(run, JINJA_LIST, "list");
    if (!path.kind)
        return false;
    if (attribute.kind && attribute.kind != JINJA_NONE &&
        !jinja_list_push(run, path.as.list, attribute))
        return false;
    return jinja_list_push(run, key->paths, path);
}

bool jinja_key_init(struct jinja_run *run, struct jinja_value attribute,
                    struct jinja_value fallback, bool case_sensitive, struct jinja_key *key)
{
    if (!key_start(run, fallback, case_sensitive, key))
        return false;
    if (attribute.kind == JINJA_STRING)
        return add_path(run, key, attribute.as.string->data, attribute.as.string->size);
    return add_plain(run, key, attribute);
}

bool jinja_key_init_multi(struct jinja_run *run, struct jinja_value attribute, bool case_sensitive,
                          struct jinja_key *key)
{
    if (!key_start(run, jinja_error(), case_sensitive, key))
        return false;
    key->multi = true;
    if (attribute.kind != JINJA_STRING)
        return add_plain(run, key, attribute);
    const char *text = attribute.as.string->data;
    size_t size = attribute.as.string->size;
    for (size_t start = 0; start <= size;) {
        const char *comma = size > start ? memchr(text + start, ',', size - start) : NULL;
        size_t end = comma ? (size_t)(comma - text) : size;
        if (!add_path(run, key, text + start, end - start))
            return false;
        start = end + 1;
    }
    return true;
}

static struct jinja_value follow(struct jinja_run *run, const struct jinja_key *key,
                                 const struct jinja_list *path, struct jinja_value item)
{
    for (size_t i = 0; item.kind && i < path->count; i++) {
        item = jinja_item(run, item, path->items[i]);
        if (item.kind == JINJA_UNDEFINED && key->fallback.kind && key->fallback.kind != JINJA_NONE)
            item = key->fallback;
    }
    if (key->ignore_case && item.kind == JINJA_STRING)
        item = jinja_change_case(run, item.as.string, CASE_LOWER);
    return item;
}

struct jinja_value jinja_key_of(struct jinja_run *run, const struct jinja_key *key,
                                struct jinja_value item)
{
    if (!key->multi)
        return follow(run, key, key->paths->items[0].as.list, item);
    struct jinja_value parts = jinja_list_new(run, JINJA_LIST, "list");
    for (size_t i = 0; parts.kind && i < key->paths->count; i++) {
        struct jinja_value part = follow(run, key, key->paths->items[i].as.list, item);
        if (!part.kind || !jinja_list_push(run, parts.as.list, part))
            return jinja_error();
    }
    return parts;
}

struct jinja_value jinja_key_list(struct jinja_run *run, const struct jinja_key *key,
                                  struct jinja_value items)
{
    struct jinja_iter iter;
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list"), item;
    int more = 0;
    if (!list.kind || !jinja_iter_start(run, items, &iter))
        return jinja_error();
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        struct jinja_value value = jinja_key_of(run, key, item);
        if (!value.kind || !jinja_list_push(run, list.as.list, value))
            return jinja_error();
    }
    return more < 0 ? jinja_error() : list;
}

/* args without its first `drop` positional ones. */
static struct jinja_args rest_of(const struct jinja_args *args, size_t drop)
{
    struct jinja_args rest = *args;
    if (!drop)
        return rest;
    rest.positional = args->positional + drop;
    rest.count = args->count - drop;
    return rest;
}

/* map(attribute='a', default=x): the key, with its arguments checked. */
static bool map_key(struct jinja_run *run, const struct jinja_args *args, struct jinja_key *key)
{
    struct jinja_value attribute = jinja_error(), fallback = jinja_error();
    for (size_t i = 0; i < args->named_count; i++) {
        if (jinja_string_is(args->names[i], "attribute"))
            attribute = args->named[i];
        else if (jinja_string_is(args->names[i], "default"))
            fallback = args->named[i];
        else
            return jinja_raise(run, "FilterArgumentError", "Unexpected keyword argument '%.*s'",
                               (int)args->names[i]->size, args->names[i]->data)
                .kind;
    }
    return jinja_key_init(run, attribute, fallback, true, key);
}

static const struct jinja_filter *map_filter(struct jinja_run *run, const struct jinja_args *args)
{
    if (!args->count) {
        jinja_raise(run, "FilterArgumentError", "map requires a filter argument");
        return NULL;
    }
    struct jinja_value name = args->positional[0];
    const struct jinja_filter *filter = NULL;
    if (name.kind == JINJA_STRING)
        filter = jinja_filter_find(name.as.string->data, name.as.string->size);
    struct jinja_value text = filter ? name : jinja_repr(run, name);
    if (!filter && text.kind)
        jinja_raise(run, "TemplateRuntimeError", "No filter named %s.", text.as.string->data);
    return filter;
}

static struct jinja_value filter_map(struct jinja_run *run, struct jinja_value input,
                                     const struct jinja_value *bound, const struct jinja_args *args)
{
    (void)bound;
    struct jinja_key key;
    struct jinja_iter iter;
    struct jinja_value out = jinja_list_new(run, JINJA_GENERATOR, "generator"), item;
    const struct jinja_filter *filter = NULL;
    bool by_key = false;
    if (!out.kind || !jinja_truth(input))
        return out;
    for (size_t i = 0; !args->count && i < args->named_count; i++)
        by_key |= jinja_string_is(args->names[i], "attribute");
    if (by_key ? !map_key(run, args, &key) : !(filter = map_filter(run, args)))
        return jinja_error();
    struct jinja_args rest = by_key ? *args : rest_of(args, 1);
    int more = 0;
    if (!jinja_iter_start(run, input, &iter))
        return jinja_error();
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        struct jinja_value value =
            by_key ? jinja_key_of(run, &key, item) : jinja_filter_apply(run, filter, item, &rest);
        if (!value.kind || !jinja_list_push(run, out.as.list, value))
            return jinja_error();
    }
    return more < 0 ? jinja_error() : out;
}

static const struct jinja_test *select_test(struct jinja_run *run, struct jinja_value name)
{
    const struct jinja_test *test = NULL;
    if (name.kind == JINJA_STRING)
        test = jinja_test_find(name.as.string->data, name.as.string->size);
    struct jinja_value text = test ? name : jinja_repr(run, name);
    if (!test && text.kind)
        jinja_raise(run, "TemplateRuntimeError", "No test named %s.", text.as.string->data);
    return test;
}

/* select, reject (wanted false); with attribute: selectattr, rejectattr. */
static struct jinja_value select_items(struct jinja_run *run, struct jinja_value input,
                                       const struct jinja_args *args, bool wanted, bool attribute)
{
    struct jinja_key key;
    struct jinja_iter iter;
    struct jinja_value out = jinja_list_new(run, JINJA_GENERATOR, "generator"), item;
    const struct jinja_test *test = NULL;
    size_t used = attribute;
    if (!out.kind || !jinja_truth(input))
        return out;
    if (attribute && !args->count)
        return jinja_raise(run, "FilterArgumentError", "Missing parameter for attribute name");
    if (!jinja_key_init(run, attribute ? args->positional[0] : jinja_none(), jinja_error(), true,
                        &key))
        return jinja_error();
    if (args->count > used && !(test = select_test(run, args->positional[used++])))
        return jinja_error();
    struct jinja_args rest = rest_of(args, used);
    int more = 0;
    if (!jinja_iter_start(run, input, &iter))
        return jinja_error();
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        struct jinja_value value = jinja_key_of(run, &key, item);
        int found = !value.kind ? -1
                    : test      ? jinja_test_apply(run, test, value, &rest)
                                : jinja_truth(value);
        if (found < 0 || (found == wanted && !jinja_list_push(run, out.as.list, item)))
            return jinja_error();
    }
    return more < 0 ? jinja_error() : out;
}

static struct jinja_value filter_select(struct jinja_run *run, struct jinja_value input,
                                        const struct jinja_value *bound,
                                        const struct jinja_args *args)
{
    (void)bound;
    return select_items(run, input, args, true, false);
}

static struct jinja_value filter_reject(struct jinja_run *run, struct jinja_value input,
                                        const struct jinja_value *bound,
                                        const struct jinja_args *args)
{
    (void)bound;
    return select_items(run, input, args, false, false);
}

static struct jinja_value filter_selectattr(struct jinja_run *run, struct jinja_value input,
                                            const struct jinja_value *bound,
                                            const struct jinja_args *args)
{
    (void)bound;
    return select_items(run, input, args, true, true);
}

static struct jinja_value filter_rejectattr(struct jinja_run *run, struct jinja_value input,
                                            const struct jinja_value *bound,
                                            const struct jinja_args *args)
{
    (void)bound;
    return select_items(run, input, args, false, true);
}

const struct jinja_filter jinja_select_filters[] = {
    {"map", "do_map", NULL, 0, filter_map},
    {"select", "do_select", NULL, 0, filter_select},
    {"reject", "do_reject", NULL, 0, filter_reject},
    {"selectattr", "do_selectattr", NULL, 0, filter_selectattr},
    {"rejectattr", "do_rejectattr", NULL, 0, filter_rejectattr},
    {0},
};
