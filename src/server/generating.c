/* SPDX-License-Identifier: Apache-2.0 */
#include "server/generating.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "server/exchange.h"
#include "server/server_internal.h"

#define PULL_MAX 32 /* tokens of a choice that a whole answer takes at a time */
/* Of all choices of a request together: "n" multiplies what a small body asks for. */
#define CHOICES_BYTES_MAX ((size_t)2 << 30)

struct choice {
    struct generating *generating;
    struct request *request; /* of the engine; one reference */
    bool submitted;
    bool closed;            /* the client has been told its end */
    size_t next;            /* tokens read */
    uint64_t last_token_ns; /* of the latest read */
    atomic_size_t charged;  /* tokens that the client was charged for */
    atomic_bool ended;      /* in the engine */
};

struct generating {
    struct exchange *exchange; /* who hears news; not owned */
    struct server *server;
    struct api_request *request;
    struct api_response *response;
    struct choice *choices;
    size_t choice_count;
    atomic_size_t ended_count;
    uint64_t arrival_ns;
    char id[132];
    bool counted; /* everything was submitted */
};

static void on_notify(void *context)
{
    struct choice *choice = context;
    struct request_status status;
    request_status(choice->request, &status);
    if (status.finish_reason != FINISH_NONE && !atomic_exchange(&choice->ended, true))
        atomic_fetch_add(&choice->generating->ended_count, 1);
    exchange_news(choice->generating->exchange);
}

static octet_status make_choice(struct generating *generating, size_t i, struct octet_error *err)
{
    const struct api_request *request = generating->request;
    const struct api_prompt *prompt = &request->prompts[i / (size_t)request->n];
    struct choice *choice = &generating->choices[i];
    struct sampling_params params;
    choice->generating = generating;
    RETURN_IF_ERROR(api_request_sampling(request, i, &params, err));
    octet_status status = request_new(generating->server->engine, prompt->ids, prompt->id_count,
                                      &params, request->cache_salt, &choice->request, err);
    if (status != OCTET_OK) {
        constraint_free(params.constraint);
        return status;
    }
    request_set_notify(choice->request, on_notify, choice);
    return OCTET_OK;
}

static void make_id(const struct exchange *exchange, const struct api_request *request,
                    struct generating *generating)
{
    const char *id = exchange->id;
    if (!exchange->head.x_request_id && request->request_id &&
        head_id_is_usable(request->request_id))
        id = request->request_id;
    snprintf(generating->id, sizeof generating->id, "%s", id);
}

/* Before anything is allocated: what the choices may come to hold. */
static octet_status check_size(const struct generating *generating, struct octet_error *err)
{
    const struct api_request *request = generating->request;
    const struct server *server = generating->server;
    size_t constraint = request->grammar ? constraint_bytes(server->model.vocab) : 0, total = 0;
    for (size_t i = 0; i < request->prompt_count; i++) {
        size_t one =
                   request_bytes(server->engine, request->prompts[i].id_count, &request->sampling),
               all = 0;
        if (!checked_mul_size(one + constraint, (size_t)request->n, &all) ||
            !checked_add_size(total, all, &total) || total > CHOICES_BYTES_MAX)
            return error_set(err, OCTET_USAGE,
                             "the %zu choices of this request could take more than the %zu MiB of "
                             "memory that one request may have; ask for fewer (n), or state a "
                             "smaller max_tokens",
                             api_request_choices(request), CHOICES_BYTES_MAX >> 20);
    }
    return OCTET_OK;
}

static octet_status make_all(struct exchange *exchange, struct generating *generating,
                             struct octet_error *err)
{
    struct api_request *request = generating->request;
    RETURN_IF_ERROR(check_size(generating, err));
    generating->choice_count = api_request_choices(request);
    generating->choices = calloc(generating->choice_count + 1, sizeof *generating->choices);
    if (!generating->choices)
        return error_memory(err, "choices", generating->choice_count * sizeof(struct choice));
    make_id(exchange, request, generating);
    RETURN_IF_ERROR(
        api_response_new(request, generating->id, (int64_t)time(NULL), &generating->response, err));
    for (size_t i = 0; i < generating->choice_count; i++) {
        /* Thousands with a grammar take a worker seconds. */
        if (exchange_broken(exchange))
            return error_set(err, OCTET_CANCELLED, "the request was broken off");
        RETURN_IF_ERROR(make_choice(generating, i, err));
    }
    return OCTET_OK;
}

