/* SPDX-License-Identifier: Apache-2.0 */
#include "server/fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_SIZE 16
#define PATIENCE_MS 60000 /* before a wait fails the test */

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
}

static void take_line(void *context, const char *line)
{
    struct fake_server *fake = context;
    pthread_mutex_lock(&fake->log_mutex);
    buffer_printf(&fake->log, "%s\n", line);
    pthread_mutex_unlock(&fake->log_mutex);
}

void fake_server_init(struct fake_server *fake)
{
    memset(fake, 0, sizeof *fake);
    server_options_init(&fake->options);
    fake->options.host = "127.0.0.1";
    fake->options.write_line = take_line;
    fake->options.write_line_context = fake;
    fake->options.debug_endpoints = true;
    engine_options_init(&fake->engine_options);
    fake->engine_options.max_num_seqs = 4;
    fake->engine_options.max_num_batched_tokens = 64;
    fake->engine_options.max_model_len = 4096;
}

void fake_server_attach(struct fake_server *fake)
{
    const struct server_cache_info cache = {
        .block_size = BLOCK_SIZE, .dtype = "bfloat16", .memory_fraction = 0.9};
    assert_int_equal(engine_start(fake->engine, NULL), OCTET_OK);
    server_attach_engine(fake->server, fake->engine, &fake->model, &cache);
}

