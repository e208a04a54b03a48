/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>

/*
 * Find a field and compare its type. *found is NULL when the caller should keep its value.
 * expected: "an integer", for the message.
 */
static octet_status field_find(const struct json *object, const char *name, const char *key,
                               bool required, const char *expected, bool (*accepts)(enum json_type),
                               const struct json **found, struct octet_error *err)
{
    *found = NULL;
    const struct json *value = json_get(object, key);
    enum json_type type = json_type(value);
    if (type == JSON_NONE || type == JSON_TYPE_NULL) {
        if (!required)
            return OCTET_OK;
        return error_set(err, OCTET_INPUT, "%s: \"%s\" is %s, expected %s", name, key,
                         type == JSON_NONE ? "missing" : "null", expected);
    }
    if (!accepts(type))
        return error_set(err, OCTET_INPUT, "%s: \"%s\" is of type %s, expected %s", name, key,
                         json_type_name(type), expected);
    *found = value;
    return OCTET_OK;
}

static bool accepts_integer(enum json_type type)
{
    return type == JSON_TYPE_INTEGER || type == JSON_TYPE_BIG_INTEGER;
}

static bool accepts_number(enum json_type type)
{
    return accepts_integer(type) || type == JSON_TYPE_REAL;
}

static bool accepts_bool(enum json_type type)
{
    return type == JSON_TYPE_BOOL;
}

static bool accepts_string(enum json_type type)
{
    return type == JSON_TYPE_STRING;
}

octet_status json_field_int(const struct json *object, const char *name, const char *key,
                            bool required, int64_t min, int64_t max, int64_t *out,
                            struct octet_error *err)
{
    const struct json *value;
    RETURN_IF_ERROR(
        field_find(object, name, key, required, "an integer", accepts_integer, &value, err));
    if (!value)
        return OCTET_OK;
    const char *digits = json_text(value);
    if (digits)
        return error_set(err, OCTET_INPUT, "%s: \"%s\" is %s, expected %" PRId64 " to %" PRId64,
                         name, key, digits, min, max);
    int64_t integer = json_integer(value, 0);
    if (integer < min || integer > max)
        return error_set(err, OCTET_INPUT,
                         "%s: \"%s\" is %" PRId64 ", expected %" PRId64 " to %" PRId64, name, key,
                         integer, min, max);
    *out = integer;
    return OCTET_OK;
}

octet_status json_field_number(const struct json *object, const char *name, const char *key,
                               bool required, double min, double max, double *out,
                               struct octet_error *err)
{
    const struct json *value;
    RETURN_IF_ERROR(
        field_find(object, name, key, required, "a number", accepts_number, &value, err));
    if (!value)
        return OCTET_OK;
    double number = json_number(value, 0);
    if (!(number >= min && number <= max))
        return error_set(err, OCTET_INPUT, "%s: \"%s\" is %g, expected %g to %g", name, key, number,
                         min, max);
    *out = number;
    return OCTET_OK;
}

octet_status json_field_bool(const struct json *object, const char *name, const char *key,
                             bool required, bool *out, struct octet_error *err)
{
    const struct json *value;
    RETURN_IF_ERROR(
        field_find(object, name, key, required, "true or false", accepts_bool, &value, err));
    if (value)
        *out = json_bool(value, false);
    return OCTET_OK;
}

octet_status json_field_string(const struct json *object, const char *name, const char *key,
                               bool required, const char **out, struct octet_error *err)
{
    const struct json *value;
    RETURN_IF_ERROR(
        field_find(object, name, key, required, "a string", accepts_string, &value, err));
    if (value)
        *out = json_string(value);
    return OCTET_OK;
}
