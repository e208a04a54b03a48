/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files make a checkpoint: those that model.safetensors.index.json names, or without an index
 * every *.safetensors of the folder. Then their headers, in one table.
 */
#include <stdlib.h>
#include <string.h>
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/remedy.h"
#include "checkpoint/safetensors.h"

#define INDEX_NAME "model.safetensors.index.json"
#define INDEX_BYTES_MAX ((size_t)256 << 20)

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && !strcmp(text + length - tail, suffix);
}

static bool starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

/* Open one more file and add its tensors. */
static octet_status add_file(struct checkpoint *checkpoint, const char *name,
                             struct octet_error *err)
{
    struct checkpoint_file *files =
        realloc(checkpoint->files, (checkpoint->file_count + 1) * sizeof *files);
    if (!files)
        return error_memory(err, "file table", (checkpoint->file_count + 1) * sizeof *files);
    checkpoint->files = files;
    struct checkpoint_file *file = &files[checkpoint->file_count];
    file->name = arena_strdup(&checkpoint->arena, name);
    char *path = path_join(checkpoint->directory, name);
    octet_status status = path && file->name ? file_open(path, &file->file, err)
                                             : error_memory(err, "path", strlen(name));
    free(path);
    if (status != OCTET_OK)
        return error_add_remedy(err, status, "put the file itself there");
    int index = (int)checkpoint->file_count++;
    struct safetensors part;
    RETURN_IF_ERROR(safetensors_read(&file->file, &checkpoint->arena, &part, err));
    size_t total = checkpoint->count + part.count;
    struct checkpoint_entry *entries =
        realloc(checkpoint->entries, (total + 1) * sizeof *checkpoint->entries);
    if (entries) {
        checkpoint->entries = entries;
        for (size_t i = 0; i < part.count; i++) {
            struct checkpoint_entry *entry = &entries[checkpoint->count + i];
            memset(entry, 0, sizeof *entry);
            entry->tensor = part.tensors[i];
            entry->tensor.file = index;
        }
        checkpoint->count = total;
    } else {
        status = error_memory(err, "tensor table", (total + 1) * sizeof *entries);
    }
    if (status == OCTET_OK && part.unaligned)
        status = checkpoint_add_note(checkpoint, err,
                                     "%s: %zu tensor%s not aligned to their elements (read all the "
                                     "same; a converted checkpoint is aligned)",
                                     name, part.unaligned, part.unaligned == 1 ? "" : "s");
    safetensors_free(&part);
    return status;
}

static int compare_names(const void *left, const void *right)
{
    const struct checkpoint_entry *a = *(struct checkpoint_entry *const *)left;
    const struct checkpoint_entry *b = *(struct checkpoint_entry *const *)right;
    int order = strcmp(a->tensor.name, b->tensor.name);
    return order ? order : (a->tensor.file > b->tensor.file) - (a->tensor.file < b->tensor.file);
}

static octet_status sort_names(struct checkpoint *checkpoint, struct octet_error *err)
{
    free(checkpoint->by_name);
    checkpoint->by_name = malloc((checkpoint->count + 1) * sizeof(void *));
    if (!checkpoint->by_name)
        return error_memory(err, "tensor names", (checkpoint->count + 1) * sizeof(void *));
    for (size_t i = 0; i < checkpoint->count; i++)
        checkpoint->by_name[i] = &checkpoint->entries[i];
    qsort(checkpoint->by_name, checkpoint->count, sizeof(void *), compare_names);
    return OCTET_OK;
}

static octet_status check_duplicates(const struct checkpoint *checkpoint, struct octet_error *err)
{
    for (size_t i = 1; i < checkpoint->count; i++) {
        const struct tensor *a = &checkpoint->by_name[i - 1]->tensor;
        const struct tensor *b = &checkpoint->by_name[i]->tensor;
        if (!strcmp(a->name, b->name))
            return error_set(err, OCTET_INPUT,
                             "%s: tensor '%s' is also in %s, expected once; the folder mixes two "
                             "checkpoints: remove the files that do not belong to this one",
                             checkpoint_tensor_path(checkpoint, b), b->name,
                             checkpoint->files[a->file].name);
    }
    return OCTET_OK;
}

