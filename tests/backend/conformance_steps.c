/* SPDX-License-Identifier: Apache-2.0 */
/* rms_norm, rope_kv, attention over paged KV, swiglu and the collective operations. */
#include "conformance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 3, LENGTH_MAX = 700 };

/* Three sequences that prefill in chunks of different sizes, their blocks dealt out in turn. */
struct scene {
    struct bench *bench;
    int32_t lengths[SEQUENCES], done[SEQUENCES];
    int32_t *tables; /* [SEQUENCES][stride] */
    int32_t stride;
    struct kv_cache *kv;
    float *k, *v; /* what the cache should hold: [SEQUENCES][LENGTH_MAX][kv_heads * head_dim] */
};

enum { LAYERS = 2, LAYER = 1 };

static void scene_make(struct scene *scene, struct bench *bench)
{
    static const int32_t lengths[SEQUENCES] = {LENGTH_MAX, 37, 530};
    const struct backend_options *options = &bench->options;
    int32_t size = options->block_size, next = 0;
    *scene = (struct scene){.bench = bench, .stride = (LENGTH_MAX + size - 1) / size};
    memcpy(scene->lengths, lengths, sizeof lengths);
    scene->tables = calloc((size_t)(SEQUENCES * scene->stride), sizeof *scene->tables);
    int32_t blocks = SEQUENCES * scene->stride;
    /* Backwards and interleaved, so that no table is a run of neighbours. */
    for (int32_t i = 0; i < scene->stride; i++)
        for (int32_t s = 0; s < SEQUENCES; s++)
            scene->tables[s * scene->stride + i] = blocks - 1 - next++;
    assert_int_equal(bench->ops->kv_create(bench->backend, LAYERS, blocks, &scene->kv, NULL),
                     OCTET_OK);
    assert_true(bench->ops->kv_block_bytes(options, LAYERS) > 0);
    size_t width = (size_t)(options->kv_heads * options->head_dim);
    scene->k = calloc(SEQUENCES * LENGTH_MAX * width, sizeof *scene->k);
    scene->v = calloc(SEQUENCES * LENGTH_MAX * width, sizeof *scene->v);
}

static void scene_free(struct scene *scene)
{
    scene->bench->ops->kv_free(scene->bench->backend, scene->kv);
    free(scene->tables);
    free(scene->k);
    free(scene->v);
}

/* Host arrays of one step. */
struct step_arrays {
    int32_t ids[512], positions[512], slots[512], starts[SEQUENCES + 1], lengths[SEQUENCES];
    int32_t sequence[512], tables[SEQUENCES * LENGTH_MAX], rows[512];
    struct step_batch batch;
};

/* Up to `chunk` tokens of each unfinished sequence; false when all are done. */
static bool scene_step(struct scene *scene, int32_t chunk, struct step_arrays *out)
{
    int32_t tokens = 0, sequences = 0, size = scene->bench->options.block_size;
    for (int32_t s = 0; s < SEQUENCES; s++) {
        int32_t left = scene->lengths[s] - scene->done[s];
        /* Odd sequences lag, so that prefill and decode meet in a step. */
        int32_t take = s % 2 ? (left > 0) : (left < chunk ? left : chunk);
        if (take == 0)
            continue;
        const int32_t *table = scene->tables + s * scene->stride;
        memcpy(out->tables + sequences * scene->stride, table,
               (size_t)scene->stride * sizeof *table);
        out->starts[sequences] = tokens;
        for (int32_t i = 0; i < take; i++, tokens++) {
            int32_t position = scene->done[s] + i;
            out->ids[tokens] = 0;
            out->sequence[tokens] = s;
            out->positions[tokens] = position;
            out->slots[tokens] = table[position / size] * size + position % size;
        }
        scene->done[s] += take;
        out->lengths[sequences++] = scene->done[s];
    }
    out->starts[sequences] = tokens;
    out->batch = (struct step_batch){.token_count = tokens,
                                     .token_ids = out->ids,
                                     .positions = out->positions,
                                     .slots = out->slots,
                                     .sequence_count = sequences,
                                     .query_start = out->starts,
                                     .lengths = out->lengths,
                                     .block_tables = out->tables,
                                     .block_table_stride = scene->stride,
                                     .logit_row_count = 0,
                                     .logit_rows = out->rows};
    return tokens > 0;
}

