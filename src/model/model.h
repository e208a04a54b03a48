/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder (Qwen3, Qwen2, Llama), written once over backend.h. Weights are read from a
 * checkpoint straight into the backend's packed form; the KV pool is made once. One thread drives a
 * model.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "backend/backend.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/model_config.h"

struct model;

struct model_options {
    enum activation_dtype dtype;
    enum weight_dtype weight_dtype;
    int threads; /* >= 1 */
    int32_t
        ranks; /* tensor parallel size, for planning: 0 and 1 are one rank. model_load takes one */
    const char *cpu_mask;     /* instruction sets to use (cpu/features.h); NULL: all */
    int32_t max_model_len;    /* RoPE tables and attention scratch reach this far */
    int32_t max_batch_tokens; /* most tokens a step */
    int32_t max_batch_sequences;
    int32_t max_logit_rows; /* most rows of logits a step */
    int32_t block_size;     /* positions a KV block holds */
    int32_t block_count;    /* blocks of the KV pool */
};

/* Bytes that a model will take, from the header alone: nothing is loaded. With several ranks, what
 * the first of them takes; OCTET_USAGE naming the valid sizes when the model cannot be split so. */
struct model_memory {
    uint64_t weights;      /* resident, packed, scales included */
    uint64_t kv_per_block; /* K and V of all layers for one block */
    uint64_t activations;  /* scratch of a step and RoPE tables */
};
octet_status model_plan_memory(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, struct model_memory *out,
                               struct octet_error *err);

/*
 * Load. Names -> roles; missing, extra or misshapen tensors are OCTET_INPUT naming tensor, found,
 * expected, and so are NaN codes and bad scales, found on the way. A checkpoint may gain a note (a
 * tied head that is stored as well), so no other thread uses it meanwhile. Progress counts bytes
 * read. Also OCTET_UNSUPPORTED, OCTET_USAGE for options out of range, OCTET_MEMORY, OCTET_IO,
 * OCTET_CANCELLED.
 */
octet_status model_load(struct checkpoint *checkpoint, const struct model_config *config,
                        const struct model_options *options, const struct progress *progress,
                        struct model **out, struct octet_error *err);
void model_free(struct model *model);

/*
 * One step. logits: [batch->logit_row_count][vocab_size] float32 on the host, the caller's.
 * Out-of-range ids, positions, slots or counts are OCTET_USAGE and touch nothing.
 */
octet_status model_step(struct model *model, const struct step_batch *batch, float *logits,
                        struct octet_error *err);

#endif
