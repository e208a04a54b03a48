/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/convert_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/json.h"

#define JOURNAL_FORMAT 1
#define JOURNAL_BYTES_MAX ((size_t)64 << 20)

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && !strcmp(text + length - tail, suffix);
}

char *output_path(const struct output *output, const char *name, bool part)
{
    struct buffer full;
    buffer_init(&full, PATH_MAX * 2);
    buffer_printf(&full, "%s/%s%s", output->directory, name, part ? ".part" : "");
    char *path = buffer_failed(&full) ? NULL : buffer_take(&full, NULL);
    buffer_free(&full);
    return path;
}

/* Size of a file of the output, or -1. blocks: what it takes on the disk instead. */
static int64_t size_of(const struct output *output, const char *name, bool part, bool blocks)
{
    char *path = output_path(output, name, part);
    struct stat info;
    int64_t size = -1;
    if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode))
        size = blocks ? (int64_t)info.st_blocks * 512 : (int64_t)info.st_size;
    free(path);
    return size;
}

/* The longest part of path that exists, resolved; the rest is appended as it is. malloc'ed. */
static char *resolve(const char *path)
{
    char *whole = realpath(path, NULL);
    if (whole)
        return whole;
    char *head = strdup(path);
    if (!head)
        return NULL;
    for (size_t length = strlen(head); length && head[length - 1] == '/';)
        head[--length] = '\0';
    char *slash = strrchr(head, '/');
    const char *tail = slash ? slash + 1 : head;
    char *result = NULL;
    char *parent = NULL;
    if (slash && slash != head) {
        *slash = '\0';
        parent = resolve(head);
    } else {
        parent = strdup(slash ? "/" : ".");
        char *real = parent ? realpath(parent, NULL) : NULL;
        free(parent);
        parent = real;
    }
    if (parent)
        result = path_join(parent, tail);
    free(parent);
    free(head);
    return result;
}

static bool is_inside(const char *inner, const char *outer)
{
    size_t length = strlen(outer);
    if (!strcmp(outer, "/"))
        return true;
    return !strncmp(inner, outer, length) && (inner[length] == '/' || inner[length] == '\0');
}

octet_status output_check_place(const char *source, const char *output, struct octet_error *err)
{
    if (file_exists(output) && !directory_exists(output))
        return error_set(err, OCTET_USAGE, "%s: a file, expected a folder to write to", output);
    char *from = resolve(source), *to = resolve(output);
    octet_status status = OCTET_OK;
    if (!from || !to)
        status = error_memory(err, "path", strlen(output));
    else if (is_inside(to, from))
        status = error_set(err, OCTET_USAGE,
                           "%s: the output lies in the checkpoint %s itself; give a folder "
                           "elsewhere",
                           output, source);
    else if (is_inside(from, to))
        status = error_set(err, OCTET_USAGE,
                           "%s: the output folder holds the checkpoint %s; give a folder of its "
                           "own",
                           output, source);
    free(from);
    free(to);
    return status;
}

/* Read the journal into output->finished. *same: it belongs to this plan. */
static octet_status read_journal(struct output *output, const struct convert_plan *plan,
                                 bool *found, bool *same, bool *committing, struct octet_error *err)
{
    *found = *same = *committing = false;
    char *path = output_path(output, CONVERT_JOURNAL, false);
    if (!path)
        return error_memory(err, "path", PATH_MAX);
    *found = file_exists(path);
    struct json *journal = NULL;
    octet_status status = *found ? json_load(path, JOURNAL_BYTES_MAX, &journal, err) : OCTET_OK;
    free(path);
    if (status == OCTET_INPUT) /* written atomically, so not ours: treated as another's */
        return OCTET_OK;
    if (!journal)
        return status;
    const char *identity = json_string(json_get(journal, "identity"));
    *same = json_integer(json_get(journal, "format"), 0) == JOURNAL_FORMAT && identity &&
            !strcmp(identity, plan->identity);
    *committing = *same && json_bool(json_get(journal, "committing"), false);
    const struct json *finished = json_get(journal, "finished");
    for (size_t i = 0; *same && i < json_count(finished); i++) {
        const char *name = json_string(json_at(finished, i));
        for (size_t j = 0; name && j < plan->shard_count; j++) {
            if (!strcmp(name, plan->shards[j].name))
                output->finished[j] = true;
        }
    }
    json_free(journal);
    return OCTET_OK;
}

static octet_status count_entries(const char *directory, size_t *others, struct octet_error *err)
{
    char **names = NULL;
    size_t count = 0;
    *others = 0;
    if (!directory_exists(directory))
        return OCTET_OK;
    RETURN_IF_ERROR(directory_list(directory, &names, &count, err));
    for (size_t i = 0; i < count; i++)
        *others += strcmp(names[i], CONVERT_JOURNAL) != 0 &&
                   strcmp(names[i], CONVERT_JOURNAL ".part") != 0;
    free(names);
    return OCTET_OK;
}

