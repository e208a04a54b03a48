/* SPDX-License-Identifier: Apache-2.0 */
#include "client/openai_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "client/sse_reader.h"

#define ANSWER_BYTES_MAX ((size_t)256 << 20)
#define EVENT_BYTES_MAX ((size_t)16 << 20)
#define URL_BYTES_MAX 4096
#define CONNECT_TIMEOUT_S 10
#define IDLE_TIMEOUT_S 600
#define POLL_MS 100 /* how soon a cancellation is seen */

struct openai_client {
    CURL *curl;
    CURLM *multi;
    struct curl_slist *headers;
    char *base_url, *unix_socket; /* owned */
    const volatile int *cancel;
    char message[CURL_ERROR_SIZE];

    /* The request that runs. */
    char url[URL_BYTES_MAX];
    struct buffer answer; /* what is no event stream */
    struct sse_reader events;
    bool streaming; /* the answer is an event stream */
    bool (*event)(void *context, const struct json *object);
    void *context;
    bool done, stopped; /* "[DONE]" came; event() said stop */
    octet_status failure;
    struct octet_error *err;
};

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static octet_status check_url(const char *url, struct octet_error *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    bool ok = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parts);
    if (ok && strlen(url) < URL_BYTES_MAX / 2)
        return OCTET_OK;
    return error_set(err, OCTET_USAGE,
                     "%s: expected an address such as http://localhost:8000/v1, with http or https",
                     url);
}

static bool add_header(struct openai_client *client, const char *header)
{
    struct curl_slist *longer = curl_slist_append(client->headers, header);
    if (longer)
        client->headers = longer;
    return longer != NULL;
}

static bool add_key(struct openai_client *client, const char *key)
{
    struct buffer header;
    if (!key || !*key)
        return true;
    buffer_init(&header, URL_BYTES_MAX);
    /* A line break in a key would begin another header. */
    bool ok = !strpbrk(key, "\r\n") && buffer_printf(&header, "Authorization: Bearer %s", key) &&
              add_header(client, buffer_text(&header));
    buffer_free(&header);
    return ok;
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *context);

static bool set_up(struct openai_client *client, const struct openai_client_options *options)
{
    CURL *curl = client->curl;
    double connect =
        options->connect_timeout_s > 0 ? options->connect_timeout_s : CONNECT_TIMEOUT_S;
    double idle = options->idle_timeout_s > 0 ? options->idle_timeout_s : IDLE_TIMEOUT_S;
    bool ok =
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->message) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, client) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect * 1000)) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)idle + 1) == CURLE_OK;
    if (ok && client->unix_socket)
        ok = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->unix_socket) == CURLE_OK;
    /* "Expect" would make curl wait before it sends a long prompt. */
    return ok && add_key(client, options->api_key) &&
           add_header(client, "Content-Type: application/json") && add_header(client, "Expect:") &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK;
}

octet_status openai_client_new(const struct openai_client_options *options,
                               struct openai_client **out, struct octet_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    *out = NULL;
    RETURN_IF_ERROR(check_url(options->base_url, err));
    if (options->api_key && strpbrk(options->api_key, "\r\n"))
        return error_set(err, OCTET_USAGE, "the API key has a line break in it");
    struct openai_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_memory(err, "client", sizeof *client);
    buffer_init(&client->answer, ANSWER_BYTES_MAX);
    sse_reader_init(&client->events, EVENT_BYTES_MAX);
    client->cancel = options->cancel;
    client->base_url = strdup(options->base_url);
    client->unix_socket = options->unix_socket ? strdup(options->unix_socket) : NULL;
    client->curl = curl_easy_init();
    client->multi = curl_multi_init();
    if (!client->base_url || (options->unix_socket && !client->unix_socket) || !client->curl ||
        !client->multi || !set_up(client, options)) {
        openai_client_free(client);
        return error_memory(err, "client", sizeof *client);
    }
    size_t length = strlen(client->base_url);
    while (length && client->base_url[length - 1] == '/')
        client->base_url[--length] = '\0';
    *out = client;
    return OCTET_OK;
}

