/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of sequences and mappings. */
#include <string.h>
#include "template/jinja_filter_key.h"

#define FILTER(name)                                                                               \
    static struct jinja_value filter_##name(struct jinja_run *run, struct jinja_value input,       \
                                            const struct jinja_value *bound,                       \
                                            const struct jinja_args *args)

FILTER(length)
{
    (void)bound;
    (void)args;
    int64_t length = 0;
    return jinja_length(run, input, &length) ? jinja_int(length) : jinja_error();
}

FILTER(first)
{
    (void)bound;
    (void)args;
    struct jinja_iter iter;
    struct jinja_value item;
    if (!jinja_iter_start(run, input, &iter))
        return jinja_error();
    int more = jinja_iter_next(run, &iter, &item);
    if (more < 0)
        return jinja_error();
    return more ? item : jinja_undefined_hint(run, "No first item, sequence was empty.");
}

static bool is_reversible(struct jinja_value value)
{
    return value.kind == JINJA_UNDEFINED || value.kind == JINJA_STRING ||
           value.kind == JINJA_LIST || value.kind == JINJA_TUPLE || value.kind == JINJA_VIEW ||
           value.kind == JINJA_DICT || value.kind == JINJA_RANGE;
}

FILTER(last)
{
    (void)bound;
    (void)args;
    if (!is_reversible(input))
        return jinja_raise(run, "TypeError", "'%s' object is not reversible",
                           jinja_type_name(input));
    if ((input.kind == JINJA_LIST || input.kind == JINJA_TUPLE) && input.as.list->count)
        return input.as.list->items[input.as.list->count - 1];
    struct jinja_value list = jinja_to_list(run, input);
    if (!list.kind)
        return list;
    return list.as.list->count ? list.as.list->items[list.as.list->count - 1]
                               : jinja_undefined_hint(run, "No last item, sequence was empty.");
}

FILTER(reverse)
{
    (void)bound;
    (void)args;
    if (input.kind == JINJA_STRING)
        return jinja_slice(run, input, jinja_none(), jinja_none(), jinja_int(-1));
    struct jinja_iter iter;
    if (!is_reversible(input) && input.kind != JINJA_GENERATOR)
        return jinja_raise(run, "FilterArgumentError", "argument must be iterable");
    if (!jinja_iter_start(run, input, &iter))
        return jinja_error();
    struct jinja_value list = jinja_to_list(run, input);
    if (!list.kind)
        return list;
    struct jinja_list *items = list.as.list;
    for (size_t i = 0; i + 1 < items->count - i && items->count; i++) {
        struct jinja_value swap = items->items[i];
        items->items[i] = items->items[items->count - 1 - i];
        items->items[items->count - 1 - i] = swap;
    }
    if (input.kind != JINJA_GENERATOR) {
        list.kind = JINJA_GENERATOR;
        items->type = input.kind == JINJA_LIST   ? "list_reverseiterator"
                      : input.kind == JINJA_DICT ? "dict_reversekeyiterator"
                                                 : "reversed";
    }
    return list;
}

FILTER(list)
{
    (void)bound;
    (void)args;
    return jinja_to_list(run, input);
}

/* The pairs of a dict as a list of tuples. */
static struct jinja_value dict_pairs(struct jinja_run *run, const struct jinja_dict *dict)
{
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list");
    for (size_t i = 0; list.kind && i < dict->count; i++) {
        struct jinja_value pair = jinja_pair(run, dict->entries[i].key, dict->entries[i].value);
        if (!pair.kind || !jinja_list_push(run, list.as.list, pair))
            return jinja_error();
    }
    return list;
}

FILTER(items)
{
    (void)bound;
    (void)args;
    struct jinja_value list;
    if (input.kind == JINJA_UNDEFINED)
        return jinja_list_new(run, JINJA_GENERATOR, "generator");
    if (input.kind != JINJA_DICT)
        return jinja_raise(run, "TypeError", "Can only get item pairs from a mapping.");
    list = dict_pairs(run, input.as.dict);
    if (list.kind) {
        list.kind = JINJA_GENERATOR;
        list.as.list->type = "generator";
    }
    return list;
}

FILTER(join)
{
    (void)args;
    struct jinja_value separator =
        bound[0].kind ? jinja_str(run, bound[0]) : jinja_string_text(run, "");
    if (separator.kind && bound[1].kind && bound[1].kind != JINJA_NONE) {
        struct jinja_key key;
        if (!jinja_key_init(run, bound[1], jinja_error(), true, &key))
            return jinja_error();
        input = jinja_key_list(run, &key, input);
    }
    return separator.kind && input.kind ? jinja_join(run, separator.as.string, input, true)
                                        : jinja_error();
}

FILTER(sort)
{
    (void)args;
    struct jinja_key key;
    struct jinja_value list = jinja_to_list(run, input);
    if (!list.kind || !jinja_key_init_multi(run, bound[2], jinja_truth(bound[1]), &key))
        return jinja_error();
    struct jinja_value keys = jinja_key_list(run, &key, list);
    if (!keys.kind || !jinja_sort(run, list.as.list, keys.as.list, jinja_truth(bound[0])))
        return jinja_error();
    return list;
}

