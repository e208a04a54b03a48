/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static int bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* A socket that listens, or -1 with errno. */
static int open_socket(const struct sockaddr *address, socklen_t size, int family, bool both)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, v6only = both ? 0 : 1;
    if (family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
    if (bind(fd, address, size) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static octet_status listen_everywhere(int port, struct listener *out, struct octet_error *err)
{
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    out->fd = open_socket((const struct sockaddr *)&any6, sizeof any6, AF_INET6, true);
    if (out->fd < 0 && errno != EADDRINUSE && errno != EACCES)
        out->fd = open_socket((const struct sockaddr *)&any4, sizeof any4, AF_INET, false);
    if (out->fd < 0) {
        char name[32];
        snprintf(name, sizeof name, "0.0.0.0:%d", port);
        return error_errno(err, errno, "cannot listen on", name);
    }
    return OCTET_OK;
}

octet_status listen_tcp(const char *host, int port, struct listener *out, struct octet_error *err)
{
    *out = (struct listener){.fd = -1};
    if (port < 0 || port > 65535)
        return error_set(err, OCTET_USAGE, "port is %d; 0 to 65535 is possible", port);
    if (!host || !host[0]) {
        RETURN_IF_ERROR(listen_everywhere(port, out, err));
        out->port = bound_port(out->fd);
        return OCTET_OK;
    }
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int result = getaddrinfo(host, service, &hints, &addresses);
    if (result != 0)
        return error_set(err, OCTET_USAGE, "host '%s' has no address: %s", host,
                         gai_strerror(result));
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *at = addresses; at && out->fd < 0; at = at->ai_next) {
        bool both = strcmp(host, "::") == 0;
        out->fd = open_socket(at->ai_addr, at->ai_addrlen, at->ai_family, both);
        if (out->fd < 0)
            error = errno;
    }
    freeaddrinfo(addresses);
    if (out->fd < 0) {
        char name[300];
        snprintf(name, sizeof name, strchr(host, ':') ? "[%.255s]:%d" : "%.255s:%d", host, port);
        return error_errno(err, error, "cannot listen on", name);
    }
    out->port = bound_port(out->fd);
    return OCTET_OK;
}

/* Whether the socket file is one that nobody listens on. */
static bool is_stale(const struct sockaddr_un *address)
{
    struct stat info;
    if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

octet_status listen_unix(const char *path, struct listener *out, struct octet_error *err)
{
    *out = (struct listener){.fd = -1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path)
        return error_set(err, OCTET_USAGE, "uds is a path of %zu bytes; 1 to %zu are possible",
                         length, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, length + 1);
    const struct sockaddr *generic = (const struct sockaddr *)&address;
    out->fd = open_socket(generic, sizeof address, AF_UNIX, false);
    if (out->fd < 0 && errno == EADDRINUSE) {
        if (is_stale(&address) && unlink(path) == 0)
            out->fd = open_socket(generic, sizeof address, AF_UNIX, false);
        else
            errno = EADDRINUSE;
    }
    if (out->fd < 0)
        return error_errno(err, errno, "cannot listen on", path);
    struct stat info;
    if (stat(path, &info) == 0) {
        out->uds = path;
        out->device = info.st_dev;
        out->inode = info.st_ino;
    }
    return OCTET_OK;
}

void listen_close(struct listener *listener)
{
    struct stat info;
    if (listener->uds && stat(listener->uds, &info) == 0 && info.st_dev == listener->device &&
        info.st_ino == listener->inode)
        unlink(listener->uds);
    listener->uds = NULL;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}
