/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted, and its text for Prometheus. Names, labels and buckets of "vllm:" metrics are
 * vLLM's, so that dashboards and autoscalers made for it read octet's; own ones begin with
 * "octet_". One lock, held for additions only.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <pthread.h>
#include "base/buffer.h"
#include "engine/engine.h"
#include "server/server.h"

#define METRICS_BUCKETS_MAX 24
#define METRICS_ROUTES_MAX 32
#define METRICS_METHODS 8        /* GET HEAD POST PUT DELETE OPTIONS PATCH and others */
#define METRICS_STATUS_CLASSES 5 /* 1xx ... 5xx */

struct histogram {
    const double *bounds; /* [bound_count], ascending; a constant table, or `own` */
    int bound_count;
    double own[METRICS_BUCKETS_MAX];
    uint64_t counts[METRICS_BUCKETS_MAX + 1]; /* not cumulative; the last is +Inf */
    uint64_t count;
    double sum;
};

enum metrics_histogram {
    METRICS_TTFT,
    METRICS_ITL,
    METRICS_TIME_PER_TOKEN,
    METRICS_E2E,
    METRICS_QUEUE,
    METRICS_INFERENCE,
    METRICS_PREFILL,
    METRICS_DECODE,
    METRICS_PROMPT_TOKENS,
    METRICS_GENERATION_TOKENS,
    METRICS_MAX_GENERATION_TOKENS,
    METRICS_PARAMS_MAX_TOKENS,
    METRICS_COMPUTED_TOKENS,
    METRICS_PARAMS_N,
    METRICS_PREEMPTIONS,
    METRICS_HISTOGRAMS,
};

enum metrics_rejection {
    METRICS_QUEUE_FULL,
    METRICS_DRAINING,
    METRICS_LOADING,
    METRICS_TOO_LONG,
    METRICS_TIMED_OUT,
    METRICS_REJECTIONS
};
#define METRICS_PHASES (SERVER_PHASE_ALL + 1) /* of server_note_startup() */
enum metrics_state { METRICS_QUEUED, METRICS_PREFILLING, METRICS_DECODING, METRICS_STATES };

struct metrics_http {
    uint64_t requests[METRICS_METHODS][METRICS_STATUS_CLASSES];
    struct histogram duration[METRICS_METHODS];
    uint64_t request_count;
    double request_bytes, response_bytes;
};

struct metrics {
    pthread_mutex_t mutex;
    struct histogram histograms[METRICS_HISTOGRAMS];
    uint64_t prompt_tokens, prompt_tokens_cached, generation_tokens;
    uint64_t success[FINISH_ERROR + 1];
    struct metrics_http http[METRICS_ROUTES_MAX]; /* by route; the last is "none" */
    struct histogram http_duration;
    uint64_t rejected[METRICS_REJECTIONS];
    uint64_t disconnects[METRICS_STATES];
    uint64_t slow_clients;
    double startup_s[METRICS_PHASES];
};

void metrics_init(struct metrics *metrics);
void metrics_free(struct metrics *metrics);
/* Token buckets are 1, 2, 5, 10, ... up to max_model_len. Before requests come. */
void metrics_set_model_len(struct metrics *metrics, int32_t max_model_len);

void metrics_observe(struct metrics *metrics, enum metrics_histogram which, double value);
void metrics_reject(struct metrics *metrics, enum metrics_rejection why);
void metrics_disconnect(struct metrics *metrics, enum metrics_state state);
void metrics_slow_client(struct metrics *metrics);

/* One answered request of HTTP. */
struct metrics_exchange {
    int route;          /* index; < 0: none */
    const char *method; /* as sent */
    int status;         /* 0: closed without an answer; not counted */
    double duration_s;
    size_t request_bytes, response_bytes;
};
void metrics_http(struct metrics *metrics, const struct metrics_exchange *exchange);

/* One finished choice. Times of status are those of the engine. */
struct metrics_choice {
    bool first_of_prompt; /* its prompt is counted with it */
    enum finish_reason reason;
    size_t tokens; /* that the client was charged for */
    uint64_t arrival_ns, end_ns;
    struct request_status status;
    int32_t max_tokens; /* as asked for, or what the context allowed */
};
void metrics_choice(struct metrics *metrics, const struct metrics_choice *choice);

/* What only the scraper's moment knows. */
struct metrics_scrape {
    bool attached; /* a model is there; else only HTTP, process and own metrics */
    const char *model_name;
    const char *version;
    struct engine_stats engine;
    struct engine_pulse pulse;
    uint64_t live_prompt_tokens, live_cached_tokens, live_generation_tokens; /* unfinished ones */
    int32_t block_size;
    bool prefix_cache;
    const char *cache_dtype;
    double memory_fraction;
    uint64_t weight_bytes;
    const char *weight_dtype;
    const char *const *route_patterns; /* [route_count] */
    const char *const *route_methods;  /* "GET, HEAD": those that have series from the start */
    int route_count;
    int32_t http_active; /* requests being answered */
};
/* False when out of memory. */
bool metrics_render(struct metrics *metrics, const struct metrics_scrape *scrape,
                    struct buffer *out);

/* For metrics_render: "name_bucket{labels,le=...}" lines with sum and count. labels: "a=\"b\"" or
 * "". */
void metrics_write_histogram(struct buffer *out, const char *name, const char *labels,
                             const struct histogram *histogram);
void metrics_write_head(struct buffer *out, const char *name, const char *help, const char *type);
/* process_* from /proc. */
void metrics_write_process(struct buffer *out);
void metrics_write_http(const struct metrics *metrics, const struct metrics_scrape *scrape,
                        struct buffer *out);
void histogram_add(struct histogram *histogram, double value);

#endif
