/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "api/template_check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "server/exchange.h"
#include "server/http.h"
#include "server/notify.h"
#include "server/server_internal.h"
#include "server/watch.h"

/* Descriptors that are kept for what is not a connection: weights, the log, closing connections. */
#define RESERVED_DESCRIPTORS 24
#define CONNECTIONS_MAX 16384
#define CONNECTIONS_MIN 4
#define DRAIN_POLL_NS 10000000L
#define DRAIN_GRACE_S 2.0 /* for error events to be sent */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 60000

static size_t open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    if (!directory)
        return 16;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static size_t connection_limit(const struct server_options *options)
{
    struct rlimit limit;
    size_t most = CONNECTIONS_MAX, taken = open_descriptors() + RESERVED_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < most + taken)
        most = limit.rlim_cur > taken + CONNECTIONS_MIN ? (size_t)limit.rlim_cur - taken
                                                        : CONNECTIONS_MIN;
    if (options->max_connections > 0 && (size_t)options->max_connections < most)
        most = (size_t)options->max_connections;
    return most;
}

static octet_status start(struct server *server, const struct server_options *options,
                          struct octet_error *err)
{
    RETURN_IF_ERROR(server_options_copy(server, options, err));
    const struct server_options *o = &server->options;
    RETURN_IF_ERROR(auth_init(&server->auth, (char **)(uintptr_t)o->api_keys, o->api_key_count,
                              o->api_key_file, err));
    if (o->uds)
        RETURN_IF_ERROR(listen_unix(o->uds, &server->listener, err));
    else
        RETURN_IF_ERROR(listen_tcp(o->host, o->port, &server->listener, err));
    size_t limit = connection_limit(o);
    /* A closing connection gives its slot back before the library lets the next one in. */
    if (!connection_table_init(&server->connections, limit + 8))
        return error_memory(err, "connections", limit * sizeof(struct connection));
    RETURN_IF_ERROR(log_queue_start(o->write_line, o->write_line_context, &server->log, err));
    RETURN_IF_ERROR(workers_start(o->workers, &server->workers, err));
    RETURN_IF_ERROR(watch_start(server, &server->watch, err));
    return http_start(server, limit, &server->http, err);
}

octet_status server_listen(const struct server_options *options, struct server **out,
                           struct octet_error *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return error_memory(err, "server", sizeof *server);
    pthread_mutex_init(&server->mutex, NULL);
    metrics_init(&server->metrics);
    server->listener.fd = -1;
    server->start_ns = clock_now_ns();
    (void)signal(SIGPIPE, SIG_IGN);
    /* Signals belong to the program's own thread; the server's threads inherit that. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    octet_status status = start(server, options, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != OCTET_OK) {
        server_free(server);
        return status;
    }
    *out = server;
    return OCTET_OK;
}

int server_port(const struct server *server)
{
    return server->listener.port;
}

static octet_status render(void *context, const struct json *variables, struct buffer *out,
                           struct octet_error *err)
{
    return runtime_render_chat(context, variables, out, err);
}

void server_note_startup(struct server *server, enum server_phase_name phase, double seconds)
{
    pthread_mutex_lock(&server->metrics.mutex);
    server->metrics.startup_s[phase] = seconds;
    pthread_mutex_unlock(&server->metrics.mutex);
}

void server_attach_engine(struct server *server, struct engine *engine,
                          const struct api_model *model, const struct server_cache_info *cache)
{
    server->engine = engine;
    server->model = *model;
    server->cache = *cache;
    metrics_set_model_len(&server->metrics, model->max_model_len);
    server_note_startup(server, SERVER_PHASE_ALL, clock_seconds_since(server->start_ns));
    atomic_store(&server->watch_beat_ns, clock_now_ns());
    atomic_store(&server->phase, SERVER_SERVING);
    notify_ready();
}

octet_status server_attach(struct server *server, struct runtime *runtime,
                           const struct api_model *model, struct octet_error *err)
{
    const struct runtime_plan *plan = runtime_get_plan(runtime);
    struct api_model complete = *model;
    complete.tokenizer = runtime_tokenizer(runtime);
    complete.vocab_size = (int32_t)plan->config.vocab_size;
    complete.max_model_len = plan->max_model_len;
    complete.max_logprobs = engine_max_logprobs(runtime_engine(runtime));
    runtime_sampling_defaults(runtime, &complete.defaults);
    complete.eos_ids = runtime_eos_ids(runtime, &complete.eos_id_count);
    if (runtime_has_chat_template(runtime)) {
        complete.render = render;
        complete.render_context = runtime;
    }
    if (complete.tokenizer && !server->vocab)
        RETURN_IF_ERROR(grammar_vocab_new(complete.tokenizer, complete.vocab_size, complete.eos_ids,
                                          complete.eos_id_count, &server->vocab, err));
    complete.vocab = server->vocab;
    RETURN_IF_ERROR(template_check(&complete, err));
    static const char *const weight_dtypes[] = {[WEIGHT_AUTO] = "as_stored",
                                                [WEIGHT_FP8] = "fp8",
                                                [WEIGHT_BF16] = "bfloat16",
                                                [WEIGHT_F32] = "float32"};
    const struct server_cache_info cache = {
        .block_size = plan->block_size,
        .dtype = plan->dtype == ACTIVATION_F32 ? "float32" : "bfloat16",
        .memory_fraction =
            plan->memory_limit > 0 ? (double)plan->memory_budget / (double)plan->memory_limit : 0,
        .weight_bytes = plan->weights,
        .weight_dtype = weight_dtypes[plan->weight_dtype],
    };
    server->runtime = runtime;
    server_attach_engine(server, runtime_engine(runtime), &complete, &cache);
    return OCTET_OK;
}

octet_status server_reload(struct server *server, struct octet_error *err)
{
    return auth_reload(&server->auth, err);
}

bool server_engine_failed(const struct server *server)
{
    return atomic_load(&server->failed);
}

/* ---- identifiers and rates ---- */

void server_make_id(char out[33])
{
    static atomic_uint_fast64_t next;
    uint64_t random[2] = {0};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        /* Not random, but still unique in this process. */
        random[0] = clock_now_ns();
        random[1] = atomic_fetch_add(&next, 1);
    }
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
}

