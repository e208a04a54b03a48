/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/quantization.h"

#include <string.h>
#include <strings.h>
#include "base/parse.h"

struct method_name {
    const char *key;
    const char *people; /* how people call it */
};

static const struct method_name foreign_methods[] = {
    {"awq", "AWQ (4-bit integers)"},
    {"gptq", "GPTQ (integers)"},
    {"bitsandbytes", "bitsandbytes"},
    {"mxfp4", "MXFP4 (4-bit floats)"},
    {"nvfp4", "NVFP4 (4-bit floats)"},
    {"modelopt_fp4", "ModelOpt NVFP4 (4-bit floats)"},
    {"quark", "AMD Quark"},
    {"torchao", "torchao"},
    {"hqq", "HQQ"},
    {"aqlm", "AQLM"},
    {"quanto", "Quanto"},
    {"eetq", "EETQ (8-bit integers)"},
    {"higgs", "HIGGS"},
    {"vptq", "VPTQ"},
    {"spqr", "SpQR"},
    {"fp_quant", "FP-Quant"},
    {"auto-round", "AutoRound"},
    {"intel/auto-round", "AutoRound"},
    {"bitnet", "BitNet"},
    {"experts_int8", "experts_int8 (8-bit integers)"},
    {"gguf", "GGUF"},
    {"ascend", "ModelSlim (Ascend)"},
    {"modelslim", "ModelSlim (Ascend)"},
};

static octet_status refuse(struct octet_error *err, const char *name, const char *what)
{
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: the checkpoint is quantised with %s, which octet does not read; it reads "
                     "FP8 E4M3 with scales (fp8, compressed-tensors float-quantized, fbgemm_fp8, "
                     "ModelOpt FP8) and unquantised BF16, F16 or F32: use such a checkpoint",
                     name, what);
}

/* A stated block size: [rows, columns]. */
static octet_status parse_block(const struct json *value, const char *name, const char *key,
                                struct quantization *out, struct octet_error *err)
{
    int64_t rows = json_integer(json_at(value, 0), 0);
    int64_t cols = json_integer(json_at(value, 1), 0);
    if (json_type(value) != JSON_TYPE_ARRAY || json_count(value) != 2 || rows < 1 || cols < 1 ||
        rows > BLOCK_EXTENT_MAX || cols > BLOCK_EXTENT_MAX)
        return error_set(err, OCTET_INPUT,
                         "%s: \"%s\" is not a pair of sizes from 1 to %d such as [128, 128]; "
                         "restore the published file",
                         name, key, BLOCK_EXTENT_MAX);
    if (out->allow_block &&
        (out->block_rows != (uint64_t)rows || out->block_cols != (uint64_t)cols))
        return error_set(
            err, OCTET_UNSUPPORTED,
            "%s: the checkpoint mixes FP8 block sizes %dx%d and %dx%d; octet reads one "
            "block size a checkpoint: use such a checkpoint",
            name, (int)out->block_rows, (int)out->block_cols, (int)rows, (int)cols);
    out->allow_block = true;
    out->block_rows = (uint64_t)rows;
    out->block_cols = (uint64_t)cols;
    return OCTET_OK;
}

static octet_status parse_fp8(const struct json *section, const char *name,
                              struct quantization *out, struct octet_error *err)
{
    const struct json *format = json_get(section, "fmt");
    if (!format)
        format = json_get(section, "weight_fmt");
    const char *text = json_string(format);
    if (text && strcasecmp(text, "e4m3") != 0 && strcasecmp(text, "e4m3fn") != 0 &&
        strcasecmp(text, "float8_e4m3fn") != 0) {
        if (!strcasecmp(text, "e5m2") || !strcasecmp(text, "float8_e5m2"))
            return refuse(err, name, "FP8 E5M2");
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: FP8 format '%s' is not supported, expected \"e4m3\"; use such a "
                         "checkpoint",
                         name, text);
    }
    out->method = "fp8";
    const struct json *block = json_get(section, "weight_block_size");
    if (block && json_type(block) != JSON_TYPE_NULL)
        return parse_block(block, name, "weight_block_size", out, err);
    out->allow_tensor = out->allow_row = true;
    return OCTET_OK;
}

