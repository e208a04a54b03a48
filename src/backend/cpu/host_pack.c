/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From checkpoint bytes to packed panels. Each thread reads, packs and keeps the panels that it
 * will compute, through a window of a few hundred kilobytes, so the weights are never in memory
 * twice.
 */
#include "backend/cpu/host.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "numeric/half.h"

#define WINDOW_BYTES ((size_t)512 << 10)

static size_t part_rows(const struct linear_part *part)
{
    return (size_t)(part->row_end - part->row_begin);
}

static size_t part_cols(const struct linear_part *part)
{
    return (size_t)(part->col_end - part->col_begin);
}

static bool one_scale_column(const struct linear_part *part)
{
    return part->scale_block_cols >= part->cols;
}

/* Each block of 128 columns of this rank's slice has one scale a row. */
static bool scales_fit_panels(const struct linear_part *part)
{
    return one_scale_column(part) ||
           (part->scale_block_cols % PANEL_BLOCK == 0 && part->col_begin % PANEL_BLOCK == 0);
}

/* All rows of any panel share their scales. */
static bool scales_shared_by_rows(const struct linear_part *part)
{
    return part->scale_block_rows >= part->rows ||
           (part->scale_block_rows % PANEL_ROWS == 0 && part->row_begin % PANEL_ROWS == 0);
}

static enum panel_type panel_type_of(const struct backend_options *options,
                                     const struct linear_spec *spec, const struct linear_part *part)
{
    switch (spec->resident) {
    case WEIGHT_BF16:
        return PANEL_BF16;
    case WEIGHT_F32:
        return PANEL_F32;
    case WEIGHT_AUTO:
    case WEIGHT_FP8:
        break;
    }
    if (part->source == SOURCE_BF16)
        return PANEL_BF16;
    if (part->source != SOURCE_F8_E4M3)
        return PANEL_F32;
    if (scales_fit_panels(part))
        return PANEL_FP8;
    return options->dtype == ACTIVATION_F32 ? PANEL_F32 : PANEL_BF16;
}

void host_part_layout(const struct backend_options *options, const struct linear_spec *spec,
                      int part, struct part_layout *out)
{
    const struct linear_part *p = &spec->parts[part];
    size_t blocks = panel_blocks(part_cols(p));
    memset(out, 0, sizeof *out);
    out->type = panel_type_of(options, spec, p);
    out->panel_count = (part_rows(p) + PANEL_ROWS - 1) / PANEL_ROWS;
    out->panel_bytes = panel_bytes(out->type, part_cols(p));
    out->scaled = out->type == PANEL_FP8;
    if (!out->scaled)
        return;
    size_t rows = scales_shared_by_rows(p) ? 1 : PANEL_ROWS;
    size_t columns = one_scale_column(p) ? 1 : blocks;
    out->row_stride = rows == 1 ? 0 : 1;
    out->block_stride = columns == 1 ? 0 : rows;
    out->panel_stride = rows * columns;
    out->scale_floats = out->panel_stride;
}

uint64_t host_linear_bytes(const struct backend_options *options, const struct linear_spec *spec)
{
    uint64_t total = 0;
    for (int i = 0; i < spec->part_count; i++) {
        struct part_layout layout;
        host_part_layout(options, spec, i, &layout);
        total += (uint64_t)layout.panel_count *
                 (layout.panel_bytes + layout.scale_floats * sizeof(float));
        if (spec->parts[i].bias)
            total += part_rows(&spec->parts[i]) * sizeof(float);
    }
    return total;
}

struct pack_task {
    struct backend *backend;
    const struct linear_spec *spec;
    struct linear *linear;
    const struct part_layout *layouts; /* [part_count] */
    atomic_bool failed;
    octet_status *statuses;     /* [threads] */
    struct octet_error *errors; /* [threads] */
};

/* The scale of row `row` of this rank's slice over 128-column block `block` of it. */
static float scale_at(const struct linear_part *part, size_t row, size_t block)
{
    int64_t r = (part->row_begin + (int64_t)row) / part->scale_block_rows;
    int64_t column = part->col_begin + (int64_t)block * PANEL_BLOCK;
    int64_t c = one_scale_column(part) ? 0 : column / part->scale_block_cols;
    return part->scales[r * part->scale_grid_cols + c];
}

static void fill_scales(const struct linear_part *part, const struct part_layout *layout,
                        struct panel_run *run)
{
    size_t rows = layout->row_stride ? PANEL_ROWS : 1;
    size_t blocks = layout->panel_stride / rows;
    for (size_t first = 0; first < run->columns; first += PANEL_ROWS) {
        float *scales = run->scales + first / PANEL_ROWS * layout->panel_stride;
        for (size_t block = 0; block < blocks; block++)
            for (size_t r = 0; r < rows && first + r < run->columns; r++)
                scales[block * rows + r] = scale_at(part, run->first_row + first + r, block);
    }
}

