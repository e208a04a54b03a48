/* SPDX-License-Identifier: Apache-2.0 */
/* The look-up of merges by their pair, shared by the loader and the encoder. */
#ifndef TOKENIZER_BPE_TABLE_H
#define TOKENIZER_BPE_TABLE_H

#include "tokenizer/bpe.h"

static inline uint32_t bpe_table_slot(const struct bpe *bpe, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(key >> 32 ^ key >> 13) & bpe->slot_mask;
}

/* NULL when the pair has no merge. */
static inline const struct bpe_merge *bpe_table_find(const struct bpe *bpe, int32_t left,
                                                     int32_t right)
{
    for (uint32_t slot = bpe_table_slot(bpe, left, right);; slot = (slot + 1) & bpe->slot_mask) {
        const struct bpe_merge *merge = &bpe->merges[slot];
        if (merge->left == left && merge->right == right)
            return merge;
        if (merge->left < 0)
            return NULL;
    }
}

#endif
