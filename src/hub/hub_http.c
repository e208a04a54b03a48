/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "base/parse.h"

#define HEADER_BYTES_MAX 8192
#define CONNECT_TIMEOUT_S 30L
#define IDLE_TIMEOUT_S 60L /* without a byte */
#define REDIRECTS_MAX 10L
#define PAUSE_MAX_MS 30000u
#define WAIT_MAX_S 600
#define SLICE_MS 50u /* how soon a pause sees a cancellation */

struct hub_connection {
    const struct hub_remote *remote;
    CURL *curl;
    struct curl_slist *headers;
    char message[CURL_ERROR_SIZE];

    /* The request that runs. */
    const struct hub_request *request;
    struct octet_error *err;
    octet_status failure; /* of begin and take */
    bool begun;
    int64_t range_start;     /* of Content-Range; -1: none */
    char error_code[64];     /* X-Error-Code */
    char error_message[256]; /* X-Error-Message */
};

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

octet_status hub_check_endpoint(char *endpoint, struct octet_error *err)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *query = NULL;
    CURLU *parts = curl_url();
    size_t length = strlen(endpoint);
    bool ok = parts && curl_url_set(parts, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
              curl_url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY &&
              (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(query);
    curl_url_cleanup(parts);
    while (length && endpoint[length - 1] == '/')
        endpoint[--length] = '\0';
    if (ok)
        return OCTET_OK;
    return error_set(err, OCTET_USAGE,
                     "the hub's address: expected one such as https://huggingface.co, with http or "
                     "https and without a name or password");
}

static bool add_header(struct hub_connection *connection, const char *header)
{
    struct curl_slist *longer = curl_slist_append(connection->headers, header);
    if (longer)
        connection->headers = longer;
    return longer != NULL;
}

/* As headers of ours, which libcurl (7.83 and later) keeps from other hosts and ports after a
 * redirect. ModelScope takes its token as a cookie. */
static bool add_token(struct hub_connection *connection)
{
    const struct hub_remote *remote = connection->remote;
    struct buffer header;
    if (!remote->token)
        return true;
    buffer_init(&header, HEADER_BYTES_MAX);
    bool ok = buffer_printf(&header, "%s%s",
                            remote->kind == HUB_HUGGING_FACE ? "Authorization: Bearer "
                                                             : "Cookie: m_session_id=",
                            remote->token) &&
              add_header(connection, buffer_text(&header));
    buffer_free(&header);
    return ok;
}

/* ---- Answers ---- */

/* The value of a header of this name, without the line's end; false: another header. */
static bool header_value(const char *line, size_t size, const char *name, char *out, size_t room)
{
    size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    line += length + 1;
    size -= length + 1;
    while (size && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }
    while (size && (line[size - 1] == '\r' || line[size - 1] == '\n' || line[size - 1] == ' '))
        size--;
    snprintf(out, room, "%.*s", (int)(size < room ? size : room - 1), line);
    return true;
}

static size_t on_header(char *line, size_t one, size_t count, void *context)
{
    struct hub_connection *connection = context;
    size_t size = one * count;
    char value[64];
    if (size > 5 && strncasecmp(line, "HTTP/", 5) == 0) { /* of the next answer, after a redirect */
        connection->range_start = -1;
        connection->error_code[0] = connection->error_message[0] = '\0';
    }
    header_value(line, size, "X-Error-Code", connection->error_code, sizeof connection->error_code);
    header_value(line, size, "X-Error-Message", connection->error_message,
                 sizeof connection->error_message);
    if (header_value(line, size, "Content-Range", value, sizeof value) &&
        strncasecmp(value, "bytes ", 6) == 0) {
        value[6 + strcspn(value + 6, "-")] = '\0';
        if (!parse_int64(value + 6, &connection->range_start))
            connection->range_start = -1;
    }
    return size;
}

static long status_of(struct hub_connection *connection)
{
    long code = 0;
    curl_easy_getinfo(connection->curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static octet_status begin(struct hub_connection *connection)
{
    const struct hub_request *request = connection->request;
    uint64_t offset = status_of(connection) == 206 ? request->offset : 0;
    connection->begun = true;
    if (offset && connection->range_start != (int64_t)offset)
        return error_set(connection->err, OCTET_MISMATCH,
                         "%s: the server sent another range than the one asked for", request->what);
    return request->begin(request->context, offset, connection->err);
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct hub_connection *connection = context;
    const struct hub_request *request = connection->request;
    size_t size = one * count;
    long code = status_of(connection);
    if (code != 200 && code != 206) /* an error's page */
        return size;
    if (!connection->begun)
        connection->failure = begin(connection);
    if (connection->failure == OCTET_OK)
        connection->failure = request->take(request->context, bytes, size, connection->err);
    return connection->failure == OCTET_OK ? size : 0;
}

static int on_tick(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct hub_connection *connection = context;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return !connection->remote->go_on(connection->remote->context);
}

static bool set_up(struct hub_connection *connection)
{
    CURL *curl = connection->curl;
    char agent[64];
    const char *followed =
        strncasecmp(connection->remote->endpoint, "https", 5) == 0 ? "https" : "http,https";
    snprintf(agent, sizeof agent, "octet/%s", octet_version());
    return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, followed) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, agent) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, connection->message) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, connection) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, connection) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_tick) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, connection) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, IDLE_TIMEOUT_S) == CURLE_OK &&
           add_token(connection) &&
           (!connection->headers ||
            curl_easy_setopt(curl, CURLOPT_HTTPHEADER, connection->headers) == CURLE_OK);
}

