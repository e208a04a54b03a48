/* SPDX-License-Identifier: Apache-2.0 */
/* response_format, structured_outputs, guided_*, tools -> the request's grammar. */
#include "api/api_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 64
#define SCHEMA_BYTES_MAX GRAMMAR_SOURCE_BYTES_MAX

/* What to compile. At most one of a request's fields asks for it. */
struct structured_source {
    enum { SOURCE_NONE, SOURCE_OBJECT, SOURCE_SCHEMA, SOURCE_REGEX, SOURCE_CHOICE } kind;
    char param[64];           /* the field, for errors */
    const struct json *value; /* the schema, or the array of choices */
    const char *pattern;
};

static octet_status claim(struct request_parse *parse, struct structured_source *source, int kind,
                          const char *param)
{
    if (source->kind != SOURCE_NONE)
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "You can only use one kind of structured outputs constraint but "
                             "multiple are specified: %s and %s",
                             source->param, param);
    source->kind = kind;
    (void)snprintf(source->param, sizeof source->param, "%s", param);
    return OCTET_OK;
}

/* A schema is an object or true, or the text of one. */
static octet_status claim_schema(struct request_parse *parse, struct structured_source *source,
                                 const struct json *schema, const char *param)
{
    RETURN_IF_ERROR(claim(parse, source, SOURCE_SCHEMA, param));
    enum json_type type = json_type(schema);
    if (type != JSON_TYPE_OBJECT && type != JSON_TYPE_STRING && type != JSON_TYPE_BOOL)
        return request_type_error(parse, param, FIELD_IS_OBJECT | FIELD_IS_STRING, schema);
    source->value = schema;
    return OCTET_OK;
}

static octet_status check_format_name(struct request_parse *parse, const struct json *name)
{
    static const char param[] = "response_format.json_schema.name";
    const char *text = json_string(name);
    if (!name)
        return OCTET_OK;
    if (!text)
        return request_type_error(parse, param, FIELD_IS_STRING, name);
    size_t length = strlen(text);
    bool fine = length > 0 && length <= NAME_MAX_LENGTH;
    for (size_t i = 0; fine && i < length; i++)
        fine = isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '-';
    if (fine)
        return OCTET_OK;
    return api_error_set(parse->error, 400, "invalid_value", param,
                         "%s: expected 1 to %d of a-z, A-Z, 0-9, '_' and '-', got \"%.80s\"", param,
                         NAME_MAX_LENGTH, text);
}

static octet_status read_json_schema(struct request_parse *parse, struct structured_source *source)
{
    const struct json *inner = field_get(parse->fields.response_format, "json_schema");
    if (!inner)
        return request_invalid(parse, "response_format.json_schema",
                               "When response_format type is 'json_schema', the 'json_schema' "
                               "field must be provided.");
    if (json_type(inner) != JSON_TYPE_OBJECT)
        return request_type_error(parse, "response_format.json_schema", FIELD_IS_OBJECT, inner);
    RETURN_IF_ERROR(check_format_name(parse, field_get(inner, "name")));
    const struct json *schema = field_get(inner, "schema");
    if (!schema)
        return claim(parse, source, SOURCE_OBJECT, "response_format.json_schema");
    return claim_schema(parse, source, schema, "response_format.json_schema.schema");
}

static octet_status read_format(struct request_parse *parse, struct structured_source *source)
{
    const struct json *format = parse->fields.response_format;
    const char *type = json_string(field_get(format, "type"));
    if (!format)
        return OCTET_OK;
    if (!type)
        return request_type_error(parse, "response_format.type", FIELD_IS_STRING,
                                  json_get(format, "type"));
    if (strcmp(type, "text") == 0)
        return OCTET_OK;
    if (strcmp(type, "json_schema") == 0)
        return read_json_schema(parse, source);
    if (strcmp(type, "json_object") == 0) {
        const struct json *schema = field_get(format, "schema"); /* llama.cpp's spelling */
        return schema ? claim_schema(parse, source, schema, "response_format.schema")
                      : claim(parse, source, SOURCE_OBJECT, "response_format");
    }
    bool tag = strcmp(type, "structural_tag") == 0;
    return api_error_set(parse->error, 400, tag ? "unsupported_parameter" : "invalid_value",
                         "response_format.type",
                         "response_format.type: \"%.40s\" is not supported; expected text, "
                         "json_object or json_schema",
                         type);
}

