/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/tensor_pass.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/dequantize.h"
#include "parallel/pool.h"

#define WINDOW_ELEMENTS ((uint64_t)256 << 10) /* FP8 elements a window, or half the plain bytes */
#define WINDOW_BYTES (2 * WINDOW_ELEMENTS)    /* of the converted form */
#define BATCH_WINDOWS 64                      /* between two reports of progress */

/* A run of one item: FP8 elements, or bytes of a plain tensor. */
struct window {
    const struct pass_item *item;
    const struct dequantizer *dequantizer; /* NULL: plain */
    uint64_t first, count;
    uint64_t different, different_at; /* results of PASS_COMPARE */
    uint16_t found, expected;
};

struct tensor_scales {
    float *scales;
    struct dequantizer dequantizer;
};

struct pass_worker {
    uint8_t *codes;   /* WINDOW_BYTES: codes, or plain bytes */
    uint8_t *result;  /* WINDOW_BYTES: converted, or read back */
    uint16_t *tables; /* DEQUANTIZE_TABLES_BYTES */
    octet_status status;
    size_t window; /* that failed */
    struct octet_error err;
};

struct tensor_pass {
    struct pool *pool;
    int threads;
    struct pass_worker *workers;
    /* The batch at work. */
    const struct checkpoint *source;
    enum pass_mode mode;
    struct window windows[BATCH_WINDOWS];
    struct tensor_scales scales[BATCH_WINDOWS];
    size_t window_count, scale_count;
    atomic_size_t next;
};

