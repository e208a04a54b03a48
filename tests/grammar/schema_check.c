/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/schema_check.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

static bool is_integer(const struct json *value)
{
    enum json_type type = json_type(value);
    double number = json_number(value, 0.5);
    return type == JSON_TYPE_INTEGER || type == JSON_TYPE_BIG_INTEGER ||
           (type == JSON_TYPE_REAL && number == (double)(int64_t)number);
}

static bool is_number(const struct json *value)
{
    return json_type(value) == JSON_TYPE_REAL || is_integer(value);
}

static bool has_type(const struct json *value, const char *name)
{
    enum json_type type = json_type(value);
    if (strcmp(name, "integer") == 0)
        return is_integer(value);
    if (strcmp(name, "number") == 0)
        return is_number(value);
    return strcmp(name, type == JSON_TYPE_NULL     ? "null"
                        : type == JSON_TYPE_BOOL   ? "boolean"
                        : type == JSON_TYPE_STRING ? "string"
                        : type == JSON_TYPE_ARRAY  ? "array"
                                                   : "object") == 0;
}

static bool type_holds(const struct json *type, const struct json *value)
{
    if (json_type(type) != JSON_TYPE_ARRAY)
        return !type || has_type(value, json_string(type));
    for (size_t i = 0; i < json_count(type); i++)
        if (has_type(value, json_string(json_at(type, i))))
            return true;
    return false;
}

static bool equal(const struct json *a, const struct json *b)
{
    struct buffer left, right;
    buffer_init(&left, (size_t)1 << 24);
    buffer_init(&right, (size_t)1 << 24);
    bool same = json_dump(a, 0, &left) && json_dump(b, 0, &right) && left.size == right.size &&
                memcmp(buffer_text(&left), buffer_text(&right), left.size) == 0;
    buffer_free(&right);
    buffer_free(&left);
    return same;
}

static bool among(const struct json *list, const struct json *value)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (equal(json_at(list, i), value))
            return true;
    return false;
}

static bool any_holds(const struct json *root, const struct json *list, const struct json *value)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (schema_holds(root, json_at(list, i), value))
            return true;
    return false;
}

static bool string_holds(const struct json *schema, const struct json *value)
{
    size_t size, characters = 0;
    const char *text = json_string_n(value, &size);
    const char *pattern = json_string(json_get(schema, "pattern"));
    for (size_t i = 0; i < size; i++)
        characters += (text[i] & 0xC0) != 0x80;
    if ((double)characters < json_number(json_get(schema, "minLength"), 0) ||
        (double)characters > json_number(json_get(schema, "maxLength"), 1e9))
        return false;
    if (!pattern)
        return true;
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static bool number_holds(const struct json *schema, const struct json *value)
{
    double number = json_number(value, 0);
    const struct json *above = json_get(schema, "exclusiveMinimum");
    const struct json *below = json_get(schema, "exclusiveMaximum");
    return number >= json_number(json_get(schema, "minimum"), -1e300) &&
           number <= json_number(json_get(schema, "maximum"), 1e300) &&
           (!above || number > json_number(above, 0)) && (!below || number < json_number(below, 0));
}

static bool array_holds(const struct json *root, const struct json *schema,
                        const struct json *value)
{
    const struct json *prefix = json_get(schema, "prefixItems"), *items = json_get(schema, "items");
    size_t count = json_count(value);
    if ((double)count < json_number(json_get(schema, "minItems"), 0) ||
        (double)count > json_number(json_get(schema, "maxItems"), 1e9))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct json *item = i < json_count(prefix) ? json_at(prefix, i) : items;
        if (item && !schema_holds(root, item, json_at(value, i)))
            return false;
    }
    return true;
}

static bool object_holds(const struct json *root, const struct json *schema,
                         const struct json *value)
{
    const struct json *properties = json_get(schema, "properties");
    const struct json *required = json_get(schema, "required");
    const struct json *additional = json_get(schema, "additionalProperties");
    for (size_t i = 0; i < json_count(required); i++)
        if (!json_get(value, json_string(json_at(required, i))))
            return false;
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        const struct json *property = json_get_n(properties, it.key, it.key_length);
        if (!property && !additional && properties)
            return false; /* octet's own rule: closed unless it says otherwise */
        if (!property)
            property = additional;
        if (property && !schema_holds(root, property, it.value))
            return false;
    }
    return true;
}

static const struct json *follow(const struct json *root, const char *reference)
{
    char path[256];
    if (strcmp(reference, "#") == 0)
        return root;
    snprintf(path, sizeof path, "%s", reference + 2);
    for (char *at = path; *at; at++)
        if (*at == '/')
            *at = '.';
    return json_get_path(root, path);
}

bool schema_holds(const struct json *root, const struct json *schema, const struct json *value)
{
    if (json_type(schema) == JSON_TYPE_BOOL)
        return json_bool(schema, false);
    const char *reference = json_string(json_get(schema, "$ref"));
    if (reference)
        return schema_holds(root, follow(root, reference), value);
    if (json_get(schema, "const") && !equal(json_get(schema, "const"), value))
        return false;
    if (json_get(schema, "enum") && !among(json_get(schema, "enum"), value))
        return false;
    const char *const lists[] = {"anyOf", "oneOf", "allOf"};
    for (size_t i = 0; i < 3; i++)
        if (json_get(schema, lists[i]) && !any_holds(root, json_get(schema, lists[i]), value))
            return false;
    if (!type_holds(json_get(schema, "type"), value))
        return false;
    if (json_type(value) == JSON_TYPE_STRING)
        return string_holds(schema, value);
    if (is_number(value))
        return number_holds(schema, value);
    if (json_type(value) == JSON_TYPE_ARRAY)
        return array_holds(root, schema, value);
    return json_type(value) != JSON_TYPE_OBJECT || object_holds(root, schema, value);
}
