/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conversion will write: tensors by shard, the files that are carried along, config and
 * index. A function of the source and the shard size alone.
 */
#ifndef CHECKPOINT_CONVERT_PLAN_H
#define CHECKPOINT_CONVERT_PLAN_H

#include "base/buffer.h"
#include "checkpoint/checkpoint.h"

#define CONVERT_NAME_MAX 64
#define CONVERT_INDEX "model.safetensors.index.json"
#define CONVERT_CONFIG "config.json"

struct planned_shard {
    char name[CONVERT_NAME_MAX];
    struct tensor *tensors; /* borrowed; offsets in the new file, names of the source */
    size_t count;
    uint64_t file_size;    /* header included */
    uint64_t source_bytes; /* to read for it */
};

struct carried_file {
    char *name; /* owned */
    uint64_t size;
    int64_t mtime_ns;
};

struct convert_plan {
    struct tensor *tensors;
    size_t tensor_count, fp8_count, dropped_count;
    struct planned_shard *shards;
    size_t shard_count;
    struct carried_file *carried;
    size_t carried_count;
    struct buffer config;  /* text of the new config.json */
    uint64_t tensor_bytes; /* metadata.total_size of the index */
    uint64_t output_bytes; /* all files */
    uint64_t source_bytes; /* of all planned tensors */
    char identity[65];     /* digest of source and options */
    char *notes;           /* lines, or NULL */
};

octet_status convert_plan_make(const struct checkpoint *source, uint64_t max_shard_size,
                               struct convert_plan *out, struct octet_error *err);
void convert_plan_free(struct convert_plan *plan);

/* Bytes before the tensors of a shard, appended to an empty buffer. OCTET_MEMORY. */
octet_status convert_plan_header(const struct planned_shard *shard, struct buffer *out,
                                 struct octet_error *err);

/* The text of the index, appended to an empty buffer. OCTET_MEMORY. */
octet_status convert_plan_index(const struct convert_plan *plan, struct buffer *out,
                                struct octet_error *err);

#endif
