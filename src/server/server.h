/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: libmicrohttpd moves bytes, a few request workers parse and tokenise, the engine
 * computes, and each connection pulls its own answer, so that a slow client holds back only itself.
 *
 *   server_listen()  binds first, so that a taken port fails in milliseconds; answers 503 "loading"
 *   server_attach()  a loaded runtime: from now on requests are served
 *   server_drain()   new requests get 503, running ones finish, within the time given
 *   server_free()
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "api/api_request.h"
#include "runtime/runtime.h"

struct server;

/* Zero and NULL mean the default in brackets. Strings and lists are copied by server_listen(). */
struct server_options {
    const char *host; /* NULL: all interfaces */
    int port;         /* 0: any free one (server_port() tells it) */
    const char *uds;  /* a Unix socket instead of host and port */
    const char *const *api_keys;
    size_t api_key_count;
    const char *api_key_file; /* one key a line; read again by server_reload() */
    bool protect_metrics;     /* the key guards /metrics too */
    const char *ssl_keyfile, *ssl_certfile, *ssl_ca_certs, *ssl_ciphers;
    const char *root_path;
    const char *const *allowed_origins, *const *allowed_methods, *const *allowed_headers;
    size_t allowed_origin_count, allowed_method_count, allowed_header_count; /* 0: "*" */
    bool allow_credentials;
    bool access_log; /* a line a request */
    /* Receives the lines of the access log, without '\n', on a thread of their own, which may
     * block; NULL: they go to the log's sink. */
    void (*write_line)(void *context, const char *line);
    void *write_line_context;
    const char *const *access_log_except; /* paths without one */
    size_t access_log_except_count;
    bool log_requests, log_outputs;
    int32_t max_log_len;           /* characters of a prompt or answer in the log; 0: all */
    size_t max_request_bytes;      /* [64 MiB] of one body; all together may take 16 times that */
    size_t max_header_bytes;       /* [64 KiB] */
    int32_t max_header_count;      /* [256] */
    int32_t max_connections;       /* [what the limit of descriptors allows] */
    int32_t keep_alive_s;          /* [5] idle connection */
    int32_t header_timeout_s;      /* [10] from the first byte to the end of the headers */
    int32_t body_timeout_s;        /* [60] from the headers to the end of the body */
    int32_t request_timeout_s;     /* most time in the queue; 0: no limit */
    int32_t slow_client_timeout_s; /* [60] a reader that takes nothing for so long is dropped */
    double sse_keep_alive_s;       /* [15] between ": ping" comments; < 0: none */
    int32_t hang_timeout_s;        /* [30] /health is 503 when work waits and no step ended */
    int32_t workers;               /* [2] threads that parse requests */
    double stats_interval_s;       /* [10] the line of statistics; < 0: none */
    bool debug_endpoints;          /* /debug/requests */
    bool tokenizer_info;           /* /tokenizer_info */
    bool load_endpoint;            /* /load counts */
};
void server_options_init(struct server_options *options);

/* Errors: OCTET_USAGE (options that contradict each other), OCTET_IO (bind, with address and
 * errno's text; certificates), OCTET_UNSUPPORTED (the library has no TLS), OCTET_MEMORY. */
octet_status server_listen(const struct server_options *options, struct server **out,
                           struct octet_error *err);
int server_port(const struct server *server); /* 0 for a Unix socket */

/*
 * Serve this runtime, which runs (runtime_start) and outlives the server's drain. model: names and
 * settings; its parts that come from the runtime (tokenizer, vocab, defaults, limits, render) are
 * filled in by the server. Strings and lists are borrowed until server_free(). Errors:
 * those of template_check(), OCTET_MEMORY.
 */
octet_status server_attach(struct server *server, struct runtime *runtime,
                           const struct api_model *model, struct octet_error *err);

/* How long a part of the start took, for octet_startup_seconds. server_attach() notes the whole. */
enum server_phase_name { SERVER_PHASE_PLAN, SERVER_PHASE_LOAD, SERVER_PHASE_ALL };
void server_note_startup(struct server *server, enum server_phase_name phase, double seconds);

/* Read the key file again; the old keys stay when it fails. */
octet_status server_reload(struct server *server, struct octet_error *err);

/*
 * New requests get 503; running ones finish; after timeout_s those that are left get an error event
 * and are cancelled. cancel: a flag that cuts the waiting short when it becomes non-zero; NULL.
 */
void server_drain(struct server *server, double timeout_s, const volatile int *cancel);
/* The engine died or hangs for good: the process should end with exit code 1. Any thread. */
bool server_engine_failed(const struct server *server);
/* Closes every connection. The runtime may be closed afterwards. NULL is fine. */
void server_free(struct server *server);

#endif
