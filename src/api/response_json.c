/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that chat and completions share, streamed or not. */
#include "api/api_response_parts.h"

#include <inttypes.h>
#include <string.h>

bool response_hides(const struct api_request *request)
{
    return request->kind == API_CHAT && request->rules.reasoning != REASONING_NONE &&
           !request->include_reasoning;
}

const char *response_role(const struct api_response *response)
{
    const char *role = response->request->model->response_role;
    return role ? role : "assistant";
}

static void write_text(const char *text, struct buffer *out)
{
    json_append_string(out, text, strlen(text));
}

static const char *object_name(const struct api_request *request)
{
    if (request->kind == API_COMPLETION)
        return "text_completion";
    return request->stream ? "chat.completion.chunk" : "chat.completion";
}

void response_write_head(const struct api_request *request, const char *id, int64_t created_s,
                         struct buffer *out)
{
    buffer_append_str(out, request->stream ? "data: {\"id\":\"" : "{\"id\":\"");
    buffer_append_str(out, request->kind == API_CHAT ? "chatcmpl-" : "cmpl-");
    /* An id may come from a client: its quotes are the string's. */
    size_t from = out->size;
    write_text(id, out);
    if (!buffer_failed(out)) /* Join the prefix and the id: drop the quote between them. */
        memmove(out->data + from, out->data + from + 1, out->size-- - from);
    buffer_printf(out,
                  ",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", object_name(request),
                  created_s);
    write_text(request->model_name ? request->model_name : "", out);
    if (request->model->fingerprint) {
        buffer_append_str(out, ",\"system_fingerprint\":");
        write_text(request->model->fingerprint, out);
    }
    buffer_append_str(out, ",\"choices\":[");
}

void response_write_reason(const struct api_response *response, const struct choice *choice,
                           struct buffer *out)
{
    const struct api_request *request = response->request;
    if (!choice->finished)
        buffer_append_str(out, "null");
    else if (choice->reason == FINISH_LENGTH)
        buffer_append_str(out, "\"length\"");
    else if (choice->parser && output_parser_tool_calls(choice->parser) > 0 &&
             request->tool_mode != TOOL_MODE_NAMED)
        buffer_append_str(out, "\"tool_calls\"");
    else
        buffer_append_str(out, "\"stop\"");
}

void response_write_stop(const struct api_response *response, const struct choice *choice,
                         struct buffer *out)
{
    int stopped = text_stream_stopped(choice->text);
    if (stopped >= 0 && choice->reason == FINISH_STOP)
        write_text(response->request->stops[stopped], out);
    else if (choice->stop_token >= 0)
        buffer_printf(out, "%d", choice->stop_token);
    else
        buffer_append_str(out, "null");
}

void response_write_number(uint64_t number, struct buffer *out)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buffer_append(out, digits + at, sizeof digits - at);
}

void response_write_ids(const int32_t *ids, size_t count, struct buffer *out)
{
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, i ? ",%d" : "%d", ids[i]);
    buffer_append_char(out, ']');
}

struct usage {
    size_t prompt, completion, cached, reasoning;
};

static void count_choice(const struct choice *choice, struct usage *usage)
{
    usage->completion += choice->tokens;
    usage->reasoning += choice->reasoning_tokens;
}

/* A prompt counts once, however many choices it has: as its first choice saw it. */
static void count_prompt(const struct api_response *response, size_t choice, struct usage *usage)
{
    usage->prompt += response_prompt(response, choice)->id_count;
    int32_t cached = response->choices[choice].status.cached_tokens;
    usage->cached += cached > 0 ? (size_t)cached : 0;
}

void response_write_usage(const struct api_response *response, const struct choice *choice,
                          struct buffer *out)
{
    const struct api_request *request = response->request;
    struct usage usage = {0};
    if (choice) {
        count_choice(choice, &usage);
        count_prompt(response, (size_t)(choice - response->choices), &usage);
    }
    for (size_t i = 0; !choice && i < response->choice_count; i++) {
        count_choice(&response->choices[i], &usage);
        if (i % (size_t)request->n == 0)
            count_prompt(response, i, &usage);
    }
    buffer_printf(out,
                  "{\"prompt_tokens\":%zu,\"total_tokens\":%zu,\"completion_tokens\":%zu,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":%zu}",
                  usage.prompt, usage.prompt + usage.completion, usage.completion, usage.cached);
    if (request->kind == API_CHAT && request->rules.reasoning != REASONING_NONE)
        buffer_printf(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":%zu}",
                      usage.reasoning);
    buffer_append_char(out, '}');
}

/* Milliseconds from one time to another; null when one of them is unknown. */
static void write_interval(const char *key, uint64_t from, uint64_t to, uint64_t parts,
                           struct buffer *out)
{
    char number[32] = "null";
    if (from > 0 && to >= from && parts > 0)
        json_format_real((double)(to - from) / 1e6 / (double)parts, number);
    buffer_append_str(out, key);
    buffer_append_str(out, number);
}

void response_write_metrics(const struct api_response *response, struct buffer *out)
{
    if (!response->request->model->per_request_metrics || response->choice_count != 1)
        return;
    const struct choice *choice = &response->choices[0];
    const struct request_status *times = &choice->status;
    write_interval(",\"metrics\":{\"time_to_first_token_ms\":", times->submitted_ns,
                   times->first_token_ns, 1, out);
    write_interval(",\"generation_time_ms\":", times->first_token_ns, times->last_token_ns, 1, out);
    write_interval(",\"queue_time_ms\":", times->submitted_ns, times->scheduled_ns, 1, out);
    write_interval(",\"mean_itl_ms\":", times->first_token_ns, times->last_token_ns,
                   choice->tokens > 1 ? choice->tokens - 1 : 0, out);
    char number[32] = "null";
    if (times->scheduled_ns > 0 && times->last_token_ns > times->scheduled_ns)
        json_format_real((double)choice->tokens * 1e9 /
                             (double)(times->last_token_ns - times->scheduled_ns),
                         number);
    buffer_append_str(out, ",\"tokens_per_second\":");
    buffer_append_str(out, number);
    buffer_append_char(out, '}');
}
