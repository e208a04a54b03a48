/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include <string.h>

/* vLLM's buckets (vllm/v1/metrics/loggers.py). */
static const double ttft_bounds[] = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                                     1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
static const double token_bounds[] = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                                      .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
static const double request_bounds[] = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                        30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
static const double n_bounds[] = {1, 2, 5, 10, 20};
static const double preemption_bounds[] = {1, 2, 3, 4, 5, 10, 20};
/* prometheus-fastapi-instrumentator's. */
static const double http_bounds[] = {.1, .5, 1};
static const double http_fine_bounds[] = {.01, .025, .05, .075, .1,  .25, .5,  .75, 1,  1.5, 2,
                                          2.5, 3,    3.5, 4,    4.5, 5,   7.5, 10,  30, 60};

#define BOUNDS(table) (table), (int)(sizeof(table) / sizeof((table)[0]))

static void set_bounds(struct histogram *histogram, const double *bounds, int count)
{
    histogram->bounds = bounds;
    histogram->bound_count = count;
}

void metrics_init(struct metrics *metrics)
{
    memset(metrics, 0, sizeof *metrics);
    pthread_mutex_init(&metrics->mutex, NULL);
    struct histogram *h = metrics->histograms;
    set_bounds(&h[METRICS_TTFT], BOUNDS(ttft_bounds));
    set_bounds(&h[METRICS_ITL], BOUNDS(token_bounds));
    set_bounds(&h[METRICS_TIME_PER_TOKEN], BOUNDS(token_bounds));
    for (int i = METRICS_E2E; i <= METRICS_DECODE; i++)
        set_bounds(&h[i], BOUNDS(request_bounds));
    set_bounds(&h[METRICS_PARAMS_N], BOUNDS(n_bounds));
    set_bounds(&h[METRICS_PREEMPTIONS], BOUNDS(preemption_bounds));
    set_bounds(&metrics->http_duration, BOUNDS(http_fine_bounds));
    for (int route = 0; route < METRICS_ROUTES_MAX; route++) {
        for (int method = 0; method < METRICS_METHODS; method++)
            set_bounds(&metrics->http[route].duration[method], BOUNDS(http_bounds));
    }
    metrics_set_model_len(metrics, 1);
}

void metrics_free(struct metrics *metrics)
{
    pthread_mutex_destroy(&metrics->mutex);
}

void metrics_set_model_len(struct metrics *metrics, int32_t max_model_len)
{
    static const double series[] = {1, 2, 5};
    for (int i = METRICS_PROMPT_TOKENS; i <= METRICS_COMPUTED_TOKENS; i++) {
        struct histogram *histogram = &metrics->histograms[i];
        histogram->bound_count = 0;
        double scale = 1;
        for (int k = 0; histogram->bound_count < METRICS_BUCKETS_MAX; k++) {
            if (k > 0 && k % 3 == 0)
                scale *= 10;
            if (series[k % 3] * scale > max_model_len)
                break;
            histogram->own[histogram->bound_count++] = series[k % 3] * scale;
        }
        histogram->bounds = histogram->own;
    }
}

void histogram_add(struct histogram *histogram, double value)
{
    int i = 0;
    while (i < histogram->bound_count && value > histogram->bounds[i])
        i++;
    histogram->counts[i]++;
    histogram->count++;
    histogram->sum += value;
}

void metrics_observe(struct metrics *metrics, enum metrics_histogram which, double value)
{
    pthread_mutex_lock(&metrics->mutex);
    histogram_add(&metrics->histograms[which], value);
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_reject(struct metrics *metrics, enum metrics_rejection why)
{
    pthread_mutex_lock(&metrics->mutex);
    metrics->rejected[why]++;
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_disconnect(struct metrics *metrics, enum metrics_state state)
{
    pthread_mutex_lock(&metrics->mutex);
    metrics->disconnects[state]++;
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_slow_client(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->mutex);
    metrics->slow_clients++;
    pthread_mutex_unlock(&metrics->mutex);
}

static int method_index(const char *method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    int count = (int)(sizeof names / sizeof names[0]);
    for (int i = 0; i < count; i++) {
        if (strcmp(method, names[i]) == 0)
            return i;
    }
    return METRICS_METHODS - 1;
}

void metrics_http(struct metrics *metrics, const struct metrics_exchange *exchange)
{
    if (exchange->status < 100 || exchange->status > 599)
        return;
    bool none = exchange->route < 0 || exchange->route >= METRICS_ROUTES_MAX - 1;
    int method = method_index(exchange->method);
    pthread_mutex_lock(&metrics->mutex);
    struct metrics_http *http = &metrics->http[none ? METRICS_ROUTES_MAX - 1 : exchange->route];
    http->requests[method][exchange->status / 100 - 1]++;
    histogram_add(&http->duration[method], exchange->duration_s);
    histogram_add(&metrics->http_duration, exchange->duration_s);
    http->request_count++;
    http->request_bytes += (double)exchange->request_bytes;
    http->response_bytes += (double)exchange->response_bytes;
    pthread_mutex_unlock(&metrics->mutex);
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

/* Times of METRICS.md's and vLLM's definitions: queue is submission to first scheduling, prefill
 * from there to the first token, decode from there to the last, inference both of them. */
static void add_times(struct histogram *h, const struct metrics_choice *choice)
{
    const struct request_status *status = &choice->status;
    histogram_add(&h[METRICS_E2E], seconds(choice->arrival_ns, choice->end_ns));
    if (status->scheduled_ns > 0)
        histogram_add(&h[METRICS_QUEUE], seconds(status->submitted_ns, status->scheduled_ns));
    if (status->first_token_ns > 0) {
        double decode = seconds(status->first_token_ns, status->last_token_ns);
        histogram_add(&h[METRICS_PREFILL], seconds(status->scheduled_ns, status->first_token_ns));
        histogram_add(&h[METRICS_DECODE], decode);
        histogram_add(&h[METRICS_INFERENCE], seconds(status->scheduled_ns, status->last_token_ns));
        if (choice->tokens > 1)
            histogram_add(&h[METRICS_TIME_PER_TOKEN], decode / (double)(choice->tokens - 1));
    }
}

void metrics_choice(struct metrics *metrics, const struct metrics_choice *choice)
{
    const struct request_status *status = &choice->status;
    pthread_mutex_lock(&metrics->mutex);
    struct histogram *h = metrics->histograms;
    metrics->success[choice->reason]++;
    metrics->generation_tokens += choice->tokens;
    histogram_add(&h[METRICS_GENERATION_TOKENS], (double)choice->tokens);
    histogram_add(&h[METRICS_PARAMS_MAX_TOKENS], choice->max_tokens);
    histogram_add(&h[METRICS_PREEMPTIONS], (double)status->preemptions);
    if (choice->first_of_prompt) {
        metrics->prompt_tokens += (uint64_t)status->prompt_tokens;
        metrics->prompt_tokens_cached += (uint64_t)status->cached_tokens;
        histogram_add(&h[METRICS_PROMPT_TOKENS], status->prompt_tokens);
        histogram_add(&h[METRICS_COMPUTED_TOKENS], status->prompt_tokens - status->cached_tokens);
    }
    add_times(h, choice);
    pthread_mutex_unlock(&metrics->mutex);
}
