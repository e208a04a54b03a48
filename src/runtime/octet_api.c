/* SPDX-License-Identifier: Apache-2.0 */
/* The public API: octet.h over runtime.h. Nothing here computes; names and structures change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/convert.h"
#include "runtime/runtime.h"

#define RENDER_LIMIT ((size_t)64 << 20)

struct octet_model {
    struct runtime *runtime;
};

struct octet_request {
    struct generation *generation;
};

_Static_assert((int)OCTET_FINISH_ERROR == (int)FINISH_ERROR &&
                   (int)OCTET_FINISH_ABORT == (int)FINISH_ABORT &&
                   (int)OCTET_FINISH_LENGTH == (int)FINISH_LENGTH &&
                   (int)OCTET_FINISH_STOP == (int)FINISH_STOP,
               "the public reasons are the engine's");
_Static_assert(sizeof(struct octet_logprob) == sizeof(struct token_logprob) &&
                   offsetof(struct octet_logprob, token) == offsetof(struct token_logprob, id) &&
                   offsetof(struct octet_logprob, logprob) ==
                       offsetof(struct token_logprob, logprob),
               "the public log-probability is the engine's");

static octet_status check_reserved(const unsigned char *reserved, size_t size, const char *what,
                                   struct octet_error *err)
{
    for (size_t i = 0; i < size; i++) {
        if (reserved[i])
            return error_set(err, OCTET_USAGE,
                             "%s: reserved bytes are not zero; fill the defaults first", what);
    }
    return OCTET_OK;
}

void octet_free(void *memory)
{
    free(memory);
}

void octet_options_init(struct octet_options *options)
{
    memset(options, 0, sizeof *options);
}

static octet_status translate_options(const struct octet_options *options,
                                      struct runtime_options *out, struct octet_error *err)
{
    RETURN_IF_ERROR(
        check_reserved(options->reserved, sizeof options->reserved, "struct octet_options", err));
    runtime_options_init(out);
    if (options->dtype)
        RETURN_IF_ERROR(runtime_parse_dtype(options->dtype, &out->dtype, err));
    if (options->weight_dtype)
        RETURN_IF_ERROR(runtime_parse_weight_dtype(options->weight_dtype, &out->weight_dtype, err));
    out->model_path = options->model_path;
    out->tokenizer_path = options->tokenizer_path;
    out->hf_overrides = options->hf_overrides;
    out->generation_config = options->generation_config;
    out->threads = options->threads;
    out->max_model_len = options->max_model_len;
    out->max_num_seqs = options->max_num_seqs;
    out->max_num_batched_tokens = options->max_num_batched_tokens;
    out->max_queued = options->max_queued;
    out->kv_cache_memory_bytes = options->kv_cache_memory_bytes;
    out->seed = options->seed;
    return OCTET_OK;
}

static octet_status open_model(struct octet_model *model, const struct octet_options *options,
                               struct octet_error *err)
{
    struct runtime_options translated;
    RETURN_IF_ERROR(translate_options(options, &translated, err));
    if (!options->model_path)
        return error_set(err, OCTET_USAGE, "model_path is NULL; name a model directory");
    if (options->text_only)
        return runtime_prepare_text(options->tokenizer_path ? options->tokenizer_path
                                                            : options->model_path,
                                    &model->runtime, err);
    const struct progress progress = {options->progress, options->progress_context};
    RETURN_IF_ERROR(
        runtime_open(&translated, options->progress ? &progress : NULL, &model->runtime, err));
    return runtime_start(model->runtime, err);
}

octet_status octet_open(struct octet_model **model, const struct octet_options *options,
                        struct octet_error *err)
{
    *model = calloc(1, sizeof **model);
    if (!*model)
        return error_memory(err, "model", sizeof **model);
    octet_status status = open_model(*model, options, err);
    if (status != OCTET_OK)
        octet_close(model);
    return status;
}

void octet_close(struct octet_model **model)
{
    if (!model || !*model)
        return;
    runtime_close((*model)->runtime);
    free(*model);
    *model = NULL;
}

void octet_get_info(const struct octet_model *model, struct octet_model_info *info)
{
    const struct runtime *runtime = model->runtime;
    const struct runtime_plan *plan = runtime_get_plan(runtime);
    memset(info, 0, sizeof *info);
    info->has_tokenizer = runtime_tokenizer(runtime) != NULL;
    info->has_chat_template = runtime_has_chat_template(runtime);
    if (!plan)
        return;
    snprintf(info->architecture, sizeof info->architecture, "%s", plan->config.architecture_name);
    snprintf(info->quantization, sizeof info->quantization, "%s",
             checkpoint_quantization(runtime_checkpoint(runtime)));
    info->vocab_size = plan->config.vocab_size;
    info->max_model_len = plan->max_model_len;
    info->kv_cache_tokens = plan->kv_tokens;
    info->weight_bytes = plan->weights;
    info->activation_bytes = plan->activations;
    info->kv_cache_bytes = plan->kv_bytes;
    info->threads = plan->threads;
}

const char *octet_note(const struct octet_model *model, size_t index)
{
    return index < runtime_note_count(model->runtime) ? runtime_note(model->runtime, index) : NULL;
}

static octet_status need_tokenizer(const struct octet_model *model, struct octet_error *err)
{
    if (runtime_tokenizer(model->runtime))
        return OCTET_OK;
    return error_set(err, OCTET_UNSUPPORTED, "the model directory has no tokenizer.json");
}

octet_status octet_tokenize(const struct octet_model *model, const char *text, size_t text_size,
                            bool add_special_tokens, int32_t **ids, size_t *count,
                            struct octet_error *err)
{
    struct token_ids out = {0};
    *ids = NULL;
    *count = 0;
    RETURN_IF_ERROR(need_tokenizer(model, err));
    octet_status status = tokenizer_encode(runtime_tokenizer(model->runtime), text, text_size,
                                           SPECIAL_PARSE, add_special_tokens, &out, err);
    if (status != OCTET_OK) {
        token_ids_free(&out);
        return status;
    }
    *ids = out.ids;
    *count = out.count;
    return OCTET_OK;
}

/* Hand a buffer over as text with its NUL. */
static octet_status give_text(struct buffer *buffer, char **text, size_t *text_size,
                              struct octet_error *err)
{
    if (!buffer_failed(buffer))
        *text = buffer_take(buffer, text_size);
    buffer_free(buffer);
    return *text ? OCTET_OK : error_memory(err, "text", buffer->limit);
}

