/* SPDX-License-Identifier: Apache-2.0 */
/* One file on its way into the cache: locked, gathered under another name, checked, named. */
#ifndef HUB_HUB_BLOB_H
#define HUB_HUB_BLOB_H

#include "base/digest.h"
#include "hub/hub_place.h"

struct hub_blob {
    const struct hub_file *file;
    const struct hub_spot *spot;
    int lock, fd;          /* -1: closed */
    uint64_t size;         /* gathered so far */
    struct digest *digest; /* of those bytes */
};

/* Does the whole file lie under its final name? By size where the name is its hash (Hugging Face);
 * else by its hash, which reads it. */
octet_status hub_blob_present(const struct hub_place *place, const struct hub_file *file,
                              const struct hub_spot *spot, bool *out, struct octet_error *err);

/* Bytes gathered before; 0 when there are none or too many. */
uint64_t hub_blob_gathered(const struct hub_file *file, const struct hub_spot *spot);

/*
 * Take the lock without waiting. HUB_BLOB_BUSY: another thread or process has it, nothing is held.
 * HUB_BLOB_PRESENT: the file was finished meanwhile. HUB_BLOB_OPEN: the unfinished file is open and
 * its bytes are in the digest. hub_blob_close() in any case. Errors: OCTET_IO, OCTET_MEMORY.
 */
enum hub_blob_state { HUB_BLOB_BUSY, HUB_BLOB_PRESENT, HUB_BLOB_OPEN };
octet_status hub_blob_open(const struct hub_place *place, const struct hub_file *file,
                           const struct hub_spot *spot, enum hub_blob_state *state,
                           struct hub_blob *out, struct octet_error *err);

/* Forget what was gathered. */
octet_status hub_blob_restart(struct hub_blob *blob, struct octet_error *err);

/* OCTET_IO when the disk is full; OCTET_MISMATCH for more bytes than the file has. */
octet_status hub_blob_append(struct hub_blob *blob, const char *bytes, size_t size,
                             struct octet_error *err);

/* All bytes are there: check the hash, write to the disk, rename. OCTET_MISMATCH, with nothing left
 * of the bytes, when the hash differs. */
octet_status hub_blob_finish(struct hub_blob *blob, struct octet_error *err);

void hub_blob_close(struct hub_blob *blob);

#endif