struct rotation {
    float *q_norm, *k_norm, *table;
    double eps;
};

/* The definition of norm and rotation for one head, in double. */
static void rotate(const struct bench *bench, const float *x, const float *weight,
                   const struct rotation *rotation, int32_t position, double *out)
{
    size_t n = (size_t)bench->options.head_dim, half = n / 2;
    const float *cos = rotation->table + (size_t)position * n, *sin = cos + half;
    double normed[512], sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    double factor = 1 / sqrt(sum / (double)n + rotation->eps);
    for (size_t i = 0; i < n; i++)
        normed[i] = weight ? (double)x[i] * factor * (double)weight[i] : (double)x[i];
    for (size_t i = 0; i < half; i++) {
        out[i] = normed[i] * (double)cos[i] - normed[i + half] * (double)sin[i];
        out[i + half] = normed[i + half] * (double)cos[i] + normed[i] * (double)sin[i];
    }
}

/* Softmax over the keys that the scene's own copy holds. */
static void attend(const struct scene *scene, const float *q, int32_t sequence, int32_t position,
                   size_t kv_head, double scale, double *out)
{
    size_t n = (size_t)scene->bench->options.head_dim;
    size_t width = n * (size_t)scene->bench->options.kv_heads;
    const float *k = scene->k + (size_t)sequence * LENGTH_MAX * width + kv_head * n;
    const float *v = scene->v + (size_t)sequence * LENGTH_MAX * width + kv_head * n;
    double scores[LENGTH_MAX], top = -INFINITY, total = 0;
    for (int32_t j = 0; j <= position; j++) {
        double dot = 0;
        for (size_t d = 0; d < n; d++)
            dot += (double)q[d] * (double)k[(size_t)j * width + d];
        scores[j] = dot * scale;
        top = fmax(top, scores[j]);
    }
    memset(out, 0, n * sizeof *out);
    for (int32_t j = 0; j <= position; j++) {
        double p = exp(scores[j] - top);
        total += p;
        for (size_t d = 0; d < n; d++)
            out[d] += p * (double)v[(size_t)j * width + d];
    }
    for (size_t d = 0; d < n; d++)
        out[d] /= total;
}

struct attention_buffers {
    struct buffer_handle qkv, q, out, q_norm, k_norm, table;
    float *qkv_values, *q_values, *out_values;
};

/* rope_kv of the step: q against the definition; k and v go into the scene's copy, rounded as
 * stored. */
static void check_rotation(struct scene *scene, const struct step_arrays *step,
                           const struct rotation *rotation, const struct attention_buffers *b,
                           bool normed)
{
    const struct bench *bench = scene->bench;
    size_t n = (size_t)bench->options.head_dim, heads = (size_t)bench->options.heads;
    size_t kv_heads = (size_t)bench->options.kv_heads, all = (heads + 2 * kv_heads) * n;
    double expected[512];
    for (int32_t t = 0; t < step->batch.token_count; t++) {
        const float *row = b->qkv_values + (size_t)t * all;
        size_t place = (size_t)(step->sequence[t] * LENGTH_MAX + step->positions[t]) * kv_heads * n;
        for (size_t h = 0; h < heads; h++) {
            rotate(bench, row + h * n, normed ? rotation->q_norm : NULL, rotation,
                   step->positions[t], expected);
            for (size_t d = 0; d < n; d++)
                assert_near(bench, (double)b->q_values[((size_t)t * heads + h) * n + d],
                            expected[d], 4e-6, "q", d);
        }
        for (size_t h = 0; h < kv_heads; h++) {
            rotate(bench, row + (heads + h) * n, normed ? rotation->k_norm : NULL, rotation,
                   step->positions[t], expected);
            for (size_t d = 0; d < n; d++) {
                scene->k[place + h * n + d] = (float)bench_round(bench, expected[d]);
                scene->v[place + h * n + d] = row[(heads + kv_heads + h) * n + d];
            }
        }
    }
}