octet_status octet_detokenize(const struct octet_model *model, const int32_t *ids, size_t count,
                              bool keep_special, char **text, size_t *text_size,
                              struct octet_error *err)
{
    struct buffer out;
    *text = NULL;
    *text_size = 0;
    RETURN_IF_ERROR(need_tokenizer(model, err));
    buffer_init(&out, (size_t)1 << 30);
    tokenizer_decode(runtime_tokenizer(model->runtime), ids, count, !keep_special, &out);
    return give_text(&out, text, text_size, err);
}

octet_status octet_render(const struct octet_model *model, const char *variables,
                          size_t variables_size, char **text, size_t *text_size,
                          struct octet_error *err)
{
    struct json *json = NULL;
    struct buffer out;
    *text = NULL;
    *text_size = 0;
    RETURN_IF_ERROR(
        json_parse(variables, variables_size, RENDER_LIMIT, "chat variables", &json, err));
    buffer_init(&out, RENDER_LIMIT);
    octet_status status = runtime_render_chat(model->runtime, json, &out, err);
    json_free(json);
    if (status != OCTET_OK) {
        buffer_free(&out);
        return status;
    }
    return give_text(&out, text, text_size, err);
}

void octet_prompt_init(const struct octet_model *model, struct octet_prompt *prompt)
{
    struct sampling_params params;
    runtime_sampling_defaults(model->runtime, &params);
    memset(prompt, 0, sizeof *prompt);
    prompt->add_special_tokens = true;
    prompt->sampling.max_tokens = params.max_tokens;
    prompt->sampling.min_tokens = params.min_tokens;
    prompt->sampling.temperature = params.temperature;
    prompt->sampling.top_p = params.top_p;
    prompt->sampling.min_p = params.min_p;
    prompt->sampling.top_k = params.top_k;
    prompt->sampling.logprobs = params.logprobs;
    prompt->sampling.repetition_penalty = params.repetition_penalty;
    prompt->sampling.presence_penalty = params.presence_penalty;
    prompt->sampling.frequency_penalty = params.frequency_penalty;
}

static void translate_sampling(const struct octet_sampling *from, struct sampling_params *to)
{
    to->max_tokens = from->max_tokens;
    to->min_tokens = from->min_tokens;
    to->temperature = from->temperature;
    to->top_p = from->top_p;
    to->min_p = from->min_p;
    to->top_k = from->top_k;
    to->logprobs = from->logprobs;
    to->repetition_penalty = from->repetition_penalty;
    to->presence_penalty = from->presence_penalty;
    to->frequency_penalty = from->frequency_penalty;
    to->has_seed = from->has_seed;
    to->seed = from->seed;
    to->ignore_eos = from->ignore_eos;
    to->stop_token_ids = from->stop_token_ids;
    to->stop_token_id_count = from->stop_token_id_count;
}

