/* SPDX-License-Identifier: Apache-2.0 */
/* linear, embed and logits: every stored form, every residency, ragged edges, slices, biases. */
#include "conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "numeric/fp8.h"
#include "numeric/half.h"

/* One stored tensor and how it was read. */
struct stored {
    enum weight_source source;
    int64_t rows, cols, block_rows, block_cols, grid_cols;
    unsigned char *bytes;
    float *scales, *bias;
    const struct linear_part *part;
    int *reads; /* [rows] */
    bool refuse;
};

static size_t source_size(enum weight_source source)
{
    return source == SOURCE_F8_E4M3 ? 1 : source == SOURCE_F32 ? 4 : 2;
}

static void store_value(struct stored *stored, size_t index, float value, struct rng *rng)
{
    uint16_t half;
    switch (stored->source) {
    case SOURCE_F8_E4M3:
        do
            stored->bytes[index] = (unsigned char)rng_next_u64(rng);
        while (fp8_e4m3_is_nan(stored->bytes[index]));
        return;
    case SOURCE_BF16:
        half = bf16_from_f32(value);
        break;
    case SOURCE_F16:
        half = f16_from_f32(value);
        break;
    case SOURCE_F32:
    default:
        memcpy(stored->bytes + index * 4, &value, 4);
        return;
    }
    memcpy(stored->bytes + index * 2, &half, 2);
}

static void stored_make(struct stored *stored, enum weight_source source, int64_t rows,
                        int64_t cols, int64_t block_rows, int64_t block_cols, bool bias,
                        struct rng *rng)
{
    *stored = (struct stored){.source = source,
                              .rows = rows,
                              .cols = cols,
                              .block_rows = block_rows,
                              .block_cols = block_cols};
    stored->bytes = malloc((size_t)(rows * cols) * source_size(source));
    stored->reads = calloc((size_t)rows, sizeof *stored->reads);
    for (int64_t i = 0; i < rows * cols; i++)
        store_value(stored, (size_t)i, random_value(rng), rng);
    stored->grid_cols = (cols + block_cols - 1) / block_cols;
    int64_t grid = (rows + block_rows - 1) / block_rows * stored->grid_cols;
    stored->scales = malloc((size_t)grid * sizeof(float));
    for (int64_t i = 0; i < grid; i++)
        stored->scales[i] = 0.001f + 0.01f * (float)rng_uniform(rng->seed, 77, (uint64_t)i);
    if (bias) {
        stored->bias = malloc((size_t)rows * sizeof(float));
        for (int64_t i = 0; i < rows; i++)
            stored->bias[i] = random_value(rng);
    }
}

static void stored_free(struct stored *stored)
{
    free(stored->bytes);
    free(stored->reads);
    free(stored->scales);
    free(stored->bias);
}

static octet_status stored_read(void *context, int64_t row, int64_t count, void *out,
                                struct octet_error *err)
{
    struct stored *stored = context;
    const struct linear_part *part = stored->part;
    size_t size = source_size(stored->source);
    size_t width = (size_t)(part->col_end - part->col_begin) * size;
    if (stored->refuse && row + count > stored->rows / 2)
        return error_set(err, OCTET_IO, "the disk is gone at row %d", (int)row);
    for (int64_t i = 0; i < count; i++) {
        __atomic_fetch_add(&stored->reads[row + i], 1, __ATOMIC_RELAXED);
        memcpy((char *)out + (size_t)i * width,
               stored->bytes + (size_t)((row + i) * stored->cols + part->col_begin) * size, width);
    }
    return OCTET_OK;
}

static void part_make(struct linear_part *part, struct stored *stored)
{
    bool fp8 = stored->source == SOURCE_F8_E4M3;
    *part = (struct linear_part){.name = "weight",
                                 .source = stored->source,
                                 .rows = stored->rows,
                                 .cols = stored->cols,
                                 .row_end = stored->rows,
                                 .col_end = stored->cols,
                                 .scales = fp8 ? stored->scales : NULL,
                                 .scale_block_rows = stored->block_rows,
                                 .scale_block_cols = stored->block_cols,
                                 .scale_grid_cols = stored->grid_cols,
                                 .bias = stored->bias,
                                 .read = stored_read,
                                 .context = stored};
    stored->part = part;
}

