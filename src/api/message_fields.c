/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as clients send them -> messages as chat templates read them. */
#include "api/api_parse.h"

#include <stdio.h>
#include <string.h>

#define CONTENT_BYTES_MAX ((size_t)1 << 30)
#define ARGUMENTS_BYTES_MAX ((size_t)16 << 20)

/* object[key] = value, which is taken over. */
static octet_status put(struct request_parse *parse, struct json *object, const char *key,
                        struct json *value)
{
    return json_set(object, key, value) ? OCTET_OK : request_parse_memory(parse);
}

/* Copy a string of the message if it is there. */
static octet_status put_string(struct request_parse *parse, struct json *object, const char *key,
                               const struct json *value, const char *base)
{
    char param[96];
    if (!value)
        return OCTET_OK;
    (void)snprintf(param, sizeof param, "%s.%s", base, key);
    if (!json_string(value))
        return request_type_error(parse, param, FIELD_IS_STRING, value);
    return put(parse, object, key, json_share(value));
}

/* Parts of one text, for templates that walk over them. */
static struct json *as_parts(const char *text, size_t size)
{
    struct json *list = json_new_array(), *part = json_new_object();
    bool fine = part && json_set(part, "type", json_new_string("text"));
    fine = fine && json_set(part, "text", json_new_string_n(text, size));
    if (!fine) {
        json_free(part);
        part = NULL;
    }
    if (!list || !json_push(list, part)) {
        json_free(list);
        return NULL;
    }
    return list;
}

static octet_status put_content(struct request_parse *parse, struct json *message,
                                const struct json *content, const char *base, bool parts)
{
    char param[96];
    struct buffer text;
    (void)snprintf(param, sizeof param, "%s.content", base);
    buffer_init(&text, CONTENT_BYTES_MAX);
    octet_status status = message_content_text(parse, content, param, &text);
    if (status == OCTET_OK) {
        const char *data = buffer_text(&text);
        status = put(parse, message, "content",
                     parts ? as_parts(data, text.size) : json_new_string_n(data, text.size));
    }
    buffer_free(&text);
    return status;
}

/* A call's arguments: text is parsed, as templates write them by tojson. */
static octet_status put_arguments(struct request_parse *parse, struct json *function,
                                  const struct json *arguments, const char *param)
{
    size_t size = 0;
    const char *text = json_string_n(arguments, &size);
    if (!arguments || (text && size == 0))
        return put(parse, function, "arguments", json_new_object());
    if (!text && json_type(arguments) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_STRING | FIELD_IS_OBJECT, arguments);
    if (!text)
        return put(parse, function, "arguments", json_share(arguments));
    struct octet_error err = {.status = OCTET_OK};
    struct json *parsed = NULL;
    if (json_parse_request(text, size, ARGUMENTS_BYTES_MAX, API_DEPTH_MAX, false, param, &parsed,
                           &err) != OCTET_OK)
        return request_parse_from(parse, param, &err);
    return put(parse, function, "arguments", parsed);
}

/* A copy of one object, key by key: its values are shared, so that they can be replaced. */
static struct json *copy_keys(const struct json *object)
{
    struct json *copy = json_new_object();
    bool fine = copy != NULL;
    for (struct json_iter it = json_iter(object); fine && json_next(&it);)
        fine = json_set(copy, it.key, json_share(it.value));
    if (!fine) {
        json_free(copy);
        return NULL;
    }
    return copy;
}

static octet_status push_call(struct request_parse *parse, struct json *calls,
                              const struct json *call, const char *param)
{
    char path[128];
    const struct json *type = field_get(call, "type"), *function = field_get(call, "function");
    const char *kind = json_string(type);
    if (json_type(call) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_OBJECT, call);
    (void)snprintf(path, sizeof path, "%s.type", param);
    if (type && (!kind || strcmp(kind, "function") != 0))
        return api_error_set(parse->error, 400, "unsupported_parameter", path,
                             "%s: expected \"function\", the only type of call", path);
    (void)snprintf(path, sizeof path, "%s.function", param);
    if (json_type(function) != JSON_TYPE_OBJECT)
        return request_type_error(parse, path, FIELD_IS_OBJECT, function);
    (void)snprintf(path, sizeof path, "%s.function.name", param);
    if (!json_string(json_get(function, "name")))
        return request_type_error(parse, path, FIELD_IS_STRING, json_get(function, "name"));
    (void)snprintf(path, sizeof path, "%s.function.arguments", param);
    struct json *copy = copy_keys(call), *inner = copy_keys(function);
    octet_status status = copy && inner
                              ? put_arguments(parse, inner, field_get(function, "arguments"), path)
                              : request_parse_memory(parse);
    if (status == OCTET_OK) {
        status = put(parse, copy, "function", inner);
        inner = NULL;
    }
    if (status == OCTET_OK) {
        status = json_push(calls, copy) ? OCTET_OK : request_parse_memory(parse);
        copy = NULL;
    }
    json_free(inner);
    json_free(copy);
    return status;
}

