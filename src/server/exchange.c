/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/http.h"
#include "server/route.h"
#include "server/server_internal.h"

/* The largest bodies that may be in memory at once; usual ones are a thousandth of that. */
#define BODIES_MAX 16
#define OUT_MAX ((size_t)1 << 28) /* one event may hold a prompt's log-probabilities */

struct exchange *exchange_new(struct server *server, void *transport)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->transport = transport;
    exchange->start_ns = clock_now_ns();
    atomic_init(&exchange->references, 1);
    pthread_mutex_init(&exchange->mutex, NULL);
    answer_init(&exchange->answer);
    buffer_init(&exchange->body, server->options.max_request_bytes);
    buffer_init(&exchange->out, OUT_MAX);
    atomic_fetch_add(&server->active, 1);
    return exchange;
}

bool exchange_add_body(struct exchange *exchange, const char *bytes, size_t size)
{
    struct server *server = exchange->server;
    exchange->counted_bytes += size;
    size_t before = atomic_fetch_add(&server->body_bytes, size);
    return (before + size) / BODIES_MAX <= server->options.max_request_bytes &&
           buffer_append(&exchange->body, bytes, size);
}

void exchange_drop_body(struct exchange *exchange)
{
    buffer_free(&exchange->body);
    atomic_fetch_sub(&exchange->server->body_bytes, exchange->counted_bytes);
    exchange->counted_bytes = 0;
}

void exchange_retain(struct exchange *exchange)
{
    atomic_fetch_add(&exchange->references, 1);
}

void exchange_release(struct exchange *exchange)
{
    if (atomic_fetch_sub(&exchange->references, 1) != 1)
        return;
    generating_free(exchange->generating);
    atomic_fetch_sub(&exchange->server->active, 1);
    buffer_free(&exchange->out);
    exchange_drop_body(exchange);
    answer_free(&exchange->answer);
    head_free(&exchange->head);
    pthread_mutex_destroy(&exchange->mutex);
    free(exchange);
}

bool exchange_suspend(struct exchange *exchange)
{
    if (server_phase(exchange->server) == SERVER_STOPPING)
        return false;
    exchange->suspended = true;
    exchange->suspended_ns = clock_now_ns();
    http_suspend(exchange->transport);
    return true;
}

void exchange_wake(struct exchange *exchange)
{
    if (!exchange->suspended || exchange->busy)
        return;
    exchange->suspended = false;
    http_resume(exchange->transport);
}

bool exchange_hand_over(struct exchange *exchange, void (*work)(struct exchange *exchange))
{
    pthread_mutex_lock(&exchange->mutex);
    bool suspended = exchange_suspend(exchange);
    exchange->busy = suspended;
    if (!suspended)
        exchange->cause = BREAK_DRAINED;
    pthread_mutex_unlock(&exchange->mutex);
    if (!suspended)
        return false;
    exchange_retain(exchange);
    workers_push(exchange->server->workers, work, exchange);
    return true;
}