octet_status output_inspect(const char *directory, const struct convert_plan *plan, bool overwrite,
                            struct output *out, enum output_state *state, struct octet_error *err)
{
    if (!out->finished) {
        *out = (struct output){.directory = directory, .lock_fd = -1};
        out->shard_count = plan->shard_count;
        out->finished = calloc(plan->shard_count + 1, sizeof *out->finished);
        if (!out->finished)
            return error_memory(err, "shard table", plan->shard_count + 1);
    }
    bool found, same, committing;
    size_t others;
    RETURN_IF_ERROR(read_journal(out, plan, &found, &same, &committing, err));
    RETURN_IF_ERROR(count_entries(directory, &others, err));
    if (same)
        *state = committing ? OUTPUT_COMMITTING : OUTPUT_UNFINISHED;
    else if (overwrite || (others == 0 && !found))
        *state = OUTPUT_EMPTY;
    else if (found)
        return error_set(err, OCTET_USAGE,
                         "%s: holds an unfinished conversion of another checkpoint or with another "
                         "shard size; give another folder, or --overwrite to start anew",
                         directory);
    else
        *state = OUTPUT_OCCUPIED;
    return OCTET_OK;
}

octet_status output_open(const char *directory, const struct convert_plan *plan, bool overwrite,
                         struct output *out, enum output_state *state, struct octet_error *err)
{
    *out = (struct output){.directory = directory, .lock_fd = -1};
    bool existed = directory_exists(directory);
    RETURN_IF_ERROR(directory_create(directory, err));
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot open", directory);
    /* Network file systems refuse a lock on a folder; then two runs are the user's care. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        return error_set(err, OCTET_STATE,
                         "%s: another conversion is writing there; wait for it, or give another "
                         "folder",
                         directory);
    }
    octet_status status = output_inspect(directory, plan, overwrite, out, state, err);
    out->lock_fd = fd;
    out->created = !existed;
    if (status != OCTET_OK)
        output_close(out);
    return status;
}

void output_close(struct output *output)
{
    free(output->finished);
    output->finished = NULL;
    if (output->lock_fd >= 0)
        close(output->lock_fd);
    output->lock_fd = -1;
}

octet_status output_write_journal(const struct output *output, const struct convert_plan *plan,
                                  bool committing, struct octet_error *err)
{
    struct json *journal = json_new_object(), *finished = json_new_array();
    bool made = journal && finished;
    for (size_t i = 0; i < output->shard_count && made; i++) {
        if (output->finished[i])
            made = json_push(finished, json_new_string(plan->shards[i].name));
    }
    made = made && json_set(journal, "format", json_new_integer(JOURNAL_FORMAT)) &&
           json_set(journal, "identity", json_new_string(plan->identity)) &&
           json_set(journal, "committing", json_new_bool(committing));
    if (made) {
        made = json_set(journal, "finished", finished);
        finished = NULL;
    }
    struct buffer text;
    buffer_init(&text, JOURNAL_BYTES_MAX);
    made = made && json_dump(journal, 2, &text);
    char *path = output_path(output, CONVERT_JOURNAL, false);
    octet_status status = made && path ? file_write_all(path, text.data, text.size, err)
                                       : error_memory(err, "journal", text.size);
    free(path);
    buffer_free(&text);
    json_free(finished);
    json_free(journal);
    return status;
}

/* Call visit(name, size) for every file of the plan in the order of renaming. */
typedef octet_status output_visit(const struct output *output, const char *name, uint64_t size,
                                  void *context, struct octet_error *err);

static octet_status visit_files(const struct output *output, const struct convert_plan *plan,
                                output_visit *visit, void *context, struct octet_error *err)
{
    for (size_t i = 0; i < plan->carried_count; i++)
        RETURN_IF_ERROR(visit(output, plan->carried[i].name, plan->carried[i].size, context, err));
    for (size_t i = 0; i < plan->shard_count; i++)
        RETURN_IF_ERROR(
            visit(output, plan->shards[i].name, plan->shards[i].file_size, context, err));
    struct buffer index;
    buffer_init(&index, (size_t)1 << 30);
    octet_status status = convert_plan_index(plan, &index, err);
    uint64_t size = index.size;
    buffer_free(&index);
    if (status == OCTET_OK)
        status = visit(output, CONVERT_INDEX, size, context, err);
    return status == OCTET_OK ? visit(output, CONVERT_CONFIG, plan->config.size, context, err)
                              : status;
}

static octet_status add_part_bytes(const struct output *output, const char *name, uint64_t size,
                                   void *context, struct octet_error *err)
{
    (void)err;
    uint64_t *sum = context;
    int64_t blocks = size_of(output, name, true, true);
    if (blocks > 0)
        *sum += (uint64_t)blocks < size ? (uint64_t)blocks : size;
    return OCTET_OK;
}

uint64_t output_part_bytes(const struct output *output, const struct convert_plan *plan)
{
    uint64_t sum = 0;
    visit_files(output, plan, add_part_bytes, &sum, NULL);
    return sum;
}

static octet_status check_final(const struct output *output, const char *name, uint64_t size,
                                void *context, struct octet_error *err)
{
    (void)context;
    if (size_of(output, name, false, false) == (int64_t)size)
        return OCTET_OK;
    return error_set(err, OCTET_INPUT, "%s: absent or of another size", name);
}

static octet_status check_present(const struct output *output, const char *name, uint64_t size,
                                  void *context, struct octet_error *err)
{
    if (size_of(output, name, true, false) == (int64_t)size)
        return OCTET_OK;
    return check_final(output, name, size, context, err);
}

bool output_can_commit(const struct output *output, const struct convert_plan *plan)
{
    return visit_files(output, plan, check_present, NULL, NULL) == OCTET_OK;
}

static bool is_planned(const struct convert_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->shard_count; i++) {
        if (!strcmp(name, plan->shards[i].name))
            return true;
    }
    return !strcmp(name, CONVERT_INDEX);
}