void openai_client_free(struct openai_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    sse_reader_free(&client->events);
    buffer_free(&client->answer);
    free(client->unix_socket);
    free(client->base_url);
    free(client);
}

/* ---- Answers ---- */

/* The sentence of an error answer: OpenAI's {"error": {"message"}}, vLLM's older {"message"},
 * FastAPI's {"detail"}. */
static const char *find_message(const struct json *answer)
{
    static const char *const paths[] = {"error.message", "error", "message", "detail"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *text = json_string(json_get_path(answer, paths[i]));
        if (text)
            return text;
    }
    return NULL;
}

static bool on_event_text(void *context, const char *data, size_t size)
{
    struct openai_client *client = context;
    struct json *object = NULL;
    if (size == 6 && memcmp(data, "[DONE]", 6) == 0) {
        client->done = true;
        return false;
    }
    client->failure = json_parse(data, size, EVENT_BYTES_MAX, client->url, &object, client->err);
    const struct json *error = json_get(object, "error");
    if (client->failure == OCTET_OK && error && json_type(error) != JSON_TYPE_NULL) {
        const char *message = find_message(object);
        client->failure = error_set(client->err, OCTET_INPUT, "%s: %s", client->url,
                                    message ? message : "an error without a message");
    }
    if (client->failure == OCTET_OK)
        client->stopped = !client->event(client->context, object);
    json_free(object);
    return client->failure == OCTET_OK && !client->stopped;
}

static bool is_event_stream(struct openai_client *client)
{
    char *type = NULL;
    long code = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
    return client->event && code == 200 && type && strncasecmp(type, "text/event-stream", 17) == 0;
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct openai_client *client = context;
    size_t size = one * count;
    if (client->done) /* what follows "[DONE]" is nothing to us */
        return size;
    client->streaming = client->streaming || is_event_stream(client);
    if (!client->streaming)
        return buffer_append(&client->answer, bytes, size) ? size : 0;
    enum sse_result result = sse_reader_push(&client->events, bytes, size, on_event_text, client);
    if (result == SSE_FAILED)
        client->failure = error_set(client->err, OCTET_LIMIT, "%s: an event of more than %zu bytes",
                                    client->url, EVENT_BYTES_MAX);
    return result == SSE_MORE || client->done ? size : 0;
}

static octet_status explain(struct openai_client *client, CURLcode code, struct octet_error *err)
{
    const char *text = *client->message ? client->message : curl_easy_strerror(code);
    const char *remedy = "";
    if (code == CURLE_COULDNT_CONNECT)
        remedy = "; is a server running there? (octet serve DIR)";
    else if (code == CURLE_OPERATION_TIMEDOUT)
        remedy = "; the server did not answer in time";
    else if (code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR)
        remedy = "; the server closed the connection before its answer was complete";
    return error_set(err, OCTET_IO, "%s: %s%s", client->url, text, remedy);
}

/* Until the transfer ends, looking at the cancel flag meanwhile. */
static octet_status transfer(struct openai_client *client, CURLcode *code, struct octet_error *err)
{
    int running = 1;
    octet_status status = OCTET_OK;
    if (curl_multi_add_handle(client->multi, client->curl) != CURLM_OK)
        return error_memory(err, client->url, 0);
    while (status == OCTET_OK && running) {
        CURLMcode step = curl_multi_perform(client->multi, &running);
        if (step == CURLM_OK && running)
            step = curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
        if (step != CURLM_OK)
            status = error_set(err, OCTET_IO, "%s: %s", client->url, curl_multi_strerror(step));
        else if (client->cancel && *client->cancel)
            status = error_set(err, OCTET_CANCELLED, "%s: cancelled", client->url);
        if (client->done)
            break;
    }
    *code = CURLE_OK;
    int left;
    const CURLMsg *message = curl_multi_info_read(client->multi, &left);
    if (message && message->msg == CURLMSG_DONE)
        *code = message->data.result;
    curl_multi_remove_handle(client->multi, client->curl);
    return status;
}