static octet_status claim_choice(struct request_parse *parse, struct structured_source *source,
                                 const struct json *list, const char *param)
{
    RETURN_IF_ERROR(claim(parse, source, SOURCE_CHOICE, param));
    if (json_type(list) != JSON_TYPE_ARRAY)
        return request_type_error(parse, param, FIELD_IS_ARRAY, list);
    source->value = list;
    return OCTET_OK;
}

static octet_status claim_regex(struct request_parse *parse, struct structured_source *source,
                                const char *pattern, const char *param)
{
    RETURN_IF_ERROR(claim(parse, source, SOURCE_REGEX, param));
    source->pattern = pattern;
    return OCTET_OK;
}

struct structured_outputs {
    const struct json *json, *choice;
    const char *regex;
    bool json_object;
};

#define OUTPUT_AT(member) offsetof(struct structured_outputs, member)
static const struct field output_fields[] = {
    {.name = "choice", .kind = FIELD_ANY, .types = FIELD_IS_ARRAY, .offset = OUTPUT_AT(choice)},
    {.name = "disable_additional_properties", .kind = FIELD_IGNORED},
    {.name = "disable_any_whitespace", .kind = FIELD_IGNORED},
    {.name = "disable_fallback", .kind = FIELD_IGNORED},
    {.name = "grammar",
     .kind = FIELD_REFUSED,
     .rule = "structured_outputs.grammar: grammars in EBNF are not supported; use json, regex or "
             "choice"},
    {.name = "json",
     .kind = FIELD_ANY,
     .types = FIELD_IS_OBJECT | FIELD_IS_STRING | FIELD_TYPE(JSON_TYPE_BOOL),
     .offset = OUTPUT_AT(json)},
    {.name = "json_object", .kind = FIELD_BOOL, .offset = OUTPUT_AT(json_object)},
    {.name = "regex", .kind = FIELD_STRING, .offset = OUTPUT_AT(regex)},
    {.name = "structural_tag",
     .kind = FIELD_REFUSED,
     .rule = "structured_outputs.structural_tag is not supported; use json, regex or choice"},
    {.name = "whitespace_pattern", .kind = FIELD_IGNORED},
};

static octet_status read_outputs(struct request_parse *parse, struct structured_source *source)
{
    const struct json *object = parse->fields.structured_outputs;
    struct structured_outputs outputs = {NULL, NULL, NULL, false};
    struct field_errors errors = {.error = parse->error, .strict = parse->model->strict_requests};
    const struct field_table table = FIELD_TABLE(output_fields);
    if (!object)
        return OCTET_OK;
    fields_read(object, "structured_outputs.", &table, 1, &outputs, &errors);
    if (errors.count)
        return OCTET_INPUT;
    if (outputs.json)
        RETURN_IF_ERROR(claim_schema(parse, source, outputs.json, "structured_outputs.json"));
    if (outputs.regex)
        RETURN_IF_ERROR(claim_regex(parse, source, outputs.regex, "structured_outputs.regex"));
    if (outputs.choice)
        RETURN_IF_ERROR(claim_choice(parse, source, outputs.choice, "structured_outputs.choice"));
    if (outputs.json_object)
        RETURN_IF_ERROR(claim(parse, source, SOURCE_OBJECT, "structured_outputs.json_object"));
    if (source->kind != SOURCE_NONE)
        return OCTET_OK;
    return request_invalid(parse, "structured_outputs",
                           "You must use one kind of structured outputs constraint but none are "
                           "specified: expected json, regex, choice or json_object");
}

static octet_status read_source(struct request_parse *parse, struct structured_source *source)
{
    const struct request_fields *fields = &parse->fields;
    RETURN_IF_ERROR(read_format(parse, source));
    RETURN_IF_ERROR(read_outputs(parse, source));
    if (fields->guided_json)
        RETURN_IF_ERROR(claim_schema(parse, source, fields->guided_json, "guided_json"));
    if (fields->guided_regex)
        RETURN_IF_ERROR(claim_regex(parse, source, fields->guided_regex, "guided_regex"));
    if (fields->guided_choice)
        RETURN_IF_ERROR(claim_choice(parse, source, fields->guided_choice, "guided_choice"));
    return OCTET_OK;
}

static octet_status compile_schema(struct request_parse *parse,
                                   const struct structured_source *source, struct octet_error *err)
{
    size_t size = 0;
    const char *text = json_string_n(source->value, &size);
    struct json *parsed = NULL;
    octet_status status = OCTET_OK;
    if (text)
        status = json_parse_request(text, size, SCHEMA_BYTES_MAX, API_DEPTH_MAX, false,
                                    source->param, &parsed, err);
    if (status == OCTET_OK)
        status =
            grammar_json_schema(parsed ? parsed : source->value, &parse->request->grammar, err);
    json_free(parsed);
    return status;
}

