/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of a safetensors file: a header of any text over data of any size. What is
 * accepted has tensors that tile the file, and is laid out and read again the same.
 */
#include "checkpoint/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tensors in order, without a gap, to the end of the file. */
static void check_tiles(const struct safetensors *read, uint64_t file_size)
{
    uint64_t at = read->data_offset;
    for (size_t i = 0; i < read->count; i++) {
        const struct tensor *tensor = &read->tensors[i];
        char shape[SAFETENSORS_SHAPE_TEXT];
        assert(tensor->offset == at && tensor->rank <= TENSOR_RANK_MAX);
        assert(tensor->bytes == tensor->elements * dtype_size(tensor->dtype));
        assert(strlen(tensor_shape_text(tensor, shape)) < sizeof shape);
        at += tensor->bytes;
    }
    assert(at == file_size);
}

/* Write the tensors as a new file would have them, and read that header again. */
static void check_layout(struct safetensors *read, struct arena *names)
{
    struct buffer header;
    struct safetensors again;
    struct octet_error err = {.status = OCTET_OK};
    buffer_init(&header, (size_t)16 << 20);
    if (safetensors_layout(read->tensors, read->count, &header)) {
        uint64_t total = header.size;
        for (size_t i = 0; i < read->count; i++)
            total += read->tensors[i].bytes;
        octet_status status = safetensors_parse(header.data + 8, header.size - 8, total, "again",
                                                names, &again, &err);
        assert(status == OCTET_OK);
        assert(again.count == read->count && again.unaligned == 0);
        check_tiles(&again, total);
        safetensors_free(&again);
    }
    buffer_free(&header);
}

/* The first 3 bytes: how much data follows the header; the rest: the header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    uint64_t data_size = (uint64_t)data[0] | (uint64_t)data[1] << 8 | (uint64_t)data[2] << 16;
    size_t length = size - 3;
    char *text = malloc(length + (length == 0));
    if (!text)
        return 0;
    memcpy(text, data + 3, length);
    struct arena names;
    struct safetensors read;
    struct octet_error err = {.status = OCTET_OK};
    arena_init(&names, ARENA_MAX);
    uint64_t file_size = 8 + length + data_size;
    if (safetensors_parse(text, length, file_size, "file", &names, &read, &err) == OCTET_OK) {
        check_tiles(&read, file_size);
        check_layout(&read, &names);
        safetensors_free(&read);
    } else {
        assert(err.status != OCTET_OK && err.message[0]);
    }
    arena_free(&names);
    free(text);
    return 0;
}
