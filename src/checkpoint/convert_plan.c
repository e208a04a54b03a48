/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/convert_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/digest.h"
#include "base/file.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/safetensors.h"

#define TEXT_MAX ((size_t)1 << 30)
#define NOTES_MAX ((size_t)1 << 20)

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && !strcmp(text + length - tail, suffix);
}

static bool starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static octet_status plan_tensors(const struct checkpoint *source, struct convert_plan *plan,
                                 struct octet_error *err)
{
    plan->tensors = calloc(source->count + 1, sizeof *plan->tensors);
    if (!plan->tensors)
        return error_memory(err, "tensor table", (source->count + 1) * sizeof *plan->tensors);
    for (size_t i = 0; i < source->count; i++) {
        const struct checkpoint_entry *entry = &source->entries[i];
        if (entry->role != ROLE_FP8 && entry->role != ROLE_PLAIN) {
            plan->dropped_count++;
            continue;
        }
        struct tensor *tensor = &plan->tensors[plan->tensor_count++];
        *tensor = entry->tensor;
        plan->source_bytes += tensor->bytes;
        if (entry->role == ROLE_FP8) {
            plan->fp8_count++;
            tensor->dtype = DTYPE_BF16;
            tensor->bytes = tensor->elements * dtype_size(DTYPE_BF16);
        }
        plan->tensor_bytes += tensor->bytes;
    }
    return OCTET_OK;
}

/* Cut the tensors, in the order of the source, into runs of at most max_shard_size bytes. */
static octet_status plan_shards(uint64_t max_shard_size, struct convert_plan *plan,
                                struct octet_error *err)
{
    plan->shards = calloc(plan->tensor_count + 1, sizeof *plan->shards);
    if (!plan->shards)
        return error_memory(err, "shard table", (plan->tensor_count + 1) * sizeof *plan->shards);
    uint64_t bytes = 0;
    struct planned_shard *shard = NULL;
    for (size_t i = 0; i < plan->tensor_count; i++) {
        struct tensor *tensor = &plan->tensors[i];
        if (!shard || bytes > max_shard_size || tensor->bytes > max_shard_size - bytes) {
            shard = &plan->shards[plan->shard_count++];
            shard->tensors = tensor;
            bytes = 0;
        }
        bytes += tensor->bytes;
        shard->count++;
    }
    for (size_t i = 0; i < plan->shard_count; i++) {
        shard = &plan->shards[i];
        if (plan->shard_count == 1)
            snprintf(shard->name, sizeof shard->name, "model.safetensors");
        else
            snprintf(shard->name, sizeof shard->name, "model-%05zu-of-%05zu.safetensors", i + 1,
                     plan->shard_count);
    }
    return OCTET_OK;
}

octet_status convert_plan_header(const struct planned_shard *shard, struct buffer *out,
                                 struct octet_error *err)
{
    if (!safetensors_layout(shard->tensors, shard->count, out))
        return error_memory(err, "safetensors header", SAFETENSORS_HEADER_MAX);
    return OCTET_OK;
}

static octet_status size_shards(const struct checkpoint *source, struct convert_plan *plan,
                                struct octet_error *err)
{
    for (size_t i = 0; i < plan->shard_count; i++) {
        struct planned_shard *shard = &plan->shards[i];
        struct buffer header;
        buffer_init(&header, SAFETENSORS_HEADER_MAX + 8);
        octet_status status = convert_plan_header(shard, &header, err);
        shard->file_size = header.size;
        buffer_free(&header);
        if (status != OCTET_OK)
            return status;
        for (size_t j = 0; j < shard->count; j++) {
            shard->file_size += shard->tensors[j].bytes;
            shard->source_bytes += checkpoint_find(source, shard->tensors[j].name)->bytes;
        }
        plan->output_bytes += shard->file_size;
    }
    return OCTET_OK;
}

