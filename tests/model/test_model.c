/* SPDX-License-Identifier: Apache-2.0 */
/* The committed golden model against float64, RoPE against its formulas, and everything that is
 * refused. */
#include "runner.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "model/rope_table.h"

#define GOLDEN "tests/golden/model"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__) &&      \
    defined(__GLIBC__)
/* Every allocation of this program is counted, so that a step can be shown to make none. */
#define COUNTS_ALLOCATIONS 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
static atomic_int allocations;
void *malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}
#else
#define COUNTS_ALLOCATIONS 0
static atomic_int allocations;
#endif

/* logits.f64.bin as doubles, malloc'ed. */
static double *load_doubles(const char *path, size_t count)
{
    struct file file;
    double *values = malloc(count * sizeof *values);
    assert_int_equal(file_open(path, &file, NULL), OCTET_OK);
    assert_int_equal(file.size, count * sizeof *values);
    assert_int_equal(file_read_at(&file, 0, values, count * sizeof *values, NULL), OCTET_OK);
    file_close(&file);
    return values;
}

static double golden_deviation(enum activation_dtype dtype, enum weight_dtype weight,
                               const char *mask)
{
    struct runner runner;
    int32_t count;
    int32_t *ids = load_ids(GOLDEN "/ids.json", &count);
    struct model_options options = runner_options(count, count);
    options.dtype = dtype;
    options.weight_dtype = weight;
    options.cpu_mask = mask;
    runner_open(&runner, GOLDEN, &options);
    size_t n = (size_t)count * runner.vocab;
    float *logits = malloc(n * sizeof *logits);
    double *expected = load_doubles(GOLDEN "/logits.f64.bin", n), difference = 0, size = 0;
    runner_sequence(&runner, ids, count, 20, logits);
    for (size_t i = 0; i < n; i++) {
        double d = (double)logits[i] - expected[i];
        difference += d * d;
        size += expected[i] * expected[i];
    }
    runner_close(&runner);
    free(expected);
    free(logits);
    free(ids);
    return sqrt(difference / size);
}

static void golden_logits_are_near_float64(void **state)
{
    (void)state;
    struct json *summary;
    assert_int_equal(json_load(GOLDEN "/summary.json", 1 << 16, &summary, NULL), OCTET_OK);
    double bf16 = json_number(json_get_path(summary, "bf16.relative_l2"), 0);
    json_free(summary);
    static const char *const masks[] = {NULL, "scalar"};
    for (size_t i = 0; i < 2; i++) {
        double f32 = golden_deviation(ACTIVATION_F32, WEIGHT_AUTO, masks[i]);
        double f32_wide = golden_deviation(ACTIVATION_F32, WEIGHT_F32, masks[i]);
        double fp8 = golden_deviation(ACTIVATION_BF16, WEIGHT_FP8, masks[i]);
        double narrow = golden_deviation(ACTIVATION_BF16, WEIGHT_BF16, masks[i]);
        printf("golden model, relative L2 from float64: float32 %.2e and %.2e, FP8 resident %.2e, "
               "BF16 %.2e (transformers BF16 %.2e)\n",
               f32, f32_wide, fp8, narrow, bf16);
        assert_true(f32 < 3e-6 && f32_wide < 3e-6);
        assert_true(fp8 <= 1.25 * bf16 && narrow <= 1.25 * bf16);
    }
}

/* A step that is right, for the tests to spoil. */
struct good_step {
    int32_t ids[8], positions[8], slots[8], rows[2], starts[3], lengths[2], tables[4];
    struct step_batch batch;
};

static void good_step_make(struct good_step *out)
{
    *out = (struct good_step){.ids = {1, 2, 3, 4, 5, 6, 7, 0},
                              .positions = {0, 1, 2, 3, 4, 0, 1, 2},
                              .slots = {48, 49, 50, 51, 52, 16, 17, 18},
                              .rows = {4, 7},
                              .starts = {0, 5, 8},
                              .lengths = {5, 3},
                              .tables = {3, 0, 1, 0}};
    out->batch = (struct step_batch){.token_count = 8,
                                     .token_ids = out->ids,
                                     .positions = out->positions,
                                     .slots = out->slots,
                                     .sequence_count = 2,
                                     .query_start = out->starts,
                                     .lengths = out->lengths,
                                     .block_tables = out->tables,
                                     .block_table_stride = 2,
                                     .logit_row_count = 2,
                                     .logit_rows = out->rows};
}

