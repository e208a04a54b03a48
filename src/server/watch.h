/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that looks after what nobody else looks after: clients that leave while their
 * connection is suspended (the HTTP library does not see them), deadlines of headers and bodies,
 * pings in silent streams, requests that wait too long, the engine's signs of life, the line of
 * statistics, the service manager's watchdog.
 */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H

#include "server/connection.h"
#include "base/status.h"

struct server;
struct watch;

octet_status watch_start(struct server *server, struct watch **out, struct octet_error *err);
void watch_stop(struct watch *watch); /* NULL is fine */

/* The HTTP thread, under the server's lock. */
void watch_add(struct watch *watch, const struct connection *connection);
void watch_remove(struct watch *watch, const struct connection *connection);
/* Before a connection closes whose client may still be sending: read on for a short while, so that
 * no reset takes the answer from it. */
void watch_linger(struct watch *watch, int fd);

#endif
