/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/server_internal.h"

#define BLOCK_SIZE (32 * 1024)

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_cors(const struct exchange *exchange, struct MHD_Response *response)
{
    struct cors_headers cors;
    cors_decide(&exchange->server->cors, &exchange->head, &cors);
    if (!cors.allow_origin)
        return;
    add_header(response, "Access-Control-Allow-Origin", cors.allow_origin);
    add_header(response, "Access-Control-Expose-Headers",
               "x-request-id, openai-processing-ms, retry-after, retry-after-ms");
    if (cors.vary)
        add_header(response, "Vary", "Origin");
    if (cors.credentials)
        add_header(response, "Access-Control-Allow-Credentials", "true");
    if (cors.preflight) {
        add_header(response, "Access-Control-Allow-Methods", cors.methods);
        add_header(response, "Access-Control-Max-Age", "600");
        if (cors.headers[0])
            add_header(response, "Access-Control-Allow-Headers", cors.headers);
    }
}

static void add_common(const struct exchange *exchange, struct MHD_Response *response,
                       const char *content_type)
{
    char text[40];
    const struct answer *answer = &exchange->answer;
    add_header(response, "Server", "octet");
    if (content_type)
        add_header(response, "Content-Type", content_type);
    add_header(response, "x-request-id", exchange->id);
    snprintf(text, sizeof text, "%llu",
             (unsigned long long)((clock_now_ns() - exchange->start_ns) / 1000000));
    add_header(response, "openai-processing-ms", text);
    add_cors(exchange, response);
    if (answer->extra_name)
        add_header(response, answer->extra_name, answer->extra_value);
    if (answer->retry_after_ms > 0) {
        snprintf(text, sizeof text, "%lld", (long long)((answer->retry_after_ms + 999) / 1000));
        add_header(response, "Retry-After", text);
        snprintf(text, sizeof text, "%lld", (long long)answer->retry_after_ms);
        add_header(response, "retry-after-ms", text);
    }
    if (answer->close || server_phase(exchange->server) >= SERVER_DRAINING)
        add_header(response, "Connection", "close");
}

/* From now on the library itself ends a connection whose reader takes nothing. */
static bool queue(struct exchange *exchange, int status, struct MHD_Response *response)
{
    struct MHD_Connection *connection = exchange->transport;
    unsigned timeout = (unsigned)exchange->server->options.slow_client_timeout_s;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, timeout);
    exchange->sent_status = status;
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result == MHD_YES;
}

bool stream_answer(struct exchange *exchange)
{
    const struct answer *answer = &exchange->answer;
    size_t size = answer_size(answer);
    /* The bytes live as long as the exchange, which ends after the last of them is sent. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        size, (void *)(uintptr_t)answer_bytes(answer), MHD_RESPMEM_PERSISTENT);
    if (!response)
        return false;
    exchange->sent_bytes = size;
    add_common(exchange, response, answer->content_type);
    return queue(exchange, answer->status, response);
}

/* ---- events ---- */

/* Hand out what is in `out`, one event at a time. */
static ssize_t take(struct exchange *exchange, char *buffer, size_t max)
{
    struct buffer *out = &exchange->out;
    const char *from = out->data + exchange->out_offset;
    size_t left = out->size - exchange->out_offset;
    /* Within the block: an event of megabytes is not searched to its end for each of them. */
    size_t size = left < max ? left : max;
    const char *end = memmem(from, size, "\n\n", 2);
    if (end)
        size = (size_t)(end - from) + 2;
    memcpy(buffer, from, size);
    exchange->out_offset += size;
    exchange->sent_bytes += size;
    if (exchange->out_offset == out->size) {
        buffer_clear(out);
        exchange->out_offset = 0;
    }
    return (ssize_t)size;
}

/* Write the next events. False when out of memory. */
static bool refill(struct exchange *exchange, enum break_cause cause)
{
    struct generating *generating = exchange->generating;
    struct api_response *response = generating_response(generating);
    struct api_error error;
    if (cause != BREAK_NONE) {
        exchange->stream_ended = true;
        return exchange_explain(exchange, cause, &error) &&
               api_response_abort(response, &error, &exchange->out);
    }
    bool more = true;
    while (more && exchange->out.size == 0 && !generating_finished(generating)) {
        if (!generating_pull(generating, &exchange->out, &more))
            return false;
    }
    if (generating_finished(generating)) {
        exchange->stream_ended = true;
        return api_response_end(response, &exchange->out);
    }
    if (more) {
        /* There may be another token already. */
        pthread_mutex_lock(&exchange->mutex);
        exchange->has_news = true;
        pthread_mutex_unlock(&exchange->mutex);
    }
    return true;
}

static ssize_t read_events(void *context, uint64_t position, char *buffer, size_t max)
{
    struct exchange *exchange = context;
    (void)position;
    while (exchange->out.size == 0) {
        if (exchange->stream_ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        pthread_mutex_lock(&exchange->mutex);
        enum break_cause cause = exchange->cause;
        bool news = exchange->has_news, ping = exchange->ping_due;
        exchange->has_news = exchange->ping_due = false;
        bool wait = cause == BREAK_NONE && !news && !ping;
        bool suspended = wait && exchange_suspend(exchange);
        pthread_mutex_unlock(&exchange->mutex);
        if (suspended)
            return 0;
        if (wait)
            cause = BREAK_DRAINED;
        if (news || cause != BREAK_NONE) {
            if (!refill(exchange, cause))
                return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (ping && exchange->out.size == 0 && !exchange->stream_ended &&
            !buffer_append_str(&exchange->out, ": ping\n\n"))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return take(exchange, buffer, max);
}

bool stream_events(struct exchange *exchange)
{
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE,
                                                                      read_events, exchange, NULL);
    if (!response)
        return false;
    add_common(exchange, response, "text/event-stream; charset=utf-8");
    add_header(response, "Cache-Control", "no-cache");
    add_header(response, "X-Accel-Buffering", "no");
    return queue(exchange, 200, response);
}
