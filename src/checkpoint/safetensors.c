/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "checkpoint/remedy.h"

struct dtype_info {
    const char *name;
    size_t size;
};

static const struct dtype_info dtype_table[DTYPE_COUNT] = {
#define DTYPE_ROW(name, text, bytes) [DTYPE_##name] = {text, bytes},
    DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

/* Types of the format that no tensor of a checkpoint for octet has. */
static const char *const foreign_dtypes[] = {"F4",          "F6_E2M3",     "F6_E3M2", "C64",
                                             "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I4",      "U4"};

const char *dtype_name(enum dtype dtype)
{
    return dtype_table[dtype].name;
}

size_t dtype_size(enum dtype dtype)
{
    return dtype_table[dtype].size;
}

const char *tensor_shape_text(const struct tensor *tensor, char *out)
{
    size_t used = 0;
    out[used++] = '[';
    for (int i = 0; i < tensor->rank; i++) {
        int n = snprintf(out + used, SAFETENSORS_SHAPE_TEXT - used, "%s%" PRIu64, i ? ", " : "",
                         tensor->shape[i]);
        used += (size_t)n;
    }
    out[used++] = ']';
    out[used] = '\0';
    return out;
}

static octet_status parse_dtype(const struct json *entry, const char *path, struct tensor *tensor,
                                struct octet_error *err)
{
    const char *text = json_string(json_get(entry, "dtype"));
    if (!text)
        return error_set(
            err, OCTET_INPUT,
            "%s: tensor '%s': \"dtype\" is %s, expected a string such as \"BF16\"; the "
            "file was not written as safetensors: download it again",
            path, tensor->name, json_type_name(json_type(json_get(entry, "dtype"))));
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (!strcmp(text, dtype_table[i].name)) {
            tensor->dtype = (enum dtype)i;
            return OCTET_OK;
        }
    }
    for (size_t i = 0; i < sizeof foreign_dtypes / sizeof *foreign_dtypes; i++) {
        if (!strcmp(text, foreign_dtypes[i]))
            return error_set(err, OCTET_UNSUPPORTED,
                             "%s: tensor '%s': elements of type %s are not supported; octet reads "
                             "FP8 as F8_E4M3, and BF16, F16 and F32: use such a checkpoint",
                             path, tensor->name, text);
    }
    return error_set(
        err, OCTET_INPUT,
        "%s: tensor '%s': unknown dtype '%s', expected one of F32, BF16, F16, F8_E4M3, "
        "...; the header is damaged: download the file again",
        path, tensor->name, text);
}

static octet_status parse_shape(const struct json *entry, const char *path, struct tensor *tensor,
                                struct octet_error *err)
{
    const struct json *shape = json_get(entry, "shape");
    if (json_type(shape) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': \"shape\" is %s, expected an array of sizes; the header "
                         "is damaged: download the file again",
                         path, tensor->name, json_type_name(json_type(shape)));
    size_t rank = json_count(shape);
    if (rank > TENSOR_RANK_MAX)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': %zu dimensions, expected at most %d; use a checkpoint "
                         "of a language model",
                         path, tensor->name, rank, TENSOR_RANK_MAX);
    tensor->rank = (int)rank;
    tensor->elements = 1;
    bool overflow = false;
    for (size_t i = 0; i < rank; i++) {
        int64_t extent = json_integer(json_at(shape, i), -1);
        if (extent < 0)
            return error_set(err, OCTET_INPUT,
                             "%s: tensor '%s': dimension %zu of \"shape\" is not a size from 0 to "
                             "2^63-1; the header is damaged: download the file again",
                             path, tensor->name, i);
        tensor->shape[i] = (uint64_t)extent;
        /* A zero anywhere makes the product 0, so the others cannot overflow in truth. */
        overflow |= !checked_mul_u64(tensor->elements, (uint64_t)extent, &tensor->elements);
    }
    for (size_t i = 0; i < rank; i++) {
        if (tensor->shape[i] == 0) {
            tensor->elements = 0;
            overflow = false;
        }
    }
    overflow |= !checked_mul_u64(tensor->elements, dtype_size(tensor->dtype), &tensor->bytes);
    char shape_text[SAFETENSORS_SHAPE_TEXT];
    if (overflow)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': shape %s has more than 2^64 bytes; the header is "
                         "damaged: download the file again",
                         path, tensor->name, tensor_shape_text(tensor, shape_text));
    return OCTET_OK;
}

