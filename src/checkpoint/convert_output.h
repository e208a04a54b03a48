/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that a conversion writes: which states it may be found in, the lock on it, the
 * journal of an unfinished run, and the renaming at the end.
 */
#ifndef CHECKPOINT_CONVERT_OUTPUT_H
#define CHECKPOINT_CONVERT_OUTPUT_H

#include "checkpoint/convert.h"
#include "checkpoint/convert_plan.h"

/* Ends in .part as all else that is unfinished. */
#define CONVERT_JOURNAL ".octet-convert.json.part"

enum output_state {
    OUTPUT_EMPTY,      /* absent, empty, or to be overwritten */
    OUTPUT_UNFINISHED, /* this conversion, interrupted while writing */
    OUTPUT_COMMITTING, /* this conversion, interrupted while renaming */
    OUTPUT_OCCUPIED,   /* holds other files, --overwrite not given */
};

struct output {
    const char *directory; /* borrowed */
    int lock_fd;           /* of the directory, -1: none */
    bool *finished;        /* a shard: written and flushed by an earlier run; owned */
    size_t shard_count;
    bool created; /* by this run */
};

/* OCTET_USAGE when `output` is `source`, inside it or around it, also through links. */
octet_status output_check_place(const char *source, const char *output, struct octet_error *err);

/*
 * Make the folder, lock it and read its state. OCTET_STATE when another conversion holds it;
 * OCTET_USAGE when it holds an unfinished conversion of something else and overwrite is false.
 */
octet_status output_open(const char *directory, const struct convert_plan *plan, bool overwrite,
                         struct output *out, enum output_state *state, struct octet_error *err);
void output_close(struct output *output);

/* The state alone, without making or locking anything. output->finished is set. */
octet_status output_inspect(const char *directory, const struct convert_plan *plan, bool overwrite,
                            struct output *out, enum output_state *state, struct octet_error *err);

/* Write the journal. committing: everything is written, names are being changed. */
octet_status output_write_journal(const struct output *output, const struct convert_plan *plan,
                                  bool committing, struct octet_error *err);

/* "DIR/NAME" or "DIR/NAME.part", malloc'ed; NULL when out of memory. */
char *output_path(const struct output *output, const char *name, bool part);

/* Bytes that the files NAME.part of the plan take on the disk already. */
uint64_t output_part_bytes(const struct output *output, const struct convert_plan *plan);

/* Is each file of the plan there under its final name, with its size, and no other weights? */
bool output_complete(const struct output *output, const struct convert_plan *plan);

/* Is each file there under one of its two names, with its size? */
bool output_can_commit(const struct output *output, const struct convert_plan *plan);

/* Give every file its final name, config.json last, and remove the journal. May be repeated. */
octet_status output_commit(const struct output *output, const struct convert_plan *plan,
                           struct octet_error *err);

/* Remove what is unfinished, and the folder where this run made it and nothing is left. */
void output_discard(const struct output *output, const struct convert_plan *plan);

#endif