octet_status convert_plan_index(const struct convert_plan *plan, struct buffer *out,
                                struct octet_error *err)
{
    struct json *index = json_new_object(), *metadata = json_new_object(), *map = json_new_object();
    bool made = index && metadata && map;
    made = made && json_set(metadata, "total_size", json_new_integer((int64_t)plan->tensor_bytes));
    for (size_t i = 0; i < plan->shard_count && made; i++) {
        const struct planned_shard *shard = &plan->shards[i];
        for (size_t j = 0; j < shard->count && made; j++)
            made = json_set(map, shard->tensors[j].name, json_new_string(shard->name));
    }
    if (made) {
        made = json_set(index, "metadata", metadata);
        metadata = NULL;
    }
    if (made) {
        made = json_set(index, "weight_map", map);
        map = NULL;
    }
    made = made && json_dump(index, 2, out) && buffer_append_char(out, '\n');
    json_free(map);
    json_free(metadata);
    json_free(index);
    return made ? OCTET_OK : error_memory(err, "index", out->size);
}

static bool holds_quantization(const struct json *object)
{
    return json_get(object, "quantization_config") || json_get(object, "compression_config");
}

static void remove_quantization(struct json *object)
{
    json_remove(object, "quantization_config");
    json_remove(object, "compression_config");
}

/* Take the quantisation out of config and of the sub-models in it ("text_config"). */
static bool strip_quantization(struct json *config)
{
    remove_quantization(config);
    struct json_iter it = json_iter(config);
    while (json_next(&it)) {
        if (!holds_quantization(it.value))
            continue;
        struct json *inner = json_copy(it.value);
        if (!inner)
            return false;
        remove_quantization(inner);
        if (!json_set(config, it.key, inner))
            return false;
        it = json_iter(config); /* a replaced value ends the walk */
    }
    return true;
}

/* config.json of the result: no quantisation, and a dtype that says what the weights are. */
static octet_status plan_config(const struct checkpoint *source, struct convert_plan *plan,
                                struct octet_error *err)
{
    struct json *config = json_copy(source->config);
    bool made = config && strip_quantization(config);
    bool v5 = json_get(config, "dtype") && !json_get(config, "torch_dtype");
    const char *key = v5 ? "dtype" : "torch_dtype";
    const char *stated = json_string(json_get(config, key));
    if (made && plan->fp8_count && (!stated || strcmp(stated, "bfloat16") != 0))
        made = json_set(config, key, json_new_string("bfloat16"));
    made = made && json_dump(config, 2, &plan->config) && buffer_append_char(&plan->config, '\n');
    json_free(config);
    return made ? OCTET_OK : error_memory(err, "config.json", plan->config.size);
}

/* Which files of the folder belong to the weights or to their quantisation: not carried. */
static bool is_replaced(const char *name)
{
    return ends_with(name, ".safetensors") || ends_with(name, ".index.json") ||
           !strcmp(name, CONVERT_CONFIG) || !strcmp(name, "hf_quant_config.json") ||
           ends_with(name, ".part") || ends_with(name, ".incomplete");
}

/* The same weights in other containers, which would be large and stale beside the result. */
static bool is_other_weights(const char *name)
{
    return (starts_with(name, "pytorch_model") && ends_with(name, ".bin")) ||
           ends_with(name, ".gguf") || ends_with(name, ".pth") || ends_with(name, ".h5") ||
           ends_with(name, ".msgpack");
}

static octet_status plan_one_carried(const char *directory, const char *name,
                                     struct convert_plan *plan, struct buffer *notes,
                                     struct octet_error *err)
{
    char *path = path_join(directory, name);
    if (!path)
        return error_memory(err, "path", strlen(name));
    struct stat info;
    int failed = stat(path, &info);
    int problem = errno;
    free(path);
    if (failed || !S_ISREG(info.st_mode)) {
        bool hidden = name[0] == '.';
        if (!hidden)
            buffer_printf(notes, "%s: %s, not carried along\n", name,
                          failed                  ? strerror(problem)
                          : S_ISDIR(info.st_mode) ? "a folder"
                                                  : "no regular file");
        return OCTET_OK;
    }
    if (is_other_weights(name)) {
        buffer_printf(notes, "%s: weights in another form, not carried along\n", name);
        return OCTET_OK;
    }
    struct carried_file *file = &plan->carried[plan->carried_count];
    file->name = strdup(name);
    if (!file->name)
        return error_memory(err, "file table", strlen(name) + 1);
    file->size = (uint64_t)info.st_size;
    file->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    plan->carried_count++;
    plan->output_bytes += file->size;
    return OCTET_OK;
}