/* Older compressed-tensors write the pair as "128x128". A new array, or NULL. */
static struct json *pair_from_text(const char *text)
{
    char first[16];
    int64_t rows, cols;
    const char *cross = strchr(text, 'x');
    size_t length = cross ? (size_t)(cross - text) : sizeof first;
    if (length >= sizeof first)
        return NULL;
    memcpy(first, text, length);
    first[length] = '\0';
    if (!parse_int64(first, &rows) || !parse_int64(cross + 1, &cols))
        return NULL;
    struct json *pair = json_new_array();
    if (pair && json_push(pair, json_new_integer(rows)) && json_push(pair, json_new_integer(cols)))
        return pair;
    json_free(pair);
    return NULL;
}

static octet_status parse_block_structure(const struct json *value, const char *name,
                                          struct quantization *out, struct octet_error *err)
{
    const char *text = json_string(value);
    struct json *pair = text ? pair_from_text(text) : NULL;
    octet_status status = parse_block(pair ? pair : value, name, "block_structure", out, err);
    json_free(pair);
    return status;
}

/* The "weights" object of one group of compressed-tensors (also used by ModelOpt). */
static octet_status parse_group(const struct json *weights, const char *name,
                                struct quantization *out, struct octet_error *err)
{
    const char *type = json_string(json_get(weights, "type"));
    int64_t bits = json_integer(json_get(weights, "num_bits"), 0);
    const char *strategy = json_string(json_get(weights, "strategy"));
    if (bits != 8 || (type && strcmp(type, "float") != 0) || !type) {
        char what[96];
        snprintf(what, sizeof what, "compressed-tensors %d-bit %.16s weights",
                 bits >= 0 && bits < 100 ? (int)bits : 0, type ? type : "int");
        return refuse(err, name, what);
    }
    if (!json_bool(json_get(weights, "symmetric"), true))
        return refuse(err, name, "compressed-tensors FP8 with zero points (symmetric: false)");
    const struct json *block = json_get(weights, "block_structure");
    bool has_block = block && json_type(block) != JSON_TYPE_NULL;
    if (strategy && !strcmp(strategy, "block") && has_block)
        return parse_block_structure(block, name, out, err);
    if (strategy && !strcmp(strategy, "group")) {
        int64_t group = json_integer(json_get(weights, "group_size"), 0);
        struct json *pair = json_new_array();
        bool made = pair && json_push(pair, json_new_integer(1)) &&
                    json_push(pair, json_new_integer(group));
        octet_status status = made ? parse_block(pair, name, "group_size", out, err)
                                   : error_memory(err, "quantisation", 0);
        json_free(pair);
        return status;
    }
    if (!strategy || !strcmp(strategy, "tensor"))
        out->allow_tensor = true;
    else if (!strcmp(strategy, "channel"))
        out->allow_row = true;
    else
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: compressed-tensors strategy '%s'%s is not supported; octet reads "
                         "tensor, channel, group and block (with block_structure)",
                         name, strategy,
                         !strcmp(strategy, "block") ? " without block_structure" : "");
    return OCTET_OK;
}

static octet_status parse_groups(const struct json *groups, const char *name,
                                 struct quantization *out, struct octet_error *err)
{
    for (struct json_iter it = json_iter(groups); json_next(&it);) {
        const struct json *weights = json_get(it.value, "weights");
        const char *format = json_string(json_get(it.value, "format"));
        if (format && strcmp(format, "float-quantized") != 0 &&
            strcmp(format, "naive-quantized") != 0 && strcmp(format, "dense") != 0) {
            char what[96];
            snprintf(what, sizeof what, "compressed-tensors %.48s", format);
            return refuse(err, name, what);
        }
        if (json_type(weights) == JSON_TYPE_OBJECT)
            RETURN_IF_ERROR(parse_group(weights, name, out, err));
    }
    return OCTET_OK;
}