FILTER(dictsort)
{
    (void)args;
    bool by_value = bound[1].kind == JINJA_STRING && jinja_string_is(bound[1].as.string, "value");
    struct jinja_key key;
    if (bound[1].kind && !by_value &&
        (bound[1].kind != JINJA_STRING || !jinja_string_is(bound[1].as.string, "key")))
        return jinja_raise(run, "FilterArgumentError",
                           "You can only sort by either \"key\" or \"value\"");
    if (input.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, input);
    if (input.kind != JINJA_DICT)
        return jinja_raise(run, "AttributeError", "'%s' object has no attribute 'items'",
                           jinja_type_name(input));
    struct jinja_value list = dict_pairs(run, input.as.dict);
    if (!list.kind ||
        !jinja_key_init(run, jinja_int(by_value), jinja_error(), jinja_truth(bound[0]), &key))
        return jinja_error();
    struct jinja_value keys = jinja_key_list(run, &key, list);
    if (!keys.kind || !jinja_sort(run, list.as.list, keys.as.list, jinja_truth(bound[2])))
        return jinja_error();
    return list;
}

FILTER(unique)
{
    (void)args;
    struct jinja_key key;
    struct jinja_value list = jinja_to_list(run, input), seen = jinja_dict_new(run), found;
    struct jinja_value out = jinja_list_new(run, JINJA_GENERATOR, "generator");
    if (!list.kind || !seen.kind || !out.kind ||
        !jinja_key_init(run, bound[1], jinja_error(), jinja_truth(bound[0]), &key))
        return jinja_error();
    for (size_t i = 0; i < list.as.list->count; i++) {
        struct jinja_value item = list.as.list->items[i], value = jinja_key_of(run, &key, item);
        int known = value.kind ? jinja_dict_get(run, seen.as.dict, value, &found) : -1;
        if (known < 0 || !jinja_dict_set(run, seen.as.dict, value, jinja_none()) ||
            (!known && !jinja_list_push(run, out.as.list, item)))
            return jinja_error();
    }
    return out;
}

static struct jinja_value extreme(struct jinja_run *run, struct jinja_value input,
                                  const struct jinja_value *bound, int wanted)
{
    struct jinja_key key;
    struct jinja_value list = jinja_to_list(run, input), best = jinja_none();
    if (!list.kind || !jinja_key_init(run, bound[1], jinja_error(), jinja_truth(bound[0]), &key))
        return jinja_error();
    if (!list.as.list->count)
        return jinja_undefined_hint(run, "No aggregated item, sequence was empty.");
    struct jinja_value keys = jinja_key_list(run, &key, list), best_key = jinja_none();
    for (size_t i = 0; keys.kind && i < list.as.list->count; i++) {
        int order = wanted;
        if (i &&
            !jinja_order(run, keys.as.list->items[i], best_key, wanted < 0 ? "<" : ">", &order))
            return jinja_error();
        if (order != wanted)
            continue;
        best = list.as.list->items[i];
        best_key = keys.as.list->items[i];
    }
    return keys.kind ? best : keys;
}

FILTER(min)
{
    (void)args;
    return extreme(run, input, bound, -1);
}

FILTER(max)
{
    (void)args;
    return extreme(run, input, bound, 1);
}

FILTER(sum)
{
    (void)args;
    struct jinja_key key;
    struct jinja_value total = bound[1].kind ? bound[1] : jinja_int(0);
    if (!jinja_key_init(run, bound[0], jinja_error(), true, &key))
        return jinja_error();
    struct jinja_value list = jinja_key_list(run, &key, input);
    if (!list.kind)
        return list;
    if (total.kind == JINJA_STRING)
        return jinja_raise(run, "TypeError", "sum() can't sum strings [use ''.join(seq) instead]");
    for (size_t i = 0; total.kind && i < list.as.list->count; i++)
        total = jinja_binary(run, OP_ADD, total, list.as.list->items[i]);
    return total;
}

/* items[from..to) as a new list, filled up to size with fill when that is given. */
static struct jinja_value part_of(struct jinja_run *run, const struct jinja_list *items,
                                  size_t from, size_t to, size_t size, struct jinja_value fill)
{
    struct jinja_value part = jinja_list_new(run, JINJA_LIST, "list");
    for (size_t i = from; part.kind && i < to; i++) {
        if (!jinja_list_push(run, part.as.list, items->items[i]))
            return jinja_error();
    }
    while (part.kind && fill.kind && fill.kind != JINJA_NONE && part.as.list->count < size) {
        if (!jinja_charge(run, 1) || !jinja_list_push(run, part.as.list, fill))
            return jinja_error();
    }
    return part;
}