static void check_attention(const struct scene *scene, const struct step_arrays *step,
                            const struct attention_buffers *b, double scale)
{
    const struct bench *bench = scene->bench;
    size_t n = (size_t)bench->options.head_dim, heads = (size_t)bench->options.heads;
    size_t group = heads / (size_t)bench->options.kv_heads;
    double expected[512], slack = bench->options.dtype == ACTIVATION_BF16 ? 4e-3 : 1e-5;
    for (int32_t t = 0; t < step->batch.token_count; t++) {
        /* Every query near the start and the borders of spans, a sample of the rest. */
        int32_t position = step->positions[t];
        if (position > 40 && (position < 500 || position > 530) && position % 29 != 0)
            continue;
        for (size_t h = 0; h < heads; h++) {
            const float *q = b->q_values + ((size_t)t * heads + h) * n;
            attend(scene, q, step->sequence[t], position, h / group, scale, expected);
            for (size_t d = 0; d < n; d++)
                assert_near(bench, (double)b->out_values[((size_t)t * heads + h) * n + d],
                            expected[d], slack, "attention", d);
        }
    }
}

static void run_attention_step(struct scene *scene, const struct step_arrays *step,
                               struct attention_buffers *b, const struct rotation *rotation,
                               bool normed, float scale)
{
    struct bench *bench = scene->bench;
    size_t tokens = (size_t)step->batch.token_count;
    struct rope_kv_op rope = {.qkv = b->qkv.address,
                              .q = b->q.address,
                              .q_norm = normed ? b->q_norm.address : NULL,
                              .k_norm = normed ? b->k_norm.address : NULL,
                              .eps = rotation->eps,
                              .rope_table = b->table.address,
                              .kv = scene->kv,
                              .layer = LAYER};
    struct attention_op attention = {
        .q = b->q.address, .out = b->out.address, .kv = scene->kv, .layer = LAYER, .scale = scale};
    bench_put(bench, &b->qkv, b->qkv_values, tokens);
    assert_int_equal(bench->ops->step_begin(bench->backend, &step->batch, NULL), OCTET_OK);
    assert_int_equal(bench->ops->rope_kv(bench->backend, &rope, NULL), OCTET_OK);
    assert_int_equal(bench->ops->attention(bench->backend, &attention, NULL), OCTET_OK);
    assert_int_equal(bench->ops->step_end(bench->backend, NULL), OCTET_OK);
    bench_get(bench, &b->q, b->q_values, tokens);
    bench_get(bench, &b->out, b->out_values, tokens);
}

