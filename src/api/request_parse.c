/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

octet_status request_body_parse(const char *body, size_t size, struct json **out,
                                struct api_error *error)
{
    struct octet_error err = {.status = OCTET_OK};
    *out = NULL;
    octet_status status = json_parse_request(body, size, API_BODY_BYTES_MAX, API_DEPTH_MAX, true,
                                             "request", out, &err);
    if (status == OCTET_OK && json_type(*out) != JSON_TYPE_OBJECT) {
        status = api_error_set(error, 400, "invalid_value", NULL,
                               "request: line 1, column 1: expected object, got %s",
                               json_type_name(json_type(*out)));
        json_free(*out);
        *out = NULL;
        return status;
    }
    if (status != OCTET_OK) {
        api_error_from(error, &err);
        if (error->http_status == 400)
            error->code = "invalid_value";
        return status;
    }
    status = request_check_nul(*out, error);
    if (status != OCTET_OK) {
        json_free(*out);
        *out = NULL;
    }
    return status;
}

/* The served names behind the sentence, as many as fit. */
static void list_names(const struct api_model *model, char *out, size_t capacity)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < model->name_count; i++) {
        int length =
            snprintf(out + used, capacity - used, "%s`%s`", i ? ", " : "", model->names[i]);
        if (length < 0 || (size_t)length >= capacity - used) {
            out[used] = '\0';
            return;
        }
        used += (size_t)length;
    }
}

octet_status request_check_model(const struct api_model *model, const char *name,
                                 struct api_error *error)
{
    if (!name)
        return OCTET_OK;
    for (size_t i = 0; i < model->name_count; i++) {
        if (strcmp(model->names[i], name) == 0)
            return OCTET_OK;
    }
    char names[1024];
    list_names(model, names, sizeof names);
    return api_error_set(error, 404, "model_not_found", "model",
                         "The model `%.200s` does not exist. This server has: %s.", name, names);
}

void request_fields_init(struct request_fields *fields, const struct api_model *model,
                         enum api_kind kind)
{
    const struct sampling_params *defaults = &model->defaults;
    *fields = (struct request_fields){
        .temperature = defaults->temperature,
        .top_p = defaults->top_p,
        .min_p = defaults->min_p,
        .repetition_penalty = defaults->repetition_penalty,
        .presence_penalty = defaults->presence_penalty,
        .frequency_penalty = defaults->frequency_penalty,
        .length_penalty = 1,
        .n = 1,
        .best_of = FIELD_ABSENT,
        .top_k = defaults->top_k,
        .seed = FIELD_ABSENT,
        .max_tokens = FIELD_ABSENT,
        .max_completion_tokens = FIELD_ABSENT,
        .logprob_count = FIELD_ABSENT,
        .prompt_logprobs = FIELD_ABSENT,
        .thinking_token_budget = -1,
        .truncate_prompt_tokens = FIELD_ABSENT,
        .add_special_tokens = kind == API_COMPLETION,
        .add_generation_prompt = true,
        .parallel_tool_calls = true,
        .include_reasoning = true,
        .stream_interval = model->stream_interval > 0 ? model->stream_interval : 1,
        .skip_special = true,
        .spaces_between_special = true,
        .tokens_as_token_ids = model->tokens_as_token_ids,
    };
}

octet_status request_parse_begin(struct request_parse *parse, enum api_kind kind, const char *body,
                                 size_t size)
{
    octet_status status = request_body_parse(body, size, &parse->body, parse->error);
    if (status != OCTET_OK)
        return status;
    parse->owner = calloc(1, sizeof *parse->owner);
    if (!parse->owner)
        return request_parse_memory(parse);
    arena_init(&parse->owner->arena, SIZE_MAX);
    parse->request = &parse->owner->request;
    parse->request->kind = kind;
    parse->request->model = parse->model;
    parse->request->n = 1;
    parse->request->thinking_budget = -1;
    request_fields_init(&parse->fields, parse->model, kind);
    return OCTET_OK;
}

octet_status request_parse_fields(struct request_parse *parse, const struct field_table *tables,
                                  size_t table_count)
{
    struct field_errors errors = {.error = parse->error, .strict = parse->model->strict_requests};
    fields_read(parse->body, "", tables, table_count, &parse->fields, &errors);
    return errors.count ? OCTET_INPUT : OCTET_OK;
}

void request_parse_end(struct request_parse *parse, octet_status status, struct api_request **out)
{
    json_free(parse->messages);
    json_free(parse->tools);
    json_free(parse->body);
    if (status != OCTET_OK)
        api_request_free(parse->request);
    *out = status == OCTET_OK ? parse->request : NULL;
}

octet_status request_parse_memory(struct request_parse *parse)
{
    struct octet_error err;
    octet_status status = error_memory(&err, "a request", 0);
    api_error_from(parse->error, &err);
    return status;
}

octet_status request_type_error(struct request_parse *parse, const char *param, unsigned types,
                                const struct json *value)
{
    struct field_errors errors = {.error = parse->error};
    field_type_error(&errors, param, types, value);
    return OCTET_INPUT;
}

octet_status request_invalid(struct request_parse *parse, const char *param, const char *sentence)
{
    return api_error_set(parse->error, 400, "invalid_value", param, "%s", sentence);
}

octet_status request_parse_from(struct request_parse *parse, const char *param,
                                const struct octet_error *err)
{
    if (err->status == OCTET_MEMORY) {
        api_error_from(parse->error, err);
        return OCTET_MEMORY;
    }
    bool unsupported = err->status == OCTET_UNSUPPORTED;
    return api_error_set(parse->error, 400, unsupported ? "unsupported_parameter" : "invalid_value",
                         param, "%s", err->message);
}

void api_request_free(struct api_request *request)
{
    if (!request)
        return;
    struct request_owner *owner = (struct request_owner *)request;
    for (size_t i = 0; i < request->prompt_count; i++) {
        free(request->prompts[i].text);
        free(request->prompts[i].ids);
    }
    json_free(owner->tools);
    grammar_free(request->grammar);
    arena_free(&owner->arena);
    free(owner);
}
