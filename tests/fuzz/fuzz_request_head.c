/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's line and headers as the HTTP library hands them over: the first line is method, space
 * and target, each further one "name:value". What is let through has one meaning, and a path that
 * was decoded has neither NUL nor query.
 */
#include "server/cors.h"
#include "server/head.h"
#include "server/server_internal.h"
#include "server/route.h"

#include <assert.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct request_head *head)
{
    static const struct head_limits limits = {
        .header_bytes = 2048, .header_count = 16, .body_bytes = 1000};
    static const char *const origins[] = {"http://a", "https://b.example"};
    const struct cors_rules rules = {.origins = origins, .origin_count = 2, .credentials = true};
    struct server server = {.options = {.root_path = "/root"}};
    struct api_error error = {0};
    struct cors_headers cors;
    const char *rest = NULL;
    if (head_check(head, &limits, &error)) {
        assert(head->path && !head->malformed);
        assert(head->length <= limits.body_bytes);
        assert(!(head->transfer_count > 0 && head->length_count > 0));
        assert(strlen(head->target) <= HEAD_URI_MAX);
        const struct route *route = route_find(&server, head->path, &rest);
        if (route && route->prefix)
            assert(rest >= head->path && rest <= head->path + strlen(head->path));
        (void)head_check_content(head, &error);
    } else {
        assert(error.http_status >= 400 && error.http_status < 500);
        assert(error.detail.message[0]);
    }
    cors_decide(&rules, head, &cors);
    if (cors.allow_origin)
        assert(strcmp(cors.allow_origin, origins[0]) == 0 ||
               strcmp(cors.allow_origin, origins[1]) == 0 ||
               strcasecmp(cors.allow_origin, head->origin) == 0);
    assert(!strpbrk(cors.headers, "\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct request_head head = {0};
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *next = strchr(text, '\n');
    if (next)
        *next++ = '\0';
    char *target = strchr(text, ' ');
    if (target)
        *target++ = '\0';
    snprintf(head.method, sizeof head.method, "%s", text);
    if (head_set_target(&head, target ? target : "")) {
        while (next) {
            char *name = next;
            next = strchr(name, '\n');
            if (next)
                *next++ = '\0';
            char *value = strchr(name, ':');
            if (value)
                *value++ = '\0';
            head_add(&head, name, value);
        }
        if (head.x_request_id)
            (void)head_id_is_usable(head.x_request_id);
        check(&head);
    }
    head_free(&head);
    free(text);
    return 0;
}
