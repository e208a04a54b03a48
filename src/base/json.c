/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson refuses integers beyond int64. They are kept as strings that begin with U+0001 and go on
 * with the digits; an ordinary string that begins with U+0001 gets a second one in front, so the
 * two cannot be confused. The byte U+0001 is spelled \u0001 in every valid text, which makes such
 * strings easy to find before jansson sees them. Keys are left alone.
 */
#include <jansson.h>

/* Before json.h gives that name to a function of its own. */
static json_t *jansson_integer(json_int_t value)
{
    return json_integer(value);
}

#include "base/json.h"
#include "base/file.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG '\001'
#define TAG_ESCAPE "\\u0001"
#define TAG_ESCAPE_SIZE 6u
#define KEY_ON_STACK 256u

/* struct json is never defined: a value is a json_t under another name. */
static json_t *native(const struct json *value)
{
    return (json_t *)(uintptr_t)value;
}

static struct json *wrap(const json_t *value)
{
    return (struct json *)(uintptr_t)value;
}

/* ---- Parsing ---- */

/*
 * One pass over the text before jansson's: depth, and the rewriting above. `out` stays empty while
 * the text can be used as it is.
 */
struct scan {
    const char *text;
    size_t size;
    size_t copied; /* text[0..copied) is in out */
    struct buffer out;
    struct buffer edits; /* struct edit, ascending */
    size_t depth, depth_max;
};

/* From offset `after` of the rewritten text on, the original is `shift` bytes behind. */
struct edit {
    size_t after, shift;
};

static void scan_insert(struct scan *scan, size_t at, const char *bytes, size_t size)
{
    buffer_append(&scan->out, scan->text + scan->copied, at - scan->copied);
    buffer_append(&scan->out, bytes, size);
    scan->copied = at;
    struct edit edit = {scan->out.size, scan->out.size - at};
    buffer_append(&scan->edits, &edit, sizeof edit);
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* at: the opening quote. Returns the offset after the closing one, or the end of the text. */
static size_t scan_string(struct scan *scan, size_t at)
{
    const char *text = scan->text;
    size_t end = at + 1;
    while (end < scan->size && text[end] != '"')
        end += text[end] == '\\' ? 2 : 1;
    if (end >= scan->size)
        return scan->size;
    end++;
    if (end - at > TAG_ESCAPE_SIZE && memcmp(text + at + 1, TAG_ESCAPE, TAG_ESCAPE_SIZE) == 0) {
        size_t next = end;
        while (next < scan->size && is_space(text[next]))
            next++;
        if (next >= scan->size || text[next] != ':')
            scan_insert(scan, at + 1, TAG_ESCAPE, TAG_ESCAPE_SIZE);
    }
    return end;
}

/* at: '-' or a digit. Only a well-formed integer beyond int64 is rewritten. */
static size_t scan_number(struct scan *scan, size_t at)
{
    const char *text = scan->text;
    size_t end = at + 1;
    while (end < scan->size &&
           (strchr("+-.eE", text[end]) ? text[end] != '\0' : text[end] >= '0' && text[end] <= '9'))
        end++;
    size_t first = at + (text[at] == '-'), digits = 0;
    while (first + digits < end && text[first + digits] >= '0' && text[first + digits] <= '9')
        digits++;
    if (first + digits != end || digits < 19 || text[first] == '0')
        return end;
    if (digits == 19) {
        char copy[32];
        memcpy(copy, text + at, end - at);
        copy[end - at] = '\0';
        errno = 0;
        (void)strtoll(copy, NULL, 10);
        if (errno == 0)
            return end;
    }
    scan_insert(scan, at, "\"" TAG_ESCAPE, TAG_ESCAPE_SIZE + 1);
    scan_insert(scan, end, "\"", 1);
    return end;
}

/* Line and column count from 1, columns in characters. */
static octet_status position_error(struct octet_error *err, octet_status status, const char *name,
                                   const char *text, size_t offset, const char *message)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return error_set(err, status, "%s: line %zu, column %zu (byte %zu): %s", name, line, column,
                     offset, message);
}

