/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "server/exchange.h"
#include "server/route.h"
#include "server/server_internal.h"
#include "server/stream.h"
#include "server/watch.h"

#define TLS_FILE_MAX ((size_t)1 << 20)
/* What the library keeps of a connection beside its headers: the parsed list of them, and room for
 * the answer's. */
#define POOL_BESIDE_HEADERS ((size_t)64 * 1024)
#define SEND_BUFFER (128 * 1024)

struct http {
    struct MHD_Daemon *daemon;
    struct buffer key, certificate, ca;
};

void http_suspend(void *transport)
{
    MHD_suspend_connection(transport);
}

void http_resume(void *transport)
{
    MHD_resume_connection(transport);
}

void http_write_raw(int fd, bool tls, int status, const char *code, const char *sentence)
{
    struct answer answer;
    struct buffer text;
    if (tls)
        return;
    answer_init(&answer);
    buffer_init(&text, 8192);
    answer_status(&answer, status, code, NULL, "%s", sentence);
    buffer_printf(&text,
                  "HTTP/1.1 %d %s\r\nServer: octet\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                  "Connection: close\r\n\r\n",
                  status, answer_phrase(status), CONTENT_JSON, answer_size(&answer));
    buffer_append(&text, answer_bytes(&answer), answer_size(&answer));
    if (!buffer_failed(&text) &&
        send(fd, buffer_text(&text), text.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        answer.close = true; /* the client is gone: nothing to be done */
    buffer_free(&text);
    answer_free(&answer);
}

/* ---- connections ---- */

static struct connection *connection_of(struct MHD_Connection *transport)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void open_connection(struct server *server, struct MHD_Connection *transport,
                            void **socket_context)
{
    const union MHD_ConnectionInfo *socket =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = socket ? socket->connect_fd : -1;
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    int on = 1, size = SEND_BUFFER;
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    pthread_mutex_lock(&server->mutex);
    struct connection *connection = connection_add(
        &server->connections, fd, address ? address->client_addr : NULL, clock_now_ns());
    if (connection)
        watch_add(server->watch, connection);
    pthread_mutex_unlock(&server->mutex);
    *socket_context = connection;
}

static void close_connection(struct server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->mutex);
    watch_remove(server->watch, connection);
    if (connection->linger)
        watch_linger(server->watch, connection->fd);
    connection_remove(&server->connections, connection);
    pthread_mutex_unlock(&server->mutex);
}

static void on_connection(void *context, struct MHD_Connection *transport, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        open_connection(context, transport, socket_context);
    else if (*socket_context)
        close_connection(context, *socket_context);
}

/* ---- requests ---- */

/* The request line has come: its exchange, which later callbacks get. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *transport)
{
    struct server *server = context;
    struct connection *connection = connection_of(transport);
    struct exchange *exchange = connection ? exchange_new(server, transport) : NULL;
    if (!exchange)
        return NULL;
    if (!head_set_target(&exchange->head, uri)) {
        exchange_release(exchange);
        return NULL;
    }
    server_make_id(exchange->id);
    exchange->connection = connection;
    pthread_mutex_lock(&server->mutex);
    connection->exchange = exchange;
    connection_set_stage(connection, CONNECTION_HEADERS, exchange->start_ns);
    pthread_mutex_unlock(&server->mutex);
    return exchange;
}

static void set_stage(struct exchange *exchange, enum connection_stage stage)
{
    struct server *server = exchange->server;
    pthread_mutex_lock(&server->mutex);
    connection_set_stage(exchange->connection, stage, clock_now_ns());
    pthread_mutex_unlock(&server->mutex);
}

/*
 * Up to 0.9.75 the library folds continued lines, cuts a value at a NUL byte, and takes a line that
 * begins with ':' for the end of the headers, all without a word. Its strings lie in the bytes as
 * they came, with NUL where CR and LF were, so what follows a value tells: NUL, NUL, and then
 * either a line that does not begin with white space or, behind the last one, the empty line.
 */
struct header_walk {
    struct request_head *head;
    const char *end; /* of the latest value */
};

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct header_walk *walk = context;
    (void)kind;
    head_add(walk->head, key, value);
    walk->end = value ? value + strlen(value) : NULL;
    if (MHD_VERSION < 0x00097600 && value)
        walk->head->malformed |=
            walk->end[1] != '\0' || walk->end[2] == ' ' || walk->end[2] == '\t';
    return MHD_YES;
}

