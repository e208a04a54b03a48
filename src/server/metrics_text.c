/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, version 0.0.4. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/metrics.h"

void metrics_write_head(struct buffer *out, const char *name, const char *help, const char *type)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_number(struct buffer *out, double value)
{
    char text[32];
    json_format_real(value, text);
    buffer_append_str(out, text);
}

static void write_sample(struct buffer *out, const char *name, const char *labels, double value)
{
    if (labels[0])
        buffer_printf(out, "%s{%s} ", name, labels);
    else
        buffer_printf(out, "%s ", name);
    write_number(out, value);
    buffer_append_char(out, '\n');
}

void metrics_write_histogram(struct buffer *out, const char *name, const char *labels,
                             const struct histogram *histogram)
{
    const char *comma = labels[0] ? "," : "";
    uint64_t total = 0;
    for (int i = 0; i < histogram->bound_count; i++) {
        char bound[32];
        total += histogram->counts[i];
        json_format_real(histogram->bounds[i], bound);
        buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu.0\n", name, labels, comma, bound,
                      (unsigned long long)total);
    }
    buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu.0\n", name, labels, comma,
                  (unsigned long long)histogram->count);
    char full[160];
    snprintf(full, sizeof full, "%s_count", name);
    write_sample(out, full, labels, (double)histogram->count);
    snprintf(full, sizeof full, "%s_sum", name);
    write_sample(out, full, labels, histogram->sum);
}

/* What a label's value may hold: backslash, quote and newline are escaped. */
static void write_label_value(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            buffer_append_char(out, '\\');
        if (*text == '\n')
            buffer_append_str(out, "\\n");
        else
            buffer_append_char(out, *text);
    }
}

/* One metric of one series with the usual labels. */
static void write_one(struct buffer *out, const char *labels, const char *name, const char *help,
                      const char *type, double value)
{
    metrics_write_head(out, name, help, type);
    write_sample(out, name, labels, value);
}

static const struct {
    enum metrics_histogram which;
    const char *name, *help;
} request_histograms[METRICS_HISTOGRAMS] = {
    {METRICS_TTFT, "vllm:time_to_first_token_seconds",
     "Histogram of time to first token in seconds."},
    {METRICS_ITL, "vllm:inter_token_latency_seconds",
     "Histogram of inter-token latency in seconds."},
    {METRICS_TIME_PER_TOKEN, "vllm:request_time_per_output_token_seconds",
     "Histogram of time_per_output_token_seconds per request."},
    {METRICS_E2E, "vllm:e2e_request_latency_seconds",
     "Histogram of e2e request latency in seconds."},
    {METRICS_QUEUE, "vllm:request_queue_time_seconds",
     "Histogram of time spent in WAITING phase for request."},
    {METRICS_INFERENCE, "vllm:request_inference_time_seconds",
     "Histogram of time spent in RUNNING phase for request."},
    {METRICS_PREFILL, "vllm:request_prefill_time_seconds",
     "Histogram of time spent in PREFILL phase for request."},
    {METRICS_DECODE, "vllm:request_decode_time_seconds",
     "Histogram of time spent in DECODE phase for request."},
    {METRICS_PROMPT_TOKENS, "vllm:request_prompt_tokens", "Number of prefill tokens processed."},
    {METRICS_GENERATION_TOKENS, "vllm:request_generation_tokens",
     "Number of generation tokens processed."},
    {METRICS_MAX_GENERATION_TOKENS, "vllm:request_max_num_generation_tokens",
     "Histogram of maximum number of requested generation tokens."},
    {METRICS_PARAMS_MAX_TOKENS, "vllm:request_params_max_tokens",
     "Histogram of the max_tokens request parameter."},
    {METRICS_COMPUTED_TOKENS, "vllm:request_prefill_kv_computed_tokens",
     "Histogram of new KV tokens computed during prefill (excluding cached tokens)."},
    {METRICS_PARAMS_N, "vllm:request_params_n", "Histogram of the n request parameter."},
    {METRICS_PREEMPTIONS, "vllm:request_num_preemptions",
     "Histogram of the number of preemptions per request."},
};

