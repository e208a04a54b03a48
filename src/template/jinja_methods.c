/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of lists, tuples, dicts and of Jinja's own objects, and how a method is found. */
#include <string.h>
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

#define METHOD(name)                                                                               \
    static struct jinja_value method_##name(struct jinja_run *run, struct jinja_value self,        \
                                            const struct jinja_value *bound,                       \
                                            const struct jinja_args *args)

static const struct jinja_method *find_in(const struct jinja_method *table, const char *name,
                                          size_t size)
{
    for (; table->name; table++) {
        if (strlen(table->name) == size && !memcmp(table->name, name, size))
            return table;
    }
    return NULL;
}

METHOD(list_index)
{
    (void)args;
    int64_t count = (int64_t)self.as.list->count, start = 0, stop = count;
    if ((bound[1].kind && !jinja_index(run, bound[1], &start)) ||
        (bound[2].kind && !jinja_index(run, bound[2], &stop)))
        return jinja_error();
    start = start < 0 ? (start + count < 0 ? 0 : start + count) : start;
    stop = stop < 0 ? stop + count : stop;
    for (int64_t i = start; i < stop && i < count; i++) {
        int equal = jinja_charge(run, 1) ? jinja_equal(run, self.as.list->items[i], bound[0]) : -1;
        if (equal)
            return equal < 0 ? jinja_error() : jinja_int(i);
    }
    if (self.kind == JINJA_TUPLE)
        return jinja_raise(run, "ValueError", "tuple.index(x): x not in tuple");
    struct jinja_value text = jinja_repr(run, bound[0]);
    return text.kind ? jinja_raise(run, "ValueError", "%s is not in list", text.as.string->data)
                     : text;
}

METHOD(list_count)
{
    (void)args;
    int64_t found = 0;
    for (size_t i = 0; i < self.as.list->count; i++) {
        int equal = jinja_charge(run, 1) ? jinja_equal(run, self.as.list->items[i], bound[0]) : -1;
        if (equal < 0)
            return jinja_error();
        found += equal;
    }
    return jinja_int(found);
}

METHOD(list_copy)
{
    (void)bound;
    (void)args;
    return jinja_to_list(run, self);
}