void server_note_finish(struct server *server)
{
    uint64_t now_ns = clock_now_ns();
    pthread_mutex_lock(&server->mutex);
    if (server->last_finish_ns > 0) {
        double interval = (double)(now_ns - server->last_finish_ns) / 1e9;
        server->finish_interval_s = server->finish_interval_s > 0
                                        ? 0.9 * server->finish_interval_s + 0.1 * interval
                                        : interval;
    }
    server->last_finish_ns = now_ns;
    pthread_mutex_unlock(&server->mutex);
}

int64_t server_retry_after_ms(struct server *server)
{
    struct engine_stats stats = {0};
    if (server->engine)
        engine_stats(server->engine, &stats);
    pthread_mutex_lock(&server->mutex);
    double interval = server->finish_interval_s > 0 ? server->finish_interval_s : 1;
    pthread_mutex_unlock(&server->mutex);
    /* When half of what waits now has been served. */
    double ms = interval * 1000 * (1 + stats.waiting / 2.0);
    if (ms < RETRY_MIN_MS)
        return RETRY_MIN_MS;
    return ms > RETRY_MAX_MS ? RETRY_MAX_MS : (int64_t)ms;
}

/* ---- the end ---- */

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = DRAIN_POLL_NS};
    nanosleep(&pause, NULL);
}

static void break_all(struct server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        const struct connection *connection = &server->connections.slots[i];
        if (connection->used && connection->stage == CONNECTION_ANSWERING)
            exchange_break(connection->exchange, BREAK_DRAINED);
    }
    pthread_mutex_unlock(&server->mutex);
}

/* Requests that have come as a whole and are not answered as a whole. */
static size_t answering(struct server *server)
{
    size_t count = 0;
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        const struct connection *connection = &server->connections.slots[i];
        count += connection->used && connection->stage == CONNECTION_ANSWERING;
    }
    pthread_mutex_unlock(&server->mutex);
    return count;
}

void server_drain(struct server *server, double timeout_s, const volatile int *cancel)
{
    atomic_store(&server->phase, SERVER_DRAINING);
    notify_stopping();
    uint64_t start_ns = clock_now_ns();
    while (answering(server) > 0 && clock_seconds_since(start_ns) < timeout_s &&
           !(cancel && *cancel))
        nap();
    if (answering(server) == 0)
        return;
    break_all(server);
    start_ns = clock_now_ns();
    while (answering(server) > 0 && clock_seconds_since(start_ns) < DRAIN_GRACE_S &&
           !(cancel && *cancel))
        nap();
}

/* Nothing may be suspended when the HTTP library stops. */
static void wake_all(struct server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connections.high; i++) {
        const struct connection *connection = &server->connections.slots[i];
        struct exchange *exchange = connection->used ? connection->exchange : NULL;
        if (!exchange)
            continue;
        pthread_mutex_lock(&exchange->mutex);
        exchange->busy = false; /* the workers have ended */
        exchange_wake(exchange);
        pthread_mutex_unlock(&exchange->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    atomic_store(&server->phase, SERVER_STOPPING);
    if (server->http) {
        break_all(server);
        workers_stop(server->workers);
        wake_all(server);
        http_stop(server->http);
    }
    watch_stop(server->watch);
    workers_free(server->workers);
    log_queue_stop(server->log);
    listen_close(&server->listener);
    connection_table_free(&server->connections);
    grammar_vocab_free(server->vocab);
    auth_free(&server->auth);
    metrics_free(&server->metrics);
    server_options_free(server);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
