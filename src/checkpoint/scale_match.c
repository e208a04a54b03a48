/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives each tensor its role. The scale of an FP8 weight W is the tensor W_scale_inv or W_scale
 * ("x.weight_scale_inv"); its shape, together with what config.json states, says what one scale
 * covers. All known dialects multiply: value = code * scale.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/safetensors.h"
#include "numeric/fp8.h"
#include "numeric/half.h"

#define NAME_MAX_BYTES 4096

/* Scales of activations, of the KV cache and bounds of them. */
static const char *const activation_suffixes[] = {
    ".input_scale",       ".input_scale_ub",     ".input_scale_inv", ".input_activation_scale",
    ".activation_scale",  ".act_scale",          ".output_scale",    ".input_zero_point",
    ".output_zero_point", ".input_global_scale",
};
static const char *const cache_suffixes[] = {
    ".k_scale",           ".v_scale",       ".q_scale",       ".kv_scale",       ".prob_scale",
    ".prob_output_scale", ".k_cache_scale", ".v_cache_scale", ".kv_cache_scale",
};

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && !strcmp(name + length - tail, suffix);
}

static bool has_any_suffix(const char *name, const char *const *suffixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (has_suffix(name, suffixes[i]))
            return true;
    }
    return false;
}

/* The entry called `name` with `cut` bytes taken off its end and `suffix` put there, or NULL. */
static struct checkpoint_entry *find_related(const struct checkpoint *checkpoint, const char *name,
                                             size_t cut, const char *suffix)
{
    size_t length = strlen(name) - cut, tail = strlen(suffix);
    if (length + tail >= NAME_MAX_BYTES)
        return NULL;
    char related[NAME_MAX_BYTES];
    snprintf(related, sizeof related, "%.*s%s", (int)length, name, suffix);
    const struct tensor *tensor = checkpoint_find(checkpoint, related);
    /* The entries are the checkpoint's own and it is being opened, so they may change. */
    return tensor
               ? &checkpoint->entries[(const struct checkpoint_entry *)tensor - checkpoint->entries]
               : NULL;
}

/* The weight that a scale of this name belongs to, or NULL; *named: the name says "scale". */
static struct checkpoint_entry *weight_of(const struct checkpoint *checkpoint, const char *name,
                                          bool *named)
{
    static const char *const tails[] = {"_scale_inv", "_scale"};
    *named = has_suffix(name, "_scale_inv") || has_suffix(name, ".weight_scale");
    for (size_t i = 0; i < 2; i++) {
        if (has_suffix(name, tails[i]))
            return find_related(checkpoint, name, strlen(tails[i]), "");
    }
    return NULL;
}

/* Rows and columns of the matrices that a weight consists of. */
struct extent {
    uint64_t matrices, rows, cols;
};

static struct extent extent_of(const struct tensor *tensor)
{
    struct extent extent = {1, 1, 1};
    if (tensor->rank >= 1)
        extent.cols = tensor->shape[tensor->rank - 1];
    if (tensor->rank >= 2)
        extent.rows = tensor->shape[tensor->rank - 2];
    for (int i = 0; i + 2 < tensor->rank; i++)
        extent.matrices *= tensor->shape[i]; /* <= elements, which did not overflow */
    return extent;
}

/*
 * Does the scale have shape [leading..., rows, cols], where leading are the weight's own leading
 * dimensions? A scale of rank 4 [r, 1, c, 1] is ModelOpt's writing of [r, c].
 */
static bool shape_is(const struct tensor *scale, const struct tensor *weight, uint64_t rows,
                     uint64_t cols)
{
    if (scale->rank == 4 && weight->rank == 2)
        return scale->shape[0] == rows && scale->shape[1] == 1 && scale->shape[2] == cols &&
               scale->shape[3] == 1;
    if (scale->rank != weight->rank || weight->rank < 2)
        return false;
    for (int i = 0; i + 2 < weight->rank; i++) {
        if (scale->shape[i] != weight->shape[i])
            return false;
    }
    return scale->shape[weight->rank - 2] == rows && scale->shape[weight->rank - 1] == cols;
}

static void set_layout(struct weight_scale *out, enum scale_kind kind, struct extent extent,
                       uint64_t block_rows, uint64_t block_cols)
{
    out->kind = kind;
    out->matrices = extent.matrices;
    out->block_rows = block_rows;
    out->block_cols = block_cols;
    out->grid_rows = div_ceil_u64(extent.rows, block_rows);
    out->grid_cols = div_ceil_u64(extent.cols, block_cols);
}

