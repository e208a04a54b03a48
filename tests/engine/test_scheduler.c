/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler by itself: made-up sequences, plans looked at, results made up. */
#include "engine/scheduler.h"
#include "support/testing.h"

#define MOST 8

struct world {
    struct scheduler_limits limits;
    struct kv_blocks pool;
    struct scheduler scheduler;
    struct plan plan;
    struct plan_entry entries[MOST];
    struct sequence sequences[16];
    int32_t tokens[16][256], blocks[16][256];
    int count;
};

static struct world *open_world(int32_t seqs, int32_t tokens, int32_t blocks, int32_t block_size)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->limits = (struct scheduler_limits){.max_num_seqs = seqs,
                                              .max_num_batched_tokens = tokens,
                                              .max_logit_rows = seqs,
                                              .max_model_len = 256};
    world->plan.entries = world->entries;
    assert_int_equal(kv_blocks_init(&world->pool, blocks, block_size, true, NULL), OCTET_OK);
    return world;
}

static void start(struct world *world)
{
    assert_int_equal(scheduler_init(&world->scheduler, &world->limits, &world->pool, NULL),
                     OCTET_OK);
}

static void close_world(struct world *world)
{
    scheduler_free(&world->scheduler);
    kv_blocks_free(&world->pool);
    test_free(world);
}

/* A prompt of `length` tokens that no other sequence has. */
static struct sequence *add(struct world *world, int32_t length)
{
    int at = world->count++;
    struct sequence *sequence = &world->sequences[at];
    for (int32_t i = 0; i < 256; i++)
        world->tokens[at][i] = at * 1000 + i;
    *sequence = (struct sequence){.arrival = (uint64_t)at,
                                  .tokens = world->tokens[at],
                                  .capacity = 256,
                                  .token_count = length,
                                  .prompt_count = length,
                                  .blocks = world->blocks[at],
                                  .block_capacity = 256,
                                  .use_cache = true};
    scheduler_add(&world->scheduler, sequence);
    return sequence;
}

/* Plan; compare with expected (arrival, start, count) triples; do it; sample where due. */
static void step(struct world *world, const int32_t (*expected)[3], int32_t count)
{
    scheduler_plan(&world->scheduler, &world->plan);
    assert_int_equal(world->plan.entry_count, count);
    for (int32_t i = 0; i < count; i++) {
        const struct plan_entry *entry = &world->entries[i];
        assert_int_equal(entry->sequence->arrival, expected[i][0]);
        assert_int_equal(entry->start, expected[i][1]);
        assert_int_equal(entry->count, expected[i][2]);
    }
    for (int32_t i = 0; i < count; i++) {
        struct plan_entry *entry = &world->entries[i];
        scheduler_computed(&world->scheduler, entry);
        if (entry->start + entry->count == entry->sequence->token_count) {
            assert_int_equal(entry->row_count, 1);
            entry->sequence->token_count++;
        }
    }
}

#define STEP(world, ...)                                                                           \
    do {                                                                                           \
        const int32_t expected_[][3] = {__VA_ARGS__};                                              \
        step(world, expected_, sizeof expected_ / sizeof *expected_);                              \
    } while (0)

static void prompts_are_cut_and_mixed_with_decoding(void **state)
{
    (void)state;
    struct world *world = open_world(4, 10, 32, 4);
    start(world);
    add(world, 3);
    STEP(world, {0, 0, 3});
    add(world, 17);
    add(world, 4);
    STEP(world, {0, 3, 1}, {1, 0, 9});
    STEP(world, {0, 4, 1}, {1, 9, 8}, {2, 0, 1});
    STEP(world, {0, 5, 1}, {1, 17, 1}, {2, 1, 3});
    STEP(world, {0, 6, 1}, {1, 18, 1}, {2, 4, 1});
    scheduler_remove(&world->scheduler, &world->sequences[1]);
    STEP(world, {0, 7, 1}, {2, 5, 1});
    close_world(world);
}