static void a_wrong_step_is_refused_and_touches_nothing(void **state)
{
    (void)state;
    struct runner runner;
    struct model_options options = runner_options(8, 64);
    options.max_batch_sequences = 2;
    runner_open(&runner, GOLDEN, &options);
    float *before = malloc(2 * runner.vocab * 4), *after = malloc(2 * runner.vocab * 4);
    struct good_step step;
    struct octet_error err = {0};
    good_step_make(&step);
    assert_int_equal(model_step(runner.model, &step.batch, before, &err), OCTET_OK);
    for (int spoiled = 0; spoiled < 17; spoiled++) {
        good_step_make(&step);
        int32_t *const places[] = {&step.ids[3],
                                   &step.ids[7],
                                   &step.positions[0],
                                   &step.slots[2],
                                   &step.slots[7],
                                   &step.starts[0],
                                   &step.starts[1],
                                   &step.starts[2],
                                   &step.lengths[0],
                                   &step.lengths[1],
                                   &step.tables[0],
                                   &step.rows[0],
                                   &step.rows[1],
                                   &step.tables[2],
                                   &step.batch.token_count,
                                   &step.batch.sequence_count,
                                   &step.batch.logit_row_count};
        static const int32_t values[] = {-1, 128, 1, 49, 48, 1, 9, 9, 65, 2, 4, 7, 8, 3, 0, 3, 9};
        *places[spoiled] = values[spoiled];
        octet_status status = model_step(runner.model, &step.batch, after, &err);
        if (status != OCTET_USAGE || strncmp(err.message, "step: ", 6) != 0)
            fail_msg("mistake %d: status %d, %s", spoiled, (int)status, err.message);
    }
    /* Also two tokens in one slot, which no single field shows. */
    good_step_make(&step);
    step.tables[2] = 3;
    for (int i = 5; i < 8; i++)
        step.slots[i] = 48 + i - 5;
    assert_int_equal(model_step(runner.model, &step.batch, after, &err), OCTET_USAGE);
    assert_non_null(strstr(err.message, "another token"));
    good_step_make(&step);
    assert_int_equal(model_step(runner.model, &step.batch, after, &err), OCTET_OK);
    assert_memory_equal(before, after, 2 * runner.vocab * 4);
    free(before);
    free(after);
    runner_close(&runner);
}

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS) {
        printf("SKIP: a_step_allocates_nothing: a sanitizer replaces malloc\n");
        skip();
    }
    for (int threads = 1; threads <= 2; threads++) {
        struct runner runner;
        struct good_step step;
        struct model_options options = runner_options(8, 64);
        options.threads = threads;
        runner_open(&runner, GOLDEN, &options);
        float *logits = malloc(2 * runner.vocab * 4);
        good_step_make(&step);
        int before = atomic_load(&allocations);
        assert_true(before > 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(model_step(runner.model, &step.batch, logits, NULL), OCTET_OK);
        assert_int_equal(atomic_load(&allocations), before);
        free(logits);
        runner_close(&runner);
    }
}

struct cancel {
    int reports, stop_after;
    uint64_t done, total;
};

static bool count_report(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct cancel *cancel = context;
    assert_non_null(what);
    assert_true(done >= cancel->done && done <= total);
    cancel->done = done;
    cancel->total = total;
    return ++cancel->reports != cancel->stop_after;
}

static octet_status load_golden(const struct model_config *change, struct model_options *options,
                                const struct progress *progress, struct octet_error *err)
{
    struct checkpoint *checkpoint;
    struct model_config config;
    struct model *model = NULL;
    assert_int_equal(checkpoint_open(GOLDEN, &checkpoint, err), OCTET_OK);
    assert_int_equal(
        model_config_parse(checkpoint_config(checkpoint), NULL, "config.json", &config, err),
        OCTET_OK);
    octet_status status =
        model_load(checkpoint, change ? change : &config, options, progress, &model, err);
    assert_true((status == OCTET_OK) == (model != NULL));
    model_free(model);
    checkpoint_close(checkpoint);
    return status;
}

static void golden_config(struct model_config *out)
{
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_open(GOLDEN, &checkpoint, NULL), OCTET_OK);
    assert_int_equal(
        model_config_parse(checkpoint_config(checkpoint), NULL, "config.json", out, NULL),
        OCTET_OK);
    checkpoint_close(checkpoint);
}

static void loading_reports_and_stops_when_asked(void **state)
{
    (void)state;
    struct octet_error err;
    struct cancel cancel = {0};
    struct progress progress = {count_report, &cancel};
    struct model_options options = runner_options(4, 64);
    assert_int_equal(load_golden(NULL, &options, &progress, &err), OCTET_OK);
    assert_int_equal(cancel.done, cancel.total);
    int reports = cancel.reports;
    assert_true(reports > 8);
    for (int stop = 1; stop <= reports; stop++) {
        cancel = (struct cancel){.stop_after = stop};
        assert_int_equal(load_golden(NULL, &options, &progress, &err), OCTET_CANCELLED);
        assert_int_equal(cancel.reports, stop);
    }
}

static void checkpoints_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct octet_error err;
    struct model_options options = runner_options(4, 64);
    struct model_config config;
    golden_config(&config);
    config.layers = 3;
    assert_int_equal(load_golden(&config, &options, NULL, &err), OCTET_INPUT);
    assert_non_null(strstr(err.message, "model.layers.2."));
    golden_config(&config);
    config.intermediate_size = 140;
    assert_int_equal(load_golden(&config, &options, NULL, &err), OCTET_INPUT);
    assert_non_null(strstr(err.message, "140"));
    golden_config(&config);
    config.tie_word_embeddings = false;
    assert_int_equal(load_golden(&config, &options, NULL, &err), OCTET_INPUT);
    assert_non_null(strstr(err.message, "lm_head.weight"));
    options.block_size = 0;
    assert_int_equal(load_golden(NULL, &options, NULL, &err), OCTET_USAGE);
    assert_non_null(strstr(err.message, "block_size"));
}