static octet_status depth_error(const struct scan *scan, const char *name, size_t at,
                                struct octet_error *err)
{
    char message[64];
    (void)snprintf(message, sizeof message, "nested deeper than %zu levels", scan->depth_max);
    return position_error(err, OCTET_LIMIT, name, scan->text, at, message);
}

static octet_status scan_text(struct scan *scan, const char *name, struct octet_error *err)
{
    for (size_t at = 0; at < scan->size;) {
        char byte = scan->text[at];
        if (byte == '"') {
            at = scan_string(scan, at);
            continue;
        }
        if (byte == '-' || (byte >= '0' && byte <= '9')) {
            at = scan_number(scan, at);
            continue;
        }
        if (byte == '[' || byte == '{') {
            if (++scan->depth > scan->depth_max)
                return depth_error(scan, name, at, err);
        } else if ((byte == ']' || byte == '}') && scan->depth) {
            scan->depth--;
        }
        at++;
    }
    if (scan->copied)
        buffer_append(&scan->out, scan->text + scan->copied, scan->size - scan->copied);
    if (buffer_failed(&scan->out) || buffer_failed(&scan->edits))
        return error_memory(err, name, scan->size);
    return OCTET_OK;
}

static size_t original_offset(const struct scan *scan, size_t offset)
{
    size_t shift = 0;
    for (size_t i = 0; i < scan->edits.size / sizeof(struct edit); i++) {
        struct edit edit;
        memcpy(&edit, scan->edits.data + i * sizeof edit, sizeof edit);
        if (edit.after > offset)
            break;
        shift = edit.shift;
    }
    offset -= shift < offset ? shift : offset;
    return offset < scan->size ? offset : scan->size;
}

/*
 * jansson points behind the token that it did not like and, when that is short, ends its message in
 * "near 'TOKEN'": then the error is where the token begins.
 */
static size_t error_offset(const struct scan *scan, const json_error_t *problem)
{
    bool rewritten = scan->copied > 0;
    const char *text = rewritten ? scan->out.data : scan->text;
    size_t size = rewritten ? scan->out.size : scan->size;
    size_t offset = problem->position > 0 ? (size_t)problem->position : 0;
    if (offset > size)
        offset = size;
    const char *token = strstr(problem->text, " near '");
    if (token) {
        token += strlen(" near '");
        size_t length = strlen(token) - 1; /* without the closing quote */
        if (length <= offset && memcmp(text + offset - length, token, length) == 0)
            offset -= length;
    }
    return rewritten ? original_offset(scan, offset) : offset;
}

static octet_status parse(const char *text, size_t size, size_t limit, size_t depth, size_t flags,
                          const char *name, struct json **out, struct octet_error *err)
{
    *out = NULL;
    if (size > limit)
        return error_set(err, OCTET_LIMIT, "%s: %zu bytes of JSON, at most %zu are accepted", name,
                         size, limit);
    struct scan scan = {.text = text, .size = size, .depth_max = depth};
    buffer_init(&scan.out, SIZE_MAX);
    buffer_init(&scan.edits, SIZE_MAX);
    octet_status status = scan_text(&scan, name, err);
    if (status != OCTET_OK)
        goto out;
    json_error_t problem = {.text = ""};
    bool rewritten = scan.copied > 0;
    json_t *value = json_loadb(rewritten ? scan.out.data : text, rewritten ? scan.out.size : size,
                               JSON_DECODE_ANY | flags, &problem);
    if (value) {
        *out = wrap(value);
        goto out;
    }
    if (json_error_code(&problem) == json_error_out_of_memory) {
        status = error_memory(err, name, size);
        goto out;
    }
    const char *message = size ? problem.text : "the text is empty, JSON was expected";
    if (json_error_code(&problem) == json_error_null_character)
        message = "a string holds the character U+0000, which is not accepted here";
    status = position_error(err, OCTET_INPUT, name, text, error_offset(&scan, &problem), message);
out:
    buffer_free(&scan.edits);
    buffer_free(&scan.out);
    return status;
}

