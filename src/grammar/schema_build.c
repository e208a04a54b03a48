/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/schema_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append_path(struct buffer *out, const struct schema_path *path, unsigned depth)
{
    if (path->parent && depth < 4 * GRAMMAR_DEPTH_MAX)
        append_path(out, path->parent, depth + 1);
    if (path->key)
        buffer_printf(out, "%s%.200s", path->parent ? "." : "", path->key);
    else
        buffer_printf(out, "[%zu]", path->index);
}

const char *schema_path_text(struct schema_work *work, const struct schema_path *path)
{
    struct buffer out;
    buffer_init(&out, 4096);
    append_path(&out, path, 0);
    const char *text = arena_strndup(&work->arena, buffer_text(&out), out.size);
    buffer_free(&out);
    return text;
}

uint32_t schema_refuse(struct schema_work *work, const struct schema_path *path,
                       octet_status status, const char *format, ...)
{
    char message[512];
    struct buffer out;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    buffer_init(&out, 4096);
    append_path(&out, path, 0);
    grammar_fail(work->builder, status, "%s: %s", buffer_text(&out), message);
    buffer_free(&out);
    return 0;
}

uint32_t schema_refuse_memory(struct schema_work *work)
{
    if (work->arena.used + 65536 > work->arena.limit)
        return grammar_fail(work->builder, OCTET_LIMIT,
                            "%s: needs more than %u MiB to prepare, the most allowed", work->name,
                            SCHEMA_MEMORY_MAX >> 20);
    return grammar_fail_memory(work->builder, "schema", work->arena.used);
}

/* The rule of a referenced schema; it is built later, from the list. */
static bool find_rule(struct schema_work *work, const struct json *target, const char *path,
                      uint32_t *rule)
{
    for (size_t i = 0; i < work->rule_count; i++)
        if (work->rules[i].target == target) {
            *rule = work->rules[i].rule;
            return true;
        }
    if (work->rule_count == work->rule_capacity) {
        size_t capacity = work->rule_capacity ? 2 * work->rule_capacity : 16;
        struct schema_rule *rules = realloc(work->rules, capacity * sizeof *rules);
        if (!rules) {
            grammar_fail_memory(work->builder, "schema", capacity * sizeof *rules);
            return false;
        }
        work->rules = rules;
        work->rule_capacity = capacity;
    }
    *rule = grammar_add_rule(work->builder);
    work->rules[work->rule_count++] = (struct schema_rule){target, path, *rule};
    return work->builder->status == OCTET_OK;
}

static int hex_value(char digit)
{
    const char *all = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit ? strchr(all, digit) : NULL;
    return found ? (int)((found - all) & 15) : -1;
}

/* One token of a JSON pointer in a URI fragment: %xx, ~0, ~1. */
static void decode_token(const char *token, size_t size, struct buffer *out)
{
    for (size_t i = 0; i < size; i++) {
        if (token[i] == '%' && i + 2 < size && hex_value(token[i + 1]) >= 0 &&
            hex_value(token[i + 2]) >= 0) {
            buffer_append_char(out, (char)(hex_value(token[i + 1]) * 16 + hex_value(token[i + 2])));
            i += 2;
        } else if (token[i] == '~' && i + 1 < size &&
                   (token[i + 1] == '0' || token[i + 1] == '1')) {
            buffer_append_char(out, token[++i] == '0' ? '~' : '/');
        } else {
            buffer_append_char(out, token[i]);
        }
    }
}

static const struct json *descend(const struct json *at, const char *key, size_t size)
{
    if (json_type(at) == JSON_TYPE_OBJECT)
        return json_get_n(at, key, size);
    size_t index = 0;
    for (size_t i = 0; i < size; i++) {
        if (key[i] < '0' || key[i] > '9' || index > 1000000)
            return NULL;
        index = index * 10 + (size_t)(key[i] - '0');
    }
    return size ? json_at(at, index) : NULL;
}

