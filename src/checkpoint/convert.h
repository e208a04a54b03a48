/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP8 checkpoint -> BF16 checkpoint that any engine loads. Streaming: memory is a few windows a
 * thread, whatever the size of the model.
 *
 * Until the very end everything in OUT is called NAME.part, among it the journal
 * (.octet-convert.json.part), so an interrupted run leaves nothing under a final name; the next run
 * with the same source and options continues: shards that the journal calls finished are compared
 * with the source again, the others are written anew. When all is written, flushed and verified,
 * the files are renamed, index and config.json last. The result depends on source and shard size
 * only: not on threads or interruptions.
 */
#ifndef CHECKPOINT_CONVERT_H
#define CHECKPOINT_CONVERT_H

#include "base/progress.h"
#include "base/status.h"

#define CONVERT_SHARD_DEFAULT UINT64_C(5000000000)

struct convert_options {
    const char *source, *output;
    uint64_t max_shard_size; /* bytes of tensors a file; 0: CONVERT_SHARD_DEFAULT */
    int threads;             /* at least 1 */
    bool dry_run;            /* plan and check, write nothing */
    bool overwrite;          /* OUT may hold files; those of the same name are replaced */
    bool verify;             /* read back what was written and compare every element */
};

/* verify true, one thread, the default shard size; no paths. */
void convert_options_default(struct convert_options *options);

struct convert_result {
    uint64_t source_bytes, output_bytes; /* of the .safetensors files */
    size_t shards;
    size_t tensors;             /* in the result */
    size_t fp8_tensors;         /* of them converted */
    size_t dropped_tensors;     /* scales of weights, activations and cache: not in the result */
    size_t carried_files;       /* tokenizer and others */
    uint64_t verified_elements; /* FP8 elements that were compared with the exact product */
    uint64_t verified_bytes;    /* of tensors that were carried as they are */
    size_t resumed_shards;      /* found finished from an earlier run */
    bool already_complete;      /* OUT held this very conversion: nothing was written */
    uint64_t needed_bytes, free_bytes; /* on the file system of OUT, before writing */
    double seconds;
    char *notes; /* lines for people, each ending in a newline; NULL: none */
};
void convert_result_free(struct convert_result *result);

/*
 * Progress counts source bytes, twice when verifying. Also called through with false to cancel.
 * Errors: those of checkpoint_open; OCTET_USAGE (OUT inside DIR, or not empty); OCTET_INPUT (NaN
 * codes, an architecture's missing tensors, ...); OCTET_STATE (another conversion writes there);
 * OCTET_IO (space); OCTET_MISMATCH (what was read back differs); OCTET_CANCELLED; OCTET_MEMORY.
 */
octet_status checkpoint_convert(const struct convert_options *options,
                                const struct progress *progress, struct convert_result *result,
                                struct octet_error *err);

#endif
