/* SPDX-License-Identifier: Apache-2.0 */
/* From the logits of a step to tokens that can be read. */
#include "engine/engine_internal.h"

static bool stops(const struct request *request, int32_t id)
{
    for (size_t i = 0; i < request->stop_id_count; i++) {
        if (request->stop_ids[i] == id)
            return true;
    }
    return false;
}

/* A token was appended: make it readable, and end the request where this was its last. */
static void deliver(struct engine *engine, struct request *request, int32_t id)
{
    struct sequence *sequence = &request->sequence;
    engine->counts.generated_tokens++;
    if (stops(request, id)) {
        engine_finish(engine, request, FINISH_STOP, id, NULL);
    } else if (sequence->token_count == sequence->capacity) {
        engine_finish(engine, request, FINISH_LENGTH, -1, NULL);
    } else if (kv_blocks_needed(&engine->pool, sequence->token_count) > engine->pool.block_count) {
        struct octet_error err;
        error_set(&err, OCTET_LIMIT,
                  "the KV cache holds %d positions in all and this request has reached them; give "
                  "it more memory or ask for fewer tokens",
                  engine->pool.block_count * engine->pool.block_size);
        engine_finish(engine, request, FINISH_ERROR, -1, &err);
    } else {
        request_publish(request, engine_now(engine));
    }
}

/* What the constraint allows beside allowed_ids. NULL: everything. */
static const uint32_t *allowed_now(struct engine *engine, struct request *request)
{
    uint32_t *bits = engine->mask_bits;
    if (!request->constraint || !constraint_mask(request->constraint, bits))
        return request->allowed_bits;
    if (request->allowed_bits) {
        int32_t words = (engine->executor.vocab_size + 31) / 32;
        for (int32_t i = 0; i < words; i++)
            bits[i] &= request->allowed_bits[i];
    }
    return bits;
}

static bool is_masked_id(const struct request *request, int32_t id)
{
    for (size_t i = 0; i < request->masked_id_count; i++) {
        if (request->masked_ids[i] == id)
            return true;
    }
    return false;
}

/* The constraint leaves only ids that min_tokens forbids: the text has to end here. */
static bool must_end(const struct engine *engine, const struct request *request,
                     const uint32_t *bits)
{
    if (bits != engine->mask_bits)
        return false;
    int32_t words = (engine->executor.vocab_size + 31) / 32;
    for (int32_t i = 0; i < words; i++) {
        for (uint32_t word = bits[i]; word != 0; word &= word - 1) {
            if (!is_masked_id(request, i * 32 + __builtin_ctz(word)))
                return false;
        }
    }
    return true;
}

/* The logits of a sequence's newest token: choose the next one. */
static void sample(struct engine *engine, struct request *request, float *logits)
{
    struct sequence *sequence = &request->sequence;
    if (sequence->token_count == sequence->capacity) {
        engine_finish(engine, request, FINISH_LENGTH, -1, NULL);
        return;
    }
    int32_t output_count = sequence->token_count - sequence->prompt_count;
    const uint32_t *bits = allowed_now(engine, request);
    bool gives_way = output_count < request->params.min_tokens && must_end(engine, request, bits);
    const struct sample_input input = {
        .logits = logits,
        .params = &request->params,
        .counts = request->has_counts ? &request->counts : NULL,
        .allowed_bits = bits,
        .masked_ids = request->masked_ids,
        .masked_id_count = gives_way ? 0 : request->masked_id_count,
        .seed = request->seed,
        .draw = (uint64_t)output_count,
        .output = sequence->tokens + sequence->prompt_count,
    };
    struct position_logprobs *logprobs =
        request->logprobs ? &request->logprobs[output_count] : NULL;
    int32_t id = 0;
    struct octet_error err;
    if (sampler_sample(&engine->sampler, &input, &id, logprobs, &err) != OCTET_OK) {
        engine_finish(engine, request, FINISH_ERROR, -1, &err);
        return;
    }
    sequence->tokens[sequence->token_count++] = id;
    if (request->has_counts)
        token_counts_add(&request->counts, id, true);
    if (request->constraint)
        constraint_accept(request->constraint, id);
    deliver(engine, request, id);
}

/* The log-probability of prompt token position + 1. False when the request ended. */
static bool score(struct engine *engine, struct request *request, int32_t position,
                  const float *logits)
{
    struct sequence *sequence = &request->sequence;
    sequence->scored = position + 1;
    if (position + 1 >= sequence->prompt_count)
        return true;
    struct octet_error err;
    octet_status status = sampler_logprobs(&engine->sampler, logits, sequence->tokens[position + 1],
                                           request->params.prompt_logprobs,
                                           &request->prompt_logprobs[position], &err);
    if (status == OCTET_OK)
        return true;
    engine_finish(engine, request, FINISH_ERROR, -1, &err);
    return false;
}

void engine_use_rows(struct engine *engine, const struct plan_entry *entry, float *logits)
{
    struct request *request = request_of(entry->sequence);
    struct sequence *sequence = entry->sequence;
    size_t vocab_size = (size_t)engine->executor.vocab_size;
    int32_t end = entry->start + entry->count;
    bool newest = end == sequence->token_count;
    for (int32_t i = 0; i < entry->row_count; i++) {
        int32_t position = end - entry->row_count + i;
        if (sequence->score_prompt && position < sequence->prompt_count &&
            !score(engine, request, position, logits + (size_t)i * vocab_size))
            return;
    }
    if (newest)
        sample(engine, request, logits + (size_t)(entry->row_count - 1) * vocab_size);
}
