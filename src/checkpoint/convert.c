/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "checkpoint/architecture_check.h"
#include "checkpoint/convert_output.h"
#include "checkpoint/convert_plan.h"
#include "checkpoint/tensor_pass.h"

#define SPACE_RESERVE ((uint64_t)16 << 20) /* folders, journal, and some air */
#define COPY_BYTES ((size_t)1 << 20)
#define NOTES_MAX ((size_t)4 << 20)

/* One run. Everything in it is owned by checkpoint_convert. */
struct conversion {
    const struct convert_options *options;
    const struct progress *progress;
    struct convert_result *result;
    struct checkpoint *source;
    struct convert_plan plan;
    struct output output;
    struct tensor_pass *pass;
    struct pass_item *items; /* of the shard at work */
    uint64_t done, total;    /* source bytes, for progress */
    bool architecture_unknown;
};

void convert_options_default(struct convert_options *options)
{
    *options = (struct convert_options){
        .max_shard_size = CONVERT_SHARD_DEFAULT, .threads = 1, .verify = true};
}

void convert_result_free(struct convert_result *result)
{
    free(result->notes);
    result->notes = NULL;
}

/* Open NAME.part of the output for writing, emptied, or as it is. */
static octet_status open_part(const struct conversion *run, const char *name, bool fresh,
                              struct file *out, struct octet_error *err)
{
    *out = (struct file){.fd = -1};
    char *path = output_path(&run->output, name, true);
    if (!path)
        return error_memory(err, "path", strlen(name));
    int fd = file_open_private(path, O_RDWR, !fresh);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0) {
        octet_status status = error_errno(err, errno, "cannot create", path);
        if (fd >= 0)
            close(fd);
        free(path);
        return status;
    }
    *out = (struct file){.fd = fd, .size = (uint64_t)size, .path = path};
    return OCTET_OK;
}

static octet_status flush_part(const struct file *file, struct octet_error *err)
{
    if (fsync(file->fd) != 0)
        return error_errno(err, errno, "cannot write to the disk", file->path);
    return OCTET_OK;
}

static size_t fill_items(const struct conversion *run, const struct planned_shard *shard,
                         const struct file *file)
{
    for (size_t i = 0; i < shard->count; i++)
        run->items[i] =
            (struct pass_item){.source = checkpoint_find(run->source, shard->tensors[i].name),
                               .file = file,
                               .offset = shard->tensors[i].offset};
    return shard->count;
}

/* Name tensor, position, found and expected of a difference. */
static octet_status refuse_difference(const struct pass_counts *counts, const char *path,
                                      struct octet_error *err)
{
    const struct tensor *tensor = counts->first;
    return error_set(err, OCTET_MISMATCH,
                     "%s: tensor '%s': %s %" PRIu64 " read back as 0x%04X, expected 0x%04X; the "
                     "source was changed meanwhile, or disk or memory is faulty: run again, and if "
                     "it stays, check the machine",
                     path, tensor->name, tensor->dtype == DTYPE_F8_E4M3 ? "element" : "byte",
                     counts->first_element, counts->found, counts->expected);
}

static octet_status compare_header(const struct file *file, const struct buffer *header,
                                   struct octet_error *err)
{
    char *found = malloc(header->size);
    if (!found)
        return error_memory(err, "safetensors header", header->size);
    octet_status status = file_read_at(file, 0, found, header->size, err);
    if (status == OCTET_OK && memcmp(found, header->data, header->size) != 0)
        status = error_set(err, OCTET_MISMATCH, "%s: the header read back differs; run again",
                           file->path);
    free(found);
    return status;
}

