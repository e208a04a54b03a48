/* SPDX-License-Identifier: Apache-2.0 */
/* A request in text: ids through the tokenizer on the way in, text through text/ on the way out. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "runtime/runtime_internal.h"
#include "text/text_stream.h"

#define EVENT_TEXT_LIMIT ((size_t)16 << 20)
/* A prompt with more bytes than this for each token that fits is refused unread: splitting it would
 * take many times its size in memory, and a chat template of a few bytes can write a gigabyte. */
#define PROMPT_BYTES_PER_TOKEN ((size_t)1024)
#define PROMPT_BYTES_LEAST ((size_t)1 << 20)

struct generation {
    struct engine *engine;
    struct request *request;
    struct text_stream *stream; /* NULL without tokenizer */
    struct token_ids prompt;
    char **stops; /* copies, for stop_string of events */
    size_t stop_count;
    bool include_stop;
    struct buffer text; /* of the present event */
    size_t read;        /* tokens taken from the request */
    bool done;          /* the finished event was given */
    bool text_failed;
    int stopped_by; /* index of the stop string; -1 */
};

void generation_options_init(const struct runtime *runtime, struct generation_options *options)
{
    memset(options, 0, sizeof *options);
    options->add_special_tokens = true;
    options->special_mode = SPECIAL_PARSE;
    runtime_sampling_defaults(runtime, &options->sampling);
}

static octet_status make_prompt(const struct runtime *runtime,
                                const struct generation_options *options, struct token_ids *out,
                                struct octet_error *err)
{
    if (options->prompt) {
        if (!runtime->tokenizer)
            return error_set(err, OCTET_UNSUPPORTED,
                             "the model directory has no tokenizer.json, so the prompt must be "
                             "given as token ids");
        size_t most = (size_t)runtime->plan.max_model_len * PROMPT_BYTES_PER_TOKEN;
        if (most < PROMPT_BYTES_LEAST)
            most = PROMPT_BYTES_LEAST;
        if (options->prompt_size > most)
            return error_set(err, OCTET_LIMIT,
                             "the prompt has %zu bytes, which cannot fit into the %d tokens of "
                             "max_model_len; shorten it",
                             options->prompt_size, runtime->plan.max_model_len);
        return tokenizer_encode(runtime->tokenizer, options->prompt, options->prompt_size,
                                options->special_mode, options->add_special_tokens, out, err);
    }
    for (size_t i = 0; i < options->id_count; i++) {
        if (!token_ids_push(out, options->ids[i]))
            return error_memory(err, "prompt", options->id_count * sizeof(int32_t));
    }
    return OCTET_OK;
}

static octet_status make_stream(struct generation *generation, const struct runtime *runtime,
                                const struct generation_options *options, struct octet_error *err)
{
    if (!runtime->tokenizer) {
        if (options->stop_count > 0)
            return error_set(err, OCTET_UNSUPPORTED,
                             "stop strings need a tokenizer.json, which the model directory lacks");
        return OCTET_OK;
    }
    const struct text_stream_options stream = {
        .skip_special = !options->keep_special,
        .stops = options->stop,
        .stop_count = options->stop_count,
        .include_stop = options->include_stop,
    };
    RETURN_IF_ERROR(text_stream_new(runtime->tokenizer, &stream, &generation->stream, err));
    generation->stops = calloc(options->stop_count + 1, sizeof *generation->stops);
    if (!generation->stops)
        return error_memory(err, "stop strings", options->stop_count);
    for (; generation->stop_count < options->stop_count; generation->stop_count++) {
        char *copy = strdup(options->stop[generation->stop_count]);
        if (!copy)
            return error_memory(err, "stop string", 0);
        generation->stops[generation->stop_count] = copy;
    }
    return OCTET_OK;
}

static octet_status submit(struct generation *generation, struct runtime *runtime,
                           const struct generation_options *options, struct octet_error *err)
{
    RETURN_IF_ERROR(make_prompt(runtime, options, &generation->prompt, err));
    RETURN_IF_ERROR(make_stream(generation, runtime, options, err));
    RETURN_IF_ERROR(request_new(generation->engine, generation->prompt.ids,
                                generation->prompt.count, &options->sampling, options->cache_salt,
                                &generation->request, err));
    if (options->notify)
        request_set_notify(generation->request, options->notify, options->notify_context);
    octet_status status = engine_submit(generation->engine, generation->request, err);
    if (status != OCTET_OK) {
        request_release(generation->request);
        generation->request = NULL;
    }
    return status;
}

octet_status runtime_submit(struct runtime *runtime, const struct generation_options *options,
                            struct generation **out, struct octet_error *err)
{
    *out = NULL;
    if (!runtime->engine)
        return error_set(err, OCTET_STATE, "the model is not loaded");
    struct generation *generation = calloc(1, sizeof *generation);
    if (!generation)
        return error_memory(err, "generation", sizeof *generation);
    generation->engine = runtime->engine;
    generation->include_stop = options->include_stop;
    generation->stopped_by = -1;
    buffer_init(&generation->text, EVENT_TEXT_LIMIT);
    octet_status status = submit(generation, runtime, options, err);
    if (status != OCTET_OK) {
        generation_free(generation);
        return status;
    }
    *out = generation;
    return OCTET_OK;
}

