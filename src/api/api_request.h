/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request bytes -> a native request: every field checked, the chat template rendered, text turned
 * into ids, grammars compiled. Runs on request workers, never on the engine's or the HTTP thread.
 * Fields, defaults and sentences are vLLM's where clients see them; shapes are OpenAI's.
 */
#ifndef API_API_REQUEST_H
#define API_API_REQUEST_H

#include "api/api_error.h"
#include "api/output_parser.h"
#include "base/json.h"
#include "engine/sampling.h"
#include "grammar/constraint.h"
#include "grammar/grammar.h"
#include "tokenizer/tokenizer.h"

enum reasoning_field {
    REASONING_FIELD_BOTH,
    REASONING_FIELD_REASONING,
    REASONING_FIELD_REASONING_CONTENT
};
enum content_format { CONTENT_AUTO, CONTENT_STRING, CONTENT_OPENAI };

/* What the protocol needs of the model that is served. Borrowed and unchanging while it is used. */
struct api_model {
    const char *const *names; /* those that requests may use; the first is shown */
    size_t name_count;
    int64_t created;
    const char *root; /* the path or id as typed */
    const struct tokenizer *tokenizer;
    const struct grammar_vocab *vocab; /* NULL: no structured output */
    int32_t vocab_size, max_model_len, max_logprobs;
    struct sampling_params defaults; /* of a request that states none */
    const int32_t *eos_ids;
    size_t eos_id_count;
    /* Variables -> prompt text; NULL without a chat template. Any thread. */
    octet_status (*render)(void *context, const struct json *variables, struct buffer *out,
                           struct octet_error *err);
    void *render_context;
    const char *template_source; /* to see what the template can do; NULL without one */
    const char *fingerprint;     /* system_fingerprint; NULL: leave out */
    const char *version;

    /* Settings. */
    const struct json *template_kwargs; /* --default-chat-template-kwargs; NULL: none */
    const char *response_role;          /* "assistant" */
    enum content_format content_format;
    enum reasoning_format reasoning;
    enum reasoning_field reasoning_field;
    enum tool_format tools;
    bool auto_tool_choice; /* false: "auto" tool choice is refused with vLLM's sentence */
    bool exclude_tools_when_none;
    bool tokens_as_token_ids;
    bool force_include_usage;
    bool per_request_metrics;
    bool strict_requests;
    bool priority_scheduling;
    int32_t max_n, max_stop_strings, max_prompts; /* vLLM's VLLM_MAX_*: 16384, 64?, 1024? */
    int32_t stream_interval;
};

enum api_kind { API_CHAT, API_COMPLETION };
enum tool_mode { TOOL_MODE_NONE, TOOL_MODE_AUTO, TOOL_MODE_REQUIRED, TOOL_MODE_NAMED };

struct api_prompt {
    char *text; /* NULL when ids were given */
    size_t text_size;
    int32_t *ids;
    size_t id_count;
};

/* Everything that api_request_free frees, unless said otherwise. */
struct api_request {
    enum api_kind kind;
    const struct api_model *model; /* borrowed */
    char *model_name;              /* as the response shows it */
    char *request_id;              /* the body's request_id; NULL */
    struct api_prompt *prompts;
    size_t prompt_count;
    int32_t n; /* choices a prompt; choice i belongs to prompt i / n */

    struct sampling_params sampling; /* its arrays belong to the request; constraint is NULL */
    char **stops;
    size_t stop_count;
    bool include_stop;
    bool skip_special;
    uint64_t cache_salt;

    bool stream;
    bool include_usage, continuous_usage;
    int32_t stream_interval;
    bool logprobs;        /* whether the answer has them; how many: sampling.logprobs */
    bool prompt_logprobs; /* whether the answer has a prompt_logprobs key; in completions, `echo`
                             with logprobs asks the engine for them too */
    bool echo;
    bool return_token_ids;
    bool tokens_as_token_ids;
    bool include_reasoning;
    char *echo_text; /* chat with echo: the last message's text; NULL */

    struct output_rules rules;
    enum tool_mode tool_mode;
    struct grammar *grammar; /* NULL: none */
    enum constraint_start grammar_start;
    int32_t thinking_budget; /* < 0: none */
};

/*
 * Parse and check a body. x_request_id: the header or NULL. On failure *error has status, code,
 * path and sentence; the returned status is never OCTET_OK then.
 */
octet_status api_chat_parse(const struct api_model *model, const char *body, size_t size,
                            struct api_request **out, struct api_error *error);
octet_status api_completion_parse(const struct api_model *model, const char *body, size_t size,
                                  struct api_request **out, struct api_error *error);
void api_request_free(struct api_request *request); /* NULL is fine */

static inline size_t api_request_choices(const struct api_request *request)
{
    return request->prompt_count * (size_t)request->n;
}

/*
 * The sampling parameters of one choice: the request's, with a seed of its own where n > 1 (a seed
 * s gives choice k the seed s + k) and a new constraint where there is a grammar or a budget, which
 * the caller owns until request_new() takes it over. Arrays stay the request's.
 */
octet_status api_request_sampling(const struct api_request *request, size_t choice,
                                  struct sampling_params *out, struct octet_error *err);

/* Bodies in, bodies out, nothing of the engine. out receives the JSON answer. */
octet_status api_tokenize(const struct api_model *model, const char *body, size_t size,
                          struct buffer *out, struct api_error *error);
octet_status api_detokenize(const struct api_model *model, const char *body, size_t size,
                            struct buffer *out, struct api_error *error);
octet_status api_render(const struct api_model *model, const char *body, size_t size,
                        struct buffer *out, struct api_error *error);
bool api_models_body(const struct api_model *model, struct buffer *out);
/* One model's card, by any of its names. 404 model_not_found. */
octet_status api_model_body(const struct api_model *model, const char *name, struct buffer *out,
                            struct api_error *error);
bool api_tokenizer_info(const struct api_model *model, struct buffer *out);
/* The OpenAPI 3.1 description of this server: a literal. */
const char *api_openapi(size_t *size);

#endif