static void the_plan_counts_what_loading_takes(void **state)
{
    (void)state;
    struct checkpoint *checkpoint;
    struct model_config config;
    struct model_memory fp8, bf16, f32;
    struct model_options options = runner_options(64, 256);
    golden_config(&config);
    assert_int_equal(checkpoint_open(GOLDEN, &checkpoint, NULL), OCTET_OK);
    assert_int_equal(model_plan_memory(checkpoint, &config, &options, &fp8, NULL), OCTET_OK);
    options.weight_dtype = WEIGHT_BF16;
    assert_int_equal(model_plan_memory(checkpoint, &config, &options, &bf16, NULL), OCTET_OK);
    options.weight_dtype = WEIGHT_F32;
    options.dtype = ACTIVATION_F32;
    assert_int_equal(model_plan_memory(checkpoint, &config, &options, &f32, NULL), OCTET_OK);
    checkpoint_close(checkpoint);
    /* 136 inputs take two blocks of 128, 132 outputs five panels of 32. */
    uint64_t layer = (2 * 5 * 32 + (64 + 32 + 32)) * 256 + 160 * 256 + 160 * 128;
    uint64_t table = 128 * 256;
    assert_true(fp8.weights > 2 * layer + 2 * table);
    assert_true(fp8.weights < (2 * layer + 2 * table) * 21 / 20);
    assert_true(bf16.weights > 2 * (2 * layer + table) && bf16.weights < f32.weights);
    assert_int_equal(fp8.kv_per_block,
                     2 * 16 * 2 * 16 * 2 * 2); /* k,v; tokens; heads; dim; BF16; layers */
    assert_int_equal(f32.kv_per_block, 2 * fp8.kv_per_block);
    assert_true(fp8.activations > 0 && f32.activations > 0);
}

static void rope_frequencies_follow_their_formulas(void **state)
{
    (void)state;
    float plain[32], scaled[32];
    struct rope_config rope = {.kind = ROPE_PLAIN, .theta = 10000.0, .factor = 8.0};
    rope_inverse_frequencies(&rope, 64, plain);
    assert_true(plain[0] == 1.0f);
    assert_true(fabsf(plain[16] - 0.01f) < 1e-9f);
    rope.kind = ROPE_LINEAR;
    rope_inverse_frequencies(&rope, 64, scaled);
    for (int i = 0; i < 32; i++)
        assert_true(fabsf(scaled[i] - plain[i] / 8) <= 1e-7f * plain[i]);
    rope.kind = ROPE_LLAMA3;
    rope.low_freq_factor = 1;
    rope.high_freq_factor = 4;
    rope.original_max_position_embeddings = 256;
    rope_inverse_frequencies(&rope, 64, scaled);
    for (int i = 0; i < 32; i++) {
        double wavelength = 6.283185307179586 / (double)plain[i],
               ratio = (double)(scaled[i] / plain[i]);
        if (wavelength < 64)
            assert_true(fabs(ratio - 1) < 1e-6);
        else if (wavelength > 256)
            assert_true(fabs(ratio - 0.125) < 1e-6);
        else /* a blend, linear in 256 / wavelength */
            assert_true(fabs(ratio - (0.125 + 0.875 * (256 / wavelength - 1) / 3)) < 1e-5);
    }
    rope.kind = ROPE_YARN;
    rope.beta_fast = 32;
    rope.beta_slow = 1;
    rope.truncate = true;
    rope.attention_factor = 1.5;
    rope_inverse_frequencies(&rope, 64, scaled);
    /* 256 positions hold 32 turns at pair 0.83 and one turn at 12.9: the ramp runs from 0 to 13. */
    for (int i = 0; i < 32; i++) {
        double ramp = i < 13 ? i / 13.0 : 1.0;
        double expected = (double)plain[i] * (ramp / 8 + 1 - ramp);
        assert_true(fabs((double)scaled[i] - expected) < 1e-6 * expected);
    }
    float table[3 * 64];
    rope_table_fill(&rope, 64, 3, table);
    for (int i = 0; i < 32; i++) {
        assert_true(table[i] == 1.5f && table[32 + i] == 0.0f);
        assert_true(fabs((double)table[128 + i] - 1.5 * cos(2 * (double)scaled[i])) < 1e-6);
        assert_true(fabs((double)table[160 + i] - 1.5 * sin(2 * (double)scaled[i])) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_logits_are_near_float64),
        cmocka_unit_test(a_wrong_step_is_refused_and_touches_nothing),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(loading_reports_and_stops_when_asked),
        cmocka_unit_test(checkpoints_that_do_not_fit_are_refused),
        cmocka_unit_test(the_plan_counts_what_loading_takes),
        cmocka_unit_test(rope_frequencies_follow_their_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