static octet_status plan_carried(const struct checkpoint *source, struct convert_plan *plan,
                                 struct octet_error *err)
{
    char **names = NULL;
    size_t count = 0;
    RETURN_IF_ERROR(directory_list(source->directory, &names, &count, err));
    plan->carried = calloc(count + 1, sizeof *plan->carried);
    if (!plan->carried) {
        free(names);
        return error_memory(err, "file table", (count + 1) * sizeof *plan->carried);
    }
    octet_status status = OCTET_OK;
    struct buffer notes;
    buffer_init(&notes, NOTES_MAX);
    for (size_t i = 0; i < count && status == OCTET_OK; i++) {
        if (!is_replaced(names[i]))
            status = plan_one_carried(source->directory, names[i], plan, &notes, err);
    }
    free(names);
    if (status == OCTET_OK && buffer_failed(&notes))
        status = error_memory(err, "notes", NOTES_MAX);
    if (notes.size)
        plan->notes = buffer_take(&notes, NULL);
    buffer_free(&notes);
    return status;
}

static void digest_text(struct digest *digest, struct buffer *line)
{
    digest_update(digest, buffer_text(line), line->size);
    buffer_clear(line);
}

/*
 * What must be the same for a half-written result to be continued: sizes and times of the source's
 * files, every header, the new config, the shard size.
 */
static octet_status plan_identity(const struct checkpoint *source, uint64_t max_shard_size,
                                  struct convert_plan *plan, struct octet_error *err)
{
    struct digest *digest = digest_new();
    if (!digest)
        return error_memory(err, "digest", 0);
    struct buffer line;
    buffer_init(&line, SAFETENSORS_HEADER_MAX);
    buffer_printf(&line, "octet conversion 1\n%" PRIu64 "\n", max_shard_size);
    for (size_t i = 0; i < source->file_count; i++) {
        struct stat info = {0};
        fstat(source->files[i].file.fd, &info);
        buffer_printf(&line, "%s %" PRIu64 " %lld.%09ld\n", source->files[i].name,
                      source->files[i].file.size, (long long)info.st_mtim.tv_sec,
                      info.st_mtim.tv_nsec);
    }
    digest_text(digest, &line);
    for (size_t i = 0; i < source->count; i++) {
        const struct checkpoint_entry *entry = &source->entries[i];
        char shape[SAFETENSORS_SHAPE_TEXT];
        buffer_printf(&line, "%s %s %s %d %" PRIu64 " %d %d\n", entry->tensor.name,
                      dtype_name(entry->tensor.dtype), tensor_shape_text(&entry->tensor, shape),
                      entry->tensor.file, entry->tensor.offset, (int)entry->role,
                      (int)entry->scale.kind);
        digest_text(digest, &line);
    }
    for (size_t i = 0; i < plan->carried_count; i++)
        buffer_printf(&line, "%s %" PRIu64 " %" PRId64 "\n", plan->carried[i].name,
                      plan->carried[i].size, plan->carried[i].mtime_ns);
    digest_text(digest, &line);
    digest_update(digest, buffer_text(&plan->config), plan->config.size);
    bool failed = buffer_failed(&line);
    failed |= !digest_finish(digest, plan->identity);
    buffer_free(&line);
    return failed ? error_memory(err, "digest", 0) : OCTET_OK;
}

octet_status convert_plan_make(const struct checkpoint *source, uint64_t max_shard_size,
                               struct convert_plan *out, struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    buffer_init(&out->config, TEXT_MAX);
    octet_status status = plan_tensors(source, out, err);
    if (status == OCTET_OK)
        status = plan_shards(max_shard_size, out, err);
    if (status == OCTET_OK)
        status = size_shards(source, out, err);
    if (status == OCTET_OK)
        status = plan_config(source, out, err);
    if (status == OCTET_OK)
        status = plan_carried(source, out, err);
    if (status == OCTET_OK)
        status = plan_identity(source, max_shard_size, out, err);
    if (status != OCTET_OK)
        convert_plan_free(out);
    return status;
}

void convert_plan_free(struct convert_plan *plan)
{
    for (size_t i = 0; plan->carried && i < plan->carried_count; i++)
        free(plan->carried[i].name);
    free(plan->carried);
    free(plan->shards);
    free(plan->tensors);
    free(plan->notes);
    buffer_free(&plan->config);
    memset(plan, 0, sizeof *plan);
}