static void nobody_is_overtaken(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 8, 4);
    start(world);
    add(world, 16); /* 4 of 8 blocks */
    add(world, 20); /* 5: does not fit */
    add(world, 2);  /* would fit, and waits behind */
    STEP(world, {0, 0, 16});
    STEP(world, {0, 16, 1});
    scheduler_remove(&world->scheduler, &world->sequences[0]);
    STEP(world, {1, 0, 20}, {2, 0, 2});
    close_world(world);
}

static void max_num_seqs_limits_those_who_run(void **state)
{
    (void)state;
    struct world *world = open_world(2, 64, 32, 4);
    start(world);
    add(world, 2);
    add(world, 3);
    add(world, 4);
    STEP(world, {0, 0, 2}, {1, 0, 3});
    STEP(world, {0, 2, 1}, {1, 3, 1});
    scheduler_remove(&world->scheduler, &world->sequences[0]);
    STEP(world, {1, 4, 1}, {2, 0, 4});
    close_world(world);
}

static void the_latest_gives_way_and_is_recomputed(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 4, 4);
    start(world);
    struct sequence *first = add(world, 7), *second = add(world, 7);
    STEP(world, {0, 0, 7}, {1, 0, 7});
    STEP(world, {0, 7, 1}, {1, 7, 1});
    /* Both need a third block and the pool of four is full: the second loses its blocks. */
    STEP(world, {0, 8, 1});
    assert_int_equal(second->state, SEQUENCE_WAITING);
    assert_int_equal(second->preemptions, 1);
    assert_int_equal(second->block_count, 0);
    /* It returns only with room for all its tokens, and before anybody later. */
    add(world, 1);
    STEP(world, {0, 9, 1});
    STEP(world, {0, 10, 1});
    STEP(world, {0, 11, 1});
    scheduler_remove(&world->scheduler, first);
    /* The first block of its prompt is still in the prefix cache. */
    scheduler_plan(&world->scheduler, &world->plan);
    assert_int_equal(world->plan.entry_count, 2);
    assert_ptr_equal(world->entries[0].sequence, second);
    assert_int_equal(world->entries[0].start + world->entries[0].count, second->token_count);
    assert_int_equal(world->entries[0].start % 4, 0);
    close_world(world);
}

static void equal_prefixes_are_shared(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 32, 4);
    start(world);
    struct sequence *first = add(world, 12);
    STEP(world, {0, 0, 12});
    struct sequence *second = add(world, 12);
    memcpy(second->tokens, first->tokens, 12 * sizeof(int32_t));
    /* Three full blocks are known, and the last token is computed all the same. */
    STEP(world, {0, 12, 1}, {1, 8, 4});
    assert_int_equal(second->cached, 8);
    assert_int_equal(second->blocks[0], first->blocks[0]);
    assert_int_equal(second->blocks[1], first->blocks[1]);
    assert_int_not_equal(second->blocks[2], first->blocks[2]);
    struct sequence *third = add(world, 12);
    memcpy(third->tokens, first->tokens, 12 * sizeof(int32_t));
    third->tokens[5]++;
    STEP(world, {0, 13, 1}, {1, 12, 1}, {2, 4, 8});
    assert_true(world->scheduler.cache_queried == 36 && world->scheduler.cache_hit == 12);
    close_world(world);
}

/* A prompt in progress leaves a token and a row to each one that decodes. */
static void those_behind_go_on(void **state)
{
    (void)state;
    struct world *world = open_world(3, 8, 64, 4);
    world->limits.prefill_chunk = 6;
    start(world);
    add(world, 40);
    add(world, 2);
    STEP(world, {0, 0, 6}, {1, 0, 2});
    STEP(world, {0, 6, 6}, {1, 2, 1});
    world->scheduler.limits.prefill_chunk = 0;
    STEP(world, {0, 12, 7}, {1, 3, 1});
    struct sequence *first = &world->sequences[0];
    first->score_prompt = true; /* three rows a step, one of them for the other */
    STEP(world, {0, 19, 2}, {1, 4, 1});
    assert_int_equal(world->plan.row_count, 3);
    first->scored = 21;
    STEP(world, {0, 21, 2}, {1, 5, 1});
    close_world(world);
}

