/* SPDX-License-Identifier: Apache-2.0 */
/* What every value can be asked: its type's name, truth, length, equality, order, its items. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_run.h"

const char *jinja_type_name(struct jinja_value value)
{
    static const char *const names[] = {
        [JINJA_ERROR] = "error",
        [JINJA_UNDEFINED] = "Undefined",
        [JINJA_NONE] = "NoneType",
        [JINJA_BOOL] = "bool",
        [JINJA_INT] = "int",
        [JINJA_BIG] = "int",
        [JINJA_FLOAT] = "float",
        [JINJA_STRING] = "str",
        [JINJA_DICT] = "dict",
        [JINJA_RANGE] = "range",
        [JINJA_NAMESPACE] = "Namespace",
        [JINJA_LOOP] = "LoopContext",
        [JINJA_MACRO] = "Macro",
        [JINJA_FUNCTION] = "function",
        [JINJA_METHOD] = "builtin_function_or_method",
        [JINJA_CYCLER] = "Cycler",
        [JINJA_JOINER] = "Joiner",
    };
    if (jinja_is_sequence(value))
        return value.as.list->type;
    if (value.kind == JINJA_STRING && value.markup)
        return "Markup";
    return names[value.kind];
}

bool jinja_truth(struct jinja_value value)
{
    switch (value.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
    case JINJA_ERROR:
        return false;
    case JINJA_BOOL:
        return value.as.boolean;
    case JINJA_INT:
        return value.as.integer != 0;
    case JINJA_FLOAT:
        return value.as.real != 0;
    case JINJA_STRING:
        return value.as.string->size != 0;
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
        return value.as.list->count != 0;
    case JINJA_DICT:
        return value.as.dict->count != 0;
    case JINJA_RANGE:
        return value.as.range->count != 0;
    default:
        return true;
    }
}

bool jinja_length(struct jinja_run *run, struct jinja_value value, int64_t *length)
{
    switch (value.kind) {
    case JINJA_UNDEFINED:
        *length = 0;
        return true;
    case JINJA_STRING:
        *length = (int64_t)value.as.string->chars;
        return true;
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
        *length = (int64_t)value.as.list->count;
        return true;
    case JINJA_DICT:
        *length = (int64_t)value.as.dict->count;
        return true;
    case JINJA_RANGE:
        *length = value.as.range->count;
        return true;
    default:
        return jinja_raise(run, "TypeError", "object of type '%s' has no len()",
                           jinja_type_name(value))
            .kind;
    }
}

static bool is_number(struct jinja_value value)
{
    return value.kind == JINJA_BOOL || value.kind == JINJA_INT || value.kind == JINJA_BIG ||
           value.kind == JINJA_FLOAT;
}

static int sign_of(const struct jinja_string *digits)
{
    return digits->size && digits->data[0] == '-' ? -1 : 1;
}

/* Two integers beyond int64, by sign, length and digits. */
static int order_big(const struct jinja_string *a, const struct jinja_string *b)
{
    int sign = sign_of(a);
    if (sign != sign_of(b))
        return sign;
    if (a->size != b->size)
        return a->size < b->size ? -sign : sign;
    int order = memcmp(a->data, b->data, a->size);
    return order < 0 ? -sign : order > 0 ? sign : 0;
}

/* An int64 against a double, exactly. */
static int order_int_float(int64_t a, double b)
{
    if (isnan(b))
        return 2;
    if (b >= 0x1p63)
        return -1;
    if (b < -0x1p63)
        return 1;
    double whole = floor(b);
    int64_t integer = (int64_t)whole;
    if (a != integer)
        return a < integer ? -1 : 1;
    return b > whole ? -1 : 0;
}

static int64_t small_integer(struct jinja_value value)
{
    return value.kind == JINJA_BOOL ? value.as.boolean : value.as.integer;
}

