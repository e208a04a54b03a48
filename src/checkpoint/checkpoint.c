/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/remedy.h"
#include "numeric/fp8.h"

#define CONFIG_BYTES_MAX ((size_t)64 << 20)
#define ARENA_BYTES_MAX ((size_t)4 << 30)

octet_status checkpoint_add_note(struct checkpoint *checkpoint, struct octet_error *err,
                                 const char *format, ...)
{
    char raw[2048], line[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    bool cut = length < 0 || (size_t)length >= sizeof raw;
    utf8_printable(line, sizeof line, raw, strlen(raw), cut);
    char *note = arena_strdup(&checkpoint->arena, line);
    if (!note)
        return error_memory(err, "note", strlen(line) + 1);
    if (checkpoint->note_count == checkpoint->note_capacity) {
        size_t capacity = checkpoint->note_capacity ? 2 * checkpoint->note_capacity : 16;
        const char **notes = realloc(checkpoint->notes, capacity * sizeof *notes);
        if (!notes)
            return error_memory(err, "notes", capacity * sizeof *notes);
        checkpoint->notes = notes;
        checkpoint->note_capacity = capacity;
    }
    checkpoint->notes[checkpoint->note_count++] = note;
    return OCTET_OK;
}

static octet_status load_json(const char *directory, const char *name, bool required,
                              const char *remedy, struct json **out, struct octet_error *err)
{
    char *path = path_join(directory, name);
    if (!path)
        return error_memory(err, "path", strlen(directory) + strlen(name) + 2);
    octet_status status = OCTET_OK;
    if (file_exists(path))
        status = json_load(path, CONFIG_BYTES_MAX, out, err);
    else if (required)
        status = error_set(err, OCTET_INPUT, "%s: no such file; %s", path, remedy);
    if (status == OCTET_OK && *out && json_type(*out) != JSON_TYPE_OBJECT)
        status = error_set(err, OCTET_INPUT,
                           "%s: the file holds %s, expected an object; restore the published file",
                           path, json_type_name(json_type(*out)));
    free(path);
    return error_add_remedy(err, status, "restore the published file");
}

static octet_status load_configs(struct checkpoint *checkpoint, struct octet_error *err)
{
    const char *directory = checkpoint->directory;
    if (!directory_exists(directory))
        return error_set(err, OCTET_INPUT,
                         "%s: %s; give the folder that holds config.json and "
                         "the .safetensors files",
                         directory,
                         file_exists(directory) ? "a file, expected a folder" : "no such folder");
    RETURN_IF_ERROR(load_json(directory, "config.json", true,
                              "a checkpoint needs it beside its .safetensors files: give the "
                              "folder of the model, or download it in full",
                              &checkpoint->config, err));
    RETURN_IF_ERROR(load_json(directory, "generation_config.json", false, "",
                              &checkpoint->generation_config, err));
    return load_json(directory, "hf_quant_config.json", false, "", &checkpoint->hf_quant_config,
                     err);
}

static octet_status read_quantization(struct checkpoint *checkpoint, struct octet_error *err)
{
    const char *directory = checkpoint->directory;
    char *config_path = path_join(directory, "config.json");
    char *hf_path = path_join(directory, "hf_quant_config.json");
    octet_status status =
        config_path && hf_path
            ? quantization_parse(checkpoint->config, checkpoint->hf_quant_config, config_path,
                                 hf_path, &checkpoint->quantization, err)
            : error_memory(err, "path", strlen(directory) + 32);
    free(config_path);
    free(hf_path);
    return status;
}

static octet_status open_steps(struct checkpoint *checkpoint, const char *directory,
                               struct octet_error *err)
{
    checkpoint->directory = arena_strdup(&checkpoint->arena, directory);
    if (!checkpoint->directory)
        return error_memory(err, "checkpoint", strlen(directory) + 1);
    RETURN_IF_ERROR(load_configs(checkpoint, err));
    RETURN_IF_ERROR(read_quantization(checkpoint, err));
    RETURN_IF_ERROR(file_set_open(checkpoint, err));
    return scale_match(checkpoint, err);
}

octet_status checkpoint_open(const char *directory, struct checkpoint **out,
                             struct octet_error *err)
{
    *out = NULL;
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (!checkpoint)
        return error_memory(err, "checkpoint", sizeof *checkpoint);
    arena_init(&checkpoint->arena, ARENA_BYTES_MAX);
    octet_status status = open_steps(checkpoint, directory, err);
    if (status != OCTET_OK) {
        checkpoint_close(checkpoint);
        return status;
    }
    *out = checkpoint;
    return OCTET_OK;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    for (size_t i = 0; i < checkpoint->file_count; i++)
        file_close(&checkpoint->files[i].file);
    free(checkpoint->files);
    free(checkpoint->entries);
    free(checkpoint->by_name);
    free(checkpoint->notes);
    json_free(checkpoint->config);
    json_free(checkpoint->generation_config);
    json_free(checkpoint->hf_quant_config);
    arena_free(&checkpoint->arena);
    free(checkpoint);
}

const char *checkpoint_directory(const struct checkpoint *checkpoint)
{
    return checkpoint->directory;
}

const struct json *checkpoint_config(const struct checkpoint *checkpoint)
{
    return checkpoint->config;
}

const struct json *checkpoint_generation_config(const struct checkpoint *checkpoint)
{
    return checkpoint->generation_config;
}

const char *checkpoint_quantization(const struct checkpoint *checkpoint)
{
    return checkpoint->quantization_text;
}

size_t checkpoint_file_count(const struct checkpoint *checkpoint)
{
    return checkpoint->file_count;
}

const char *checkpoint_file_name(const struct checkpoint *checkpoint, int file)
{
    return checkpoint->files[file].name;
}

uint64_t checkpoint_file_size(const struct checkpoint *checkpoint, int file)
{
    return checkpoint->files[file].file.size;
}

const struct file *checkpoint_file(const struct checkpoint *checkpoint, int file)
{
    return &checkpoint->files[file].file;
}

size_t checkpoint_tensor_count(const struct checkpoint *checkpoint)
{
    return checkpoint->count;
}

const struct tensor *checkpoint_tensor(const struct checkpoint *checkpoint, size_t index)
{
    return &checkpoint->entries[index].tensor;
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name)
{
    size_t low = 0, high = checkpoint->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, checkpoint->by_name[middle]->tensor.name);
        if (order == 0)
            return &checkpoint->by_name[middle]->tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct checkpoint_entry *entry_of(const struct tensor *tensor)
{
    return (const struct checkpoint_entry *)tensor;
}

enum tensor_role checkpoint_role(const struct checkpoint *checkpoint, const struct tensor *tensor)
{
    (void)checkpoint;
    return entry_of(tensor)->role;
}

const struct weight_scale *checkpoint_scale(const struct checkpoint *checkpoint,
                                            const struct tensor *tensor)
{
    (void)checkpoint;
    return &entry_of(tensor)->scale;
}

size_t checkpoint_note_count(const struct checkpoint *checkpoint)
{
    return checkpoint->note_count;
}

const char *checkpoint_note(const struct checkpoint *checkpoint, size_t index)
{
    return checkpoint->notes[index];
}

const char *checkpoint_tensor_path(const struct checkpoint *checkpoint, const struct tensor *tensor)
{
    return checkpoint->files[tensor->file].file.path;
}

octet_status checkpoint_read(const struct checkpoint *checkpoint, const struct tensor *tensor,
                             uint64_t offset, void *out, uint64_t size, struct octet_error *err)
{
    if (offset > tensor->bytes || size > tensor->bytes - offset)
        return error_set(err, OCTET_USAGE,
                         "tensor '%s': bytes %" PRIu64 " to %" PRIu64 " asked for, it has %" PRIu64,
                         tensor->name, offset, offset + size, tensor->bytes);
    return file_read_at(&checkpoint->files[tensor->file].file, tensor->offset + offset, out,
                        (size_t)size, err);
}

/* Is one of the eight codes a NaN: all seven low bits of a byte set? */
static bool eight_have_nan(const uint8_t *codes)
{
    uint64_t word;
    memcpy(&word, codes, sizeof word);
    uint64_t low = word & UINT64_C(0x7F7F7F7F7F7F7F7F);
    return ((low + UINT64_C(0x0101010101010101)) & UINT64_C(0x8080808080808080)) != 0;
}

octet_status checkpoint_check_codes(const struct tensor *tensor, uint64_t first_element,
                                    const uint8_t *codes, uint64_t count, struct octet_error *err)
{
    uint64_t i = 0;
    while (i + 8 <= count && !eight_have_nan(codes + i))
        i += 8;
    while (i < count && !fp8_e4m3_is_nan(codes[i]))
        i++;
    if (i == count)
        return OCTET_OK;
    uint64_t element = first_element + i;
    uint64_t columns = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    return error_set(err, OCTET_INPUT,
                     "tensor '%s': the code at row %" PRIu64 ", column %" PRIu64
                     " is 0x%02X, which is NaN in FP8 E4M3, expected a number; the weights are "
                     "damaged: download the checkpoint again",
                     tensor->name, element / columns, element % columns, codes[i]);
}
