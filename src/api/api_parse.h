/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request while it is parsed: the body, its fields as they came, and the api_request that grows
 * out of them. Internal to the room. Functions return OCTET_OK or the status of parse->error, which
 * is filled in then.
 */
#ifndef API_API_PARSE_H
#define API_API_PARSE_H

#include "api/api_field.h"
#include "api/api_request.h"
#include "base/arena.h"

#define API_BODY_BYTES_MAX ((size_t)1 << 30) /* the server's own limit is lower */
#define API_DEPTH_MAX 64
#define API_TOOLS_MAX 128
#define API_PROMPT_BYTES_MAX ((size_t)256 << 20) /* of a rendered chat */
#define FIELD_ABSENT INT64_MIN                   /* an integer that was not given */

/* As they came; what is absent has the value that request_fields_init() gives it. */
struct request_fields {
    /* Sampling. */
    double temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    double length_penalty;
    int64_t n, best_of, top_k, seed, max_tokens, max_completion_tokens, min_tokens;
    int64_t logprob_count; /* `logprobs` of a completion, `top_logprobs` of a chat */
    int64_t prompt_logprobs, priority, thinking_token_budget;
    bool ignore_eos, logprobs;
    const struct json *stop, *stop_token_ids, *logit_bias, *allowed_token_ids, *bad_words;

    /* The prompt. */
    const struct json *messages, *prompt, *tools, *tool_choice, *documents, *template_kwargs;
    const struct json *modalities;
    const char *reasoning_effort, *truncation_side;
    int64_t truncate_prompt_tokens;
    bool add_generation_prompt, continue_final_message, add_special_tokens, parallel_tool_calls;
    bool include_reasoning;

    /* Structured output. */
    const struct json *response_format, *structured_outputs;
    const struct json *guided_json, *guided_choice;
    const char *guided_regex;

    /* The answer. */
    const char *model, *request_id, *cache_salt, *prompt_cache_key;
    const struct json *stream_options;
    int64_t stream_interval;
    bool stream, echo, include_stop, skip_special, spaces_between_special;
    bool return_token_ids, tokens_as_token_ids;

    /* /tokenize and /detokenize. */
    const struct json *content, *tokens;
    bool with_pieces, return_token_strs;
};

/* Owns everything of a request; the api_request is its first member. */
struct request_owner {
    struct api_request request;
    struct arena arena; /* its strings and arrays, but for those of the prompts */
    struct json *tools; /* rules.tool_schemas */
};

struct request_parse {
    const struct api_model *model;
    struct api_error *error;
    struct json *body;
    struct request_fields fields;
    struct request_owner *owner;
    struct api_request *request; /* &owner->request */

    struct json *tools;      /* chat: those that may be called now; NULL: none */
    struct json *messages;   /* chat: as the template sees them */
    bool thinking_off;       /* chat: enable_thinking is false */
    const char *forced_tool; /* tool_choice names it; of the body */
    const char *final_role;  /* of the last message, and its text; of messages */
    const char *final_text;
};

/* request_fields.c: the fields that both kinds have, those of chats, those of completions. */
extern const struct field_table common_field_table;
extern const struct field_table chat_field_table;
extern const struct field_table completion_field_table;

/* request_parse.c */

/* The body's object and the empty request. model_name is not checked here. */
octet_status request_parse_begin(struct request_parse *parse, enum api_kind kind, const char *body,
                                 size_t size);
/* Read all fields by the tables; then errors of the fields that stand for themselves. */
octet_status request_parse_fields(struct request_parse *parse, const struct field_table *tables,
                                  size_t table_count);
/* Releases what is not the request's; on failure the request too. */
void request_parse_end(struct request_parse *parse, octet_status status, struct api_request **out);
/* 503: out of memory. */
octet_status request_parse_memory(struct request_parse *parse);
/* 400 "PARAM: expected TYPES, got ..." (field_type_error), and 400 with a sentence. */
octet_status request_type_error(struct request_parse *parse, const char *param, unsigned types,
                                const struct json *value);
octet_status request_invalid(struct request_parse *parse, const char *param, const char *sentence);
/* An error of a room below, about a field. Memory stays 503, everything else is a 400. */
octet_status request_parse_from(struct request_parse *parse, const char *param,
                                const struct octet_error *err);
/* 400 with the path of a string that holds U+0000 and is no text for the model. */
octet_status request_check_nul(const struct json *body, struct api_error *error);
/* `body` as a JSON object, within the limits of requests. */
octet_status request_body_parse(const char *body, size_t size, struct json **out,
                                struct api_error *error);
/* 404 unless the name is NULL or served. */
octet_status request_check_model(const struct api_model *model, const char *name,
                                 struct api_error *error);
void request_fields_init(struct request_fields *fields, const struct api_model *model,
                         enum api_kind kind);

/* sampling_fields.c: temperature and so on, counts, seeds, log-probabilities. */
octet_status sampling_fields_apply(struct request_parse *parse);
/* token_fields.c: stop, stop_token_ids, logit_bias, allowed_token_ids, bad_words. */
octet_status token_fields_apply(struct request_parse *parse);
/* answer_fields.c: streaming, names, ids, cache salt. */
octet_status answer_fields_apply(struct request_parse *parse);

/* message_fields.c: parse->messages, final_role, final_text. */
octet_status message_fields_apply(struct request_parse *parse);
/* What a template wants for a message's content: CONTENT_STRING or CONTENT_OPENAI. */
enum content_format message_content_format(const struct api_model *model);
/*
 * message_content.c: a message's content as text (parts joined by '\n', as vLLM does) into out;
 * absent content is "". param: the content's path.
 */
octet_status message_content_text(struct request_parse *parse, const struct json *content,
                                  const char *param, struct buffer *out);

/* tool_fields.c: parse->tools, forced_tool, the request's rules and tool_mode. */
octet_status tool_fields_apply(struct request_parse *parse);
/* Whether the template is to see the tools. */
bool tool_fields_shown(const struct request_parse *parse);

/* structured_fields.c: the request's grammar and where it begins; after the prompt is known. */
octet_status structured_fields_apply(struct request_parse *parse);

/* chat_prompt.c: render the chat; where reasoning begins. The text goes into prompts[0]. */
octet_status chat_prompt_render(struct request_parse *parse);

/* prompt_fields.c */

/* The ids of prompts[index] from its text, however many they are. */
octet_status prompt_fields_ids(struct request_parse *parse, size_t index);
/* The same where there are no ids yet; truncated where that was asked for; refused when the prompt
 * leaves no room. param: its path. */
octet_status prompt_fields_encode(struct request_parse *parse, size_t index, const char *param);
/* max_tokens within what the longest prompt leaves. */
octet_status prompt_fields_limit(struct request_parse *parse);

#endif
