/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "runtime/runtime_internal.h"

__attribute__((format(printf, 2, 3))) static void add_note(struct runtime *runtime,
                                                           const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (runtime->note_count == RUNTIME_NOTES_MAX)
        return;
    char *copy = strdup(line);
    if (copy)
        runtime->notes[runtime->note_count++] = copy;
}

static bool has_tokenizer(const char *directory)
{
    char *path = path_join(directory, "tokenizer.json");
    bool found = path && file_exists(path);
    free(path);
    return found;
}

static octet_status open_text(struct runtime *runtime, const char *directory,
                              struct octet_error *err)
{
    RETURN_IF_ERROR(tokenizer_open(directory, &runtime->tokenizer, err));
    const char *source = tokenizer_chat_template(runtime->tokenizer);
    if (!source)
        return OCTET_OK;
    return chat_template_compile(source, strlen(source), "chat template", &runtime->chat_template,
                                 err);
}

/* PATH may be a file or a directory that holds generation_config.json. */
static octet_status load_generation_config(struct runtime *runtime, const char *path,
                                           struct octet_error *err)
{
    char *joined = directory_exists(path) ? path_join(path, "generation_config.json") : NULL;
    octet_status status =
        json_load(joined ? joined : path, RUNTIME_JSON_LIMIT, &runtime->generation_config, err);
    free(joined);
    return status;
}

static octet_status apply_override(struct runtime *runtime, const char *text,
                                   struct octet_error *err)
{
    struct json *json = NULL;
    const char *name = "--override-generation-config";
    RETURN_IF_ERROR(json_parse(text, strlen(text), RUNTIME_JSON_LIMIT, name, &json, err));
    octet_status status = defaults_apply(&runtime->defaults, json, name, err);
    json_free(json);
    return status;
}

static octet_status find_defaults(struct runtime *runtime, const struct runtime_options *options,
                                  struct octet_error *err)
{
    const char *choice = options->generation_config ? options->generation_config : "auto";
    const struct json *json = NULL;
    sampling_params_init(&runtime->defaults.sampling);
    if (!strcmp(choice, "auto")) {
        json = checkpoint_generation_config(runtime->checkpoint);
    } else if (strcmp(choice, "vllm") != 0) {
        RETURN_IF_ERROR(load_generation_config(runtime, choice, err));
        json = runtime->generation_config;
    }
    RETURN_IF_ERROR(defaults_apply(&runtime->defaults, json, "generation_config.json", err));
    if (runtime->defaults.description[0])
        add_note(runtime, "default sampling of this model: %s (--generation-config vllm for none)",
                 runtime->defaults.description);
    if (options->override_generation_config)
        RETURN_IF_ERROR(apply_override(runtime, options->override_generation_config, err));
    return defaults_find_eos(&runtime->defaults, json, checkpoint_config(runtime->checkpoint),
                             runtime->tokenizer, runtime->plan.config.vocab_size, err);
}

static octet_status prepare(struct runtime *runtime, const struct runtime_options *options,
                            struct octet_error *err)
{
    const char *text_path = options->tokenizer_path ? options->tokenizer_path : options->model_path;
    RETURN_IF_ERROR(checkpoint_open(options->model_path, &runtime->checkpoint, err));
    for (size_t i = 0; i < checkpoint_note_count(runtime->checkpoint); i++)
        add_note(runtime, "%s", checkpoint_note(runtime->checkpoint, i));
    RETURN_IF_ERROR(runtime_plan_make(runtime->checkpoint, options, &runtime->plan, err));
    if (runtime->plan.model_len_reduced)
        add_note(runtime,
                 "max_model_len is %d, the largest that fits in memory; config.json allows %d",
                 runtime->plan.max_model_len, runtime->plan.config_model_len);
    if (!options->skip_tokenizer && (options->tokenizer_path || has_tokenizer(text_path)))
        RETURN_IF_ERROR(open_text(runtime, text_path, err));
    return find_defaults(runtime, options, err);
}

static struct runtime *new_runtime(struct octet_error *err)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        error_memory(err, "runtime", sizeof *runtime);
    return runtime;
}

octet_status runtime_prepare(const struct runtime_options *options, struct runtime **out,
                             struct octet_error *err)
{
    *out = NULL;
    if (!options->model_path)
        return error_set(err, OCTET_USAGE, "no model directory was given");
    struct runtime *runtime = new_runtime(err);
    if (!runtime)
        return OCTET_MEMORY;
    runtime->options = *options;
    octet_status status = prepare(runtime, options, err);
    if (status == OCTET_OK && options->cpu_mask) {
        runtime->cpu_mask = strdup(options->cpu_mask);
        if (!runtime->cpu_mask)
            status = error_memory(err, "runtime", strlen(options->cpu_mask) + 1);
    }
    if (status != OCTET_OK) {
        runtime_close(runtime);
        return status;
    }
    *out = runtime;
    return OCTET_OK;
}

