/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct checkpoint: for the files of this room that open one. */
#ifndef CHECKPOINT_CHECKPOINT_INTERNAL_H
#define CHECKPOINT_CHECKPOINT_INTERNAL_H

#include <time.h>
#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/quantization.h"

struct checkpoint_file {
    struct file file;
    const char *name; /* in the directory; in the arena */
};

struct checkpoint_entry {
    struct tensor tensor; /* first: a tensor's address is its entry's */
    enum tensor_role role;
    struct weight_scale scale;
};

struct checkpoint {
    struct arena arena; /* names, notes */
    const char *directory;
    struct json *config, *generation_config, *hf_quant_config;
    struct checkpoint_file *files;
    size_t file_count;
    struct checkpoint_entry *entries; /* by (file, offset) */
    size_t count;
    struct checkpoint_entry **by_name;
    struct quantization quantization;
    const char *quantization_text;
    const char **notes;
    size_t note_count, note_capacity;
};

/* Add a line for people. OCTET_MEMORY. */
octet_status checkpoint_add_note(struct checkpoint *checkpoint, struct octet_error *err,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* file_set.c: find and open the files, fill files, entries and by_name. Errors as checkpoint_open.
 */
octet_status file_set_open(struct checkpoint *checkpoint, struct octet_error *err);

/* scale_match.c: give each tensor its role and each FP8 weight its checked scale. */
octet_status scale_match(struct checkpoint *checkpoint, struct octet_error *err);

/* "DIR/NAME" of the file that holds the tensor. */
const char *checkpoint_tensor_path(const struct checkpoint *checkpoint,
                                   const struct tensor *tensor);

#endif
