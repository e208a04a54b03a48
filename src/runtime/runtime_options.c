/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/runtime_internal.h"

void runtime_options_init(struct runtime_options *options)
{
    memset(options, 0, sizeof *options);
    options->dtype = ACTIVATION_BF16;
    options->weight_dtype = WEIGHT_AUTO;
}

octet_status runtime_parse_dtype(const char *text, enum activation_dtype *out,
                                 struct octet_error *err)
{
    if (!strcmp(text, "auto") || !strcmp(text, "bfloat16")) {
        *out = ACTIVATION_BF16;
    } else if (!strcmp(text, "float32") || !strcmp(text, "float")) {
        *out = ACTIVATION_F32;
    } else if (!strcmp(text, "half") || !strcmp(text, "float16")) {
        return error_set(
            err, OCTET_USAGE,
            "dtype '%s' is not offered: activations of these models overflow its range "
            "of 65504; use bfloat16, or float32 for reference results",
            text);
    } else {
        return error_set(err, OCTET_USAGE, "dtype '%s': expected auto, bfloat16 or float32", text);
    }
    return OCTET_OK;
}

octet_status runtime_parse_weight_dtype(const char *text, enum weight_dtype *out,
                                        struct octet_error *err)
{
    static const struct {
        const char *text;
        enum weight_dtype dtype;
    } known[] = {{"auto", WEIGHT_AUTO},
                 {"fp8", WEIGHT_FP8},
                 {"bfloat16", WEIGHT_BF16},
                 {"float32", WEIGHT_F32}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strcmp(text, known[i].text)) {
            *out = known[i].dtype;
            return OCTET_OK;
        }
    }
    return error_set(err, OCTET_USAGE, "weight-dtype '%s': expected auto, fp8, bfloat16 or float32",
                     text);
}
