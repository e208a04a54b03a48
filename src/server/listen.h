/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that clients connect to. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <sys/types.h>
#include "base/status.h"

struct listener {
    int fd;          /* -1: none */
    int port;        /* 0 for a Unix socket */
    const char *uds; /* borrowed; NULL for TCP */
    dev_t device;    /* of the Unix socket's file, so that only that one is removed */
    ino_t inode;
};

/* host NULL: every address, IPv6 and IPv4 by one socket where the system has both. Errors: OCTET_IO
 * with address and errno's text, OCTET_USAGE (a host that has no address; a path that is too long).
 */
octet_status listen_tcp(const char *host, int port, struct listener *out, struct octet_error *err);
/* A socket file that nobody listens on is replaced; one that somebody does is OCTET_IO. */
octet_status listen_unix(const char *path, struct listener *out, struct octet_error *err);
/* Removes a Unix socket's file; the descriptor is closed unless it was given away (fd -1). */
void listen_close(struct listener *listener);

#endif
