/* SPDX-License-Identifier: Apache-2.0 */
/* The line and headers of a request, and what is wrong with them. Pure. */
#ifndef SERVER_HEAD_H
#define SERVER_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api_error.h"

#define HEAD_URI_MAX 8192

/* Strings of headers belong to the HTTP library and live as long as the request. */
struct request_head {
    char *target; /* as sent; owned */
    char *path;   /* absolute form and query cut off, percent-decoded; owned; NULL: malformed */
    char method[24];
    bool http10;
    bool malformed; /* a header line that servers read in different ways */
    bool has_host;
    int header_count;
    size_t header_bytes;
    int length_count, transfer_count; /* how often the headers came */
    const char *content_length, *transfer_encoding, *content_type, *content_encoding, *expect;
    const char *authorization, *x_api_key, *x_request_id;
    const char *origin, *requested_method, *requested_headers;
    uint64_t length; /* of the body, when content_length is right */
};

struct head_limits {
    size_t header_bytes;
    int header_count;
    size_t body_bytes;
};

/* Sets target and path. False when out of memory. */
bool head_set_target(struct request_head *head, const char *target);
void head_free(struct request_head *head);
/* Take a header; size is that of its line. */
void head_add(struct request_head *head, const char *name, const char *value);

/*
 * What must be refused before the body is read: too long, malformed, smuggling. Fills error
 * (400, 411, 413, 414, 417, 431) and returns false. The connection must close then.
 */
bool head_check(struct request_head *head, const struct head_limits *limits,
                struct api_error *error);
/* The content type and encoding of a POST: 400 with vLLM's text, 415. */
bool head_check_content(const struct request_head *head, struct api_error *error);
/* Whether a body comes. */
bool head_has_body(const struct request_head *head);

/* An id that a client may choose: 1 to 128 printable bytes without quotes, backslash or spaces. */
bool head_id_is_usable(const char *id);

#endif
