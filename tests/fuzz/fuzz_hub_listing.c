/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a hub's listing: what is taken has checked names, sizes and hashes. */
#include "hub/hub_listing.h"
#include "hub/hub_name.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hub_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct hub_file *file = &listing->files[i];
        assert(hub_check_path(file->path, NULL) == OCTET_OK);
        assert(file->path[0] != '/' && strcmp(file->path, "..") != 0);
        assert(strncmp(file->path, "../", 3) != 0 && !strstr(file->path, "/../"));
        assert(hub_is_hash(file->hash, file->sha256 ? 64 : 40));
        assert(file->size <= INT64_MAX);
        assert(i == 0 || strcmp(listing->files[i - 1].path, file->path) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    for (int kind = HUB_HUGGING_FACE; kind <= HUB_MODEL_SCOPE; kind++) {
        struct hub_listing listing;
        octet_status status =
            hub_listing_parse((enum hub_kind)kind, bytes, size, "listing", &listing, NULL);
        assert(status == OCTET_OK || (!listing.files && listing.count == 0));
        check(&listing);
        hub_listing_free(&listing);
    }
    free(bytes);
    return 0;
}