/* Compare a shard with the source. OCTET_MISMATCH says what differs. */
static octet_status verify_shard(struct conversion *run, const struct planned_shard *shard,
                                 const struct file *file, struct octet_error *err)
{
    if (file->size != shard->file_size)
        return error_set(err, OCTET_MISMATCH,
                         "%s: %" PRIu64 " bytes, expected %" PRIu64 "; run again", file->path,
                         file->size, shard->file_size);
    struct buffer header;
    buffer_init(&header, (size_t)1 << 30);
    octet_status status = convert_plan_header(shard, &header, err);
    if (status == OCTET_OK)
        status = compare_header(file, &header, err);
    buffer_free(&header);
    if (status != OCTET_OK)
        return status;
    struct pass_counts counts = {0};
    size_t count = fill_items(run, shard, file);
    status = tensor_pass_run(run->pass, run->source, PASS_COMPARE, run->items, count, "converting",
                             &run->done, run->total, run->progress, &counts, err);
    if (status == OCTET_OK && counts.different)
        status = refuse_difference(&counts, file->path, err);
    if (status == OCTET_OK) {
        run->result->verified_elements += counts.fp8_elements;
        run->result->verified_bytes += counts.plain_bytes;
    }
    return status;
}

static octet_status write_shard(struct conversion *run, const struct planned_shard *shard,
                                struct file *file, struct octet_error *err)
{
    /* Reserving the space makes a full disk an error now; not every file system can. */
    if (fallocate(file->fd, 0, 0, (off_t)shard->file_size) != 0 && errno == ENOSPC)
        return error_errno(err, ENOSPC, "cannot write", file->path);
    struct buffer header;
    buffer_init(&header, (size_t)1 << 30);
    octet_status status = convert_plan_header(shard, &header, err);
    if (status == OCTET_OK)
        status = file_write_at(file, 0, header.data, header.size, err);
    buffer_free(&header);
    if (status != OCTET_OK)
        return status;
    size_t count = fill_items(run, shard, file);
    RETURN_IF_ERROR(tensor_pass_run(run->pass, run->source, PASS_WRITE, run->items, count,
                                    "converting", &run->done, run->total, run->progress, NULL,
                                    err));
    RETURN_IF_ERROR(flush_part(file, err));
    file->size = shard->file_size;
    /* Verification should see the disk, not the cache. */
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    return OCTET_OK;
}

/* A shard that an earlier run finished: *good when it is what it should be. */
static octet_status recheck_shard(struct conversion *run, const struct planned_shard *shard,
                                  bool *good, struct octet_error *err)
{
    struct file file;
    uint64_t before = run->done;
    RETURN_IF_ERROR(open_part(run, shard->name, false, &file, err));
    octet_status status = verify_shard(run, shard, &file, err);
    file_close(&file);
    *good = status == OCTET_OK;
    run->done = before + (*good ? (run->options->verify ? 2 : 1) * shard->source_bytes : 0);
    return status == OCTET_MISMATCH || status == OCTET_INPUT ? OCTET_OK : status;
}

static octet_status convert_shard(struct conversion *run, size_t index, struct octet_error *err)
{
    const struct planned_shard *shard = &run->plan.shards[index];
    if (run->output.finished[index]) {
        bool good;
        RETURN_IF_ERROR(recheck_shard(run, shard, &good, err));
        if (good) {
            run->result->resumed_shards++;
            return OCTET_OK;
        }
        run->output.finished[index] = false;
    }
    struct file file;
    RETURN_IF_ERROR(open_part(run, shard->name, true, &file, err));
    octet_status status = write_shard(run, shard, &file, err);
    if (status == OCTET_OK && run->options->verify)
        status = verify_shard(run, shard, &file, err);
    file_close(&file);
    if (status != OCTET_OK)
        return status;
    run->output.finished[index] = true;
    return output_write_journal(&run->output, &run->plan, false, err);
}