static octet_status put_calls(struct request_parse *parse, struct json *message,
                              const struct json *calls, const char *base)
{
    char param[96];
    (void)snprintf(param, sizeof param, "%s.tool_calls", base);
    if (!calls)
        return OCTET_OK;
    if (json_type(calls) != JSON_TYPE_ARRAY)
        return request_type_error(parse, param, FIELD_IS_ARRAY, calls);
    if (json_count(calls) == 0) /* templates ask whether there are calls by the key alone */
        return OCTET_OK;
    struct json *copy = json_new_array();
    octet_status status = copy ? OCTET_OK : request_parse_memory(parse);
    for (size_t i = 0; status == OCTET_OK && i < json_count(calls); i++) {
        (void)snprintf(param, sizeof param, "%s.tool_calls.%zu", base, i);
        status = push_call(parse, copy, json_at(calls, i), param);
    }
    if (status == OCTET_OK)
        return put(parse, message, "tool_calls", copy);
    json_free(copy);
    return status;
}

/* Both names reach the template; `reasoning` wins. */
static octet_status put_reasoning(struct request_parse *parse, struct json *message,
                                  const struct json *source, const char *base)
{
    const struct json *old = field_get(source, "reasoning_content");
    const struct json *now = field_get(source, "reasoning");
    struct json *checked = json_new_object();
    octet_status status = checked ? OCTET_OK : request_parse_memory(parse);
    if (status == OCTET_OK)
        status = put_string(parse, checked, "reasoning_content", old, base);
    if (status == OCTET_OK)
        status = put_string(parse, checked, "reasoning", now, base);
    json_free(checked);
    const struct json *text = now ? now : old;
    if (status != OCTET_OK || !text)
        return status;
    RETURN_IF_ERROR(put(parse, message, "reasoning_content", json_share(text)));
    return put(parse, message, "reasoning", json_share(text));
}

static octet_status fill_message(struct request_parse *parse, struct json *message,
                                 const struct json *source, const char *base, bool parts)
{
    char param[96];
    const char *role = json_string(json_get(source, "role"));
    (void)snprintf(param, sizeof param, "%s.role", base);
    if (!role)
        return request_type_error(parse, param, FIELD_IS_STRING, json_get(source, "role"));
    if (strcmp(role, "developer") == 0)
        role = "system";
    bool tool = strcmp(role, "tool") == 0, assistant = strcmp(role, "assistant") == 0;
    RETURN_IF_ERROR(put(parse, message, "role", json_new_string(role)));
    /* vLLM flattens what tools say, whatever the template. */
    RETURN_IF_ERROR(put_content(parse, message, json_get(source, "content"), base, parts && !tool));
    RETURN_IF_ERROR(put_string(parse, message, "name", field_get(source, "name"), base));
    RETURN_IF_ERROR(
        put_string(parse, message, "tool_call_id", field_get(source, "tool_call_id"), base));
    if (!assistant)
        return OCTET_OK;
    RETURN_IF_ERROR(put_reasoning(parse, message, source, base));
    return put_calls(parse, message, field_get(source, "tool_calls"), base);
}

/* The last message's text, of the parts or the string that the template gets. */
static const char *text_of(const struct json *message)
{
    const struct json *content = json_get(message, "content");
    if (json_type(content) == JSON_TYPE_ARRAY)
        content = json_get(json_at(content, 0), "text");
    return json_string(content);
}

octet_status message_fields_apply(struct request_parse *parse)
{
    const struct json *messages = parse->fields.messages;
    bool parts = message_content_format(parse->model) == CONTENT_OPENAI;
    size_t count = json_count(messages);
    if (!messages)
        return request_type_error(parse, "messages", FIELD_IS_ARRAY, NULL);
    if (count == 0)
        return api_error_set(parse->error, 400, "invalid_value", "messages",
                             "messages: expected at least one message, got an empty array");
    parse->messages = json_new_array();
    if (!parse->messages)
        return request_parse_memory(parse);
    for (size_t i = 0; i < count; i++) {
        const struct json *source = json_at(messages, i);
        char base[48];
        (void)snprintf(base, sizeof base, "messages.%zu", i);
        if (json_type(source) != JSON_TYPE_OBJECT)
            return request_type_error(parse, base, FIELD_IS_OBJECT, source);
        struct json *message = json_new_object();
        if (!json_push(parse->messages, message))
            return request_parse_memory(parse);
        RETURN_IF_ERROR(fill_message(parse, message, source, base, parts));
    }
    const struct json *last = json_at(parse->messages, count - 1);
    parse->final_role = json_string(json_get(last, "role"));
    parse->final_text = text_of(last);
    return OCTET_OK;
}
