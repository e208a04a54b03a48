/* SPDX-License-Identifier: Apache-2.0 */
/* Messages -> the prompt's text, and where the model's answer begins in it. */
#include "api/api_parse.h"

#include <stdlib.h>
#include <string.h>

static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

static octet_status check_effort(struct request_parse *parse)
{
    const char *effort = parse->fields.reasoning_effort;
    if (!effort)
        return OCTET_OK;
    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        if (strcmp(efforts[i], effort) == 0)
            return OCTET_OK;
    }
    return api_error_set(parse->error, 400, "invalid_value", "reasoning_effort",
                         "reasoning_effort: expected none, minimal, low, medium, high, xhigh or "
                         "max, got \"%.40s\"",
                         effort);
}

/* Variables that the request's own fields set: they cannot come in by another way. */
static bool is_reserved(const char *key)
{
    static const char *const names[] = {"messages",      "tools",
                                        "documents",     "add_generation_prompt",
                                        "chat_template", "continue_final_message",
                                        "tokenize"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], key) == 0)
            return true;
    }
    return false;
}

static octet_status merge(struct request_parse *parse, struct json *into, const struct json *from)
{
    for (struct json_iter it = json_iter(from); json_next(&it);) {
        if (!is_reserved(it.key) && !json_set(into, it.key, json_share(it.value)))
            return request_parse_memory(parse);
    }
    return OCTET_OK;
}

/* The server's variables, then reasoning_effort, then the request's: the later wins. */
static octet_status collect_kwargs(struct request_parse *parse, struct json *variables)
{
    const struct json *own = parse->fields.template_kwargs;
    const struct json *thinking = field_get(own, "enable_thinking");
    if (thinking && json_type(thinking) != JSON_TYPE_BOOL)
        return request_type_error(parse, "chat_template_kwargs.enable_thinking",
                                  FIELD_TYPE(JSON_TYPE_BOOL), thinking);
    RETURN_IF_ERROR(check_effort(parse));
    RETURN_IF_ERROR(merge(parse, variables, parse->model->template_kwargs));
    const char *effort = parse->fields.reasoning_effort;
    if (effort && !json_set(variables, "reasoning_effort", json_new_string(effort)))
        return request_parse_memory(parse);
    if (effort && strcmp(effort, "none") == 0 &&
        !json_set(variables, "enable_thinking", json_new_bool(false)))
        return request_parse_memory(parse);
    RETURN_IF_ERROR(merge(parse, variables, own));
    parse->thinking_off = !json_bool(json_get(variables, "enable_thinking"), true);
    return OCTET_OK;
}

static octet_status put_shared(struct request_parse *parse, struct json *variables, const char *key,
                               const struct json *value)
{
    if (value && !json_set(variables, key, json_share(value)))
        return request_parse_memory(parse);
    return OCTET_OK;
}

static octet_status check_prompt_flags(struct request_parse *parse)
{
    struct request_fields *fields = &parse->fields;
    if (!fields->continue_final_message)
        return OCTET_OK;
    if (json_bool(json_get(parse->body, "add_generation_prompt"), false))
        return request_invalid(parse, "continue_final_message",
                               "Cannot set both `continue_final_message` and "
                               "`add_generation_prompt` to True.");
    fields->add_generation_prompt = false;
    return OCTET_OK;
}

static octet_status check_documents(struct request_parse *parse)
{
    const struct json *documents = parse->fields.documents;
    for (size_t i = 0; i < json_count(documents); i++) {
        if (json_type(json_at(documents, i)) != JSON_TYPE_OBJECT)
            return request_type_error(parse, "documents", FIELD_IS_OBJECT, json_at(documents, i));
    }
    return OCTET_OK;
}

static octet_status make_variables(struct request_parse *parse, struct json *variables)
{
    RETURN_IF_ERROR(collect_kwargs(parse, variables));
    RETURN_IF_ERROR(put_shared(parse, variables, "messages", parse->messages));
    if (tool_fields_shown(parse))
        RETURN_IF_ERROR(put_shared(parse, variables, "tools", parse->tools));
    RETURN_IF_ERROR(put_shared(parse, variables, "documents", parse->fields.documents));
    if (!json_set(variables, "add_generation_prompt",
                  json_new_bool(parse->fields.add_generation_prompt)))
        return request_parse_memory(parse);
    return OCTET_OK;
}

/* Where needle occurs last; NULL. */
static const char *find_last(const char *text, size_t size, const char *needle, size_t needle_size)
{
    const char *found = NULL, *at = text;
    const char *end = text + size;
    while ((at = memmem(at, (size_t)(end - at), needle, needle_size)) != NULL)
        found = at++;
    return found;
}

