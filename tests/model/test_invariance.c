/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batch invariance: the logits of a token are the same bits alone, in a batch, in chunks of any
 * size, with any number of threads, any block size and any block table.
 */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/rng.h"

enum { SEQUENCES = 4, STEP_TOKENS = 1100 };

static uint64_t seed(void)
{
    const char *text = getenv("OCTET_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 20260914u;
}

struct sequence {
    int32_t *ids;
    int32_t count, done;
    float *logits; /* [count][vocab] */
    int32_t *table;
};

struct step_space {
    int32_t ids[STEP_TOKENS], positions[STEP_TOKENS], slots[STEP_TOKENS], rows[STEP_TOKENS];
    int32_t starts[SEQUENCES + 1], lengths[SEQUENCES], *tables;
    float *logits; /* [STEP_TOKENS][vocab] */
};

/* One step: `takes[s]` further tokens of sequence s. */
static void step(struct runner *runner, struct sequence *sequences, const int32_t *takes,
                 struct step_space *space, int32_t stride)
{
    int32_t tokens = 0, present = 0, size = runner->options.block_size;
    for (int s = 0; s < SEQUENCES; s++) {
        struct sequence *sequence = &sequences[s];
        if (takes[s] == 0)
            continue;
        memcpy(space->tables + present * stride, sequence->table, (size_t)stride * 4);
        space->starts[present] = tokens;
        space->lengths[present++] = sequence->done + takes[s];
        for (int32_t i = 0; i < takes[s]; i++, tokens++) {
            int32_t position = sequence->done + i;
            space->ids[tokens] = sequence->ids[position];
            space->positions[tokens] = position;
            space->slots[tokens] = sequence->table[position / size] * size + position % size;
            space->rows[tokens] = tokens;
        }
    }
    space->starts[present] = tokens;
    struct step_batch batch = {.token_count = tokens,
                               .token_ids = space->ids,
                               .positions = space->positions,
                               .slots = space->slots,
                               .sequence_count = present,
                               .query_start = space->starts,
                               .lengths = space->lengths,
                               .block_tables = space->tables,
                               .block_table_stride = stride,
                               .logit_row_count = tokens,
                               .logit_rows = space->rows};
    struct octet_error err = {0};
    if (model_step(runner->model, &batch, space->logits, &err) != OCTET_OK)
        fail_msg("step: %s", err.message);
    const float *from = space->logits;
    for (int s = 0; s < SEQUENCES; s++) {
        size_t floats = (size_t)takes[s] * runner->vocab;
        memcpy(sequences[s].logits + (size_t)sequences[s].done * runner->vocab, from, floats * 4);
        from += floats;
        sequences[s].done += takes[s];
    }
}

/* How a run differs from the plain one. */
struct variant {
    const char *name;
    int threads;
    int32_t block_size;
    int32_t chunk;  /* most tokens of a sequence a step; 0: random */
    bool together;  /* all sequences at once, else one after the other */
    bool scattered; /* a shuffled block table */
    const char *mask;
};

static const struct variant variants[] = {
    {"plain", 1, 16, STEP_TOKENS, false, false, NULL},
    {"2 threads", 2, 16, STEP_TOKENS, false, false, NULL},
    {"3 threads, scattered blocks of 32", 3, 32, STEP_TOKENS, false, true, NULL},
    {"token by token, 2 threads", 2, 16, 1, false, false, NULL},
    {"token by token, batched", 1, 64, 1, true, true, NULL},
    {"chunks of 7", 1, 48, 7, false, true, NULL},
    {"chunks of 64, batched, 2 threads", 2, 16, 64, true, true, NULL},
    {"chunks of 230, batched", 1, 128, 230, true, true, NULL},
    {"random chunks, batched, 2 threads", 2, 16, 0, true, true, NULL},
};

/* Tokens of each sequence for the next step; false when all are done. */
static bool choose(const struct variant *variant, const struct sequence *sequences, struct rng *rng,
                   int32_t *takes)
{
    int32_t room = STEP_TOKENS;
    bool any = false;
    for (int s = 0; s < SEQUENCES; s++) {
        int32_t left = sequences[s].count - sequences[s].done, most = variant->chunk;
        takes[s] = 0;
        if (left == 0 || room == 0 || (any && !variant->together))
            continue;
        if (most == 0) /* often a decode step, sometimes none, sometimes a prefill chunk */
            most = (int32_t)(rng_below(rng, 3) == 0 ? rng_below(rng, 200) : rng_below(rng, 3));
        takes[s] = left < most ? left : most;
        takes[s] = takes[s] < room ? takes[s] : room;
        room -= takes[s];
        any = any || takes[s] > 0;
    }
    return any;
}

static bool unfinished(const struct sequence *sequences)
{
    for (int s = 0; s < SEQUENCES; s++)
        if (sequences[s].done < sequences[s].count)
            return true;
    return false;
}

static void deal_tables(struct sequence *sequences, int32_t stride, bool scattered, struct rng *rng)
{
    int32_t blocks = SEQUENCES * stride, *order = malloc((size_t)blocks * sizeof *order);
    for (int32_t i = 0; i < blocks; i++)
        order[i] = i;
    for (int32_t i = blocks - 1; scattered && i > 0; i--) {
        int32_t j = (int32_t)rng_below(rng, (uint64_t)i + 1), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (int s = 0; s < SEQUENCES; s++)
        memcpy(sequences[s].table, order + s * stride, (size_t)stride * 4);
    free(order);
}

/* The first runs everything; the other modes what has caught the most. */
static bool wanted(size_t variant, bool everything)
{
    return everything || variant == 0 || variants[variant].together;
}

static void run_variant(const char *directory, const struct model_options *base,
                        const struct variant *variant, struct sequence *sequences, int32_t longest)
{
    struct rng rng = {seed(), 9, 0};
    struct runner runner;
    struct model_options options = *base;
    int32_t stride = (longest + variant->block_size - 1) / variant->block_size;
    options.threads = variant->threads;
    options.block_size = variant->block_size;
    options.block_count = SEQUENCES * stride;
    options.cpu_mask = variant->mask;
    runner_open(&runner, directory, &options);
    struct step_space *space = malloc(sizeof *space);
    space->tables = malloc((size_t)(SEQUENCES * stride) * 4);
    space->logits = malloc(STEP_TOKENS * runner.vocab * 4);
    deal_tables(sequences, stride, variant->scattered, &rng);
    for (int s = 0; s < SEQUENCES; s++)
        sequences[s].done = 0;
    while (unfinished(sequences)) {
        int32_t takes[SEQUENCES];
        if (choose(variant, sequences, &rng, takes))
            step(&runner, sequences, takes, space, stride);
    }
    free(space->logits);
    free(space->tables);
    free(space);
    runner_close(&runner);
}

static void check_checkpoint(const char *directory, enum activation_dtype dtype,
                             enum weight_dtype weight, const int32_t *counts, size_t vocab,
                             bool everything)
{
    struct rng rng = {seed(), 8, 0};
    struct sequence sequences[SEQUENCES];
    float *expected[SEQUENCES];
    int32_t longest = 0;
    for (int s = 0; s < SEQUENCES; s++)
        longest = counts[s] > longest ? counts[s] : longest;
    struct model_options options = runner_options(STEP_TOKENS, longest);
    options.dtype = dtype;
    options.weight_dtype = weight;
    for (int s = 0; s < SEQUENCES; s++) {
        size_t count = (size_t)counts[s];
        sequences[s] = (struct sequence){.ids = malloc(count * 4),
                                         .count = counts[s],
                                         .logits = malloc(count * vocab * 4),
                                         .table = calloc((size_t)longest, 4)};
        expected[s] = malloc(count * vocab * 4);
        for (size_t i = 0; i < count; i++)
            sequences[s].ids[i] = (int32_t)rng_below(&rng, vocab);
    }
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        if (!wanted(v, everything))
            continue;
        run_variant(directory, &options, &variants[v], sequences, longest);
        for (int s = 0; s < SEQUENCES; s++) {
            size_t bytes = (size_t)counts[s] * vocab * 4;
            if (v == 0)
                memcpy(expected[s], sequences[s].logits, bytes);
            else if (memcmp(expected[s], sequences[s].logits, bytes) != 0)
                fail_msg("%s, %s: sequence %d of %d tokens has other bits than alone", directory,
                         variants[v].name, s, (int)counts[s]);
        }
    }
    for (int s = 0; s < SEQUENCES; s++) {
        free(sequences[s].ids);
        free(sequences[s].logits);
        free(sequences[s].table);
        free(expected[s]);
    }
}

static const struct {
    enum activation_dtype dtype;
    enum weight_dtype weight;
} modes[] = {{ACTIVATION_BF16, WEIGHT_AUTO},
             {ACTIVATION_F32, WEIGHT_AUTO},
             {ACTIVATION_BF16, WEIGHT_BF16},
             {ACTIVATION_F32, WEIGHT_F32}};

static size_t vocabulary_of(const char *directory)
{
    struct runner runner;
    struct model_options options = runner_options(1, 16);
    runner_open(&runner, directory, &options);
    size_t vocab = runner.vocab;
    runner_close(&runner);
    return vocab;
}

static void golden_model_is_invariant(void **state)
{
    (void)state;
    /* Past a span of keys, one short, one a single token. */
    static const int32_t counts[SEQUENCES] = {700, 37, 1, 530};
    const char *directory = "tests/golden/model";
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++)
        check_checkpoint(directory, modes[m].dtype, modes[m].weight, counts,
                         vocabulary_of(directory), m == 0);
}

static void shared_checkpoints_are_invariant(void **state)
{
    (void)state;
    static const char *const checkpoints[] = {
        "qwen2-fp8-bf16scale", "qwen3-untied-fp8-f32scale-sharded", "llama3-fp8-channel-compressed",
        "llama-fp8-tensor-static"};
    static const int32_t counts[SEQUENCES] = {540, 60, 33, 2};
    const char *shared = shared_directory("invariance of the tiny checkpoints");
    if (!shared)
        skip();
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++) {
        char directory[384];
        snprintf(directory, sizeof directory, "%s/models/%s", shared, checkpoints[i]);
        check_checkpoint(directory, ACTIVATION_BF16, WEIGHT_AUTO, counts, vocabulary_of(directory),
                         false);
    }
}

int main(void)
{
    printf("OCTET_TEST_SEED=%llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_model_is_invariant),
        cmocka_unit_test(shared_checkpoints_are_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