static bool match_block(const struct tensor *weight, const struct tensor *scale, uint64_t rows,
                        uint64_t cols, struct weight_scale *out)
{
    struct extent extent = extent_of(weight);
    if (!shape_is(scale, weight, div_ceil_u64(extent.rows, rows), div_ceil_u64(extent.cols, cols)))
        return false;
    set_layout(out, SCALE_BLOCK, extent, rows, cols);
    return true;
}

/* One scale a row: [rows] or [rows, 1]; also one a column [1, cols] of a transposed weight. */
static bool match_row(const struct tensor *weight, const struct tensor *scale,
                      struct weight_scale *out)
{
    struct extent extent = extent_of(weight);
    bool flat = weight->rank == 2 && scale->rank == 1 && scale->shape[0] == extent.rows;
    if (flat || shape_is(scale, weight, extent.rows, 1)) {
        set_layout(out, SCALE_ROW, extent, 1, extent.cols);
        return true;
    }
    if (weight->rank > 2 && shape_is(scale, weight, 1, extent.cols)) {
        set_layout(out, SCALE_BLOCK, extent, extent.rows, 1);
        return true;
    }
    return false;
}

static bool match_tensor(const struct tensor *weight, const struct tensor *scale,
                         struct weight_scale *out)
{
    struct extent extent = extent_of(weight);
    if (scale->elements == 1) { /* for all matrices together: they are one tall matrix */
        struct extent whole = {1, extent.matrices * extent.rows, extent.cols};
        set_layout(out, SCALE_TENSOR, whole, whole.rows, whole.cols);
        return true;
    }
    bool each = weight->rank > 2 && scale->elements == extent.matrices &&
                (scale->rank == 1 || shape_is(scale, weight, 1, 1));
    if (each)
        set_layout(out, SCALE_BLOCK, extent, extent.rows, extent.cols);
    return each;
}

/*
 * The layout that config.json states comes first; where it states none, or one that cannot hold
 * for this tensor, the shape decides between the unambiguous ones.
 */
static bool match_layout(const struct quantization *stated, const struct tensor *weight,
                         const struct tensor *scale, struct weight_scale *out)
{
    if (stated->allow_block)
        return match_block(weight, scale, stated->block_rows, stated->block_cols, out) ||
               (stated->allow_row && match_row(weight, scale, out)) ||
               (stated->allow_tensor && match_tensor(weight, scale, out));
    return match_tensor(weight, scale, out) || match_row(weight, scale, out) ||
           match_block(weight, scale, 128, 128, out);
}

static octet_status refuse_shape(const struct checkpoint *checkpoint, const struct tensor *weight,
                                 const struct tensor *scale, struct octet_error *err)
{
    const struct quantization *stated = &checkpoint->quantization;
    char got[SAFETENSORS_SHAPE_TEXT], of[SAFETENSORS_SHAPE_TEXT], want[128];
    struct extent extent = extent_of(weight);
    uint64_t block_rows = stated->allow_block ? stated->block_rows : 128;
    uint64_t block_cols = stated->allow_block ? stated->block_cols : 128;
    uint64_t rows = div_ceil_u64(extent.rows, block_rows);
    uint64_t cols = div_ceil_u64(extent.cols, block_cols);
    if (stated->allow_block)
        snprintf(want, sizeof want, "[%" PRIu64 ", %" PRIu64 "] for blocks of %" PRIu64 "x%" PRIu64,
                 rows, cols, block_rows, block_cols);
    else
        snprintf(want, sizeof want,
                 "one scale, or [%" PRIu64 ", 1] for one a row, or [%" PRIu64 ", %" PRIu64
                 "] for blocks of 128x128",
                 extent.rows, rows, cols);
    bool transposed =
        weight->rank == 2 && scale->rank == 2 &&
        ((scale->shape[0] == cols && scale->shape[1] == rows) ||
         (!stated->allow_block && scale->shape[0] == 1 && scale->shape[1] == extent.rows));
    return error_set(err, OCTET_INPUT,
                     "%s: the scale '%s' has shape %s, but '%s' of shape %s needs %s%s; %s",
                     checkpoint_tensor_path(checkpoint, scale), scale->name,
                     tensor_shape_text(scale, got), weight->name, tensor_shape_text(weight, of),
                     want, transposed ? " (the grid found is the transposed one)" : "",
                     transposed ? "transpose the scale, or download the checkpoint again"
                                : "correct weight_block_size in config.json, or download the "
                                  "checkpoint again");
}

