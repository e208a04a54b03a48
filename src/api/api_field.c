/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_field.h"

#include "base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE sizeof(((struct api_error *)0)->param)
#define NUMBER_SIZE 48 /* a number in a sentence; longer ones are cut */

void field_error(struct field_errors *errors, const char *code, const char *param,
                 const char *format, ...)
{
    struct api_error *error = errors->error;
    char line[sizeof error->detail.message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    errors->count++;
    if (errors->count == 1) {
        (void)api_error_set(error, 400, code ? code : "invalid_value", param, "%s", line);
        return;
    }
    if (errors->count > FIELD_ERRORS_MAX)
        return;
    struct octet_error earlier = error->detail;
    size_t length = strlen(earlier.message);
    const char *between = length && earlier.message[length - 1] == '.' ? " " : "; ";
    (void)error_set(&error->detail, OCTET_INPUT, "%s%s%s", earlier.message, between, line);
}

static void name_types(unsigned types, char out[64])
{
    size_t used = 0;
    out[0] = '\0';
    for (enum json_type type = JSON_TYPE_NULL; type <= JSON_TYPE_OBJECT; type++) {
        if (!(types & FIELD_TYPE(type)))
            continue;
        int length =
            snprintf(out + used, 64 - used, "%s%s", used ? " or " : "", json_type_name(type));
        if (length < 0 || (size_t)length >= 64 - used)
            return;
        used += (size_t)length;
    }
}

void field_type_error(struct field_errors *errors, const char *param, unsigned types,
                      const struct json *value)
{
    char names[64];
    name_types(types, names);
    field_error(errors, NULL, param, "%s: expected %s, got %s", param, names,
                json_type_name(json_type(value)));
}

bool field_integer(const struct json *value, int64_t *out)
{
    if (json_type(value) == JSON_TYPE_INTEGER) {
        *out = json_integer(value, 0);
        return true;
    }
    if (json_type(value) != JSON_TYPE_REAL)
        return false;
    double real = json_number(value, 0);
    if (real != floor(real) || real < -0x1p63 || real >= 0x1p63)
        return false;
    *out = (int64_t)real;
    return true;
}

const struct json *field_get(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return json_type(value) == JSON_TYPE_NULL ? NULL : value;
}

/* Too large has a sentence of its own: the rules speak of the least. */
static void integer_error(struct field_errors *errors, const struct field *field, const char *param,
                          bool large, const char *got)
{
    bool bounded = field->low || field->high;
    if (large)
        field_error(errors, NULL, param, "%s must be at most %" PRId64 ", got %s.", param,
                    bounded ? field->high : INT64_MAX, got);
    else if (field->rule)
        field_error(errors, NULL, param, "%s, got %s.", field->rule, got);
    else
        field_error(errors, NULL, param, "%s must be at least %" PRId64 ", got %s.", param,
                    bounded ? field->low : INT64_MIN, got);
}

static void read_integer(const struct field *field, const struct json *value, const char *param,
                         void *target, struct field_errors *errors)
{
    char got[NUMBER_SIZE];
    int64_t integer = 0;
    const char *digits = json_text(value);
    if (digits) {
        (void)snprintf(got, sizeof got, "%.40s%s", digits, strlen(digits) > 40 ? "..." : "");
        integer_error(errors, field, param, digits[0] != '-', got);
        return;
    }
    if (!field_integer(value, &integer)) {
        field_type_error(errors, param, FIELD_TYPE(JSON_TYPE_INTEGER), value);
        return;
    }
    bool bounded = field->low || field->high;
    if (bounded && (integer < field->low || integer > field->high)) {
        (void)snprintf(got, sizeof got, "%" PRId64, integer);
        integer_error(errors, field, param, integer > field->high, got);
        return;
    }
    memcpy(target, &integer, sizeof integer);
}

static void read_number(const struct field *field, const struct json *value, const char *param,
                        void *target, struct field_errors *errors)
{
    enum json_type type = json_type(value);
    if (type != JSON_TYPE_INTEGER && type != JSON_TYPE_BIG_INTEGER && type != JSON_TYPE_REAL) {
        field_type_error(errors, param, FIELD_TYPE(JSON_TYPE_REAL), value);
        return;
    }
    double number = json_number(value, 0);
    bool bounded = field->min != 0 || field->max != 0;
    bool small = field->open ? number <= field->min : number < field->min;
    if (!isfinite(number) || (bounded && (small || number > field->max))) {
        char got[32] = "infinity";
        if (isfinite(number))
            json_format_real(number, got);
        field_error(errors, NULL, param, "%s, got %s.", field->rule, got);
        return;
    }
    memcpy(target, &number, sizeof number);
}

/* false, 0, "", [] and {} ask for nothing. */
static bool is_neutral(const struct json *value)
{
    switch (json_type(value)) {
    case JSON_TYPE_BOOL:
        return !json_bool(value, false);
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT:
        return json_count(value) == 0;
    case JSON_TYPE_STRING:
        return json_string(value)[0] == '\0';
    default:
        return false;
    }
}

static void read_field(const struct field *field, const struct json *value, const char *param,
                       void *base, struct field_errors *errors)
{
    char *target = (char *)base + field->offset;
    enum json_type type = json_type(value);
    switch (field->kind) {
    case FIELD_ANY:
        if (field->types & FIELD_TYPE(type))
            memcpy(target, &value, sizeof value);
        else
            field_type_error(errors, param, field->types, value);
        break;
    case FIELD_BOOL: {
        bool flag = json_bool(value, false);
        if (type == JSON_TYPE_BOOL)
            memcpy(target, &flag, sizeof flag);
        else
            field_type_error(errors, param, FIELD_TYPE(JSON_TYPE_BOOL), value);
        break;
    }
    case FIELD_INT:
        read_integer(field, value, param, target, errors);
        break;
    case FIELD_NUMBER:
        read_number(field, value, param, target, errors);
        break;
    case FIELD_STRING: {
        const char *text = json_string(value);
        if (text)
            memcpy(target, &text, sizeof text);
        else
            field_type_error(errors, param, FIELD_IS_STRING, value);
        break;
    }
    case FIELD_IGNORED:
        log_debug("the request's field %s has no effect here", param);
        break;
    case FIELD_REFUSED:
        if (!is_neutral(value))
            field_error(errors, "unsupported_parameter", param, "%s", field->rule);
        break;
    }
}

static const struct field *find_field(const struct field_table *tables, size_t table_count,
                                      const char *name)
{
    for (size_t t = 0; t < table_count; t++) {
        size_t low = 0, high = tables[t].count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            int order = strcmp(name, tables[t].fields[middle].name);
            if (order == 0)
                return &tables[t].fields[middle];
            if (order < 0)
                high = middle;
            else
                low = middle + 1;
        }
    }
    return NULL;
}

void fields_read(const struct json *object, const char *prefix, const struct field_table *tables,
                 size_t table_count, void *base, struct field_errors *errors)
{
    char param[PATH_SIZE];
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        const struct field *field = find_field(tables, table_count, it.key);
        (void)snprintf(param, sizeof param, "%s%s", prefix, it.key);
        if (!field) {
            if (errors->strict)
                field_error(errors, "unsupported_parameter", param,
                            "%s: unknown field (--strict-requests is on)", param);
            else if (errors->unknown < FIELD_ERRORS_MAX)
                log_debug("the request's field %s is unknown and ignored", param);
            errors->unknown++;
        } else if (json_type(it.value) != JSON_TYPE_NULL) {
            read_field(field, it.value, param, base, errors);
        }
    }
}