static void read_headers(struct request_head *head, struct MHD_Connection *transport,
                         const char *method)
{
    struct header_walk walk = {.head = head};
    (void)MHD_get_connection_values(transport, MHD_HEADER_KIND, on_header, &walk);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (MHD_VERSION < 0x00097600 && info && walk.end)
        head->malformed |= walk.end + 4 != method + info->header_size;
}

/* The client may still be sending what nobody reads. */
static void set_linger(struct exchange *exchange)
{
    exchange->answer.close = true;
    pthread_mutex_lock(&exchange->server->mutex);
    exchange->connection->linger = true;
    pthread_mutex_unlock(&exchange->server->mutex);
}

/* The headers have come. */
static enum MHD_Result take_head(struct exchange *exchange, struct MHD_Connection *transport,
                                 const char *method, const char *version)
{
    struct request_head *head = &exchange->head;
    bool close = false;
    snprintf(head->method, sizeof head->method, "%s", method);
    head->http10 = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
    read_headers(head, transport, method);
    if (head->x_request_id && head_id_is_usable(head->x_request_id))
        snprintf(exchange->id, sizeof exchange->id, "%s", head->x_request_id);
    else
        head->x_request_id = NULL;
    exchange->refused = !route_admit(exchange, &close);
    if (exchange->refused && close) {
        set_linger(exchange);
        set_stage(exchange, CONNECTION_ANSWERING);
        return stream_answer(exchange) ? MHD_YES : MHD_NO;
    }
    set_stage(exchange, CONNECTION_BODY);
    return MHD_YES;
}

/* The rest is skipped, and this answered at its end. */
static void refuse_body(struct exchange *exchange)
{
    exchange_drop_body(exchange);
    answer_status(&exchange->answer, 503, "server_overloaded", NULL,
                  "Too many large requests are being received; try again in a moment.");
    exchange->answer.retry_after_ms = 1000;
    exchange->refused = true;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t size)
{
    struct server *server = exchange->server;
    exchange->received_bytes += size;
    if (exchange->refused || exchange->too_large)
        return MHD_YES;
    if (exchange->body.size + size <= server->options.max_request_bytes) {
        if (!exchange_add_body(exchange, bytes, size))
            refuse_body(exchange);
        return MHD_YES;
    }
    /* A chunked body has crossed the limit, in the middle of the request. */
    exchange->too_large = true;
    exchange_drop_body(exchange);
    if (server->options.ssl_certfile)
        return MHD_YES; /* skipped, and answered at its end */
    set_linger(exchange);
    exchange->sent_status = 413;
    http_write_raw(exchange->connection->fd, false, 413, "invalid_value",
                   "The body is larger than the limit (--max-request-bytes).");
    return MHD_NO;
}

static enum MHD_Result send_answer(struct exchange *exchange)
{
    return stream_answer(exchange) ? MHD_YES : MHD_NO;
}

static enum MHD_Result begin_stream(struct exchange *exchange)
{
    octet_status status = OCTET_OK;
    const char *failure = generating_early_error(exchange->generating, &status);
    if (!failure)
        return stream_events(exchange) ? MHD_YES : MHD_NO;
    answer_failure(&exchange->answer, status, failure);
    return send_answer(exchange);
}

