/* SPDX-License-Identifier: Apache-2.0 */
/* tools, tool_choice, parallel_tool_calls. */
#include "api/api_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH 64
#define CHOICE_USAGE                                                                               \
    "Correct usage: `{\"type\": \"function\", \"function\": {\"name\": \"my_function\"}}`"

static octet_status check_name(struct request_parse *parse, const struct json *name,
                               const char *param)
{
    const char *text = json_string(name);
    size_t length = text ? strlen(text) : 0;
    if (!text)
        return request_type_error(parse, param, FIELD_IS_STRING, name);
    bool fine = length > 0 && length <= NAME_MAX_LENGTH;
    for (size_t i = 0; fine && i < length; i++)
        fine = isalnum((unsigned char)text[i]) || strchr("_-.", text[i]);
    if (fine)
        return OCTET_OK;
    return api_error_set(parse->error, 400, "invalid_value", param,
                         "%s: expected 1 to %d letters, digits, '_', '-' or '.', got \"%.80s\"",
                         param, NAME_MAX_LENGTH, text);
}

static octet_status check_tool(struct request_parse *parse, const struct json *tool, size_t index)
{
    char param[64];
    (void)snprintf(param, sizeof param, "tools.%zu", index);
    if (json_type(tool) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_OBJECT, tool);
    const struct json *type = field_get(tool, "type");
    const struct json *function = field_get(tool, "function");
    (void)snprintf(param, sizeof param, "tools.%zu.type", index);
    if (type && !json_string(type))
        return request_type_error(parse, param, FIELD_IS_STRING, type);
    if (type && strcmp(json_string(type), "function") != 0)
        return api_error_set(parse->error, 400, "unsupported_parameter", param,
                             "%s: tools of type \"%.40s\" are not supported, only \"function\"",
                             param, json_string(type));
    (void)snprintf(param, sizeof param, "tools.%zu.function", index);
    if (json_type(function) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_OBJECT, function);
    (void)snprintf(param, sizeof param, "tools.%zu.function.name", index);
    RETURN_IF_ERROR(check_name(parse, field_get(function, "name"), param));
    const struct json *description = field_get(function, "description");
    (void)snprintf(param, sizeof param, "tools.%zu.function.description", index);
    if (description && !json_string(description))
        return request_type_error(parse, param, FIELD_IS_STRING, description);
    const struct json *parameters = field_get(function, "parameters");
    (void)snprintf(param, sizeof param, "tools.%zu.function.parameters", index);
    if (parameters && json_type(parameters) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_OBJECT, parameters);
    return OCTET_OK;
}

static const char *tool_name(const struct json *tool)
{
    return json_string(json_get(json_get(tool, "function"), "name"));
}

static const struct json *find_tool(const struct json *tools, const char *name)
{
    for (size_t i = 0; name && i < json_count(tools); i++) {
        const struct json *tool = json_at(tools, i);
        if (strcmp(tool_name(tool), name) == 0)
            return tool;
    }
    return NULL;
}

static octet_status check_tools(struct request_parse *parse)
{
    const struct json *tools = parse->fields.tools;
    if (!tools)
        return OCTET_OK;
    if (json_count(tools) == 0)
        return request_invalid(parse, "tools",
                               "`tools` must not be an empty array. Either provide at least one "
                               "tool or omit the field entirely.");
    if (json_count(tools) > API_TOOLS_MAX)
        return api_error_set(parse->error, 400, "invalid_value", "tools",
                             "tools has %zu entries; at most %d are allowed", json_count(tools),
                             API_TOOLS_MAX);
    for (size_t i = 0; i < json_count(tools); i++)
        RETURN_IF_ERROR(check_tool(parse, json_at(tools, i), i));
    parse->tools = json_share(tools);
    return OCTET_OK;
}

static octet_status no_such_tool(struct request_parse *parse)
{
    return request_invalid(
        parse, "tool_choice",
        "The tool specified in `tool_choice` does not match any of the specified `tools`");
}

/* {"type": "function", "function": {"name": "x"}} */
static octet_status choose_named(struct request_parse *parse, const struct json *choice)
{
    const struct json *function = field_get(choice, "function");
    const struct json *name = field_get(function, "name");
    if (json_type(function) != JSON_TYPE_OBJECT)
        return request_invalid(parse, "tool_choice.function",
                               "Invalid value for `function` in `tool_choice`! " CHOICE_USAGE);
    if (!name)
        return request_invalid(
            parse, "tool_choice.function.name",
            "Expected field `name` in `function` in `tool_choice`! " CHOICE_USAGE);
    if (!json_string(name) || !json_string(name)[0])
        return request_invalid(parse, "tool_choice.function.name",
                               "Invalid `name` in `function` in `tool_choice`! " CHOICE_USAGE);
    if (!find_tool(parse->tools, json_string(name)))
        return no_such_tool(parse);
    parse->forced_tool = json_string(name);
    parse->request->tool_mode = TOOL_MODE_NAMED;
    return OCTET_OK;
}