/* Copy or compare one carried file. */
static octet_status copy_bytes(const struct file *from, const struct file *to, bool compare,
                               char *buffer, struct octet_error *err)
{
    for (uint64_t at = 0; at < from->size; at += COPY_BYTES) {
        size_t size = from->size - at < COPY_BYTES ? (size_t)(from->size - at) : COPY_BYTES;
        RETURN_IF_ERROR(file_read_at(from, at, buffer, size, err));
        if (!compare) {
            RETURN_IF_ERROR(file_write_at(to, at, buffer, size, err));
            continue;
        }
        RETURN_IF_ERROR(file_read_at(to, at, buffer + COPY_BYTES, size, err));
        if (memcmp(buffer, buffer + COPY_BYTES, size) != 0)
            return error_set(err, OCTET_MISMATCH,
                             "%s: what was read back differs from %s; the disk or memory is "
                             "faulty: run again, and check the machine",
                             to->path, from->path);
    }
    return OCTET_OK;
}

static octet_status carry_file(const struct conversion *run, const struct carried_file *carried,
                               char *buffer, struct octet_error *err)
{
    char *path = path_join(run->options->source, carried->name);
    struct file from = {.fd = -1}, to = {.fd = -1};
    octet_status status = path ? file_open(path, &from, err) : error_memory(err, "path", 0);
    free(path);
    if (status == OCTET_OK && from.size != carried->size)
        status = error_set(err, OCTET_INPUT,
                           "%s: changed during the conversion; run again when it rests", from.path);
    if (status == OCTET_OK)
        status = open_part(run, carried->name, true, &to, err);
    if (status == OCTET_OK)
        status = copy_bytes(&from, &to, false, buffer, err);
    if (status == OCTET_OK)
        status = flush_part(&to, err);
    if (status == OCTET_OK && run->options->verify)
        status = copy_bytes(&from, &to, true, buffer, err);
    file_close(&to);
    file_close(&from);
    return status;
}

static octet_status carry_files(struct conversion *run, struct octet_error *err)
{
    char *buffer = malloc(2 * COPY_BYTES);
    if (!buffer)
        return error_memory(err, "copy buffer", 2 * COPY_BYTES);
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < run->plan.carried_count && status == OCTET_OK; i++)
        status = carry_file(run, &run->plan.carried[i], buffer, err);
    free(buffer);
    return status;
}

static octet_status write_text(const struct conversion *run, const char *name,
                               const struct buffer *text, struct octet_error *err)
{
    struct file file;
    RETURN_IF_ERROR(open_part(run, name, true, &file, err));
    octet_status status = file_write_at(&file, 0, text->data, text->size, err);
    if (status == OCTET_OK)
        status = flush_part(&file, err);
    file_close(&file);
    return status;
}

static octet_status write_texts(const struct conversion *run, struct octet_error *err)
{
    struct buffer index;
    buffer_init(&index, (size_t)1 << 30);
    octet_status status = convert_plan_index(&run->plan, &index, err);
    if (status == OCTET_OK)
        status = write_text(run, CONVERT_INDEX, &index, err);
    buffer_free(&index);
    return status == OCTET_OK ? write_text(run, CONVERT_CONFIG, &run->plan.config, err) : status;
}

/* The folder to ask for free space: the output or its nearest ancestor that exists. */
static octet_status read_free_space(const char *output, uint64_t *bytes, struct octet_error *err)
{
    char *path = strdup(output);
    if (!path)
        return error_memory(err, "path", strlen(output));
    while (!directory_exists(path) && strcmp(path, ".") != 0) {
        char *slash = strrchr(path, '/');
        if (slash && slash != path) {
            *slash = '\0';
        } else {
            path[0] = slash ? '/' : '.';
            path[1] = '\0';
        }
    }
    octet_status status = file_free_space(path, bytes, err);
    free(path);
    return status;
}

static octet_status check_space(struct conversion *run, struct octet_error *err)
{
    struct convert_result *result = run->result;
    uint64_t there = output_part_bytes(&run->output, &run->plan);
    uint64_t whole = run->plan.output_bytes + run->plan.config.size + SPACE_RESERVE;
    result->needed_bytes = whole > there ? whole - there : 0;
    RETURN_IF_ERROR(read_free_space(run->options->output, &result->free_bytes, err));
    if (result->free_bytes >= result->needed_bytes)
        return OCTET_OK;
    char need[32], have[32];
    format_bytes(result->needed_bytes, need);
    format_bytes(result->free_bytes, have);
    return error_set(err, OCTET_IO,
                     "%s: the conversion needs %s, but only %s are free on that file system; free "
                     "some space or give a folder elsewhere",
                     run->options->output, need, have);
}

