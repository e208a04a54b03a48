/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_config.json and chat_template.jinja. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_parts.h"

/* The template inside tokenizer_config.json: a string, or the "default" of a list of named ones. */
static const struct json *template_of(const struct json *config)
{
    const struct json *value = json_get(config, "chat_template");
    if (json_type(value) != JSON_TYPE_ARRAY)
        return value;
    for (size_t i = 0; i < json_count(value); i++) {
        const char *name = json_string(json_get(json_at(value, i), "name"));
        if (name && strcmp(name, "default") == 0)
            return json_get(json_at(value, i), "template");
    }
    return NULL;
}

static octet_status template_from_config(struct tokenizer *tokenizer, const char *path,
                                         struct octet_error *err)
{
    size_t size;
    const char *text = json_string_n(template_of(tokenizer->config), &size);
    if (!text)
        return OCTET_OK;
    if (size > TOKENIZER_TEMPLATE_LIMIT || memchr(text, '\0', size))
        return error_set(err, OCTET_INPUT,
                         "%s: chat_template has %zu bytes; at most %zu without a NUL are accepted",
                         path, size, TOKENIZER_TEMPLATE_LIMIT);
    tokenizer->chat_template = strdup(text);
    return tokenizer->chat_template ? OCTET_OK : error_memory(err, "a chat template", size);
}

static octet_status template_from_file(struct tokenizer *tokenizer, const char *path,
                                       struct octet_error *err)
{
    struct buffer text;
    buffer_init(&text, TOKENIZER_TEMPLATE_LIMIT);
    octet_status status = file_read_all(path, TOKENIZER_TEMPLATE_LIMIT, &text, err);
    const char *bytes = buffer_text(&text);
    if (status == OCTET_OK && (strlen(bytes) != text.size || !utf8_valid(bytes, text.size)))
        status = error_set(err, OCTET_INPUT, "%s: expected UTF-8 without NUL bytes", path);
    if (status == OCTET_OK) {
        tokenizer->chat_template = strdup(bytes);
        if (!tokenizer->chat_template)
            status = error_memory(err, "a chat template", text.size);
    }
    buffer_free(&text);
    return status;
}

octet_status tokenizer_load_config(struct tokenizer *tokenizer, const char *directory,
                                   struct octet_error *err)
{
    octet_status status = OCTET_OK;
    char *config = path_join(directory, "tokenizer_config.json");
    char *template = path_join(directory, "chat_template.jinja");
    if (!config || !template)
        status = error_memory(err, "a path", strlen(directory));
    if (status == OCTET_OK && file_exists(config))
        status = json_load(config, TOKENIZER_CONFIG_LIMIT, &tokenizer->config, err);
    if (status == OCTET_OK && file_exists(template))
        status = template_from_file(tokenizer, template, err);
    else if (status == OCTET_OK)
        status = template_from_config(tokenizer, config, err);
    free(template);
    free(config);
    return status;
}

const char *tokenizer_special_text(const struct tokenizer *tokenizer, const char *key)
{
    const struct json *value = json_get(tokenizer->config, key);
    const char *text = json_string(value);
    return text ? text : json_string(json_get(value, "content"));
}

const char *tokenizer_chat_template(const struct tokenizer *tokenizer)
{
    return tokenizer->chat_template;
}