/* After the request was handed over: it has an answer, a stream may begin, or it was broken off. */
static enum MHD_Result go_on(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    bool ready = exchange->ready;
    enum break_cause cause = exchange->cause;
    bool stream = exchange->generating && generating_request(exchange->generating)->stream &&
                  (exchange->has_news || exchange->ping_due);
    if (!ready && !stream && cause == BREAK_NONE && !exchange_suspend(exchange))
        cause = BREAK_DRAINED;
    pthread_mutex_unlock(&exchange->mutex);
    if (cause == BREAK_GONE)
        return MHD_NO;
    if (ready)
        return send_answer(exchange);
    if (cause != BREAK_NONE) {
        struct api_error error = {0};
        if (!exchange_explain(exchange, cause, &error))
            return MHD_NO;
        answer_error(&exchange->answer, &error);
        exchange->answer.close = cause == BREAK_DRAINED;
        return send_answer(exchange);
    }
    return stream ? begin_stream(exchange) : MHD_YES;
}

/* The whole request has come. */
static enum MHD_Result dispatch(struct exchange *exchange)
{
    exchange->dispatched = true;
    exchange->received_ns = clock_now_ns();
    set_stage(exchange, CONNECTION_ANSWERING);
    if (exchange->too_large)
        answer_status(&exchange->answer, 413, "invalid_value", NULL,
                      "The body is larger than the limit (--max-request-bytes).");
    else if (!exchange->refused && exchange->route->answer)
        exchange->route->answer(exchange);
    if (exchange->too_large || exchange->refused || exchange->route->answer)
        return send_answer(exchange);
    pthread_mutex_lock(&exchange->server->mutex);
    bool gone = exchange->connection->gone;
    if (gone)
        exchange_break(exchange, BREAK_GONE);
    pthread_mutex_unlock(&exchange->server->mutex);
    if (gone)
        return MHD_NO;
    if (exchange_hand_over(exchange, exchange->route->work))
        return MHD_YES;
    return go_on(exchange);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *transport, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request_context)
{
    struct server *server = context;
    struct exchange *exchange = *request_context;
    (void)url;
    if (!exchange)
        return MHD_NO;
    if (!exchange->head_checked) {
        exchange->head_checked = true;
        pthread_mutex_lock(&server->mutex);
        bool cut = exchange->connection->cut;
        pthread_mutex_unlock(&server->mutex);
        return cut ? MHD_NO : take_head(exchange, transport, method, version);
    }
    if (*upload_data_size > 0) {
        size_t size = *upload_data_size;
        *upload_data_size = 0;
        return take_body(exchange, upload_data, size);
    }
    return exchange->dispatched ? go_on(exchange) : dispatch(exchange);
}

static void on_completed(void *context, struct MHD_Connection *transport, void **request_context,
                         enum MHD_RequestTerminationCode why)
{
    struct server *server = context;
    struct exchange *exchange = *request_context;
    *request_context = NULL;
    if (!exchange)
        return;
    (void)MHD_set_connection_option(transport, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    pthread_mutex_lock(&server->mutex);
    if (exchange->sent_status == 0 && exchange->connection->cut)
        exchange->sent_status = 408;
    connection_set_stage(exchange->connection, CONNECTION_IDLE, clock_now_ns());
    pthread_mutex_unlock(&server->mutex);
    if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
        metrics_slow_client(&server->metrics);
    exchange_end(exchange);
}

/*
 * Up to 0.9.75 the library sends the headers of its own error about Content-Length twice, and calls
 * a chunk's endless extension an internal error. The only word of them before they are sent is a
 * message. When a single connection is at that stage, it is this one, and gets a proper answer
 * first.
 */
static void answer_instead(struct server *server, enum connection_stage stage, const char *sentence)
{
    struct connection *found = NULL;
    size_t count = 0;
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        struct connection *connection = &server->connections.slots[i];
        if (connection->used && connection->stage == stage) {
            found = connection;
            count++;
        }
    }
    if (count == 1 && !server->options.ssl_certfile) {
        http_write_raw(found->fd, false, 400, "invalid_value", sentence);
        shutdown(found->fd, SHUT_WR);
        found->linger = true;
    }
    pthread_mutex_unlock(&server->mutex);
}