/* The weight as it is resident: a rounding to BF16 or F32 is part of the definition. */
static double stored_value(const struct bench *bench, const struct stored *stored,
                           enum weight_dtype resident, int64_t row, int64_t col)
{
    size_t index = (size_t)(row * stored->cols + col);
    uint16_t half = 0;
    float single = 0;
    if (source_size(stored->source) == 2)
        memcpy(&half, stored->bytes + index * 2, 2);
    if (source_size(stored->source) == 4)
        memcpy(&single, stored->bytes + index * 4, 4);
    double value = 0;
    switch (stored->source) {
    case SOURCE_F8_E4M3:
        value =
            (double)fp8_e4m3_to_f32(stored->bytes[index]) *
            (double)stored
                ->scales[row / stored->block_rows * stored->grid_cols + col / stored->block_cols];
        /* Blocks that no panel can carry become what the activations are. */
        if (stored->block_cols % 128 != 0 && stored->block_cols < stored->cols &&
            resident == WEIGHT_AUTO && bench->options.dtype == ACTIVATION_BF16)
            resident = WEIGHT_BF16;
        break;
    case SOURCE_BF16:
        value = (double)bf16_to_f32(half);
        break;
    case SOURCE_F16:
        value = (double)f16_to_f32(half);
        break;
    case SOURCE_F32:
        value = (double)single;
        break;
    }
    return resident == WEIGHT_BF16 ? (double)bf16_to_f32(bf16_from_f64(value)) : value;
}

enum { TOKENS = 11 };

