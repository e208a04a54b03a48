/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, numbers, and values that are listed. */
#include "grammar/schema_build.h"

#include <string.h>

#include "grammar/grammar_regex.h"

#define YEAR "(000[1-9]|00[1-9]\\d|0[1-9]\\d{2}|[1-9]\\d{3})"
/* The 29th of February is left out: whether it exists depends on the year. */
#define DATE                                                                                       \
    YEAR "-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|"              \
         "02-(0[1-9]|1\\d|2[0-8]))"
#define TIME "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define SPAN "T(\\d{1,4}H(\\d{1,4}M(\\d{1,4}S)?)?|\\d{1,4}M(\\d{1,4}S)?|\\d{1,4}S)"
#define HEX4 "[0-9a-fA-F]{1,4}"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define URI_REST "([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
#define BYTE "(25[0-5]|2[0-4]\\d|1\\d{2}|[1-9]?\\d)"

/* Formats of JSON schema 2020-12 (RFC 3339, 4122, 5321, 1123, 2673, 4291, 3986), in part. An empty
 * pattern: says nothing about the text. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", DATE},
    {"time", TIME},
    {"date-time", DATE "T" TIME},
    {"duration", "P(\\d{1,4}W|(\\d{1,4}Y(\\d{1,4}M(\\d{1,4}D)?)?|\\d{1,4}M(\\d{1,4}D)?|\\d{1,4}D)"
                 "(" SPAN ")?|" SPAN ")"},
    {"uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"},
    {"email", "[A-Za-z0-9_%+-]{1,64}(\\.[A-Za-z0-9_%+-]{1,64})*@(" LABEL "\\.)+[A-Za-z]{2,24}"},
    {"hostname", LABEL "(\\." LABEL ")*"},
    {"ipv4", BYTE "(\\." BYTE "){3}"},
    {"ipv6", "(" HEX4 ":){7}" HEX4 "|(" HEX4 ":){1,7}:|(" HEX4 ":){1,6}:" HEX4 "|(" HEX4
             ":){1,5}(:" HEX4 "){2}|(" HEX4 ":){1,4}(:" HEX4 "){3}|(" HEX4 ":){1,3}(:" HEX4
             "){4}|(" HEX4 ":){1,2}(:" HEX4 "){5}|" HEX4 ":(:" HEX4 "){6}|:(:" HEX4 "){1,7}|::"},
    {"uri",
     "[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._~-]+(:\\d{1,5})?([/?]" URI_REST ")?(#" URI_REST ")?"},
    {"password", ""},
    {"binary", ""},
    {"byte", ""},
    {"path", ""},
    {"file-path", ""},
    {"directory-path", ""},
};

/* *pattern: NULL without a format that says something. */
static bool find_format(struct schema_work *work, const struct json *schema,
                        const struct schema_path *path, const char **pattern)
{
    const struct json *format = json_get(schema, "format");
    const char *name = json_string(format);
    *pattern = NULL;
    if (!format)
        return true;
    for (size_t i = 0; name && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0) {
            *pattern = formats[i].pattern[0] ? formats[i].pattern : NULL;
            return true;
        }
    if (name)
        schema_refuse(work, path, OCTET_UNSUPPORTED, "keyword 'format' \"%.100s\" is not supported",
                      name);
    else
        schema_refuse(work, path, OCTET_INPUT, "'format' must be a string");
    return false;
}

/* The message of a pattern gets the path. */
static uint32_t add_pattern(struct schema_work *work, const struct schema_path *path,
                            const char *pattern, size_t size, bool search, uint32_t min,
                            uint32_t max, uint32_t next)
{
    struct grammar_builder *builder = work->builder;
    uint32_t entry =
        grammar_add_regex(builder, pattern, size, REGEX_JSON_BODY, search, min, max, next);
    if (builder->status != OCTET_OK && builder->status != OCTET_MEMORY) {
        const char *text = schema_path_text(work, path);
        builder->status =
            error_prefix(builder->err, builder->status, "%s", text ? text : work->name);
        return 0;
    }
    return grammar_add_byte(builder, '"', entry);
}

uint32_t schema_build_string(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, uint32_t next)
{
    uint32_t min = 0, max = GRAMMAR_NO_LIMIT;
    const char *format;
    const struct json *pattern = json_get(schema, "pattern");
    size_t size;
    const char *text = json_string_n(pattern, &size);
    if (!schema_size(work, schema, path, "minLength", &min) ||
        !schema_size(work, schema, path, "maxLength", &max) ||
        !find_format(work, schema, path, &format))
        return 0;
    if (min >= SCHEMA_LENGTH_MAX)
        return schema_refuse(work, path, OCTET_LIMIT, "'minLength' is %u; at most %d is allowed",
                             min, SCHEMA_LENGTH_MAX - 1);
    if (max >= SCHEMA_LENGTH_MAX)
        max = GRAMMAR_NO_LIMIT;
    if (pattern && !text)
        return schema_refuse(work, path, OCTET_INPUT, "'pattern' must be a string");
    if (pattern && format)
        return schema_refuse(work, path, OCTET_UNSUPPORTED,
                             "keyword 'pattern' beside 'format' is not supported");
    if (min > max)
        return grammar_add_open_bytes(work->builder);
    if (pattern)
        return add_pattern(work, path, text, size, true, min, max, next);
    if (format)
        return add_pattern(work, path, format, strlen(format), false, min, max, next);
    return grammar_add_string(work->builder, min, max, next);
}

