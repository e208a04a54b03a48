/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that chats and completions share, sorted by name. */
#include "api/api_parse.h"

#include <float.h>

#define AT(member) offsetof(struct request_fields, member)
#define BOOLEAN(key, member)                                                                       \
    {                                                                                              \
        .name = (key), .kind = FIELD_BOOL, .offset = AT(member)                                    \
    }
#define STRING(key, member)                                                                        \
    {                                                                                              \
        .name = (key), .kind = FIELD_STRING, .offset = AT(member)                                  \
    }
#define IGNORED(key)                                                                               \
    {                                                                                              \
        .name = (key), .kind = FIELD_IGNORED                                                       \
    }
#define REFUSED(key, sentence)                                                                     \
    {                                                                                              \
        .name = (key), .kind = FIELD_REFUSED, .rule = (sentence)                                   \
    }
#define VALUE(key, member, of)                                                                     \
    {                                                                                              \
        .name = (key), .kind = FIELD_ANY, .types = (of), .offset = AT(member)                      \
    }

#define INTEGER_FROM(key, member, least, sentence)                                                 \
    {                                                                                              \
        .name = (key), .kind = FIELD_INT, .offset = AT(member), .low = (least), .high = INT32_MAX, \
        .rule = (sentence)                                                                         \
    }
#define INTEGER_64(key, member)                                                                    \
    {                                                                                              \
        .name = (key), .kind = FIELD_INT, .offset = AT(member), .low = INT64_MIN + 1,              \
        .high = INT64_MAX                                                                          \
    }
#define NUMBER_IN(key, member, least, most, sentence)                                              \
    {                                                                                              \
        .name = (key), .kind = FIELD_NUMBER, .offset = AT(member), .min = (least), .max = (most),  \
        .rule = (sentence)                                                                         \
    }
#define NUMBER_ABOVE_ZERO(key, member, most, sentence)                                             \
    {                                                                                              \
        .name = (key), .kind = FIELD_NUMBER, .offset = AT(member), .max = (most), .open = true,    \
        .rule = (sentence)                                                                         \
    }

#define REPETITION_RULE "repetition_penalty must be greater than zero"
#define NO_GRAMMAR_TEXT                                                                            \
    "grammars in EBNF are not supported; use a JSON schema, a regular expression or a choice"

static const struct field common_fields[] = {
    VALUE("allowed_token_ids", allowed_token_ids, FIELD_IS_ARRAY),
    VALUE("bad_words", bad_words, FIELD_IS_ARRAY),
    INTEGER_FROM("best_of", best_of, 0, "best_of must be at least 0"),
    STRING("cache_salt", cache_salt),
    BOOLEAN("echo", echo),
    NUMBER_IN("frequency_penalty", frequency_penalty, -2, 2,
              "frequency_penalty must be in [-2, 2]"),
    VALUE("guided_choice", guided_choice, FIELD_IS_ARRAY),
    IGNORED("guided_decoding_backend"),
    REFUSED("guided_grammar", "guided_grammar: " NO_GRAMMAR_TEXT),
    VALUE("guided_json", guided_json, FIELD_IS_OBJECT | FIELD_IS_STRING),
    STRING("guided_regex", guided_regex),
    IGNORED("guided_whitespace_pattern"),
    BOOLEAN("ignore_eos", ignore_eos),
    BOOLEAN("include_stop_str_in_output", include_stop),
    REFUSED("kv_transfer_params",
            "kv_transfer_params: this server does not transfer KV caches; leave the field out"),
    NUMBER_IN("length_penalty", length_penalty, -1e30, 1e30, "length_penalty must be finite"),
    VALUE("logit_bias", logit_bias, FIELD_IS_OBJECT),
    REFUSED("logprob_token_ids", "logprob_token_ids is not supported; ask for log-probabilities by "
                                 "`top_logprobs` (chat) or `logprobs` (completions)"),
    INTEGER_FROM("max_tokens", max_tokens, 0, "max_tokens must be at least 1"),
    IGNORED("metadata"),
    NUMBER_IN("min_p", min_p, 0, 1, "min_p must be in [0, 1]"),
    INTEGER_FROM("min_tokens", min_tokens, 0, "min_tokens must be greater than or equal to 0"),
    IGNORED("mm_processor_kwargs"),
    STRING("model", model),
    IGNORED("moderation"),
    INTEGER_FROM("n", n, 1, "n must be at least 1"),
    IGNORED("prediction"),
    NUMBER_IN("presence_penalty", presence_penalty, -2, 2, "presence_penalty must be in [-2, 2]"),
    {.name = "priority",
     .kind = FIELD_INT,
     .offset = AT(priority),
     .low = INT32_MIN,
     .high = INT32_MAX},
    STRING("prompt_cache_key", prompt_cache_key),
    IGNORED("prompt_cache_retention"),
    INTEGER_FROM("prompt_logprobs", prompt_logprobs, -1,
                 "`prompt_logprobs` must be a positive value or -1"),
    NUMBER_ABOVE_ZERO("repeat_penalty", repetition_penalty, DBL_MAX, REPETITION_RULE),
    REFUSED("repetition_detection",
            "repetition_detection is not supported; use repetition_penalty or frequency_penalty"),
    NUMBER_ABOVE_ZERO("repetition_penalty", repetition_penalty, DBL_MAX, REPETITION_RULE),
    STRING("request_id", request_id),
    VALUE("response_format", response_format, FIELD_IS_OBJECT),
    BOOLEAN("return_token_ids", return_token_ids),
    BOOLEAN("return_tokens_as_token_ids", tokens_as_token_ids),
    IGNORED("safety_identifier"),
    INTEGER_64("seed", seed),
    IGNORED("service_tier"),
    IGNORED("session_id"),
    BOOLEAN("skip_special_tokens", skip_special),
    BOOLEAN("spaces_between_special_tokens", spaces_between_special),
    VALUE("stop", stop, FIELD_IS_STRING | FIELD_IS_ARRAY),
    VALUE("stop_token_ids", stop_token_ids, FIELD_IS_ARRAY),
    IGNORED("store"),
    BOOLEAN("stream", stream),
    INTEGER_FROM("stream_interval", stream_interval, 1, "stream_interval must be at least 1"),
    VALUE("stream_options", stream_options, FIELD_IS_OBJECT),
    VALUE("structured_outputs", structured_outputs, FIELD_IS_OBJECT),
    NUMBER_IN("temperature", temperature, 0, 2, "temperature must be in [0, 2]"),
    {.name = "thinking_token_budget",
     .kind = FIELD_INT,
     .offset = AT(thinking_token_budget),
     .low = -1,
     .high = INT32_MAX,
     .rule = "`thinking_token_budget` must be a non-negative integer or -1 for unlimited"},
    {.name = "top_k",
     .kind = FIELD_INT,
     .offset = AT(top_k),
     .low = -1,
     .high = INT32_MAX,
     .rule = "top_k must be 0 (disable), or at least 1"},
    NUMBER_ABOVE_ZERO("top_p", top_p, 1, "top_p must be in (0, 1]"),
    {.name = "truncate_prompt_tokens",
     .kind = FIELD_INT,
     .offset = AT(truncate_prompt_tokens),
     .low = -1,
     .high = INT64_MAX},
    STRING("truncation_side", truncation_side),
    REFUSED("use_beam_search", "use_beam_search: beam search is not supported; sample with "
                               "`temperature`, or several choices with `n`"),
    IGNORED("user"),
    IGNORED("vllm_xargs"),
    REFUSED("watermarking", "watermarking is not supported"),
};