/* The distinct file names of an index, sorted; malloc'ed array of borrowed strings. */
static int compare_strings(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static octet_status index_file_names(const struct json *map, const char *path, const char ***out,
                                     size_t *count, struct octet_error *err)
{
    const char **names = malloc((json_count(map) + 1) * sizeof *names);
    if (!names)
        return error_memory(err, "index", (json_count(map) + 1) * sizeof *names);
    size_t total = 0;
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        size_t length = 0;
        const char *name = json_string_n(it.value, &length);
        if (!name || strlen(name) != length || !ends_with(name, ".safetensors") ||
            strchr(name, '/') || name[0] == '.') {
            free(names);
            return error_set(err, OCTET_INPUT,
                             "%s: tensor '%s' lies in '%s', expected the name of a .safetensors "
                             "file in the same folder; restore the published index",
                             path, it.key, name ? name : json_type_name(json_type(it.value)));
        }
        names[total++] = name;
    }
    qsort(names, total, sizeof *names, compare_strings);
    size_t distinct = 0;
    for (size_t i = 0; i < total; i++) {
        if (i == 0 || strcmp(names[i], names[distinct - 1]) != 0)
            names[distinct++] = names[i];
    }
    *out = names;
    *count = distinct;
    return OCTET_OK;
}

/* Index and headers must agree in both directions. */
static octet_status check_index(const struct checkpoint *checkpoint, const struct json *map,
                                const char *path, struct octet_error *err)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        const struct tensor *tensor = checkpoint_find(checkpoint, it.key);
        const char *stated = json_string(it.value);
        if (tensor && !strcmp(checkpoint->files[tensor->file].name, stated))
            continue;
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' should be in %s, but %s%s; the index belongs to another "
                         "version: download index and files again, or remove the index so that "
                         "every .safetensors file is read",
                         path, it.key, stated,
                         tensor ? "it is in " : "no file of the index holds it",
                         tensor ? checkpoint->files[tensor->file].name : "");
    }
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct tensor *tensor = &checkpoint->entries[i].tensor;
        if (!json_get(map, tensor->name))
            return error_set(err, OCTET_INPUT,
                             "%s: tensor '%s' of %s is not in the index; the index belongs to "
                             "another version: download index and files again, or remove the index "
                             "so that every .safetensors file is read",
                             path, tensor->name, checkpoint->files[tensor->file].name);
    }
    return OCTET_OK;
}

static octet_status note_unlisted(struct checkpoint *checkpoint, struct octet_error *err)
{
    char **names = NULL;
    size_t count = 0;
    RETURN_IF_ERROR(directory_list(checkpoint->directory, &names, &count, err));
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        bool listed = !ends_with(names[i], ".safetensors");
        for (size_t j = 0; j < checkpoint->file_count && !listed; j++)
            listed = !strcmp(names[i], checkpoint->files[j].name);
        if (!listed)
            status =
                checkpoint_add_note(checkpoint, err, "%s: not in the index, not read", names[i]);
    }
    free(names);
    return status;
}

static octet_status open_indexed(struct checkpoint *checkpoint, const struct json *map,
                                 const char *path, struct octet_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    RETURN_IF_ERROR(index_file_names(map, path, &names, &count, err));
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        char *file = path_join(checkpoint->directory, names[i]);
        if (!file)
            status = error_memory(err, "path", strlen(names[i]));
        else if (!file_exists(file))
            status = error_set(err, OCTET_INPUT,
                               "%s: the index names %s, which is absent; download the file, the "
                               "checkpoint is incomplete",
                               path, names[i]);
        else
            status = add_file(checkpoint, names[i], err);
        free(file);
    }
    free(names);
    if (status == OCTET_OK)
        status = sort_names(checkpoint, err);
    if (status == OCTET_OK)
        status = check_duplicates(checkpoint, err);
    if (status == OCTET_OK)
        status = check_index(checkpoint, map, path, err);
    return status == OCTET_OK ? note_unlisted(checkpoint, err) : status;
}

