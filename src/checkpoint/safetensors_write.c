/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a new safetensors file; the data is written where the header says it lies. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint/safetensors.h"

#define HEADER_ALIGNMENT 8

/* Larger elements first, so that each tensor is aligned; otherwise in the order given. */
static void sort_by_element(struct tensor *tensors, size_t count, struct tensor *scratch)
{
    size_t placed = 0;
    for (size_t size = 8; size >= 1; size /= 2) {
        for (size_t i = 0; i < count; i++) {
            if (dtype_size(tensors[i].dtype) == size)
                scratch[placed++] = tensors[i];
        }
    }
    memcpy(tensors, scratch, count * sizeof *tensors);
}

static struct json *pair_of(uint64_t first, uint64_t second)
{
    struct json *pair = json_new_array();
    if (pair && json_push(pair, json_new_integer((int64_t)first)) &&
        json_push(pair, json_new_integer((int64_t)second)))
        return pair;
    json_free(pair);
    return NULL;
}

static struct json *entry_of(const struct tensor *tensor)
{
    struct json *entry = json_new_object(), *shape = json_new_array();
    bool made = entry && shape;
    for (int i = 0; i < tensor->rank && made; i++)
        made = json_push(shape, json_new_integer((int64_t)tensor->shape[i]));
    made = made && json_set(entry, "dtype", json_new_string(dtype_name(tensor->dtype)));
    if (made) {
        made = json_set(entry, "shape", shape);
        shape = NULL; /* taken over, also by a setter that fails */
    }
    made = made &&
           json_set(entry, "data_offsets", pair_of(tensor->offset, tensor->offset + tensor->bytes));
    if (made)
        return entry;
    json_free(shape);
    json_free(entry);
    return NULL;
}

bool safetensors_layout(struct tensor *tensors, size_t count, struct buffer *header)
{
    struct tensor *scratch = malloc((count + 1) * sizeof *scratch);
    struct json *object = json_new_object(), *metadata = json_new_object();
    bool made = scratch && object && metadata;
    made = made && json_set(metadata, "format", json_new_string("pt"));
    if (made) {
        made = json_set(object, "__metadata__", metadata);
        metadata = NULL;
        sort_by_element(tensors, count, scratch);
    }
    uint64_t offset = 0;
    for (size_t i = 0; i < count && made; i++) {
        tensors[i].offset = offset;
        offset += tensors[i].bytes;
        made = json_set(object, tensors[i].name, entry_of(&tensors[i]));
    }
    struct buffer text;
    buffer_init(&text, SAFETENSORS_HEADER_MAX);
    made = made && json_dump(object, 0, &text);
    while (made && text.size % HEADER_ALIGNMENT != 0)
        made = buffer_append_char(&text, ' ');
    uint64_t length = text.size;
    for (int i = 0; i < 8 && made; i++)
        made = buffer_append_char(header, (char)(length >> (8 * i) & 0xFF));
    made = made && buffer_append(header, text.data, text.size);
    for (size_t i = 0; i < count && made; i++)
        tensors[i].offset += 8 + length;
    buffer_free(&text);
    json_free(metadata);
    json_free(object);
    free(scratch);
    return made;
}
