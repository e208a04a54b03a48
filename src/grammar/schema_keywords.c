/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/schema_build.h"

#include <stdio.h>
#include <string.h>

/* What a keyword speaks about. */
enum keyword_kind {
    KEYWORD_SILENT, /* says nothing about the text */
    KEYWORD_ANY,    /* about values of every type */
    KEYWORD_STRING,
    KEYWORD_NUMBER,
    KEYWORD_ARRAY,
    KEYWORD_OBJECT,
};

static const struct {
    const char *name;
    enum keyword_kind kind;
} keywords[] = {
    {"type", KEYWORD_ANY},
    {"enum", KEYWORD_ANY},
    {"const", KEYWORD_ANY},
    {"anyOf", KEYWORD_ANY},
    {"oneOf", KEYWORD_ANY},
    {"allOf", KEYWORD_ANY},
    {"$ref", KEYWORD_ANY},
    {"minLength", KEYWORD_STRING},
    {"maxLength", KEYWORD_STRING},
    {"pattern", KEYWORD_STRING},
    {"format", KEYWORD_STRING},
    {"minimum", KEYWORD_NUMBER},
    {"maximum", KEYWORD_NUMBER},
    {"exclusiveMinimum", KEYWORD_NUMBER},
    {"exclusiveMaximum", KEYWORD_NUMBER},
    {"items", KEYWORD_ARRAY},
    {"prefixItems", KEYWORD_ARRAY},
    {"minItems", KEYWORD_ARRAY},
    {"maxItems", KEYWORD_ARRAY},
    {"properties", KEYWORD_OBJECT},
    {"required", KEYWORD_OBJECT},
    {"additionalProperties", KEYWORD_OBJECT},
    {"title", KEYWORD_SILENT},
    {"description", KEYWORD_SILENT},
    {"default", KEYWORD_SILENT},
    {"examples", KEYWORD_SILENT},
    {"example", KEYWORD_SILENT},
    {"deprecated", KEYWORD_SILENT},
    {"readOnly", KEYWORD_SILENT},
    {"writeOnly", KEYWORD_SILENT},
    {"discriminator", KEYWORD_SILENT},
    {"contentMediaType", KEYWORD_SILENT},
    {"contentEncoding", KEYWORD_SILENT},
    {"definitions", KEYWORD_SILENT},
    {"$defs", KEYWORD_SILENT},
    {"$schema", KEYWORD_SILENT},
    {"$id", KEYWORD_SILENT},
    {"$anchor", KEYWORD_SILENT},
    {"$comment", KEYWORD_SILENT},
};

/* -1: not a keyword that is known. "x-..." is anybody's. */
static int find_keyword(const char *key, size_t size)
{
    if (size >= 2 && memcmp(key, "x-", 2) == 0)
        return KEYWORD_SILENT;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strlen(keywords[i].name) == size && memcmp(keywords[i].name, key, size) == 0)
            return (int)keywords[i].kind;
    return -1;
}

/* "uniqueItems": false and the like ask for nothing. */
static bool asks_nothing(const char *key, const struct json *value)
{
    return (strcmp(key, "uniqueItems") == 0 || strcmp(key, "nullable") == 0 ||
            strcmp(key, "unevaluatedProperties") == 0) &&
           json_type(value) == JSON_TYPE_BOOL && !json_bool(value, true);
}

bool schema_keywords_check(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path)
{
    for (struct json_iter it = json_iter(schema); json_next(&it);) {
        if (find_keyword(it.key, it.key_length) >= 0 || asks_nothing(it.key, it.value))
            continue;
        schema_refuse(work, path, OCTET_UNSUPPORTED, "keyword '%.100s' is not supported", it.key);
        return false;
    }
    return true;
}

