/* SPDX-License-Identifier: Apache-2.0 */
/* An engine over the fake executor, small enough to be crowded: 4 sequences, 16 tokens a step. */
#ifndef ENGINE_ENGINE_WORLD_H
#define ENGINE_ENGINE_WORLD_H

#include "engine/engine_internal.h"
#include "sim/fake_executor.h"
#include "support/testing.h"

#define VOCAB 40

struct world {
    struct fake_executor fake;
    struct engine_options options;
    struct engine *engine;
};

static inline void open_world(struct world *world, int32_t block_count)
{
    engine_options_init(&world->options);
    world->options.max_num_seqs = 4;
    world->options.max_num_batched_tokens = 16;
    world->options.max_model_len = 64;
    assert_true(fake_executor_init(&world->fake, VOCAB, 4, block_count, 16, 4, 8));
}

static inline void start(struct world *world)
{
    const struct executor executor = fake_executor_of(&world->fake);
    struct octet_error err;
    if (engine_new(&world->options, &executor, &world->engine, &err) != OCTET_OK)
        fail_msg("%s", err.message);
}

static inline void close_world(struct world *world)
{
    assert_string_equal(world->fake.complaint, "");
    engine_free(world->engine);
    fake_executor_free(&world->fake);
}

static inline struct request *submit(struct world *world, const int32_t *ids, size_t count,
                                     const struct sampling_params *params)
{
    struct request *request = NULL;
    struct octet_error err;
    if (request_new(world->engine, ids, count, params, 0, &request, &err) != OCTET_OK ||
        engine_submit(world->engine, request, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return request;
}

static inline void run_dry(struct world *world)
{
    bool worked = true;
    while (worked)
        assert_int_equal(engine_step(world->engine, &worked, NULL), OCTET_OK);
}

static inline struct request_status status_of(struct request *request)
{
    struct request_status status;
    request_status(request, &status);
    return status;
}

static const int32_t prompt[] = {5, 6, 7, 8, 9, 10, 11};

static inline void greedy(struct sampling_params *params, int32_t max_tokens)
{
    sampling_params_init(params);
    params->temperature = 0;
    params->max_tokens = max_tokens;
}

/* What a greedy request gives by the definition. */
static inline void expect_greedy(const int32_t *ids, size_t count, int32_t *out, size_t out_count)
{
    uint64_t fold = 0, value = 0;
    for (size_t i = 0; i < count + out_count; i++) {
        int32_t id = i < count ? ids[i] : out[i - count];
        if (i >= count) {
            float logits[VOCAB];
            fake_logits(value, VOCAB, logits);
            id = 0;
            for (int32_t j = 1; j < VOCAB; j++)
                id = logits[j] > logits[id] ? j : id;
            out[i - count] = id;
        }
        value = fake_next_value(&fold, id, (int32_t)i);
    }
}

#endif