static struct step_batch plain_batch(const int32_t *ids, const int32_t *rows)
{
    static const int32_t positions[TOKENS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const int32_t starts[2] = {0, TOKENS}, lengths[1] = {TOKENS}, table[1] = {0};
    return (struct step_batch){.token_count = TOKENS,
                               .token_ids = ids,
                               .positions = positions,
                               .slots = positions,
                               .sequence_count = 1,
                               .query_start = starts,
                               .lengths = lengths,
                               .block_tables = table,
                               .block_table_stride = 1,
                               .logit_row_count = 3,
                               .logit_rows = rows};
}

/* y of every row against the double sum, and logits of the first three rows of x. */
static void check_products(struct bench *bench, const struct linear_spec *spec,
                           const struct linear *linear, struct stored *stored, struct rng *rng)
{
    const struct linear_part *parts = spec->parts;
    size_t inputs = (size_t)(parts[0].col_end - parts[0].col_begin), outputs = 0;
    for (int p = 0; p < spec->part_count; p++)
        outputs += (size_t)(parts[p].row_end - parts[p].row_begin);
    int32_t ids[TOKENS] = {0}, rows[3] = {0, 1, 2};
    struct step_batch batch = plain_batch(ids, rows);
    struct buffer_handle x = bench_buffer(bench, TOKENS, inputs);
    struct buffer_handle y = bench_buffer(bench, TOKENS, outputs);
    float *xs = malloc(TOKENS * inputs * sizeof *xs), *ys = malloc(TOKENS * outputs * sizeof *ys);
    float *logits = malloc(3 * outputs * sizeof *logits);
    for (size_t i = 0; i < TOKENS * inputs; i++)
        xs[i] = random_value(rng);
    bench_put(bench, &x, xs, TOKENS);
    assert_int_equal(bench->ops->step_begin(bench->backend, &batch, NULL), OCTET_OK);
    assert_int_equal(bench->ops->linear(bench->backend, linear, x.address, y.address, NULL),
                     OCTET_OK);
    assert_int_equal(bench->ops->logits(bench->backend, linear, x.address, logits, NULL), OCTET_OK);
    assert_int_equal(bench->ops->step_end(bench->backend, NULL), OCTET_OK);
    bench_get(bench, &y, ys, TOKENS);
    size_t output = 0;
    for (int p = 0; p < spec->part_count; p++) {
        for (int64_t r = parts[p].row_begin; r < parts[p].row_end; r++, output++) {
            for (size_t t = 0; t < TOKENS; t++) {
                double sum = stored[p].bias ? (double)stored[p].bias[r] : 0, size = fabs(sum);
                for (size_t c = 0; c < inputs; c++) {
                    double term = (double)xs[t * inputs + c] *
                                  stored_value(bench, &stored[p], spec->resident, r,
                                               parts[p].col_begin + (int64_t)c);
                    sum += term;
                    size += fabs(term);
                }
                assert_near(bench, (double)ys[t * outputs + output], sum, size * 2e-6, "y",
                            t * outputs + output);
                if (t < 3 && fabs((double)logits[t * outputs + output] - sum) > size * 2e-6)
                    fail_msg("logit %zu of row %zu: found %.9g, expected %.9g", output, t,
                             (double)logits[t * outputs + output], sum);
            }
        }
    }
    free(xs);
    free(ys);
    free(logits);
    bench_buffer_free(bench, &x);
    bench_buffer_free(bench, &y);
}

/* embed gives the resident row, rounded to the activation type. */
static void check_embed(struct bench *bench, const struct linear_spec *spec,
                        const struct linear *linear, const struct stored *stored, struct rng *rng)
{
    size_t width = (size_t)stored->cols;
    int32_t ids[TOKENS], rows[3] = {0, 1, 2};
    for (int i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)rng_below(rng, (uint64_t)stored->rows);
    ids[0] = (int32_t)stored->rows - 1;
    struct step_batch batch = plain_batch(ids, rows);
    struct buffer_handle out = bench_buffer(bench, TOKENS, width);
    float *values = malloc(TOKENS * width * sizeof *values);
    assert_int_equal(bench->ops->step_begin(bench->backend, &batch, NULL), OCTET_OK);
    assert_int_equal(bench->ops->embed(bench->backend, linear, out.address, NULL), OCTET_OK);
    assert_int_equal(bench->ops->step_end(bench->backend, NULL), OCTET_OK);
    bench_get(bench, &out, values, TOKENS);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t c = 0; c < width; c++)
            assert_near(bench, (double)values[t * width + c],
                        stored_value(bench, stored, spec->resident, ids[t], (int64_t)c), 0, "embed",
                        t * width + c);
    free(values);
    bench_buffer_free(bench, &out);
}

static void check_single(struct bench *bench, enum weight_source source, enum weight_dtype resident,
                         int64_t rows, int64_t cols, int64_t block_rows, int64_t block_cols)
{
    struct rng rng = {test_seed(), (uint64_t)(rows * 1000 + cols), 0};
    struct stored stored;
    struct linear_part part;
    struct linear *linear;
    struct octet_error err = {0};
    stored_make(&stored, source, rows, cols, block_rows, block_cols, false, &rng);
    part_make(&part, &stored);
    struct linear_spec spec = {"single", &part, 1, resident};
    if (bench->ops->linear_create(bench->backend, &spec, &linear, &err) != OCTET_OK)
        fail_msg("linear_create: %s", err.message);
    for (int64_t r = 0; r < rows; r++)
        assert_int_equal(stored.reads[r], 1);
    assert_true(bench->ops->linear_bytes(&bench->options, &spec) >= (uint64_t)(rows * cols));
    check_products(bench, &spec, linear, &stored, &rng);
    check_embed(bench, &spec, linear, &stored, &rng);
    bench->ops->linear_free(bench->backend, linear);
    stored_free(&stored);
}