static octet_status submit_all(struct generating *generating, struct octet_error *err)
{
    size_t count = generating->choice_count;
    struct request **requests = calloc(count + 1, sizeof(struct request *));
    if (!requests)
        return error_memory(err, "choices", count * sizeof(struct request *));
    for (size_t i = 0; i < count; i++)
        requests[i] = generating->choices[i].request;
    octet_status status = engine_submit_all(generating->server->engine, requests, count, err);
    for (size_t i = 0; i < count; i++)
        generating->choices[i].submitted = status == OCTET_OK;
    free(requests);
    return status;
}

/* A refusal by the engine as the client reads it. */
static octet_status explain_refusal(struct server *server, const struct octet_error *err,
                                    struct api_error *error)
{
    int64_t wait_ms = server_retry_after_ms(server);
    if (err->status == OCTET_LIMIT) {
        metrics_reject(&server->metrics, METRICS_QUEUE_FULL);
        api_error_set(error, 429, "rate_limit_exceeded", NULL, "The server's queue is full: %s",
                      err->message);
        error->retry_after_s = (int)((wait_ms + 999) / 1000);
    } else if (err->status == OCTET_STATE) {
        api_error_set(error, 503, "server_shutting_down", NULL, "%s", err->message);
        error->retry_after_s = (int)((wait_ms + 999) / 1000);
    } else if (err->status == OCTET_DEVICE) {
        api_error_set(error, 500, "engine_dead", NULL, "%s", err->message);
    } else {
        api_error_from(error, err);
    }
    return err->status;
}

static void log_request(struct server *server, const struct generating *generating)
{
    const struct api_request *request = generating->request;
    const struct api_prompt *prompt = &request->prompts[0];
    const char *text = prompt->text ? prompt->text : "";
    int32_t most = server->options.max_log_len;
    int length = (int)(prompt->text_size < 4096 ? prompt->text_size : 4096);
    if (most > 0 && length > most)
        length = most;
    server_log(server, LOG_INFO,
               "Received request %s: n=%d, prompts=%zu, prompt_tokens=%zu, max_tokens=%d, "
               "temperature=%g, top_p=%g, top_k=%d, stream=%s, prompt: '%.*s'",
               generating->id, request->n, request->prompt_count, prompt->id_count,
               request->sampling.max_tokens, request->sampling.temperature, request->sampling.top_p,
               request->sampling.top_k, request->stream ? "yes" : "no", length, text);
}

octet_status generating_start(struct exchange *notify_exchange, struct api_request *request,
                              struct generating **out, struct api_error *error)
{
    struct server *server = notify_exchange->server;
    struct octet_error err = {0};
    struct generating *generating = calloc(1, sizeof *generating);
    if (!generating) {
        api_request_free(request);
        error_memory(&err, "generation", sizeof *generating);
        api_error_from(error, &err);
        return OCTET_MEMORY;
    }
    generating->exchange = notify_exchange;
    generating->server = server;
    generating->request = request;
    generating->arrival_ns = notify_exchange->received_ns;
    octet_status status = make_all(notify_exchange, generating, &err);
    if (status != OCTET_OK) {
        if (status == OCTET_LIMIT)
            metrics_reject(&server->metrics, METRICS_TOO_LONG);
        api_error_from(error, &err);
        if (status == OCTET_LIMIT)
            error->code = "context_length_exceeded";
        else if (status == OCTET_CANCELLED) /* a client that left reads nothing */
            api_error_set(error, 503, "server_shutting_down", NULL, "The server is shutting down.");
    } else {
        if (server->options.log_requests)
            log_request(server, generating);
        status = submit_all(generating, &err);
        if (status != OCTET_OK)
            explain_refusal(server, &err, error);
    }
    if (status != OCTET_OK) {
        generating_free(generating);
        return status;
    }
    generating->counted = true;
    atomic_fetch_add(&server->generating, 1);
    *out = generating;
    return OCTET_OK;
}

const char *generating_id(const struct generating *generating)
{
    return generating->id;
}

const struct api_request *generating_request(const struct generating *generating)
{
    return generating->request;
}

struct api_response *generating_response(const struct generating *generating)
{
    return generating->response;
}

bool generating_finished(const struct generating *generating)
{
    return api_response_finished(generating->response);
}

void generating_cancel(struct generating *generating)
{
    for (size_t i = 0; i < generating->choice_count; i++) {
        const struct choice *choice = &generating->choices[i];
        if (choice->submitted && !atomic_load(&choice->ended))
            engine_cancel(generating->server->engine, choice->request);
    }
}