static void write_gauges(struct buffer *out, const char *labels,
                         const struct metrics_scrape *scrape)
{
    const struct engine_stats *engine = &scrape->engine;
    write_one(out, labels, "vllm:num_requests_running",
              "Number of requests in model execution batches.", "gauge", engine->running);
    write_one(out, labels, "vllm:num_requests_waiting",
              "Number of requests waiting to be processed.", "gauge", engine->waiting);
    const char *name = "vllm:num_requests_waiting_by_reason";
    metrics_write_head(out, name, "Number of requests waiting to be processed, by reason.",
                       "gauge");
    buffer_printf(out, "%s{%s,reason=\"capacity\"} %d.0\n", name, labels,
                  engine->waiting - engine->deferred);
    buffer_printf(out, "%s{%s,reason=\"deferred\"} %d.0\n", name, labels, engine->deferred);
    double usage =
        engine->blocks_total > 0 ? (double)engine->blocks_used / (double)engine->blocks_total : 0;
    write_one(out, labels, "vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.",
              "gauge", usage);
    name = "vllm:engine_sleep_state";
    metrics_write_head(out, name, "Engine sleep state; awake = 1 means the engine is active.",
                       "gauge");
    buffer_printf(out, "%s{%s,sleep_state=\"awake\"} 1.0\n", name, labels);
    buffer_printf(out, "%s{%s,sleep_state=\"weights_offloaded\"} 0.0\n", name, labels);
    buffer_printf(out, "%s{%s,sleep_state=\"discard_all\"} 0.0\n", name, labels);
    name = "vllm:cache_config_info";
    metrics_write_head(out, name, "Information of the LLMEngine CacheConfig", "gauge");
    buffer_printf(out,
                  "%s{block_size=\"%d\",cache_dtype=\"%s\",enable_prefix_caching=\"%s\","
                  "gpu_memory_utilization=\"%g\",num_gpu_blocks=\"%d\",engine=\"0\"} 1.0\n",
                  name, scrape->block_size, scrape->cache_dtype,
                  scrape->prefix_cache ? "True" : "False", scrape->memory_fraction,
                  engine->blocks_total);
}

