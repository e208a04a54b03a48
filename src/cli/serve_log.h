/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of `serve`: vLLM's line format and vLLM's lines, which scripts wait for and scrape. A
 * reader that stops reading must not stop the server: what does not fit into its pipe is dropped
 * and counted.
 */
#ifndef CLI_SERVE_LOG_H
#define CLI_SERVE_LOG_H

#include "base/log.h"
#include "base/progress.h"
#include "cli/args.h"
#include "runtime/runtime.h"
#include "server/server.h"

/*
 * Install the log sink: level by --uvicorn-log-level or VLLM_LOGGING_LEVEL, VLLM_LOGGING_PREFIX
 * before each line, VLLM_LOGGING_STREAM (ext://sys.stdout or ext://sys.stderr, the default),
 * NO_COLOR. Errors: OCTET_USAGE for another level or stream.
 */
octet_status serve_log_start(const struct args *args, struct octet_error *err);

/* Is the level low enough for the access log? */
bool serve_log_shows_requests(void);

/* A line as it is, '\n' added, waiting a moment for a slow reader. Any thread; context is unused.
 */
void serve_log_line(void *context, const char *line);

/* "INFO:     MESSAGE" as uvicorn writes it. */
__attribute__((format(printf, 1, 2))) void serve_log_plain(const char *format, ...);

/* "non-default args: {'model': 'x', 'api_key': ['***']}" */
void serve_log_arguments(const struct args *args);

/* vLLM's "Loading safetensors checkpoint shards: 50% Completed | 1/2 [...]", a line per 10 %, on a
 * terminal one line that changes; cancel: a flag that ends loading. */
struct load_progress {
    size_t shards;
    uint64_t started_ns;
    int last;      /* tenths shown */
    bool terminal; /* draw over the last line */
    const volatile int *cancel;
};
struct progress serve_log_progress(struct load_progress *state, size_t shards,
                                   const volatile int *cancel);

/* The memory plan's table, and the notes of the runtime. */
void serve_log_plan(const struct runtime *runtime);
/* Times and sizes after loading. */
void serve_log_loaded(const struct runtime *runtime, double seconds);
/* Sampling defaults that the model brings. */
void serve_log_defaults(const struct runtime *runtime, const struct args *args);
/* Routes that are served, as the OpenAPI description has them. */
void serve_log_routes(const struct server_options *server);

#endif
