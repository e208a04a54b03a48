/* SPDX-License-Identifier: Apache-2.0 */
/* What huggingface_hub and octet look models up by: snapshots/COMMIT/PATH and refs/REVISION. */
#ifndef HUB_HUB_SNAPSHOT_H
#define HUB_HUB_SNAPSHOT_H

#include "hub/hub_place.h"

/* A folder below `root`, each step made if it is missing. A step that is a link or a file is
 * OCTET_INPUT: what a listing names stays below root. */
octet_status hub_make_folders(const char *root, const char *path, struct octet_error *err);

/*
 * Links to the blobs of all files, config.json last, then the reference of the revision unless it
 * is the commit itself. *out: the snapshot's folder, malloc'ed. Errors: OCTET_IO, OCTET_INPUT,
 * OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status hub_snapshot_write(const struct hub_place *place, const char *commit,
                                const char *revision, const struct hub_file *files, size_t count,
                                char **out, struct octet_error *err);

#endif