octet_status json_parse(const char *text, size_t size, size_t limit, const char *name,
                        struct json **out, struct octet_error *err)
{
    return parse(text, size, limit, JSON_DEPTH_MAX, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, name,
                 out, err);
}

octet_status json_parse_request(const char *text, size_t size, size_t limit, size_t depth, bool nul,
                                const char *name, struct json **out, struct octet_error *err)
{
    return parse(text, size, limit, depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX,
                 nul ? JSON_ALLOW_NUL : 0, name, out, err);
}

octet_status json_load(const char *path, size_t limit, struct json **out, struct octet_error *err)
{
    *out = NULL;
    struct buffer text;
    buffer_init(&text, limit);
    octet_status status = file_read_all(path, limit, &text, err);
    if (status == OCTET_OK && file_is_lfs_pointer(buffer_text(&text), text.size))
        status = error_set(err, OCTET_INPUT,
                           "%s: is a Git-LFS pointer of %zu bytes, not the file it stands for; "
                           "run \"git lfs pull\" in its directory",
                           path, text.size);
    else if (status == OCTET_OK)
        status = json_parse(buffer_text(&text), text.size, limit, path, out, err);
    buffer_free(&text);
    return status;
}

void json_free(struct json *value)
{
    json_decref(native(value));
}

struct json *json_share(const struct json *value)
{
    return wrap(json_incref(native(value)));
}

struct json *json_copy(const struct json *value)
{
    return wrap(json_deep_copy(native(value)));
}

/* ---- Access ---- */

/* A string or a big integer: what comes after the tag, if there is one. */
static const char *string_body(const struct json *value, size_t *size, bool *big)
{
    const char *text = json_string_value(native(value));
    *size = json_string_length(native(value));
    *big = false;
    if (text && *size && text[0] == TAG) {
        *big = *size > 1 && text[1] != TAG;
        text++;
        (*size)--;
    }
    return text;
}

enum json_type json_type(const struct json *value)
{
    if (!value)
        return JSON_NONE;
    switch (json_typeof(native(value))) {
    case JSON_OBJECT:
        return JSON_TYPE_OBJECT;
    case JSON_ARRAY:
        return JSON_TYPE_ARRAY;
    case JSON_STRING: {
        size_t size;
        bool big;
        string_body(value, &size, &big);
        return big ? JSON_TYPE_BIG_INTEGER : JSON_TYPE_STRING;
    }
    case JSON_INTEGER:
        return JSON_TYPE_INTEGER;
    case JSON_REAL:
        return JSON_TYPE_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_TYPE_BOOL;
    case JSON_NULL:
        break;
    }
    return JSON_TYPE_NULL;
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NONE] = "absent",
        [JSON_TYPE_NULL] = "null",
        [JSON_TYPE_BOOL] = "boolean",
        [JSON_TYPE_INTEGER] = "integer",
        [JSON_TYPE_BIG_INTEGER] = "integer beyond 64 bits",
        [JSON_TYPE_REAL] = "number",
        [JSON_TYPE_STRING] = "string",
        [JSON_TYPE_ARRAY] = "array",
        [JSON_TYPE_OBJECT] = "object",
    };
    return names[type];
}

const struct json *json_get(const struct json *object, const char *key)
{
    return wrap(json_object_get(native(object), key));
}

const struct json *json_get_n(const struct json *object, const char *key, size_t key_length)
{
    /* No key of a document holds a NUL, and older versions of jansson look up C strings only. */
    if (!json_is_object(native(object)) || memchr(key, '\0', key_length))
        return NULL;
    char small[KEY_ON_STACK];
    char *copy = key_length < sizeof small ? small : malloc(key_length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, key, key_length);
    copy[key_length] = '\0';
    const struct json *found = json_get(object, copy);
    if (copy != small)
        free(copy);
    return found;
}