bool generating_all_ended(struct generating *generating)
{
    return atomic_load(&generating->ended_count) == generating->choice_count;
}

bool generating_reads_early(const struct generating *generating)
{
    return generating->request->stop_count > 0;
}

/* Latencies of the tokens from number `first` on, as far as the client was charged for them. */
static void observe(struct generating *generating, struct choice *choice,
                    const struct token_event *events, size_t first)
{
    struct metrics *metrics = &generating->server->metrics;
    size_t charged = atomic_load(&choice->charged);
    for (size_t i = first; i < choice->next && i < charged; i++) {
        const struct token_event *event = &events[i - first];
        uint64_t before = i == 0 ? generating->arrival_ns : choice->last_token_ns;
        double seconds = event->time_ns > before ? (double)(event->time_ns - before) / 1e9 : 0;
        metrics_observe(metrics, i == 0 ? METRICS_TTFT : METRICS_ITL, seconds);
        choice->last_token_ns = event->time_ns;
    }
}

/* The status as it was behind `next` tokens. */
static void view_status(const struct choice *choice, struct request_status *status)
{
    if (choice->next != status->token_count)
        status->finish_reason = FINISH_NONE;
    status->token_count = choice->next;
    /* Only the server cancels, and what it cancels is not read any more: the engine has stopped. */
    if (status->finish_reason == FINISH_ABORT) {
        status->finish_reason = FINISH_ERROR;
        status->error = OCTET_CANCELLED;
    }
}

static bool pull_choice(struct generating *generating, size_t i, struct buffer *out, bool *more)
{
    struct choice *choice = &generating->choices[i];
    struct token_event events[PULL_MAX];
    struct request_status status;
    if (choice->closed)
        return true;
    request_status(choice->request, &status);
    /* No token that the status does not know: the last one has to be told as such. */
    size_t limit = status.token_count - choice->next;
    if (limit > (generating->request->stream ? 1 : PULL_MAX))
        limit = generating->request->stream ? 1 : PULL_MAX;
    size_t count = request_read(choice->request, choice->next, events, limit);
    size_t first = choice->next;
    choice->next += count;
    view_status(choice, &status);
    if (count == 0 && status.finish_reason == FINISH_NONE)
        return true;
    *more = true;
    size_t score_count = 0;
    const struct position_logprobs *scores = request_prompt_logprobs(choice->request, &score_count);
    const char *error = NULL;
    if (status.finish_reason == FINISH_ERROR)
        error = status.error == OCTET_CANCELLED ? "The server is shutting down."
                                                : request_error(choice->request);
    if (!api_response_feed(generating->response, i, events, count, &status, scores, score_count,
                           error, out))
        return false;
    atomic_store(&choice->charged, api_response_tokens(generating->response, i));
    observe(generating, choice, events, first);
    if (api_response_choice_finished(generating->response, i)) {
        choice->closed = true;
        if (!atomic_load(&choice->ended))
            engine_cancel(generating->server->engine, choice->request);
    }
    return true;
}

bool generating_pull(struct generating *generating, struct buffer *out, bool *more)
{
    *more = false;
    for (size_t i = 0; i < generating->choice_count; i++) {
        if (!pull_choice(generating, i, out, more))
            return false;
    }
    return true;
}

bool generating_queued(struct generating *generating, uint64_t *submitted_ns)
{
    for (size_t i = 0; i < generating->choice_count; i++) {
        struct request_status status;
        request_status(generating->choices[i].request, &status);
        *submitted_ns = status.submitted_ns;
        if (status.scheduled_ns != 0 || status.finish_reason != FINISH_NONE)
            return false;
    }
    return true;
}

enum generating_state generating_state(struct generating *generating)
{
    enum generating_state state = GENERATING_QUEUED;
    for (size_t i = 0; i < generating->choice_count; i++) {
        struct request_status status;
        request_status(generating->choices[i].request, &status);
        if (status.first_token_ns != 0)
            return GENERATING_DECODE;
        if (status.scheduled_ns != 0)
            state = GENERATING_PREFILL;
    }
    return state;
}

/* Tokens that a choice has been or will be charged for; behind a stop string there may be more. */
static size_t tokens_so_far(const struct generating *generating, const struct choice *choice,
                            const struct request_status *status)
{
    return generating_reads_early(generating) || choice->closed ? atomic_load(&choice->charged)
                                                                : status->token_count;
}