void generation_cancel(struct generation *generation)
{
    engine_cancel(generation->engine, generation->request);
}

void generation_free(struct generation *generation)
{
    if (!generation)
        return;
    if (generation->request) {
        struct request_status status;
        request_set_notify(generation->request, NULL, NULL);
        request_status(generation->request, &status);
        if (status.finish_reason == FINISH_NONE)
            engine_cancel(generation->engine, generation->request);
        request_release(generation->request);
    }
    for (size_t i = 0; i < generation->stop_count; i++)
        free(generation->stops[i]);
    free(generation->stops);
    text_stream_free(generation->stream);
    token_ids_free(&generation->prompt);
    buffer_free(&generation->text);
    free(generation);
}

static void push_text(struct generation *generation, int32_t id)
{
    if (generation->stream && !text_stream_push(generation->stream, id, &generation->text))
        generation->text_failed = true;
}

/* Fill in the end, from the engine's status or from a stop string. */
static void finish_event(struct generation *generation, const struct request_status *status,
                         struct generation_event *event)
{
    if (generation->stream && generation->stopped_by < 0) {
        if (!text_stream_finish(generation->stream, &generation->text))
            generation->text_failed = true;
        generation->stopped_by = text_stream_stopped(generation->stream);
    }
    generation->done = true;
    event->finished = true;
    event->finish_reason = status->finish_reason;
    event->stop_token = status->stop_token;
    if (status->finish_reason == FINISH_ERROR) {
        event->error = status->error;
        event->message = request_error(generation->request);
    } else if (generation->stopped_by >= 0) {
        event->finish_reason = FINISH_STOP;
        event->stop_token = -1;
        event->stop_string = generation->stops[generation->stopped_by];
    }
    if (generation->text_failed && event->error == OCTET_OK) {
        event->finish_reason = FINISH_ERROR;
        event->error = OCTET_MEMORY;
        event->message = "out of memory: the text of a generation";
    }
}

bool generation_next(struct generation *generation, struct generation_event *event)
{
    struct request_status status;
    if (generation->done)
        return false;
    request_status(generation->request, &status);
    bool has_token = generation->read < status.token_count;
    if (!has_token && status.finish_reason == FINISH_NONE)
        return false;
    memset(event, 0, sizeof *event);
    event->stop_token = -1;
    event->message = "";
    buffer_clear(&generation->text);
    if (has_token) {
        request_read(generation->request, generation->read++, &event->token, 1);
        event->has_token = true;
    }
    bool last = status.finish_reason != FINISH_NONE && generation->read == status.token_count;
    /* The token that stops a text is no part of it, unless the caller wants to see what stopped it.
     */
    bool stop_token = last && has_token && status.finish_reason == FINISH_STOP;
    if (has_token && (!stop_token || generation->include_stop))
        push_text(generation, event->token.id);
    if (generation->stream)
        generation->stopped_by = text_stream_stopped(generation->stream);
    if (generation->stopped_by >= 0 && !last)
        generation_cancel(generation);
    if (last || generation->stopped_by >= 0 || generation->text_failed)
        finish_event(generation, &status, event);
    event->text = buffer_text(&generation->text);
    event->text_size = generation->text.size;
    return true;
}

bool generation_wait(struct generation *generation, int64_t timeout_ms)
{
    return generation->done || request_wait(generation->request, generation->read, timeout_ms);
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns && to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : 0;
}

void generation_summary(struct generation *generation, struct generation_summary *out)
{
    struct request_status status;
    request_status(generation->request, &status);
    memset(out, 0, sizeof *out);
    out->prompt_tokens = generation->prompt.count;
    out->cached_tokens = (size_t)status.cached_tokens;
    out->output_tokens = generation->stopped_by >= 0 ? generation->read : status.token_count;
    out->preemptions = status.preemptions;
    out->finish_reason = generation->stopped_by >= 0 ? FINISH_STOP : status.finish_reason;
    out->queue_s = seconds(status.submitted_ns, status.scheduled_ns);
    out->ttft_s = seconds(status.submitted_ns, status.first_token_ns);
    out->total_s = seconds(status.submitted_ns,
                           status.finished_ns ? status.finished_ns : status.last_token_ns);
    if (status.token_count > 1)
        out->time_per_token_s =
            seconds(status.first_token_ns, status.last_token_ns) / (double)(status.token_count - 1);
}

const int32_t *generation_prompt_ids(const struct generation *generation, size_t *count)
{
    *count = generation->prompt.count;
    return generation->prompt.ids;
}

const struct position_logprobs *generation_prompt_logprobs(struct generation *generation,
                                                           size_t *count)
{
    return request_prompt_logprobs(generation->request, count);
}