octet_status file_write_at(const struct file *file, uint64_t offset, const void *bytes, size_t size,
                           struct octet_error *err)
{
    const char *from = bytes;
    while (size) {
        ssize_t written = pwrite(file->fd, from, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(err, errno, "cannot write", file->path);
        from += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return OCTET_OK;
}

static octet_status make_pool(struct tensor_pass *pass, int threads, struct octet_error *err)
{
    octet_status status = pool_create(threads, &pass->pool, err);
    while (status != OCTET_OK && threads > 1) {
        threads /= 2;
        status = pool_create(threads, &pass->pool, err);
    }
    pass->threads = threads;
    return status;
}

static octet_status make_workers(struct tensor_pass *pass, struct octet_error *err)
{
    pass->workers = calloc((size_t)pass->threads, sizeof *pass->workers);
    if (!pass->workers)
        return error_memory(err, "conversion buffers", sizeof *pass->workers);
    for (int i = 0; i < pass->threads; i++) {
        struct pass_worker *worker = &pass->workers[i];
        worker->codes = malloc(WINDOW_BYTES);
        worker->result = malloc(WINDOW_BYTES);
        worker->tables = malloc(DEQUANTIZE_TABLES_BYTES);
        if (!worker->codes || !worker->result || !worker->tables)
            return error_memory(err, "conversion buffers", 2 * WINDOW_BYTES);
    }
    return OCTET_OK;
}

octet_status tensor_pass_create(int threads, struct tensor_pass **out, struct octet_error *err)
{
    *out = NULL;
    struct tensor_pass *pass = calloc(1, sizeof *pass);
    if (!pass)
        return error_memory(err, "conversion buffers", sizeof *pass);
    threads = threads < 1 ? 1 : threads;
    threads = threads > TENSOR_PASS_THREADS_MAX ? TENSOR_PASS_THREADS_MAX : threads;
    octet_status status = make_pool(pass, threads, err);
    if (status == OCTET_OK)
        status = make_workers(pass, err);
    if (status != OCTET_OK) {
        tensor_pass_free(pass);
        return status;
    }
    *out = pass;
    return OCTET_OK;
}

static void free_scales(struct tensor_pass *pass)
{
    for (size_t i = 0; i < pass->scale_count; i++)
        free(pass->scales[i].scales);
    pass->scale_count = 0;
    pass->window_count = 0;
}

void tensor_pass_free(struct tensor_pass *pass)
{
    if (!pass)
        return;
    free_scales(pass);
    for (int i = 0; pass->workers && i < pass->threads; i++) {
        free(pass->workers[i].codes);
        free(pass->workers[i].result);
        free(pass->workers[i].tables);
    }
    free(pass->workers);
    pool_free(pass->pool);
    free(pass);
}

/* The codes of a window, dequantised into worker->result. */
static octet_status convert_codes(const struct tensor_pass *pass, struct pass_worker *worker,
                                  const struct window *window)
{
    const struct tensor *tensor = window->item->source;
    octet_status status =
        checkpoint_check_codes(tensor, window->first, worker->codes, window->count, &worker->err);
    if (status == OCTET_OK && (pass->mode == PASS_WRITE || window->dequantizer->may_overflow)) {
        dequantize_bf16(window->dequantizer, window->first, worker->codes, window->count,
                        (uint16_t *)(void *)worker->result, worker->tables);
        status = dequantize_check_finite(window->dequantizer, tensor, window->first,
                                         (const uint16_t *)(const void *)worker->result,
                                         window->count, &worker->err);
    }
    if (status != OCTET_OK)
        error_prefix(&worker->err, status, "%s", checkpoint_tensor_path(pass->source, tensor));
    return status;
}

static void compare_plain(struct pass_worker *worker, struct window *window)
{
    if (!memcmp(worker->codes, worker->result, (size_t)window->count))
        return;
    for (uint64_t i = 0; i < window->count; i++) {
        if (worker->codes[i] == worker->result[i])
            continue;
        if (window->different++ == 0) {
            window->different_at = window->first + i;
            window->found = worker->result[i];
            window->expected = worker->codes[i];
        }
    }
}

static void compare_codes(struct pass_worker *worker, struct window *window)
{
    const uint16_t *written = (const uint16_t *)(const void *)worker->result;
    window->different =
        dequantize_compare(window->dequantizer, window->first, worker->codes, written,
                           window->count, &window->different_at, &window->expected);
    if (window->different)
        window->found = written[window->different_at - window->first];
}

static octet_status process(const struct tensor_pass *pass, struct pass_worker *worker,
                            struct window *window)
{
    const struct pass_item *item = window->item;
    bool fp8 = window->dequantizer != NULL;
    size_t source_size = (size_t)window->count;
    size_t result_size = fp8 ? 2 * source_size : source_size;
    uint64_t result_offset = item->offset + (fp8 ? 2 * window->first : window->first);
    if (pass->mode == PASS_SCAN && !fp8)
        return OCTET_OK;
    RETURN_IF_ERROR(checkpoint_read(pass->source, item->source, window->first, worker->codes,
                                    source_size, &worker->err));
    if (fp8)
        RETURN_IF_ERROR(convert_codes(pass, worker, window));
    if (pass->mode == PASS_WRITE)
        return file_write_at(item->file, result_offset, fp8 ? worker->result : worker->codes,
                             result_size, &worker->err);
    if (pass->mode == PASS_SCAN)
        return OCTET_OK;
    RETURN_IF_ERROR(
        file_read_at(item->file, result_offset, worker->result, result_size, &worker->err));
    if (fp8)
        compare_codes(worker, window);
    else
        compare_plain(worker, window);
    return OCTET_OK;
}

/* Windows are taken in ascending order, so the lowest one that fails is always reached. */
static void run_worker(void *context, int thread, int thread_count)
{
    (void)thread_count;
    struct tensor_pass *pass = context;
    struct pass_worker *worker = &pass->workers[thread];
    worker->status = OCTET_OK;
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pass->next, 1, memory_order_relaxed);
        if (index >= pass->window_count)
            return;
        worker->status = process(pass, worker, &pass->windows[index]);
        worker->window = index;
        if (worker->status != OCTET_OK)
            return;
    }
}

static void count_windows(const struct tensor_pass *pass, struct pass_counts *counts,
                          const struct tensor **last)
{
    for (size_t i = 0; i < pass->window_count; i++) {
        const struct window *window = &pass->windows[i];
        if (window->dequantizer)
            counts->fp8_elements += window->count;
        else if (pass->mode == PASS_COMPARE)
            counts->plain_bytes += window->count;
        if (!window->different)
            continue;
        counts->different += window->different;
        if (*last != window->item->source)
            counts->different_tensors++;
        *last = window->item->source;
        if (counts->first)
            continue;
        counts->first = window->item->source;
        counts->first_element = window->different_at;
        counts->found = window->found;
        counts->expected = window->expected;
    }
}