FILTER(batch)
{
    (void)args;
    int64_t size = 0;
    struct jinja_value list = jinja_to_list(run, input);
    struct jinja_value out = jinja_list_new(run, JINJA_GENERATOR, "generator");
    if (!list.kind || !out.kind || !jinja_index(run, bound[0], &size))
        return jinja_error();
    size_t count = list.as.list->count;
    size_t step = size > 0 ? (size_t)size : count; /* Jinja never sees a batch of that length */
    struct jinja_value empty = jinja_list_new(run, JINJA_LIST, "list");
    if (!empty.kind || (size == 0 && count && !jinja_list_push(run, out.as.list, empty)))
        return jinja_error(); /* ... but of length 0 it sees the one it starts with */
    for (size_t i = 0; i < count; i += step) {
        size_t end = count - i < step ? count : i + step;
        struct jinja_value part = part_of(run, list.as.list, i, end, step, bound[1]);
        if (!part.kind || !jinja_list_push(run, out.as.list, part))
            return jinja_error();
    }
    return out;
}

FILTER(slice)
{
    (void)args;
    int64_t slices = 0;
    struct jinja_value list = jinja_to_list(run, input);
    struct jinja_value out = jinja_list_new(run, JINJA_GENERATOR, "generator");
    if (!list.kind || !out.kind || !jinja_index(run, bound[0], &slices))
        return jinja_error();
    if (slices == 0)
        return jinja_raise(run, "ZeroDivisionError", "integer division or modulo by zero");
    if (slices < 0)
        return out;
    size_t count = list.as.list->count, wide = (size_t)slices;
    size_t each = count / wide, extra = count % wide, from = 0;
    for (size_t i = 0; i < wide; i++) {
        size_t to = from + each + (i < extra);
        size_t size = i < extra ? 0 : each + 1;
        struct jinja_value part = part_of(run, list.as.list, from, to, size, bound[1]);
        if (!jinja_charge(run, 1) || !part.kind || !jinja_list_push(run, out.as.list, part))
            return jinja_error();
        from = to;
    }
    return out;
}

FILTER(groupby)
{
    (void)args;
    struct jinja_key key, exact;
    bool sensitive = jinja_truth(bound[2]);
    struct jinja_value list = jinja_to_list(run, input);
    struct jinja_value out = jinja_list_new(run, JINJA_LIST, "list"), group = jinja_none();
    if (!list.kind || !out.kind || !jinja_key_init(run, bound[0], bound[1], sensitive, &key) ||
        !jinja_key_init(run, bound[0], bound[1], true, &exact))
        return jinja_error();
    struct jinja_value keys = jinja_key_list(run, &key, list);
    if (!keys.kind || !jinja_sort(run, list.as.list, keys.as.list, false))
        return jinja_error();
    struct jinja_value last = jinja_error();
    for (size_t i = 0; i < list.as.list->count; i++) {
        struct jinja_value item = list.as.list->items[i], value = jinja_key_of(run, &key, item);
        int same = !value.kind ? -1 : last.kind ? jinja_equal(run, value, last) : 0;
        if (same == 0) {
            struct jinja_value grouper = jinja_key_of(run, &exact, item);
            group = jinja_list_new(run, JINJA_LIST, "list");
            struct jinja_value pair = jinja_pair(run, grouper, group);
            if (!grouper.kind || !group.kind || !pair.kind ||
                !jinja_list_push(run, out.as.list, pair))
                return jinja_error();
            pair.as.list->type = JINJA_GROUP_TYPE;
        }
        if (same < 0 || !jinja_list_push(run, group.as.list, item))
            return jinja_error();
        last = value;
    }
    return out;
}

/* Like object.name, but never object["name"]. */
FILTER(attr)
{
    (void)args;
    if (bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "attribute name must be string, not '%s'",
                           jinja_type_name(bound[0]));
    if (input.kind == JINJA_DICT &&
        !jinja_method_find(input, bound[0].as.string->data, bound[0].as.string->size))
        return jinja_undefined_item(run, input, bound[0]);
    return jinja_attribute(run, input, bound[0].as.string);
}

const struct jinja_filter jinja_list_filters[] = {
    {"length", "len", "", 0, filter_length},
    {"count", "len", "", 0, filter_length},
    {"first", "do_first", "", 0, filter_first},
    {"last", "do_last", "", 0, filter_last},
    {"reverse", "do_reverse", "", 0, filter_reverse},
    {"list", "do_list", "", 0, filter_list},
    {"items", "do_items", "", 0, filter_items},
    {"join", "do_join", "d attribute", 0, filter_join},
    {"sort", "do_sort", "reverse case_sensitive attribute", 0, filter_sort},
    {"dictsort", "do_dictsort", "case_sensitive by reverse", 0, filter_dictsort},
    {"unique", "do_unique", "case_sensitive attribute", 0, filter_unique},
    {"min", "do_min", "case_sensitive attribute", 0, filter_min},
    {"max", "do_max", "case_sensitive attribute", 0, filter_max},
    {"sum", "do_sum", "attribute start", 0, filter_sum},
    {"batch", "do_batch", "linecount fill_with", 1, filter_batch},
    {"slice", "do_slice", "slices fill_with", 1, filter_slice},
    {"groupby", "do_groupby", "attribute default case_sensitive", 1, filter_groupby},
    {"attr", "do_attr", "name", 1, filter_attr},
    {0},
};