/*
 * The prompt ends with the last message's text, so that the model goes on with it. A template may
 * have trimmed the text: then what is left of it is what counts, as in Hugging Face's transformers.
 */
static octet_status cut_behind_final(struct request_parse *parse, struct buffer *prompt)
{
    const char *text = parse->final_text ? parse->final_text : "";
    size_t size = strlen(text), skip = strspn(text, " \t\r\n\v\f");
    size_t trimmed = size - skip;
    while (trimmed && strchr(" \t\r\n\v\f", text[skip + trimmed - 1]))
        trimmed--;
    const char *found =
        trimmed ? find_last(prompt->data, prompt->size, text + skip, trimmed) : NULL;
    if (!found)
        return request_invalid(
            parse, "continue_final_message",
            "continue_final_message is set but the final message does not appear "
            "in the chat after applying the chat template");
    size_t at = (size_t)(found - prompt->data), end = at + trimmed;
    size_t rest = size - skip - trimmed;
    if (prompt->size - end >= rest && memcmp(prompt->data + end, text + skip + trimmed, rest) == 0)
        end += rest;
    prompt->size = end;
    prompt->data[end] = '\0';
    return OCTET_OK;
}

static bool ends_with(const char *text, size_t size, const char *tail)
{
    size_t length = strlen(tail);
    return size >= length && memcmp(text + size - length, tail, length) == 0;
}

static bool think_is_open(const char *text)
{
    size_t size = strlen(text);
    const char *open = find_last(text, size, "<think>", 7);
    const char *close = find_last(text, size, "</think>", 8);
    return open && (!close || close < open);
}

/* Read from the rendered prompt itself: what the template wrote there is what the model sees. */
static enum reasoning_start find_start(const struct request_parse *parse, const char *text,
                                       size_t size)
{
    if (parse->fields.continue_final_message && parse->final_text)
        return think_is_open(parse->final_text) ? REASONING_OPEN : REASONING_CLOSED;
    while (size && strchr(" \r\n", text[size - 1]))
        size--;
    if (ends_with(text, size, "<think>"))
        return REASONING_OPEN;
    if (ends_with(text, size, "</think>") || parse->thinking_off)
        return REASONING_CLOSED;
    return REASONING_UNKNOWN;
}

static octet_status keep_echo(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    const char *role =
        parse->fields.add_generation_prompt ? parse->model->response_role : parse->final_role;
    if (!request->echo || !role || !parse->final_text || strcmp(role, parse->final_role) != 0)
        return OCTET_OK;
    request->echo_text = arena_strdup(&parse->owner->arena, parse->final_text);
    return request->echo_text ? OCTET_OK : request_parse_memory(parse);
}

static octet_status render(struct request_parse *parse, struct buffer *prompt)
{
    struct octet_error err = {.status = OCTET_OK};
    struct json *variables = json_new_object();
    octet_status status =
        variables ? make_variables(parse, variables) : request_parse_memory(parse);
    if (status == OCTET_OK) {
        status = parse->model->render(parse->model->render_context, variables, prompt, &err);
        if (status != OCTET_OK)
            status = request_parse_from(parse, "messages", &err);
    }
    json_free(variables);
    return status;
}

octet_status chat_prompt_render(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    if (!parse->model->render)
        return api_error_set(parse->error, 400, "unsupported_parameter", "messages",
                             "This model has no chat template, so it takes no messages; start the "
                             "server with --chat-template, or use /v1/completions.");
    RETURN_IF_ERROR(check_prompt_flags(parse));
    RETURN_IF_ERROR(check_documents(parse));
    request->prompts = arena_calloc(&parse->owner->arena, 1, sizeof *request->prompts);
    if (!request->prompts)
        return request_parse_memory(parse);
    request->prompt_count = 1;
    struct buffer prompt;
    buffer_init(&prompt, API_PROMPT_BYTES_MAX);
    octet_status status = render(parse, &prompt);
    if (status == OCTET_OK && prompt.size == 0)
        status = request_invalid(parse, "messages", "The chat template gave an empty prompt.");
    if (status == OCTET_OK && parse->fields.continue_final_message)
        status = cut_behind_final(parse, &prompt);
    if (status == OCTET_OK) {
        request->rules.reasoning = parse->model->reasoning;
        request->rules.start = find_start(parse, prompt.data, prompt.size);
        status = keep_echo(parse);
    }
    if (status == OCTET_OK)
        request->prompts[0].text = buffer_take(&prompt, &request->prompts[0].text_size);
    buffer_free(&prompt);
    return status;
}