static bool is_number(const struct json *value)
{
    enum json_type type = json_type(value);
    return type == JSON_TYPE_INTEGER || type == JSON_TYPE_BIG_INTEGER || type == JSON_TYPE_REAL;
}

static bool read_bound(struct schema_work *work, const struct json *schema,
                       const struct schema_path *path, const char *keyword,
                       const struct json **value)
{
    *value = json_get(schema, keyword);
    if (!*value || is_number(*value))
        return true;
    schema_refuse(work, path, OCTET_INPUT, "'%s' must be a number, found %s", keyword,
                  json_type_name(json_type(*value)));
    return false;
}

uint32_t schema_build_number(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, bool integer, uint32_t next)
{
    const struct json *above, *below;
    struct grammar_bounds bounds = {.integer = integer};
    if (!read_bound(work, schema, path, "minimum", &bounds.min) ||
        !read_bound(work, schema, path, "maximum", &bounds.max) ||
        !read_bound(work, schema, path, "exclusiveMinimum", &above) ||
        !read_bound(work, schema, path, "exclusiveMaximum", &below))
        return 0;
    if (above && (!bounds.min || json_number(above, 0) >= json_number(bounds.min, 0))) {
        bounds.min = above;
        bounds.min_exclusive = true;
    }
    if (below && (!bounds.max || json_number(below, 0) <= json_number(bounds.max, 0))) {
        bounds.max = below;
        bounds.max_exclusive = true;
    }
    if (!bounds.min && !bounds.max)
        return grammar_add_shared(work->builder, integer ? SHARED_INTEGER : SHARED_NUMBER, next);
    return grammar_add_bounded(work->builder, &bounds, next);
}

static bool has_type(const struct json *value, unsigned types)
{
    enum json_type type = json_type(value);
    if (type == JSON_TYPE_BIG_INTEGER)
        type = JSON_TYPE_INTEGER;
    if (type == JSON_TYPE_REAL && !(types >> JSON_TYPE_REAL & 1)) {
        double number = json_number(value, 0);
        return (types >> JSON_TYPE_INTEGER & 1) && number < 1e15 && number > -1e15 &&
               number == (double)(int64_t)number;
    }
    return !types || types >> type & 1;
}

/* The text of a scalar as it stands in JSON, in the arena. */
static bool spell_scalar(struct schema_work *work, const struct json *value,
                         struct grammar_literal *literal)
{
    struct buffer out;
    size_t size;
    const char *text = json_string_n(value, &size);
    buffer_init(&out, (size_t)8 * GRAMMAR_SOURCE_BYTES_MAX);
    if (text) {
        buffer_append_char(&out, '"');
        grammar_escape(&out, text, size);
        buffer_append_char(&out, '"');
    } else {
        json_dump(value, 0, &out);
    }
    literal->text = arena_strndup(&work->arena, buffer_text(&out), out.size);
    literal->size = out.size;
    bool ok = literal->text && !buffer_failed(&out);
    buffer_free(&out);
    if (!ok)
        schema_refuse_memory(work);
    return ok;
}

/* Scalars share a trie; arrays and objects are ways of their own. */
static uint32_t build_values(struct schema_work *work, const struct json *const *values,
                             size_t count, unsigned types, uint32_t next)
{
    struct grammar_literal *literals = arena_calloc(&work->arena, count + 1, sizeof *literals);
    uint32_t *ways = arena_calloc(&work->arena, count + 1, sizeof *ways);
    size_t literal_count = 0, way_count = 0;
    if (!literals || !ways)
        return schema_refuse_memory(work);
    for (size_t i = 0; i < count && work->builder->status == OCTET_OK; i++) {
        enum json_type type = json_type(values[i]);
        if (!has_type(values[i], types))
            continue;
        if (type == JSON_TYPE_ARRAY || type == JSON_TYPE_OBJECT) {
            ways[way_count++] = grammar_add_value(work->builder, values[i], 0, next);
        } else {
            literals[literal_count].next = next;
            if (!spell_scalar(work, values[i], &literals[literal_count++]))
                return 0;
        }
    }
    if (literal_count)
        ways[way_count++] = grammar_add_literals(work->builder, literals, literal_count);
    return way_count ? grammar_add_split(work->builder, ways, way_count)
                     : grammar_add_open_bytes(work->builder);
}

uint32_t schema_build_enum(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path, uint32_t next)
{
    const struct json *constant = json_get(schema, "const"), *list = json_get(schema, "enum");
    unsigned types;
    if (!schema_keywords_alone(work, schema, path, constant ? "const" : "enum", true) ||
        !schema_types(work, schema, path, &types))
        return 0;
    if (constant)
        return build_values(work, &constant, 1, types, next);
    size_t count = json_count(list);
    if (json_type(list) != JSON_TYPE_ARRAY || count == 0)
        return schema_refuse(work, path, OCTET_INPUT, "'enum' must be a list with entries");
    const struct json **values = arena_calloc(&work->arena, count, sizeof *values);
    if (!values)
        return schema_refuse_memory(work);
    for (size_t i = 0; i < count; i++)
        values[i] = json_at(list, i);
    return build_values(work, values, count, types, next);
}
