/* SPDX-License-Identifier: Apache-2.0 */
#include "server/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/exchange.h"
#include "server/http.h"
#include "server/notify.h"
#include "server/server_internal.h"

#define EVENTS 64
#define TICK_MS 100
#define LINGER_MAX 8
#define LINGER_NS UINT64_C(2000000000)
#define LINGER_BYTES_MAX ((size_t)16 << 20)

/* What epoll tells: connections have their id; these have numbers that no id has. */
#define KEY_STOP UINT64_C(0)
#define KEY_LINGER UINT64_C(1)

struct lingering {
    int fd; /* -1: free */
    uint64_t until_ns;
    size_t bytes;
};

struct watch {
    struct server *server;
    int epoll, stop;
    pthread_t thread;
    struct lingering lingering[LINGER_MAX]; /* under the server's lock */
    struct stats_line stats;
    uint64_t watchdog_interval_ns, watchdog_ns;
    atomic_bool stopping;
};

void watch_add(struct watch *watch, const struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.u64 = connection->id};
    (void)epoll_ctl(watch->epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

void watch_remove(struct watch *watch, const struct connection *connection)
{
    (void)epoll_ctl(watch->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
}

void watch_linger(struct watch *watch, int fd)
{
    for (int i = 0; i < LINGER_MAX; i++) {
        struct lingering *slot = &watch->lingering[i];
        if (slot->fd >= 0)
            continue;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                    .data.u64 = KEY_LINGER + (uint64_t)i};
        if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, copy, &event) != 0) {
            close(copy);
            return;
        }
        *slot = (struct lingering){.fd = copy, .until_ns = clock_now_ns() + LINGER_NS};
        return;
    }
}

static void end_linger(struct watch *watch, struct lingering *slot)
{
    (void)epoll_ctl(watch->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
    close(slot->fd);
    slot->fd = -1;
}

/* Throw away what comes, and end with the client's end or a limit. */
static void read_linger(struct watch *watch, struct lingering *slot)
{
    char waste[16384];
    for (int i = 0; i < 16 && slot->fd >= 0; i++) {
        ssize_t size = recv(slot->fd, waste, sizeof waste, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size > 0)
            slot->bytes += (size_t)size;
        if (size <= 0 || slot->bytes > LINGER_BYTES_MAX)
            end_linger(watch, slot);
    }
}

static void on_event(struct watch *watch, uint64_t key)
{
    struct server *server = watch->server;
    pthread_mutex_lock(&server->mutex);
    if (key >= KEY_LINGER && key < KEY_LINGER + LINGER_MAX) {
        struct lingering *slot = &watch->lingering[key - KEY_LINGER];
        if (slot->fd >= 0)
            read_linger(watch, slot);
    } else if (key != KEY_STOP) {
        struct connection *connection = connection_find(&server->connections, key);
        if (connection) {
            connection->gone = true;
            if (connection->exchange)
                exchange_break(connection->exchange, BREAK_GONE);
        }
    }
    pthread_mutex_unlock(&server->mutex);
}

/* ---- deadlines ---- */

static bool passed(uint64_t since_ns, double seconds, uint64_t now_ns)
{
    return now_ns > since_ns && (double)(now_ns - since_ns) / 1e9 >= seconds;
}

static void cut(struct connection *connection, bool tls, bool say)
{
    if (say)
        http_write_raw(connection->fd, tls, 408, "invalid_value",
                       "The request did not come in time.");
    connection->cut = true;
    shutdown(connection->fd, SHUT_RDWR);
}

static void check_idle(struct server *server, struct connection *connection, uint64_t now_ns)
{
    const struct server_options *options = &server->options;
    bool tls = options->ssl_certfile;
    if (connection->first_byte_ns == 0 && connection_bytes(connection) > connection->idle_bytes)
        connection->first_byte_ns = now_ns;
    if (connection->first_byte_ns != 0) {
        if (passed(connection->first_byte_ns, options->header_timeout_s, now_ns))
            cut(connection, tls, true);
        return;
    }
    /* Where the system does not tell whether something came, both times are allowed. */
    double allowed = options->keep_alive_s;
    if (!connection->is_tcp)
        allowed += options->header_timeout_s;
    if (passed(connection->stage_ns, allowed, now_ns))
        cut(connection, tls, false);
}

static void check_answering(struct server *server, struct exchange *exchange, uint64_t now_ns)
{
    const struct server_options *options = &server->options;
    uint64_t submitted_ns = 0;
    pthread_mutex_lock(&exchange->mutex);
    struct generating *generating = exchange->generating;
    if (generating && exchange->suspended && options->sse_keep_alive_s > 0 &&
        generating_request(generating)->stream &&
        passed(exchange->suspended_ns, options->sse_keep_alive_s, now_ns)) {
        exchange->ping_due = true;
        exchange_wake(exchange);
    }
    pthread_mutex_unlock(&exchange->mutex);
    if (generating && options->request_timeout_s > 0 &&
        generating_queued(generating, &submitted_ns) && submitted_ns > 0 &&
        passed(submitted_ns, options->request_timeout_s, now_ns))
        exchange_break(exchange, BREAK_QUEUE_TIMEOUT);
}

static void check_connection(struct server *server, struct connection *connection, uint64_t now_ns)
{
    const struct server_options *options = &server->options;
    switch (connection->stage) {
    case CONNECTION_IDLE:
        check_idle(server, connection, now_ns);
        break;
    case CONNECTION_HEADERS:
        if (passed(connection->first_byte_ns, options->header_timeout_s, now_ns))
            cut(connection, options->ssl_certfile, true);
        break;
    case CONNECTION_BODY:
        if (passed(connection->stage_ns, options->body_timeout_s, now_ns))
            cut(connection, options->ssl_certfile, true);
        break;
    case CONNECTION_ANSWERING:
        check_answering(server, connection->exchange, now_ns);
        break;
    }
}

static void tick(struct watch *watch, uint64_t now_ns)
{
    struct server *server = watch->server;
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        struct connection *connection = &server->connections.slots[i];
        if (connection->used && !connection->cut)
            check_connection(server, connection, now_ns);
    }
    for (int i = 0; i < LINGER_MAX; i++) {
        struct lingering *slot = &watch->lingering[i];
        if (slot->fd >= 0 && now_ns > slot->until_ns)
            end_linger(watch, slot);
    }
    pthread_mutex_unlock(&server->mutex);
    health_update(server, now_ns);
    stats_line_tick(server, &watch->stats, now_ns);
    if (watch->watchdog_interval_ns > 0 && !atomic_load(&server->hung) &&
        now_ns - watch->watchdog_ns > watch->watchdog_interval_ns / 3) {
        watch->watchdog_ns = now_ns;
        notify_watchdog();
    }
    atomic_store(&server->watch_beat_ns, now_ns);
}

