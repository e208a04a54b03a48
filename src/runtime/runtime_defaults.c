/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generation_config.json as vLLM uses it: temperature, top_k, top_p, min_p, repetition_penalty and
 * max_new_tokens become the defaults of requests that state none; eos_token_id ends texts.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/runtime_internal.h"

static void describe(struct runtime_defaults *out, const char *name, double value)
{
    size_t used = strlen(out->description);
    snprintf(out->description + used, sizeof out->description - used, "%s%s %g", used ? ", " : "",
             name, value);
}

/* Published files write null for "not stated". */
static bool states(const struct json *json, const char *key)
{
    enum json_type type = json_type(json_get(json, key));
    return type != JSON_NONE && type != JSON_TYPE_NULL;
}

octet_status defaults_apply(struct runtime_defaults *out, const struct json *json, const char *name,
                            struct octet_error *err)
{
    struct sampling_params *params = &out->sampling;
    const struct {
        const char *key;
        double min, max, *value;
    } numbers[] = {{"temperature", 0, 1e3, &params->temperature},
                   {"top_p", 1e-6, 1, &params->top_p},
                   {"min_p", 0, 1, &params->min_p},
                   {"repetition_penalty", 1e-3, 1e3, &params->repetition_penalty}};
    out->description[0] = '\0';
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!states(json, numbers[i].key))
            continue;
        RETURN_IF_ERROR(json_field_number(json, name, numbers[i].key, true, numbers[i].min,
                                          numbers[i].max, numbers[i].value, err));
        describe(out, numbers[i].key, *numbers[i].value);
    }
    const struct {
        const char *key;
        int64_t min;
        int32_t *value;
    } integers[] = {{"top_k", -1, &params->top_k}, {"max_new_tokens", 1, &params->max_tokens}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        int64_t value = 0;
        if (!states(json, integers[i].key))
            continue;
        RETURN_IF_ERROR(json_field_int(json, name, integers[i].key, true, integers[i].min,
                                       INT32_MAX, &value, err));
        *integers[i].value = (int32_t)value;
        describe(out, integers[i].key, (double)value);
    }
    return OCTET_OK;
}

static octet_status add_eos(struct runtime_defaults *out, int64_t id, int64_t vocab_size,
                            const char *name, struct octet_error *err)
{
    if (id < 0 || id >= vocab_size)
        return error_set(err, OCTET_INPUT,
                         "%s: eos_token_id: %lld is out of the vocabulary of %lld tokens", name,
                         (long long)id, (long long)vocab_size);
    for (size_t i = 0; i < out->eos_id_count; i++) {
        if (out->eos_ids[i] == id)
            return OCTET_OK;
    }
    if (out->eos_id_count == RUNTIME_EOS_MAX)
        return error_set(err, OCTET_LIMIT, "%s: eos_token_id has more than %d ids", name,
                         RUNTIME_EOS_MAX);
    out->eos_ids[out->eos_id_count++] = (int32_t)id;
    return OCTET_OK;
}

static octet_status add_eos_field(struct runtime_defaults *out, const struct json *json,
                                  const char *name, int64_t vocab_size, struct octet_error *err)
{
    const struct json *value = json_get(json, "eos_token_id");
    size_t count = json_type(value) == JSON_TYPE_ARRAY ? json_count(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const struct json *id = json_type(value) == JSON_TYPE_ARRAY ? json_at(value, i) : value;
        if (json_type(id) != JSON_TYPE_INTEGER)
            return error_set(err, OCTET_INPUT,
                             "%s: eos_token_id: found %s, expected an integer or a list of them",
                             name, json_type_name(json_type(id)));
        RETURN_IF_ERROR(add_eos(out, json_integer(id, -1), vocab_size, name, err));
    }
    return OCTET_OK;
}

octet_status defaults_find_eos(struct runtime_defaults *out, const struct json *generation_config,
                               const struct json *config, const struct tokenizer *tokenizer,
                               int64_t vocab_size, struct octet_error *err)
{
    out->eos_id_count = 0;
    if (states(generation_config, "eos_token_id"))
        RETURN_IF_ERROR(
            add_eos_field(out, generation_config, "generation_config.json", vocab_size, err));
    else if (states(config, "eos_token_id"))
        RETURN_IF_ERROR(add_eos_field(out, config, "config.json", vocab_size, err));
    const char *text = tokenizer ? tokenizer_special_text(tokenizer, "eos_token") : NULL;
    int32_t id = text ? tokenizer_token_id(tokenizer, text) : -1;
    /* A tokenizer may know tokens that the model has no row for; such an id can never be drawn. */
    if (id >= 0 && id < vocab_size)
        RETURN_IF_ERROR(add_eos(out, id, vocab_size, "tokenizer_config.json", err));
    return OCTET_OK;
}