/* Pack `count` <= 32 rows that lie at source; row: of the first, in this rank's slice. */
static void pack_panel(const struct pack_task *task, const struct linear_part *part,
                       const struct panel_run *run, const void *source, enum panel_type source_type,
                       size_t row, size_t count)
{
    const float *scale_rows[PANEL_ROWS];
    bool scaled = part->source == SOURCE_F8_E4M3 && run->type != PANEL_FP8;
    size_t scale_column =
        scaled && !one_scale_column(part) ? (size_t)(part->col_begin / part->scale_block_cols) : 0;
    for (size_t r = 0; scaled && r < count; r++) {
        int64_t grid_row = (part->row_begin + (int64_t)(row + r)) / part->scale_block_rows;
        scale_rows[r] = part->scales + grid_row * part->scale_grid_cols + scale_column;
    }
    struct pack_args args = {
        .source = source,
        .source_stride = part_cols(part),
        .source_type = source_type,
        .rows = count,
        .k = part_cols(part),
        .scale_rows = scaled ? scale_rows : NULL,
        .scale_block_k = one_scale_column(part) ? part_cols(part) : (size_t)part->scale_block_cols,
        .panel_type = run->type,
        .panel = run->panels + (row - run->first_row) / PANEL_ROWS * run->panel_stride};
    task->backend->kernels.pack(&args);
}

static void widen_f16(const uint16_t *in, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = f16_to_f32(in[i]);
}

/* Read and pack the rows of a run, a window at a time. */
static octet_status pack_rows(const struct pack_task *task, const struct linear_part *part,
                              const struct panel_run *run, struct octet_error *err)
{
    static const size_t source_sizes[] = {
        [SOURCE_F8_E4M3] = 1, [SOURCE_BF16] = 2, [SOURCE_F16] = 2, [SOURCE_F32] = 4};
    static const enum panel_type source_types[] = {[SOURCE_F8_E4M3] = PANEL_FP8,
                                                   [SOURCE_BF16] = PANEL_BF16,
                                                   [SOURCE_F16] = PANEL_F32,
                                                   [SOURCE_F32] = PANEL_F32};
    size_t size = source_sizes[part->source], cols = part_cols(part);
    size_t window = WINDOW_BYTES / (cols * size) / PANEL_ROWS * PANEL_ROWS;
    if (window == 0)
        window = PANEL_ROWS;
    size_t raw_bytes = (window * cols * size + 63) / 64 * 64;
    size_t wide_bytes = part->source == SOURCE_F16 ? window * cols * sizeof(float) : 0;
    char *raw = malloc(raw_bytes + wide_bytes);
    if (!raw)
        return error_memory(err, "loading window", raw_bytes + wide_bytes);
    octet_status status = OCTET_OK;
    for (size_t done = 0; done < run->columns && status == OCTET_OK; done += window) {
        size_t rows = run->columns - done < window ? run->columns - done : window;
        size_t row = run->first_row + done;
        if (atomic_load_explicit(&task->failed, memory_order_relaxed))
            break;
        status = part->read(part->context, part->row_begin + (int64_t)row, (int64_t)rows, raw, err);
        if (status != OCTET_OK)
            break;
        const char *source = raw;
        size_t source_size = size;
        if (part->source == SOURCE_F16) {
            widen_f16((const uint16_t *)(void *)raw, rows * cols,
                      (float *)(void *)(raw + raw_bytes));
            source = raw + raw_bytes;
            source_size = sizeof(float);
        }
        for (size_t r = 0; r < rows; r += PANEL_ROWS)
            pack_panel(task, part, run, source + r * cols * source_size, source_types[part->source],
                       row + r, rows - r < PANEL_ROWS ? rows - r : PANEL_ROWS);
    }
    free(raw);
    return status;
}

/* Panels first .. last-1 of a part become the thread's run. */
static octet_status pack_run(const struct pack_task *task, int thread, int part_index, size_t first,
                             size_t last, struct octet_error *err)
{
    const struct linear_part *part = &task->spec->parts[part_index];
    const struct part_layout *layout = &task->layouts[part_index];
    struct panel_arena *arena = &task->backend->threads[thread].arena;
    struct panel_run *run = &task->linear->runs[thread * LINEAR_PARTS_MAX + part_index];
    size_t rows = part_rows(part), panels = last - first;
    run->part = part_index;
    run->type = layout->type;
    run->first_row = first * PANEL_ROWS;
    run->first_out = task->linear->part_first_out[part_index] + run->first_row;
    run->columns = (last * PANEL_ROWS < rows ? last * PANEL_ROWS : rows) - run->first_row;
    run->panel_stride = layout->panel_bytes;
    run->scale_panel_stride = layout->panel_stride;
    run->scale_block_stride = layout->block_stride;
    run->scale_row_stride = layout->row_stride;
    run->panels = panel_arena_alloc(arena, panels * layout->panel_bytes);
    if (!run->panels)
        return error_memory(err, task->spec->name, panels * layout->panel_bytes);
    if (layout->scaled) {
        run->scales = panel_arena_alloc(arena, panels * layout->scale_floats * sizeof(float));
        if (!run->scales)
            return error_memory(err, task->spec->name, panels * layout->scale_floats);
        fill_scales(part, layout, run);
    }
    if (part->bias) {
        run->bias = panel_arena_alloc(arena, run->columns * sizeof(float));
        if (!run->bias)
            return error_memory(err, task->spec->name, run->columns * sizeof(float));
        memcpy(run->bias, part->bias + part->row_begin + run->first_row,
               run->columns * sizeof(float));
    }
    return pack_rows(task, part, run, err);
}

