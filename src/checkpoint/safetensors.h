/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors container: 8 bytes of little-endian header length, a JSON object from tensor name
 * to dtype, shape and data_offsets, then the data. The reader trusts nothing: every tensor lies
 * inside the file, none overlaps another and no byte belongs to none.
 */
#ifndef CHECKPOINT_SAFETENSORS_H
#define CHECKPOINT_SAFETENSORS_H

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"

#define SAFETENSORS_HEADER_MAX 100000000u /* what the reference implementation accepts */
#define SAFETENSORS_SHAPE_TEXT 224

/* The tensors of one file by ascending offset. */
struct safetensors {
    struct tensor *tensors; /* malloc'ed: safetensors_free(); names live in the arena */
    size_t count;
    uint64_t data_offset; /* of the first byte of data, from the start of the file */
    size_t unaligned;     /* tensors whose offset in the file is no multiple of their element */
};

/*
 * Read and check the header of an open file. Names go to `names`.
 * Errors: OCTET_INPUT naming file, tensor, found, expected and remedy (Git-LFS pointers and files
 * cut short are recognised); OCTET_UNSUPPORTED for element types that octet knows by name only;
 * OCTET_MEMORY, OCTET_IO.
 */
octet_status safetensors_read(const struct file *file, struct arena *names, struct safetensors *out,
                              struct octet_error *err);

/*
 * The same for the JSON text of a header in memory, of a file of file_size bytes that is called
 * `path` in messages.
 */
octet_status safetensors_parse(const char *text, size_t size, uint64_t file_size, const char *path,
                               struct arena *names, struct safetensors *out,
                               struct octet_error *err);
void safetensors_free(struct safetensors *safetensors);

/*
 * Give `count` tensors (name, dtype, shape, bytes set) their offsets in a new file and write its
 * length and JSON into `header`: tensors lie by descending element size, otherwise in the order
 * given, and the header is padded with spaces to a multiple of 8 bytes, so each one is aligned.
 * Returns false when out of memory or past SAFETENSORS_HEADER_MAX.
 */
bool safetensors_layout(struct tensor *tensors, size_t count, struct buffer *header);

/* "[640, 192]"; out holds SAFETENSORS_SHAPE_TEXT bytes and is returned. */
const char *tensor_shape_text(const struct tensor *tensor, char *out);

#endif
