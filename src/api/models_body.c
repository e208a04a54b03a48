/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says of itself: models, tokenizer, its OpenAPI description. */
#include "api/api_parse.h"

#include "base/digest.h"

#include <stdio.h>
#include <string.h>

extern const unsigned char openapi_json[];
extern const size_t openapi_json_size;

const char *api_openapi(size_t *size)
{
    *size = openapi_json_size;
    return (const char *)openapi_json;
}

/* Clients of vLLM look for a permission; its id is the same at each call. */
static struct json *permission(const struct api_model *model, const char *name)
{
    static const struct {
        const char *key;
        bool value;
    } flags[] = {
        {"allow_create_engine", false},  {"allow_sampling", true}, {"allow_logprobs", true},
        {"allow_search_indices", false}, {"allow_view", true},     {"allow_fine_tuning", false},
    };
    char hex[65], id[48];
    struct digest *digest = digest_new();
    bool fine = digest && digest_update(digest, name, strlen(name));
    if (!fine) {
        digest_free(digest);
        return NULL;
    }
    if (!digest_finish(digest, hex))
        return NULL;
    (void)snprintf(id, sizeof id, "modelperm-%.32s", hex);
    struct json *object = json_new_object();
    fine = object && json_set(object, "id", json_new_string(id));
    fine = fine && json_set(object, "object", json_new_string("model_permission"));
    fine = fine && json_set(object, "created", json_new_integer(model->created));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        fine = fine && json_set(object, flags[i].key, json_new_bool(flags[i].value));
    fine = fine && json_set(object, "organization", json_new_string("*"));
    fine = fine && json_set(object, "group", json_new_null());
    fine = fine && json_set(object, "is_blocking", json_new_bool(false));
    if (fine)
        return object;
    json_free(object);
    return NULL;
}

static struct json *card(const struct api_model *model, const char *name)
{
    struct json *object = json_new_object(), *permissions = json_new_array();
    bool fine = object && json_set(object, "id", json_new_string(name));
    fine = fine && json_set(object, "object", json_new_string("model"));
    fine = fine && json_set(object, "created", json_new_integer(model->created));
    fine = fine && json_set(object, "owned_by", json_new_string("octet"));
    fine = fine && json_set(object, "root", json_new_string(model->root ? model->root : name));
    fine = fine && json_set(object, "parent", json_new_null());
    fine = fine && json_set(object, "max_model_len", json_new_integer(model->max_model_len));
    fine = fine && permissions && json_push(permissions, permission(model, name));
    if (fine) {
        fine = json_set(object, "permission", permissions);
        permissions = NULL;
    }
    json_free(permissions);
    if (fine)
        return object;
    json_free(object);
    return NULL;
}

static bool dump(struct json *value, struct buffer *out)
{
    bool fine = value && json_dump(value, 0, out);
    json_free(value);
    return fine;
}

bool api_models_body(const struct api_model *model, struct buffer *out)
{
    struct json *body = json_new_object(), *data = json_new_array();
    bool fine = body && data && json_set(body, "object", json_new_string("list"));
    for (size_t i = 0; fine && i < model->name_count; i++)
        fine = json_push(data, card(model, model->names[i]));
    if (fine) {
        fine = json_set(body, "data", data);
        data = NULL;
    }
    json_free(data);
    if (fine)
        return dump(body, out);
    json_free(body);
    return false;
}

octet_status api_model_body(const struct api_model *model, const char *name, struct buffer *out,
                            struct api_error *error)
{
    RETURN_IF_ERROR(request_check_model(model, name, error));
    if (dump(card(model, name), out))
        return OCTET_OK;
    struct octet_error err;
    octet_status status = error_memory(&err, "a model card", 0);
    api_error_from(error, &err);
    return status;
}

bool api_tokenizer_info(const struct api_model *model, struct buffer *out)
{
    static const char *const specials[] = {"bos_token", "eos_token", "pad_token", "unk_token"};
    struct json *body = json_new_object();
    bool fine =
        body && json_set(body, "tokenizer_class", json_new_string("PreTrainedTokenizerFast"));
    for (size_t i = 0; fine && i < sizeof specials / sizeof specials[0]; i++) {
        const char *text = tokenizer_special_text(model->tokenizer, specials[i]);
        fine = json_set(body, specials[i], text ? json_new_string(text) : json_new_null());
    }
    const char *source = model->template_source;
    fine =
        fine && json_set(body, "chat_template", source ? json_new_string(source) : json_new_null());
    fine = fine && json_set(body, "model_max_length", json_new_integer(model->max_model_len));
    fine = fine && json_set(body, "vocab_size", json_new_integer(model->vocab_size));
    if (fine)
        return dump(body, out);
    json_free(body);
    return false;
}
