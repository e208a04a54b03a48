/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What config.json and hf_quant_config.json say about quantisation, in the dialects found in the
 * wild: `fp8` (DeepSeek, Qwen, AutoFP8), fbgemm_fp8, compressed-tensors, ModelOpt. The result says
 * which scale layouts are stated; the tensors themselves decide the rest (scales.c).
 */
#ifndef CHECKPOINT_QUANTIZATION_H
#define CHECKPOINT_QUANTIZATION_H

#include "base/arena.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"

#define BLOCK_EXTENT_MAX 1048576

struct quantization {
    bool stated;        /* a quantisation that octet reads is stated */
    const char *method; /* "fp8", "compressed-tensors", ...; static text, "none" */
    bool allow_tensor;  /* one scale a tensor */
    bool allow_row;     /* one scale a row */
    bool allow_block;   /* one scale a block of block_rows x block_cols */
    uint64_t block_rows, block_cols;
    const struct json *skipped; /* names of modules left in full precision, or NULL; borrowed */
    bool kv_cache;              /* a KV-cache quantisation is stated (and not used here) */
};

/*
 * config: config.json; hf_quant: hf_quant_config.json or NULL; names: for messages.
 * Errors: OCTET_UNSUPPORTED naming the quantisation that octet does not read; OCTET_INPUT for
 * fields that are wrong.
 */
octet_status quantization_parse(const struct json *config, const struct json *hf_quant,
                                const char *config_name, const char *hf_quant_name,
                                struct quantization *out, struct octet_error *err);

/*
 * Tensor names that betray a quantisation which octet does not read ("x.qweight"): its name, or
 * NULL.
 */
const char *quantization_foreign_tensor(const char *tensor_name, enum dtype dtype);

/* Does the list of skipped modules name the module of this tensor? Patterns "re:..." do not count.
 */
bool quantization_skips(const struct quantization *quantization, const char *tensor_name);

#endif
