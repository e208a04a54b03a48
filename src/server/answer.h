/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent for one request. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "api/api_error.h"
#include "base/buffer.h"

#define CONTENT_JSON "application/json"

struct answer {
    int status;               /* 0: none yet */
    const char *content_type; /* a literal; NULL: no body */
    struct buffer body;       /* owned */
    const char *fixed;        /* instead of body: bytes that stay */
    size_t fixed_size;
    const char *extra_name, *extra_value; /* one more header: literals, or the route's */
    int64_t retry_after_ms;               /* 0: no such headers */
    bool close;
};

void answer_init(struct answer *answer);
void answer_free(struct answer *answer);
/* An answer replaces the one before. Bodies that memory does not suffice for become a fixed one. */
void answer_error(struct answer *answer, const struct api_error *error);
void answer_status(struct answer *answer, int status, const char *code, const char *param,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Takes the buffer's bytes; one that has failed becomes an error. */
/* The engine ended a request: 503 when it had no room for it (OCTET_LIMIT), else 500. */
void answer_failure(struct answer *answer, octet_status status, const char *sentence);
void answer_body(struct answer *answer, int status, const char *content_type, struct buffer *body);
void answer_fixed(struct answer *answer, int status, const char *content_type, const char *bytes,
                  size_t size);
size_t answer_size(const struct answer *answer);
const char *answer_bytes(const struct answer *answer);
/* "OK", "Not Found", ... */
const char *answer_phrase(int status);

#endif