static bool scale_dtype(enum dtype dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_BF16 || dtype == DTYPE_F16 ||
           dtype == DTYPE_F8_E8M0;
}

/* Find, check and attach the scale of one FP8 weight. */
static octet_status attach_scale(struct checkpoint *checkpoint, struct checkpoint_entry *entry,
                                 struct octet_error *err)
{
    const struct tensor *weight = &entry->tensor;
    const char *path = checkpoint_tensor_path(checkpoint, weight);
    struct checkpoint_entry *inverse = find_related(checkpoint, weight->name, 0, "_scale_inv");
    struct checkpoint_entry *plain = find_related(checkpoint, weight->name, 0, "_scale");
    struct checkpoint_entry *scale = inverse ? inverse : plain;
    if (!scale)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' is F8_E4M3 but has no scale: expected '%s_scale_inv' or "
                         "'%s_scale'; download the checkpoint again, a file of it is missing",
                         path, weight->name, weight->name, weight->name);
    if (inverse && plain)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' has two scales, '%s' and '%s', expected one; remove the "
                         "one that does not belong to it",
                         path, weight->name, inverse->tensor.name, plain->tensor.name);
    if (!scale_dtype(scale->tensor.dtype))
        return error_set(err, OCTET_INPUT,
                         "%s: the scale '%s' is %s, expected F32, BF16, F16 or F8_E8M0; download "
                         "the checkpoint again",
                         checkpoint_tensor_path(checkpoint, &scale->tensor), scale->tensor.name,
                         dtype_name(scale->tensor.dtype));
    if (weight->elements == 0)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' is F8_E4M3 without elements, expected a matrix; download "
                         "the checkpoint again",
                         path, weight->name);
    if (!match_layout(&checkpoint->quantization, weight, &scale->tensor, &entry->scale))
        return refuse_shape(checkpoint, weight, &scale->tensor, err);
    entry->scale.tensor = &scale->tensor;
    entry->role = ROLE_FP8;
    scale->role = ROLE_SCALE;
    return OCTET_OK;
}

/* A tensor whose name says that it scales a weight, which no FP8 weight has claimed. */
static octet_status refuse_stray_scale(const struct checkpoint *checkpoint,
                                       const struct tensor *scale,
                                       const struct checkpoint_entry *weight,
                                       struct octet_error *err)
{
    const char *path = checkpoint_tensor_path(checkpoint, scale);
    if (!weight)
        return error_set(err, OCTET_INPUT,
                         "%s: the scale '%s' has no FP8 weight beside it; download the checkpoint "
                         "again, a file of it is missing",
                         path, scale->name);
    enum dtype dtype = weight->tensor.dtype;
    if (dtype == DTYPE_I8 || dtype == DTYPE_U8 || dtype == DTYPE_I32)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: tensor '%s' is %s with a scale, a quantisation to integers or 4-bit "
                         "floats that octet does not read; use an FP8 E4M3 or BF16 checkpoint",
                         path, weight->tensor.name, dtype_name(dtype));
    return error_set(err, OCTET_INPUT,
                     "%s: the scale '%s' belongs to '%s', which is %s, expected F8_E4M3; remove "
                     "the scale if the weight is already dequantised, or download the checkpoint "
                     "again",
                     path, scale->name, weight->tensor.name, dtype_name(dtype));
}

static octet_status classify(struct checkpoint *checkpoint, struct checkpoint_entry *entry,
                             bool quantized, size_t dropped[2], struct octet_error *err)
{
    const struct tensor *tensor = &entry->tensor;
    if (entry->role != ROLE_PLAIN)
        return OCTET_OK;
    size_t acts = sizeof activation_suffixes / sizeof *activation_suffixes;
    size_t caches = sizeof cache_suffixes / sizeof *cache_suffixes;
    bool activation = has_any_suffix(tensor->name, activation_suffixes, acts);
    if (quantized && (activation || has_any_suffix(tensor->name, cache_suffixes, caches))) {
        entry->role = ROLE_DROPPED;
        dropped[activation ? 0 : 1]++;
        return OCTET_OK;
    }
    bool named;
    const struct checkpoint_entry *weight = weight_of(checkpoint, tensor->name, &named);
    if (named || tensor->dtype == DTYPE_F8_E8M0)
        return refuse_stray_scale(checkpoint, tensor, weight, err);
    return OCTET_OK;
}