octet_status hub_connection_new(const struct hub_remote *remote, struct hub_connection **out,
                                struct octet_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    *out = NULL;
    struct hub_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return error_memory(err, "connection", sizeof *connection);
    connection->remote = remote;
    connection->curl = curl_easy_init();
    if (!connection->curl || !set_up(connection)) {
        hub_connection_free(connection);
        return error_memory(err, "connection", sizeof *connection);
    }
    *out = connection;
    return OCTET_OK;
}

void hub_connection_free(struct hub_connection *connection)
{
    if (!connection)
        return;
    curl_easy_cleanup(connection->curl);
    curl_slist_free_all(connection->headers);
    free(connection);
}

static octet_status refuse_missing(const struct hub_connection *connection, struct octet_error *err)
{
    const struct hub_remote *remote = connection->remote;
    if (strcmp(connection->error_code, "RevisionNotFound") == 0)
        return error_set(err, OCTET_INPUT, "%s has no revision '%s' at %s", remote->id,
                         remote->revision, remote->endpoint);
    return error_set(err, OCTET_INPUT,
                     "%s: not found at %s (HTTP 404, revision '%s'); check the spelling, upper and "
                     "lower case count",
                     connection->request->what, remote->endpoint, remote->revision);
}

/* The sentence for a status that is no success. */
static octet_status refuse_status(const struct hub_connection *connection, long code,
                                  struct octet_error *err)
{
    const struct hub_remote *remote = connection->remote;
    const char *variable = remote->kind == HUB_HUGGING_FACE ? "HF_TOKEN" : "MODELSCOPE_API_TOKEN";
    const char *said = connection->error_message;
    if (code == 401)
        return error_set(err, OCTET_INPUT,
                         "%s: %s answers 401%s%s; %s %s; a repository that is "
                         "private, gated or not there looks the same",
                         remote->id, remote->endpoint, *said ? ": " : "", said,
                         remote->token ? "the token is not taken: look at" : "set", variable);
    if (code == 403)
        return error_set(err, OCTET_INPUT,
                         "%s: %s answers 403%s%s; for a gated model ask for access at %s/%s and "
                         "set %s to a token of that account",
                         remote->id, remote->endpoint, *said ? ": " : "", said, remote->endpoint,
                         remote->id, variable);
    if (code == 404)
        return refuse_missing(connection, err);
    return error_set(err, code >= 500 || code == 429 ? OCTET_IO : OCTET_INPUT,
                     "%s: %s answers HTTP %ld%s%s%s", connection->request->what, remote->endpoint,
                     code, *said ? ": " : "", said,
                     code == 429 ? " (too many requests); wait and run this again" : "");
}

