/* SPDX-License-Identifier: Apache-2.0 */
#include "server/route.h"

#include <string.h>

#include "server/endpoint.h"
#include "server/exchange.h"
#include "server/server_internal.h"

/* The body of a refused request is read and forgotten up to this size, so that its connection can
 * be used again; beyond it the connection is closed. */
#define SKIPPED_BODY_MAX ((size_t)1 << 20)

static bool tokenizer_info_enabled(const struct server *server)
{
    return server->options.tokenizer_info;
}

static bool debug_enabled(const struct server *server)
{
    return server->options.debug_endpoints;
}

/* A path that is its own pattern. */
#define PLAIN(text) .pattern = (text), .path = (text)
#define GET .methods = "GET, HEAD, OPTIONS"
#define POST .methods = "POST, OPTIONS", .needs_model = true

const struct route server_routes[] = {
    {PLAIN("/"), GET, .open = true, .answer = endpoint_page},
    {PLAIN("/health"), GET, .open = true, .answer = endpoint_health},
    {PLAIN("/ping"), .methods = "GET, HEAD, POST, OPTIONS", .open = true,
     .answer = endpoint_health},
    {PLAIN("/version"), GET, .open = true, .answer = endpoint_version},
    {PLAIN("/metrics"), GET, .answer = endpoint_metrics},
    {PLAIN("/load"), GET, .answer = endpoint_load},
    {PLAIN("/openapi.json"), GET, .answer = endpoint_openapi},
    {PLAIN("/v1/models"), GET, .needs_model = true, .answer = endpoint_models},
    {PLAIN("/models"), GET, .needs_model = true, .answer = endpoint_models},
    {.pattern = "/v1/models/{model}",
     .path = "/v1/models/",
     .prefix = true,
     GET,
     .needs_model = true,
     .answer = endpoint_model},
    {PLAIN("/v1/chat/completions"), POST, .work = endpoint_chat},
    {PLAIN("/chat/completions"), POST, .work = endpoint_chat},
    {PLAIN("/v1/completions"), POST, .work = endpoint_completion},
    {PLAIN("/completions"), POST, .work = endpoint_completion},
    {PLAIN("/v1/chat/completions/render"), POST, .work = endpoint_render},
    {PLAIN("/tokenize"), POST, .work = endpoint_tokenize},
    {PLAIN("/detokenize"), POST, .work = endpoint_detokenize},
    {PLAIN("/tokenizer_info"), GET, .needs_model = true, .enabled = tokenizer_info_enabled,
     .answer = endpoint_tokenizer_info},
    {PLAIN("/debug/requests"), GET, .enabled = debug_enabled, .answer = endpoint_debug_requests},
};
const int server_route_count = (int)(sizeof server_routes / sizeof server_routes[0]);

int route_index(const struct route *route)
{
    return (int)(route - server_routes);
}

static bool matches(const struct route *route, const char *path, const char **rest)
{
    size_t length = strlen(route->path);
    if (strncmp(path, route->path, length) != 0)
        return false;
    if (route->prefix) {
        *rest = path + length;
        return path[length] != '\0';
    }
    return path[length] == '\0' || (length > 1 && strcmp(path + length, "/") == 0);
}

const struct route *route_find(const struct server *server, const char *path, const char **rest)
{
    const char *root = server->options.root_path;
    size_t length = root ? strlen(root) : 0;
    *rest = NULL;
    if (length > 0 && strncmp(path, root, length) == 0 &&
        (path[length] == '/' || path[length] == '\0'))
        path = path[length] ? path + length : "/";
    for (int i = 0; i < server_route_count; i++) {
        const struct route *route = &server_routes[i];
        if ((!route->enabled || route->enabled(server)) && matches(route, path, rest))
            return route;
    }
    return NULL;
}

