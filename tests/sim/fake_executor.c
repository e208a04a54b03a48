/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_executor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t fold_in(uint64_t fold, uint64_t value)
{
    return (fold ^ value) * UINT64_C(0x100000001b3) + (value >> 32);
}

static uint64_t value_of(uint64_t fold, int32_t id, int32_t position)
{
    return mix(fold ^ mix((uint64_t)(uint32_t)id << 32 | (uint32_t)position));
}

uint64_t fake_next_value(uint64_t *fold, int32_t id, int32_t position)
{
    uint64_t value = value_of(*fold, id, position);
    *fold = fold_in(*fold, value);
    return value;
}

uint64_t fake_value(const int32_t *ids, int32_t count)
{
    uint64_t fold = 0, value = 0;
    for (int32_t i = 0; i < count; i++)
        value = fake_next_value(&fold, ids[i], i);
    return value;
}

void fake_logits(uint64_t value, int32_t vocab_size, float *logits)
{
    for (int32_t i = 0; i < vocab_size; i++) {
        uint64_t bits = mix(value + (uint64_t)(uint32_t)i);
        /* Coarse steps, so that ties happen. */
        logits[i] = (float)(int32_t)(bits >> 56) / 32.0F - 4.0F;
    }
}

static bool complain(struct fake_executor *fake, const char *what, int32_t a, int32_t b)
{
    if (!fake->complaint[0])
        snprintf(fake->complaint, sizeof fake->complaint, "step %d: %s (%d, %d)", fake->step_count,
                 what, a, b);
    return false;
}

static bool check_sequence(struct fake_executor *fake, const struct step_batch *batch, int32_t s)
{
    const int32_t *table = batch->block_tables + (size_t)s * (size_t)batch->block_table_stride;
    int32_t first = batch->query_start[s], end = batch->query_start[s + 1];
    if (first >= end || end > batch->token_count)
        return complain(fake, "bad query_start", first, end);
    if (batch->positions[end - 1] != batch->lengths[s] - 1)
        return complain(fake, "length is not the last position + 1", batch->positions[end - 1],
                        batch->lengths[s]);
    for (int32_t t = first; t < end; t++) {
        int32_t position = batch->positions[t];
        if (t > first && position != batch->positions[t - 1] + 1)
            return complain(fake, "positions are not consecutive", t, position);
        if (batch->token_ids[t] < 0 || batch->token_ids[t] >= fake->vocab_size)
            return complain(fake, "token id out of range", t, batch->token_ids[t]);
        int32_t block = position / fake->block_size;
        if (position < 0 || block >= batch->block_table_stride || table[block] < 0 ||
            table[block] >= fake->block_count)
            return complain(fake, "position without block", t, position);
        int32_t slot = table[block] * fake->block_size + position % fake->block_size;
        if (slot != batch->slots[t])
            return complain(fake, "slot is not the table's", slot, batch->slots[t]);
        if (fake->written[slot] == fake->step_count)
            return complain(fake, "slot written twice in a step", t, slot);
        fake->written[slot] = fake->step_count;
    }
    return true;
}

static bool check_batch(struct fake_executor *fake, const struct step_batch *batch)
{
    if (batch->token_count < 1 || batch->token_count > fake->max_tokens)
        return complain(fake, "token_count out of range", batch->token_count, fake->max_tokens);
    if (batch->sequence_count < 1 || batch->sequence_count > fake->max_sequences)
        return complain(fake, "sequence_count out of range", batch->sequence_count,
                        fake->max_sequences);
    if (batch->logit_row_count < 0 || batch->logit_row_count > fake->max_rows)
        return complain(fake, "logit_row_count out of range", batch->logit_row_count,
                        fake->max_rows);
    if (batch->query_start[0] != 0 ||
        batch->query_start[batch->sequence_count] != batch->token_count)
        return complain(fake, "query_start does not cover the tokens", batch->query_start[0],
                        batch->query_start[batch->sequence_count]);
    for (int32_t i = 0; i < batch->logit_row_count; i++) {
        int32_t low = i > 0 ? batch->logit_rows[i - 1] + 1 : 0;
        if (batch->logit_rows[i] < low || batch->logit_rows[i] >= batch->token_count)
            return complain(fake, "logit_rows not ascending or out of range", i,
                            batch->logit_rows[i]);
    }
    for (int32_t s = 0; s < batch->sequence_count; s++) {
        if (!check_sequence(fake, batch, s))
            return false;
    }
    return true;
}