static octet_status write_everything(struct conversion *run, struct octet_error *err)
{
    RETURN_IF_ERROR(output_write_journal(&run->output, &run->plan, false, err));
    if (!progress_report(run->progress, "converting", 0, run->total))
        return error_set(err, OCTET_CANCELLED, "cancelled");
    for (size_t i = 0; i < run->plan.shard_count; i++)
        RETURN_IF_ERROR(convert_shard(run, i, err));
    RETURN_IF_ERROR(carry_files(run, err));
    RETURN_IF_ERROR(write_texts(run, err));
    return output_write_journal(&run->output, &run->plan, true, err);
}

/* Final names that hold exactly this conversion, checked as if it had just been written. */
static octet_status check_existing(struct conversion *run, bool *same, struct octet_error *err)
{
    *same = false;
    if (!output_complete(&run->output, &run->plan))
        return OCTET_OK;
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < run->plan.shard_count && status == OCTET_OK; i++) {
        struct file file = {.fd = -1};
        char *path = output_path(&run->output, run->plan.shards[i].name, false);
        status = path ? file_open(path, &file, err) : error_memory(err, "path", 0);
        free(path);
        if (status != OCTET_OK)
            break;
        status = verify_shard(run, &run->plan.shards[i], &file, err);
        file_close(&file);
    }
    *same = status == OCTET_OK;
    return status == OCTET_MISMATCH || status == OCTET_INPUT ? OCTET_OK : status;
}

static octet_status run_in_output(struct conversion *run, enum output_state state,
                                  struct octet_error *err)
{
    if (state == OUTPUT_OCCUPIED) {
        bool same;
        RETURN_IF_ERROR(check_existing(run, &same, err));
        if (!same)
            return error_set(err, OCTET_USAGE,
                             "%s: the folder is not empty; give another one, or --overwrite to "
                             "replace files of the same name",
                             run->options->output);
        run->result->already_complete = true;
        return OCTET_OK;
    }
    if (state == OUTPUT_COMMITTING && output_can_commit(&run->output, &run->plan))
        return output_commit(&run->output, &run->plan, err);
    RETURN_IF_ERROR(check_space(run, err));
    RETURN_IF_ERROR(write_everything(run, err));
    return output_commit(&run->output, &run->plan, err);
}

static octet_status write_output(struct conversion *run, struct octet_error *err)
{
    enum output_state state;
    RETURN_IF_ERROR(output_open(run->options->output, &run->plan, run->options->overwrite,
                                &run->output, &state, err));
    octet_status status = tensor_pass_create(run->options->threads, &run->pass, err);
    if (status == OCTET_OK)
        status = run_in_output(run, state, err);
    /* Bad input stays bad; anything else may go better next time and is kept for it. */
    bool keep = status == OCTET_OK || status == OCTET_CANCELLED || status == OCTET_IO ||
                status == OCTET_MEMORY || status == OCTET_USAGE;
    if (!keep)
        output_discard(&run->output, &run->plan);
    output_close(&run->output);
    return status;
}

/* Plan and report only: nothing is created. */
static octet_status dry_run(struct conversion *run, struct octet_error *err)
{
    enum output_state state;
    octet_status status = output_inspect(run->options->output, &run->plan, run->options->overwrite,
                                         &run->output, &state, err);
    if (status == OCTET_OK && state == OUTPUT_OCCUPIED &&
        !output_complete(&run->output, &run->plan))
        status = error_set(err, OCTET_USAGE,
                           "%s: the folder is not empty; give another one, or --overwrite to "
                           "replace files of the same name",
                           run->options->output);
    if (status == OCTET_OK)
        status = check_space(run, err);
    output_close(&run->output);
    return status;
}

