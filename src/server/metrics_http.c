/* SPDX-License-Identifier: Apache-2.0 */
/* http_*: the names and labels of prometheus-fastapi-instrumentator. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "server/metrics.h"

static const char *const method_names[METRICS_METHODS] = {"GET",    "HEAD",    "POST",  "PUT",
                                                          "DELETE", "OPTIONS", "PATCH", "other"};

static int route_slot(const struct metrics_scrape *scrape, int i)
{
    return i < scrape->route_count ? i : METRICS_ROUTES_MAX - 1;
}

static const char *route_pattern(const struct metrics_scrape *scrape, int i)
{
    return i < scrape->route_count ? scrape->route_patterns[i] : "none";
}

/* Whether a route's method has series before its first request. */
static bool expected(const struct metrics_scrape *scrape, int i, int method)
{
    return i < scrape->route_count && strstr(scrape->route_methods[i], method_names[method]);
}

static uint64_t requests_of(const struct metrics_http *http, int method)
{
    uint64_t sum = 0;
    for (int k = 0; k < METRICS_STATUS_CLASSES; k++)
        sum += http->requests[method][k];
    return sum;
}

static void write_requests(const struct metrics *metrics, const struct metrics_scrape *scrape,
                           struct buffer *out)
{
    metrics_write_head(out, "http_requests_total",
                       "Total number of requests by method, status and handler.", "counter");
    for (int i = 0; i <= scrape->route_count; i++) {
        const struct metrics_http *http = &metrics->http[route_slot(scrape, i)];
        for (int m = 0; m < METRICS_METHODS; m++) {
            for (int k = 1; k < METRICS_STATUS_CLASSES; k++) {
                bool always = expected(scrape, i, m) && k != 2;
                if (always || http->requests[m][k] > 0)
                    buffer_printf(out,
                                  "http_requests_total{handler=\"%s\",method=\"%s\","
                                  "status=\"%dxx\"} %llu.0\n",
                                  route_pattern(scrape, i), method_names[m], k + 1,
                                  (unsigned long long)http->requests[m][k]);
            }
        }
    }
}

static void write_sizes(const struct metrics *metrics, const struct metrics_scrape *scrape,
                        struct buffer *out, const char *name, const char *help, bool response)
{
    metrics_write_head(out, name, help, "summary");
    for (int i = 0; i <= scrape->route_count; i++) {
        const struct metrics_http *http = &metrics->http[route_slot(scrape, i)];
        char sum[32];
        json_format_real(response ? http->response_bytes : http->request_bytes, sum);
        buffer_printf(out, "%s_count{handler=\"%s\"} %llu.0\n%s_sum{handler=\"%s\"} %s\n", name,
                      route_pattern(scrape, i), (unsigned long long)http->request_count, name,
                      route_pattern(scrape, i), sum);
    }
}

void metrics_write_http(const struct metrics *metrics, const struct metrics_scrape *scrape,
                        struct buffer *out)
{
    write_requests(metrics, scrape, out);
    write_sizes(metrics, scrape, out, "http_request_size_bytes",
                "Content length of incoming requests by handler.", false);
    write_sizes(metrics, scrape, out, "http_response_size_bytes",
                "Content length of outgoing responses by handler.", true);
    metrics_write_head(out, "http_request_duration_highr_seconds",
                       "Latency with many buckets but no API specific labels.", "histogram");
    metrics_write_histogram(out, "http_request_duration_highr_seconds", "",
                            &metrics->http_duration);
    metrics_write_head(out, "http_request_duration_seconds",
                       "Latency with only few buckets by handler.", "histogram");
    for (int i = 0; i <= scrape->route_count; i++) {
        const struct metrics_http *http = &metrics->http[route_slot(scrape, i)];
        for (int m = 0; m < METRICS_METHODS; m++) {
            char labels[256];
            if (!expected(scrape, i, m) && requests_of(http, m) == 0)
                continue;
            snprintf(labels, sizeof labels, "handler=\"%s\",method=\"%s\"",
                     route_pattern(scrape, i), method_names[m]);
            metrics_write_histogram(out, "http_request_duration_seconds", labels,
                                    &http->duration[m]);
        }
    }
}
