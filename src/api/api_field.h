/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the fields of a JSON object by tables: each field has a name, a type, bounds and the
 * sentence of a value out of them. A table is sorted by name, so that an object with very many keys
 * costs a binary search each. JSON null means absent.
 */
#ifndef API_API_FIELD_H
#define API_API_FIELD_H

#include "api/api_error.h"
#include "base/json.h"

enum field_kind {
    FIELD_ANY,     /* const struct json *: one of the `types` */
    FIELD_BOOL,    /* bool */
    FIELD_INT,     /* int64_t; a real without a fraction is an integer too */
    FIELD_NUMBER,  /* double, finite */
    FIELD_STRING,  /* const char *, which the document owns */
    FIELD_IGNORED, /* known and without effect here; of any type */
    FIELD_REFUSED, /* `rule` says why; a neutral value (false, an empty list or object) may stand */
};

/* Bits of field.types. */
#define FIELD_TYPE(type) (1u << (type))
#define FIELD_IS_STRING FIELD_TYPE(JSON_TYPE_STRING)
#define FIELD_IS_ARRAY FIELD_TYPE(JSON_TYPE_ARRAY)
#define FIELD_IS_OBJECT FIELD_TYPE(JSON_TYPE_OBJECT)

struct field {
    const char *name;
    enum field_kind kind;
    unsigned types;   /* FIELD_ANY */
    size_t offset;    /* of the member that receives the value */
    int64_t low;      /* FIELD_INT: the bounds, inclusive */
    int64_t high;     /* both 0: all of int64 */
    double min, max;  /* FIELD_NUMBER: likewise; both 0: every finite number */
    bool open;        /* FIELD_NUMBER: min itself is too small */
    const char *rule; /* "top_p must be in (0, 1]": ", got X." follows. NULL: made from the bounds.
                         FIELD_REFUSED: the sentence */
};

struct field_table {
    const struct field *fields;
    size_t count;
};
#define FIELD_TABLE(array) ((struct field_table){(array), sizeof(array) / sizeof((array)[0])})

/*
 * What is wrong with a request, one line a field; the first gives the error its path, and at most
 * FIELD_ERRORS_MAX are told. A request is good when count is 0.
 */
#define FIELD_ERRORS_MAX 10
struct field_errors {
    struct api_error *error;
    size_t count;
    size_t unknown; /* fields that no table has */
    bool strict;    /* those are errors */
};

/* Add one. code NULL: "invalid_value". */
void field_error(struct field_errors *errors, const char *code, const char *param,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "PARAM: expected TYPES, got TYPE" with types as bits of FIELD_TYPE. */
void field_type_error(struct field_errors *errors, const char *param, unsigned types,
                      const struct json *value);

/*
 * Read every key of `object` that one of the tables has into `base`. What is absent or wrong keeps
 * its value. prefix: the path in front of each name ("stream_options."), "" at the top.
 */
void fields_read(const struct json *object, const char *prefix, const struct field_table *tables,
                 size_t table_count, void *base, struct field_errors *errors);

/* A value's integer: an integer, or a real without a fraction that int64 holds. */
bool field_integer(const struct json *value, int64_t *out);

/* Of an object: the value of a key, NULL when it is absent or null. */
const struct json *field_get(const struct json *object, const char *key);

#endif