/* What a long prompt may delay the others' next token by. */
static void a_mixed_step_holds_a_short_chunk(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 64, 4);
    world->limits.mixed_prefill_tokens = 8;
    start(world);
    add(world, 30);
    add(world, 20);
    STEP(world, {0, 0, 30}, {1, 0, 20}); /* nobody decodes yet */
    add(world, 20);
    add(world, 5);
    STEP(world, {0, 30, 1}, {1, 20, 1}, {2, 0, 8});
    STEP(world, {0, 31, 1}, {1, 21, 1}, {2, 8, 8});
    STEP(world, {0, 32, 1}, {1, 22, 1}, {2, 16, 4}, {3, 0, 4});
    STEP(world, {0, 33, 1}, {1, 23, 1}, {2, 20, 1}, {3, 4, 1});
    close_world(world);
}

static void prompts_in_part_are_limited(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 64, 4);
    world->limits.prefill_chunk = 4;
    world->limits.max_partial_prefills = 1;
    start(world);
    add(world, 10);
    add(world, 10);
    add(world, 2);
    STEP(world, {0, 0, 4});
    STEP(world, {0, 4, 4});
    STEP(world, {0, 8, 2}, {1, 0, 4}); /* the first will be done: the second may begin */
    STEP(world, {0, 10, 1}, {1, 4, 4});
    STEP(world, {0, 11, 1}, {1, 8, 2}, {2, 0, 2});
    close_world(world);
}

static void short_prompts_pass_long_ones(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 64, 4);
    world->limits.prefill_chunk = 6;
    world->limits.long_prefill_tokens = 6;
    world->limits.max_long_partial_prefills = 1;
    start(world);
    add(world, 12);
    add(world, 12); /* as long: waits for the first one's prompt */
    add(world, 6);
    STEP(world, {0, 0, 6}, {2, 0, 6});
    assert_int_equal(world->scheduler.deferred_count, 1);
    STEP(world, {0, 6, 6}, {2, 6, 1}, {1, 0, 6});
    /* In order again, though the second one came last. */
    STEP(world, {0, 12, 1}, {1, 6, 6}, {2, 7, 1});
    close_world(world);
}

static void whole_prompts_wait_for_a_step_with_room(void **state)
{
    (void)state;
    struct world *world = open_world(4, 256, 200, 4);
    world->limits.whole_prompts = true;
    start(world);
    add(world, 200);
    add(world, 60);
    add(world, 5); /* would fit, and waits behind */
    STEP(world, {0, 0, 200});
    STEP(world, {0, 200, 1}, {1, 0, 60}, {2, 0, 5});
    close_world(world);
}

static void priorities_decide_who_gives_way(void **state)
{
    (void)state;
    struct world *world = open_world(4, 64, 8, 4);
    world->limits.by_priority = true;
    start(world);
    add(world, 16);
    STEP(world, {0, 0, 16});
    struct sequence *urgent = add(world, 12);
    scheduler_remove(&world->scheduler, urgent);
    urgent->state = SEQUENCE_NEW;
    urgent->priority = -1;
    scheduler_add(&world->scheduler, urgent);
    STEP(world, {0, 16, 1}, {1, 0, 12});
    assert_ptr_equal(world->scheduler.running[0], urgent);
    urgent->token_count = 13;
    scheduler_plan(&world->scheduler, &world->plan);
    assert_int_equal(world->plan.entry_count, 1);
    assert_ptr_equal(world->plan.entries[0].sequence, urgent);
    assert_int_equal(world->sequences[0].preemptions, 1);
    close_world(world);
}

static void admission_keeps_room_for_the_next_steps(void **state)
{
    (void)state;
    struct world *world = open_world(8, 256, 32, 4);
    start(world);
    add(world, 4 * 15);
    add(world, 4 * 15);
    STEP(world, {0, 0, 60}, {1, 0, 60});
    /* Two blocks are free and two sequences run: both blocks are theirs. */
    add(world, 1);
    STEP(world, {0, 60, 1}, {1, 60, 1});
    assert_int_equal(world->pool.free_count, 0);
    assert_int_equal(world->scheduler.preemptions, 0);
    close_world(world);
}