void fake_server_open(struct fake_server *fake, bool loading)
{
    struct octet_error err = {0};
    pthread_mutex_init(&fake->log_mutex, NULL);
    buffer_init(&fake->log, FAKE_LOG_MAX);
    if (runtime_prepare_text("models/demo", &fake->text, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    const struct tokenizer *tokenizer = runtime_tokenizer(fake->text);
    int32_t vocab = (int32_t)tokenizer_vocab_size(tokenizer);
    int32_t blocks = fake->blocks > 0 ? fake->blocks : 512;
    const struct engine_options *options = &fake->engine_options;
    assert_true(fake_executor_init(&fake->executor, vocab, BLOCK_SIZE, blocks,
                                   options->max_num_batched_tokens, options->max_num_seqs,
                                   options->max_num_batched_tokens));
    fake->executor.delay_us = fake->delay_us;
    const struct executor executor = fake_executor_of(&fake->executor);
    if (engine_new(options, &executor, &fake->engine, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    fake->names[0] = FAKE_MODEL;
    fake->model = (struct api_model){.names = fake->names,
                                     .name_count = 1,
                                     .root = FAKE_MODEL,
                                     .tokenizer = tokenizer,
                                     .vocab_size = vocab,
                                     .max_model_len = options->max_model_len,
                                     .max_logprobs = 20,
                                     .response_role = "assistant",
                                     .version = "test",
                                     .max_n = 64,
                                     .max_stop_strings = 64,
                                     .max_prompts = 64,
                                     .stream_interval = 1};
    sampling_params_init(&fake->model.defaults);
    if (server_listen(&fake->options, &fake->server, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    fake->port = server_port(fake->server);
    if (!loading)
        fake_server_attach(fake);
}

void fake_server_close(struct fake_server *fake)
{
    server_free(fake->server);
    engine_free(fake->engine);
    assert_string_equal(fake->executor.complaint, "");
    fake_executor_free(&fake->executor);
    runtime_close(fake->text);
    buffer_free(&fake->log);
    pthread_mutex_destroy(&fake->log_mutex);
}

void fake_server_wait_idle(struct fake_server *fake)
{
    for (int i = 0; i < PATIENCE_MS / 2; i++) {
        struct engine_stats stats;
        engine_stats(fake->engine, &stats);
        if (stats.running + stats.waiting == 0 && stats.blocks_used == 0 &&
            atomic_load(&fake->server->generating) == 0)
            return;
        nap();
    }
    fail_msg("the engine does not become idle");
}

void fake_server_wait_engine(struct fake_server *fake, int32_t running, int32_t waiting)
{
    struct engine_stats stats = {0};
    for (int i = 0; i < PATIENCE_MS / 2; i++) {
        engine_stats(fake->engine, &stats);
        if (stats.running == running && stats.waiting == waiting)
            return;
        nap();
    }
    fail_msg("%d requests run and %d wait; expected %d and %d", stats.running, stats.waiting,
             running, waiting);
}

double fake_server_metric(struct fake_server *fake, const char *series)
{
    struct reply reply;
    client_get(fake->port, "/metrics", &reply);
    assert_int_equal(reply.status, 200);
    char line[512];
    snprintf(line, sizeof line, "\n%s ", series);
    const char *found = strstr(buffer_text(&reply.body), line);
    if (!found)
        fail_msg("/metrics has no series %s", series);
    double value = strtod(found + strlen(line), NULL);
    reply_free(&reply);
    return value;
}

bool fake_server_logged(struct fake_server *fake, const char *text)
{
    for (int i = 0; i < 2500; i++) {
        pthread_mutex_lock(&fake->log_mutex);
        bool found = strstr(buffer_text(&fake->log), text);
        pthread_mutex_unlock(&fake->log_mutex);
        if (found)
            return true;
        nap();
    }
    return false;
}

/* ---- the client ---- */

int client_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("cannot connect: %s", strerror(errno));
    return fd;
}

void client_send(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* what the server said before it closed is still read */
        assert_true(sent > 0);
        bytes += sent;
        size -= (size_t)sent;
    }
}

void client_send_text(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

void client_open(struct client *client, int port)
{
    client->fd = client_connect(port);
    buffer_init(&client->kept, (size_t)64 << 20);
}

void client_close(struct client *client)
{
    close(client->fd);
    buffer_free(&client->kept);
}

/* More bytes into `kept`. False at the end of the connection. */
static bool read_more(struct client *client)
{
    char bytes[16384];
    ssize_t size = recv(client->fd, bytes, sizeof bytes, 0);
    if (size < 0 && errno == ECONNRESET)
        return false;
    if (size < 0)
        fail_msg("nothing came: %s", strerror(errno));
    if (size > 0)
        assert_true(buffer_append(&client->kept, bytes, (size_t)size));
    return size > 0;
}

/* Take the first bytes out of `kept`. */
static void drop(struct client *client, size_t size)
{
    struct buffer rest;
    buffer_init(&rest, client->kept.limit);
    assert_true(buffer_append(&rest, client->kept.data + size, client->kept.size - size));
    buffer_free(&client->kept);
    client->kept = rest;
}

static bool need(struct client *client, size_t size)
{
    while (client->kept.size < size) {
        if (!read_more(client))
            return false;
    }
    return true;
}

static bool read_line(struct client *client, char *out, size_t size)
{
    const char *end;
    while (!(end = memmem(buffer_text(&client->kept), client->kept.size, "\r\n", 2))) {
        if (!read_more(client))
            return false;
    }
    size_t length = (size_t)(end - client->kept.data);
    assert_true(length < size);
    memcpy(out, client->kept.data, length);
    out[length] = '\0';
    drop(client, length + 2);
    return true;
}

static bool read_head(struct client *client, struct reply *reply)
{
    const char *end;
    while (!(end = memmem(buffer_text(&client->kept), client->kept.size, "\r\n\r\n", 4))) {
        if (!read_more(client))
            return false;
    }
    size_t length = (size_t)(end - client->kept.data) + 4;
    assert_true(length < sizeof reply->headers);
    memcpy(reply->headers, client->kept.data, length);
    reply->headers[length] = '\0';
    drop(client, length);
    assert_memory_equal(reply->headers, "HTTP/1.1 ", 9);
    reply->status = (int)strtol(reply->headers + 9, NULL, 10);
    return true;
}

static void read_chunks(struct client *client, struct reply *reply)
{
    char line[64];
    while (read_line(client, line, sizeof line)) {
        size_t size = strtoul(line, NULL, 16);
        if (!need(client, size + 2))
            break;
        assert_true(buffer_append(&reply->body, client->kept.data, size));
        drop(client, size + 2);
        if (size == 0)
            return;
    }
    reply->closed = true;
}

void client_read(struct client *client, struct reply *reply, bool head)
{
    memset(reply, 0, sizeof *reply);
    buffer_init(&reply->body, (size_t)64 << 20);
    do {
        if (!read_head(client, reply)) {
            reply->status = 0;
            reply->closed = true;
            return;
        }
    } while (reply->status == 100);
    const char *length = reply_header(reply, "Content-Length");
    if (head || reply->status == 204)
        return;
    if (length) {
        size_t size = strtoul(length, NULL, 10);
        reply->closed = !need(client, size);
        if (reply->closed)
            size = client->kept.size;
        assert_true(buffer_append(&reply->body, client->kept.data, size));
        drop(client, size);
    } else {
        assert_non_null(reply_header(reply, "Transfer-Encoding"));
        read_chunks(client, reply);
    }
}

void reply_free(struct reply *reply)
{
    buffer_free(&reply->body);
}

const char *reply_header(const struct reply *reply, const char *name)
{
    static char value[1024];
    size_t length = strlen(name);
    for (const char *line = strstr(reply->headers, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
            return value;
        }
    }
    return NULL;
}

void client_post(struct client *client, const char *path, const char *body)
{
    char head[512];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             path, strlen(body));
    client_send_text(client->fd, head);
    client_send_text(client->fd, body);
}

void client_ask(int port, const char *path, const char *body, struct reply *reply)
{
    struct client client;
    client_open(&client, port);
    client_post(&client, path, body);
    client_read(&client, reply, false);
    client_close(&client);
}

void client_get(int port, const char *path, struct reply *reply)
{
    struct client client;
    char text[512];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_open(&client, port);
    client_send_text(client.fd, text);
    client_read(&client, reply, false);
    client_close(&client);
}

int64_t reply_number(const char *json, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "\"%s\":", key);
    const char *found = strstr(json, name);
    if (!found)
        fail_msg("no %s in %s", name, json);
    return strtoll(found + strlen(name), NULL, 10);
}