static octet_status run_batch(struct tensor_pass *pass, struct octet_error *err)
{
    atomic_store(&pass->next, 0);
    pool_run(pass->pool, run_worker, pass);
    const struct pass_worker *failed = NULL;
    for (int i = 0; i < pass->threads; i++) {
        const struct pass_worker *worker = &pass->workers[i];
        if (worker->status != OCTET_OK && (!failed || worker->window < failed->window))
            failed = worker;
    }
    if (!failed)
        return OCTET_OK;
    return error_set(err, failed->status, "%s", failed->err.message);
}

/* The scales of an item, read once and shared by its windows of this batch. */
static octet_status add_scales(struct tensor_pass *pass, const struct pass_item *item,
                               const struct dequantizer **out, struct octet_error *err)
{
    struct tensor_scales *slot = &pass->scales[pass->scale_count];
    RETURN_IF_ERROR(checkpoint_read_scales(pass->source, item->source, &slot->scales, err));
    pass->scale_count++;
    dequantizer_init(&slot->dequantizer, item->source, checkpoint_scale(pass->source, item->source),
                     slot->scales);
    *out = &slot->dequantizer;
    return OCTET_OK;
}

/* Where the next batch begins: an item and how much of it is done. */
struct cursor {
    size_t item;
    uint64_t done;
};

/* Fill the batch from the cursor on; *bytes receives its source bytes. */
static octet_status fill_batch(struct tensor_pass *pass, const struct pass_item *items,
                               size_t count, struct cursor *cursor, uint64_t *bytes,
                               struct octet_error *err)
{
    free_scales(pass);
    *bytes = 0;
    while (cursor->item < count && pass->window_count < BATCH_WINDOWS) {
        const struct pass_item *item = &items[cursor->item];
        const struct dequantizer *dequantizer = NULL;
        bool fp8 = checkpoint_role(pass->source, item->source) == ROLE_FP8;
        if (fp8)
            RETURN_IF_ERROR(add_scales(pass, item, &dequantizer, err));
        uint64_t whole = item->source->bytes, window = fp8 ? WINDOW_ELEMENTS : WINDOW_BYTES;
        while (cursor->done < whole && pass->window_count < BATCH_WINDOWS) {
            uint64_t left = whole - cursor->done;
            uint64_t part = left < window ? left : window;
            pass->windows[pass->window_count++] = (struct window){
                .item = item, .dequantizer = dequantizer, .first = cursor->done, .count = part};
            cursor->done += part;
            *bytes += part;
        }
        if (cursor->done == whole)
            *cursor = (struct cursor){cursor->item + 1, 0};
    }
    return OCTET_OK;
}

octet_status tensor_pass_run(struct tensor_pass *pass, const struct checkpoint *source,
                             enum pass_mode mode, const struct pass_item *items, size_t count,
                             const char *what, uint64_t *done, uint64_t total,
                             const struct progress *progress, struct pass_counts *counts,
                             struct octet_error *err)
{
    pass->source = source;
    pass->mode = mode;
    struct cursor cursor = {0, 0};
    uint64_t own_done = 0, bytes;
    struct pass_counts own_counts = {0};
    const struct tensor *last = NULL;
    done = done ? done : &own_done;
    counts = counts ? counts : &own_counts;
    octet_status status = OCTET_OK;
    while (cursor.item < count && status == OCTET_OK) {
        status = fill_batch(pass, items, count, &cursor, &bytes, err);
        if (status == OCTET_OK)
            status = run_batch(pass, err);
        if (status != OCTET_OK)
            break;
        count_windows(pass, counts, &last);
        *done += bytes;
        if (!progress_report(progress, what, *done, total))
            status = error_set(err, OCTET_CANCELLED, "cancelled");
    }
    free_scales(pass);
    return status;
}
