/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/infer_job.h"

#include <stdlib.h>
#include <string.h>

#define PROMPT_BYTES_MAX ((size_t)1 << 30)
#define LINE_JSON_MAX ((size_t)64 << 20)

static octet_status init(struct infer_job *job, const struct args *args,
                         const struct runtime *runtime, struct octet_error *err)
{
    *job = (struct infer_job){0};
    buffer_init(&job->prompt, PROMPT_BYTES_MAX);
    buffer_init(&job->text, PROMPT_BYTES_MAX);
    runtime_sampling_defaults(runtime, &job->sampling);
    /* A command line that names no temperature wants the same text each time. */
    job->sampling.temperature = 0;
    cli_sampling(args, &job->sampling);
    job->stops = calloc(ARGS_LIST_MAX, sizeof *job->stops);
    if (!job->stops)
        return error_memory(err, "stop strings", ARGS_LIST_MAX * sizeof *job->stops);
    size_t given;
    const char *const *stops = args_list(args, OPT_STOP, &given);
    for (size_t i = 0; i < given; i++)
        job->stops[job->stop_count++] = stops[i];
    return OCTET_OK;
}

/* messages (an array, not owned) -> job->prompt by the chat template. */
static octet_status render(struct infer_job *job, const struct args *args, struct runtime *runtime,
                           const struct json *messages, const struct json *tools,
                           const struct json *kwargs, struct octet_error *err)
{
    struct json *variables = kwargs ? json_copy(kwargs) : json_new_object();
    const char *system = args_text(args, OPT_SYSTEM_PROMPT, NULL);
    struct json *all = json_new_array();
    bool ok = variables && all;
    if (ok && system) {
        struct json *message = json_new_object();
        ok = json_set(message, "role", json_new_string("system")) &&
             json_set(message, "content", json_new_string(system));
        ok = json_push(all, message) && ok;
    }
    for (size_t i = 0; ok && i < json_count(messages); i++)
        ok = json_push(all, json_share(json_at(messages, i)));
    if (ok)
        ok = json_set(variables, "messages", all);
    else
        json_free(all);
    if (ok && tools)
        ok = json_set(variables, "tools", json_share(tools));
    ok = ok && json_set(variables, "add_generation_prompt", json_new_bool(true));
    if (ok && args_given(args, OPT_ENABLE_THINKING))
        ok = json_set(variables, "enable_thinking",
                      json_new_bool(args_flag(args, OPT_ENABLE_THINKING, true)));
    octet_status status = ok ? runtime_render_chat(runtime, variables, &job->prompt, err)
                             : error_memory(err, "conversation", 0);
    job->rendered = true;
    json_free(variables);
    return status;
}

static octet_status render_prompt(struct infer_job *job, const struct args *args,
                                  struct runtime *runtime, const char *prompt, size_t size,
                                  struct octet_error *err)
{
    if (!args_flag(args, OPT_CHAT, false)) {
        if (!buffer_append(&job->prompt, prompt, size))
            return error_memory(err, "prompt", size);
        return OCTET_OK;
    }
    struct json *messages = json_new_array(), *message = json_new_object();
    bool ok = json_set(message, "role", json_new_string("user")) &&
              json_set(message, "content", json_new_string_n(prompt, size));
    ok = json_push(messages, message) && ok;
    octet_status status = ok ? render(job, args, runtime, messages, NULL, NULL, err)
                             : error_memory(err, "conversation", size);
    json_free(messages);
    return status;
}

octet_status infer_job_from_prompt(struct infer_job *job, const struct args *args,
                                   struct runtime *runtime, const char *prompt, size_t size,
                                   struct octet_error *err)
{
    RETURN_IF_ERROR(init(job, args, runtime, err));
    return render_prompt(job, args, runtime, prompt, size, err);
}

static octet_status read_stops(struct infer_job *job, const struct json *stop, const char *name,
                               struct octet_error *err)
{
    if (!stop || json_type(stop) == JSON_TYPE_NULL)
        return OCTET_OK;
    bool one = json_type(stop) == JSON_TYPE_STRING;
    if (!one && json_type(stop) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT, "%s: \"stop\": expected a string or a list of strings",
                         name);
    size_t count = one ? 1 : json_count(stop);
    if (job->stop_count + count > ARGS_LIST_MAX)
        return error_set(err, OCTET_LIMIT, "%s: \"stop\": more than %d strings", name,
                         ARGS_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string(one ? stop : json_at(stop, i));
        if (!text || !*text)
            return error_set(err, OCTET_INPUT, "%s: \"stop\": expected non-empty strings", name);
        job->stops[job->stop_count++] = text;
    }
    return OCTET_OK;
}