/* Three tensors of different forms and ragged sizes in one matrix, two of them with bias. */
static void check_fused(struct bench *bench)
{
    struct rng rng = {test_seed(), 3, 0};
    struct stored stored[3];
    struct linear_part parts[3];
    struct linear *linear;
    stored_make(&stored[0], SOURCE_F8_E4M3, 70, 300, 128, 128, true, &rng);
    stored_make(&stored[1], SOURCE_BF16, 33, 300, 1, 300, true, &rng);
    stored_make(&stored[2], SOURCE_F8_E4M3, 64, 300, 1, 300, false, &rng);
    for (int i = 0; i < 3; i++)
        part_make(&parts[i], &stored[i]);
    struct linear_spec spec = {"fused", parts, 3, WEIGHT_AUTO};
    assert_int_equal(bench->ops->linear_create(bench->backend, &spec, &linear, NULL), OCTET_OK);
    check_products(bench, &spec, linear, stored, &rng);
    bench->ops->linear_free(bench->backend, linear);
    for (int i = 0; i < 3; i++)
        stored_free(&stored[i]);
}

/* What one of several ranks holds: some rows of one tensor, or some columns. */
static void check_slices(struct bench *bench)
{
    for (int by_columns = 0; by_columns < 2; by_columns++) {
        struct rng rng = {test_seed(), 4, 0};
        struct stored stored;
        struct linear_part part;
        struct linear *linear;
        struct octet_error err = {0};
        stored_make(&stored, SOURCE_F8_E4M3, 200, 384, 128, 128, !by_columns, &rng);
        part_make(&part, &stored);
        part.row_begin = by_columns ? 0 : 67;
        part.row_end = by_columns ? 200 : 200;
        part.col_begin = by_columns ? 128 : 0;
        struct linear_spec spec = {"slice", &part, 1, WEIGHT_AUTO};
        assert_int_equal(bench->ops->linear_create(bench->backend, &spec, &linear, NULL), OCTET_OK);
        check_products(bench, &spec, linear, &stored, &rng);
        bench->ops->linear_free(bench->backend, linear);
        part.col_begin = 64;
        assert_int_equal(bench->ops->linear_create(bench->backend, &spec, &linear, &err),
                         OCTET_UNSUPPORTED);
        assert_null(linear);
        stored_free(&stored);
    }
}

static void check_read_error(struct bench *bench)
{
    struct rng rng = {test_seed(), 5, 0};
    struct stored stored;
    struct linear_part part;
    struct linear *linear;
    struct octet_error err = {0};
    stored_make(&stored, SOURCE_BF16, 500, 64, 1, 64, false, &rng);
    part_make(&part, &stored);
    stored.refuse = true;
    struct linear_spec spec = {"broken", &part, 1, WEIGHT_AUTO};
    assert_int_equal(bench->ops->linear_create(bench->backend, &spec, &linear, &err), OCTET_IO);
    assert_non_null(strstr(err.message, "the disk is gone"));
    assert_null(linear);
    stored_free(&stored);
}

void conformance_linear(const struct backend_ops *ops, const struct backend_options *options)
{
    struct bench bench;
    bench_open(&bench, ops, options);
    static const struct {
        enum weight_source source;
        int64_t rows, cols, block_rows, block_cols;
    } cases[] = {
        {SOURCE_F8_E4M3, 96, 256, 128, 128}, {SOURCE_F8_E4M3, 130, 300, 128, 128},
        {SOURCE_F8_E4M3, 100, 300, 64, 256}, {SOURCE_F8_E4M3, 100, 300, 48, 128},
        {SOURCE_F8_E4M3, 100, 130, 32, 64},  {SOURCE_F8_E4M3, 65, 77, 1, 77},
        {SOURCE_F8_E4M3, 40, 129, 40, 129},  {SOURCE_F8_E4M3, 1, 1, 128, 128},
        {SOURCE_BF16, 70, 200, 1, 200},      {SOURCE_F16, 35, 140, 1, 140},
        {SOURCE_F32, 35, 140, 1, 140},
    };
    static const enum weight_dtype residents[] = {WEIGHT_AUTO, WEIGHT_BF16, WEIGHT_F32};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t r = 0; r < 3; r++)
            check_single(&bench, cases[i].source, residents[r], cases[i].rows, cases[i].cols,
                         cases[i].block_rows, cases[i].block_cols);
    check_fused(&bench);
    check_slices(&bench);
    check_read_error(&bench);
    bench_close(&bench);
}