/* -1, 0, 1, or 2 where one is NaN. A float against an integer beyond int64 compares as floats. */
static int order_numbers(struct jinja_value a, struct jinja_value b)
{
    if (a.kind == JINJA_BIG && b.kind == JINJA_BIG)
        return order_big(a.as.string, b.as.string);
    if (b.kind == JINJA_FLOAT && (a.kind == JINJA_FLOAT || a.kind == JINJA_BIG)) {
        double left = a.kind == JINJA_BIG ? strtod(a.as.string->data, NULL) : a.as.real;
        if (isnan(left) || isnan(b.as.real))
            return 2;
        return left < b.as.real ? -1 : left > b.as.real;
    }
    if (a.kind == JINJA_FLOAT) {
        int order = order_numbers(b, a);
        return order == 2 ? 2 : -order;
    }
    if (b.kind == JINJA_FLOAT)
        return order_int_float(small_integer(a), b.as.real);
    if (a.kind == JINJA_BIG)
        return sign_of(a.as.string);
    if (b.kind == JINJA_BIG)
        return -sign_of(b.as.string);
    int64_t left = small_integer(a), right = small_integer(b);
    return left < right ? -1 : left > right;
}

static int equal_at(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                    unsigned depth);

static int equal_lists(struct jinja_run *run, const struct jinja_list *a,
                       const struct jinja_list *b, unsigned depth)
{
    if (a->count != b->count)
        return 0;
    if (!jinja_charge(run, a->count))
        return -1;
    for (size_t i = 0; i < a->count; i++) {
        int equal = equal_at(run, a->items[i], b->items[i], depth + 1);
        if (equal != 1)
            return equal;
    }
    return 1;
}

static int equal_dicts(struct jinja_run *run, const struct jinja_dict *a,
                       const struct jinja_dict *b, unsigned depth)
{
    if (a->count != b->count)
        return 0;
    if (!jinja_charge(run, a->count))
        return -1;
    for (size_t i = 0; i < a->count; i++) {
        struct jinja_value other = jinja_error();
        int found = jinja_dict_get(run, b, a->entries[i].key, &other);
        if (found == 1)
            found = equal_at(run, a->entries[i].value, other, depth + 1);
        if (found != 1)
            return found;
    }
    return 1;
}

static int equal_ranges(const struct jinja_range *a, const struct jinja_range *b)
{
    if (a->count != b->count || a->count == 0)
        return a->count == b->count;
    return a->start == b->start && (a->count == 1 || a->step == b->step);
}

static int equal_at(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                    unsigned depth)
{
    if (depth > JINJA_VALUE_DEPTH_MAX) {
        jinja_raise(run, "RecursionError", "maximum recursion depth exceeded in comparison");
        return -1;
    }
    if (is_number(a) && is_number(b))
        return order_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return 0;
    switch (a.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return 1;
    case JINJA_STRING:
        if (a.as.string->size == b.as.string->size && !jinja_charge(run, a.as.string->size / 256))
            return -1;
        return jinja_string_equal(a.as.string, b.as.string);
    case JINJA_LIST:
    case JINJA_TUPLE:
        return a.as.list == b.as.list ? 1 : equal_lists(run, a.as.list, b.as.list, depth);
    case JINJA_DICT:
        return a.as.dict == b.as.dict ? 1 : equal_dicts(run, a.as.dict, b.as.dict, depth);
    case JINJA_RANGE:
        return equal_ranges(a.as.range, b.as.range);
    case JINJA_METHOD:
        return a.as.bound == b.as.bound;
    default:
        return a.as.list == b.as.list; /* the same object */
    }
}

int jinja_equal(struct jinja_run *run, struct jinja_value a, struct jinja_value b)
{
    return equal_at(run, a, b, 0);
}

static int order_strings(const struct jinja_string *a, const struct jinja_string *b)
{
    /* Bytes of UTF-8 sort as their code points do. */
    size_t common = a->size < b->size ? a->size : b->size;
    int order = common ? memcmp(a->data, b->data, common) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return a->size < b->size ? -1 : a->size > b->size;
}

