/* SPDX-License-Identifier: Apache-2.0 */
#include "client/canned_server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct canned_server {
    const struct canned_answer *answers;
    int listener, port;
    atomic_bool stopping;
    pthread_t thread;
    char request[16384];
};

/* Headers, and a body of Content-Length. */
static void read_request(struct canned_server *server, int connection)
{
    size_t used = 0, wanted = sizeof server->request - 1;
    while (used < wanted) {
        ssize_t got = read(connection, server->request + used, wanted - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        server->request[used] = '\0';
        const char *end = strstr(server->request, "\r\n\r\n");
        const char *length = strcasestr(server->request, "content-length:");
        if (end)
            wanted = (size_t)(end + 4 - server->request) +
                     (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
    }
    server->request[used] = '\0';
}

static void answer(struct canned_server *server, int connection)
{
    const struct canned_answer *answer = server->answers;
    while (answer->request &&
           strncmp(server->request, answer->request, strlen(answer->request)) != 0)
        answer++;
    if (!answer->request)
        return;
    size_t size = strlen(answer->bytes), piece = answer->piece ? answer->piece : size;
    for (size_t at = 0; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        if (send(connection, answer->bytes + at, length, MSG_NOSIGNAL) < 0)
            return;
    }
    char byte;
    if (answer->hang)
        (void)!read(connection, &byte, 1);
}

static void *serve(void *context)
{
    struct canned_server *server = context;
    for (;;) {
        int connection = accept(server->listener, NULL, NULL);
        if (connection < 0 || atomic_load(&server->stopping)) {
            if (connection >= 0)
                close(connection);
            return NULL;
        }
        read_request(server, connection);
        answer(server, connection);
        close(connection);
    }
}

static bool listen_at(struct canned_server *server, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    server->listener = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0)
        return false;
    if (path) {
        snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
        return bind(server->listener, (struct sockaddr *)&local, sizeof local) == 0 &&
               listen(server->listener, 8) == 0;
    }
    if (bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listener, 8) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    server->port = ntohs(address.sin_port);
    return true;
}

struct canned_server *canned_server_start(const struct canned_answer *answers, const char *path)
{
    struct canned_server *server = calloc(1, sizeof *server);
    if (!server)
        abort();
    server->answers = answers;
    if (!listen_at(server, path) || pthread_create(&server->thread, NULL, serve, server) != 0)
        abort();
    return server;
}

int canned_server_port(const struct canned_server *server)
{
    return server->port;
}

const char *canned_server_request(const struct canned_server *server)
{
    return server->request;
}

void canned_server_stop(struct canned_server *server)
{
    atomic_store(&server->stopping, true);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    free(server);
}
