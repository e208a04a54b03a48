/* SPDX-License-Identifier: Apache-2.0 */
/* An error as clients of the OpenAI API read it: {"error":{message, type, param, code}}, with a
 * string or null code. */
#ifndef API_API_ERROR_H
#define API_API_ERROR_H

#include "base/buffer.h"
#include "base/status.h"

struct api_error {
    int http_status;                /* 400, 401, 404, ... */
    const char *type;               /* "invalid_request_error", ...: a literal */
    const char *code;               /* "context_length_exceeded", ...: a literal; NULL is null */
    char param[160];                /* the field's path, "messages.0.content"; "" is null */
    int64_t n_prompt_tokens, n_ctx; /* context_length_exceeded: shown when > 0 */
    int retry_after_s;              /* Retry-After and retry-after-ms; 0: no such headers */
    struct octet_error detail;      /* detail.message is the sentence */
};

/*
 * Fill `out`; code and param may be NULL. Returns a status for `return api_error_set(...)`:
 * OCTET_INPUT always.
 */
octet_status api_error_set(struct api_error *out, int http_status, const char *code,
                           const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* From a status of a room below: USAGE, INPUT, LIMIT, UNSUPPORTED are 400; MEMORY 503; others 500.
 * The sentence is err's. */
void api_error_from(struct api_error *out, const struct octet_error *err);

/* The JSON body. False when out of memory. */
bool api_error_body(const struct api_error *error, struct buffer *out);

/* The type that goes with a status: 400, 401, 404 "invalid_request_error" (OpenAI's word for a
 * wrong key too, told apart by its code), 429 "rate_limit_error" ... */
const char *api_error_type(int http_status);

#endif
