/* SPDX-License-Identifier: Apache-2.0 */
/* A server of one thread that answers each connection's request with bytes from a table and keeps
 * the request for the test to look at. */
#ifndef CLIENT_CANNED_SERVER_H
#define CLIENT_CANNED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct canned_answer {
    const char *request; /* how the request begins: "GET /v1/models " */
    const char *bytes;   /* the whole answer, written in pieces of `piece` bytes (0: at once) */
    size_t piece;
    bool hang; /* keep the connection open and silent until the client leaves */
};

struct canned_server;

/* path: a Unix socket; NULL: a free port of the loopback. The answers end with a NULL request. */
struct canned_server *canned_server_start(const struct canned_answer *answers, const char *path);
int canned_server_port(const struct canned_server *server);
/* The last request, headers and body; the server must have answered it. */
const char *canned_server_request(const struct canned_server *server);
void canned_server_stop(struct canned_server *server);

#endif
