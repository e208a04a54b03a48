/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/schema_build.h"

#include <stdlib.h>
#include <string.h>

struct property {
    const char *name;
    size_t size;
    const struct json *schema; /* NULL: any value */
    bool required;
};

struct object_plan {
    struct property *properties;
    size_t count;
    const struct json *additional; /* schema of further properties; NULL: any value */
    bool open;                     /* there may be further properties */
};

static int compare_names(const void *left, const void *right)
{
    const struct grammar_literal *a = left, *b = right;
    size_t common = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->text, b->text, common);
    if (order)
        return order;
    return a->size < b->size ? -1 : a->size > b->size;
}

/*
 * "additionalProperties": true or a schema opens the object, false closes it. Without it, an object
 * with "properties" is closed (as OpenAI's strict mode and vLLM have it), one without is open.
 */
static bool read_additional(struct schema_work *work, const struct json *schema,
                            const struct schema_path *path, struct object_plan *plan)
{
    const struct json *additional = json_get(schema, "additionalProperties");
    enum json_type type = json_type(additional);
    if (additional && type != JSON_TYPE_BOOL && type != JSON_TYPE_OBJECT) {
        schema_refuse(work, path, OCTET_INPUT,
                      "'additionalProperties' must be a boolean or a schema, found %s",
                      json_type_name(type));
        return false;
    }
    plan->additional = type == JSON_TYPE_OBJECT ? additional : NULL;
    plan->open = additional ? type == JSON_TYPE_OBJECT || json_bool(additional, false)
                            : !json_get(schema, "properties");
    return true;
}

/* The list of required names, sorted; NULL after an error. */
static struct grammar_literal *sort_required(struct schema_work *work, const struct json *required,
                                             const struct schema_path *path)
{
    size_t count = json_count(required);
    struct grammar_literal *names = arena_calloc(&work->arena, count + 1, sizeof *names);
    if (!names) {
        schema_refuse_memory(work);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        names[i].text = json_string_n(json_at(required, i), &names[i].size);
        if (!names[i].text) {
            schema_refuse(work, path, OCTET_INPUT, "'required' must be a list of strings");
            return NULL;
        }
    }
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
    return names;
}

/* Names that are required and not described have the schema of additional properties. */
static bool read_required(struct schema_work *work, const struct json *schema,
                          const struct schema_path *path, struct object_plan *plan)
{
    const struct json *required = json_get(schema, "required");
    const struct json *properties = json_get(schema, "properties");
    size_t count = json_count(required);
    if (required && json_type(required) != JSON_TYPE_ARRAY) {
        schema_refuse(work, path, OCTET_INPUT, "'required' must be a list of strings");
        return false;
    }
    struct grammar_literal *names = sort_required(work, required, path);
    if (!names)
        return false;
    for (size_t i = 0; i < plan->count && count; i++) {
        struct property *property = &plan->properties[i];
        struct grammar_literal name = {.text = property->name, .size = property->size};
        property->required = bsearch(&name, names, count, sizeof *names, compare_names) != NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!json_get_n(properties, names[i].text, names[i].size) &&
            (i == 0 || compare_names(&names[i - 1], &names[i]) != 0))
            plan->properties[plan->count++] = (struct property){
                names[i].text, names[i].size, json_get(schema, "additionalProperties"), true};
    return true;
}

static bool read_plan(struct schema_work *work, const struct json *schema,
                      const struct schema_path *path, struct object_plan *plan)
{
    const struct json *properties = json_get(schema, "properties");
    if (properties && json_type(properties) != JSON_TYPE_OBJECT) {
        schema_refuse(work, path, OCTET_INPUT, "'properties' must be an object");
        return false;
    }
    size_t most = json_count(properties) + json_count(json_get(schema, "required"));
    *plan = (struct object_plan){.count = 0};
    plan->properties = arena_calloc(&work->arena, most + 1, sizeof *plan->properties);
    if (!plan->properties) {
        schema_refuse_memory(work);
        return false;
    }
    for (struct json_iter it = json_iter(properties); json_next(&it);)
        plan->properties[plan->count++] = (struct property){it.key, it.key_length, it.value, false};
    return read_additional(work, schema, path, plan) && read_required(work, schema, path, plan);
}