const struct field_table common_field_table = {common_fields,
                                               sizeof common_fields / sizeof common_fields[0]};

static const struct field chat_fields[] = {
    BOOLEAN("add_generation_prompt", add_generation_prompt),
    BOOLEAN("add_special_tokens", add_special_tokens),
    REFUSED("audio", "audio: this model gives text only"),
    REFUSED("chat_template", "chat_template: templates in requests are not accepted; start the "
                             "server with --chat-template"),
    VALUE("chat_template_kwargs", template_kwargs, FIELD_IS_OBJECT),
    BOOLEAN("continue_final_message", continue_final_message),
    VALUE("documents", documents, FIELD_IS_ARRAY),
    REFUSED("function_call", "function_call is deprecated and not supported; use `tool_choice`"),
    REFUSED("functions", "functions is deprecated and not supported; use `tools`"),
    BOOLEAN("include_reasoning", include_reasoning),
    BOOLEAN("logprobs", logprobs),
    INTEGER_FROM("max_completion_tokens", max_completion_tokens, 1,
                 "max_completion_tokens must be at least 1"),
    IGNORED("media_io_kwargs"),
    VALUE("messages", messages, FIELD_IS_ARRAY),
    VALUE("modalities", modalities, FIELD_IS_ARRAY),
    BOOLEAN("parallel_tool_calls", parallel_tool_calls),
    STRING("reasoning_effort", reasoning_effort),
    VALUE("tool_choice", tool_choice, FIELD_IS_STRING | FIELD_IS_OBJECT),
    VALUE("tools", tools, FIELD_IS_ARRAY),
    INTEGER_FROM("top_logprobs", logprob_count, -1,
                 "`top_logprobs` must be a positive value or -1"),
    IGNORED("verbosity"),
    IGNORED("web_search_options"),
};

const struct field_table chat_field_table = {chat_fields,
                                             sizeof chat_fields / sizeof chat_fields[0]};

static const struct field completion_fields[] = {
    BOOLEAN("add_special_tokens", add_special_tokens),
    INTEGER_FROM("logprobs", logprob_count, -1, "`logprobs` must be a positive value or -1"),
    VALUE("prompt", prompt, FIELD_IS_STRING | FIELD_IS_ARRAY),
    REFUSED("prompt_embeds", "prompt_embeds is not supported; send the prompt as text or ids"),
    {.name = "suffix",
     .kind = FIELD_REFUSED,
     .rule = "suffix is not supported: this model does not fill in the middle"},
};

const struct field_table completion_field_table = {
    completion_fields, sizeof completion_fields / sizeof completion_fields[0]};
