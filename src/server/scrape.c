/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics and /debug/requests read of a running server. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/exchange.h"
#include "server/route.h"
#include "server/server_internal.h"

/* Tokens of requests that are not finished, which the counters do not have yet. */
static void add_live(struct server *server, struct metrics_scrape *scrape)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        const struct connection *connection = &server->connections.slots[i];
        struct exchange *exchange = connection->used ? connection->exchange : NULL;
        if (!exchange)
            continue;
        pthread_mutex_lock(&exchange->mutex);
        struct generating *generating = exchange->generating;
        pthread_mutex_unlock(&exchange->mutex);
        struct generating_live live = {0};
        if (generating)
            generating_live(generating, &live);
        scrape->live_prompt_tokens += live.prompt_tokens;
        scrape->live_cached_tokens += live.cached_tokens;
        scrape->live_generation_tokens += live.generated_tokens;
    }
    pthread_mutex_unlock(&server->mutex);
}

bool server_metrics_text(struct server *server, struct buffer *out)
{
    const char *patterns[METRICS_ROUTES_MAX], *methods[METRICS_ROUTES_MAX];
    struct metrics_scrape scrape = {.version = octet_version(),
                                    .route_patterns = patterns,
                                    .route_methods = methods,
                                    .route_count = server_route_count,
                                    .http_active = atomic_load(&server->active)};
    for (int i = 0; i < server_route_count; i++) {
        patterns[i] = server_routes[i].pattern;
        methods[i] = server_routes[i].methods;
    }
    if (server_phase(server) != SERVER_LOADING && server->engine) {
        scrape.attached = true;
        scrape.model_name = server->model.name_count > 0 ? server->model.names[0] : "";
        scrape.block_size = server->cache.block_size;
        scrape.cache_dtype = server->cache.dtype;
        scrape.memory_fraction = server->cache.memory_fraction;
        scrape.weight_bytes = server->cache.weight_bytes;
        scrape.weight_dtype = server->cache.weight_dtype;
        scrape.prefix_cache = engine_prefix_cache(server->engine);
        engine_pulse(server->engine, &scrape.pulse);
        engine_stats(server->engine, &scrape.engine);
        add_live(server, &scrape);
    }
    return metrics_render(&server->metrics, &scrape, out);
}

static struct json *describe(const struct connection *connection, struct exchange *exchange)
{
    static const char *const states[] = {"queued", "prefill", "decode"};
    struct json *entry = json_new_object();
    char id[sizeof exchange->id];
    pthread_mutex_lock(&exchange->mutex);
    struct generating *generating = exchange->generating;
    memcpy(id, exchange->id, sizeof id);
    pthread_mutex_unlock(&exchange->mutex);
    struct generating_live live = {0};
    const char *state = connection->stage == CONNECTION_ANSWERING ? "parsing" : "receiving";
    if (generating) {
        generating_live(generating, &live);
        state = states[generating_state(generating)];
    }
    bool ok = json_set(entry, "id", json_new_string(id)) &&
              json_set(entry, "peer", json_new_string(connection->peer)) &&
              json_set(entry, "target",
                       json_new_string(exchange->head.target ? exchange->head.target : "")) &&
              json_set(entry, "age_s", json_new_real(clock_seconds_since(exchange->start_ns))) &&
              json_set(entry, "state", json_new_string(state)) &&
              json_set(entry, "output_tokens", json_new_integer((int64_t)live.generated_tokens));
    if (ok)
        return entry;
    json_free(entry);
    return NULL;
}

bool server_debug_text(struct server *server, struct buffer *out)
{
    struct json *list = json_new_array(), *root = json_new_object();
    bool ok = list && root;
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high && ok; i++) {
        const struct connection *connection = &server->connections.slots[i];
        if (connection->used && connection->exchange)
            ok = json_push(list, describe(connection, connection->exchange));
    }
    pthread_mutex_unlock(&server->mutex);
    if (ok) {
        ok = json_set(root, "requests", list);
        list = NULL;
    }
    ok = ok && json_dump(root, 0, out);
    json_free(list);
    json_free(root);
    return ok;
}