/* The names in the spelling that additional names must not have. */
static struct grammar_literal *spell_names(struct schema_work *work, const struct object_plan *plan)
{
    struct grammar_literal *names = arena_calloc(&work->arena, plan->count + 1, sizeof *names);
    for (size_t i = 0; names && i < plan->count; i++) {
        struct buffer out;
        buffer_init(&out, (size_t)8 * GRAMMAR_SOURCE_BYTES_MAX);
        bool ok = grammar_escape(&out, plan->properties[i].name, plan->properties[i].size);
        names[i].size = out.size;
        names[i].text = ok ? arena_strndup(&work->arena, buffer_text(&out), out.size) : NULL;
        buffer_free(&out);
        if (!names[i].text)
            names = NULL;
    }
    if (!names)
        schema_refuse_memory(work);
    return names;
}

static uint32_t build_additional(struct schema_work *work, const struct object_plan *plan,
                                 const struct schema_path *path, unsigned depth, uint32_t next)
{
    struct grammar_literal *names = spell_names(work, plan);
    if (!names)
        return 0;
    struct schema_path inner = {.parent = path, .key = "additionalProperties"};
    uint32_t value = plan->additional
                         ? schema_build(work, plan->additional, &inner, depth + 1, next)
                         : grammar_add_shared(work->builder, SHARED_VALUE, next);
    return grammar_add_other_name(work->builder, names, plan->count,
                                  grammar_add_colon(work->builder, value));
}

static uint32_t build_property(struct schema_work *work, const struct property *property,
                               const struct schema_path *path, unsigned depth, uint32_t next)
{
    struct schema_path list = {.parent = path, .key = "properties"};
    struct schema_path inner = {.parent = &list, .key = property->name};
    uint32_t value = property->schema
                         ? schema_build(work, property->schema, &inner, depth + 1, next)
                         : grammar_add_shared(work->builder, SHARED_VALUE, next);
    return grammar_add_quoted(work->builder, property->name, property->size,
                              grammar_add_colon(work->builder, value));
}

static uint32_t add_comma(struct schema_work *work, uint32_t next)
{
    return grammar_add_byte(work->builder, ',', grammar_add_space(work->builder, next));
}

/*
 * Properties in the schema's order, from the last to the first. `first` is the state before
 * property i when none has been said yet, `later` when some have. An optional property may be left
 * out in both.
 */
uint32_t schema_build_object(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, unsigned depth, uint32_t next)
{
    struct grammar_builder *builder = work->builder;
    struct object_plan plan;
    if (!read_plan(work, schema, path, &plan))
        return 0;
    uint32_t close = grammar_add_byte(builder, '}', next);
    uint32_t first = close, later = grammar_add_space(builder, close);
    if (plan.open) {
        uint32_t again = grammar_add_open_split(builder, 2);
        uint32_t more = build_additional(work, &plan, path, depth, again);
        grammar_set_target(builder, again, 0, add_comma(work, more));
        grammar_set_target(builder, again, 1, later);
        first = grammar_add_either(builder, more, close);
        later = again;
    }
    for (size_t i = plan.count; i-- > 0 && builder->status == OCTET_OK;) {
        const struct property *property = &plan.properties[i];
        uint32_t said = build_property(work, property, path, depth, later);
        uint32_t behind = add_comma(work, said);
        first = property->required ? said : grammar_add_either(builder, said, first);
        later = property->required ? behind : grammar_add_either(builder, behind, later);
    }
    return grammar_add_byte(builder, '{', grammar_add_space(builder, first));
}
