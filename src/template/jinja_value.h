/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a template with Python's meaning. A value is 16 bytes, passed by copy; what it points
 * to lives in an arena: the template's (constants, immutable, shared by threads) or the render's
 * (freed as a whole). Functions that can fail return a value of kind JINJA_ERROR, or false or -1,
 * after they have put the message into run->err; the caller passes that on unchanged.
 */
#ifndef TEMPLATE_JINJA_VALUE_H
#define TEMPLATE_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/json.h"

struct jinja_run;

enum jinja_kind {
    JINJA_ERROR, /* the render has failed; in bound arguments: not given */
    JINJA_UNDEFINED,
    JINJA_NONE,
    JINJA_BOOL,
    JINJA_INT,
    JINJA_BIG, /* an integer beyond int64: its decimal digits, compared and printed only */
    JINJA_FLOAT,
    JINJA_STRING,
    JINJA_LIST,
    JINJA_TUPLE,
    JINJA_VIEW,      /* keys(), values(), items() of a dict */
    JINJA_GENERATOR, /* what map(), select() and the like give: can be walked once */
    JINJA_DICT,
    JINJA_RANGE,
    JINJA_NAMESPACE,
    JINJA_LOOP,
    JINJA_MACRO,
    JINJA_FUNCTION,
    JINJA_METHOD, /* a method bound to its object */
    JINJA_CYCLER,
    JINJA_JOINER,
};

/* A buffer that several strings may share; only the one that ends at used may grow in place. */
struct jinja_room {
    size_t used, capacity;
    char data[];
};

/* Valid UTF-8, immutable. */
struct jinja_string {
    const char *data;
    size_t size;             /* bytes */
    size_t chars;            /* code points */
    struct jinja_room *room; /* where data lives; NULL: it cannot grow */
};

struct jinja_value {
    uint8_t kind;
    bool markup; /* a string that is safe HTML: Python's Markup */
    union {
        bool boolean;
        int64_t integer;
        double real;
        const struct jinja_string *string; /* also JINJA_BIG */
        struct jinja_list *list;           /* also tuple, view, generator */
        struct jinja_dict *dict;           /* also namespace */
        const struct jinja_undefined *undefined;
        const struct jinja_range *range;
        struct jinja_loop *loop;
        const struct jinja_macro *macro;
        const struct jinja_function *function;
        const struct jinja_bound *bound;
        struct jinja_cycler *cycler;
    } as;
};

struct jinja_list {
    struct jinja_value *items;
    size_t count, capacity;
    size_t position;  /* of a generator: the next item */
    const char *type; /* "list", "tuple", "dict_items", "generator" */
};

struct jinja_entry {
    struct jinja_value key, value;
};

/* Entries in order of insertion; index is an open-addressed table once there are more than a few.
 */
struct jinja_dict {
    struct jinja_entry *entries;
    size_t count, capacity;
    uint32_t *index; /* entry number + 1; 0: free */
    size_t index_size;
};

/* hint, when there is one, is the whole message; otherwise it is made from the object's type and
 * name. */
struct jinja_undefined {
    const char *hint;
    const char *object_type;
    struct jinja_value name;
    bool unsafe; /* an attribute that the sandbox refuses */
};

struct jinja_range {
    int64_t start, stop, step, count;
};

struct jinja_cycler {
    struct jinja_value items; /* of a joiner: the separator */
    size_t position;
};

struct jinja_bound {
    struct jinja_value self;
    const struct jinja_method *method;
};

/* The arguments of one call, evaluated. */
struct jinja_args {
    struct jinja_value *positional;
    size_t count;
    const struct jinja_string **names;
    struct jinja_value *named;
    size_t named_count;
};

/* How deep values may nest where they are walked (repr, tojson, ==): as Python's recursion limit.
 */
#define JINJA_VALUE_DEPTH_MAX 900

static inline struct jinja_value jinja_kind_value(enum jinja_kind kind)
{
    return (struct jinja_value){.kind = (uint8_t)kind};
}

static inline struct jinja_value jinja_error(void)
{
    return jinja_kind_value(JINJA_ERROR);
}

static inline struct jinja_value jinja_none(void)
{
    return jinja_kind_value(JINJA_NONE);
}

static inline struct jinja_value jinja_bool(bool value)
{
    return (struct jinja_value){.kind = JINJA_BOOL, .as.boolean = value};
}

static inline struct jinja_value jinja_int(int64_t value)
{
    return (struct jinja_value){.kind = JINJA_INT, .as.integer = value};
}

static inline struct jinja_value jinja_float(double value)
{
    return (struct jinja_value){.kind = JINJA_FLOAT, .as.real = value};
}

static inline struct jinja_value jinja_from_string(const struct jinja_string *string)
{
    return (struct jinja_value){.kind = JINJA_STRING, .as.string = string};
}

static inline bool jinja_is_sequence(struct jinja_value value)
{
    return value.kind >= JINJA_LIST && value.kind <= JINJA_GENERATOR;
}

