/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch is checked whole before anything is written, so that a mistake of the scheduler is a
 * message and not a stray write into another sequence's cache.
 */
#include "model/model_internal.h"

static octet_status out_of_range(struct octet_error *err, const char *what, int32_t index,
                                 int64_t found, int64_t least, int64_t most)
{
    return error_set(err, OCTET_USAGE, "step: %s %d is %lld, expected %lld to %lld", what, index,
                     (long long)found, (long long)least, (long long)most);
}

static octet_status check_counts(const struct model *model, const struct step_batch *batch,
                                 struct octet_error *err)
{
    const struct model_options *options = &model->options;
    const struct {
        const char *name;
        int64_t value, least, most;
    } counts[] = {
        {"token_count", batch->token_count, 1, options->max_batch_tokens},
        {"sequence_count", batch->sequence_count, 1, options->max_batch_sequences},
        {"logit_row_count", batch->logit_row_count, 0, options->max_logit_rows},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].value < counts[i].least || counts[i].value > counts[i].most)
            return error_set(err, OCTET_USAGE, "step: %s is %lld, expected %lld to %lld",
                             counts[i].name, (long long)counts[i].value, (long long)counts[i].least,
                             (long long)counts[i].most);
    for (int32_t i = 0; i < batch->logit_row_count; i++) {
        int64_t least = i ? (int64_t)batch->logit_rows[i - 1] + 1 : 0;
        if (batch->logit_rows[i] < least || batch->logit_rows[i] >= batch->token_count)
            return out_of_range(err, "logit row", i, batch->logit_rows[i], least,
                                batch->token_count - 1);
    }
    return OCTET_OK;
}

/* The blocks that hold a sequence's positions exist, and its tokens end it, in order, in their
 * slots. */
static octet_status check_sequence(const struct model *model, const struct step_batch *batch,
                                   int32_t sequence, struct octet_error *err)
{
    const struct model_options *options = &model->options;
    int32_t begin = batch->query_start[sequence], end = batch->query_start[sequence + 1];
    int32_t length = batch->lengths[sequence], size = options->block_size;
    if (end <= begin || end > batch->token_count)
        return out_of_range(err, "query_start", sequence + 1, end, (int64_t)begin + 1,
                            batch->token_count);
    if (length < end - begin || length > options->max_model_len)
        return out_of_range(err, "length of sequence", sequence, length, end - begin,
                            options->max_model_len);
    int32_t blocks = (length - 1) / size + 1;
    if (blocks > batch->block_table_stride)
        return out_of_range(err, "block count of sequence", sequence, blocks, 1,
                            batch->block_table_stride);
    const int32_t *table = batch->block_tables + (int64_t)sequence * batch->block_table_stride;
    for (int32_t i = 0; i < blocks; i++)
        if (table[i] < 0 || table[i] >= options->block_count)
            return out_of_range(err, "block of sequence", sequence, table[i], 0,
                                options->block_count - 1);
    for (int32_t i = begin; i < end; i++) {
        int32_t position = length - (end - i);
        int64_t slot = (int64_t)table[position / size] * size + position % size;
        if (batch->positions[i] != position)
            return out_of_range(err, "position of token", i, batch->positions[i], position,
                                position);
        if (batch->slots[i] != slot)
            return out_of_range(err, "slot of token", i, batch->slots[i], slot, slot);
        if (batch->token_ids[i] < 0 || batch->token_ids[i] >= model->config.vocab_size)
            return out_of_range(err, "id of token", i, batch->token_ids[i], 0,
                                model->config.vocab_size - 1);
    }
    return OCTET_OK;
}

/* Two tokens that write one slot would race. */
static octet_status check_slots(struct model *model, const struct step_batch *batch,
                                struct octet_error *err)
{
    octet_status status = OCTET_OK;
    int32_t marked = 0;
    for (; marked < batch->token_count; marked++) {
        uint32_t slot = (uint32_t)batch->slots[marked];
        uint8_t bit = (uint8_t)(1u << slot % 8);
        if (model->slot_seen[slot / 8] & bit) {
            status = error_set(err, OCTET_USAGE,
                               "step: token %d writes slot %u, which another "
                               "token of the step writes",
                               marked, slot);
            break;
        }
        model->slot_seen[slot / 8] |= bit;
    }
    for (int32_t i = 0; i < marked; i++)
        model->slot_seen[(uint32_t)batch->slots[i] / 8] = 0;
    return status;
}

octet_status model_check_batch(struct model *model, const struct step_batch *batch,
                               struct octet_error *err)
{
    RETURN_IF_ERROR(check_counts(model, batch, err));
    if (batch->query_start[0] != 0)
        return out_of_range(err, "query_start", 0, batch->query_start[0], 0, 0);
    for (int32_t i = 0; i < batch->sequence_count; i++)
        RETURN_IF_ERROR(check_sequence(model, batch, i, err));
    if (batch->query_start[batch->sequence_count] != batch->token_count)
        return out_of_range(err, "query_start", batch->sequence_count,
                            batch->query_start[batch->sequence_count], batch->token_count,
                            batch->token_count);
    return check_slots(model, batch, err);
}
