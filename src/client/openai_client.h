/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of OpenAI-compatible servers over libcurl: what `chat --url`, `complete --url` and the
 * serving benchmark need. A client belongs to one thread at a time.
 */
#ifndef CLIENT_OPENAI_CLIENT_H
#define CLIENT_OPENAI_CLIENT_H

#include "base/buffer.h"
#include "base/json.h"
#include "base/status.h"

struct openai_client;

struct openai_client_options {
    const char *base_url;       /* "http://localhost:8000/v1" */
    const char *api_key;        /* NULL: none */
    const char *unix_socket;    /* NULL: TCP */
    double connect_timeout_s;   /* 0: 10 */
    double idle_timeout_s;      /* no byte for so long ends a request; 0: 600 */
    const volatile int *cancel; /* non-zero breaks a request off (OCTET_CANCELLED); may be NULL */
};

/* Errors: OCTET_USAGE (a URL that is not http or https), OCTET_MEMORY. */
octet_status openai_client_new(const struct openai_client_options *options,
                               struct openai_client **out, struct octet_error *err);
void openai_client_free(struct openai_client *client); /* NULL is fine */

/* GET base_url + path; the JSON answer is the caller's. Errors: OCTET_IO (with the address, what
 * happened and what to do), OCTET_INPUT (an error answer: its status and message; not JSON),
 * OCTET_CANCELLED, OCTET_MEMORY. */
octet_status openai_client_get(struct openai_client *client, const char *path, struct json **out,
                               struct octet_error *err);
/* POST a body and read the whole answer. Errors as above. */
octet_status openai_client_post(struct openai_client *client, const char *path,
                                const struct json *body, struct json **out,
                                struct octet_error *err);
/*
 * POST with "stream": true in the body: event(context, object) is called for each SSE event as it
 * arrives and returns false to stop (OCTET_CANCELLED). "[DONE]" ends; comments are skipped; an
 * object with "error" is OCTET_INPUT. Errors as above.
 */
octet_status openai_client_stream(struct openai_client *client, const char *path,
                                  const struct json *body,
                                  bool (*event)(void *context, const struct json *object),
                                  void *context, struct octet_error *err);

#endif
