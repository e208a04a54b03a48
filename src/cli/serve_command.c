/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: bind, plan, load, serve, drain. The main thread waits for signals and for the death of the
 * engine; everything else happens on the server's and the engine's threads.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "cli/command.h"
#include "cli/serve_log.h"
#include "cli/serve_settings.h"

#define WATCH_MS 200

/* Signals: the first SIGINT or SIGTERM asks for the end, the second one does not wait for it. */
static volatile int stop_signal;
static volatile sig_atomic_t reload_wanted;
static int wake_fd = -1;
static char socket_path[128]; /* --uds: removed also when the end is forced */

static void on_signal(int number)
{
    int saved = errno;
    uint64_t one = 1;
    if (number == SIGHUP) {
        reload_wanted = 1;
    } else if (stop_signal) {
        if (socket_path[0])
            unlink(socket_path);
        _exit(128 + number);
    } else {
        stop_signal = number;
    }
    if (write(wake_fd, &one, sizeof one) < 0) {
        /* The counter is full: the main thread is awake already. */
    }
    errno = saved;
}

static octet_status catch_signals(struct octet_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    stop_signal = 0;
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return error_errno(err, errno, "eventfd", "signals");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    return OCTET_OK;
}

struct serving {
    struct serve_settings settings;
    struct server *server;
    struct runtime *runtime;
    uint64_t started_ns;
};

static void describe_address(const struct serving *serving, char out[300])
{
    const struct server_options *server = &serving->settings.server;
    const char *host = server->host && *server->host ? server->host : "0.0.0.0";
    if (server->uds)
        snprintf(out, 300, "unix socket %s", server->uds);
    else
        snprintf(out, 300, strchr(host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
                 server->ssl_certfile ? "https" : "http", host, server_port(serving->server));
}

static void warn_open(const struct server_options *server)
{
    bool everywhere =
        !server->uds && (!server->host || !*server->host || !strcmp(server->host, "0.0.0.0") ||
                         !strcmp(server->host, "::"));
    if (everywhere && server->api_key_count == 0 && !server->api_key_file)
        log_warning("listening on all interfaces without an API key: everybody who reaches this "
                    "machine may use the model; give --api-key-file, or --host 127.0.0.1");
}

static octet_status load(struct serving *serving, struct octet_error *err)
{
    struct serve_settings *settings = &serving->settings;
    placement_enter(&settings->placement);
    uint64_t began_ns = clock_now_ns();
    RETURN_IF_ERROR(runtime_prepare(&settings->runtime, &serving->runtime, err));
    server_note_startup(serving->server, SERVER_PHASE_PLAN, clock_seconds_since(began_ns));
    RETURN_IF_ERROR(serve_settings_resolve(settings, serving->runtime, err));
    serve_log_plan(serving->runtime);
    struct load_progress state;
    struct progress progress = serve_log_progress(
        &state, checkpoint_file_count(runtime_checkpoint(serving->runtime)), &stop_signal);
    RETURN_IF_ERROR(runtime_load(serving->runtime, &progress, err));
    double seconds = clock_seconds_since(state.started_ns);
    server_note_startup(serving->server, SERVER_PHASE_LOAD, seconds);
    RETURN_IF_ERROR(runtime_start(serving->runtime, err));
    placement_leave(&settings->placement);
    serve_log_loaded(serving->runtime, seconds);
    RETURN_IF_ERROR(server_attach(serving->server, serving->runtime, &settings->model, err));
    log_info("init engine (profile, create kv cache, warmup model) took %.2f seconds",
             clock_seconds_since(serving->started_ns));
    serve_log_defaults(serving->runtime, settings->args);
    return OCTET_OK;
}

static void announce(const struct serving *serving)
{
    char address[300];
    describe_address(serving, address);
    log_info("Starting server on %s", address);
    serve_log_routes(&serving->settings.server);
    serve_log_plain("Started server process [%ld]", (long)getpid());
    serve_log_plain("Waiting for application startup.");
    serve_log_plain("Application startup complete.");
    serve_log_plain("Uvicorn running on %s (Press CTRL+C to quit)", address);
}

static void reload(struct serving *serving)
{
    struct octet_error err = {0};
    reload_wanted = 0;
    if (server_reload(serving->server, &err) == OCTET_OK)
        log_info("SIGHUP: the API keys were read again");
    else
        log_error("SIGHUP: the old API keys stay: %s", err.message);
}

/* Until a signal asks for the end (OCTET_OK) or the engine is dead. */
static octet_status watch(struct serving *serving, struct octet_error *err)
{
    bool reported = false;
    while (!stop_signal) {
        struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
        uint64_t count;
        if (poll(&wake, 1, WATCH_MS) > 0 && read(wake_fd, &count, sizeof count) < 0)
            continue;
        if (reload_wanted)
            reload(serving);
        if (reported || !server_engine_failed(serving->server))
            continue;
        reported = true;
        if (!serving->settings.keep_alive_dead)
            return error_set(err, OCTET_DEVICE,
                             "the engine has failed and does not answer any more; the log says "
                             "why. Start octet again");
        log_error("the engine has failed; VLLM_KEEP_ALIVE_ON_ENGINE_DEATH keeps the server up, and "
                  "every request gets an error");
    }
    return OCTET_OK;
}

static void drain(struct serving *serving)
{
    serve_log_plain("Shutting down");
    log_info("%s: running requests may go on for %g s; a second signal ends them at once",
             stop_signal == SIGINT ? "SIGINT" : "SIGTERM", serving->settings.shutdown_timeout_s);
    server_drain(serving->server, serving->settings.shutdown_timeout_s, NULL);
}

static octet_status serve(struct serving *serving, struct octet_error *err)
{
    struct serve_settings *settings = &serving->settings;
    serving->started_ns = clock_now_ns();
    settings->server.write_line = serve_log_line;
    settings->server.access_log = settings->server.access_log && serve_log_shows_requests();
    log_info("octet API server version %s, serving model %s", octet_version(), settings->typed);
    serve_log_arguments(settings->args);
    serve_settings_note(settings->args);
    RETURN_IF_ERROR(server_listen(&settings->server, &serving->server, err));
    if (settings->server.uds)
        snprintf(socket_path, sizeof socket_path, "%s", settings->server.uds);
    warn_open(&settings->server);
    octet_status status = load(serving, err);
    if (stop_signal && (status == OCTET_OK || status == OCTET_CANCELLED)) {
        log_info("stopped by a signal before the model was loaded");
        return OCTET_OK;
    }
    RETURN_IF_ERROR(status);
    announce(serving);
    RETURN_IF_ERROR(watch(serving, err));
    drain(serving);
    return OCTET_OK;
}

octet_status command_serve(const struct args *args, struct octet_error *err)
{
    struct serving serving = {0};
    RETURN_IF_ERROR(serve_log_start(args, err));
    RETURN_IF_ERROR(catch_signals(err));
    octet_status status = serve_settings_read(args, &serving.settings, err);
    if (status == OCTET_OK)
        status = serve(&serving, err);
    bool served = serving.server != NULL;
    server_free(serving.server);
    if (serving.runtime)
        runtime_stop(serving.runtime, false);
    runtime_close(serving.runtime);
    serve_settings_free(&serving.settings);
    if (served && status == OCTET_OK)
        serve_log_plain("Finished server process [%ld]", (long)getpid());
    return status;
}
