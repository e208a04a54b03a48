/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP library's part: one thread that moves bytes. This header and those above it know nothing
 * of the library; a `transport` is its connection.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

struct server;
struct exchange;
struct http;

/*
 * Serve on the server's listener, whose descriptor it takes over. Errors: OCTET_IO (certificates;
 * no thread), OCTET_UNSUPPORTED (TLS that the library was built without), OCTET_MEMORY.
 */
octet_status http_start(struct server *server, size_t max_connections, struct http **out,
                        struct octet_error *err);
/* Closes every connection; none may be suspended. NULL is fine. */
void http_stop(struct http *http);

/* The HTTP thread, of a connection in a callback of the library. */
void http_suspend(void *transport);
/* Any thread, of a suspended connection. */
void http_resume(void *transport);

/* Write a whole answer past the library, which is reading the request: 408 and 413. Nothing over
 * TLS. */
void http_write_raw(int fd, bool tls, int status, const char *code, const char *sentence);

#endif