/* Offsets relative to the data; tensor->offset receives the beginning, still relative. */
static octet_status parse_offsets(const struct json *entry, const char *path, uint64_t data_size,
                                  struct tensor *tensor, struct octet_error *err)
{
    const struct json *offsets = json_get(entry, "data_offsets");
    int64_t begin = json_integer(json_at(offsets, 0), -1);
    int64_t end = json_integer(json_at(offsets, 1), -1);
    if (json_type(offsets) != JSON_TYPE_ARRAY || json_count(offsets) != 2 || begin < 0 || end < 0)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': \"data_offsets\" is not a pair of sizes from 0 to "
                         "2^63-1; the header is damaged: download the file again",
                         path, tensor->name);
    if (begin > end)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': data_offsets [%" PRId64 ", %" PRId64
                         "] end before they begin; the header is damaged: download the file again",
                         path, tensor->name, begin, end);
    if ((uint64_t)(end - begin) != tensor->bytes) {
        char shape_text[SAFETENSORS_SHAPE_TEXT];
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s': data_offsets [%" PRId64 ", %" PRId64 "] hold %" PRId64
                         " bytes, but shape %s of %s needs %" PRIu64
                         "; the header is damaged: download the file again",
                         path, tensor->name, begin, end, end - begin,
                         tensor_shape_text(tensor, shape_text), dtype_name(tensor->dtype),
                         tensor->bytes);
    }
    if ((uint64_t)end > data_size)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' ends at byte %" PRId64 " of the data, but the file holds "
                         "only %" PRIu64 "; it was cut short: download it again",
                         path, tensor->name, end, data_size);
    tensor->offset = (uint64_t)begin;
    return OCTET_OK;
}

static octet_status check_metadata(const struct json *value, const char *path,
                                   struct octet_error *err)
{
    if (json_type(value) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: \"__metadata__\" is %s, expected an object; the header is damaged: "
                         "download the file again",
                         path, json_type_name(json_type(value)));
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        if (json_type(it.value) != JSON_TYPE_STRING)
            return error_set(err, OCTET_INPUT,
                             "%s: \"__metadata__\": the value of '%s' is %s, expected a string; "
                             "the header is damaged: download the file again",
                             path, it.key, json_type_name(json_type(it.value)));
    }
    return OCTET_OK;
}

static octet_status parse_entry(const struct json_iter *it, const char *path, uint64_t data_size,
                                struct arena *names, struct tensor *tensor, struct octet_error *err)
{
    if (memchr(it->key, '\0', it->key_length))
        return error_set(err, OCTET_INPUT,
                         "%s: the name of tensor '%s' holds a NUL byte; the header is damaged: "
                         "download the file again",
                         path, it->key);
    tensor->name = arena_strndup(names, it->key, it->key_length);
    if (!tensor->name)
        return error_memory(err, "tensor names", it->key_length + 1);
    if (json_type(it->value) != JSON_TYPE_OBJECT)
        return error_set(err, OCTET_INPUT,
                         "%s: tensor '%s' is described by %s, expected an object; the header is "
                         "damaged: download the file again",
                         path, tensor->name, json_type_name(json_type(it->value)));
    RETURN_IF_ERROR(parse_dtype(it->value, path, tensor, err));
    RETURN_IF_ERROR(parse_shape(it->value, path, tensor, err));
    return parse_offsets(it->value, path, data_size, tensor, err);
}

static int compare_offsets(const void *left, const void *right)
{
    const struct tensor *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->bytes != b->bytes) /* an empty tensor lies before the one that begins at its place */
        return a->bytes < b->bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Offsets ascend: each tensor must begin where the one before ends. Makes them absolute. */
