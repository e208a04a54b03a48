/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include "base/log.h"

#include <inttypes.h>

#define REPETITION_LEAST 1e-30 /* within these no penalised logit leaves float32 */
#define REPETITION_MOST 1e30
#define TEMPERATURE_LEAST 0.01 /* vLLM's: below it products of the softmax overflow */
#define COMPLETION_TOKENS 16   /* max_tokens of a completion that states none */

static bool is_greedy(const struct sampling_params *sampling)
{
    return sampling->temperature < SAMPLING_GREEDY_BELOW;
}

static void apply_distribution(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    struct sampling_params *sampling = &parse->request->sampling;
    sampling->temperature = fields->temperature;
    sampling->top_p = fields->top_p;
    sampling->min_p = fields->min_p;
    sampling->top_k = fields->top_k > parse->model->vocab_size ? parse->model->vocab_size
                                                               : (int32_t)fields->top_k;
    sampling->repetition_penalty = fields->repetition_penalty;
    sampling->presence_penalty = fields->presence_penalty;
    sampling->frequency_penalty = fields->frequency_penalty;
    sampling->ignore_eos = fields->ignore_eos;
    sampling->priority = (int32_t)fields->priority;
    if (!is_greedy(sampling) && sampling->temperature < TEMPERATURE_LEAST) {
        log_warning("temperature %g is less than %g; it was raised to that", sampling->temperature,
                    TEMPERATURE_LEAST);
        sampling->temperature = TEMPERATURE_LEAST;
    }
}

static octet_status apply_choices(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    struct api_request *request = parse->request;
    const struct api_model *model = parse->model;
    if (fields->n > model->max_n)
        return api_error_set(parse->error, 400, "invalid_value", "n",
                             "n must be at most %d, got %" PRId64 ". To increase this limit, set "
                             "the VLLM_MAX_N_SEQUENCES environment variable.",
                             model->max_n, fields->n);
    if (fields->best_of != FIELD_ABSENT && fields->best_of != fields->n)
        return api_error_set(
            parse->error, 400, "unsupported_parameter", "best_of",
            "best_of is not supported other than equal to `n`: got best_of=%" PRId64 ", n=%" PRId64
            ".",
            fields->best_of, fields->n);
    if (fields->length_penalty != 1)
        return api_error_set(parse->error, 400, "unsupported_parameter", "length_penalty",
                             "length_penalty belongs to beam search, which is not supported");
    double repetition = fields->repetition_penalty;
    if (repetition < REPETITION_LEAST || repetition > REPETITION_MOST)
        return api_error_set(parse->error, 400, "invalid_value", "repetition_penalty",
                             "repetition_penalty must be in [%g, %g], got %g.", REPETITION_LEAST,
                             REPETITION_MOST, repetition);
    if (fields->n > 1 && is_greedy(&request->sampling))
        return api_error_set(parse->error, 400, "invalid_value", "n",
                             "n must be 1 when using greedy sampling, got %" PRId64 ".", fields->n);
    if (fields->priority != 0 && !model->priority_scheduling)
        return api_error_set(parse->error, 400, "invalid_value", "priority",
                             "Got priority %" PRId64 " but priority scheduling is not enabled; "
                             "start the server with --scheduling-policy priority.",
                             fields->priority);
    request->n = (int32_t)fields->n;
    if (fields->seed != FIELD_ABSENT && fields->seed != -1) {
        request->sampling.has_seed = true;
        request->sampling.seed = (uint64_t)fields->seed;
    }
    return OCTET_OK;
}

/* A count of log-probabilities: -1 is the whole vocabulary. */
static octet_status logprob_limit(struct request_parse *parse, const char *param, const char *what,
                                  int64_t count, int32_t *out)
{
    if (count == FIELD_ABSENT)
        return OCTET_OK;
    if (count == -1)
        count = parse->model->vocab_size;
    if (count > parse->model->max_logprobs)
        return api_error_set(parse->error, 400, "invalid_value", param,
                             "Requested %s logprobs of %" PRId64
                             ", which is greater than max allowed: %d",
                             what, count, parse->model->max_logprobs);
    *out = (int32_t)count;
    return OCTET_OK;
}

static octet_status apply_logprobs(struct request_parse *parse)
{
    struct request_fields *fields = &parse->fields;
    struct api_request *request = parse->request;
    struct sampling_params *sampling = &request->sampling;
    bool chat = request->kind == API_CHAT;
    const char *param = chat ? "top_logprobs" : "logprobs";
    sampling->logprobs = -1;
    sampling->prompt_logprobs = -1;
    if (chat && !fields->logprobs && fields->logprob_count != FIELD_ABSENT &&
        fields->logprob_count != 0)
        return request_invalid(parse, param,
                               "when using `top_logprobs`, `logprobs` must be set to true.");
    request->logprobs = chat ? fields->logprobs : fields->logprob_count != FIELD_ABSENT;
    if (chat && fields->logprobs && fields->logprob_count == FIELD_ABSENT)
        fields->logprob_count = 0;
    if (request->logprobs)
        RETURN_IF_ERROR(
            logprob_limit(parse, param, "sample", fields->logprob_count, &sampling->logprobs));
    if (fields->prompt_logprobs != FIELD_ABSENT && fields->stream)
        return request_invalid(parse, "prompt_logprobs",
                               "`prompt_logprobs` are not available when `stream=True`.");
    request->prompt_logprobs = fields->prompt_logprobs != FIELD_ABSENT;
    RETURN_IF_ERROR(logprob_limit(parse, "prompt_logprobs", "prompt", fields->prompt_logprobs,
                                  &sampling->prompt_logprobs));
    if (!chat && fields->echo && sampling->prompt_logprobs < sampling->logprobs)
        sampling->prompt_logprobs = sampling->logprobs;
    return OCTET_OK;
}

static octet_status apply_lengths(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    struct sampling_params *sampling = &parse->request->sampling;
    bool chat = parse->request->kind == API_CHAT;
    int64_t most = fields->max_completion_tokens != FIELD_ABSENT ? fields->max_completion_tokens
                                                                 : fields->max_tokens;
    if (fields->max_tokens == 0 && (chat || !fields->echo))
        return request_invalid(parse, "max_tokens", "max_tokens must be at least 1, got 0.");
    if (most == FIELD_ABSENT && !chat)
        most = COMPLETION_TOKENS;
    sampling->max_tokens = most == FIELD_ABSENT ? -1 : (int32_t)most;
    sampling->min_tokens = (int32_t)fields->min_tokens;
    if (most != FIELD_ABSENT && fields->min_tokens > most)
        return api_error_set(parse->error, 400, "invalid_value", "min_tokens",
                             "min_tokens must be less than or equal to max_tokens=%" PRId64
                             ", got %" PRId64 ".",
                             most, fields->min_tokens);
    return OCTET_OK;
}

octet_status sampling_fields_apply(struct request_parse *parse)
{
    sampling_params_init(&parse->request->sampling);
    apply_distribution(parse);
    RETURN_IF_ERROR(apply_choices(parse));
    RETURN_IF_ERROR(apply_logprobs(parse));
    return apply_lengths(parse);
}
