/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_response_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* ---- Life ---- */

/* Seeds of tool calls' ids: FNV-1a over the response's id, which is unique, and the choice. */
static uint64_t id_seed(const char *id, size_t choice)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = id; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return hash ^ (uint64_t)choice << 40;
}

static octet_status choice_init(const struct api_request *request, uint64_t seed,
                                struct choice *choice, struct octet_error *err)
{
    output_delta_init(&choice->delta);
    logprob_lists_init(&choice->logprobs);
    buffer_init(&choice->token_ids, RESPONSE_LIMIT);
    choice->stop_token = -1;
    struct text_stream_options options = {
        .skip_special = request->skip_special,
        .stops = (const char *const *)request->stops,
        .stop_count = request->stop_count,
        .include_stop = request->include_stop,
        .min_tokens = request->sampling.min_tokens > 0 ? (size_t)request->sampling.min_tokens : 0,
    };
    RETURN_IF_ERROR(text_stream_new(request->model->tokenizer, &options, &choice->text, err));
    if (request->kind == API_CHAT)
        RETURN_IF_ERROR(output_parser_new(&request->rules, seed, &choice->parser, err));
    return OCTET_OK;
}

static void choice_free(struct choice *choice)
{
    output_parser_free(choice->parser);
    text_stream_free(choice->text);
    buffer_free(&choice->token_ids);
    logprob_lists_free(&choice->logprobs);
    output_delta_free(&choice->delta);
}

octet_status api_response_new(const struct api_request *request, const char *id, int64_t created_s,
                              struct api_response **out, struct octet_error *err)
{
    size_t count = api_request_choices(request);
    struct api_response *response = calloc(1, sizeof *response);
    if (!response)
        return error_memory(err, "a response", sizeof *response);
    response->request = request;
    buffer_init(&response->head, RESPONSE_LIMIT);
    buffer_init(&response->text, RESPONSE_LIMIT);
    buffer_init(&response->scratch, RESPONSE_LIMIT);
    response->choices = calloc(count + 1, sizeof *response->choices);
    response->prompt_logprobs =
        calloc(request->prompt_count + 1, sizeof *response->prompt_logprobs);
    octet_status status = OCTET_OK;
    response_write_head(request, id, created_s, &response->head);
    if (!response->choices || !response->prompt_logprobs || buffer_failed(&response->head))
        status = error_memory(err, "a response", count * sizeof *response->choices);
    for (size_t i = 0; i < request->prompt_count && response->prompt_logprobs; i++)
        buffer_init(&response->prompt_logprobs[i], RESPONSE_LIMIT);
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        response->choice_count = i + 1;
        status = choice_init(request, id_seed(id, i), &response->choices[i], err);
    }
    if (status != OCTET_OK) {
        api_response_free(response);
        return status;
    }
    *out = response;
    return OCTET_OK;
}

void api_response_free(struct api_response *response)
{
    if (!response)
        return;
    for (size_t i = 0; i < response->choice_count; i++)
        choice_free(&response->choices[i]);
    free(response->choices);
    for (size_t i = 0; i < response->request->prompt_count && response->prompt_logprobs; i++)
        buffer_free(&response->prompt_logprobs[i]);
    free(response->prompt_logprobs);
    free(response->error);
    buffer_free(&response->scratch);
    buffer_free(&response->text);
    buffer_free(&response->head);
    free(response);
}

/* ---- Events ---- */

static bool continuous_usage(const struct api_request *request)
{
    return request->continuous_usage &&
           (request->include_usage || request->model->force_include_usage);
}

/* What follows a choice's object in an event. */
static void end_event(const struct api_response *response, const struct choice *choice,
                      struct buffer *out)
{
    buffer_append_char(out, ']');
    if (continuous_usage(response->request)) {
        buffer_append_str(out, ",\"usage\":");
        response_write_usage(response, choice, out);
    }
}

static void begin_event(const struct api_response *response, struct buffer *out)
{
    buffer_append(out, response->head.data, response->head.size);
}