static octet_status compile_choice(struct request_parse *parse,
                                   const struct structured_source *source, struct octet_error *err)
{
    size_t count = json_count(source->value);
    const char **choices = arena_calloc(&parse->owner->arena, count, sizeof *choices);
    size_t *sizes = arena_calloc(&parse->owner->arena, count, sizeof *sizes);
    if (!choices || !sizes)
        return error_memory(err, "choices", count * sizeof *choices);
    for (size_t i = 0; i < count; i++) {
        const struct json *entry = json_at(source->value, i);
        choices[i] = json_string_n(entry, &sizes[i]);
        if (!choices[i])
            return error_set(err, OCTET_INPUT, "%s.%zu: expected string, got %s", source->param, i,
                             json_type_name(json_type(entry)));
    }
    return grammar_choice(choices, sizes, count, &parse->request->grammar, err);
}

static octet_status compile(struct request_parse *parse, const struct structured_source *source)
{
    struct octet_error err = {.status = OCTET_OK};
    struct grammar **out = &parse->request->grammar;
    octet_status status = OCTET_OK;
    switch (source->kind) {
    case SOURCE_NONE:
        break;
    case SOURCE_OBJECT:
        status = grammar_json_object(out, &err);
        break;
    case SOURCE_SCHEMA:
        status = compile_schema(parse, source, &err);
        break;
    case SOURCE_REGEX:
        status = grammar_regex(source->pattern, strlen(source->pattern), out, &err);
        break;
    case SOURCE_CHOICE:
        status = compile_choice(parse, source, &err);
        break;
    }
    return status == OCTET_OK ? OCTET_OK : request_parse_from(parse, source->param, &err);
}

static octet_status compile_tools(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    struct octet_error err = {.status = OCTET_OK};
    bool many = request->tool_mode == TOOL_MODE_REQUIRED && request->rules.parallel_tool_calls;
    octet_status status =
        grammar_tool_calls(parse->tools, parse->forced_tool, many, &request->grammar, &err);
    return status == OCTET_OK ? OCTET_OK : request_parse_from(parse, "tools", &err);
}

/*
 * A grammar of the answer waits for "</think>" when the model is going to think: the prompt is
 * inside "<think>", or the template has the switch and it is not off, so that the model opens
 * "<think>" itself.
 */
static enum constraint_start answer_start(const struct request_parse *parse)
{
    const struct output_rules *rules = &parse->request->rules;
    const char *source = parse->model->template_source;
    if (rules->reasoning == REASONING_NONE || rules->start == REASONING_CLOSED)
        return CONSTRAINT_AT_ONCE;
    if (rules->start == REASONING_OPEN)
        return CONSTRAINT_AFTER_THINKING;
    return source && strstr(source, "enable_thinking") ? CONSTRAINT_AFTER_THINKING
                                                       : CONSTRAINT_AT_ONCE;
}

octet_status structured_fields_apply(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    struct structured_source source = {.kind = SOURCE_NONE};
    bool forced = request->tool_mode == TOOL_MODE_REQUIRED || request->tool_mode == TOOL_MODE_NAMED;
    RETURN_IF_ERROR(read_source(parse, &source));
    if (source.kind != SOURCE_NONE && request->tool_mode == TOOL_MODE_NAMED)
        return request_invalid(parse, source.param,
                               "You can only either use constraints for structured outputs or "
                               "tools, not both.");
    bool lazy = request->tool_mode == TOOL_MODE_AUTO && request->rules.tools == TOOLS_HERMES;
    bool needed = forced || source.kind != SOURCE_NONE || request->thinking_budget >= 0;
    if (needed && !parse->model->vocab)
        return api_error_set(parse->error, 400, "unsupported_parameter",
                             forced            ? "tool_choice"
                             : source.param[0] ? source.param
                                               : "thinking_token_budget",
                             "Structured output is not available for this model.");
    request->grammar_start = answer_start(parse);
    if (forced)
        return compile_tools(parse);
    if (source.kind != SOURCE_NONE)
        return compile(parse, &source);
    if (!lazy || !parse->model->vocab)
        return OCTET_OK;
    request->grammar_start = CONSTRAINT_IN_TOOL_CALLS;
    return compile_tools(parse);
}
