/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The products of a decoder: in each layer q, k, v as one matrix, the attention output, gate and up
 * as one, and down. A thread's share of every matrix lies in its region in the order of use, so it
 * reads one sequential stream, and the threads meet after each matrix as in a model.
 */
#include "bench/kernel_bench_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
    const char *name;
    struct {
        size_t rows, columns;
    } matrices[4];
};

static const struct shape shapes[] = {
    {"0.6B", {{4096, 1024}, {1024, 2048}, {6144, 1024}, {1024, 3072}}},
    {"4B", {{6144, 2560}, {2560, 4096}, {19456, 2560}, {2560, 9728}}},
};

/* A run of matrices of one type over activations of m rows. */
struct products {
    struct bench *bench;
    enum panel_type type;
    const struct shape *shape; /* NULL: one matrix of head_rows x head_columns */
    size_t head_rows, head_columns;
    size_t m;
    size_t layers;
    void *x;       /* [m][widest] BF16 */
    float *out;    /* [m][tallest] */
    float *scales; /* enough for any panel run */
    size_t x_stride, out_stride;
    size_t layer, matrix; /* of the product that runs */
};

static void matrix_size(const struct products *p, size_t matrix, size_t *rows, size_t *columns)
{
    *rows = p->shape ? p->shape->matrices[matrix].rows : p->head_rows;
    *columns = p->shape ? p->shape->matrices[matrix].columns : p->head_columns;
}

/* The panels of a matrix that belong to a thread, and where they lie in its region. */
static size_t share_bytes(const struct products *p, size_t matrix, int thread, size_t *first,
                          size_t *panels)
{
    size_t rows, columns, end;
    matrix_size(p, matrix, &rows, &columns);
    pool_range(rows / PANEL_ROWS, thread, p->bench->threads, first, &end);
    *panels = end - *first;
    return *panels * panel_bytes(p->type, columns);
}

static size_t layer_bytes(const struct products *p, int thread)
{
    size_t first, panels, sum = 0;
    for (size_t i = 0; i < (p->shape ? 4 : 1); i++)
        sum += share_bytes(p, i, thread, &first, &panels);
    return sum;
}

static void run_product(void *context, int thread, int thread_count)
{
    struct products *p = context;
    struct bench *bench = p->bench;
    (void)thread_count;
    size_t rows, columns, first, panels, offset = p->layer * layer_bytes(p, thread);
    for (size_t i = 0; i < p->matrix; i++)
        offset += share_bytes(p, i, thread, &first, &panels);
    matrix_size(p, p->matrix, &rows, &columns);
    share_bytes(p, p->matrix, thread, &first, &panels);
    if (panels == 0)
        return;
    struct gemm_args args = {.m = p->m,
                             .blocks = panel_blocks(columns),
                             .x = p->x,
                             .x_stride = p->x_stride,
                             .panels = bench->regions[thread] + offset,
                             .panel_stride = panel_bytes(p->type, columns),
                             .columns = panels * PANEL_ROWS,
                             .scales = p->type == PANEL_FP8 ? p->scales : NULL,
                             .scale_panel_stride = panel_blocks(columns),
                             .scale_block_stride = 1,
                             .out = p->out + first * PANEL_ROWS,
                             .out_stride = p->out_stride,
                             .out_type = FLOAT_F32,
                             .scratch = bench->scratch[thread]};
    bench->kernels.gemm[p->type][FLOAT_BF16](&args);
}

/* All layers once; returns bytes of weights. */
static double run_layers(struct bench *bench, void *context)
{
    struct products *p = context;
    double bytes = 0;
    pool_begin(bench->pool);
    for (p->layer = 0; p->layer < p->layers; p->layer++) {
        for (p->matrix = 0; p->matrix < (p->shape ? 4 : 1); p->matrix++) {
            pool_run(bench->pool, run_product, p);
            size_t rows, columns;
            matrix_size(p, p->matrix, &rows, &columns);
            bytes += (double)(rows * columns * panel_element_size(p->type));
        }
    }
    pool_end(bench->pool);
    return bytes;
}

