/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint directory, opened and checked: every header, offset, dtype, shape and scale grid is
 * known to be right against the files' sizes before a byte of weights is used. Knows formats, not
 * architectures: any FP8 checkpoint opens, also one that octet cannot run. Nothing here holds
 * weights in memory; bytes are read by pread where they are asked for. Read-only after opening, so
 * any number of threads may use one checkpoint.
 */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include "base/json.h"
#include "base/progress.h"
#include "base/status.h"

#define TENSOR_RANK_MAX 8

/* X(name, safetensors text, bytes): what the safetensors format names. */
#define DTYPE_LIST(X)                                                                              \
    X(F64, "F64", 8)                                                                               \
    X(F32, "F32", 4)                                                                               \
    X(F16, "F16", 2)                                                                               \
    X(BF16, "BF16", 2)                                                                             \
    X(F8_E4M3, "F8_E4M3", 1)                                                                       \
    X(F8_E5M2, "F8_E5M2", 1)                                                                       \
    X(F8_E8M0, "F8_E8M0", 1)                                                                       \
    X(I64, "I64", 8)                                                                               \
    X(I32, "I32", 4)                                                                               \
    X(I16, "I16", 2)                                                                               \
    X(I8, "I8", 1)                                                                                 \
    X(U64, "U64", 8)                                                                               \
    X(U32, "U32", 4)                                                                               \
    X(U16, "U16", 2)                                                                               \
    X(U8, "U8", 1)                                                                                 \
    X(BOOL, "BOOL", 1)

enum dtype {
#define DTYPE_ENUM(name, text, bytes) DTYPE_##name,
    DTYPE_LIST(DTYPE_ENUM)
#undef DTYPE_ENUM
        DTYPE_COUNT
};
const char *dtype_name(enum dtype dtype);
size_t dtype_size(enum dtype dtype);

/* One tensor as a safetensors header states it; offsets are checked against its file. */
struct tensor {
    const char *name;
    enum dtype dtype;
    int rank;
    uint64_t shape[TENSOR_RANK_MAX];
    uint64_t elements;
    uint64_t bytes;
    int file;        /* index for checkpoint_file_name() */
    uint64_t offset; /* of the first byte, from the start of the file */
};

enum scale_kind {
    SCALE_NONE,   /* the tensor is not FP8 */
    SCALE_TENSOR, /* one number */
    SCALE_ROW,    /* one a row: [rows] or [rows, 1] */
    SCALE_BLOCK,  /* one a block of block_rows x block_cols, ragged at the edges */
};

/* What a tensor is for the dequantiser. */
enum tensor_role {
    ROLE_PLAIN,   /* carried as it is */
    ROLE_FP8,     /* an FP8 weight that has a scale */
    ROLE_SCALE,   /* the scale of an FP8 weight; consumed by it */
    ROLE_DROPPED, /* activation and KV-cache scales: no use where activations are not quantised */
};

/*
 * A weight is `matrices` matrices (1, but for a tensor of rank 3 or more such as fused experts),
 * each [rows][cols] of its last two dimensions; its scales are [matrices][grid_rows][grid_cols],
 * each for block_rows x block_cols elements, ragged at the edges.
 */
struct weight_scale {
    enum scale_kind kind;
    const struct tensor *tensor; /* NULL for SCALE_NONE */
    uint64_t matrices;
    uint64_t block_rows, block_cols; /* SCALE_BLOCK: as stated; else the extent of one scale */
    uint64_t grid_rows, grid_cols;   /* number of scales in each direction, of one matrix */
    bool reciprocal;                 /* value = code / scale; no known dialect does: always false */
};

struct checkpoint;
struct file; /* base/file.h */

/*
 * Open DIR: config.json, generation_config.json (optional), hf_quant_config.json (optional), the
 * index or every *.safetensors, and match each FP8 weight with its scale. Reads headers and scale
 * tensors, not weights.
 * Errors: OCTET_INPUT naming file, tensor, found, expected, remedy; OCTET_UNSUPPORTED for unknown
 * quantisations (by name); OCTET_IO; OCTET_MEMORY.
 */
octet_status checkpoint_open(const char *directory, struct checkpoint **out,
                             struct octet_error *err);
void checkpoint_close(struct checkpoint *checkpoint); /* NULL is fine */

const char *checkpoint_directory(const struct checkpoint *checkpoint);
const struct json *checkpoint_config(const struct checkpoint *checkpoint); /* config.json */
const struct json *checkpoint_generation_config(const struct checkpoint *checkpoint); /* or NULL */
/* "fp8 (block 128x128, weight_scale_inv)", "none", "compressed-tensors ...": for people. */
const char *checkpoint_quantization(const struct checkpoint *checkpoint);

size_t checkpoint_file_count(const struct checkpoint *checkpoint);
const char *checkpoint_file_name(const struct checkpoint *checkpoint, int file);
uint64_t checkpoint_file_size(const struct checkpoint *checkpoint, int file);
const struct file *checkpoint_file(const struct checkpoint *checkpoint, int file);

/* Tensors in the order of (file, offset). */
size_t checkpoint_tensor_count(const struct checkpoint *checkpoint);
const struct tensor *checkpoint_tensor(const struct checkpoint *checkpoint, size_t index);
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);
enum tensor_role checkpoint_role(const struct checkpoint *checkpoint, const struct tensor *tensor);
/* The scale of a ROLE_FP8 tensor; kind SCALE_NONE for the rest. */
const struct weight_scale *checkpoint_scale(const struct checkpoint *checkpoint,
                                            const struct tensor *tensor);

/* Things that were ignored or repaired and deserve a line: "3 activation scales ignored (...)". */
size_t checkpoint_note_count(const struct checkpoint *checkpoint);
const char *checkpoint_note(const struct checkpoint *checkpoint, size_t index);

/* size raw bytes from byte `offset` of the tensor. Thread safe. */
octet_status checkpoint_read(const struct checkpoint *checkpoint, const struct tensor *tensor,
                             uint64_t offset, void *out, uint64_t size, struct octet_error *err);

/*
 * All scales of an FP8 tensor as float32 (exact from F32, BF16, F16, E8M0), row-major
 * [matrices][grid_rows][grid_cols], malloc'ed: free(*out). Each is checked: > 0 and finite.
 */
octet_status checkpoint_read_scales(const struct checkpoint *checkpoint,
                                    const struct tensor *tensor, float **out,
                                    struct octet_error *err);

/* OCTET_INPUT with tensor and first position when `codes` (rows from first_row on) hold NaN codes.
 */
octet_status checkpoint_check_codes(const struct tensor *tensor, uint64_t first_element,
                                    const uint8_t *codes, uint64_t count, struct octet_error *err);

#endif
