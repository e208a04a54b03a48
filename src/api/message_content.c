/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

#include <stdio.h>
#include <string.h>

/* Kinds of parts and the key of their text; NULL: not text. */
static const struct {
    const char *type, *key;
} part_kinds[] = {
    {"text", "text"},       {"input_text", "text"},   {"output_text", "text"},
    {"refusal", "refusal"}, {"thinking", "thinking"}, {"image_url", NULL},
    {"image_pil", NULL},    {"image_embeds", NULL},   {"input_image", NULL},
    {"audio_url", NULL},    {"audio_embeds", NULL},   {"input_audio", NULL},
    {"video_url", NULL},    {"file", NULL},
};

static octet_status not_text(struct request_parse *parse, const char *param, const char *type)
{
    for (size_t i = 0; i < sizeof part_kinds / sizeof part_kinds[0]; i++) {
        if (strcmp(part_kinds[i].type, type) == 0)
            return api_error_set(parse->error, 400, "unsupported_parameter", param,
                                 "%s: parts of type \"%s\" are not supported by this model, which "
                                 "reads text only",
                                 param, type);
    }
    return api_error_set(parse->error, 400, "invalid_value", param,
                         "%s: unknown part type \"%.40s\"; expected \"text\"", param, type);
}

static octet_status part_text(struct request_parse *parse, const struct json *part,
                              const char *content_param, size_t index, const char **out,
                              size_t *size)
{
    char param[160], path[176];
    (void)snprintf(param, sizeof param, "%s.%zu", content_param, index);
    *out = json_string_n(part, size);
    if (*out)
        return OCTET_OK;
    if (json_type(part) != JSON_TYPE_OBJECT)
        return request_type_error(parse, param, FIELD_IS_STRING | FIELD_IS_OBJECT, part);
    const struct json *type = field_get(part, "type");
    const char *name = type ? json_string(type) : json_get(part, "text") ? "text" : NULL;
    const char *key = NULL;
    (void)snprintf(path, sizeof path, "%s.type", param);
    if (!name)
        return request_type_error(parse, path, FIELD_IS_STRING, type);
    for (size_t i = 0; i < sizeof part_kinds / sizeof part_kinds[0] && !key; i++) {
        if (strcmp(part_kinds[i].type, name) == 0)
            key = part_kinds[i].key;
    }
    if (!key)
        return not_text(parse, param, name);
    const struct json *text = json_get(part, key);
    (void)snprintf(path, sizeof path, "%s.%s", param, key);
    *out = json_string_n(text, size);
    return *out ? OCTET_OK : request_type_error(parse, path, FIELD_IS_STRING, text);
}

octet_status message_content_text(struct request_parse *parse, const struct json *content,
                                  const char *param, struct buffer *out)
{
    enum json_type type = json_type(content);
    size_t size = 0;
    const char *text = json_string_n(content, &size);
    if (type == JSON_NONE || type == JSON_TYPE_NULL)
        return OCTET_OK;
    if (text)
        return buffer_append(out, text, size) ? OCTET_OK : request_parse_memory(parse);
    if (type != JSON_TYPE_ARRAY)
        return request_type_error(parse, param, FIELD_IS_STRING | FIELD_IS_ARRAY, content);
    for (size_t i = 0; i < json_count(content); i++) {
        RETURN_IF_ERROR(part_text(parse, json_at(content, i), param, i, &text, &size));
        if (i)
            buffer_append_char(out, '\n');
        buffer_append(out, text, size);
    }
    return buffer_failed(out) ? request_parse_memory(parse) : OCTET_OK;
}

/*
 * A template that walks over a message's content ("for part in message.content") wants a list of
 * parts; any other wants text. Found in the source, as names may vary: "for NAME in" followed by
 * something that ends in .content, ['content'] or ["content"].
 */
static bool walks_content(const char *source)
{
    static const char *const ends[] = {".content", "['content']", "[\"content\"]"};
    for (const char *at = source; (at = strstr(at, "for ")) != NULL; at += 4) {
        const char *name = at + 4 + strspn(at + 4, " ");
        size_t length = strcspn(name, " %}\n");
        if (strncmp(name + length, " in ", 4) != 0)
            continue;
        const char *what = name + length + 4 + strspn(name + length + 4, " ");
        size_t what_length = strcspn(what, " %|}\n");
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            size_t end = strlen(ends[i]);
            if (what_length > end && strncmp(what + what_length - end, ends[i], end) == 0)
                return true;
        }
    }
    return false;
}

enum content_format message_content_format(const struct api_model *model)
{
    if (model->content_format != CONTENT_AUTO)
        return model->content_format;
    return model->template_source && walks_content(model->template_source) ? CONTENT_OPENAI
                                                                           : CONTENT_STRING;
}