void exchange_ready(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->busy = false;
    exchange->ready = true;
    exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

/* ---- whole answers ---- */

static void make_whole_answer(const struct exchange *exchange, struct answer *answer)
{
    struct api_response *response = generating_response(exchange->generating);
    const char *failure = api_response_error(response);
    struct buffer body;
    if (failure) {
        octet_status status = OCTET_DEVICE;
        (void)generating_early_error(exchange->generating, &status);
        answer_failure(answer, status, failure);
        return;
    }
    buffer_init(&body, answer->body.limit);
    if (!api_response_body(response, &body))
        body.failed = true;
    answer_body(answer, 200, CONTENT_JSON, &body);
    buffer_free(&body);
}

/* Read what there is. True: `answer` is made. */
static bool read_whole(struct exchange *exchange, struct answer *answer)
{
    struct generating *generating = exchange->generating;
    struct buffer nothing;
    bool more = true, ok = true;
    buffer_init(&nothing, OUT_MAX);
    while (ok && more)
        ok = generating_pull(generating, &nothing, &more);
    buffer_free(&nothing);
    if (!ok)
        answer_status(answer, 503, "server_overloaded", NULL, "The server is out of memory.");
    else if (generating_finished(generating))
        make_whole_answer(exchange, answer);
    else
        return false;
    return true;
}

static void advance(struct exchange *exchange)
{
    struct answer answer;
    answer_init(&answer);
    bool done = false, again = true;
    while (again) {
        pthread_mutex_lock(&exchange->mutex);
        exchange->news_again = false;
        done = exchange->over || exchange->ready || exchange->cause != BREAK_NONE;
        pthread_mutex_unlock(&exchange->mutex);
        bool made = !done && read_whole(exchange, &answer);
        pthread_mutex_lock(&exchange->mutex);
        if (made && exchange->cause == BREAK_NONE && !exchange->over) {
            struct answer old = exchange->answer;
            exchange->answer = answer;
            answer = old;
            exchange->ready = true;
            exchange_wake(exchange);
        }
        again = !done && !made && exchange->news_again;
        exchange->advancing = again;
        pthread_mutex_unlock(&exchange->mutex);
    }
    answer_free(&answer);
}

/* Under the lock. True: the caller pushes the exchange to the workers after unlocking. */
static bool start_advancing(struct exchange *exchange)
{
    struct generating *generating = exchange->generating;
    if (exchange->over || exchange->ready || exchange->cause != BREAK_NONE)
        return false;
    if (!generating_all_ended(generating) && !generating_reads_early(generating))
        return false;
    if (exchange->advancing) {
        exchange->news_again = true;
        return false;
    }
    exchange->advancing = true;
    exchange_retain(exchange);
    return true;
}

void exchange_generate(struct exchange *exchange, struct generating *generating)
{
    bool push = false;
    pthread_mutex_lock(&exchange->mutex);
    exchange->generating = generating;
    exchange->busy = false;
    /* A request_id of the body is the answer's, and the header tells the same. */
    snprintf(exchange->id, sizeof exchange->id, "%s", generating_id(generating));
    bool broken = exchange->cause != BREAK_NONE;
    if (broken)
        exchange_wake(exchange);
    else if (!generating_request(generating)->stream)
        push = start_advancing(exchange);
    else if (exchange->has_news)
        exchange_wake(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    if (broken)
        generating_cancel(generating);
    if (push)
        workers_push(exchange->server->workers, advance, exchange);
}

void exchange_news(struct exchange *exchange)
{
    bool push = false;
    pthread_mutex_lock(&exchange->mutex);
    exchange->has_news = true;
    struct generating *generating = exchange->generating;
    if (generating && generating_request(generating)->stream)
        exchange_wake(exchange);
    else if (generating)
        push = start_advancing(exchange);
    pthread_mutex_unlock(&exchange->mutex);
    if (push)
        workers_push(exchange->server->workers, advance, exchange);
}

/* ---- ends ---- */

void exchange_break(struct exchange *exchange, enum break_cause cause)
{
    static const enum metrics_state states[] = {METRICS_QUEUED, METRICS_PREFILLING,
                                                METRICS_DECODING};
    pthread_mutex_lock(&exchange->mutex);
    struct generating *generating = exchange->generating;
    bool first = exchange->cause == BREAK_NONE && !exchange->over && !exchange->ready;
    if (first) {
        exchange->cause = cause;
        exchange_wake(exchange);
    }
    pthread_mutex_unlock(&exchange->mutex);
    if (!first || !generating)
        return;
    struct metrics *metrics = &exchange->server->metrics;
    if (cause == BREAK_GONE && !generating_all_ended(generating))
        metrics_disconnect(metrics, states[generating_state(generating)]);
    if (cause == BREAK_QUEUE_TIMEOUT)
        metrics_reject(metrics, METRICS_TIMED_OUT);
    generating_cancel(generating);
}

bool exchange_broken(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    bool broken = exchange->cause != BREAK_NONE;
    pthread_mutex_unlock(&exchange->mutex);
    return broken;
}

bool exchange_explain(const struct exchange *exchange, enum break_cause cause,
                      struct api_error *error)
{
    if (cause == BREAK_QUEUE_TIMEOUT)
        api_error_set(error, 503, "server_overloaded", NULL,
                      "The request waited %d s in the queue without being scheduled.",
                      exchange->server->options.request_timeout_s);
    else if (cause == BREAK_DRAINED)
        api_error_set(error, 503, "server_shutting_down", NULL, "The server is shutting down.");
    else
        return false;
    error->retry_after_s = 1;
    return true;
}

static void report(const struct exchange *exchange, bool gone)
{
    struct server *server = exchange->server;
    const struct request_head *head = &exchange->head;
    int status = exchange->sent_status;
    if (status == 0 && gone)
        status = 499;
    const struct metrics_exchange counted = {
        .route = exchange->route ? route_index(exchange->route) : -1,
        .method = head->method,
        .status = status,
        .duration_s = clock_seconds_since(exchange->start_ns),
        .request_bytes = exchange->received_bytes,
        .response_bytes = exchange->sent_bytes,
    };
    metrics_http(&server->metrics, &counted);
    if (!server->options.access_log || status == 0 || !head->target)
        return;
    for (size_t i = 0; i < server->options.access_log_except_count; i++) {
        if (head->path && strcmp(head->path, server->options.access_log_except[i]) == 0)
            return;
    }
    log_queue_line(server->log, "INFO:     %s - \"%s %.1024s HTTP/%s\" %d %s",
                   exchange->connection->peer, head->method, head->target,
                   head->http10 ? "1.0" : "1.1", status, answer_phrase(status));
}

void exchange_end(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->mutex);
    exchange->over = true;
    bool gone = exchange->cause == BREAK_GONE;
    pthread_mutex_unlock(&exchange->mutex);
    report(exchange, gone);
    exchange_release(exchange);
}
