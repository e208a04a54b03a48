/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "hub/hub_name.h"

#define FILE_BYTES_MAX ((int64_t)1 << 50)
#define DEPTH_MAX 64

void hub_listing_free(struct hub_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->files[i].path);
    free(listing->files);
    *listing = (struct hub_listing){0};
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->path, ((const struct hub_file *)b)->path);
}

/* One more file; hash is NULL when the listing has none. */
static octet_status add_file(const char *path, int64_t size, const char *hash, bool sha256,
                             const char *name, struct hub_listing *out, struct octet_error *err)
{
    if (!path)
        return error_set(err, OCTET_INPUT, "%s: a file without a name", name);
    RETURN_IF_ERROR(hub_check_path(path, err));
    if (size < 0 || size > FILE_BYTES_MAX)
        return error_set(err, OCTET_INPUT, "%s: %s: no size, or one that is out of bounds", name,
                         path);
    if (!hub_is_hash(hash, sha256 ? 64 : 40))
        return error_set(err, OCTET_INPUT,
                         "%s: %s: no hash, so that nothing could tell whether it arrived whole; "
                         "use the hub itself or a mirror that answers ?blobs=true",
                         name, path);
    struct hub_file *file = &out->files[out->count];
    *file = (struct hub_file){.size = (uint64_t)size, .sha256 = sha256};
    snprintf(file->hash, sizeof file->hash, "%s", hash);
    file->path = strdup(path);
    if (!file->path)
        return error_memory(err, "a file name", strlen(path));
    out->count++;
    return OCTET_OK;
}

/* {"rfilename", "size", "blobId", "lfs": {"sha256", "size"}}: a file of LFS has its own hash and
 * size; blobId and the outer hash are then those of the pointer. */
static octet_status add_sibling(const struct json *file, const char *name, struct hub_listing *out,
                                struct octet_error *err)
{
    const struct json *lfs = json_get(file, "lfs");
    bool large = json_type(lfs) == JSON_TYPE_OBJECT;
    int64_t size = json_integer(json_get(file, "size"), -1);
    if (large)
        size = json_integer(json_get(lfs, "size"), size);
    const char *hash = json_string(large ? json_get(lfs, "sha256") : json_get(file, "blobId"));
    return add_file(json_string(json_get(file, "rfilename")), size, hash, large, name, out, err);
}

/* {"Path", "Type": "blob" or "tree", "Size", "Sha256"}. */
static octet_status add_scope_file(const struct json *file, const char *name,
                                   struct hub_listing *out, struct octet_error *err)
{
    const char *type = json_string(json_get(file, "Type"));
    if (type && strcmp(type, "tree") == 0)
        return OCTET_OK;
    return add_file(json_string(json_get(file, "Path")), json_integer(json_get(file, "Size"), -1),
                    json_string(json_get(file, "Sha256")), true, name, out, err);
}

static octet_status check_names(const struct hub_listing *listing, const char *name,
                                struct octet_error *err)
{
    for (size_t i = 1; i < listing->count; i++) {
        if (strcmp(listing->files[i - 1].path, listing->files[i].path) == 0)
            return error_set(err, OCTET_INPUT, "%s: %s is listed twice", name,
                             listing->files[i].path);
    }
    return OCTET_OK;
}

static octet_status read_files(enum hub_kind kind, const struct json *files, const char *name,
                               struct hub_listing *out, struct octet_error *err)
{
    size_t count = json_count(files);
    if (json_type(files) != JSON_TYPE_ARRAY)
        return error_set(err, OCTET_INPUT,
                         "%s: the answer has no list of files; is this the address of a hub?",
                         name);
    if (count > HUB_FILES_MAX)
        return error_set(err, OCTET_LIMIT, "%s: %zu files, at most %d are taken", name, count,
                         HUB_FILES_MAX);
    out->files = calloc(count ? count : 1, sizeof *out->files);
    if (!out->files)
        return error_memory(err, "a list of files", count * sizeof *out->files);
    for (size_t i = 0; i < count; i++) {
        const struct json *file = json_at(files, i);
        RETURN_IF_ERROR(kind == HUB_HUGGING_FACE ? add_sibling(file, name, out, err)
                                                 : add_scope_file(file, name, out, err));
    }
    qsort(out->files, out->count, sizeof *out->files, compare_files);
    return check_names(out, name, err);
}

static octet_status read_listing(enum hub_kind kind, const struct json *answer, const char *name,
                                 struct hub_listing *out, struct octet_error *err)
{
    if (kind == HUB_MODEL_SCOPE)
        return read_files(kind, json_get_path(answer, "Data.Files"), name, out, err);
    const char *commit = json_string(json_get(answer, "sha"));
    if (!hub_is_hash(commit, 40))
        return error_set(err, OCTET_INPUT,
                         "%s: the answer names no commit; is this the address of a hub?", name);
    snprintf(out->commit, sizeof out->commit, "%s", commit);
    return read_files(kind, json_get(answer, "siblings"), name, out, err);
}

octet_status hub_listing_parse(enum hub_kind kind, const char *text, size_t size, const char *name,
                               struct hub_listing *out, struct octet_error *err)
{
    struct json *answer = NULL;
    *out = (struct hub_listing){0};
    RETURN_IF_ERROR(json_parse_request(text, size, HUB_LISTING_BYTES_MAX, DEPTH_MAX, false, name,
                                       &answer, err));
    octet_status status = read_listing(kind, answer, name, out, err);
    json_free(answer);
    if (status != OCTET_OK)
        hub_listing_free(out);
    return status;
}