const struct json *json_get_path(const struct json *object, const char *dotted_path)
{
    while (object) {
        size_t length = strcspn(dotted_path, ".");
        object = json_get_n(object, dotted_path, length);
        if (dotted_path[length] == '\0')
            break;
        dotted_path += length + 1;
    }
    return object;
}

size_t json_count(const struct json *value)
{
    return json_is_object(native(value)) ? json_object_size(native(value))
                                         : json_array_size(native(value));
}

const struct json *json_at(const struct json *array, size_t index)
{
    return wrap(json_array_get(native(array), index));
}

struct json_iter json_iter(const struct json *object)
{
    return (struct json_iter){.object = object};
}

bool json_next(struct json_iter *iter)
{
    json_t *object = native(iter->object);
    if (!iter->started)
        iter->position = json_object_iter(object);
    else if (iter->position)
        iter->position = json_object_iter_next(object, iter->position);
    iter->started = true;
    if (!iter->position)
        return false;
    iter->key = json_object_iter_key(iter->position);
    iter->key_length = strlen(iter->key);
    iter->value = wrap(json_object_iter_value(iter->position));
    return true;
}

const char *json_string_n(const struct json *value, size_t *n)
{
    size_t size;
    bool big;
    const char *text = string_body(value, &size, &big);
    if (!text || big)
        return NULL;
    *n = size;
    return text;
}

const char *json_string(const struct json *value)
{
    size_t size;
    return json_string_n(value, &size);
}

const char *json_text(const struct json *value)
{
    size_t size;
    bool big;
    const char *text = string_body(value, &size, &big);
    return big ? text : NULL;
}

bool json_bool(const struct json *value, bool absent)
{
    return json_is_boolean(native(value)) ? json_is_true(native(value)) : absent;
}

int64_t json_integer(const struct json *value, int64_t absent)
{
    return json_is_integer(native(value)) ? json_integer_value(native(value)) : absent;
}

double json_number(const struct json *value, double absent)
{
    if (json_is_number(native(value)))
        return json_number_value(native(value));
    const char *digits = json_text(value);
    return digits ? strtod(digits, NULL) : absent;
}

/* ---- Building ---- */

struct json *json_new_object(void)
{
    return wrap(json_object());
}

struct json *json_new_array(void)
{
    return wrap(json_array());
}

struct json *json_new_string(const char *text)
{
    return json_new_string_n(text, strlen(text));
}

struct json *json_new_string_n(const char *text, size_t size)
{
    bool tagged = size && text[0] == TAG;
    if (!tagged && utf8_valid(text, size))
        return wrap(json_stringn_nocheck(text, size));
    struct buffer clean;
    buffer_init(&clean, SIZE_MAX);
    if (tagged)
        buffer_append_char(&clean, TAG);
    utf8_append_lossy(&clean, text, size);
    json_t *value = buffer_failed(&clean) ? NULL : json_stringn_nocheck(clean.data, clean.size);
    buffer_free(&clean);
    return wrap(value);
}

struct json *json_new_integer(int64_t value)
{
    return wrap(jansson_integer(value));
}

struct json *json_new_real(double value)
{
    return isfinite(value) ? wrap(json_real(value)) : json_new_null();
}

struct json *json_new_bool(bool value)
{
    return wrap(json_boolean(value));
}

struct json *json_new_null(void)
{
    return wrap(json_null());
}

bool json_set(struct json *object, const char *key, struct json *value)
{
    return json_object_set_new(native(object), key, native(value)) == 0;
}

bool json_push(struct json *array, struct json *value)
{
    return json_array_append_new(native(array), native(value)) == 0;
}

bool json_remove(struct json *object, const char *key)
{
    return json_object_del(native(object), key) == 0;
}
