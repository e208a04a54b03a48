/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open connections, in slots that are made once. The HTTP thread adds and removes; the watch
 * looks. All under the server's lock, which also keeps a descriptor open while it is used.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct exchange;

enum connection_stage {
    CONNECTION_IDLE,      /* waits for a request, whose line may have begun */
    CONNECTION_HEADERS,   /* the request line has come */
    CONNECTION_BODY,      /* the headers have come */
    CONNECTION_ANSWERING, /* the whole request has come */
};

struct connection {
    bool used;
    uint64_t id; /* slot and how often it was used: no two connections have the same */
    int fd;
    bool is_tcp;
    char peer[64];             /* "127.0.0.1:52460"; "" for a Unix socket */
    struct exchange *exchange; /* from the request line to the end of the answer; not counted */
    enum connection_stage stage;
    uint64_t stage_ns;      /* since when */
    uint64_t first_byte_ns; /* of a request's line and headers; 0: not seen yet */
    uint64_t idle_bytes;    /* received when it became idle */
    bool gone;              /* the client has sent its last byte */
    bool cut;               /* the watch has ended it */
    bool linger; /* read on a little after closing, so that the answer is not lost by a reset */
};

struct connection_table {
    struct connection *slots; /* [capacity] */
    size_t capacity, high;    /* slots [0, high) have been used */
    size_t *free_slots;       /* [free_count] below high */
    size_t free_count, count;
};

/* False when out of memory. */
bool connection_table_init(struct connection_table *table, size_t capacity);
void connection_table_free(struct connection_table *table);
/* NULL: every slot is taken. */
struct connection *connection_add(struct connection_table *table, int fd,
                                  const struct sockaddr *peer, uint64_t now_ns);
void connection_remove(struct connection_table *table, struct connection *connection);
struct connection *connection_find(struct connection_table *table, uint64_t id);

/* Bytes received so far, where the system tells; 0 otherwise. */
uint64_t connection_bytes(const struct connection *connection);
void connection_set_stage(struct connection *connection, enum connection_stage stage,
                          uint64_t now_ns);

#endif
