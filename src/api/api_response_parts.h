/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a response. What tokens add to a choice is gathered in one place (struct choice),
 * and written from there: a stream writes and empties it at each event, a whole answer writes it
 * once.
 */
#ifndef API_API_RESPONSE_PARTS_H
#define API_API_RESPONSE_PARTS_H

#include "api/api_response.h"
#include "text/text_stream.h"

#define RESPONSE_LIMIT ((size_t)256 << 20)
/* What is shown for -inf, and the least that is shown: vLLM's number. */
#define LOGPROB_FLOOR (-9999.0f)

/* What was added since the last event: JSON without its brackets, entries joined by commas. */
struct logprob_lists {
    struct buffer content;                       /* chat */
    struct buffer tokens, values, tops, offsets; /* completions */
    size_t count;
};

struct choice {
    struct text_stream *text;
    struct output_parser *parser; /* NULL in completions */

    /* Gathered since the last event. */
    struct output_delta delta; /* completions: content only */
    struct logprob_lists logprobs;
    struct buffer token_ids;
    size_t pending; /* tokens that no event has carried yet */

    size_t tokens; /* charged to the client: up to the one that completed a stop string */
    size_t reasoning_tokens;
    size_t offset; /* characters of text before the next token, for text_offset */
    bool has_content;
    bool started; /* its first event was begun */
    bool finished;
    enum finish_reason reason;
    int32_t stop_token; /* the id that stopped it where that is told; -1 */
    struct request_status status;
};

struct api_response {
    const struct api_request *request;
    struct buffer head; /* `data: {"id":...,"choices":[`, without "data: " in whole answers */
    struct choice *choices;
    size_t choice_count;
    struct buffer *prompt_logprobs; /* of each prompt: the value of the key, "" until it is known */
    struct buffer text;             /* of one token */
    struct buffer scratch;          /* of one spelling of a token */
    bool broken;                    /* an error event was written: only [DONE] may follow */
    char *error;                    /* of a choice that ended as FINISH_ERROR */
};

/* ---- Logprobs (logprobs_json.c) ---- */

/* The shortest decimal that reads back the same float, floored; at least 32 bytes. */
void logprob_format(float logprob, char out[32]);
void logprob_lists_init(struct logprob_lists *lists);
void logprob_lists_clear(struct logprob_lists *lists);
void logprob_lists_free(struct logprob_lists *lists);
bool logprob_lists_failed(const struct logprob_lists *lists);
/* Add one token. position NULL: there is none (the first token of a prompt), null is written. */
void logprob_add_chat(struct api_response *response, struct logprob_lists *lists, int32_t id,
                      const struct position_logprobs *position);
void logprob_add_completion(struct api_response *response, struct logprob_lists *lists, int32_t id,
                            const struct position_logprobs *position, size_t offset);
/* The value of "logprobs". */
void logprob_write(const struct api_response *response, const struct logprob_lists *lists,
                   struct buffer *out);
/* vLLM's prompt_logprobs: [null, {"id": {"logprob", "rank", "decoded_token"}, ...}, ...]. */
void logprob_write_prompt(const struct api_response *response, const struct api_prompt *prompt,
                          const struct position_logprobs *positions, size_t count,
                          struct buffer *out);
/* Code points that begin in the bytes of a token. */
size_t token_characters(const struct tokenizer *tokenizer, int32_t id);

/* ---- One choice (chat_response.c, completion_response.c) ---- */

/* The choice's object in a stream; role: only the role is told. */
void chat_write_chunk(const struct api_response *response, size_t index, bool role,
                      struct buffer *out);
/* The first arguments of the last call are left to the event behind this one: as OpenAI and vLLM
 * do, the piece that tells a call's name has empty arguments and is alone in its event. */
bool chat_call_waits(const struct choice *choice);
void chat_write_choice(const struct api_response *response, size_t index, struct buffer *out);
void completion_write_choice(const struct api_response *response, size_t index, struct buffer *out);

/* ---- Shared pieces (response_json.c) ---- */

void response_write_head(const struct api_request *request, const char *id, int64_t created_s,
                         struct buffer *out);
/* The value of "finish_reason": null, "stop", "length" or "tool_calls". */
void response_write_reason(const struct api_response *response, const struct choice *choice,
                           struct buffer *out);
/* "stop_reason": null, a stop string or a token's id. */
void response_write_stop(const struct api_response *response, const struct choice *choice,
                         struct buffer *out);
void response_write_number(uint64_t number, struct buffer *out); /* printf is slow */
void response_write_ids(const int32_t *ids, size_t count, struct buffer *out);
/* The usage of one choice, or of all where choice is NULL. */
void response_write_usage(const struct api_response *response, const struct choice *choice,
                          struct buffer *out);
/* `,"metrics":{...}` where it was asked for and there is one choice. */
void response_write_metrics(const struct api_response *response, struct buffer *out);
const char *response_role(const struct api_response *response);
/* Reasoning is hidden, and with it what would show it: ids and logprobs of tokens. */
bool response_hides(const struct api_request *request);

static inline const struct api_prompt *response_prompt(const struct api_response *response,
                                                       size_t choice)
{
    return &response->request->prompts[choice / (size_t)response->request->n];
}

#endif