static octet_status choose_mode(struct request_parse *parse, const char *mode, const char *param)
{
    enum tool_mode *out = &parse->request->tool_mode;
    if (mode && strcmp(mode, "none") == 0)
        *out = TOOL_MODE_NONE;
    else if (mode && strcmp(mode, "auto") == 0)
        *out = TOOL_MODE_AUTO;
    else if (mode && strcmp(mode, "required") == 0)
        *out = TOOL_MODE_REQUIRED;
    else
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "Invalid value for `tool_choice`: %.80s! Only named tools, \"none\", "
                             "\"auto\" or \"required\" are supported.",
                             mode ? mode : "no string");
    return OCTET_OK;
}

/* {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}, or flat as in /v1/responses. */
static octet_status choose_allowed(struct request_parse *parse, const struct json *choice)
{
    const struct json *inner = field_get(choice, "allowed_tools");
    if (json_type(inner) != JSON_TYPE_OBJECT)
        inner = choice;
    const struct json *mode = field_get(inner, "mode"), *names = field_get(inner, "tools");
    if (mode)
        RETURN_IF_ERROR(choose_mode(parse, json_string(mode), "tool_choice.allowed_tools.mode"));
    else
        parse->request->tool_mode = TOOL_MODE_AUTO;
    if (json_type(names) != JSON_TYPE_ARRAY || json_count(names) == 0)
        return request_type_error(parse, "tool_choice.allowed_tools.tools", FIELD_IS_ARRAY, names);
    struct json *allowed = json_new_array();
    octet_status status = allowed ? OCTET_OK : request_parse_memory(parse);
    for (size_t i = 0; status == OCTET_OK && i < json_count(names); i++) {
        const struct json *entry = json_at(names, i);
        const struct json *function = field_get(entry, "function");
        const char *name = json_string(field_get(function ? function : entry, "name"));
        const struct json *tool = find_tool(parse->tools, name);
        if (!tool)
            status = no_such_tool(parse);
        else if (!find_tool(allowed, name) && !json_push(allowed, json_share(tool)))
            status = request_parse_memory(parse);
    }
    if (status != OCTET_OK) {
        json_free(allowed);
        return status;
    }
    json_free(parse->tools);
    parse->tools = allowed;
    return OCTET_OK;
}

static octet_status choose_object(struct request_parse *parse, const struct json *choice)
{
    const struct json *type = field_get(choice, "type");
    const char *name = json_string(type);
    if (type && !name)
        return request_type_error(parse, "tool_choice.type", FIELD_IS_STRING, type);
    if (name && strcmp(name, "allowed_tools") == 0)
        return choose_allowed(parse, choice);
    if (!name || strcmp(name, "function") == 0)
        return choose_named(parse, choice);
    return api_error_set(parse->error, 400, "unsupported_parameter", "tool_choice.type",
                         "tool_choice.type: \"%.40s\" is not supported; expected \"function\" or "
                         "\"allowed_tools\"",
                         name);
}

static octet_status choose(struct request_parse *parse)
{
    const struct json *choice = parse->fields.tool_choice;
    const char *word = json_string(choice);
    parse->request->tool_mode = parse->tools ? TOOL_MODE_AUTO : TOOL_MODE_NONE;
    if (!choice)
        return OCTET_OK;
    if (word && strcmp(word, "none") == 0) {
        parse->request->tool_mode = TOOL_MODE_NONE;
        return OCTET_OK;
    }
    if (!parse->tools)
        return request_invalid(parse, "tool_choice",
                               "When using `tool_choice`, `tools` must be set.");
    return word ? choose_mode(parse, word, "tool_choice") : choose_object(parse, choice);
}

bool tool_fields_shown(const struct request_parse *parse)
{
    return parse->tools &&
           !(parse->request->tool_mode == TOOL_MODE_NONE && parse->model->exclude_tools_when_none);
}

octet_status tool_fields_apply(struct request_parse *parse)
{
    struct output_rules *rules = &parse->request->rules;
    RETURN_IF_ERROR(check_tools(parse));
    RETURN_IF_ERROR(choose(parse));
    rules->parallel_tool_calls = parse->fields.parallel_tool_calls;
    rules->tools = TOOLS_NONE;
    switch (parse->request->tool_mode) {
    case TOOL_MODE_NONE:
        break;
    case TOOL_MODE_AUTO:
        if (!parse->model->auto_tool_choice || parse->model->tools == TOOLS_NONE)
            return request_invalid(parse, "tool_choice",
                                   "\"auto\" tool choice requires --enable-auto-tool-choice and "
                                   "--tool-call-parser to be set");
        rules->tools = parse->model->tools;
        parse->owner->tools = json_share(parse->tools);
        rules->tool_schemas = parse->owner->tools;
        break;
    case TOOL_MODE_REQUIRED:
    case TOOL_MODE_NAMED:
        rules->tools = TOOLS_HERMES; /* the grammar's form, whatever the model would choose */
        break;
    }
    return OCTET_OK;
}
