/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_response_parts.h"

#include <string.h>

/* `"key":"text",` */
static void write_field(const char *key, const struct buffer *text, struct buffer *out)
{
    buffer_append_str(out, key);
    json_append_string(out, buffer_text(text), text->size);
    buffer_append_char(out, ',');
}

static void trim_comma(struct buffer *out)
{
    if (out->size > 0 && out->data[out->size - 1] == ',')
        out->data[--out->size] = '\0';
}

static bool has_field(const struct api_request *request, enum reasoning_field field)
{
    return request->model->reasoning_field == field ||
           request->model->reasoning_field == REASONING_FIELD_BOTH;
}

/* Under the names that were chosen; null: no reasoning. */
static void write_reasoning(const struct api_request *request, const struct buffer *text,
                            struct buffer *out)
{
    static const char *const keys[] = {"\"reasoning\":", "\"reasoning_content\":"};
    static const enum reasoning_field fields[] = {REASONING_FIELD_REASONING,
                                                  REASONING_FIELD_REASONING_CONTENT};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!has_field(request, fields[i]))
            continue;
        if (text) {
            write_field(keys[i], text, out);
        } else {
            buffer_append_str(out, keys[i]);
            buffer_append_str(out, "null,");
        }
    }
}

static void write_call_head(const struct tool_delta *tool, struct buffer *out)
{
    buffer_append_str(out, "\"id\":");
    json_append_string(out, tool->id, strlen(tool->id));
    buffer_append_str(out, ",\"type\":\"function\",\"function\":{\"name\":");
    json_append_string(out, tool->name, strlen(tool->name));
    buffer_append_str(out, ",\"arguments\":");
}

/* The arguments of the call whose first piece is tools[i]: the piece behind it, or nothing. */
static void write_call_arguments(const struct output_delta *delta, size_t i, size_t count,
                                 struct buffer *out)
{
    const struct tool_delta *next = i + 1 < count ? &delta->tools[i + 1] : NULL;
    if (next && !next->begins)
        json_append_string(out, buffer_text(&next->arguments), next->arguments.size);
    else
        buffer_append_str(out, "\"\"");
}

bool chat_call_waits(const struct choice *choice)
{
    const struct output_delta *delta = &choice->delta;
    return !choice->finished && delta->tool_count > 1 &&
           !delta->tools[delta->tool_count - 1].begins &&
           delta->tools[delta->tool_count - 2].begins;
}

/* One entry for each call: many clients read the first entry of a chunk only. */
static void write_call_deltas(const struct choice *choice, struct buffer *out)
{
    const struct output_delta *delta = &choice->delta;
    size_t waiting = chat_call_waits(choice) ? delta->tool_count - 1 : delta->tool_count;
    for (size_t i = 0; i < waiting; i++) {
        const struct tool_delta *tool = &delta->tools[i];
        if (i > 0 && !tool->begins)
            continue; /* written with the piece before it */
        buffer_printf(out, i ? ",{\"index\":%d," : "{\"index\":%d,", tool->index);
        if (tool->begins) {
            write_call_head(tool, out);
            write_call_arguments(delta, i, waiting, out);
        } else {
            buffer_append_str(out, "\"function\":{\"arguments\":");
            json_append_string(out, buffer_text(&tool->arguments), tool->arguments.size);
        }
        buffer_append_str(out, "}}");
    }
}

/* Whole calls: the first piece of each has the name, the second the arguments. */
static void write_calls(const struct output_delta *delta, struct buffer *out)
{
    for (size_t i = 0; i < delta->tool_count; i++) {
        const struct tool_delta *tool = &delta->tools[i];
        if (!tool->begins)
            continue;
        buffer_append_str(out, tool->index ? ",{" : "{");
        write_call_head(tool, out);
        write_call_arguments(delta, i, delta->tool_count, out);
        buffer_append_str(out, "}}");
    }
}

static void write_delta(const struct api_response *response, const struct choice *choice,
                        struct buffer *out)
{
    const struct api_request *request = response->request;
    const struct output_delta *delta = &choice->delta;
    if (delta->reasoning.size > 0 && request->include_reasoning)
        write_reasoning(request, &delta->reasoning, out);
    /* A token without text says so where nothing else could be meant. */
    bool plain = request->rules.reasoning == REASONING_NONE && request->rules.tools == TOOLS_NONE;
    if (delta->content.size > 0 || plain)
        write_field("\"content\":", &delta->content, out);
    if (delta->tool_count > 0) {
        buffer_append_str(out, "\"tool_calls\":[");
        write_call_deltas(choice, out);
        buffer_append_str(out, "],");
    }
    trim_comma(out);
}

static void write_tail(const struct api_response *response, const struct choice *choice,
                       struct buffer *out)
{
    const struct api_request *request = response->request;
    buffer_append_str(out, ",\"logprobs\":");
    logprob_write(response, &choice->logprobs, out);
    buffer_append_str(out, ",\"finish_reason\":");
    response_write_reason(response, choice, out);
    if (choice->finished) {
        buffer_append_str(out, ",\"stop_reason\":");
        response_write_stop(response, choice, out);
    }
    if (request->return_token_ids && !response_hides(request)) {
        buffer_append_str(out, ",\"token_ids\":[");
        buffer_append(out, buffer_text(&choice->token_ids), choice->token_ids.size);
        buffer_append_char(out, ']');
    }
    buffer_append_char(out, '}');
}

void chat_write_chunk(const struct api_response *response, size_t index, bool role,
                      struct buffer *out)
{
    const struct choice *choice = &response->choices[index];
    buffer_printf(out, "{\"index\":%zu,\"delta\":{", index);
    if (role) {
        buffer_append_str(out, "\"role\":");
        json_append_string(out, response_role(response), strlen(response_role(response)));
        buffer_append_str(out, ",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}");
        return;
    }
    write_delta(response, choice, out);
    buffer_append_char(out, '}');
    write_tail(response, choice, out);
}

static void write_message(const struct api_response *response, const struct choice *choice,
                          struct buffer *out)
{
    const struct api_request *request = response->request;
    const struct output_delta *delta = &choice->delta;
    buffer_append_str(out, "\"message\":{\"role\":");
    json_append_string(out, response_role(response), strlen(response_role(response)));
    buffer_append_char(out, ',');
    /* Null says that the answer is elsewhere: in tool calls, or still unthought. */
    if (delta->content.size == 0 && (output_parser_tool_calls(choice->parser) > 0 ||
                                     output_parser_reasoning_seen(choice->parser)))
        buffer_append_str(out, "\"content\":null,");
    else
        write_field("\"content\":", &delta->content, out);
    buffer_append_str(out, "\"refusal\":null,");
    if (request->rules.reasoning != REASONING_NONE)
        write_reasoning(request,
                        delta->reasoning.size > 0 && request->include_reasoning ? &delta->reasoning
                                                                                : NULL,
                        out);
    if (delta->tool_count > 0) {
        buffer_append_str(out, "\"tool_calls\":[");
        write_calls(delta, out);
        buffer_append_str(out, "],");
    }
    trim_comma(out);
    buffer_append_char(out, '}');
}

void chat_write_choice(const struct api_response *response, size_t index, struct buffer *out)
{
    const struct choice *choice = &response->choices[index];
    buffer_printf(out, "{\"index\":%zu,", index);
    write_message(response, choice, out);
    write_tail(response, choice, out);
}
