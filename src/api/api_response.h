/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine says of the choices of a request -> the JSON body or the SSE stream. Both are
 * made by the same code from the same tokens, so that they cannot differ. One thread at a time.
 *
 * Shapes are OpenAI's; further keys (stop_reason, token_ids, prompt_token_ids, prompt_logprobs,
 * metrics) are vLLM's. finish_reason is "stop", "length" or "tool_calls" (a choice with tool calls
 * that ended by itself, unless the request named the tool), nothing else.
 */
#ifndef API_API_RESPONSE_H
#define API_API_RESPONSE_H

#include "api/api_request.h"
#include "engine/engine.h"

struct api_response;

/* id: what follows "chatcmpl-" or "cmpl-". The request must outlive the response. Errors:
 * OCTET_MEMORY. */
octet_status api_response_new(const struct api_request *request, const char *id, int64_t created_s,
                              struct api_response **out, struct octet_error *err);
void api_response_free(struct api_response *response); /* NULL is fine */

/*
 * New tokens of one choice, in order; status: what request_status() says once all of `events` are
 * read (finish_reason FINISH_NONE while it goes on, counts and times for usage). prompt_logprobs:
 * request_prompt_logprobs(), needed with the first tokens or the end where they were asked for.
 * When the request streams, `out` receives one event a token ("data: {...}\n\n"), the last of them
 * with the finish reason; in chat one with the role comes before the first. A stream_interval k
 * makes that one event for the first token, one for every k further ones and one for the last.
 * A choice that has finished ignores further tokens. FINISH_ABORT ends it without an event.
 * error: the sentence of FINISH_ERROR, else NULL; a stream receives it as an error event, after
 * which only [DONE] is written. False when out of memory: the response is good for
 * api_response_free() only.
 */
bool api_response_feed(struct api_response *response, size_t choice,
                       const struct token_event *events, size_t count,
                       const struct request_status *status,
                       const struct position_logprobs *prompt_logprobs, size_t prompt_logprob_count,
                       const char *error, struct buffer *out);

/* A stop string was found: the engine's request is to be cancelled; the choice has finished. */
bool api_response_choice_finished(const struct api_response *response, size_t choice);
bool api_response_finished(const struct api_response *response); /* every choice has */
/* What metrics count of a choice: FINISH_STOP, FINISH_LENGTH, ... as the client was told, and the
 * tokens that it was charged for. */
enum finish_reason api_response_reason(const struct api_response *response, size_t choice);
size_t api_response_tokens(const struct api_response *response, size_t choice);
/* Some choice ended by length while it was still thinking, so that its content is empty. */
bool api_response_lost_in_thought(const struct api_response *response);
/* A choice ended as FINISH_ERROR: its sentence, for a 500 instead of the body. NULL: none. */
const char *api_response_error(const struct api_response *response);

/* Streams: the usage event where it was asked for, and "data: [DONE]\n\n". */
bool api_response_end(struct api_response *response, struct buffer *out);
/* Streams that the server has to break off: an error event, then [DONE]. */
bool api_response_abort(struct api_response *response, const struct api_error *error,
                        struct buffer *out);
/* Whole answers: the body, once every choice has finished. */
bool api_response_body(struct api_response *response, struct buffer *out);

#endif
