/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An executor without a model. It keeps a KV pool of its own, one number a slot, and the logits of
 * a position are a hash of what it reads through the block table at every position up to it. A slot
 * that was written wrongly, overwritten or looked up in the wrong block changes the text.
 */
#ifndef SIM_FAKE_EXECUTOR_H
#define SIM_FAKE_EXECUTOR_H

#include "engine/executor.h"

struct fake_executor {
    int32_t vocab_size, block_size, block_count;
    int32_t max_tokens, max_sequences, max_rows;
    uint64_t *kv;     /* [block_count * block_size] */
    int32_t *written; /* [block_count * block_size] number of the step that wrote the slot */
    uint64_t *values; /* [max_tokens] of the present step */
    int32_t step_count;
    int32_t delay_us;    /* a step takes this long */
    int fail_next;       /* so many next steps answer OCTET_DEVICE */
    int32_t nan_row;     /* this row of the next step is NaN; -1: none */
    char complaint[256]; /* what was wrong with a batch; "" while all was right */
    /* Called before a step is computed; NULL: nobody. */
    void (*on_step)(void *context, const struct step_batch *batch);
    void *on_step_context;
};

bool fake_executor_init(struct fake_executor *fake, int32_t vocab_size, int32_t block_size,
                        int32_t block_count, int32_t max_tokens, int32_t max_sequences,
                        int32_t max_rows);
void fake_executor_free(struct fake_executor *fake);
struct executor fake_executor_of(struct fake_executor *fake);

/* The definition: the number at position `count - 1` of these ids, and logits from a number. */
uint64_t fake_value(const int32_t *ids, int32_t count);
/* The same, one position at a time: *fold starts at 0. */
uint64_t fake_next_value(uint64_t *fold, int32_t id, int32_t position);
void fake_logits(uint64_t value, int32_t vocab_size, float *logits);

#endif