static octet_status open_by_index(struct checkpoint *checkpoint, const char *path,
                                  struct octet_error *err)
{
    struct json *index = NULL;
    octet_status status = json_load(path, INDEX_BYTES_MAX, &index, err);
    if (status != OCTET_OK)
        return error_add_remedy(err, status, "restore the published index");
    const struct json *map = json_get(index, "weight_map");
    if (json_type(map) != JSON_TYPE_OBJECT || json_count(map) == 0)
        status = error_set(err, OCTET_INPUT,
                           "%s: \"weight_map\" is %s, expected an object that names the file of "
                           "each tensor; restore the published index",
                           path,
                           json_count(map) || json_type(map) != JSON_TYPE_OBJECT
                               ? json_type_name(json_type(map))
                               : "empty");
    else
        status = open_indexed(checkpoint, map, path, err);
    json_free(index);
    return status;
}

/* What lies there instead, for the message when no *.safetensors does. */
static octet_status refuse_empty(const struct checkpoint *checkpoint, char **names, size_t count,
                                 struct octet_error *err)
{
    const char *other = NULL;
    bool unfinished = false;
    for (size_t i = 0; i < count; i++) {
        if (ends_with(names[i], ".bin") || ends_with(names[i], ".pth") ||
            ends_with(names[i], ".pt") || ends_with(names[i], ".gguf"))
            other = names[i];
        unfinished |= ends_with(names[i], ".safetensors.part") ||
                      ends_with(names[i], ".safetensors.incomplete");
    }
    if (other)
        return error_set(err, OCTET_UNSUPPORTED,
                         "%s: weights lie in %s; octet reads .safetensors only: use the "
                         "safetensors version of the checkpoint",
                         checkpoint->directory, other);
    return error_set(err, OCTET_INPUT, "%s: no .safetensors file; %s", checkpoint->directory,
                     unfinished ? "an unfinished download or conversion lies there: finish it first"
                                : "download the weights, or give the folder that holds them");
}

/* Count for each file its tensors and those that file `model` holds as well. by_name is sorted. */
static void count_repeats(const struct checkpoint *checkpoint, int model, size_t *total,
                          size_t *repeated)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct tensor *tensor = &checkpoint->by_name[i]->tensor;
        total[tensor->file]++;
        if (tensor->file != model)
            continue;
        for (size_t j = i; j-- > 0;) { /* equal names are neighbours, on both sides */
            const struct tensor *other = &checkpoint->by_name[j]->tensor;
            if (strcmp(other->name, tensor->name) != 0)
                break;
            repeated[other->file]++;
        }
        for (size_t j = i + 1; j < checkpoint->count; j++) {
            const struct tensor *other = &checkpoint->by_name[j]->tensor;
            if (strcmp(other->name, tensor->name) != 0)
                break;
            repeated[other->file]++;
        }
    }
}

/* Take file `index` and its tensors out again. */
static void remove_file(struct checkpoint *checkpoint, size_t index)
{
    size_t kept = 0;
    for (size_t i = 0; i < checkpoint->count; i++) {
        struct checkpoint_entry entry = checkpoint->entries[i];
        if (entry.tensor.file == (int)index)
            continue;
        entry.tensor.file -= entry.tensor.file > (int)index;
        checkpoint->entries[kept++] = entry;
    }
    checkpoint->count = kept;
    file_close(&checkpoint->files[index].file);
    checkpoint->file_count--;
    memmove(&checkpoint->files[index], &checkpoint->files[index + 1],
            (checkpoint->file_count - index) * sizeof *checkpoint->files);
}

/*
 * A file beside model.safetensors that only repeats names of it holds another form of the same
 * weights. Hugging Face loads model.safetensors alone in that case, and so does this.
 */
