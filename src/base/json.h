/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: thin access over jansson, which only base/json.c knows. Parsing rejects duplicate keys,
 * trailing bytes, invalid UTF-8, and depth or size over the limits, and says line, column and byte.
 * Objects keep the order of the text. Every accessor accepts NULL and values of another type and
 * answers with its "absent" value, so that a chain of look-ups needs one check.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/status.h"
#include "base/buffer.h"

/* jansson has functions of these names too: ours get other names for the compiler and the linker.
 */
#define json_type base_json_type
#define json_string base_json_string
#define json_integer base_json_integer
#define json_copy base_json_copy

struct json; /* a value; owned by its document unless it was made by json_new_* */

enum json_type {
    JSON_NONE, /* absent: a NULL pointer */
    JSON_TYPE_NULL,
    JSON_TYPE_BOOL,
    JSON_TYPE_INTEGER,
    JSON_TYPE_BIG_INTEGER, /* an integer beyond int64: json_text() gives its digits */
    JSON_TYPE_REAL,
    JSON_TYPE_STRING,
    JSON_TYPE_ARRAY,
    JSON_TYPE_OBJECT,
};

#define JSON_DEPTH_MAX 512

/*
 * Parse size bytes. `name` (a file name or "request") begins each error message. limit: the largest
 * size accepted. On success *out is a new reference: json_free().
 * Errors: OCTET_INPUT (with line, column, byte), OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status json_parse(const char *text, size_t size, size_t limit, const char *name,
                        struct json **out, struct octet_error *err);

/* The same for what a client sent: nested at most `depth` levels; of equal keys the last one
 * counts, as in the servers that clients know (in files equal keys are OCTET_INPUT). nul: strings
 * may hold NUL bytes, which json_string_n() tells; else they are OCTET_INPUT, so that json_string()
 * of a field is all of it. */
octet_status json_parse_request(const char *text, size_t size, size_t limit, size_t depth, bool nul,
                                const char *name, struct json **out, struct octet_error *err);

/* The same for a file. Also OCTET_IO. A Git-LFS pointer is recognised and named with its remedy. */
octet_status json_load(const char *path, size_t limit, struct json **out, struct octet_error *err);

void json_free(struct json *value);                /* drops one reference; NULL is fine */
struct json *json_share(const struct json *value); /* one more reference to the same value */
struct json *json_copy(const struct json *value);  /* deep copy; NULL when out of memory */

enum json_type json_type(const struct json *value);
const char *json_type_name(enum json_type type); /* "string", "absent", ... for messages */

/* Objects. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_get_n(const struct json *object, const char *key, size_t key_length);
/* a.b.c in one call; NULL where a step is absent. */
const struct json *json_get_path(const struct json *object, const char *dotted_path);

/* Arrays and objects: number of elements. */
size_t json_count(const struct json *value);
const struct json *json_at(const struct json *array, size_t index);

/* Walk an object in the order of the text:
 *   for (struct json_iter it = json_iter(v); json_next(&it);) use(it.key, it.key_length, it.value);
 * The object must not change meanwhile. */
struct json_iter {
    const struct json *object;
    void *position;
    bool started;
    const char *key;
    size_t key_length;
    const struct json *value;
};
struct json_iter json_iter(const struct json *object);
bool json_next(struct json_iter *iter);

/* Scalars. */
const char *json_string(const struct json *value);              /* NULL unless a string */
const char *json_string_n(const struct json *value, size_t *n); /* may hold NUL bytes */
const char *json_text(const struct json *value); /* digits of a big integer; NULL otherwise */
bool json_bool(const struct json *value, bool absent);
int64_t json_integer(const struct json *value, int64_t absent); /* integers only */
double json_number(const struct json *value, double absent);    /* integers and reals */

/*
 * Checked reading of a field: absent or null is OCTET_INPUT when required, else *out keeps its
 * value (configurations write null for "the default"); a wrong type or a value out of [min, max] is
 * OCTET_INPUT with name, key, found, expected.
 */
octet_status json_field_int(const struct json *object, const char *name, const char *key,
                            bool required, int64_t min, int64_t max, int64_t *out,
                            struct octet_error *err);
octet_status json_field_number(const struct json *object, const char *name, const char *key,
                               bool required, double min, double max, double *out,
                               struct octet_error *err);
octet_status json_field_bool(const struct json *object, const char *name, const char *key,
                             bool required, bool *out, struct octet_error *err);
/* *out stays owned by the object. */
octet_status json_field_string(const struct json *object, const char *name, const char *key,
                               bool required, const char **out, struct octet_error *err);

/* Building. Setters take over `value` (also when they fail, and NULL makes them fail). */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text); /* invalid UTF-8 becomes U+FFFD */
struct json *json_new_string_n(const char *text, size_t size);
struct json *json_new_integer(int64_t value);
struct json *json_new_real(double value); /* NaN and infinities become null */
struct json *json_new_bool(bool value);
struct json *json_new_null(void);
bool json_set(struct json *object, const char *key, struct json *value);
bool json_push(struct json *array, struct json *value);
bool json_remove(struct json *object, const char *key);

/* Serialise. indent 0: one line. Reals are the shortest text that reads back the same. */
bool json_dump(const struct json *value, int indent, struct buffer *out);

/* Append text as a JSON string, in quotes. Text is UTF-8 and may hold NUL bytes. */
void json_append_string(struct buffer *out, const char *text, size_t size);

/* The shortest decimal text of a finite double that strtod reads back exactly, always with a '.' or
 * an exponent ("1.0", "1e-07", "1e+22": Python's repr). out holds at least 32 bytes. */
void json_format_real(double value, char out[32]);

#endif