/* Everything that was gathered, as one event. */
static bool write_event(struct api_response *response, size_t index, struct buffer *out)
{
    struct choice *choice = &response->choices[index];
    begin_event(response, out);
    if (choice->parser)
        chat_write_chunk(response, index, false, out);
    else
        completion_write_choice(response, index, out);
    end_event(response, choice, out);
    choice->started = true;
    choice->pending = 0;
    if (chat_call_waits(choice))
        output_delta_keep_last_piece(&choice->delta);
    else
        output_delta_clear(&choice->delta);
    logprob_lists_clear(&choice->logprobs);
    buffer_clear(&choice->token_ids);
    return buffer_append_str(out, "}\n\n");
}

/* Chat: who speaks, before the first token's event. */
static bool write_role(struct api_response *response, size_t index, struct buffer *out)
{
    const struct api_prompt *prompt = response_prompt(response, index);
    begin_event(response, out);
    chat_write_chunk(response, index, true, out);
    end_event(response, &response->choices[index], out);
    if (response->request->return_token_ids) {
        buffer_append_str(out, ",\"prompt_token_ids\":");
        response_write_ids(prompt->ids, prompt->id_count, out);
    }
    return buffer_append_str(out, "}\n\n");
}

static bool gathered(const struct choice *choice)
{
    return !buffer_failed(&choice->delta.content) && !buffer_failed(&choice->delta.reasoning) &&
           !logprob_lists_failed(&choice->logprobs) && !buffer_failed(&choice->token_ids);
}

/* ---- Tokens ---- */

/* Text that is certain: through the parser into what was gathered. */
static bool show(struct choice *choice, const struct buffer *text)
{
    if (buffer_failed(text))
        return false;
    bool ok = choice->parser ? output_parser_push(choice->parser, buffer_text(text), text->size,
                                                  &choice->delta)
                             : buffer_append(&choice->delta.content, buffer_text(text), text->size);
    choice->has_content = choice->has_content || choice->delta.content.size > 0;
    return ok;
}

/* The log-probabilities of a token, where they were asked for. */
static void add_logprobs(struct api_response *response, struct choice *choice, int32_t id,
                         const struct position_logprobs *position, bool shown)
{
    if (!response->request->logprobs)
        return;
    if (choice->parser) {
        logprob_add_chat(response, &choice->logprobs, id, position);
        return;
    }
    logprob_add_completion(response, &choice->logprobs, id, position, choice->offset);
    if (shown)
        choice->offset += token_characters(response->request->model->tokenizer, id);
}

static void add_id(struct choice *choice, int32_t id)
{
    buffer_printf(&choice->token_ids, choice->token_ids.size ? ",%d" : "%d", id);
}

/* ends: the token is the text's end (vLLM shows it only with include_stop). */
static bool add_token(struct api_response *response, struct choice *choice,
                      const struct token_event *event, bool ends)
{
    const struct api_request *request = response->request;
    bool muted = ends && !request->include_stop;
    bool special =
        request->skip_special && tokenizer_is_special(request->model->tokenizer, event->id);
    bool thought = choice->parser && output_parser_in_reasoning(choice->parser);
    buffer_clear(&response->text);
    if (!muted && !text_stream_push(choice->text, event->id, &response->text))
        return false;
    if (!show(choice, &response->text))
        return false;
    choice->tokens++;
    choice->pending++;
    /* The tags themselves are not counted, as in vLLM. */
    choice->reasoning_tokens += thought && output_parser_in_reasoning(choice->parser);
    add_logprobs(response, choice, event->id, event->has_logprobs ? &event->logprobs : NULL,
                 !muted && !special);
    if (request->return_token_ids)
        add_id(choice, event->id);
    return true;
}

/* Completions with echo: the prompt comes first, and counts as text of the choice. */
static bool add_prompt(struct api_response *response, size_t index,
                       const struct position_logprobs *positions, size_t count)
{
    const struct api_request *request = response->request;
    struct choice *choice = &response->choices[index];
    const struct api_prompt *prompt = response_prompt(response, index);
    struct buffer *content = &choice->delta.content;
    if (request->kind == API_CHAT) {
        if (request->echo_text)
            buffer_append_str(content, request->echo_text);
        return !buffer_failed(content);
    }
    if (prompt->text) {
        buffer_append(content, prompt->text, prompt->text_size);
    } else {
        buffer_clear(&response->text);
        if (!tokenizer_decode(request->model->tokenizer, prompt->ids, prompt->id_count, false,
                              &response->text))
            return false;
        utf8_append_lossy(content, buffer_text(&response->text), response->text.size);
    }
    for (size_t i = 0; i < prompt->id_count; i++)
        add_logprobs(response, choice, prompt->ids[i],
                     i > 0 && i <= count ? &positions[i - 1] : NULL, true);
    return !buffer_failed(content);
}

