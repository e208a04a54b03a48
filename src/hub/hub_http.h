/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a hub. It is used by one thread at a time. */
#ifndef HUB_HUB_HTTP_H
#define HUB_HUB_HTTP_H

#include "base/buffer.h"
#include "hub/hub.h"

#define HUB_ADDRESS_MAX 2048

/* What all connections of a pull share; read only. */
struct hub_remote {
    enum hub_kind kind;
    const char *endpoint; /* without a '/' at its end */
    const char *id, *revision;
    const char *token; /* NULL: none */
    unsigned retry_ms;
    bool (*go_on)(void *context); /* asked from any thread; false cancels */
    void *context;
};

struct hub_connection;

/* OCTET_MEMORY. */
octet_status hub_connection_new(const struct hub_remote *remote, struct hub_connection **out,
                                struct octet_error *err);
void hub_connection_free(struct hub_connection *connection);

/* Is this an address that a hub may have: http or https, with a host, no user, no query? Its
 * trailing '/' is cut. OCTET_USAGE. */
octet_status hub_check_endpoint(char *endpoint, struct octet_error *err);

struct hub_request {
    const char *url;
    const char *what; /* for messages: the file or the repository */
    uint64_t offset;  /* ask for the bytes from here on */
    /* Before the first byte; offset is 0 when the server sends the whole file, else as asked. */
    octet_status (*begin)(void *context, uint64_t offset, struct octet_error *err);
    /* May be called many times. */
    octet_status (*take)(void *context, const char *bytes, size_t size, struct octet_error *err);
    void *context;
};

/*
 * One request, tried once. *again: it failed for a reason that may pass (network, 408, 429, 5xx,
 * a connection that ended early), and *wait_s is what the server asked to wait (0: nothing).
 * Errors: OCTET_IO (network), OCTET_INPUT (401, 403, 404 and other refusals, with what to do),
 * OCTET_CANCELLED, those of begin and take. A server that does not know the range (416) is
 * OCTET_MISMATCH.
 */
octet_status hub_connection_get(struct hub_connection *connection,
                                const struct hub_request *request, bool *again, unsigned *wait_s,
                                struct octet_error *err);

/* The same with pauses and repeats until it succeeds or five tries in a row have failed; the whole
 * answer, at most out's limit, replaces what is in out. */
octet_status hub_connection_read(struct hub_connection *connection, const char *url,
                                 const char *what, struct buffer *out, struct octet_error *err);

#define HUB_TRIES 5
/* Sleep before try number `tries` (from 1) is repeated, wait_s at least: OCTET_CANCELLED. */
octet_status hub_pause(const struct hub_remote *remote, int tries, unsigned wait_s,
                       struct octet_error *err);

#endif
