/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real server over the real engine and a fake executor, with the demo model's tokenizer, and a
 * client of raw sockets. A helper fails the test when something goes wrong.
 */
#ifndef SERVER_FAKE_SERVER_H
#define SERVER_FAKE_SERVER_H

#include "server/server_internal.h"
#include "sim/fake_executor.h"
#include "support/testing.h"

#define FAKE_MODEL "fake/model"
#define FAKE_LOG_MAX ((size_t)1 << 20)

struct fake_server {
    struct server_options options; /* to be changed before fake_server_open() */
    struct engine_options engine_options;
    int32_t blocks;   /* of the KV cache, 16 positions each; 0: 512 */
    int32_t delay_us; /* a step takes so long */
    struct fake_executor executor;
    struct engine *engine;
    struct runtime *text; /* tokenizer and template */
    struct server *server;
    const char *names[1];
    struct api_model model;
    int port;
    pthread_mutex_t log_mutex;
    struct buffer log; /* of the access log */
};

/* Fill in usual options; change them, then open. */
void fake_server_init(struct fake_server *fake);
/* Listen and, unless `loading`, attach. */
void fake_server_open(struct fake_server *fake, bool loading);
void fake_server_attach(struct fake_server *fake);
void fake_server_close(struct fake_server *fake);
/* Wait until the engine has nothing to do and no block is in use. */
void fake_server_wait_idle(struct fake_server *fake);
/* Wait for running and waiting requests of the engine. */
void fake_server_wait_engine(struct fake_server *fake, int32_t running, int32_t waiting);
/* The value of a line of /metrics, which begins with `series` and a space. */
double fake_server_metric(struct fake_server *fake, const char *series);
/* Whether the access log has this text by now, or soon. */
bool fake_server_logged(struct fake_server *fake, const char *text);

/* ---- the client ---- */

int client_connect(int port);
void client_send(int fd, const char *bytes, size_t size);
void client_send_text(int fd, const char *text);

struct reply {
    int status; /* 0: the connection was closed instead */
    char headers[8192];
    struct buffer body; /* chunks joined */
    bool closed;        /* and nothing more comes */
};
/* One answer; `kept` holds what was read of the next one. */
struct client {
    int fd;
    struct buffer kept;
};
void client_open(struct client *client, int port);
void client_close(struct client *client);
void client_read(struct client *client, struct reply *reply, bool head);
void reply_free(struct reply *reply);
/* The value of a header, or NULL; in a static buffer. */
const char *reply_header(const struct reply *reply, const char *name);

/* A POST of JSON in one string. */
void client_post(struct client *client, const char *path, const char *body);
/* Connect, post, read, close. */
void client_ask(int port, const char *path, const char *body, struct reply *reply);
void client_get(int port, const char *path, struct reply *reply);

/* The number behind `"key": ` or `"key":` in a JSON text; fails when it is absent. */
int64_t reply_number(const char *json, const char *key);

#endif