/* ---- The end of a choice ---- */

/* The text has ended: what was held back. */
static bool flush(struct api_response *response, struct choice *choice)
{
    buffer_clear(&response->text);
    bool ok = text_stream_finish(choice->text, &response->text) && show(choice, &response->text) &&
              (!choice->parser || output_parser_finish(choice->parser, &choice->delta));
    choice->has_content = choice->has_content || choice->delta.content.size > 0;
    return ok;
}

static bool is_eos(const struct api_model *model, int32_t id)
{
    for (size_t i = 0; i < model->eos_id_count; i++)
        if (model->eos_ids[i] == id)
            return true;
    return false;
}

/* The engine has ended it. */
static bool end_choice(struct api_response *response, struct choice *choice)
{
    const struct request_status *status = &choice->status;
    if (!flush(response, choice))
        return false;
    choice->finished = true;
    choice->reason = text_stream_stopped(choice->text) >= 0 ? FINISH_STOP : status->finish_reason;
    if (choice->reason == FINISH_STOP && status->stop_token >= 0 &&
        !is_eos(response->request->model, status->stop_token))
        choice->stop_token = status->stop_token;
    return true;
}

/* A stop string was found; the engine does not know it yet. */
static bool stop_choice(struct api_response *response, struct choice *choice)
{
    choice->finished = true;
    choice->reason = FINISH_STOP;
    return flush(response, choice);
}

static bool fail_choice(struct api_response *response, struct choice *choice, const char *error,
                        struct buffer *out)
{
    choice->finished = true;
    choice->reason = FINISH_ERROR;
    if (response->error)
        return true;
    response->error = strdup(error && error[0] ? error : "the engine has failed");
    if (!response->error)
        return false;
    if (!response->request->stream)
        return true;
    response->broken = true;
    struct api_error body;
    (void)api_error_set(&body, 500, NULL, NULL, "%s", response->error);
    buffer_append_str(out, "data: ");
    return api_error_body(&body, out) && buffer_append_str(out, "\n\n");
}

/* ---- Feeding ---- */

/* The key prompt_logprobs, while its numbers can be read. */
static bool take_prompt_logprobs(struct api_response *response, size_t index,
                                 const struct position_logprobs *positions, size_t count)
{
    const struct api_request *request = response->request;
    struct buffer *list = &response->prompt_logprobs[index / (size_t)request->n];
    if (!request->prompt_logprobs || request->stream || list->size > 0)
        return true;
    logprob_write_prompt(response, response_prompt(response, index), positions, count, list);
    return !buffer_failed(list);
}

/* Before the first token of a choice, or its end. */
static bool start_choice(struct api_response *response, size_t index,
                         const struct position_logprobs *positions, size_t count,
                         struct buffer *out)
{
    const struct api_request *request = response->request;
    struct choice *choice = &response->choices[index];
    choice->started = true;
    if (!take_prompt_logprobs(response, index, positions, count) ||
        (request->echo && !add_prompt(response, index, positions, count)))
        return false;
    return !request->stream || !choice->parser || write_role(response, index, out);
}

/* Whether what was gathered goes out now: the first token, every k-th one and the last. */
static bool is_due(const struct api_request *request, const struct choice *choice)
{
    size_t interval = request->stream_interval > 1 ? (size_t)request->stream_interval : 1;
    return request->stream &&
           (choice->finished || choice->pending == choice->tokens || choice->pending >= interval);
}

