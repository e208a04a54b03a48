/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "engine/scheduler.h"

octet_status batch_buffers_init(struct batch_buffers *buffers,
                                const struct scheduler_limits *limits, int32_t block_size,
                                struct octet_error *err)
{
    memset(buffers, 0, sizeof *buffers);
    size_t tokens = (size_t)limits->max_num_batched_tokens;
    size_t seqs = (size_t)limits->max_num_seqs;
    size_t rows = (size_t)limits->max_logit_rows;
    size_t stride = div_ceil_size((size_t)limits->max_model_len, (size_t)block_size);
    size_t table_count = 0;
    if (!checked_mul_size(seqs, stride, &table_count))
        return error_set(err, OCTET_LIMIT, "max_num_seqs x max_model_len is too large");
    buffers->token_ids = calloc(tokens, sizeof(int32_t));
    buffers->positions = calloc(tokens, sizeof(int32_t));
    buffers->slots = calloc(tokens, sizeof(int32_t));
    buffers->query_start = calloc(seqs + 1, sizeof(int32_t));
    buffers->lengths = calloc(seqs, sizeof(int32_t));
    buffers->block_tables = calloc(table_count, sizeof(int32_t));
    buffers->logit_rows = calloc(rows, sizeof(int32_t));
    if (!buffers->token_ids || !buffers->positions || !buffers->slots || !buffers->query_start ||
        !buffers->lengths || !buffers->block_tables || !buffers->logit_rows) {
        batch_buffers_free(buffers);
        return error_memory(err, "step buffers", table_count * sizeof(int32_t));
    }
    buffers->batch = (struct step_batch){
        .token_ids = buffers->token_ids,
        .positions = buffers->positions,
        .slots = buffers->slots,
        .query_start = buffers->query_start,
        .lengths = buffers->lengths,
        .block_tables = buffers->block_tables,
        .block_table_stride = (int32_t)stride,
        .logit_rows = buffers->logit_rows,
    };
    return OCTET_OK;
}

void batch_buffers_free(struct batch_buffers *buffers)
{
    free(buffers->logit_rows);
    free(buffers->block_tables);
    free(buffers->lengths);
    free(buffers->query_start);
    free(buffers->slots);
    free(buffers->positions);
    free(buffers->token_ids);
    memset(buffers, 0, sizeof *buffers);
}

void batch_buffers_fill(struct batch_buffers *buffers, const struct plan *plan, int32_t block_size)
{
    struct step_batch *batch = &buffers->batch;
    int32_t token = 0, row = 0;
    for (int32_t s = 0; s < plan->entry_count; s++) {
        const struct plan_entry *entry = &plan->entries[s];
        const struct sequence *sequence = entry->sequence;
        buffers->query_start[s] = token;
        for (int32_t i = 0; i < entry->count; i++, token++) {
            int32_t position = entry->start + i;
            buffers->token_ids[token] = sequence->tokens[position];
            buffers->positions[token] = position;
            buffers->slots[token] =
                sequence->blocks[position / block_size] * block_size + position % block_size;
        }
        for (int32_t i = entry->row_count; i > 0; i--)
            buffers->logit_rows[row++] = token - i;
        buffers->lengths[s] = entry->start + entry->count;
        memcpy(buffers->block_tables + (size_t)s * (size_t)batch->block_table_stride,
               sequence->blocks, (size_t)sequence->block_count * sizeof(int32_t));
    }
    buffers->query_start[plan->entry_count] = token;
    batch->token_count = token;
    batch->sequence_count = plan->entry_count;
    batch->logit_row_count = row;
}