static void attention_case(struct bench *bench, int32_t chunk, bool normed)
{
    const struct backend_options *options = &bench->options;
    size_t n = (size_t)options->head_dim, heads = (size_t)options->heads;
    size_t all = (heads + 2 * (size_t)options->kv_heads) * n;
    size_t most = (size_t)options->max_batch_tokens, length = (size_t)options->max_model_len;
    struct rng rng = {test_seed(), (uint64_t)chunk, 0};
    struct scene scene;
    struct rotation rotation = {.q_norm = malloc(n * 4),
                                .k_norm = malloc(n * 4),
                                .table = malloc(length * n * 4),
                                .eps = 1e-6};
    for (size_t i = 0; i < n; i++) {
        rotation.q_norm[i] = 1.0f + 0.3f * random_value(&rng);
        rotation.k_norm[i] = 1.0f + 0.3f * random_value(&rng);
    }
    for (size_t i = 0; i < length * n; i++)
        rotation.table[i] = random_value(&rng); /* any table defines the operation */
    for (size_t i = 0; i < length * n; i++)
        rotation.table[i] *= 0.7f;
    struct attention_buffers b = {.qkv = bench_buffer(bench, most, all),
                                  .q = bench_buffer(bench, most, heads * n),
                                  .out = bench_buffer(bench, most, heads * n),
                                  .q_norm = bench_vector(bench, rotation.q_norm, n),
                                  .k_norm = bench_vector(bench, rotation.k_norm, n),
                                  .table = bench_vector(bench, rotation.table, length * n),
                                  .qkv_values = malloc(most * all * 4),
                                  .q_values = malloc(most * heads * n * 4),
                                  .out_values = malloc(most * heads * n * 4)};
    static struct step_arrays step;
    scene_make(&scene, bench);
    float scale = 1.0f / sqrtf((float)n);
    while (scene_step(&scene, chunk, &step)) {
        for (size_t i = 0; i < (size_t)step.batch.token_count * all; i++)
            b.qkv_values[i] = random_value(&rng);
        run_attention_step(&scene, &step, &b, &rotation, normed, scale);
        check_rotation(&scene, &step, &rotation, &b, normed);
        check_attention(&scene, &step, &b, (double)scale);
    }
    scene_free(&scene);
    struct buffer_handle *handles[] = {&b.qkv, &b.q, &b.out, &b.q_norm, &b.k_norm, &b.table};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        bench_buffer_free(bench, handles[i]);
    free(b.qkv_values);
    free(b.q_values);
    free(b.out_values);
    free(rotation.q_norm);
    free(rotation.k_norm);
    free(rotation.table);
}

enum { ROWS = 9 };

static struct step_batch row_batch(void)
{
    static const int32_t ids[ROWS] = {0}, positions[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t starts[2] = {0, ROWS}, length = ROWS, table = 0, rows[3] = {1, 4, 8};
    return (struct step_batch){.token_count = ROWS,
                               .token_ids = ids,
                               .positions = positions,
                               .slots = positions,
                               .sequence_count = 1,
                               .query_start = starts,
                               .lengths = &length,
                               .block_tables = &table,
                               .block_table_stride = 1,
                               .logit_row_count = 3,
                               .logit_rows = rows};
}

/* One row of rms_norm: x plus residual rounded, its norm times the weight. */
static void check_norm_row(const struct bench *bench, const float *x, const float *residual,
                           const float *weight, size_t width, double eps, const float *out,
                           const float *residual_after)
{
    double sum = 0, *total = malloc(width * sizeof *total);
    for (size_t i = 0; i < width; i++) {
        total[i] = bench_round(bench, (double)x[i] + (residual ? (double)residual[i] : 0));
        sum += total[i] * total[i];
        if (residual_after)
            assert_true((double)residual_after[i] == total[i]);
    }
    double factor = 1 / sqrt(sum / (double)width + eps);
    for (size_t i = 0; i < width; i++)
        assert_near(bench, (double)out[i], total[i] * factor * (double)weight[i], 2e-6, "norm", i);
    free(total);
}

static void norm_case(struct bench *bench, size_t width, bool with_residual, bool chosen)
{
    struct rng rng = {test_seed(), width, 0};
    struct step_batch batch = row_batch();
    size_t n = ROWS * width, rows = chosen ? 3 : ROWS;
    float *x = malloc(n * 4), *residual = malloc(n * 4), *weight = malloc(width * 4);
    float *out = malloc(n * 4), *after = malloc(n * 4);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_value(&rng);
        residual[i] = random_value(&rng);
    }
    for (size_t i = 0; i < width; i++)
        weight[i] = random_value(&rng);
    struct buffer_handle bx = bench_buffer(bench, ROWS, width);
    struct buffer_handle br = bench_buffer(bench, ROWS, width);
    struct buffer_handle bo = bench_buffer(bench, ROWS, width);
    struct buffer_handle bw = bench_vector(bench, weight, width);
    bench_put(bench, &bx, x, ROWS);
    bench_put(bench, &br, residual, ROWS);
    struct rms_norm_op op = {.x = bx.address,
                             .residual = with_residual ? br.address : NULL,
                             .weight = bw.address,
                             .out = chosen ? bo.address : bx.address, /* in place */
                             .width = (int32_t)width,
                             .eps = 1e-5,
                             .chosen_rows = chosen};
    assert_int_equal(bench->ops->step_begin(bench->backend, &batch, NULL), OCTET_OK);
    assert_int_equal(bench->ops->rms_norm(bench->backend, &op, NULL), OCTET_OK);
    assert_int_equal(bench->ops->step_end(bench->backend, NULL), OCTET_OK);
    bench_get(bench, chosen ? &bo : &bx, out, rows);
    bench_get(bench, &br, after, ROWS);
    for (size_t r = 0; r < rows; r++) {
        size_t row = chosen ? (size_t)batch.logit_rows[r] : r;
        check_norm_row(bench, x + row * width, with_residual ? residual + row * width : NULL,
                       weight, width, 1e-5, out + r * width,
                       with_residual && !chosen ? after + row * width : NULL);
    }
    if (!with_residual || chosen)
        assert_memory_equal(after, residual, n * 4);
    struct buffer_handle *handles[] = {&bx, &br, &bo, &bw};
    for (size_t i = 0; i < 4; i++)
        bench_buffer_free(bench, handles[i]);
    free(x);
    free(residual);
    free(weight);
    free(out);
    free(after);
}