static void a_batch_says_what_the_plan_says(void **state)
{
    (void)state;
    struct world *world = open_world(4, 10, 32, 4);
    struct batch_buffers buffers;
    start(world);
    assert_int_equal(batch_buffers_init(&buffers, &world->limits, 4, NULL), OCTET_OK);
    struct sequence *first = add(world, 5);
    STEP(world, {0, 0, 5});
    struct sequence *second = add(world, 6);
    scheduler_plan(&world->scheduler, &world->plan);
    batch_buffers_fill(&buffers, &world->plan, 4);
    const struct step_batch *batch = &buffers.batch;
    assert_int_equal(batch->token_count, 7);
    assert_int_equal(batch->sequence_count, 2);
    assert_int_equal(batch->token_ids[0], first->tokens[5]);
    assert_int_equal(batch->positions[0], 5);
    assert_int_equal(batch->slots[0], first->blocks[1] * 4 + 1);
    assert_int_equal(batch->token_ids[6], second->tokens[5]);
    assert_int_equal(batch->slots[5], second->blocks[1] * 4);
    assert_int_equal(batch->query_start[1], 1);
    assert_int_equal(batch->query_start[2], 7);
    assert_int_equal(batch->lengths[0], 6);
    assert_int_equal(batch->lengths[1], 6);
    assert_int_equal(batch->block_table_stride, 64);
    assert_int_equal(batch->block_tables[64 + 1], second->blocks[1]);
    assert_int_equal(batch->logit_row_count, 2);
    assert_int_equal(batch->logit_rows[0], 0);
    assert_int_equal(batch->logit_rows[1], 6);
    batch_buffers_free(&buffers);
    close_world(world);
}

static void limits_that_cannot_work_are_refused(void **state)
{
    (void)state;
    struct kv_blocks pool;
    struct scheduler scheduler;
    struct octet_error err;
    assert_int_equal(kv_blocks_init(&pool, 4, 4, false, NULL), OCTET_OK);
    const struct {
        struct scheduler_limits limits;
        const char *part;
    } cases[] = {
        {{.max_num_seqs = 0, .max_num_batched_tokens = 1, .max_logit_rows = 1, .max_model_len = 1},
         "max_num_seqs is 0"},
        {{.max_num_seqs = 9, .max_num_batched_tokens = 8, .max_logit_rows = 9, .max_model_len = 1},
         "max_num_batched_tokens (8) must be greater than or equal to max_num_seqs (9)"},
        {{.max_num_seqs = 9, .max_num_batched_tokens = 9, .max_logit_rows = 8, .max_model_len = 1},
         "max_logit_rows (8)"},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(scheduler_init(&scheduler, &cases[i].limits, &pool, &err), OCTET_USAGE);
        assert_contains(err.message, cases[i].part);
    }
    kv_blocks_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_cut_and_mixed_with_decoding),
        cmocka_unit_test(nobody_is_overtaken),
        cmocka_unit_test(max_num_seqs_limits_those_who_run),
        cmocka_unit_test(the_latest_gives_way_and_is_recomputed),
        cmocka_unit_test(equal_prefixes_are_shared),
        cmocka_unit_test(those_behind_go_on),
        cmocka_unit_test(a_mixed_step_holds_a_short_chunk),
        cmocka_unit_test(prompts_in_part_are_limited),
        cmocka_unit_test(short_prompts_pass_long_ones),
        cmocka_unit_test(whole_prompts_wait_for_a_step_with_room),
        cmocka_unit_test(priorities_decide_who_gives_way),
        cmocka_unit_test(admission_keeps_room_for_the_next_steps),
        cmocka_unit_test(a_batch_says_what_the_plan_says),
        cmocka_unit_test(limits_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