const struct jinja_method jinja_list_methods[] = {
    {"index", METHOD_SUPPORTED, "value start stop", 1, method_list_index},
    {"count", METHOD_SUPPORTED, "value", 1, method_list_count},
    {"copy", METHOD_SUPPORTED, "", 0, method_list_copy},
    {"append", METHOD_MUTATES, NULL, 0, NULL},
    {"extend", METHOD_MUTATES, NULL, 0, NULL},
    {"insert", METHOD_MUTATES, NULL, 0, NULL},
    {"remove", METHOD_MUTATES, NULL, 0, NULL},
    {"reverse", METHOD_MUTATES, NULL, 0, NULL},
    {"sort", METHOD_MUTATES, NULL, 0, NULL},
    {"pop", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {"clear", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {0},
};

const struct jinja_method jinja_tuple_methods[] = {
    {"index", METHOD_SUPPORTED, "value start stop", 1, method_list_index},
    {"count", METHOD_SUPPORTED, "value", 1, method_list_count},
    {0},
};

enum dict_part { DICT_KEYS, DICT_VALUES, DICT_ITEMS };

static struct jinja_value dict_view(struct jinja_run *run, const struct jinja_dict *dict,
                                    enum dict_part part)
{
    static const char *const types[] = {"dict_keys", "dict_values", "dict_items"};
    struct jinja_value view = jinja_list_new(run, JINJA_VIEW, types[part]);
    for (size_t i = 0; view.kind && i < dict->count; i++) {
        const struct jinja_entry *entry = &dict->entries[i];
        struct jinja_value item = part == DICT_KEYS     ? entry->key
                                  : part == DICT_VALUES ? entry->value
                                                        : jinja_pair(run, entry->key, entry->value);
        if (!item.kind || !jinja_list_push(run, view.as.list, item))
            return jinja_error();
    }
    return view;
}

METHOD(dict_keys)
{
    (void)bound;
    (void)args;
    return dict_view(run, self.as.dict, DICT_KEYS);
}

METHOD(dict_values)
{
    (void)bound;
    (void)args;
    return dict_view(run, self.as.dict, DICT_VALUES);
}

METHOD(dict_items)
{
    (void)bound;
    (void)args;
    return dict_view(run, self.as.dict, DICT_ITEMS);
}

METHOD(dict_get)
{
    (void)args;
    struct jinja_value value = bound[1].kind ? bound[1] : jinja_none();
    int found = jinja_dict_get(run, self.as.dict, bound[0], &value);
    return found < 0 ? jinja_error() : value;
}

METHOD(dict_copy)
{
    (void)bound;
    (void)args;
    struct jinja_value copy = jinja_dict_new(run);
    for (size_t i = 0; copy.kind && i < self.as.dict->count; i++) {
        const struct jinja_entry *entry = &self.as.dict->entries[i];
        if (!jinja_dict_set(run, copy.as.dict, entry->key, entry->value))
            return jinja_error();
    }
    return copy;
}

const struct jinja_method jinja_dict_methods[] = {
    {"get", METHOD_SUPPORTED, "key default", 1, method_dict_get},
    {"items", METHOD_SUPPORTED, "", 0, method_dict_items},
    {"keys", METHOD_SUPPORTED, "", 0, method_dict_keys},
    {"values", METHOD_SUPPORTED, "", 0, method_dict_values},
    {"copy", METHOD_SUPPORTED, "", 0, method_dict_copy},
    {"clear", METHOD_MUTATES, NULL, 0, NULL},
    {"pop", METHOD_MUTATES, NULL, 0, NULL},
    {"popitem", METHOD_MUTATES, NULL, 0, NULL},
    {"setdefault", METHOD_MUTATES, NULL, 0, NULL},
    {"update", METHOD_MUTATES, NULL, 0, NULL},
    {"fromkeys", METHOD_UNSUPPORTED, NULL, 0, NULL},
    {0},
};

METHOD(loop_cycle)
{
    (void)bound;
    if (!args->count)
        return jinja_raise(run, "TypeError", "no items for cycling given");
    return args->positional[self.as.loop->index0 % args->count];
}

METHOD(loop_changed)
{
    (void)bound;
    struct jinja_loop *loop = self.as.loop;
    struct jinja_value now = jinja_list_new(run, JINJA_TUPLE, "tuple");
    for (size_t i = 0; now.kind && i < args->count; i++) {
        if (!jinja_list_push(run, now.as.list, args->positional[i]))
            return jinja_error();
    }
    int same = !now.kind ? -1 : loop->changed.kind ? jinja_equal(run, loop->changed, now) : 0;
    if (same < 0)
        return jinja_error();
    loop->changed = now;
    return jinja_bool(!same);
}

static const struct jinja_method loop_methods[] = {
    {"cycle", METHOD_SUPPORTED, NULL, 0, method_loop_cycle},
    {"changed", METHOD_SUPPORTED, NULL, 0, method_loop_changed},
    {0},
};

METHOD(cycler_next)
{
    (void)run;
    (void)bound;
    (void)args;
    struct jinja_cycler *cycler = self.as.cycler;
    struct jinja_value value = cycler->items.as.list->items[cycler->position];
    cycler->position = (cycler->position + 1) % cycler->items.as.list->count;
    return value;
}

METHOD(cycler_reset)
{
    (void)run;
    (void)bound;
    (void)args;
    self.as.cycler->position = 0;
    return jinja_none();
}

static const struct jinja_method cycler_methods[] = {
    {"next", METHOD_SUPPORTED, "", 0, method_cycler_next},
    {"reset", METHOD_SUPPORTED, "", 0, method_cycler_reset},
    {0},
};

const struct jinja_method *jinja_method_find(struct jinja_value object, const char *name,
                                             size_t size)
{
    const struct jinja_method *found = NULL;
    switch (object.kind) {
    case JINJA_STRING:
        found = find_in(jinja_str_methods, name, size);
        return found ? found : find_in(jinja_str_more_methods, name, size);
    case JINJA_LIST:
        return find_in(jinja_list_methods, name, size);
    case JINJA_TUPLE:
        return find_in(jinja_tuple_methods, name, size);
    case JINJA_DICT:
        return find_in(jinja_dict_methods, name, size);
    case JINJA_LOOP:
        return find_in(loop_methods, name, size);
    case JINJA_CYCLER:
        return find_in(cycler_methods, name, size);
    default:
        return NULL;
    }
}

bool jinja_method_unsupported(const char *name, size_t size)
{
    const struct jinja_method *const tables[] = {
        jinja_str_methods,  jinja_str_more_methods, jinja_list_methods, jinja_tuple_methods,
        jinja_dict_methods, loop_methods,           cycler_methods,
    };
    bool lacking = false;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const struct jinja_method *method = find_in(tables[i], name, size);
        if (method && method->class != METHOD_UNSUPPORTED)
            return false;
        lacking |= method != NULL;
    }
    return lacking;
}
