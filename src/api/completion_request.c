/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The four shapes of a prompt. */
enum prompt_shape { SHAPE_TEXT, SHAPE_TEXTS, SHAPE_IDS, SHAPE_ID_LISTS };

static octet_status no_prompt(struct request_parse *parse)
{
    return api_error_set(parse->error, 400, "invalid_value", "prompt",
                         "Either prompt or prompt_embeds must be provided and non-empty.");
}

/* The first entry of a list decides what the others have to be. */
static octet_status find_shape(struct request_parse *parse, enum prompt_shape *shape, size_t *count)
{
    const struct json *prompt = parse->fields.prompt;
    *count = 1;
    if (!prompt)
        return no_prompt(parse);
    if (json_type(prompt) == JSON_TYPE_STRING) {
        *shape = SHAPE_TEXT;
        return OCTET_OK;
    }
    const struct json *first = json_at(prompt, 0);
    int64_t id;
    if (!first)
        return no_prompt(parse);
    if (field_integer(first, &id) || json_text(first)) {
        *shape = SHAPE_IDS;
        return OCTET_OK;
    }
    *count = json_count(prompt);
    if (json_type(first) == JSON_TYPE_STRING)
        *shape = SHAPE_TEXTS;
    else if (json_type(first) == JSON_TYPE_ARRAY)
        *shape = SHAPE_ID_LISTS;
    else
        return request_type_error(parse, "prompt.0",
                                  FIELD_IS_STRING | FIELD_IS_ARRAY | FIELD_TYPE(JSON_TYPE_INTEGER),
                                  first);
    return OCTET_OK;
}

static octet_status copy_text(struct request_parse *parse, const struct json *value,
                              const char *param, struct api_prompt *out)
{
    size_t size = 0;
    const char *text = json_string_n(value, &size);
    if (!text)
        return request_type_error(parse, param, FIELD_IS_STRING, value);
    if (size == 0)
        return no_prompt(parse);
    out->text = malloc(size + 1);
    if (!out->text)
        return request_parse_memory(parse);
    memcpy(out->text, text, size + 1);
    out->text_size = size;
    return OCTET_OK;
}

static octet_status copy_ids(struct request_parse *parse, const struct json *list,
                             const char *param, struct api_prompt *out)
{
    size_t count = json_count(list);
    if (json_type(list) != JSON_TYPE_ARRAY)
        return request_type_error(parse, param, FIELD_IS_ARRAY, list);
    if (count == 0)
        return no_prompt(parse);
    out->ids = malloc(count * sizeof *out->ids);
    if (!out->ids)
        return request_parse_memory(parse);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_at(list, i);
        char path[160];
        int64_t id = -1;
        (void)snprintf(path, sizeof path, "%s.%zu", param, i);
        bool big = json_text(value) != NULL;
        if (!big && !field_integer(value, &id))
            return request_type_error(parse, path, FIELD_TYPE(JSON_TYPE_INTEGER), value);
        char digits[32];
        (void)snprintf(digits, sizeof digits, "%" PRId64, id);
        if (big || id < 0 || id >= parse->model->vocab_size)
            return api_error_set(parse->error, 400, "invalid_value", path,
                                 "Token id %.24s is out of vocabulary: ids go from 0 to %d",
                                 big ? json_text(value) : digits, parse->model->vocab_size - 1);
        out->ids[i] = (int32_t)id;
    }
    out->id_count = count;
    return OCTET_OK;
}

static octet_status read_prompt(struct request_parse *parse, enum prompt_shape shape, size_t index)
{
    const struct json *prompt = parse->fields.prompt;
    struct api_prompt *out = &parse->request->prompts[index];
    char param[64] = "prompt";
    bool one = shape == SHAPE_TEXT || shape == SHAPE_IDS;
    if (!one)
        (void)snprintf(param, sizeof param, "prompt.%zu", index);
    const struct json *value = one ? prompt : json_at(prompt, index);
    if (shape == SHAPE_TEXT || shape == SHAPE_TEXTS)
        RETURN_IF_ERROR(copy_text(parse, value, param, out));
    else
        RETURN_IF_ERROR(copy_ids(parse, value, param, out));
    return prompt_fields_encode(parse, index, param);
}

static octet_status read_prompts(struct request_parse *parse)
{
    struct api_request *request = parse->request;
    int32_t most = parse->model->max_prompts;
    enum prompt_shape shape = SHAPE_TEXT;
    size_t count = 0;
    RETURN_IF_ERROR(find_shape(parse, &shape, &count));
    if (count > (size_t)most)
        return api_error_set(parse->error, 400, "invalid_value", "prompt",
                             "prompt list length %zu exceeds the maximum allowed count of %d. To "
                             "increase this limit, set the VLLM_MAX_COMPLETION_PROMPTS environment "
                             "variable.",
                             count, most);
    if (count * (size_t)request->n > (size_t)parse->model->max_n)
        return api_error_set(parse->error, 400, "invalid_value", "n",
                             "n must be at most %d over all prompts together, got %d choices for "
                             "each of %zu prompts.",
                             parse->model->max_n, request->n, count);
    request->prompts = arena_calloc(&parse->owner->arena, count, sizeof *request->prompts);
    if (!request->prompts)
        return request_parse_memory(parse);
    request->prompt_count = count;
    for (size_t i = 0; i < count; i++)
        RETURN_IF_ERROR(read_prompt(parse, shape, i));
    return prompt_fields_limit(parse);
}

static octet_status parse_completion(struct request_parse *parse, const char *body, size_t size)
{
    const struct field_table tables[] = {common_field_table, completion_field_table};
    RETURN_IF_ERROR(request_parse_begin(parse, API_COMPLETION, body, size));
    RETURN_IF_ERROR(request_parse_fields(parse, tables, 2));
    RETURN_IF_ERROR(request_check_model(parse->model, parse->fields.model, parse->error));
    RETURN_IF_ERROR(answer_fields_apply(parse));
    RETURN_IF_ERROR(sampling_fields_apply(parse));
    RETURN_IF_ERROR(token_fields_apply(parse));
    parse->request->rules.parallel_tool_calls = true;
    RETURN_IF_ERROR(read_prompts(parse));
    return structured_fields_apply(parse);
}

octet_status api_completion_parse(const struct api_model *model, const char *body, size_t size,
                                  struct api_request **out, struct api_error *error)
{
    struct request_parse parse = {.model = model, .error = error};
    octet_status status = parse_completion(&parse, body, size);
    request_parse_end(&parse, status, out);
    return status;
}
