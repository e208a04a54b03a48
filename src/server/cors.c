/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cors.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ALL_METHODS "GET, HEAD, POST, OPTIONS"

static bool any(const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], "*") == 0)
            return true;
    }
    return count == 0;
}

static bool listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(list[i], text) == 0)
            return true;
    }
    return false;
}

static void join(const char *const *list, size_t count, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", list[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* What a client asks for may be said back to it only as far as it is a plain list of names. */
static void copy_names(const char *text, char *out, size_t size)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), text);
}

void cors_decide(const struct cors_rules *rules, const struct request_head *head,
                 struct cors_headers *out)
{
    *out = (struct cors_headers){0};
    if (!head->origin || strlen(head->origin) > 1024 || strpbrk(head->origin, "\r\n"))
        return;
    bool all = any(rules->origins, rules->origin_count);
    bool ours = all || listed(rules->origins, rules->origin_count, head->origin);
    out->preflight = strcmp(head->method, "OPTIONS") == 0 && head->requested_method;
    out->refused = out->preflight && !ours;
    if (!ours)
        return;
    out->allow_origin = all ? "*" : head->origin;
    out->vary = !all;
    out->credentials = rules->credentials;
    if (!out->preflight)
        return;
    if (any(rules->methods, rules->method_count))
        snprintf(out->methods, sizeof out->methods, "%s", ALL_METHODS);
    else
        join(rules->methods, rules->method_count, out->methods, sizeof out->methods);
    if (!any(rules->headers, rules->header_count))
        join(rules->headers, rules->header_count, out->headers, sizeof out->headers);
    else if (head->requested_headers)
        copy_names(head->requested_headers, out->headers, sizeof out->headers);
}