/* Weights of an earlier checkpoint in the folder, which would be read with the new ones. */
static bool is_stale(const struct convert_plan *plan, const char *name)
{
    char whole[CONVERT_NAME_MAX];
    size_t length = strlen(name);
    if (ends_with(name, ".safetensors.part")) { /* of a run with other options */
        if (length - strlen(".part") >= sizeof whole)
            return true;
        memcpy(whole, name, length - strlen(".part"));
        whole[length - strlen(".part")] = '\0';
        return !is_planned(plan, whole);
    }
    bool weights = ends_with(name, ".safetensors") || ends_with(name, ".safetensors.index.json") ||
                   !strcmp(name, "hf_quant_config.json");
    return weights && !is_planned(plan, name);
}

static octet_status for_stale(const struct output *output, const struct convert_plan *plan,
                              bool remove, size_t *count, struct octet_error *err)
{
    char **names = NULL;
    size_t total = 0;
    *count = 0;
    RETURN_IF_ERROR(directory_list(output->directory, &names, &total, err));
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < total && status == OCTET_OK; i++) {
        if (!is_stale(plan, names[i]))
            continue;
        ++*count;
        char *path = remove ? output_path(output, names[i], false) : NULL;
        if (remove && !path)
            status = error_memory(err, "path", PATH_MAX);
        else if (remove && unlink(path) != 0 && errno != ENOENT)
            status = error_errno(err, errno, "cannot remove", path);
        free(path);
    }
    free(names);
    return status;
}

bool output_complete(const struct output *output, const struct convert_plan *plan)
{
    size_t stale = 0;
    return visit_files(output, plan, check_final, NULL, NULL) == OCTET_OK &&
           for_stale(output, plan, false, &stale, NULL) == OCTET_OK && stale == 0;
}

static octet_status rename_part(const struct output *output, const char *name, uint64_t size,
                                void *context, struct octet_error *err)
{
    (void)size;
    (void)context;
    char *part = output_path(output, name, true), *final = output_path(output, name, false);
    octet_status status = OCTET_OK;
    if (!part || !final)
        status = error_memory(err, "path", PATH_MAX);
    else if (rename(part, final) != 0 && (errno != ENOENT || !file_exists(final)))
        status = error_errno(err, errno, "cannot rename to its final name", part);
    free(part);
    free(final);
    return status;
}

static octet_status sync_directory(const struct output *output, struct octet_error *err)
{
    if (output->lock_fd >= 0 && fsync(output->lock_fd) != 0 && errno != EINVAL)
        return error_errno(err, errno, "cannot write to the disk", output->directory);
    return OCTET_OK;
}

/* While names change, no config.json says that this is a checkpoint. */
static void hide_old_config(const struct output *output)
{
    char *part = output_path(output, CONVERT_CONFIG, true);
    char *final = output_path(output, CONVERT_CONFIG, false);
    if (part && final && file_exists(part))
        unlink(final);
    free(part);
    free(final);
}

octet_status output_commit(const struct output *output, const struct convert_plan *plan,
                           struct octet_error *err)
{
    size_t stale;
    hide_old_config(output);
    RETURN_IF_ERROR(for_stale(output, plan, true, &stale, err));
    RETURN_IF_ERROR(visit_files(output, plan, rename_part, NULL, err));
    RETURN_IF_ERROR(sync_directory(output, err));
    char *journal = output_path(output, CONVERT_JOURNAL, false);
    if (!journal)
        return error_memory(err, "path", PATH_MAX);
    octet_status status = OCTET_OK;
    if (unlink(journal) != 0 && errno != ENOENT)
        status = error_errno(err, errno, "cannot remove", journal);
    free(journal);
    return status == OCTET_OK ? sync_directory(output, err) : status;
}

static octet_status remove_part(const struct output *output, const char *name, uint64_t size,
                                void *context, struct octet_error *err)
{
    (void)size;
    (void)context;
    (void)err;
    char *part = output_path(output, name, true);
    if (part)
        unlink(part);
    free(part);
    return OCTET_OK;
}

void output_discard(const struct output *output, const struct convert_plan *plan)
{
    visit_files(output, plan, remove_part, NULL, NULL);
    char *journal = output_path(output, CONVERT_JOURNAL, false);
    if (journal)
        unlink(journal);
    free(journal);
    if (output->created)
        rmdir(output->directory); /* refuses where anything is left */
}
