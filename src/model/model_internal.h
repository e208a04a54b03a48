/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of model/ share. Nothing outside the folder includes this. */
#ifndef MODEL_MODEL_INTERNAL_H
#define MODEL_MODEL_INTERNAL_H

#include "model/model.h"

/* The matrices of a layer, each fused where its input is shared. */
enum layer_linear { LINEAR_QKV, LINEAR_O, LINEAR_GATE_UP, LINEAR_DOWN, LAYER_LINEAR_COUNT };

/* The norm weights of a layer; q and k only where the architecture has them. */
enum layer_norm { NORM_INPUT, NORM_POST_ATTENTION, NORM_Q, NORM_K, LAYER_NORM_COUNT };

struct layer {
    struct linear *linears[LAYER_LINEAR_COUNT]; /* owned */
    const void *norms[LAYER_NORM_COUNT];        /* into model->norms; NULL where there is none */
};

/* One device allocation. */
struct device_block {
    void *address;
    size_t bytes;
};

/* The activation buffers of a step, in the order of their making. */
enum activation {
    ACT_RESIDUAL, /* [tokens][hidden] */
    ACT_HIDDEN,   /* [tokens][hidden]: input of a linear, or what a block adds */
    ACT_QKV,      /* [tokens][(heads + 2 kv_heads) * head_dim] */
    ACT_Q,        /* [tokens][heads * head_dim] */
    ACT_ATTENDED, /* [tokens][heads * head_dim] */
    ACT_GATE_UP,  /* [tokens][2 * intermediate] */
    ACT_MLP,      /* [tokens][intermediate] */
    ACT_CHOSEN,   /* [logit rows][hidden] */
    ACT_COUNT
};

struct model {
    struct model_config config;
    struct model_options options;
    const struct backend_ops *ops;
    struct backend *backend;
    struct kv_cache *kv;
    struct layer *layers;
    struct linear *embedding;
    struct linear *head; /* the embedding itself when tied */
    struct device_block norms;
    const void *final_norm; /* into norms */
    struct device_block rope_table;
    struct device_block activations[ACT_COUNT];
    uint8_t *slot_seen; /* bit a slot: validation of a step finds two tokens with one slot */
};

/* What model_plan_memory and model_load agree on. */
void model_backend_options(const struct model_config *config, const struct model_options *options,
                           struct backend_options *out);
size_t activation_bytes(const struct model_config *config, const struct model_options *options,
                        enum activation which);
/* Number of float32 of all norm weights. */
size_t norm_elements(const struct model_config *config);

/*
 * A matrix from the header alone: scales, bias and read are left NULL. spec points into the plan,
 * which therefore is not copied.
 */
struct weight_plan {
    struct linear_spec spec;
    struct linear_part parts[LINEAR_PARTS_MAX];
    const struct tensor *tensors[LINEAR_PARTS_MAX];
    const struct tensor *biases[LINEAR_PARTS_MAX]; /* NULL where there is none */
    char name[64];
};
octet_status weight_plan_layer(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, int64_t layer,
                               enum layer_linear which, struct weight_plan *out,
                               struct octet_error *err);
octet_status weight_plan_table(const struct checkpoint *checkpoint,
                               const struct model_config *config,
                               const struct model_options *options, bool head,
                               struct weight_plan *out, struct octet_error *err);

/*
 * The tensor of that name and shape; cols 0: a vector of `rows`. OCTET_INPUT naming it when it is
 * missing or misshapen.
 */
octet_status weight_find(const struct checkpoint *checkpoint, const char *name, int64_t rows,
                         int64_t cols, const struct tensor **out, struct octet_error *err);

/* Refuses residencies that the checkpoint cannot give (fp8 without FP8 weights). */
octet_status weights_check_residency(const struct checkpoint *checkpoint,
                                     const struct model_options *options, struct octet_error *err);

/* Read everything into the backend; on failure what was made stays for model_free. */
octet_status weights_load(struct model *model, const struct checkpoint *checkpoint,
                          const struct progress *progress, struct octet_error *err);

/* The operations of a step after its batch was checked. */
octet_status model_forward(struct model *model, const struct step_batch *batch, float *logits,
                           struct octet_error *err);

/* OCTET_USAGE naming the first thing that is out of range. */
octet_status model_check_batch(struct model *model, const struct step_batch *batch,
                               struct octet_error *err);

#endif