/* Missing and extra tensors are known where the architecture is, and config.json describes it. */
static octet_status check_architecture(struct conversion *run, struct octet_error *err)
{
    struct model_config config;
    const struct json *json = checkpoint_config(run->source);
    run->architecture_unknown =
        !model_config_runs(json) ||
        model_config_parse(json, NULL, CONVERT_CONFIG, &config, NULL) != OCTET_OK;
    return run->architecture_unknown ? OCTET_OK
                                     : checkpoint_check_architecture(run->source, &config, err);
}

static octet_status collect_notes(const struct conversion *run, struct octet_error *err)
{
    struct buffer notes;
    buffer_init(&notes, NOTES_MAX);
    for (size_t i = 0; i < checkpoint_note_count(run->source); i++)
        buffer_printf(&notes, "%s\n", checkpoint_note(run->source, i));
    if (run->architecture_unknown)
        buffer_append_str(&notes, "config.json describes no architecture that octet runs: that no "
                                  "tensor is missing was not checked\n");
    if (run->plan.fp8_count == 0)
        buffer_append_str(&notes, "no tensor is FP8: the result is a copy\n");
    if (run->plan.notes)
        buffer_append_str(&notes, run->plan.notes);
    if (notes.size)
        run->result->notes = buffer_take(&notes, NULL);
    bool failed = buffer_failed(&notes);
    buffer_free(&notes);
    return failed ? error_memory(err, "notes", NOTES_MAX) : OCTET_OK;
}

static octet_status prepare(struct conversion *run, struct octet_error *err)
{
    const struct convert_options *options = run->options;
    struct convert_result *result = run->result;
    RETURN_IF_ERROR(checkpoint_open(options->source, &run->source, err));
    RETURN_IF_ERROR(output_check_place(options->source, options->output, err));
    RETURN_IF_ERROR(check_architecture(run, err));
    uint64_t shard_size = options->max_shard_size ? options->max_shard_size : CONVERT_SHARD_DEFAULT;
    RETURN_IF_ERROR(convert_plan_make(run->source, shard_size, &run->plan, err));
    size_t most = 0;
    for (size_t i = 0; i < run->plan.shard_count; i++) {
        most = run->plan.shards[i].count > most ? run->plan.shards[i].count : most;
        result->output_bytes += run->plan.shards[i].file_size;
    }
    run->items = calloc(most + 1, sizeof *run->items);
    if (!run->items)
        return error_memory(err, "shard table", (most + 1) * sizeof *run->items);
    for (size_t i = 0; i < checkpoint_file_count(run->source); i++)
        result->source_bytes += checkpoint_file_size(run->source, (int)i);
    result->shards = run->plan.shard_count;
    result->tensors = run->plan.tensor_count;
    result->fp8_tensors = run->plan.fp8_count;
    result->dropped_tensors = run->plan.dropped_count;
    result->carried_files = run->plan.carried_count;
    run->total = run->plan.source_bytes * (options->verify ? 2 : 1);
    return collect_notes(run, err);
}

octet_status checkpoint_convert(const struct convert_options *options,
                                const struct progress *progress, struct convert_result *result,
                                struct octet_error *err)
{
    uint64_t started = clock_now_ns();
    memset(result, 0, sizeof *result);
    struct conversion run = {
        .options = options, .progress = progress, .result = result, .output = {.lock_fd = -1}};
    octet_status status = prepare(&run, err);
    if (status == OCTET_OK)
        status = options->dry_run ? dry_run(&run, err) : write_output(&run, err);
    tensor_pass_free(run.pass);
    free(run.items);
    convert_plan_free(&run.plan);
    checkpoint_close(run.source);
    if (status != OCTET_OK)
        convert_result_free(result);
    result->seconds = clock_seconds_since(started);
    return status;
}