/* The same, counted in operations. */
static double run_layers_flop(struct bench *bench, void *context)
{
    const struct products *p = context;
    return run_layers(bench, context) / (double)panel_element_size(p->type) * 2.0 * (double)p->m;
}

static octet_status products_make(struct products *p, struct bench *bench, size_t m,
                                  struct octet_error *err)
{
    p->bench = bench;
    p->m = m;
    size_t tallest = 0, widest = 0, most = 0;
    for (size_t i = 0; i < (p->shape ? 4 : 1); i++) {
        size_t rows, columns;
        matrix_size(p, i, &rows, &columns);
        tallest = rows > tallest ? rows : tallest;
        widest = columns > widest ? columns : widest;
        size_t count = rows / PANEL_ROWS * panel_blocks(columns);
        most = count > most ? count : most;
    }
    p->x_stride = panel_blocks(widest) * PANEL_BLOCK;
    p->out_stride = tallest;
    p->x = malloc(m * p->x_stride * sizeof(uint16_t));
    p->out = malloc(m * tallest * sizeof(float));
    p->scales = malloc(most * sizeof(float));
    if (!p->x || !p->out || !p->scales)
        return error_memory(err, "activations of the kernel bench", m * tallest * sizeof(float));
    memset(p->out, 0, m * tallest * sizeof(float));
    for (size_t i = 0; i < m * p->x_stride; i++)
        ((uint16_t *)p->x)[i] = (uint16_t)(0x3F00 + i % 97);
    for (size_t i = 0; i < most; i++)
        p->scales[i] = 1e-3f;
    /* As many layers as fill the regions. */
    size_t fit = bench->region_bytes / layer_bytes(p, 0);
    p->layers = fit ? fit : 0;
    return OCTET_OK;
}

static void products_free(struct products *p)
{
    free(p->x);
    free(p->out);
    free(p->scales);
}

static octet_status one_case(struct bench *bench, struct products p, const char *label, size_t m,
                             bool prefill, struct octet_error *err)
{
    octet_status status = products_make(&p, bench, m, err);
    if (status == OCTET_OK && p.layers > 0) {
        char name[64];
        if (prefill) {
            p.layers = 1;
            snprintf(name, sizeof name, "prefill %zu tokens, %s", m, label);
            bench_against(bench, name, "GFLOP/s", run_layers_flop, &p, bench_probe_dot, "dot peak");
        } else {
            snprintf(name, sizeof name, "decode %zu sequence%s, %s", m, m == 1 ? "" : "s", label);
            bench_against(bench, name, "GB/s", run_layers, &p, bench_probe_read, "read bandwidth");
        }
    }
    products_free(&p);
    return status;
}

octet_status bench_products(struct bench *bench, struct octet_error *err)
{
    const size_t ms[] = {1, 2, 4, 8, 16};
    char label[32];
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct products p = {.type = PANEL_FP8, .shape = &shapes[s]};
        snprintf(label, sizeof label, "%s layers FP8", shapes[s].name);
        for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
            RETURN_IF_ERROR(one_case(bench, p, label, ms[i], false, err));
        struct products head = {
            .type = PANEL_BF16, .head_rows = 151936, .head_columns = shapes[s].matrices[0].columns};
        snprintf(label, sizeof label, "%s head BF16", shapes[s].name);
        RETURN_IF_ERROR(one_case(bench, head, label, 1, false, err));
    }
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct products p = {.type = PANEL_FP8, .shape = &shapes[s]};
        snprintf(label, sizeof label, "%s layers FP8", shapes[s].name);
        RETURN_IF_ERROR(one_case(bench, p, label, 512, true, err));
        p.type = PANEL_BF16;
        snprintf(label, sizeof label, "%s layers BF16", shapes[s].name);
        RETURN_IF_ERROR(one_case(bench, p, label, 512, true, err));
    }
    return OCTET_OK;
}
