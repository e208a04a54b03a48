/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin requests: which headers an answer gets. Pure. */
#ifndef SERVER_CORS_H
#define SERVER_CORS_H

#include <stdbool.h>
#include <stddef.h>
#include "server/head.h"

struct cors_rules {
    const char *const *origins, *const *methods, *const *headers; /* borrowed; "*" is any */
    size_t origin_count, method_count, header_count;              /* 0: "*" */
    bool credentials;
};

struct cors_headers {
    const char *allow_origin; /* NULL: none of them is sent */
    bool vary;                /* "Vary: Origin" */
    bool credentials;
    /* Of a preflight. */
    char methods[256], headers[512];
    bool preflight, refused;
};

/* For each request; `preflight` in the answer says that this is one. */
void cors_decide(const struct cors_rules *rules, const struct request_head *head,
                 struct cors_headers *out);

#endif