static void on_log(void *context, const char *format, va_list arguments)
{
    struct server *server = context;
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (MHD_VERSION < 0x00097600 && strstr(text, "Content-Length' header"))
        answer_instead(server, CONNECTION_HEADERS, "Content-Length is not a number.");
    if (MHD_VERSION < 0x00097600 && strstr(text, "response code is 500"))
        answer_instead(server, CONNECTION_BODY, "The body's chunks are malformed.");
    server_log(server, LOG_DEBUG, "http: %s", text);
}

/* Targets are decoded by ourselves, once. */
static size_t on_unescape(void *context, struct MHD_Connection *transport, char *text)
{
    (void)context;
    (void)transport;
    return strlen(text);
}

/* ---- the daemon ---- */

static octet_status read_tls(struct http *http, const struct server_options *options,
                             struct octet_error *err)
{
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return error_set(err, OCTET_UNSUPPORTED,
                         "this system's libmicrohttpd was built without TLS; leave out "
                         "--ssl-certfile and put a proxy in front");
    RETURN_IF_ERROR(file_read_all(options->ssl_certfile, TLS_FILE_MAX, &http->certificate, err));
    RETURN_IF_ERROR(
        file_read_all(options->ssl_keyfile ? options->ssl_keyfile : options->ssl_certfile,
                      TLS_FILE_MAX, &http->key, err));
    if (options->ssl_ca_certs)
        RETURN_IF_ERROR(file_read_all(options->ssl_ca_certs, TLS_FILE_MAX, &http->ca, err));
    return OCTET_OK;
}

static struct MHD_Daemon *start_daemon(struct server *server, struct http *http,
                                       size_t max_connections)
{
    const struct server_options *options = &server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem items[12];
    size_t count = 0;
#define ADD_POINTER(which, pointer)                                                                \
    items[count++] = (struct MHD_OptionItem)                                                       \
    {                                                                                              \
        (which), 0, (void *)(uintptr_t)(pointer)                                                   \
    }
    if (options->ssl_certfile) {
        flags |= MHD_USE_TLS;
        ADD_POINTER(MHD_OPTION_HTTPS_MEM_KEY, buffer_text(&http->key));
        ADD_POINTER(MHD_OPTION_HTTPS_MEM_CERT, buffer_text(&http->certificate));
        if (options->ssl_ca_certs)
            ADD_POINTER(MHD_OPTION_HTTPS_MEM_TRUST, buffer_text(&http->ca));
        if (options->ssl_ciphers)
            ADD_POINTER(MHD_OPTION_HTTPS_PRIORITIES, options->ssl_ciphers);
    }
#undef ADD_POINTER
    items[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
        MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)max_connections, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->max_header_bytes * 2 + POOL_BESIDE_HEADERS,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_ARRAY, items,
        MHD_OPTION_END);
}

octet_status http_start(struct server *server, size_t max_connections, struct http **out,
                        struct octet_error *err)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return error_memory(err, "HTTP server", sizeof *http);
    buffer_init(&http->key, TLS_FILE_MAX);
    buffer_init(&http->certificate, TLS_FILE_MAX);
    buffer_init(&http->ca, TLS_FILE_MAX);
    octet_status status = OCTET_OK;
    if (server->options.ssl_certfile)
        status = read_tls(http, &server->options, err);
    if (status == OCTET_OK) {
        http->daemon = start_daemon(server, http, max_connections);
        if (!http->daemon)
            status = error_set(err, OCTET_IO,
                               server->options.ssl_certfile
                                   ? "cannot start the HTTP server: is %s a PEM certificate that "
                                     "belongs to the key, and is --ssl-ciphers a priority string "
                                     "of GnuTLS?"
                                   : "cannot start the HTTP server%s",
                               server->options.ssl_certfile ? server->options.ssl_certfile : "");
        else
            server->listener.fd = -1; /* the library closes it */
    }
    if (status != OCTET_OK) {
        http_stop(http);
        return status;
    }
    *out = http;
    return OCTET_OK;
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    buffer_free(&http->ca);
    buffer_free(&http->certificate);
    buffer_free(&http->key);
    free(http);
}