bool api_response_feed(struct api_response *response, size_t index,
                       const struct token_event *events, size_t count,
                       const struct request_status *status,
                       const struct position_logprobs *prompt_logprobs, size_t prompt_logprob_count,
                       const char *error, struct buffer *out)
{
    struct choice *choice = &response->choices[index];
    if (choice->finished)
        return true;
    choice->status = *status;
    enum finish_reason reason = FINISH_NONE;
    if (choice->tokens + count >= status->token_count)
        reason = status->finish_reason;
    bool normal = reason == FINISH_STOP || reason == FINISH_LENGTH;
    bool ok = true;
    if (!choice->started && (count > 0 || normal))
        ok = start_choice(response, index, prompt_logprobs, prompt_logprob_count, out);
    for (size_t i = 0; i < count && ok && !choice->finished; i++) {
        bool last = normal && i + 1 == count;
        bool ends = last && reason == FINISH_STOP && status->stop_token == events[i].id;
        ok = add_token(response, choice, &events[i], ends);
        if (ok && text_stream_stopped(choice->text) >= 0)
            ok = stop_choice(response, choice);
        else if (ok && last)
            ok = end_choice(response, choice);
        ok = ok && gathered(choice);
        if (ok && is_due(response->request, choice))
            ok = write_event(response, index, out);
    }
    if (!ok || choice->finished || reason == FINISH_NONE)
        return ok && !buffer_failed(out);
    if (reason == FINISH_ERROR)
        return fail_choice(response, choice, error, out);
    if (normal) /* No token came with it. */
        return end_choice(response, choice) && gathered(choice) &&
               (!response->request->stream || write_event(response, index, out));
    choice->finished = true; /* Cancelled: nobody is told. */
    choice->reason = reason;
    return !buffer_failed(out);
}

/* ---- Questions ---- */

bool api_response_choice_finished(const struct api_response *response, size_t choice)
{
    return response->choices[choice].finished;
}

bool api_response_finished(const struct api_response *response)
{
    for (size_t i = 0; i < response->choice_count; i++)
        if (!response->choices[i].finished)
            return false;
    return true;
}

enum finish_reason api_response_reason(const struct api_response *response, size_t choice)
{
    return response->choices[choice].reason;
}

size_t api_response_tokens(const struct api_response *response, size_t choice)
{
    return response->choices[choice].tokens;
}

bool api_response_lost_in_thought(const struct api_response *response)
{
    for (size_t i = 0; i < response->choice_count; i++) {
        const struct choice *choice = &response->choices[i];
        if (choice->parser && choice->reason == FINISH_LENGTH && !choice->has_content &&
            output_parser_in_reasoning(choice->parser))
            return true;
    }
    return false;
}

const char *api_response_error(const struct api_response *response)
{
    return response->error;
}

/* ---- The end of the answer ---- */

bool api_response_end(struct api_response *response, struct buffer *out)
{
    const struct api_request *request = response->request;
    if (!response->broken && (request->include_usage || request->model->force_include_usage)) {
        begin_event(response, out);
        buffer_append_str(out, "],\"usage\":");
        response_write_usage(response, NULL, out);
        response_write_metrics(response, out);
        buffer_append_str(out, "}\n\n");
    }
    return buffer_append_str(out, "data: [DONE]\n\n");
}

bool api_response_abort(struct api_response *response, const struct api_error *error,
                        struct buffer *out)
{
    if (!response->broken) {
        buffer_append_str(out, "data: ");
        if (!api_error_body(error, out))
            return false;
        buffer_append_str(out, "\n\n");
    }
    response->broken = true;
    return buffer_append_str(out, "data: [DONE]\n\n");
}

bool api_response_body(struct api_response *response, struct buffer *out)
{
    const struct api_request *request = response->request;
    begin_event(response, out);
    for (size_t i = 0; i < response->choice_count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        if (request->kind == API_CHAT)
            chat_write_choice(response, i, out);
        else
            completion_write_choice(response, i, out);
    }
    buffer_append_str(out, "],\"usage\":");
    response_write_usage(response, NULL, out);
    if (request->kind == API_CHAT && request->prompt_logprobs) {
        buffer_append_str(out, ",\"prompt_logprobs\":");
        buffer_append_str(out, response->prompt_logprobs[0].size ? response->prompt_logprobs[0].data
                                                                 : "null");
    }
    if (request->kind == API_CHAT && request->return_token_ids) {
        buffer_append_str(out, ",\"prompt_token_ids\":");
        response_write_ids(request->prompts[0].ids, request->prompts[0].id_count, out);
    }
    response_write_metrics(response, out);
    return buffer_append_char(out, '}');
}