bool schema_keywords_alone(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path, const char *keyword, bool type_too)
{
    for (struct json_iter it = json_iter(schema); json_next(&it);) {
        if (strcmp(it.key, keyword) == 0 || (type_too && strcmp(it.key, "type") == 0) ||
            find_keyword(it.key, it.key_length) <= KEYWORD_SILENT)
            continue;
        schema_refuse(work, path, OCTET_UNSUPPORTED,
                      "keyword '%s' beside '%s' is not supported; one of them must go", it.key,
                      keyword);
        return false;
    }
    return true;
}

static const struct {
    const char *name;
    unsigned types;
} type_names[] = {
    {"null", 1u << JSON_TYPE_NULL},
    {"boolean", 1u << JSON_TYPE_BOOL},
    {"integer", 1u << JSON_TYPE_INTEGER},
    {"number", 1u << JSON_TYPE_REAL | 1u << JSON_TYPE_INTEGER},
    {"string", 1u << JSON_TYPE_STRING},
    {"array", 1u << JSON_TYPE_ARRAY},
    {"object", 1u << JSON_TYPE_OBJECT},
};

static bool add_type(struct schema_work *work, const struct json *value,
                     const struct schema_path *path, unsigned *types)
{
    const char *name = json_string(value);
    for (size_t i = 0; name && i < sizeof type_names / sizeof type_names[0]; i++)
        if (strcmp(type_names[i].name, name) == 0) {
            *types |= type_names[i].types;
            return true;
        }
    schema_refuse(
        work, path, OCTET_INPUT,
        "'type' is %.100s; expected null, boolean, integer, number, string, array, object "
        "or a list of them",
        name ? name : json_type_name(json_type(value)));
    return false;
}

/* Without a type, the keywords that are there say which one is meant. */
static unsigned implied_types(const struct json *schema)
{
    static const unsigned implied[] = {
        [KEYWORD_STRING] = 1u << JSON_TYPE_STRING,
        [KEYWORD_NUMBER] = 1u << JSON_TYPE_REAL | 1u << JSON_TYPE_INTEGER,
        [KEYWORD_ARRAY] = 1u << JSON_TYPE_ARRAY,
        [KEYWORD_OBJECT] = 1u << JSON_TYPE_OBJECT,
    };
    unsigned types = 0;
    for (struct json_iter it = json_iter(schema); json_next(&it);) {
        int kind = find_keyword(it.key, it.key_length);
        if (kind >= KEYWORD_STRING)
            types |= implied[kind];
    }
    return types;
}

bool schema_types(struct schema_work *work, const struct json *schema,
                  const struct schema_path *path, unsigned *types)
{
    const struct json *type = json_get(schema, "type");
    *types = 0;
    if (!type) {
        *types = implied_types(schema);
        return true;
    }
    if (json_type(type) != JSON_TYPE_ARRAY)
        return add_type(work, type, path, types);
    for (size_t i = 0; i < json_count(type); i++)
        if (!add_type(work, json_at(type, i), path, types))
            return false;
    if (*types)
        return true;
    schema_refuse(work, path, OCTET_INPUT, "'type' is an empty list");
    return false;
}

bool schema_size(struct schema_work *work, const struct json *schema,
                 const struct schema_path *path, const char *keyword, uint32_t *out)
{
    const struct json *value = json_get(schema, keyword);
    if (!value)
        return true;
    double number = json_number(value, -1);
    bool whole = json_type(value) == JSON_TYPE_INTEGER ||
                 (json_type(value) == JSON_TYPE_REAL && number < 1e15 &&
                  number == (double)(int64_t)number) ||
                 json_type(value) == JSON_TYPE_BIG_INTEGER;
    bool big = json_type(value) == JSON_TYPE_BIG_INTEGER && json_text(value)[0] != '-';
    if (!whole || (!big && number < 0)) {
        schema_refuse(work, path, OCTET_INPUT, "'%s' must be a whole number of at least 0",
                      keyword);
        return false;
    }
    *out = big || number >= (double)GRAMMAR_NO_LIMIT ? GRAMMAR_NO_LIMIT : (uint32_t)number;
    return true;
}