static octet_status refuse_foreign(const struct checkpoint *checkpoint, const struct tensor *tensor,
                                   struct octet_error *err)
{
    const char *path = checkpoint_tensor_path(checkpoint, tensor);
    const char *foreign = quantization_foreign_tensor(tensor->name, tensor->dtype);
    if (foreign)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: tensor '%s' belongs to a quantisation with %s, which octet does not "
                         "read; use an FP8 E4M3 or BF16 checkpoint",
                         path, tensor->name, foreign);
    if (tensor->dtype == DTYPE_F8_E5M2)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: tensor '%s' is F8_E5M2; octet reads FP8 as F8_E4M3: use such a "
                         "checkpoint",
                         path, tensor->name);
    return OCTET_OK;
}

static octet_status note_dropped(struct checkpoint *checkpoint, const size_t dropped[2], size_t fp8,
                                 size_t skipped, struct octet_error *err)
{
    if (dropped[0])
        RETURN_IF_ERROR(checkpoint_add_note(
            checkpoint, err, "%zu activation scale%s ignored: activations are not quantised here",
            dropped[0], dropped[0] == 1 ? "" : "s"));
    if (dropped[1] || checkpoint->quantization.kv_cache)
        RETURN_IF_ERROR(checkpoint_add_note(
            checkpoint, err, "%zu KV-cache scale%s ignored: the cache is not quantised here",
            dropped[1], dropped[1] == 1 ? "" : "s"));
    if (skipped)
        RETURN_IF_ERROR(checkpoint_add_note(
            checkpoint, err,
            "%zu FP8 tensor%s of modules that config.json lists as not converted: used with %s "
            "scale",
            skipped, skipped == 1 ? "" : "s", skipped == 1 ? "its" : "their"));
    if (fp8 && !checkpoint->quantization.stated)
        RETURN_IF_ERROR(checkpoint_add_note(checkpoint, err,
                                            "config.json states no quantisation: the layout of the "
                                            "scales was taken from their shapes"));
    if (!fp8 && checkpoint->quantization.stated)
        RETURN_IF_ERROR(checkpoint_add_note(
            checkpoint, err, "config.json states quantisation %s, but no tensor is FP8",
            checkpoint->quantization.method));
    return OCTET_OK;
}

/* "fp8 (block 128x128, weight_scale_inv BF16)" from the first FP8 tensor of each layout. */
static octet_status describe(struct checkpoint *checkpoint, struct octet_error *err)
{
    static const char *const kinds[] = {"", "per tensor", "per row", "block"};
    struct buffer text;
    buffer_init(&text, 512);
    buffer_append_str(&text, checkpoint->quantization.method);
    unsigned seen = 0;
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_entry *entry = &checkpoint->entries[i];
        unsigned bit = 1u << entry->scale.kind;
        if (entry->role != ROLE_FP8 || seen & bit)
            continue;
        buffer_append_str(&text, seen ? "; " : " (");
        seen |= bit;
        buffer_append_str(&text, kinds[entry->scale.kind]);
        if (entry->scale.kind == SCALE_BLOCK)
            buffer_printf(&text, " %" PRIu64 "x%" PRIu64, entry->scale.block_rows,
                          entry->scale.block_cols);
        buffer_printf(&text, ", %s %s",
                      has_suffix(entry->scale.tensor->name, "_scale_inv") ? "weight_scale_inv"
                                                                          : "weight_scale",
                      dtype_name(entry->scale.tensor->dtype));
    }
    if (seen)
        buffer_append_char(&text, ')');
    if (seen && !checkpoint->quantization.stated) {
        char *inferred = buffer_take(&text, NULL);
        buffer_printf(&text, "fp8%s", inferred ? inferred + strlen("none") : "");
        free(inferred);
    }
    checkpoint->quantization_text = arena_strdup(&checkpoint->arena, buffer_text(&text));
    bool failed = buffer_failed(&text) || !checkpoint->quantization_text;
    buffer_free(&text);
    return failed ? error_memory(err, "description", 512) : OCTET_OK;
}