octet_status runtime_prepare_text(const char *directory, struct runtime **out,
                                  struct octet_error *err)
{
    *out = NULL;
    struct runtime *runtime = new_runtime(err);
    if (!runtime)
        return OCTET_MEMORY;
    octet_status status = open_text(runtime, directory, err);
    if (status != OCTET_OK) {
        runtime_close(runtime);
        return status;
    }
    sampling_params_init(&runtime->defaults.sampling);
    *out = runtime;
    return OCTET_OK;
}

static octet_status step_model(void *context, const struct step_batch *batch, float *logits,
                               struct octet_error *err)
{
    return model_step(context, batch, logits, err);
}

static void set_schedule(const struct runtime *runtime, struct engine_options *out)
{
    const struct runtime_options *options = &runtime->options;
    out->prefill_chunk = runtime->plan.prefill_chunk;
    out->mixed_prefill_tokens = runtime->plan.mixed_prefill_tokens;
    out->long_prefill_token_threshold = options->long_prefill_token_threshold;
    out->max_num_partial_prefills = options->max_num_partial_prefills;
    out->max_long_partial_prefills = options->max_long_partial_prefills;
    out->whole_prompts = !runtime->plan.chunked_prefill;
    out->priority_scheduling = options->priority_scheduling;
    out->max_queued = options->max_queued;
    out->max_queued_tokens = options->max_queued_tokens;
}

static octet_status make_engine(struct runtime *runtime, struct octet_error *err)
{
    const struct runtime_plan *plan = &runtime->plan;
    const struct executor executor = {
        .context = runtime->model,
        .vocab_size = (int32_t)plan->config.vocab_size,
        .max_batch_tokens = plan->max_num_batched_tokens,
        .max_batch_sequences = plan->max_num_seqs,
        .max_logit_rows = plan->max_logit_rows,
        .block_size = plan->block_size,
        .block_count = plan->block_count,
        .step = step_model,
    };
    struct engine_options options;
    engine_options_init(&options);
    options.max_num_seqs = plan->max_num_seqs;
    options.max_num_batched_tokens = plan->max_num_batched_tokens;
    options.max_model_len = plan->max_model_len;
    set_schedule(runtime, &options);
    if (runtime->options.max_logprobs)
        options.max_logprobs =
            runtime->options.max_logprobs < 0 ? executor.vocab_size : runtime->options.max_logprobs;
    options.sampling_threads = plan->sampling_threads;
    options.prefix_cache = !runtime->options.disable_prefix_cache;
    options.seed = runtime->options.seed;
    options.eos_ids = runtime->defaults.eos_ids;
    options.eos_id_count = runtime->defaults.eos_id_count;
    return engine_new(&options, &executor, &runtime->engine, err);
}

octet_status runtime_load(struct runtime *runtime, const struct progress *progress,
                          struct octet_error *err)
{
    if (!runtime->checkpoint)
        return error_set(err, OCTET_STATE, "only the tokenizer of this directory was opened");
    if (runtime->engine)
        return error_set(err, OCTET_STATE, "the model is loaded already");
    const struct runtime_plan *plan = &runtime->plan;
    const struct model_options options = {
        .dtype = plan->dtype,
        .weight_dtype = plan->weight_dtype,
        .threads = plan->threads,
        .cpu_mask = runtime->cpu_mask,
        .max_model_len = plan->max_model_len,
        .max_batch_tokens = plan->max_num_batched_tokens,
        .max_batch_sequences = plan->max_num_seqs,
        .max_logit_rows = plan->max_logit_rows,
        .block_size = plan->block_size,
        .block_count = plan->block_count,
    };
    RETURN_IF_ERROR(
        model_load(runtime->checkpoint, &plan->config, &options, progress, &runtime->model, err));
    octet_status status = make_engine(runtime, err);
    if (status != OCTET_OK) {
        model_free(runtime->model);
        runtime->model = NULL;
    }
    return status;
}

octet_status runtime_open(const struct runtime_options *options, const struct progress *progress,
                          struct runtime **out, struct octet_error *err)
{
    RETURN_IF_ERROR(runtime_prepare(options, out, err));
    assert(*out);
    octet_status status = runtime_load(*out, progress, err);
    if (status != OCTET_OK) {
        runtime_close(*out);
        *out = NULL;
    }
    return status;
}