static void compute(struct fake_executor *fake, const struct step_batch *batch, int32_t s,
                    uint64_t *values)
{
    const int32_t *table = batch->block_tables + (size_t)s * (size_t)batch->block_table_stride;
    for (int32_t t = batch->query_start[s]; t < batch->query_start[s + 1]; t++) {
        uint64_t fold = 0;
        for (int32_t j = 0; j < batch->positions[t]; j++)
            fold = fold_in(
                fold,
                fake->kv[table[j / fake->block_size] * fake->block_size + j % fake->block_size]);
        values[t] = value_of(fold, batch->token_ids[t], batch->positions[t]);
        fake->kv[batch->slots[t]] = values[t];
    }
}

static octet_status step(void *context, const struct step_batch *batch, float *logits,
                         struct octet_error *err)
{
    struct fake_executor *fake = context;
    fake->step_count++;
    if (!check_batch(fake, batch))
        return error_set(err, OCTET_USAGE, "fake: %s", fake->complaint);
    if (fake->on_step)
        fake->on_step(fake->on_step_context, batch);
    if (fake->fail_next > 0) {
        fake->fail_next--;
        return error_set(err, OCTET_DEVICE, "fake: the step was told to fail");
    }
    if (fake->delay_us > 0)
        usleep((useconds_t)fake->delay_us);
    for (int32_t s = 0; s < batch->sequence_count; s++)
        compute(fake, batch, s, fake->values);
    for (int32_t i = 0; i < batch->logit_row_count; i++) {
        float *row = logits + (size_t)i * (size_t)fake->vocab_size;
        fake_logits(fake->values[batch->logit_rows[i]], fake->vocab_size, row);
        if (i == fake->nan_row)
            row[fake->vocab_size / 2] = NAN;
    }
    fake->nan_row = -1;
    return OCTET_OK;
}

bool fake_executor_init(struct fake_executor *fake, int32_t vocab_size, int32_t block_size,
                        int32_t block_count, int32_t max_tokens, int32_t max_sequences,
                        int32_t max_rows)
{
    *fake = (struct fake_executor){.vocab_size = vocab_size,
                                   .block_size = block_size,
                                   .block_count = block_count,
                                   .max_tokens = max_tokens,
                                   .max_sequences = max_sequences,
                                   .max_rows = max_rows,
                                   .nan_row = -1};
    size_t slots = (size_t)block_size * (size_t)block_count;
    fake->kv = malloc(slots * sizeof *fake->kv);
    fake->written = calloc(slots, sizeof *fake->written);
    fake->values = calloc((size_t)max_tokens, sizeof *fake->values);
    if (!fake->kv || !fake->written || !fake->values)
        return false;
    memset(fake->kv, 0xa5, slots * sizeof *fake->kv);
    return true;
}

void fake_executor_free(struct fake_executor *fake)
{
    free(fake->values);
    free(fake->written);
    free(fake->kv);
    memset(fake, 0, sizeof *fake);
}

struct executor fake_executor_of(struct fake_executor *fake)
{
    return (struct executor){.context = fake,
                             .vocab_size = fake->vocab_size,
                             .max_batch_tokens = fake->max_tokens,
                             .max_batch_sequences = fake->max_sequences,
                             .max_logit_rows = fake->max_rows,
                             .block_size = fake->block_size,
                             .block_count = fake->block_count,
                             .step = step};
}