/* What "#/a/b" leads to, and its path for messages; NULL: nothing (or out of memory). */
static const struct json *resolve(struct schema_work *work, const char *reference,
                                  const char **path)
{
    const struct json *at = work->root;
    struct buffer shown, key;
    buffer_init(&shown, 4096);
    buffer_init(&key, GRAMMAR_SOURCE_BYTES_MAX);
    buffer_append_str(&shown, work->name);
    for (const char *token = reference + 1; *token == '/' && at;) {
        size_t size = strcspn(++token, "/");
        buffer_clear(&key);
        decode_token(token, size, &key);
        at = descend(at, buffer_text(&key), key.size);
        buffer_printf(&shown, ".%s", buffer_text(&key));
        token += size;
    }
    *path = arena_strndup(&work->arena, buffer_text(&shown), shown.size);
    if (buffer_failed(&key) || !*path) {
        schema_refuse_memory(work);
        at = NULL;
    }
    buffer_free(&key);
    buffer_free(&shown);
    return at;
}

static uint32_t build_reference(struct schema_work *work, const struct json *schema,
                                const struct schema_path *path, uint32_t next)
{
    const char *reference = json_string(json_get(schema, "$ref"));
    const char *shown;
    uint32_t rule;
    if (!schema_keywords_alone(work, schema, path, "$ref", false))
        return 0;
    if (!reference)
        return schema_refuse(work, path, OCTET_INPUT, "'$ref' must be a string");
    if (reference[0] != '#' || (reference[1] && reference[1] != '/'))
        return schema_refuse(work, path, OCTET_UNSUPPORTED,
                             "'$ref' \"%.200s\" is not supported; only \"#\" and \"#/...\" are",
                             reference);
    const struct json *target = resolve(work, reference, &shown);
    if (!target)
        return schema_refuse(work, path, OCTET_INPUT, "'$ref' \"%.200s\" leads nowhere", reference);
    if (!find_rule(work, target, shown, &rule))
        return 0;
    return grammar_add_call(work->builder, rule, next);
}

/* anyOf, oneOf: any of them; which of several holds is not checked. allOf: only of one. */
static uint32_t build_combination(struct schema_work *work, const struct json *schema,
                                  const struct schema_path *path, const char *keyword,
                                  unsigned depth, uint32_t next)
{
    const struct json *list = json_get(schema, keyword);
    size_t count = json_count(list);
    struct schema_path inner = {.parent = path, .key = keyword};
    if (!schema_keywords_alone(work, schema, path, keyword, false))
        return 0;
    if (json_type(list) != JSON_TYPE_ARRAY || count == 0)
        return schema_refuse(work, path, OCTET_INPUT, "'%s' must be a list with entries", keyword);
    if (strcmp(keyword, "allOf") == 0 && count > 1)
        return schema_refuse(work, path, OCTET_UNSUPPORTED,
                             "'allOf' of %zu entries is not supported; only of one", count);
    uint32_t split = grammar_add_open_split(work->builder, count);
    for (size_t i = 0; i < count && work->builder->status == OCTET_OK; i++) {
        struct schema_path entry = {.parent = &inner, .index = i};
        uint32_t way = schema_build(work, json_at(list, i), &entry, depth + 1, next);
        grammar_set_target(work->builder, split, i, way);
    }
    return split;
}

static uint32_t build_type(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path, enum json_type type, unsigned depth,
                           uint32_t next)
{
    struct grammar_builder *builder = work->builder;
    switch (type) {
    case JSON_TYPE_NULL:
        return grammar_add_literal(builder, "null", 4, next);
    case JSON_TYPE_BOOL:
        return grammar_add_either(builder, grammar_add_literal(builder, "true", 4, next),
                                  grammar_add_literal(builder, "false", 5, next));
    case JSON_TYPE_INTEGER:
        return schema_build_number(work, schema, path, true, next);
    case JSON_TYPE_REAL:
        return schema_build_number(work, schema, path, false, next);
    case JSON_TYPE_STRING:
        return schema_build_string(work, schema, path, next);
    case JSON_TYPE_ARRAY:
        return schema_build_array(work, schema, path, depth, next);
    default:
        return schema_build_object(work, schema, path, depth, next);
    }
}

