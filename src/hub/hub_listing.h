/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a repository, as its hub lists them. */
#ifndef HUB_HUB_LISTING_H
#define HUB_HUB_LISTING_H

#include "hub/hub.h"

#define HUB_LISTING_BYTES_MAX ((size_t)64 << 20)
#define HUB_FILES_MAX 20000

struct hub_listing {
    char commit[41];        /* "" where the hub does not say it (ModelScope) */
    struct hub_file *files; /* by path, no two of the same */
    size_t count;
};

/*
 * Read the answer of hub_listing_url(), untrusted bytes. Every path is checked (hub_check_path()),
 * every file has a size and a hash. name begins error messages. Errors: OCTET_INPUT, OCTET_LIMIT,
 * OCTET_MEMORY; *out is empty then.
 */
octet_status hub_listing_parse(enum hub_kind kind, const char *text, size_t size, const char *name,
                               struct hub_listing *out, struct octet_error *err);
void hub_listing_free(struct hub_listing *listing);

#endif