octet_status octet_submit(struct octet_model *model, const struct octet_prompt *prompt,
                          struct octet_request **request, struct octet_error *err)
{
    struct generation_options options;
    *request = NULL;
    RETURN_IF_ERROR(
        check_reserved(prompt->reserved, sizeof prompt->reserved, "struct octet_prompt", err));
    RETURN_IF_ERROR(check_reserved(prompt->sampling.reserved, sizeof prompt->sampling.reserved,
                                   "struct octet_sampling", err));
    generation_options_init(model->runtime, &options);
    translate_sampling(&prompt->sampling, &options.sampling);
    options.prompt = prompt->text;
    options.prompt_size = prompt->text_size;
    options.add_special_tokens = prompt->add_special_tokens;
    options.ids = prompt->ids;
    options.id_count = prompt->id_count;
    options.stop = prompt->stop;
    options.stop_count = prompt->stop_count;
    options.include_stop = prompt->include_stop;
    options.keep_special = prompt->keep_special;
    options.notify = prompt->notify;
    options.notify_context = prompt->notify_context;
    struct octet_request *made = calloc(1, sizeof *made);
    if (!made)
        return error_memory(err, "request", sizeof *made);
    octet_status status = runtime_submit(model->runtime, &options, &made->generation, err);
    if (status != OCTET_OK) {
        free(made);
        return status;
    }
    *request = made;
    return OCTET_OK;
}

bool octet_next(struct octet_request *request, int64_t timeout_ms, struct octet_event *event)
{
    struct generation_event got;
    if (!generation_wait(request->generation, timeout_ms) ||
        !generation_next(request->generation, &got))
        return false;
    memset(event, 0, sizeof *event);
    event->text = got.text;
    event->text_size = got.text_size;
    event->token = got.has_token ? got.token.id : -1;
    if (got.has_token && got.token.has_logprobs) {
        event->rank = got.token.logprobs.rank;
        event->logprob = got.token.logprobs.logprob;
        event->top_count = got.token.logprobs.top_count;
        event->top = (const struct octet_logprob *)(const void *)got.token.logprobs.top;
    }
    event->finish = got.finished ? (octet_finish)got.finish_reason : OCTET_FINISH_NONE;
    event->status = got.error;
    event->message = got.message;
    return true;
}

void octet_cancel(struct octet_request *request)
{
    generation_cancel(request->generation);
}

void octet_get_usage(struct octet_request *request, struct octet_usage *usage)
{
    struct generation_summary summary;
    generation_summary(request->generation, &summary);
    *usage = (struct octet_usage){
        .prompt_tokens = summary.prompt_tokens,
        .cached_tokens = summary.cached_tokens,
        .output_tokens = summary.output_tokens,
        .queue_s = summary.queue_s,
        .ttft_s = summary.ttft_s,
        .time_per_token_s = summary.time_per_token_s,
        .total_s = summary.total_s,
    };
}

void octet_request_free(struct octet_request **request)
{
    if (!request || !*request)
        return;
    generation_free((*request)->generation);
    free(*request);
    *request = NULL;
}

void octet_convert_options_init(struct octet_convert_options *options)
{
    memset(options, 0, sizeof *options);
}

octet_status octet_convert(const struct octet_convert_options *options,
                           struct octet_convert_result *result, struct octet_error *err)
{
    struct convert_options convert;
    struct convert_result done;
    RETURN_IF_ERROR(check_reserved(options->reserved, sizeof options->reserved,
                                   "struct octet_convert_options", err));
    if (!options->source || !options->output)
        return error_set(err, OCTET_USAGE, "source and output must name two directories");
    if (options->threads < 0)
        return error_set(err, OCTET_USAGE, "threads is %d; it cannot be negative",
                         options->threads);
    convert_options_default(&convert);
    convert.source = options->source;
    convert.output = options->output;
    convert.max_shard_size = options->max_shard_size;
    convert.threads = options->threads ? options->threads : 1;
    convert.dry_run = options->dry_run;
    convert.overwrite = options->overwrite;
    convert.verify = !options->skip_verify;
    memset(&done, 0, sizeof done);
    const struct progress progress = {options->progress, options->progress_context};
    octet_status status =
        checkpoint_convert(&convert, options->progress ? &progress : NULL, &done, err);
    if (status == OCTET_OK && result)
        *result = (struct octet_convert_result){
            .source_bytes = done.source_bytes,
            .output_bytes = done.output_bytes,
            .verified_elements = done.verified_elements,
            .shards = done.shards,
            .tensors = done.tensors,
            .fp8_tensors = done.fp8_tensors,
            .carried_files = done.carried_files,
            .seconds = done.seconds,
        };
    convert_result_free(&done);
    return status;
}