static octet_status parse_compressed(const struct json *section, const char *name,
                                     struct quantization *out, struct octet_error *err)
{
    char what[96];
    const char *format = json_string(json_get(section, "format"));
    if (format && strcmp(format, "float-quantized") != 0 &&
        strcmp(format, "naive-quantized") != 0 && strcmp(format, "dense") != 0 &&
        strcmp(format, "mixed-precision") != 0) {
        snprintf(what, sizeof what, "compressed-tensors %.48s", format);
        return refuse(err, name, what);
    }
    const char *sparsity = json_string(json_get_path(section, "sparsity_config.format"));
    if (sparsity && strcmp(sparsity, "dense") != 0) {
        snprintf(what, sizeof what, "compressed-tensors sparsity '%.48s'", sparsity);
        return refuse(err, name, what);
    }
    if (json_count(json_get_path(section, "transform_config.config_groups")) != 0)
        return refuse(err, name, "compressed-tensors transforms (rotated weights)");
    out->method = "compressed-tensors";
    const struct json *kv = json_get(section, "kv_cache_scheme");
    out->kv_cache = json_type(kv) == JSON_TYPE_OBJECT;
    const struct json *groups = json_get(section, "config_groups");
    if (json_type(groups) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: compressed-tensors without \"config_groups\" (found %s), expected an "
                         "object that states the strategy; restore the published file",
                         name, json_type_name(json_type(groups)));
    return parse_groups(groups, name, out, err);
}

static octet_status parse_modelopt(const struct json *section, const char *name,
                                   struct quantization *out, struct octet_error *err)
{
    out->method = "modelopt";
    const char *kv = json_string(json_get(section, "kv_cache_quant_algo"));
    out->kv_cache =
        kv != NULL || json_type(json_get(section, "kv_cache_scheme")) == JSON_TYPE_OBJECT;
    const struct json *algorithm = json_get(section, "quant_algo");
    const char *text = json_string(algorithm);
    if (!text && json_type(json_get(section, "config_groups")) == JSON_TYPE_OBJECT)
        return parse_groups(json_get(section, "config_groups"), name, out, err);
    if (!text)
        return OCTET_OK; /* only the KV cache is quantised */
    if (!strcasecmp(text, "FP8")) {
        out->allow_tensor = true;
        return OCTET_OK;
    }
    if (!strcasecmp(text, "FP8_PER_CHANNEL_PER_TOKEN")) {
        out->allow_row = true;
        return OCTET_OK;
    }
    if (!strcasecmp(text, "FP8_PB_WO")) {
        out->allow_block = true;
        out->block_rows = out->block_cols = 128;
        return OCTET_OK;
    }
    char what[96];
    snprintf(what, sizeof what, "ModelOpt %.48s", text);
    return refuse(err, name, what);
}

static const struct json *skipped_modules(const struct json *section)
{
    static const char *const keys[] = {"modules_to_not_convert", "ignore", "exclude_modules",
                                       "ignored_layers"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *list = json_get(section, keys[i]);
        if (json_type(list) == JSON_TYPE_ARRAY)
            return list;
    }
    return NULL;
}

static octet_status parse_unnamed(const struct json *section, const char *name,
                                  struct quantization *out, struct octet_error *err)
{
    if (json_get(section, "load_in_4bit") || json_get(section, "load_in_8bit"))
        return refuse(err, name, "bitsandbytes");
    if (json_get(section, "quant_algo"))
        return parse_modelopt(section, name, out, err);
    if (json_get(section, "config_groups"))
        return parse_compressed(section, name, out, err);
    if (json_get(section, "weight_block_size"))
        return parse_fp8(section, name, out, err);
    return error_set(err, OCTET_UNSUPPORTED,
                     "%s: quantization_config does not say its \"quant_method\"; octet reads fp8, "
                     "compressed-tensors, fbgemm_fp8 and modelopt: restore the published file",
                     name);
}