static void *thread_main(void *argument)
{
    struct watch *watch = argument;
    pthread_setname_np(pthread_self(), "octet-watch");
    struct epoll_event events[EVENTS];
    uint64_t next_ns = clock_now_ns();
    while (!atomic_load(&watch->stopping)) {
        int count = epoll_wait(watch->epoll, events, EVENTS, TICK_MS);
        for (int i = 0; i < count; i++)
            on_event(watch, events[i].data.u64);
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= next_ns) {
            tick(watch, now_ns);
            next_ns = now_ns + (uint64_t)TICK_MS * 1000000;
        }
    }
    return NULL;
}

octet_status watch_start(struct server *server, struct watch **out, struct octet_error *err)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return error_memory(err, "watch", sizeof *watch);
    watch->server = server;
    for (int i = 0; i < LINGER_MAX; i++)
        watch->lingering[i].fd = -1;
    watch->watchdog_interval_ns = notify_watchdog_interval_ns();
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = KEY_STOP};
    int result = 0;
    if (watch->epoll < 0 || watch->stop < 0 ||
        epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->stop, &event) != 0)
        result = errno;
    if (result == 0)
        result = pthread_create(&watch->thread, NULL, thread_main, watch);
    if (result != 0) {
        if (watch->epoll >= 0)
            close(watch->epoll);
        if (watch->stop >= 0)
            close(watch->stop);
        free(watch);
        return error_errno(err, result, "cannot start", "the thread that watches connections");
    }
    *out = watch;
    return OCTET_OK;
}

void watch_stop(struct watch *watch)
{
    if (!watch)
        return;
    atomic_store(&watch->stopping, true);
    uint64_t one = 1;
    ssize_t written = write(watch->stop, &one, sizeof one);
    (void)written; /* the thread looks by itself, a tick later */
    pthread_join(watch->thread, NULL);
    for (int i = 0; i < LINGER_MAX; i++) {
        if (watch->lingering[i].fd >= 0)
            close(watch->lingering[i].fd);
    }
    close(watch->stop);
    close(watch->epoll);
    free(watch);
}