static octet_status check_coverage(struct safetensors *out, uint64_t data_size, const char *path,
                                   struct octet_error *err)
{
    uint64_t end = 0;
    const char *before = NULL;
    for (size_t i = 0; i < out->count; i++) {
        struct tensor *tensor = &out->tensors[i];
        if (tensor->offset < end)
            return error_set(err, OCTET_INPUT,
                             "%s: tensor '%s' begins at byte %" PRIu64
                             " of the data, inside tensor '%s', which ends at %" PRIu64
                             ": they overlap; the header is damaged: download the file again",
                             path, tensor->name, tensor->offset, before, end);
        if (tensor->offset > end)
            return error_set(err, OCTET_INPUT,
                             "%s: bytes %" PRIu64 " to %" PRIu64
                             " of the data, before tensor '%s', belong to no tensor, expected no "
                             "gap; the header is damaged: download the file again",
                             path, end, tensor->offset, tensor->name);
        end += tensor->bytes;
        before = tensor->name;
        tensor->offset += out->data_offset;
        out->unaligned += tensor->offset % dtype_size(tensor->dtype) != 0;
    }
    if (end < data_size)
        return error_set(err, OCTET_INPUT,
                         "%s: %" PRIu64 " bytes follow the last tensor%s%s%s, expected none; the "
                         "header does not belong to this data: download the file again",
                         path, data_size - end, before ? " '" : "", before ? before : "",
                         before ? "'" : "");
    return OCTET_OK;
}

static octet_status parse_entries(const struct json *header, uint64_t data_size, const char *path,
                                  struct arena *names, struct safetensors *out,
                                  struct octet_error *err)
{
    size_t total = json_count(header);
    out->tensors = calloc(total + 1, sizeof *out->tensors);
    if (!out->tensors)
        return error_memory(err, "tensor table", (total + 1) * sizeof *out->tensors);
    for (struct json_iter it = json_iter(header); json_next(&it);) {
        if (!strcmp(it.key, "__metadata__")) {
            RETURN_IF_ERROR(check_metadata(it.value, path, err));
            continue;
        }
        RETURN_IF_ERROR(parse_entry(&it, path, data_size, names, &out->tensors[out->count], err));
        out->count++;
    }
    qsort(out->tensors, out->count, sizeof *out->tensors, compare_offsets);
    return check_coverage(out, data_size, path, err);
}

struct key_text {
    const char *text;
    size_t length;
};

static int compare_keys(const void *left, const void *right)
{
    const struct key_text *a = left, *b = right;
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/*
 * The parser refuses a key that comes twice without saying which. Collect the strings of depth 1
 * that a colon follows; the text may be broken in any way.
 */
static size_t collect_keys(const char *text, size_t size, struct key_text *keys, size_t most)
{
    size_t count = 0;
    int depth = 0;
    for (size_t i = 0; i < size && count < most; i++) {
        depth += (text[i] == '{' || text[i] == '[') - (text[i] == '}' || text[i] == ']');
        if (text[i] != '"')
            continue;
        size_t begin = ++i;
        while (i < size && text[i] != '"')
            i += text[i] == '\\' ? 2 : 1;
        size_t next = i + 1;
        while (next < size && (text[next] == ' ' || text[next] == '\n'))
            next++;
        if (i < size && depth == 1 && next < size && text[next] == ':')
            keys[count++] = (struct key_text){text + begin, i - begin};
    }
    return count;
}

/* Say what is wrong with a header that the JSON parser has refused, and what to do. */
static octet_status explain_refusal(const char *text, size_t size, const char *path,
                                    octet_status status, struct octet_error *err)
{
    size_t most = size / 4 + 1; /* a key takes "": and one byte more at least */
    struct key_text *keys = status == OCTET_INPUT ? malloc(most * sizeof *keys) : NULL;
    size_t count = keys ? collect_keys(text, size, keys, most) : 0;
    if (count)
        qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            status =
                error_set(err, OCTET_INPUT,
                          "%s: duplicate tensor '%.*s', expected each name once; the header "
                          "is damaged: download the file again",
                          path, (int)(keys[i].length < 512 ? keys[i].length : 512), keys[i].text);
            break;
        }
    }
    free(keys);
    return error_add_remedy(err, status, "the header is damaged: download the file again");
}