static uint32_t build_types(struct schema_work *work, const struct json *schema,
                            const struct schema_path *path, unsigned depth, uint32_t next)
{
    unsigned types;
    uint32_t ways[JSON_TYPE_OBJECT + 1];
    size_t count = 0;
    if (!schema_types(work, schema, path, &types))
        return 0;
    if (!types)
        return grammar_add_shared(work->builder, SHARED_VALUE, next);
    if (types & 1u << JSON_TYPE_REAL)
        types &= ~(1u << JSON_TYPE_INTEGER);
    for (int type = JSON_TYPE_NULL; type <= JSON_TYPE_OBJECT; type++)
        if (types >> type & 1)
            ways[count++] = build_type(work, schema, path, (enum json_type)type, depth, next);
    return grammar_add_split(work->builder, ways, count);
}

uint32_t schema_build(struct schema_work *work, const struct json *schema,
                      const struct schema_path *path, unsigned depth, uint32_t next)
{
    static const char *const combinations[] = {"anyOf", "oneOf", "allOf"};
    if (work->builder->status != OCTET_OK)
        return 0;
    if (depth > GRAMMAR_DEPTH_MAX)
        return schema_refuse(work, path, OCTET_LIMIT,
                             "the schema is nested deeper than %d levels, the most allowed",
                             GRAMMAR_DEPTH_MAX);
    if (json_type(schema) == JSON_TYPE_BOOL)
        return json_bool(schema, false) ? grammar_add_shared(work->builder, SHARED_VALUE, next)
                                        : grammar_add_open_bytes(work->builder);
    if (json_type(schema) != JSON_TYPE_OBJECT)
        return schema_refuse(work, path, OCTET_INPUT,
                             "a schema is an object or a boolean, found %s",
                             json_type_name(json_type(schema)));
    if (!schema_keywords_check(work, schema, path))
        return 0;
    if (json_get(schema, "$ref"))
        return build_reference(work, schema, path, next);
    if (json_get(schema, "enum") || json_get(schema, "const"))
        return schema_build_enum(work, schema, path, next);
    for (size_t i = 0; i < 3; i++)
        if (json_get(schema, combinations[i]))
            return build_combination(work, schema, path, combinations[i], depth, next);
    return build_types(work, schema, path, depth, next);
}

/* A schema whose text is far beyond what its nodes could be is not looked at. */
static bool check_size(struct schema_work *work)
{
    struct buffer text;
    buffer_init(&text, SCHEMA_MEMORY_MAX);
    bool ok = json_dump(work->root, 0, &text);
    size_t size = text.size;
    buffer_free(&text);
    if (!ok)
        grammar_fail_memory(work->builder, "schema", size);
    else if (size > GRAMMAR_SOURCE_BYTES_MAX)
        grammar_fail(work->builder, OCTET_LIMIT, "%s: %zu bytes; at most %d are allowed",
                     work->name, size, GRAMMAR_SOURCE_BYTES_MAX);
    return work->builder->status == OCTET_OK;
}

uint32_t grammar_add_schema(struct grammar_builder *builder, const struct json *schema,
                            const char *name, uint32_t next)
{
    struct schema_work work = {.builder = builder, .root = schema, .name = name};
    uint32_t rule, entry = 0;
    if (builder->status != OCTET_OK)
        return 0;
    arena_init(&work.arena, SCHEMA_MEMORY_MAX);
    if (check_size(&work) && find_rule(&work, schema, name, &rule))
        entry = grammar_add_call(builder, rule, next);
    for (size_t i = 0; i < work.rule_count && builder->status == OCTET_OK; i++) {
        struct schema_path path = {.key = work.rules[i].path};
        rule = work.rules[i].rule;
        grammar_set_rule(builder, rule, schema_build(&work, work.rules[i].target, &path, 0, 0));
    }
    free(work.rules);
    arena_free(&work.arena);
    return builder->status == OCTET_OK ? entry : 0;
}

octet_status grammar_json_schema(const struct json *schema, struct grammar **out,
                                 struct octet_error *err)
{
    struct grammar_builder builder;
    grammar_builder_init(&builder, err);
    uint32_t start = grammar_add_schema(&builder, schema, "schema", 0);
    octet_status status = grammar_builder_finish(&builder, start, 0, out);
    if (builder.unsatisfied)
        return error_set(err, status,
                         "schema: no text can satisfy it (a required part is impossible, or a $ref "
                         "leads only to itself)");
    return status;
}
