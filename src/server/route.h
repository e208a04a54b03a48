/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and who answers them. */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct server;

struct route {
    const char *pattern;                          /* as metrics and the list of routes show it */
    const char *path;                             /* ends in '/' when `prefix` */
    bool prefix;                                  /* anything may follow, and is exchange->rest */
    const char *methods;                          /* for Allow: "GET, HEAD, OPTIONS" */
    bool open;                                    /* no key is needed */
    bool needs_model;                             /* 503 while loading */
    bool (*enabled)(const struct server *server); /* NULL: always */
    void (*answer)(struct exchange *exchange);    /* at once, on the HTTP thread */
    void (*work)(struct exchange *exchange);      /* POST, on a worker; NULL: answer */
};

extern const struct route server_routes[];
extern const int server_route_count;

int route_index(const struct route *route);
/*
 * The route of a decoded path, with or without the server's root path and one '/' at its end; NULL:
 * none. *rest is what follows a prefix, inside of path.
 */
const struct route *route_find(const struct server *server, const char *path, const char **rest);
bool route_allows(const struct route *route, const char *method);

/*
 * Everything that can be said of a request before its body is read. True: go on. Else the
 * exchange's answer is an error; *close: and no byte more must be read from the connection.
 */
bool route_admit(struct exchange *exchange, bool *close);

#endif
