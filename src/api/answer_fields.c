/* SPDX-License-Identifier: Apache-2.0 */
/* What shapes the answer and names the request. */
#include "api/api_parse.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_ID_MAX 256
#define CACHE_SALT_MAX 128

struct stream_options {
    bool include_usage, continuous_usage;
};

static const struct field stream_fields[] = {
    {.name = "continuous_usage_stats",
     .kind = FIELD_BOOL,
     .offset = offsetof(struct stream_options, continuous_usage)},
    {.name = "include_obfuscation", .kind = FIELD_IGNORED},
    {.name = "include_usage",
     .kind = FIELD_BOOL,
     .offset = offsetof(struct stream_options, include_usage)},
};

static octet_status apply_stream(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    struct api_request *request = parse->request;
    struct stream_options options = {false, false};
    struct field_errors errors = {.error = parse->error, .strict = parse->model->strict_requests};
    const struct field_table table = FIELD_TABLE(stream_fields);
    if (fields->stream_options && json_count(fields->stream_options) && !fields->stream)
        return api_error_set(parse->error, 400, "invalid_value", "stream_options",
                             "Stream options can only be defined when `stream=True`.");
    fields_read(fields->stream_options, "stream_options.", &table, 1, &options, &errors);
    if (errors.count)
        return OCTET_INPUT;
    request->stream = fields->stream;
    request->stream_interval = (int32_t)fields->stream_interval;
    request->include_usage = options.include_usage || parse->model->force_include_usage;
    request->continuous_usage = request->include_usage && options.continuous_usage;
    return OCTET_OK;
}

/* Ids go into log lines and headers: printable ASCII without spaces. */
static octet_status apply_id(struct request_parse *parse)
{
    const char *id = parse->fields.request_id;
    if (!id || !id[0])
        return OCTET_OK;
    size_t length = strlen(id);
    for (size_t i = 0; i < length; i++) {
        if (length > REQUEST_ID_MAX || id[i] <= ' ' || id[i] > '~')
            return api_error_set(parse->error, 400, "invalid_value", "request_id",
                                 "request_id must be at most %d printable ASCII characters without "
                                 "spaces",
                                 REQUEST_ID_MAX);
    }
    parse->request->request_id = arena_strdup(&parse->owner->arena, id);
    return parse->request->request_id ? OCTET_OK : request_parse_memory(parse);
}

/* The first 64 bits of SHA-256; never 0, which means a shared cache. */
static octet_status apply_salt(struct request_parse *parse)
{
    const char *salt = parse->fields.cache_salt;
    if (salt && salt[0] == '\0')
        return api_error_set(parse->error, 400, "invalid_value", "cache_salt",
                             "Parameter 'cache_salt' must be a non-empty string if provided.");
    if (salt && (strlen(salt) > CACHE_SALT_MAX || strpbrk(salt, "@/\\")))
        return api_error_set(parse->error, 400, "invalid_value", "cache_salt",
                             "Parameter 'cache_salt' must be at most %d characters and must not "
                             "contain '@', '/', '\\', or NUL.",
                             CACHE_SALT_MAX);
    if (!salt)
        salt = parse->fields.prompt_cache_key;
    if (!salt || !salt[0])
        return OCTET_OK;
    char hex[65];
    struct digest *digest = digest_new();
    bool fed = digest && digest_update(digest, salt, strlen(salt));
    if (!fed) {
        digest_free(digest);
        return request_parse_memory(parse);
    }
    if (!digest_finish(digest, hex))
        return request_parse_memory(parse);
    hex[16] = '\0';
    uint64_t value = strtoull(hex, NULL, 16);
    parse->request->cache_salt = value ? value : 1;
    return OCTET_OK;
}

octet_status answer_fields_apply(struct request_parse *parse)
{
    const struct request_fields *fields = &parse->fields;
    struct api_request *request = parse->request;
    const char *name =
        fields->model ? fields->model : (parse->model->name_count ? parse->model->names[0] : "");
    request->model_name = arena_strdup(&parse->owner->arena, name);
    if (!request->model_name)
        return request_parse_memory(parse);
    request->skip_special = fields->skip_special;
    request->echo = fields->echo;
    request->return_token_ids = fields->return_token_ids;
    request->tokens_as_token_ids = fields->tokens_as_token_ids;
    request->include_reasoning = fields->include_reasoning;
    request->thinking_budget = (int32_t)fields->thinking_token_budget;
    RETURN_IF_ERROR(apply_stream(parse));
    RETURN_IF_ERROR(apply_id(parse));
    return apply_salt(parse);
}