void runtime_close(struct runtime *runtime)
{
    if (!runtime)
        return;
    engine_free(runtime->engine);
    if (runtime->model)
        model_free(runtime->model);
    if (runtime->chat_template)
        chat_template_free(runtime->chat_template);
    if (runtime->tokenizer)
        tokenizer_close(runtime->tokenizer);
    json_free(runtime->generation_config);
    checkpoint_close(runtime->checkpoint);
    for (size_t i = 0; i < runtime->note_count; i++)
        free(runtime->notes[i]);
    free(runtime->cpu_mask);
    free(runtime);
}

const struct checkpoint *runtime_checkpoint(const struct runtime *runtime)
{
    return runtime->checkpoint;
}

const struct runtime_plan *runtime_get_plan(const struct runtime *runtime)
{
    return runtime->checkpoint ? &runtime->plan : NULL;
}

const struct tokenizer *runtime_tokenizer(const struct runtime *runtime)
{
    return runtime->tokenizer;
}

struct engine *runtime_engine(const struct runtime *runtime)
{
    return runtime->engine;
}

octet_status runtime_set_chat_template(struct runtime *runtime, const char *source, size_t size,
                                       const char *name, struct octet_error *err)
{
    struct chat_template *compiled;
    RETURN_IF_ERROR(chat_template_compile(source, size, name, &compiled, err));
    if (runtime->chat_template)
        chat_template_free(runtime->chat_template);
    runtime->chat_template = compiled;
    return OCTET_OK;
}

bool runtime_has_chat_template(const struct runtime *runtime)
{
    return runtime->chat_template != NULL;
}

size_t runtime_note_count(const struct runtime *runtime)
{
    return runtime->note_count;
}

const char *runtime_note(const struct runtime *runtime, size_t index)
{
    return index < runtime->note_count ? runtime->notes[index] : "";
}

void runtime_sampling_defaults(const struct runtime *runtime, struct sampling_params *params)
{
    *params = runtime->defaults.sampling;
}

const int32_t *runtime_eos_ids(const struct runtime *runtime, size_t *count)
{
    *count = runtime->defaults.eos_id_count;
    return runtime->defaults.eos_ids;
}

/* Hugging Face gives a template these even when the caller says nothing of them. */
static bool add_variables(const struct runtime *runtime, struct json *variables)
{
    static const char *const tokens[] = {"bos_token", "eos_token", "pad_token", "unk_token"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        const char *text = tokenizer_special_text(runtime->tokenizer, tokens[i]);
        if (text && !json_get(variables, tokens[i]) &&
            !json_set(variables, tokens[i], json_new_string(text)))
            return false;
    }
    if (!json_get(variables, "add_generation_prompt") &&
        !json_set(variables, "add_generation_prompt", json_new_bool(false)))
        return false;
    static const char *const absent[] = {"tools", "documents"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        if (!json_get(variables, absent[i]) && !json_set(variables, absent[i], json_new_null()))
            return false;
    }
    return true;
}

octet_status runtime_render_chat(const struct runtime *runtime, const struct json *variables,
                                 struct buffer *out, struct octet_error *err)
{
    if (!runtime->chat_template)
        return error_set(err, OCTET_UNSUPPORTED,
                         "this model has no chat template (chat_template.jinja, or chat_template "
                         "in tokenizer_config.json); it completes plain prompts only");
    if (json_type(variables) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_USAGE, "chat variables: expected an object, found %s",
                         json_type_name(json_type(variables)));
    struct json *all = json_copy(variables);
    octet_status status = OCTET_OK;
    if (!all || !add_variables(runtime, all))
        status = error_memory(err, "chat variables", 0);
    if (status == OCTET_OK)
        status = chat_template_render(runtime->chat_template, all, out, err);
    json_free(all);
    return status;
}

static octet_status check_loaded(const struct runtime *runtime, struct octet_error *err)
{
    return runtime->engine ? OCTET_OK : error_set(err, OCTET_STATE, "the model is not loaded");
}

octet_status runtime_step(struct runtime *runtime, bool *worked, struct octet_error *err)
{
    RETURN_IF_ERROR(check_loaded(runtime, err));
    return engine_step(runtime->engine, worked, err);
}

octet_status runtime_start(struct runtime *runtime, struct octet_error *err)
{
    RETURN_IF_ERROR(check_loaded(runtime, err));
    RETURN_IF_ERROR(engine_start(runtime->engine, err));
    runtime->has_thread = true;
    return OCTET_OK;
}

void runtime_stop(struct runtime *runtime, bool drain)
{
    if (runtime->engine)
        engine_stop(runtime->engine, drain);
    runtime->has_thread = false;
}

octet_status runtime_logits(struct runtime *runtime, const int32_t *ids, size_t count,
                            bool (*row)(void *context, size_t position, const float *logits),
                            void *context, struct octet_error *err)
{
    RETURN_IF_ERROR(check_loaded(runtime, err));
    return engine_logits(runtime->engine, ids, count, row, context, err);
}