octet_status safetensors_parse(const char *text, size_t size, uint64_t file_size, const char *path,
                               struct arena *names, struct safetensors *out,
                               struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    if (size == 0 || text[0] != '{' || file_size < 8 || file_size - 8 < size)
        return error_set(err, OCTET_INPUT,
                         "%s: the header does not begin with '{': this is not a safetensors file; "
                         "download it again",
                         path);
    struct json *header = NULL;
    octet_status status = json_parse(text, size, SAFETENSORS_HEADER_MAX, path, &header, err);
    if (status != OCTET_OK)
        return explain_refusal(text, size, path, status, err);
    out->data_offset = 8 + size;
    if (json_type(header) == JSON_TYPE_OBJECT)
        status = parse_entries(header, file_size - out->data_offset, path, names, out, err);
    else
        status = error_set(err, OCTET_INPUT, "%s: the header is %s, expected an object", path,
                           json_type_name(json_type(header)));
    json_free(header);
    if (status != OCTET_OK)
        safetensors_free(out);
    return status;
}

static octet_status check_length(const struct file *file, const unsigned char *start,
                                 uint64_t *length, struct octet_error *err)
{
    *length = 0;
    for (int i = 7; i >= 0; i--)
        *length = *length << 8 | start[i];
    if (*length > SAFETENSORS_HEADER_MAX)
        return error_set(err, OCTET_INPUT,
                         "%s: the header length is %" PRIu64 " bytes, expected at most %u: this is "
                         "not a safetensors file%s; download it again",
                         file->path, *length, SAFETENSORS_HEADER_MAX,
                         start[0] == '<'               ? " but a web page"
                         : !memcmp(start, "PK\3\4", 4) ? " but a ZIP or PyTorch file"
                         : !memcmp(start, "GGUF", 4)   ? " but a GGUF file"
                                                       : "");
    if (*length > file->size - 8)
        return error_set(err, OCTET_INPUT,
                         "%s: the header should have %" PRIu64 " bytes, but the file holds only "
                         "%" PRIu64 " after its length; it was cut short: download it again",
                         file->path, *length, file->size - 8);
    return OCTET_OK;
}

octet_status safetensors_read(const struct file *file, struct arena *names, struct safetensors *out,
                              struct octet_error *err)
{
    memset(out, 0, sizeof *out);
    unsigned char start[64] = {0}; /* enough for a Git-LFS pointer's first line */
    size_t have = file->size < sizeof start ? (size_t)file->size : sizeof start;
    RETURN_IF_ERROR(file_read_at(file, 0, start, have, err));
    if (file_is_lfs_pointer((const char *)start, have))
        return error_set(err, OCTET_INPUT,
                         "%s: this is a Git-LFS pointer, not the file itself; run \"git lfs pull\" "
                         "in the folder (after \"git lfs install\"), or download the file",
                         file->path);
    if (file->size < 8)
        return error_set(err, OCTET_INPUT,
                         "%s: %" PRIu64 " bytes, expected a safetensors file of at least 8; it was "
                         "cut short: download it again",
                         file->path, file->size);
    uint64_t length;
    RETURN_IF_ERROR(check_length(file, start, &length, err));
    char *text = malloc((size_t)length + 1);
    if (!text)
        return error_memory(err, "safetensors header", (size_t)length + 1);
    octet_status status = file_read_at(file, 8, text, (size_t)length, err);
    if (status == OCTET_OK)
        status = safetensors_parse(text, (size_t)length, file->size, file->path, names, out, err);
    free(text);
    return status;
}

void safetensors_free(struct safetensors *safetensors)
{
    free(safetensors->tensors);
    memset(safetensors, 0, sizeof *safetensors);
}
