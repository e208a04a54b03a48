/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boundary between the decoder, written once, and a device. The model calls a dozen operations
 * in order over device buffers and never looks inside. A CPU (an operation is a parallel loop) and an
 * NPU (an operation is an asynchronous launch on a stream) both fit. All sizes are known before the
 * first step; nothing is allocated in steady state. One thread drives a backend.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "base/status.h"

/* --dtype: the arithmetic of activations. --weight-dtype: how weights are resident. */
enum activation_dtype { ACTIVATION_BF16, ACTIVATION_F32 };
enum weight_dtype { WEIGHT_AUTO, WEIGHT_FP8, WEIGHT_BF16, WEIGHT_F32 };

/*
 * One step of several sequences. Prefill chunks and decode tokens differ only in how many queries a
 * sequence has. Arrays are the caller's, on the host, unchanged until the step is over.
 */
struct step_batch {
    int32_t token_count;
    const int32_t *token_ids; /* [token_count] */
    const int32_t *positions; /* [token_count] position of each token in its sequence, from 0 */
    const int32_t *slots;     /* [token_count] block_id * block_size + offset: where its K and V go */
    int32_t sequence_count;
    const int32_t *query_start;  /* [sequence_count + 1]: tokens of sequence s are query_start[s] .. query_start[s+1]-1 */
    const int32_t *lengths;      /* [sequence_count] positions in the cache after this step */
    const int32_t *block_tables; /* [sequence_count][block_table_stride] block ids, in order of position */
    int32_t block_table_stride;
    int32_t logit_row_count;
    const int32_t *logit_rows; /* [logit_row_count] indices of tokens whose logits are wanted, ascending */
};

#endif
