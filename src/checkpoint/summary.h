/* SPDX-License-Identifier: Apache-2.0 */
/* What `octet inspect` says of a checkpoint, as data: from the headers alone. */
#ifndef CHECKPOINT_SUMMARY_H
#define CHECKPOINT_SUMMARY_H

#include "checkpoint/checkpoint.h"

#define SUMMARY_LAYOUTS_MAX 16

struct summary_dtype {
    size_t tensors;
    uint64_t elements, bytes;
};

/* FP8 weights whose scales look alike. */
struct summary_layout {
    enum scale_kind kind;
    uint64_t block_rows, block_cols; /* SCALE_BLOCK */
    enum dtype dtype;                /* of the scales */
    const char *suffix;              /* "weight_scale_inv", "weight_scale"; static text */
    size_t tensors;
    uint64_t scales;
};

struct checkpoint_summary {
    const struct checkpoint *checkpoint; /* borrowed, as are the texts below */
    const char *architecture;            /* first of "architectures", or model_type, or "unknown" */
    const char *model_type;              /* "" where absent */
    bool runs;         /* octet has a decoder for it, and config.json is complete */
    char why_not[512]; /* the sentence, where it does not run */
    /* -1 where config.json does not say; a sub-model's ("text_config") where there is one */
    int64_t layers, hidden_size, intermediate_size, heads, kv_heads, head_dim, vocab_size;
    int64_t max_position_embeddings, experts;
    int tied;                 /* 1 tied, 0 own head, -1 not stated */
    const char *quantization; /* as checkpoint_quantization() */
    const char *becomes;      /* what octet makes of it; static text */
    size_t files, tensors;
    uint64_t file_bytes;
    uint64_t parameters;      /* elements of all tensors but scales */
    uint64_t converted_bytes; /* of all tensors in BF16 form, as `octet convert` writes them */
    struct summary_dtype dtypes[DTYPE_COUNT];
    size_t weights_fp8, scales, dropped, plain; /* tensors by role */
    struct summary_layout layouts[SUMMARY_LAYOUTS_MAX];
    size_t layout_count;
};

void checkpoint_summarize(const struct checkpoint *checkpoint, struct checkpoint_summary *out);

/* "block 128x128", "per row", "per tensor". out holds 64 bytes and is returned. */
const char *summary_layout_text(const struct summary_layout *layout, char *out);

/* The same as JSON, a new reference; NULL when out of memory. Unknown numbers are null. */
struct json *checkpoint_summary_json(const struct checkpoint_summary *summary);

#endif