static bool order_at(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                     const char *symbol, int *order, unsigned depth)
{
    if (depth > JINJA_VALUE_DEPTH_MAX)
        return jinja_raise(run, "RecursionError", "maximum recursion depth exceeded in comparison")
            .kind;
    if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, a.kind == JINJA_UNDEFINED ? a : b).kind;
    if (is_number(a) && is_number(b)) {
        *order = order_numbers(a, b);
        return true;
    }
    if (a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
        *order = order_strings(a.as.string, b.as.string);
        return jinja_charge(run, 1);
    }
    if (a.kind == b.kind && (a.kind == JINJA_LIST || a.kind == JINJA_TUPLE)) {
        const struct jinja_list *left = a.as.list, *right = b.as.list;
        for (size_t i = 0; i < left->count && i < right->count; i++) {
            int equal = equal_at(run, left->items[i], right->items[i], depth + 1);
            if (equal < 0 || !jinja_charge(run, 1))
                return false;
            if (!equal)
                return order_at(run, left->items[i], right->items[i], symbol, order, depth + 1);
        }
        *order = left->count < right->count ? -1 : left->count > right->count;
        return true;
    }
    return jinja_raise(run, "TypeError", "'%s' not supported between instances of '%s' and '%s'",
                       symbol, jinja_type_name(a), jinja_type_name(b))
        .kind;
}

bool jinja_order(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                 const char *symbol, int *order)
{
    return order_at(run, a, b, symbol, order, 0);
}

bool jinja_iter_start(struct jinja_run *run, struct jinja_value value, struct jinja_iter *iter)
{
    *iter = (struct jinja_iter){.value = value};
    switch (value.kind) {
    case JINJA_UNDEFINED:
    case JINJA_STRING:
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
    case JINJA_GENERATOR:
    case JINJA_DICT:
    case JINJA_RANGE:
        return true;
    default:
        return jinja_raise(run, "TypeError", "'%s' object is not iterable", jinja_type_name(value))
            .kind;
    }
}

int jinja_iter_next(struct jinja_run *run, struct jinja_iter *iter, struct jinja_value *out)
{
    struct jinja_value value = iter->value;
    if (!jinja_charge(run, 1))
        return -1;
    switch (value.kind) {
    case JINJA_STRING: {
        const struct jinja_string *string = value.as.string;
        if (iter->position >= string->size)
            return 0;
        size_t length = 1;
        utf8_decode(string->data + iter->position, string->size - iter->position, &length);
        *out = jinja_string_view(run, string->data + iter->position, length);
        iter->position += length;
        return out->kind ? 1 : -1;
    }
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
        if (iter->position >= value.as.list->count)
            return 0;
        *out = value.as.list->items[iter->position++];
        return 1;
    case JINJA_GENERATOR:
        if (value.as.list->position >= value.as.list->count)
            return 0;
        *out = value.as.list->items[value.as.list->position++];
        return 1;
    case JINJA_DICT:
        if (iter->position >= value.as.dict->count)
            return 0;
        *out = value.as.dict->entries[iter->position++].key;
        return 1;
    case JINJA_RANGE:
        if (iter->position >= (size_t)value.as.range->count)
            return 0;
        *out = jinja_int(value.as.range->start + (int64_t)iter->position++ * value.as.range->step);
        return 1;
    default:
        return 0;
    }
}

struct jinja_value jinja_to_list(struct jinja_run *run, struct jinja_value value)
{
    struct jinja_iter iter;
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list"), item;
    if (!list.kind || !jinja_iter_start(run, value, &iter))
        return jinja_error();
    int more = 0;
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        if (!jinja_list_push(run, list.as.list, item))
            return jinja_error();
    }
    return more < 0 ? jinja_error() : list;
}
