/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/rope_config.h"

#include <math.h>
#include <string.h>

#define THETA_MAX 1e15
#define FACTOR_MAX 1e6
#define POSITION_MAX ((int64_t)1 << 27)

bool config_states(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value && json_type(value) != JSON_TYPE_NULL;
}

static octet_status read_number(const struct json *object, const char *name, const char *key,
                                bool required, double min, double max, double *out,
                                struct octet_error *err)
{
    if (!required && !config_states(object, key))
        return OCTET_OK;
    return json_field_number(object, name, key, true, min, max, out, err);
}

static octet_status read_original(const struct json *scaling, const char *name, bool required,
                                  int64_t fallback, struct rope_config *out,
                                  struct octet_error *err)
{
    out->original_max_position_embeddings = fallback;
    if (!required && !config_states(scaling, "original_max_position_embeddings"))
        return OCTET_OK;
    return json_field_int(scaling, name, "original_max_position_embeddings", true, 1, POSITION_MAX,
                          &out->original_max_position_embeddings, err);
}

static octet_status parse_llama3(const struct json *scaling, const char *name,
                                 struct rope_config *out, struct octet_error *err)
{
    out->kind = ROPE_LLAMA3;
    RETURN_IF_ERROR(read_number(scaling, name, "factor", true, 1, FACTOR_MAX, &out->factor, err));
    RETURN_IF_ERROR(read_number(scaling, name, "low_freq_factor", true, 1e-3, FACTOR_MAX,
                                &out->low_freq_factor, err));
    RETURN_IF_ERROR(read_number(scaling, name, "high_freq_factor", true, 1e-3, FACTOR_MAX,
                                &out->high_freq_factor, err));
    if (!(out->high_freq_factor > out->low_freq_factor))
        return error_set(err, OCTET_INPUT,
                         "%s: rope_scaling: high_freq_factor is %g, expected more than "
                         "low_freq_factor, which is %g; restore the published file",
                         name, out->high_freq_factor, out->low_freq_factor);
    return read_original(scaling, name, true, 0, out, err);
}

static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1.0 : 0.1 * mscale * log(factor) + 1.0;
}

static octet_status parse_yarn(const struct json *scaling, const char *name,
                               int64_t max_position_embeddings, struct rope_config *out,
                               struct octet_error *err)
{
    out->kind = ROPE_YARN;
    out->beta_fast = 32;
    out->beta_slow = 1;
    out->truncate = true;
    double mscale = 0, mscale_all = 0;
    RETURN_IF_ERROR(read_number(scaling, name, "factor", true, 1, FACTOR_MAX, &out->factor, err));
    RETURN_IF_ERROR(
        read_number(scaling, name, "beta_fast", false, 1e-3, FACTOR_MAX, &out->beta_fast, err));
    RETURN_IF_ERROR(
        read_number(scaling, name, "beta_slow", false, 1e-3, FACTOR_MAX, &out->beta_slow, err));
    RETURN_IF_ERROR(read_number(scaling, name, "mscale", false, 0, FACTOR_MAX, &mscale, err));
    RETURN_IF_ERROR(
        read_number(scaling, name, "mscale_all_dim", false, 0, FACTOR_MAX, &mscale_all, err));
    if (mscale != 0 && mscale_all != 0)
        out->attention_factor =
            yarn_mscale(out->factor, mscale) / yarn_mscale(out->factor, mscale_all);
    else
        out->attention_factor = yarn_mscale(out->factor, 1);
    RETURN_IF_ERROR(read_number(scaling, name, "attention_factor", false, 1e-6, FACTOR_MAX,
                                &out->attention_factor, err));
    if (!(out->beta_fast > out->beta_slow))
        return error_set(err, OCTET_INPUT,
                         "%s: rope_scaling: beta_fast is %g, expected more than beta_slow, which "
                         "is %g; restore the published file",
                         name, out->beta_fast, out->beta_slow);
    if (config_states(scaling, "truncate"))
        RETURN_IF_ERROR(json_field_bool(scaling, name, "truncate", true, &out->truncate, err));
    return read_original(scaling, name, false, max_position_embeddings, out, err);
}

static octet_status parse_scaling(const struct json *scaling, const char *name,
                                  int64_t max_position_embeddings, struct rope_config *out,
                                  struct octet_error *err)
{
    const char *key = config_states(scaling, "rope_type") ? "rope_type" : "type";
    const char *type = NULL;
    RETURN_IF_ERROR(json_field_string(scaling, name, key, true, &type, err));
    if (!strcmp(type, "default"))
        return OCTET_OK;
    if (!strcmp(type, "linear")) {
        out->kind = ROPE_LINEAR;
        return read_number(scaling, name, "factor", true, 1, FACTOR_MAX, &out->factor, err);
    }
    if (!strcmp(type, "llama3"))
        return parse_llama3(scaling, name, out, err);
    if (!strcmp(type, "yarn"))
        return parse_yarn(scaling, name, max_position_embeddings, out, err);
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: rope_scaling of type '%s' is not supported; octet runs linear, llama3 "
                     "and yarn: use such a model",
                     name, type);
}

octet_status rope_config_parse(const struct json *config, const char *name,
                               int64_t max_position_embeddings, struct rope_config *out,
                               struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    out->kind = ROPE_PLAIN;
    out->theta = 10000;
    out->factor = 1;
    out->attention_factor = 1;
    double partial = 1;
    const struct json *parameters =
        config_states(config, "rope_parameters") ? json_get(config, "rope_parameters") : NULL;
    RETURN_IF_ERROR(read_number(config, name, "rope_theta", false, 1, THETA_MAX, &out->theta, err));
    RETURN_IF_ERROR(
        read_number(parameters, name, "rope_theta", false, 1, THETA_MAX, &out->theta, err));
    RETURN_IF_ERROR(read_number(config, name, "partial_rotary_factor", false, 0, 1, &partial, err));
    RETURN_IF_ERROR(
        read_number(parameters, name, "partial_rotary_factor", false, 0, 1, &partial, err));
    if (partial != 1)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: partial_rotary_factor %g is not supported, expected 1; use a model "
                         "that rotates whole heads",
                         name, partial);
    const struct json *scaling =
        config_states(config, "rope_scaling") ? json_get(config, "rope_scaling") : parameters;
    if (!scaling)
        return OCTET_OK;
    if (json_type(scaling) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: rope_scaling is %s, expected an object or null; restore the "
                         "published file",
                         name, json_type_name(json_type(scaling)));
    if (scaling == parameters && !config_states(scaling, "rope_type") &&
        !config_states(scaling, "type"))
        return OCTET_OK;
    return parse_scaling(scaling, name, max_position_embeddings, out, err);
}
