/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine needs of a model: one step over a mixed batch. model/ implements it over a
 * backend; tests/sim by a fake. The engine thread alone calls it.
 */
#ifndef ENGINE_EXECUTOR_H
#define ENGINE_EXECUTOR_H

#include "model/model.h"

struct executor {
    void *context;
    int32_t vocab_size;
    int32_t max_batch_tokens; /* most tokens of one step */
    int32_t max_batch_sequences;
    int32_t max_logit_rows; /* most rows of logits of one step */
    int32_t block_size;     /* positions a KV block holds */
    int32_t block_count;    /* blocks in the pool; block ids are 0..block_count-1 */
    /*
     * Run one step and write the logits of the rows that batch->logit_rows names, in that order:
     * logits[logit_row_count][vocab_size], float32.
     */
    octet_status (*step)(void *context, const struct step_batch *batch, float *logits,
                         struct octet_error *err);
};

#endif
