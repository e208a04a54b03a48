/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the tensors of a checkpoint, in small windows on several threads: write them
 * dequantised to a file, compare them with a file that should hold that, or only check the codes.
 * Memory is a few windows a thread, whatever the size of the model.
 */
#ifndef CHECKPOINT_TENSOR_PASS_H
#define CHECKPOINT_TENSOR_PASS_H

#include "base/file.h"
#include "checkpoint/checkpoint.h"

#define TENSOR_PASS_THREADS_MAX 64

enum pass_mode {
    PASS_WRITE,   /* FP8 as BF16, anything else byte for byte, at (file, offset) */
    PASS_COMPARE, /* the same, compared with what lies there */
    PASS_SCAN,    /* codes and products are checked, nothing is written */
};

/* A source tensor (ROLE_FP8 or ROLE_PLAIN) and where its converted form lies. */
struct pass_item {
    const struct tensor *source;
    const struct file *file; /* NULL for PASS_SCAN; for PASS_WRITE opened for writing */
    uint64_t offset;
};

/* What PASS_COMPARE and PASS_SCAN saw. Add up over several runs. */
struct pass_counts {
    uint64_t fp8_elements;      /* elements that were checked against the exact product */
    uint64_t plain_bytes;       /* bytes that were compared as they are */
    uint64_t different;         /* elements (bytes of plain tensors) that differ */
    size_t different_tensors;   /* tensors with at least one of them */
    const struct tensor *first; /* the first such tensor in the order of the items, or NULL */
    uint64_t first_element;     /* in it; for a plain tensor the first differing byte */
    uint16_t found, expected;   /* BF16 bits of an FP8 tensor, bytes of a plain one */
};

struct tensor_pass;

/* threads is cut to 1..TENSOR_PASS_THREADS_MAX. Fewer run where the system refuses more. */
octet_status tensor_pass_create(int threads, struct tensor_pass **out, struct octet_error *err);
void tensor_pass_free(struct tensor_pass *pass); /* NULL is fine */

/*
 * Run over the items in order. done (may be NULL) is a running count of source bytes for
 * `progress`, of `total`, labelled `what`. Differences are counted, not errors.
 * Errors: OCTET_INPUT for NaN codes, bad scales, infinite products or files cut short, naming the
 * first tensor in the order of the items whatever the number of threads; OCTET_IO;
 * OCTET_CANCELLED; OCTET_MEMORY.
 */
octet_status tensor_pass_run(struct tensor_pass *pass, const struct checkpoint *source,
                             enum pass_mode mode, const struct pass_item *items, size_t count,
                             const char *what, uint64_t *done, uint64_t total,
                             const struct progress *progress, struct pass_counts *counts,
                             struct octet_error *err);

/* Exactly size bytes at offset; OCTET_IO with a remedy on a full disk. Thread safe. */
octet_status file_write_at(const struct file *file, uint64_t offset, const void *bytes, size_t size,
                           struct octet_error *err);

#endif