octet_status scale_match(struct checkpoint *checkpoint, struct octet_error *err)
{
    size_t fp8 = 0, skipped = 0, dropped[2] = {0, 0};
    for (size_t i = 0; i < checkpoint->count; i++) {
        struct checkpoint_entry *entry = &checkpoint->entries[i];
        RETURN_IF_ERROR(refuse_foreign(checkpoint, &entry->tensor, err));
        if (entry->tensor.dtype != DTYPE_F8_E4M3)
            continue;
        RETURN_IF_ERROR(attach_scale(checkpoint, entry, err));
        fp8++;
        skipped += quantization_skips(&checkpoint->quantization, entry->tensor.name);
    }
    bool quantized = fp8 != 0 || checkpoint->quantization.stated;
    for (size_t i = 0; i < checkpoint->count; i++)
        RETURN_IF_ERROR(classify(checkpoint, &checkpoint->entries[i], quantized, dropped, err));
    for (size_t i = 0; i < checkpoint->count; i++) {
        float *scales = NULL;
        if (checkpoint->entries[i].role != ROLE_FP8)
            continue;
        RETURN_IF_ERROR(
            checkpoint_read_scales(checkpoint, &checkpoint->entries[i].tensor, &scales, err));
        free(scales);
    }
    RETURN_IF_ERROR(note_dropped(checkpoint, dropped, fp8, skipped, err));
    return describe(checkpoint, err);
}

static float scale_value(const unsigned char *raw, enum dtype dtype, size_t index)
{
    uint32_t wide;
    uint16_t half;
    switch (dtype) {
    case DTYPE_F32:
        memcpy(&wide, raw + 4 * index, sizeof wide);
        return f32_from_bits(wide);
    case DTYPE_BF16:
        memcpy(&half, raw + 2 * index, sizeof half);
        return bf16_to_f32(half);
    case DTYPE_F16:
        memcpy(&half, raw + 2 * index, sizeof half);
        return f16_to_f32(half);
    default:
        return fp8_e8m0_to_f32(raw[index]);
    }
}

static octet_status check_scale(const struct checkpoint *checkpoint, const struct tensor *weight,
                                const struct weight_scale *scale, uint64_t index, float value,
                                struct octet_error *err)
{
    if (value > 0 && isfinite(value))
        return OCTET_OK;
    uint64_t row = index / scale->grid_cols, col = index % scale->grid_cols;
    const char *what = isnan(value)   ? "NaN"
                       : isinf(value) ? "infinite"
                       : value == 0   ? "zero"
                                      : "negative";
    return error_set(
        err, OCTET_INPUT,
        "%s: the scale '%s' is %s (%g) at row %" PRIu64 ", column %" PRIu64 " of its %" PRIu64
        "x%" PRIu64 " grid, expected a positive number; the weights of '%s' are damaged: download "
        "the checkpoint again",
        checkpoint_tensor_path(checkpoint, scale->tensor), scale->tensor->name, what, (double)value,
        row, col, scale->matrices * scale->grid_rows, scale->grid_cols, weight->name);
}

octet_status checkpoint_read_scales(const struct checkpoint *checkpoint,
                                    const struct tensor *tensor, float **out,
                                    struct octet_error *err)
{
    *out = NULL;
    const struct weight_scale *scale = checkpoint_scale(checkpoint, tensor);
    if (scale->kind == SCALE_NONE)
        return error_set(err, OCTET_USAGE, "tensor '%s' is %s and has no scale", tensor->name,
                         dtype_name(tensor->dtype));
    uint64_t count = scale->tensor->elements;
    uint64_t bytes = count; /* elements * 4 may overflow only where the file would be that large */
    if (!checked_mul_u64(count, sizeof(float), &bytes) || bytes > SIZE_MAX / 2)
        return error_memory(err, "scales", SIZE_MAX);
    float *values = malloc((size_t)bytes);
    if (!values)
        return error_memory(err, "scales", (size_t)bytes);
    /* The raw scales lie in the upper end of the array, so widening them forwards is safe. */
    unsigned char *raw = (unsigned char *)values + (bytes - scale->tensor->bytes);
    octet_status status =
        checkpoint_read(checkpoint, scale->tensor, 0, raw, scale->tensor->bytes, err);
    for (uint64_t i = 0; i < count && status == OCTET_OK; i++) {
        float value = scale_value(raw, scale->tensor->dtype, (size_t)i);
        status = check_scale(checkpoint, tensor, scale, i, value, err);
        memcpy(&values[i], &value, sizeof value);
    }
    if (status != OCTET_OK) {
        free(values);
        return status;
    }
    *out = values;
    return OCTET_OK;
}