static void write_counters(const struct metrics *metrics, struct buffer *out, const char *labels,
                           const struct metrics_scrape *scrape)
{
    const struct engine_stats *engine = &scrape->engine;
    double prompt = (double)(metrics->prompt_tokens + scrape->live_prompt_tokens);
    double cached = (double)(metrics->prompt_tokens_cached + scrape->live_cached_tokens);
    const struct {
        const char *name, *help;
        double value;
    } counters[] = {
        {"vllm:prompt_tokens_total", "Number of prefill tokens processed.", prompt},
        {"vllm:generation_tokens_total", "Number of generation tokens processed.",
         (double)(metrics->generation_tokens + scrape->live_generation_tokens)},
        {"vllm:prompt_tokens_cached_total", "Number of prompt tokens served from the cache.",
         cached},
        {"vllm:prompt_tokens_recomputed_total",
         "Number of tokens computed again after a preemption.", (double)engine->recomputed_tokens},
        {"vllm:prefix_cache_queries_total",
         "Prefix cache queries, in terms of number of queried tokens.",
         (double)engine->cache_queried_tokens},
        {"vllm:prefix_cache_hits_total", "Prefix cache hits, in terms of number of cached tokens.",
         (double)engine->cache_hit_tokens},
        {"vllm:external_prefix_cache_queries_total",
         "External prefix cache queries, in terms of number of queried tokens.", 0},
        {"vllm:external_prefix_cache_hits_total",
         "External prefix cache hits, in terms of number of cached tokens.", 0},
        {"vllm:mm_cache_queries_total", "Multi-modal cache queries, in terms of number of items.",
         0},
        {"vllm:mm_cache_hits_total", "Multi-modal cache hits, in terms of number of items.", 0},
        {"vllm:num_preemptions_total", "Cumulative number of preemption from the engine.",
         (double)engine->preemptions},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        write_one(out, labels, counters[i].name, counters[i].help, "counter", counters[i].value);
    const char *name = "vllm:prompt_tokens_by_source_total";
    metrics_write_head(out, name, "Number of prompt tokens by source.", "counter");
    char full[512];
    snprintf(full, sizeof full, "%s,source=\"local_compute\"", labels);
    write_sample(out, name, full, prompt - cached);
    snprintf(full, sizeof full, "%s,source=\"local_cache_hit\"", labels);
    write_sample(out, name, full, cached);
    snprintf(full, sizeof full, "%s,source=\"external_kv_transfer\"", labels);
    write_sample(out, name, full, 0);
    static const char *const reasons[] = {"stop", "length", "abort", "error", "repetition"};
    static const int finish[] = {FINISH_STOP, FINISH_LENGTH, FINISH_ABORT, FINISH_ERROR, -1};
    name = "vllm:request_success_total";
    metrics_write_head(out, name, "Count of successfully processed requests.", "counter");
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        buffer_printf(out, "%s{%s,finished_reason=\"%s\"} %llu.0\n", name, labels, reasons[i],
                      (unsigned long long)(finish[i] < 0 ? 0 : metrics->success[finish[i]]));
}

/* Tokens of each of the engine's steps; its _count is a heartbeat. */
static void write_iterations(struct buffer *out, const char *labels,
                             const struct engine_stats *engine)
{
    struct histogram histogram = {.bound_count = ENGINE_STEP_BUCKETS,
                                  .count = engine->steps,
                                  .sum = (double)engine->step_tokens};
    for (int i = 0; i < ENGINE_STEP_BUCKETS; i++) {
        histogram.own[i] = engine_step_bounds[i];
        histogram.counts[i] = engine->step_buckets[i];
    }
    histogram.bounds = histogram.own;
    metrics_write_head(out, "vllm:iteration_tokens_total",
                       "Histogram of number of tokens per engine_step.", "histogram");
    metrics_write_histogram(out, "vllm:iteration_tokens_total", labels, &histogram);
}

static void write_model(const struct metrics *metrics, const struct metrics_scrape *scrape,
                        const char *labels, struct buffer *out)
{
    write_gauges(out, labels, scrape);
    write_counters(metrics, out, labels, scrape);
    for (int i = 0; i < METRICS_HISTOGRAMS; i++) {
        metrics_write_head(out, request_histograms[i].name, request_histograms[i].help,
                           "histogram");
        metrics_write_histogram(out, request_histograms[i].name, labels,
                                &metrics->histograms[request_histograms[i].which]);
    }
    write_iterations(out, labels, &scrape->engine);
    const struct engine_stats *engine = &scrape->engine;
    const char *name = "octet_kv_blocks";
    metrics_write_head(out, name, "Blocks of the KV cache by state.", "gauge");
    buffer_printf(out, "%s{state=\"free\"} %d.0\n%s{state=\"used\"} %d.0\n", name,
                  engine->blocks_free, name, engine->blocks_used);
    buffer_printf(out, "%s{state=\"cached\"} %d.0\n", name, engine->blocks_cached);
    metrics_write_head(out, "octet_weights_bytes", "Bytes of the weights in memory.", "gauge");
    buffer_printf(out, "octet_weights_bytes{dtype=\"%s\"} %llu.0\n",
                  scrape->weight_dtype ? scrape->weight_dtype : "",
                  (unsigned long long)scrape->weight_bytes);
    uint64_t beat = scrape->pulse.beat_ns, now = clock_now_ns();
    write_one(out, "", "octet_engine_step_age_seconds",
              "Seconds since the engine last gave a sign of life while requests wait; 0 when idle.",
              "gauge",
              scrape->pulse.pending > 0 && beat > 0 && now > beat ? (double)(now - beat) / 1e9 : 0);
    write_one(out, "", "octet_engine_failed_steps_total", "Steps of the engine that failed.",
              "counter", (double)engine->failed_steps);
}

static void write_own(const struct metrics *metrics, const struct metrics_scrape *scrape,
                      struct buffer *out)
{
    static const char *const whys[METRICS_REJECTIONS] = {"queue_full", "draining", "loading",
                                                         "too_long", "timed_out"};
    static const char *const states[METRICS_STATES] = {"queued", "prefill", "decode"};
    metrics_write_head(out, "octet_build_info", "What this server was built from.", "gauge");
    buffer_printf(out, "octet_build_info{version=\"%s\",compiler=\"%s\"} 1.0\n", scrape->version,
#ifdef __clang__
                  "clang"
#else
                  "gcc"
#endif
    );
    metrics_write_head(out, "octet_requests_rejected_total",
                       "Requests that were refused before the engine saw them.", "counter");
    for (int i = 0; i < METRICS_REJECTIONS; i++)
        buffer_printf(out, "octet_requests_rejected_total{reason=\"%s\"} %llu.0\n", whys[i],
                      (unsigned long long)metrics->rejected[i]);
    metrics_write_head(out, "octet_client_disconnects_total",
                       "Clients that left before their answer was complete.", "counter");
    for (int i = 0; i < METRICS_STATES; i++)
        buffer_printf(out, "octet_client_disconnects_total{state=\"%s\"} %llu.0\n", states[i],
                      (unsigned long long)metrics->disconnects[i]);
    write_one(out, "", "octet_slow_client_closed_total",
              "Connections closed because their reader took nothing for too long.", "counter",
              (double)metrics->slow_clients);
    static const char *const phases[METRICS_PHASES] = {
        [SERVER_PHASE_PLAN] = "plan", [SERVER_PHASE_LOAD] = "load", [SERVER_PHASE_ALL] = "all"};
    metrics_write_head(
        out, "octet_startup_seconds",
        "Reading headers and planning memory; loading weights; from the open port to "
        "the first answer.",
        "gauge");
    for (int i = 0; i < METRICS_PHASES; i++)
        buffer_printf(out, "octet_startup_seconds{phase=\"%s\"} %.6f\n", phases[i],
                      metrics->startup_s[i]);
    write_one(out, "", "octet_http_requests_active", "Requests being read or answered.", "gauge",
              scrape->http_active);
}

bool metrics_render(struct metrics *metrics, const struct metrics_scrape *scrape,
                    struct buffer *out)
{
    struct buffer labels;
    buffer_init(&labels, 4096);
    buffer_append_str(&labels, "engine=\"0\",model_name=\"");
    write_label_value(&labels, scrape->model_name ? scrape->model_name : "");
    buffer_append_char(&labels, '"');
    bool ok = !buffer_failed(&labels);
    if (ok) {
        pthread_mutex_lock(&metrics->mutex);
        if (scrape->attached)
            write_model(metrics, scrape, buffer_text(&labels), out);
        metrics_write_http(metrics, scrape, out);
        write_own(metrics, scrape, out);
        pthread_mutex_unlock(&metrics->mutex);
        metrics_write_process(out);
        ok = !buffer_failed(out);
    }
    buffer_free(&labels);
    return ok;
}