static void swiglu_case(struct bench *bench, size_t width)
{
    struct rng rng = {test_seed(), width, 0};
    struct step_batch batch = row_batch();
    float *in = malloc(ROWS * 2 * width * 4), *out = malloc(ROWS * 2 * width * 4);
    for (size_t i = 0; i < ROWS * 2 * width; i++)
        in[i] = 4 * random_value(&rng);
    struct buffer_handle bi = bench_buffer(bench, ROWS, 2 * width);
    struct buffer_handle bo = bench_buffer(bench, ROWS, width);
    struct buffer_handle gathered = bench_buffer(bench, ROWS, width);
    bench_put(bench, &bi, in, ROWS);
    assert_int_equal(bench->ops->step_begin(bench->backend, &batch, NULL), OCTET_OK);
    assert_int_equal(
        bench->ops->swiglu(bench->backend, bi.address, bo.address, (int32_t)width, NULL), OCTET_OK);
    /* On one rank the collective operations are identities. */
    assert_int_equal(bench->ops->all_reduce(bench->backend, bo.address, (int32_t)width, NULL),
                     OCTET_OK);
    assert_int_equal(
        bench->ops->all_gather(bench->backend, bo.address, gathered.address, (int32_t)width, NULL),
        OCTET_OK);
    assert_int_equal(bench->ops->step_end(bench->backend, NULL), OCTET_OK);
    bench_get(bench, &gathered, out, ROWS);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < width; i++) {
            double gate = (double)in[r * 2 * width + i], up = (double)in[r * 2 * width + width + i];
            double expected = gate / (1 + exp(-gate)) * up;
            assert_near(bench, (double)out[r * width + i], expected, fabs(expected) * 2e-6,
                        "swiglu", i);
        }
    }
    bench_buffer_free(bench, &bi);
    bench_buffer_free(bench, &bo);
    bench_buffer_free(bench, &gathered);
    free(in);
    free(out);
}

void conformance_steps(const struct backend_ops *ops, const struct backend_options *options)
{
    struct bench bench;
    bench_open(&bench, ops, options);
    assert_true(ops->scratch_bytes(options) > 0);
    assert_int_equal(ops->synchronize(bench.backend, NULL), OCTET_OK);
    for (int residual = 0; residual < 2; residual++)
        for (int chosen = 0; chosen < 2; chosen++)
            norm_case(&bench, residual ? 200 : 128, residual, chosen);
    swiglu_case(&bench, 77);
    swiglu_case(&bench, 1300);
    attention_case(&bench, 150, true);
    attention_case(&bench, 23, false);
    bench_close(&bench);
}