static octet_status run(struct openai_client *client, const char *path, const char *body,
                        struct octet_error *err)
{
    CURLcode code = CURLE_OK;
    int length = snprintf(client->url, sizeof client->url, "%s%s", client->base_url, path);
    if (length < 0 || (size_t)length >= sizeof client->url)
        return error_set(err, OCTET_LIMIT, "%s: the address is too long", client->base_url);
    buffer_clear(&client->answer);
    sse_reader_free(&client->events);
    sse_reader_init(&client->events, EVENT_BYTES_MAX);
    client->streaming = client->done = client->stopped = false;
    client->failure = OCTET_OK;
    client->err = err;
    client->message[0] = '\0';
    bool ok = curl_easy_setopt(client->curl, CURLOPT_URL, client->url) == CURLE_OK;
    if (body)
        ok = ok && curl_easy_setopt(client->curl, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                              (curl_off_t)strlen(body)) == CURLE_OK &&
             curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    else
        ok = ok && curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    if (!ok)
        return error_memory(err, client->url, 0);
    RETURN_IF_ERROR(transfer(client, &code, err));
    if (client->failure != OCTET_OK)
        return client->failure;
    if (client->stopped)
        return error_set(err, OCTET_CANCELLED, "%s: stopped", client->url);
    if (client->answer.failed)
        return error_set(err, OCTET_LIMIT, "%s: an answer of more than %zu bytes", client->url,
                         ANSWER_BYTES_MAX);
    return code == CURLE_OK || client->done ? OCTET_OK : explain(client, code, err);
}

/* The answer as JSON when the request succeeded. */
static octet_status read_answer(struct openai_client *client, struct json **out,
                                struct octet_error *err)
{
    long code = 0;
    struct json *answer = NULL;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
    octet_status status = json_parse(buffer_text(&client->answer), client->answer.size,
                                     ANSWER_BYTES_MAX, client->url, &answer, err);
    if (code < 200 || code > 299) {
        const char *message = status == OCTET_OK ? find_message(answer) : NULL;
        status = error_set(err, OCTET_INPUT, "%s: HTTP status %ld: %s", client->url, code,
                           message ? message : "the answer has no error message");
        json_free(answer);
        return status;
    }
    if (status == OCTET_OK)
        *out = answer;
    return status;
}

octet_status openai_client_get(struct openai_client *client, const char *path, struct json **out,
                               struct octet_error *err)
{
    *out = NULL;
    client->event = NULL;
    RETURN_IF_ERROR(run(client, path, NULL, err));
    return read_answer(client, out, err);
}

static octet_status post(struct openai_client *client, const char *path, const struct json *body,
                         struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, ANSWER_BYTES_MAX);
    octet_status status = json_dump(body, 0, &text) ? run(client, path, buffer_text(&text), err)
                                                    : error_memory(err, "request", text.size);
    buffer_free(&text);
    return status;
}

octet_status openai_client_post(struct openai_client *client, const char *path,
                                const struct json *body, struct json **out, struct octet_error *err)
{
    *out = NULL;
    client->event = NULL;
    RETURN_IF_ERROR(post(client, path, body, err));
    return read_answer(client, out, err);
}

octet_status openai_client_stream(struct openai_client *client, const char *path,
                                  const struct json *body,
                                  bool (*event)(void *context, const struct json *object),
                                  void *context, struct octet_error *err)
{
    struct json *answer = NULL;
    client->event = event;
    client->context = context;
    RETURN_IF_ERROR(post(client, path, body, err));
    if (client->done)
        return OCTET_OK;
    if (client->streaming)
        return error_set(err, OCTET_IO, "%s: the stream ended without [DONE]", client->url);
    RETURN_IF_ERROR(read_answer(client, &answer, err));
    json_free(answer);
    return error_set(err, OCTET_INPUT, "%s: the answer is no event stream", client->url);
}