void generating_live(struct generating *generating, struct generating_live *out)
{
    *out = (struct generating_live){0};
    for (size_t i = 0; i < generating->choice_count; i++) {
        struct choice *choice = &generating->choices[i];
        struct request_status status;
        request_status(choice->request, &status);
        out->generated_tokens +=
            generating_reads_early(generating) ? atomic_load(&choice->charged) : status.token_count;
        if (status.first_token_ns != 0 && i % (size_t)generating->request->n == 0) {
            out->prompt_tokens += (uint64_t)status.prompt_tokens;
            out->cached_tokens += (uint64_t)status.cached_tokens;
        }
    }
}

const char *generating_early_error(struct generating *generating, octet_status *status)
{
    for (size_t i = 0; i < generating->choice_count; i++) {
        struct request_status found;
        request_status(generating->choices[i].request, &found);
        if (found.finish_reason == FINISH_ERROR && found.token_count == 0) {
            *status = found.error;
            return request_error(generating->choices[i].request);
        }
    }
    return NULL;
}

static void count_choice(struct generating *generating, size_t i, size_t *most)
{
    struct choice *choice = &generating->choices[i];
    const struct api_request *request = generating->request;
    struct metrics_choice counted = {
        .first_of_prompt = i % (size_t)request->n == 0,
        .reason = api_response_reason(generating->response, i),
        .arrival_ns = generating->arrival_ns,
        .max_tokens = request->sampling.max_tokens,
    };
    request_status(choice->request, &counted.status);
    counted.tokens = tokens_so_far(generating, choice, &counted.status);
    if (counted.reason == FINISH_NONE)
        counted.reason = FINISH_ABORT;
    counted.end_ns = counted.status.finished_ns ? counted.status.finished_ns : clock_now_ns();
    if (counted.max_tokens < 0)
        counted.max_tokens = generating->server->model.max_model_len - counted.status.prompt_tokens;
    if (counted.tokens > *most)
        *most = counted.tokens;
    metrics_choice(&generating->server->metrics, &counted);
    server_note_finish(generating->server);
}

static void log_output(const struct generating *generating, size_t i)
{
    struct server *server = generating->server;
    struct choice *choice = &generating->choices[i];
    size_t count = atomic_load(&choice->charged);
    int32_t *ids = calloc(count + 1, sizeof *ids);
    struct buffer text;
    buffer_init(&text, (size_t)1 << 20);
    for (size_t k = 0; ids && k < count; k++) {
        struct token_event event = {0};
        request_read(choice->request, k, &event, 1);
        ids[k] = event.id;
    }
    int32_t most = server->options.max_log_len;
    if (ids && server->model.tokenizer &&
        tokenizer_decode(server->model.tokenizer, ids, count, false, &text)) {
        int length = (int)(text.size < 3500 ? text.size : 3500);
        if (most > 0 && length > most)
            length = most;
        server_log(server, LOG_INFO,
                   "Generated response %s: choice %zu, %zu tokens, finish_reason: %s, output: "
                   "'%.*s'",
                   generating->id, i, count,
                   finish_reason_name(api_response_reason(generating->response, i)), length,
                   buffer_text(&text));
    }
    buffer_free(&text);
    free(ids);
}

static void count_all(struct generating *generating)
{
    struct server *server = generating->server;
    size_t most = 0;
    for (size_t i = 0; i < generating->choice_count; i++) {
        count_choice(generating, i, &most);
        if (server->options.log_outputs)
            log_output(generating, i);
    }
    metrics_observe(&server->metrics, METRICS_PARAMS_N, generating->request->n);
    metrics_observe(&server->metrics, METRICS_MAX_GENERATION_TOKENS, (double)most);
    if (api_response_lost_in_thought(generating->response) &&
        !atomic_exchange(&server->thought_warned, true))
        server_log(server, LOG_WARNING,
                   "thinking used up max_tokens and the content of %s is empty; ask for more "
                   "tokens, or switch thinking off by \"chat_template_kwargs\": "
                   "{\"enable_thinking\": false}",
                   generating->id);
    atomic_fetch_sub(&server->generating, 1);
}

void generating_free(struct generating *generating)
{
    if (!generating)
        return;
    for (size_t i = 0; i < generating->choice_count; i++) {
        if (generating->choices[i].request)
            request_set_notify(generating->choices[i].request, NULL, NULL);
    }
    generating_cancel(generating);
    if (generating->counted)
        count_all(generating);
    for (size_t i = 0; i < generating->choice_count; i++)
        request_release(generating->choices[i].request);
    free(generating->choices);
    api_response_free(generating->response);
    api_request_free(generating->request);
    free(generating);
}
