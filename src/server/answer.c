/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer.h"

#include <stdarg.h>
#include <stdio.h>

#define BODY_MAX ((size_t)1 << 30)

static const char no_memory[] =
    "{\"error\":{\"message\":\"The server is out of memory.\",\"type\":\"server_error\","
    "\"param\":null,\"code\":\"server_overloaded\"}}";

void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    buffer_init(&answer->body, BODY_MAX);
}

void answer_free(struct answer *answer)
{
    buffer_free(&answer->body);
}

static void restart(struct answer *answer)
{
    bool close = answer->close;
    buffer_free(&answer->body);
    answer_init(answer);
    answer->close = close;
}

static void out_of_memory(struct answer *answer)
{
    restart(answer);
    answer->status = 503;
    answer->content_type = CONTENT_JSON;
    answer->fixed = no_memory;
    answer->fixed_size = sizeof no_memory - 1;
    answer->retry_after_ms = 1000;
}

void answer_error(struct answer *answer, const struct api_error *error)
{
    restart(answer);
    answer->status = error->http_status;
    answer->content_type = CONTENT_JSON;
    answer->retry_after_ms = (int64_t)error->retry_after_s * 1000;
    if (!api_error_body(error, &answer->body))
        out_of_memory(answer);
}

void answer_status(struct answer *answer, int status, const char *code, const char *param,
                   const char *format, ...)
{
    struct api_error error;
    char raw[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    api_error_set(&error, status, code, param, "%s", raw);
    answer_error(answer, &error);
}

void answer_failure(struct answer *answer, octet_status status, const char *sentence)
{
    if (status != OCTET_LIMIT) {
        answer_status(answer, 500, NULL, NULL, "%s", sentence);
        return;
    }
    answer_status(answer, 503, "server_overloaded", NULL, "%s", sentence);
    answer->retry_after_ms = 1000;
}

void answer_body(struct answer *answer, int status, const char *content_type, struct buffer *body)
{
    if (buffer_failed(body)) {
        out_of_memory(answer);
        return;
    }
    restart(answer);
    answer->status = status;
    answer->content_type = content_type;
    answer->body = *body;
    buffer_init(body, body->limit);
}

void answer_fixed(struct answer *answer, int status, const char *content_type, const char *bytes,
                  size_t size)
{
    restart(answer);
    answer->status = status;
    answer->content_type = content_type;
    answer->fixed = bytes;
    answer->fixed_size = size;
}

size_t answer_size(const struct answer *answer)
{
    return answer->fixed ? answer->fixed_size : answer->body.size;
}

const char *answer_bytes(const struct answer *answer)
{
    return answer->fixed ? answer->fixed : buffer_text(&answer->body);
}

const char *answer_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Payload Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Unknown";
}