/* A copy of size bytes of valid UTF-8 in the render's arena. */
struct jinja_value jinja_string_new(struct jinja_run *run, const char *data, size_t size);
struct jinja_value jinja_string_text(struct jinja_run *run, const char *text);

/* data (size bytes) stays where it is; it must live as long as the render. */
struct jinja_value jinja_string_view(struct jinja_run *run, const char *data, size_t size);

/* The buffer's bytes as a string; the buffer is freed. A failed buffer is an error. */
struct jinja_value jinja_string_take(struct jinja_run *run, struct buffer *buffer);

/* a followed by b; in place where a's buffer allows it, so that appending in a loop stays linear.
 */
struct jinja_value jinja_string_concat(struct jinja_run *run, const struct jinja_string *a,
                                       const struct jinja_string *b);

size_t jinja_count_chars(const char *data, size_t size);

/* The byte offset of code point number index (0 .. chars). */
size_t jinja_string_offset(const struct jinja_string *string, size_t index);

bool jinja_string_equal(const struct jinja_string *a, const struct jinja_string *b);
bool jinja_string_is(const struct jinja_string *string, const char *text);

/* kind is JINJA_LIST, _TUPLE, _VIEW or _GENERATOR; type names it ("list"). The list is empty. */
struct jinja_value jinja_list_new(struct jinja_run *run, enum jinja_kind kind, const char *type);
bool jinja_list_push(struct jinja_run *run, struct jinja_list *list, struct jinja_value item);
struct jinja_value jinja_pair(struct jinja_run *run, struct jinja_value a, struct jinja_value b);

struct jinja_value jinja_dict_new(struct jinja_run *run);
/* False: the key is unhashable, or memory. */
bool jinja_dict_set(struct jinja_run *run, struct jinja_dict *dict, struct jinja_value key,
                    struct jinja_value value);
/* 1 and *out, 0 when absent, -1 on failure (unhashable key). */
int jinja_dict_get(struct jinja_run *run, const struct jinja_dict *dict, struct jinja_value key,
                   struct jinja_value *out);
const struct jinja_value *jinja_dict_find(const struct jinja_dict *dict,
                                          const struct jinja_string *key);

/* Undefined values: by message; of a missing attribute or element; of a name. */
struct jinja_value jinja_undefined_hint(struct jinja_run *run, const char *hint);
struct jinja_value jinja_undefined_item(struct jinja_run *run, struct jinja_value object,
                                        struct jinja_value name);
struct jinja_value jinja_undefined_name(struct jinja_run *run, const struct jinja_string *name);
/* Raises the UndefinedError (or SecurityError) that using the value means. */
struct jinja_value jinja_undefined_raise(struct jinja_run *run, struct jinja_value value);

/* Python's type(value).__name__. */
const char *jinja_type_name(struct jinja_value value);

/* bool(value): never fails. */
bool jinja_truth(struct jinja_value value);

/* a == b: 1, 0, or -1 (nested too deep). */
int jinja_equal(struct jinja_run *run, struct jinja_value a, struct jinja_value b);

/* a < b, > and so on as sign: *order is -1, 0, 1, or 2 (unordered: NaN). symbol ("<") is for the
 * TypeError. */
bool jinja_order(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                 const char *symbol, int *order);

/* len(value); false after a TypeError. */
bool jinja_length(struct jinja_run *run, struct jinja_value value, int64_t *length);

/* Walk what Python can walk. */
struct jinja_iter {
    struct jinja_value value;
    size_t position; /* of a string: in bytes */
};
bool jinja_iter_start(struct jinja_run *run, struct jinja_value value, struct jinja_iter *iter);
/* 1 and *out, 0 at the end, -1 on failure. */
int jinja_iter_next(struct jinja_run *run, struct jinja_iter *iter, struct jinja_value *out);

/* list(value), always a new list. */
struct jinja_value jinja_to_list(struct jinja_run *run, struct jinja_value value);

/* A JSON value in the render's arena. */
struct jinja_value jinja_from_json(struct jinja_run *run, const struct json *json, unsigned depth);

/* str(value), repr(value); soft_str: the value itself when it is a string. */
struct jinja_value jinja_str(struct jinja_run *run, struct jinja_value value);
struct jinja_value jinja_repr(struct jinja_run *run, struct jinja_value value);
/* False after an error; appends to out. */
bool jinja_str_append(struct jinja_run *run, struct buffer *out, struct jinja_value value);
bool jinja_repr_append(struct jinja_run *run, struct buffer *out, struct jinja_value value,
                       unsigned depth);
/* Python's repr of a float: "1.0", "1e-07", "inf", "nan". */
void jinja_float_text(double value, char out[32]);

/* json.dumps() with its options; separators NULL: Python's own choice. indent NULL: one line. */
struct jinja_json_style {
    bool ascii, sort_keys;
    const struct jinja_string *indent;
    const struct jinja_string *item_separator, *key_separator;
};
struct jinja_value jinja_to_json(struct jinja_run *run, struct jinja_value value,
                                 const struct jinja_json_style *style);

#endif
