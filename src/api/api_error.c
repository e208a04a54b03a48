/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_error.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *api_error_type(int http_status)
{
    switch (http_status) {
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    case 503:
        return "service_unavailable_error";
    default:
        return http_status >= 500 ? "server_error" : "invalid_request_error";
    }
}

octet_status api_error_set(struct api_error *out, int http_status, const char *code,
                           const char *param, const char *format, ...)
{
    char message[sizeof out->detail.message];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    memset(out, 0, sizeof *out);
    out->http_status = http_status;
    out->type = api_error_type(http_status);
    out->code = code;
    /* Paths hold keys of the request: made printable in the same way as the sentence. */
    struct octet_error path;
    (void)error_set(&path, OCTET_INPUT, "%s", param ? param : "");
    (void)snprintf(out->param, sizeof out->param, "%.*s", (int)sizeof out->param - 1, path.message);
    return error_set(&out->detail, OCTET_INPUT, "%s%s", message,
                     (size_t)length >= sizeof message ? "..." : "");
}

void api_error_from(struct api_error *out, const struct octet_error *err)
{
    struct octet_error copy = *err;
    int http_status = 500;
    const char *code = NULL;
    switch (copy.status) {
    case OCTET_USAGE:
    case OCTET_INPUT:
    case OCTET_LIMIT:
    case OCTET_UNSUPPORTED:
        http_status = 400;
        break;
    case OCTET_MEMORY:
        http_status = 503;
        code = "server_overloaded";
        break;
    default:
        break;
    }
    memset(out, 0, sizeof *out);
    out->http_status = http_status;
    out->type = api_error_type(http_status);
    out->code = code;
    out->detail = copy;
}

bool api_error_body(const struct api_error *error, struct buffer *out)
{
    struct json *body = json_new_object();
    struct json *inner = json_new_object();
    bool ok = body && inner;
    ok = json_set(inner, "message", json_new_string(error->detail.message)) && ok;
    ok = json_set(inner, "type", json_new_string(error->type ? error->type : "server_error")) && ok;
    ok = json_set(inner, "param",
                  error->param[0] ? json_new_string(error->param) : json_new_null()) &&
         ok;
    ok =
        json_set(inner, "code", error->code ? json_new_string(error->code) : json_new_null()) && ok;
    if (error->n_prompt_tokens > 0)
        ok = json_set(inner, "n_prompt_tokens", json_new_integer(error->n_prompt_tokens)) && ok;
    if (error->n_ctx > 0)
        ok = json_set(inner, "n_ctx", json_new_integer(error->n_ctx)) && ok;
    ok = json_set(body, "error", inner) && ok;
    ok = ok && json_dump(body, 0, out);
    json_free(body);
    return ok;
}