static bool may_pass(CURLcode code)
{
    return code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_URL_MALFORMAT &&
           code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_TOO_MANY_REDIRECTS &&
           code != CURLE_OUT_OF_MEMORY && code != CURLE_SSL_CACERT_BADFILE;
}

static octet_status judge(struct hub_connection *connection, CURLcode code, bool *again,
                          unsigned *wait_s, struct octet_error *err)
{
    long status = status_of(connection);
    curl_off_t wait = 0;
    if (connection->failure != OCTET_OK)
        return connection->failure;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(err, OCTET_CANCELLED, "stopped; the same command goes on from here");
    if (code != CURLE_OK) {
        *again = may_pass(code);
        return error_set(err, OCTET_IO, "%s: %s", connection->request->what,
                         *connection->message ? connection->message : curl_easy_strerror(code));
    }
    if (status == 200 || status == 206)
        return connection->begun ? OCTET_OK : begin(connection);
    if (status == 416)
        return error_set(err, OCTET_MISMATCH, "%s: the server has no such range",
                         connection->request->what);
    *again = status == 408 || status == 429 || status >= 500;
    curl_easy_getinfo(connection->curl, CURLINFO_RETRY_AFTER, &wait);
    *wait_s = wait < 0 ? 0 : wait > WAIT_MAX_S ? WAIT_MAX_S : (unsigned)wait;
    return refuse_status(connection, status, err);
}

octet_status hub_connection_get(struct hub_connection *connection,
                                const struct hub_request *request, bool *again, unsigned *wait_s,
                                struct octet_error *err)
{
    char range[32] = "";
    connection->request = request;
    connection->err = err;
    connection->failure = OCTET_OK;
    connection->begun = false;
    connection->range_start = -1;
    connection->message[0] = connection->error_code[0] = connection->error_message[0] = '\0';
    *again = false;
    *wait_s = 0;
    if (request->offset)
        snprintf(range, sizeof range, "%llu-", (unsigned long long)request->offset);
    if (curl_easy_setopt(connection->curl, CURLOPT_URL, request->url) != CURLE_OK ||
        curl_easy_setopt(connection->curl, CURLOPT_RANGE, *range ? range : NULL) != CURLE_OK)
        return error_memory(err, request->what, 0);
    return judge(connection, curl_easy_perform(connection->curl), again, wait_s, err);
}

octet_status hub_pause(const struct hub_remote *remote, int tries, unsigned wait_s,
                       struct octet_error *err)
{
    uint64_t pause = remote->retry_ms;
    for (int i = 1; i < tries && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    if (pause > PAUSE_MAX_MS)
        pause = PAUSE_MAX_MS;
    if (pause < wait_s * 1000ull)
        pause = wait_s * 1000ull;
    for (uint64_t slept = 0; slept < pause; slept += SLICE_MS) {
        struct timespec slice = {.tv_nsec = (long)SLICE_MS * 1000000};
        if (!remote->go_on(remote->context))
            return error_set(err, OCTET_CANCELLED, "stopped; the same command goes on from here");
        nanosleep(&slice, NULL);
    }
    return OCTET_OK;
}

static octet_status begin_text(void *context, uint64_t offset, struct octet_error *err)
{
    (void)offset;
    (void)err;
    buffer_clear(context);
    return OCTET_OK;
}

static octet_status take_text(void *context, const char *bytes, size_t size,
                              struct octet_error *err)
{
    struct buffer *out = context;
    if (buffer_append(out, bytes, size))
        return OCTET_OK;
    if (!out->full)
        return error_memory(err, "an answer", out->size + size);
    return error_set(err, OCTET_LIMIT, "the hub's answer has more than %zu bytes", out->limit);
}

octet_status hub_connection_read(struct hub_connection *connection, const char *url,
                                 const char *what, struct buffer *out, struct octet_error *err)
{
    struct hub_request request = {
        .url = url, .what = what, .begin = begin_text, .take = take_text, .context = out};
    for (int tries = 1;; tries++) {
        bool again;
        unsigned wait_s;
        octet_status status = hub_connection_get(connection, &request, &again, &wait_s, err);
        if (status == OCTET_OK || !again || tries == HUB_TRIES)
            return status;
        RETURN_IF_ERROR(hub_pause(connection->remote, tries, wait_s, err));
    }
}