static void pack_thread(void *context, int thread, int thread_count)
{
    struct pack_task *task = context;
    size_t total = 0, begin, end, part_begin = 0;
    for (int i = 0; i < task->spec->part_count; i++)
        total += task->layouts[i].panel_count;
    pool_range(total, thread, thread_count, &begin, &end);
    octet_status status = OCTET_OK;
    for (int i = 0; i < task->spec->part_count && status == OCTET_OK; i++) {
        size_t part_end = part_begin + task->layouts[i].panel_count;
        size_t first = begin > part_begin ? begin : part_begin;
        size_t last = end < part_end ? end : part_end;
        if (first < last)
            status = pack_run(task, thread, i, first - part_begin, last - part_begin,
                              &task->errors[thread]);
        part_begin = part_end;
    }
    task->statuses[thread] = status;
    if (status != OCTET_OK)
        atomic_store_explicit(&task->failed, true, memory_order_relaxed);
}

static octet_status run_pack(struct pack_task *task, struct octet_error *err)
{
    size_t threads = (size_t)task->backend->thread_count;
    octet_status status = OCTET_OK;
    task->statuses = calloc(threads, sizeof *task->statuses);
    task->errors = calloc(threads, sizeof *task->errors);
    if (!task->statuses || !task->errors)
        status = error_memory(err, "packing", threads * sizeof *task->errors);
    else
        pool_run(task->backend->pool, pack_thread, task);
    for (size_t i = 0; status == OCTET_OK && i < threads; i++) {
        status = task->statuses[i];
        if (status != OCTET_OK && err)
            *err = task->errors[i];
    }
    free(task->errors);
    free(task->statuses);
    return status;
}

static void say_fallback(const struct linear_spec *spec, const struct part_layout *layouts)
{
    for (int i = 0; i < spec->part_count; i++) {
        const struct linear_part *part = &spec->parts[i];
        bool kept = spec->resident == WEIGHT_AUTO || spec->resident == WEIGHT_FP8;
        if (kept && part->source == SOURCE_F8_E4M3 && layouts[i].type != PANEL_FP8)
            log_info("%s: scale blocks of %" PRId64 " x %" PRId64
                     " do not fit panels of %d columns; kept as %s instead of FP8",
                     part->name, part->scale_block_rows, part->scale_block_cols, PANEL_BLOCK,
                     layouts[i].type == PANEL_F32 ? "float32" : "BF16");
    }
}

/* A cut through a scale block has no scale of its own. */
static octet_status check_slices(const struct linear_spec *spec, struct octet_error *err)
{
    for (int i = 0; i < spec->part_count; i++) {
        const struct linear_part *part = &spec->parts[i];
        if (part->source == SOURCE_F8_E4M3 && !one_scale_column(part) &&
            part->col_begin % part->scale_block_cols != 0)
            return error_set(err, OCTET_UNSUPPORTED,
                             "%s: a rank's columns begin at %" PRId64
                             ", inside a scale block of %" PRId64
                             " columns; use fewer tensor-parallel ranks",
                             part->name, part->col_begin, part->scale_block_cols);
    }
    return OCTET_OK;
}

octet_status host_linear_create(struct backend *backend, const struct linear_spec *spec,
                                struct linear **out, struct octet_error *err)
{
    *out = NULL;
    RETURN_IF_ERROR(check_slices(spec, err));
    struct part_layout layouts[LINEAR_PARTS_MAX];
    struct linear *linear = calloc(1, sizeof *linear);
    size_t runs = (size_t)backend->thread_count * LINEAR_PARTS_MAX;
    if (linear)
        linear->runs = calloc(runs, sizeof *linear->runs);
    if (!linear || !linear->runs) {
        free(linear);
        return error_memory(err, spec->name, runs * sizeof *linear->runs);
    }
    linear->thread_count = backend->thread_count;
    linear->inputs = part_cols(&spec->parts[0]);
    linear->blocks = panel_blocks(linear->inputs);
    for (int i = 0; i < spec->part_count; i++) {
        host_part_layout(&backend->options, spec, i, &layouts[i]);
        linear->part_first_out[i] = linear->outputs;
        linear->outputs += part_rows(&spec->parts[i]);
    }
    say_fallback(spec, layouts);
    struct pack_task task = {
        .backend = backend, .spec = spec, .linear = linear, .layouts = layouts};
    octet_status status = run_pack(&task, err);
    if (status != OCTET_OK) {
        host_linear_free(backend, linear);
        return status;
    }
    *out = linear;
    return OCTET_OK;
}

void host_linear_free(struct backend *backend, struct linear *linear)
{
    (void)backend;
    if (!linear)
        return;
    free(linear->runs);
    free(linear);
}
