/* SPDX-License-Identifier: Apache-2.0 */
/* The server's inside, shared by its files. */
#ifndef SERVER_SERVER_INTERNAL_H
#define SERVER_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/auth.h"
#include "server/connection.h"
#include "server/cors.h"
#include "server/listen.h"
#include "server/log_queue.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/worker.h"

enum server_phase {
    SERVER_LOADING,
    SERVER_SERVING,
    SERVER_DRAINING,
    SERVER_STOPPING, /* nothing is suspended any more */
};

/* What the metrics say of the memory. */
struct server_cache_info {
    int32_t block_size;
    const char *dtype; /* a literal */
    double memory_fraction;
    uint64_t weight_bytes;
    const char *weight_dtype; /* a literal */
};

struct server {
    struct server_options options; /* its strings and lists are copies, in option_memory */
    void **option_memory;
    size_t option_memory_count;

    struct listener listener;
    struct http *http;
    struct watch *watch;
    struct workers *workers;
    struct log_queue *log;
    struct auth auth;
    struct cors_rules cors;
    struct metrics metrics;

    atomic_int phase;
    uint64_t start_ns;

    /* Set by server_attach() before the phase says so, and unchanged afterwards. */
    struct runtime *runtime;
    struct engine *engine;
    struct api_model model;
    struct grammar_vocab *vocab;
    struct server_cache_info cache;

    /* Written by the watch; /health reads them and takes no lock. */
    atomic_bool hung, failed;
    _Atomic uint64_t watch_beat_ns;

    pthread_mutex_t mutex; /* the table of connections, and what follows */
    struct connection_table connections;
    uint64_t last_finish_ns;  /* when a choice finished */
    double finish_interval_s; /* between finishing choices, smoothed */
    atomic_int generating;    /* requests of the API that run */
    atomic_int active;        /* exchanges */
    atomic_size_t body_bytes; /* of bodies in memory */
    atomic_bool thought_warned;
};

static inline enum server_phase server_phase(struct server *server)
{
    return (enum server_phase)atomic_load(&server->phase);
}

/* server_attach() once there is an engine and a complete model. */
void server_attach_engine(struct server *server, struct engine *engine,
                          const struct api_model *model, const struct server_cache_info *cache);

octet_status server_options_copy(struct server *server, const struct server_options *options,
                                 struct octet_error *err);
void server_options_free(struct server *server);

/* A choice has finished; and when a client that finds the queue full should come again. */
void server_note_finish(struct server *server);
int64_t server_retry_after_ms(struct server *server);
/* 32 hexadecimal digits that no other request has. */
void server_make_id(char out[33]);

/* How the engine is: updates hung and failed. The watch calls it. */
void health_update(struct server *server, uint64_t now_ns);
/* NULL: healthy; else "loading", "draining", ... No lock. */
const char *health_problem(struct server *server);

struct stats_line {
    uint64_t last_ns, prompt_tokens, generated_tokens;
    bool was_idle;
};
/* The line of statistics, when it is time for it. */
void stats_line_tick(struct server *server, struct stats_line *stats, uint64_t now_ns);

/* The text of /metrics and /load, /debug/requests. False when out of memory. */
bool server_metrics_text(struct server *server, struct buffer *out);
bool server_debug_text(struct server *server, struct buffer *out);

#endif
