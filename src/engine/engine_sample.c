/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the logits of a step to tokens that can be read, in three passes over its rows: what may be
 * said, one row after the other, since constraints are asked by the engine's thread; the draws and
 * scores, which depend on their own row and request only and are shared among threads where that
 * pays; and the delivery, in the order of the plan.
 */
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

/* ---- what may be said ---- */

/* What the constraint allows beside allowed_ids, in `bits`. NULL: everything. */
static const uint32_t *allowed_now(const struct engine *engine, struct request *request,
                                   uint32_t *bits)
{
    if (!request->constraint || !constraint_mask(request->constraint, bits))
        return request->allowed_bits;
    if (request->allowed_bits) {
        for (size_t i = 0; i < engine->mask_words; i++)
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

/* Only ids that min_tokens forbids are left: the text has to end here. */
static bool must_end(const struct engine *engine, const struct request *request,
                     const uint32_t *bits)
{
    for (size_t i = 0; i < engine->mask_words; i++) {
        for (uint32_t word = bits[i]; word != 0; word &= word - 1) {
            if (!is_masked_id(request, (int32_t)i * 32 + __builtin_ctz(word)))
                return false;
        }
    }
    return true;
}

static void add_draw(struct engine *engine, int32_t *count, struct request *request,
                     int32_t position, float *logits)
{
    struct engine_draw *draw = &engine->draws[(*count)++];
    draw->request = request;
    draw->logits = logits;
    draw->position = position;
    draw->status = OCTET_OK;
    if (position >= 0)
        return;
    const struct sequence *sequence = &request->sequence;
    /* A draw is its sequence's only one in a step, so there are masks for all. */
    uint32_t *bits = engine->mask_bits + (size_t)engine->mask_count * engine->mask_words;
    draw->bits = allowed_now(engine, request, bits);
    draw->gives_way = false;
    if (draw->bits != bits)
        return;
    engine->mask_count++;
    draw->gives_way = sequence->token_count - sequence->prompt_count < request->params.min_tokens &&
                      must_end(engine, request, bits);
}

/* One job for each row, of one sequence after the other; returns how many. */
static int32_t collect(struct engine *engine)
{
    const struct plan *plan = &engine->plan;
    float *row = engine->logits;
    int32_t count = 0;
    engine->mask_count = 0;
    for (int32_t e = 0; e < plan->entry_count; e++) {
        const struct plan_entry *entry = &plan->entries[e];
        struct sequence *sequence = entry->sequence;
        int32_t end = entry->start + entry->count;
        for (int32_t i = 0; i < entry->row_count; i++, row += engine->executor.vocab_size) {
            int32_t position = end - entry->row_count + i;
            if (sequence->score_prompt && position < sequence->prompt_count)
                sequence->scored = position + 1;
            if (sequence->score_prompt && position + 1 < sequence->prompt_count)
                add_draw(engine, &count, request_of(sequence), position, row);
            else if (position + 1 == sequence->token_count)
                add_draw(engine, &count, request_of(sequence), -1, row);
        }
    }
    return count;
}

/* ---- draws and scores ---- */

static bool at_capacity(const struct request *request)
{
    return request->sequence.token_count == request->sequence.capacity;
}

static void draw_token(struct sampler *sampler, struct engine_draw *draw)
{
    struct request *request = draw->request;
    const struct sequence *sequence = &request->sequence;
    int32_t output_count = sequence->token_count - sequence->prompt_count;
    const struct sample_input input = {
        .logits = draw->logits,
        .params = &request->params,
        .counts = request->has_counts ? &request->counts : NULL,
        .allowed_bits = draw->bits,
        .masked_ids = request->masked_ids,
        .masked_id_count = draw->gives_way ? 0 : request->masked_id_count,
        .seed = request->seed,
        .draw = (uint64_t)output_count,
        .output = sequence->tokens + sequence->prompt_count,
    };
    struct position_logprobs *logprobs =
        request->logprobs ? &request->logprobs[output_count] : NULL;
    draw->status = sampler_sample(sampler, &input, &draw->id, logprobs, &draw->err);
}

/* The log-probability of prompt token position + 1. */
static void score_token(struct sampler *sampler, struct engine_draw *draw)
{
    struct request *request = draw->request;
    int32_t position = draw->position;
    draw->status = sampler_logprobs(sampler, draw->logits, request->sequence.tokens[position + 1],
                                    request->params.prompt_logprobs,
                                    &request->prompt_logprobs[position], &draw->err);
}

static void draw_part(void *context, int thread, int thread_count)
{
    struct engine *engine = context;
    size_t begin = 0, end = 0;
    pool_range((size_t)engine->draw_count, thread, thread_count, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        struct engine_draw *draw = &engine->draws[i];
        if (draw->position >= 0)
            score_token(&engine->samplers[thread], draw);
        else if (!at_capacity(draw->request))
            draw_token(&engine->samplers[thread], draw);
    }
}

/* Passes over a vocabulary, roughly: greedy draws and a top-k look for the largest logits, the rest
 * takes exponentials of all. */
static int64_t cost_of(const struct engine_draw *draw)
{
    const struct sampling_params *params = &draw->request->params;
    if (draw->position >= 0 || params->logprobs >= 0)
        return 6;
    if (params->temperature < SAMPLING_GREEDY_BELOW)
        return 1;
    return params->top_k > 0 && params->min_p <= 0 ? 2 : 6;
}

static void draw_all(struct engine *engine)
{
    int64_t passes = 0;
    for (int32_t i = 0; i < engine->draw_count; i++)
        passes += cost_of(&engine->draws[i]);
    if (engine->pool_of_draws && engine->draw_count > 1 &&
        passes * engine->executor.vocab_size >= engine->least_shared)
        pool_run(engine->pool_of_draws, draw_part, engine);
    else
        draw_part(engine, 0, 1);
}

/* ---- delivery ---- */

/* False when the request ended. */
static bool deliver_draw(struct engine *engine, const struct engine_draw *draw)
{
    struct request *request = draw->request;
    struct sequence *sequence = &request->sequence;
    if (draw->status != OCTET_OK) {
        engine_finish(engine, request, FINISH_ERROR, -1, &draw->err);
        return false;
    }
    if (draw->position >= 0)
        return true;
    if (at_capacity(request)) { /* max_tokens 0: only the prompt was wanted */
        engine_finish(engine, request, FINISH_LENGTH, -1, NULL);
        return false;
    }
    sequence->tokens[sequence->token_count++] = draw->id;
    if (request->has_counts)
        token_counts_add(&request->counts, draw->id, true);
    if (request->constraint)
        constraint_accept(request->constraint, draw->id);
    deliver(engine, request, draw->id);
    return false; /* a draw is its sequence's last row */
}

void engine_use_logits(struct engine *engine)
{
    engine->draw_count = collect(engine);
    draw_all(engine);
    const struct request *over = NULL; /* it may be gone: only compared */
    for (int32_t i = 0; i < engine->draw_count; i++) {
        const struct engine_draw *draw = &engine->draws[i];
        if (draw->request != over && !deliver_draw(engine, draw))
            over = draw->request;
    }
}