bool route_allows(const struct route *route, const char *method)
{
    size_t length = strlen(method);
    const char *at = route->methods;
    for (; length > 0 && (at = strstr(at, method)) != NULL; at += length) {
        bool begins = at == route->methods || at[-1] == ' ';
        if (begins && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* ---- admission ---- */

static bool refuse(struct exchange *exchange, const struct api_error *error)
{
    answer_error(&exchange->answer, error);
    return false;
}

static bool check_key(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const struct request_head *head = &exchange->head;
    const struct route *route = exchange->route;
    if (strcmp(head->method, "OPTIONS") == 0 || (route && route->open))
        return true;
    if (route && route->answer == endpoint_metrics && !server->options.protect_metrics)
        return true;
    if (auth_check(&server->auth, head->authorization, head->x_api_key))
        return true;
    answer_status(&exchange->answer, 401, "invalid_api_key", NULL,
                  head->authorization || head->x_api_key
                      ? "Incorrect API key provided."
                      : "You didn't provide an API key. Send it in an Authorization header: "
                        "'Authorization: Bearer YOUR_KEY'.");
    exchange->answer.extra_name = "WWW-Authenticate";
    exchange->answer.extra_value = "Bearer";
    return false;
}

/* OPTIONS is answered here: 204, or 400 for an origin that may not come. */
static bool answer_options(struct exchange *exchange)
{
    struct cors_headers cors;
    cors_decide(&exchange->server->cors, &exchange->head, &cors);
    if (cors.refused) {
        answer_status(&exchange->answer, 400, "invalid_value", NULL,
                      "The origin is not allowed (--allowed-origins).");
        return false;
    }
    answer_fixed(&exchange->answer, 204, NULL, "", 0);
    exchange->answer.extra_name = "Allow";
    exchange->answer.extra_value =
        exchange->route ? exchange->route->methods : "GET, HEAD, POST, OPTIONS";
    return false;
}

static bool check_route(struct exchange *exchange)
{
    const struct request_head *head = &exchange->head;
    const struct route *route = exchange->route;
    if (!route) {
        answer_status(&exchange->answer, 404, "not_found", NULL, "Not Found: %s %.200s",
                      head->method, head->path);
        return false;
    }
    if (!route_allows(route, head->method)) {
        answer_status(&exchange->answer, 405, "method_not_allowed", NULL,
                      "Method Not Allowed: %s takes %s.", route->pattern, route->methods);
        exchange->answer.extra_name = "Allow";
        exchange->answer.extra_value = route->methods;
        return false;
    }
    return true;
}

static bool check_phase(struct exchange *exchange)
{
    struct server *server = exchange->server;
    if (!exchange->route->needs_model)
        return true;
    struct api_error error;
    switch (server_phase(server)) {
    case SERVER_SERVING:
        return true;
    case SERVER_LOADING:
        api_error_set(&error, 503, "server_overloaded", NULL,
                      "The model is loading; try again in a moment.");
        error.retry_after_s = 2;
        metrics_reject(&server->metrics, METRICS_LOADING);
        return refuse(exchange, &error);
    default:
        /* What only looks is still answered. */
        if (!exchange->route->work && server->engine)
            return true;
        api_error_set(&error, 503, "server_shutting_down", NULL, "The server is shutting down.");
        error.retry_after_s = 1;
        metrics_reject(&server->metrics, METRICS_DRAINING);
        return refuse(exchange, &error);
    }
}

bool route_admit(struct exchange *exchange, bool *close)
{
    struct server *server = exchange->server;
    struct request_head *head = &exchange->head;
    const struct head_limits limits = {.header_bytes = server->options.max_header_bytes,
                                       .header_count = server->options.max_header_count,
                                       .body_bytes = server->options.max_request_bytes};
    struct api_error error;
    if (head->path)
        exchange->route = route_find(server, head->path, &exchange->rest);
    *close = true;
    if (!head_check(head, &limits, &error))
        return refuse(exchange, &error);
    *close = head_has_body(head) &&
             (head->transfer_count > 0 || head->expect || head->length > SKIPPED_BODY_MAX);
    if (strcmp(head->method, "OPTIONS") == 0)
        return answer_options(exchange);
    if (!check_key(exchange) || !check_route(exchange))
        return false;
    if (exchange->route->work && !head_check_content(head, &error))
        return refuse(exchange, &error);
    return check_phase(exchange);
}