static octet_status parse_section(const struct json *section, const char *name,
                                  struct quantization *out, struct octet_error *err)
{
    if (json_type(section) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: the quantisation is %s, expected an object; restore the published "
                         "file",
                         name, json_type_name(json_type(section)));
    out->stated = true;
    out->skipped = skipped_modules(section);
    const char *method = json_string(json_get(section, "quant_method"));
    if (!method)
        return parse_unnamed(section, name, out, err);
    if (!strcmp(method, "fp8"))
        return parse_fp8(section, name, out, err);
    if (!strcmp(method, "fbgemm_fp8")) {
        out->method = "fbgemm_fp8";
        out->allow_row = true;
        return OCTET_OK;
    }
    if (!strcmp(method, "compressed-tensors"))
        return parse_compressed(section, name, out, err);
    if (!strcmp(method, "modelopt"))
        return parse_modelopt(section, name, out, err);
    for (size_t i = 0; i < sizeof foreign_methods / sizeof *foreign_methods; i++) {
        if (!strcasecmp(method, foreign_methods[i].key))
            return refuse(err, name, foreign_methods[i].people);
    }
    char what[160];
    snprintf(what, sizeof what, "the method '%.96s'", method);
    return refuse(err, name, what);
}

/* The section of config.json, also inside a sub-model such as "text_config". */
static const struct json *find_section(const struct json *config)
{
    static const char *const places[] = {
        "quantization_config", "compression_config", "text_config.quantization_config",
        "text_config.compression_config", "llm_config.quantization_config"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct json *section = json_get_path(config, places[i]);
        if (section && json_type(section) != JSON_TYPE_NULL)
            return section;
    }
    return NULL;
}

octet_status quantization_parse(const struct json *config, const struct json *hf_quant,
                                const char *config_name, const char *hf_quant_name,
                                struct quantization *out, struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    out->method = "none";
    if (json_type(json_get(config, "quantize")) == JSON_TYPE_STRING)
        return refuse(err, config_name, "ModelSlim (\"quantize\" in config.json)");
    const struct json *section = find_section(config);
    if (section)
        return parse_section(section, config_name, out, err);
    if (!hf_quant)
        return OCTET_OK;
    const struct json *inner = json_get(hf_quant, "quantization");
    if (json_type(inner) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: \"quantization\" is %s, expected an object; restore the published "
                         "file",
                         hf_quant_name, json_type_name(json_type(inner)));
    out->stated = true;
    out->skipped = skipped_modules(inner);
    return parse_modelopt(inner, hf_quant_name, out, err);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && !strcmp(text + length - tail, suffix);
}

const char *quantization_foreign_tensor(const char *tensor_name, enum dtype dtype)
{
    static const struct {
        const char *suffix, *people;
    } marks[] = {
        {".qweight", "GPTQ or AWQ"},
        {".qzeros", "GPTQ or AWQ"},
        {".g_idx", "GPTQ"},
        {".weight_packed", "compressed-tensors with packed integers or 4-bit floats"},
        {".weight_zero_point", "integers or floats with zero points"},
        {".weight_scale_2", "NVFP4 (4-bit floats)"},
        {".weight.absmax", "bitsandbytes"},
        {".weight.quant_map", "bitsandbytes"},
        {".weight.SCB", "bitsandbytes"},
        {".SCB", "bitsandbytes"},
        {".deq_scale", "ModelSlim (Ascend)"},
        {".quant_bias", "ModelSlim (Ascend)"},
        {".weight_offset", "ModelSlim (Ascend)"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (ends_with(tensor_name, marks[i].suffix))
            return marks[i].people;
    }
    if (dtype == DTYPE_U8 && ends_with(tensor_name, "_blocks"))
        return "MXFP4 (4-bit floats)";
    return NULL;
}

bool quantization_skips(const struct quantization *quantization, const char *tensor_name)
{
    for (size_t i = 0; i < json_count(quantization->skipped); i++) {
        const char *module = json_string(json_at(quantization->skipped, i));
        size_t length = module ? strlen(module) : 0;
        if (length && !strncmp(module, tensor_name, length) &&
            (tensor_name[length] == '.' || tensor_name[length] == '\0'))
            return true;
    }
    return false;
}