static octet_status drop_repeats(struct checkpoint *checkpoint, struct octet_error *err)
{
    size_t model = 0;
    while (model < checkpoint->file_count &&
           strcmp(checkpoint->files[model].name, "model.safetensors") != 0)
        model++;
    if (model == checkpoint->file_count)
        return OCTET_OK;
    size_t *total = calloc(2 * checkpoint->file_count, sizeof *total);
    if (!total)
        return error_memory(err, "file table", 2 * checkpoint->file_count * sizeof *total);
    size_t *repeated = total + checkpoint->file_count;
    count_repeats(checkpoint, (int)model, total, repeated);
    octet_status status = OCTET_OK;
    for (size_t i = checkpoint->file_count; i-- > 0 && status == OCTET_OK;) {
        const char *name = checkpoint->files[i].name;
        if (i == model || !total[i] || repeated[i] != total[i] || starts_with(name, "model"))
            continue;
        status = checkpoint_add_note(checkpoint, err,
                                     "%s: repeats tensors of model.safetensors, which is used "
                                     "alone, as Hugging Face does",
                                     name);
        remove_file(checkpoint, i);
    }
    free(total);
    return status == OCTET_OK ? sort_names(checkpoint, err) : status;
}

static octet_status open_all(struct checkpoint *checkpoint, struct octet_error *err)
{
    char **names = NULL;
    size_t count = 0, weights = 0;
    RETURN_IF_ERROR(directory_list(checkpoint->directory, &names, &count, err));
    bool model_files = false, others = false;
    for (size_t i = 0; i < count; i++) {
        weights += ends_with(names[i], ".safetensors");
        model_files |= ends_with(names[i], ".safetensors") && starts_with(names[i], "model");
        others |= ends_with(names[i], ".safetensors") && !starts_with(names[i], "consolidated");
    }
    octet_status status = weights ? OCTET_OK : refuse_empty(checkpoint, names, count, err);
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        if (!ends_with(names[i], ".safetensors"))
            continue;
        /* Mistral publishes the same weights twice; adapters are no part of their base. */
        if ((starts_with(names[i], "consolidated") && model_files && others) ||
            (!strcmp(names[i], "adapter_model.safetensors") && weights > 1))
            status = checkpoint_add_note(checkpoint, err, "%s: not part of the model, not read",
                                         names[i]);
        else
            status = add_file(checkpoint, names[i], err);
    }
    free(names);
    if (status == OCTET_OK)
        status = sort_names(checkpoint, err);
    if (status == OCTET_OK)
        status = drop_repeats(checkpoint, err);
    if (status == OCTET_OK && checkpoint->file_count > 1)
        status = checkpoint_add_note(checkpoint, err,
                                     "no " INDEX_NAME ": all %zu .safetensors files were read",
                                     checkpoint->file_count);
    return status == OCTET_OK ? check_duplicates(checkpoint, err) : status;
}

/* ModelSlim and the older GPTQ tools state their quantisation in a file of their own. */
static octet_status refuse_foreign_files(const struct checkpoint *checkpoint,
                                         struct octet_error *err)
{
    char **names = NULL;
    size_t count = 0;
    RETURN_IF_ERROR(directory_list(checkpoint->directory, &names, &count, err));
    octet_status status = OCTET_OK;
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        bool slim =
            starts_with(names[i], "quant_model_description") && ends_with(names[i], ".json");
        bool gptq = !strcmp(names[i], "quantize_config.json");
        if (slim || gptq)
            status =
                error_set(err, OCTET_UNSUPPORTED,
                          "%s/%s: the checkpoint is quantised with %s, which octet does not "
                          "read; it reads FP8 E4M3 with scales and unquantised BF16, F16 or "
                          "F32: use such a checkpoint",
                          checkpoint->directory, names[i], slim ? "ModelSlim (Ascend)" : "GPTQ");
    }
    free(names);
    return status;
}

octet_status file_set_open(struct checkpoint *checkpoint, struct octet_error *err)
{
    RETURN_IF_ERROR(refuse_foreign_files(checkpoint, err));
    char *path = path_join(checkpoint->directory, INDEX_NAME);
    if (!path)
        return error_memory(err, "path", strlen(checkpoint->directory) + sizeof INDEX_NAME);
    octet_status status =
        file_exists(path) ? open_by_index(checkpoint, path, err) : open_all(checkpoint, err);
    free(path);
    if (status == OCTET_OK && checkpoint->count == 0)
        status = error_set(err, OCTET_INPUT,
                           "%s: the .safetensors files hold no tensors; download them again",
                           checkpoint->directory);
    return status;
}
