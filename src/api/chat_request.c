/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include <string.h>

static octet_status check_modalities(struct request_parse *parse)
{
    const struct json *modalities = parse->fields.modalities;
    for (size_t i = 0; i < json_count(modalities); i++) {
        const char *name = json_string(json_at(modalities, i));
        if (!name || strcmp(name, "text") != 0)
            return api_error_set(parse->error, 400, "unsupported_parameter", "modalities",
                                 "modalities: this model gives text only");
    }
    return OCTET_OK;
}

static octet_status parse_chat(struct request_parse *parse, const char *body, size_t size)
{
    const struct field_table tables[] = {common_field_table, chat_field_table};
    RETURN_IF_ERROR(request_parse_begin(parse, API_CHAT, body, size));
    RETURN_IF_ERROR(request_parse_fields(parse, tables, 2));
    RETURN_IF_ERROR(request_check_model(parse->model, parse->fields.model, parse->error));
    RETURN_IF_ERROR(check_modalities(parse));
    RETURN_IF_ERROR(answer_fields_apply(parse));
    RETURN_IF_ERROR(sampling_fields_apply(parse));
    RETURN_IF_ERROR(token_fields_apply(parse));
    RETURN_IF_ERROR(message_fields_apply(parse));
    RETURN_IF_ERROR(tool_fields_apply(parse));
    RETURN_IF_ERROR(chat_prompt_render(parse));
    RETURN_IF_ERROR(structured_fields_apply(parse));
    RETURN_IF_ERROR(prompt_fields_encode(parse, 0, "messages"));
    return prompt_fields_limit(parse);
}

octet_status api_chat_parse(const struct api_model *model, const char *body, size_t size,
                            struct api_request **out, struct api_error *error)
{
    struct request_parse parse = {.model = model, .error = error};
    octet_status status = parse_chat(&parse, body, size);
    request_parse_end(&parse, status, out);
    return status;
}