static octet_status read_sampling(struct infer_job *job, const struct json *object,
                                  const char *name, struct octet_error *err)
{
    struct sampling_params *params = &job->sampling;
    int64_t max_tokens = params->max_tokens, min_tokens = params->min_tokens;
    int64_t top_k = params->top_k, seed = (int64_t)params->seed;
    const char *limit = json_get(object, "max_tokens") ? "max_tokens" : "max_completion_tokens";
    RETURN_IF_ERROR(json_field_int(object, name, limit, false, 1, INT32_MAX, &max_tokens, err));
    RETURN_IF_ERROR(
        json_field_int(object, name, "min_tokens", false, 0, INT32_MAX, &min_tokens, err));
    RETURN_IF_ERROR(json_field_int(object, name, "top_k", false, -1, INT32_MAX, &top_k, err));
    RETURN_IF_ERROR(json_field_int(object, name, "seed", false, 0, INT64_MAX, &seed, err));
    RETURN_IF_ERROR(
        json_field_number(object, name, "temperature", false, 0, 1e3, &params->temperature, err));
    RETURN_IF_ERROR(json_field_number(object, name, "top_p", false, 0, 1, &params->top_p, err));
    RETURN_IF_ERROR(json_field_number(object, name, "min_p", false, 0, 1, &params->min_p, err));
    RETURN_IF_ERROR(json_field_number(object, name, "repetition_penalty", false, 0.01, 100,
                                      &params->repetition_penalty, err));
    RETURN_IF_ERROR(json_field_number(object, name, "presence_penalty", false, -2, 2,
                                      &params->presence_penalty, err));
    RETURN_IF_ERROR(json_field_number(object, name, "frequency_penalty", false, -2, 2,
                                      &params->frequency_penalty, err));
    RETURN_IF_ERROR(json_field_bool(object, name, "ignore_eos", false, &params->ignore_eos, err));
    params->max_tokens = (int32_t)max_tokens;
    params->min_tokens = (int32_t)min_tokens;
    params->top_k = (int32_t)top_k;
    params->seed = (uint64_t)seed;
    return read_stops(job, json_get(object, "stop"), name, err);
}

static octet_status read_line(struct infer_job *job, const struct args *args,
                              struct runtime *runtime, const char *name, struct octet_error *err)
{
    if (json_type(job->line) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: expected a JSON object, got %s", name,
                         json_type_name(json_type(job->line)));
    job->custom_id = json_string(json_get(job->line, "custom_id"));
    const struct json *body = json_get(job->line, "body");
    const struct json *object = body ? body : job->line;
    RETURN_IF_ERROR(read_sampling(job, object, name, err));
    if (json_integer(json_get(object, "n"), 1) != 1)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: \"n\": one answer is generated for a line; repeat the line with "
                         "other seeds for more",
                         name);
    const struct json *kwargs = json_get(object, "chat_template_kwargs");
    if (json_type(kwargs) == JSON_TYPE_NULL)
        kwargs = NULL;
    if (kwargs && json_type(kwargs) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT, "%s: \"chat_template_kwargs\" is %s, expected an object",
                         name, json_type_name(json_type(kwargs)));
    const struct json *messages = json_get(object, "messages");
    if (json_type(messages) == JSON_TYPE_ARRAY)
        return render(job, args, runtime, messages, json_get(object, "tools"), kwargs, err);
    size_t size;
    const char *prompt = json_string_n(json_get(object, "prompt"), &size);
    if (!prompt)
        return error_set(err, OCTET_INPUT,
                         "%s: expected \"prompt\" (a string) or \"messages\" (a list); found "
                         "\"prompt\" %s, \"messages\" %s",
                         name, json_type_name(json_type(json_get(object, "prompt"))),
                         json_type_name(json_type(messages)));
    return render_prompt(job, args, runtime, prompt, size, err);
}

void infer_job_from_line(struct infer_job *job, const struct args *args, struct runtime *runtime,
                         const char *line, size_t size, uint64_t number)
{
    char name[64];
    snprintf(name, sizeof name, "line %llu", (unsigned long long)number);
    struct octet_error err = {0};
    octet_status status = init(job, args, runtime, &err);
    if (status == OCTET_OK)
        status = json_parse(line, size, LINE_JSON_MAX, name, &job->line, &err);
    if (status == OCTET_OK)
        status = read_line(job, args, runtime, name, &err);
    if (status != OCTET_OK) {
        job->error = err;
        job->error.status = status;
        job->finished = true;
    }
}

void infer_job_options(const struct infer_job *job, const struct runtime *runtime,
                       struct generation_options *options)
{
    generation_options_init(runtime, options);
    options->prompt = buffer_text(&job->prompt);
    options->prompt_size = job->prompt.size;
    if (job->rendered)
        options->add_special_tokens = false;
    options->sampling = job->sampling;
    options->stop = job->stops;
    options->stop_count = job->stop_count;
}

static struct json *ids_array(const struct infer_job *job)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < job->ids.count; i++) {
        if (!json_push(array, json_new_integer(job->ids.ids[i]))) {
            json_free(array);
            return NULL;
        }
    }
    return array;
}

struct json *infer_job_result(const struct infer_job *job, const struct generation_summary *summary)
{
    struct json *out = json_new_object();
    bool ok = out != NULL;
    if (ok && job->custom_id)
        ok = json_set(out, "custom_id", json_new_string(job->custom_id));
    if (ok && job->prompt.size)
        ok =
            json_set(out, "prompt", json_new_string_n(buffer_text(&job->prompt), job->prompt.size));
    if (ok && job->error.status != OCTET_OK) {
        ok = json_set(out, "error", json_new_string(job->error.message));
    } else if (ok) {
        ok = json_set(out, "text", json_new_string_n(buffer_text(&job->text), job->text.size)) &&
             json_set(out, "finish_reason",
                      json_new_string(finish_reason_name(job->finish_reason))) &&
             json_set(out, "prompt_tokens", json_new_integer((int64_t)summary->prompt_tokens)) &&
             json_set(out, "output_tokens", json_new_integer((int64_t)summary->output_tokens)) &&
             json_set(out, "token_ids", ids_array(job)) &&
             json_set(out, "ttft_ms", json_new_real(summary->ttft_s * 1e3)) &&
             json_set(out, "tpot_ms", json_new_real(summary->time_per_token_s * 1e3));
    }
    if (!ok) {
        json_free(out);
        return NULL;
    }
    return out;
}

void infer_job_free(struct infer_job *job)
{
    json_free(job->line);
    buffer_free(&job->prompt);
    buffer_free(&job->text);
    token_ids_free(&job->ids);
    free(job->stops);
}
