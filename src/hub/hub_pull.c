/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/parse.h"
#include "hub/hub_blob.h"
#include "hub/hub_fetch.h"
#include "hub/hub_listing.h"
#include "hub/hub_name.h"
#include "hub/hub_snapshot.h"

#define SPACE_MARGIN ((uint64_t)16 << 20)

struct pull {
    const struct hub_options *options;
    struct hub_place place;
    struct hub_remote remote;
    struct hub_watch watch;
    char endpoint[HUB_ADDRESS_MAX];
    char revision[HUB_REVISION_MAX];
    char *token; /* owned */
    struct hub_result *out;
};

void hub_result_free(struct hub_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        free(result->files[i].path);
    free(result->files);
    free(result->path);
    *result = (struct hub_result){0};
}

static octet_status prepare(struct pull *pull, struct octet_error *err)
{
    const struct hub_options *options = pull->options;
    const char *preset = options->kind == HUB_HUGGING_FACE ? "main" : "master";
    const char *revision = options->revision ? options->revision : preset;
    if (!hub_is_id(options->id))
        return error_set(err, OCTET_USAGE,
                         "%s: expected the id of a repository such as Qwen/Qwen3-0.6B-FP8",
                         options->id);
    if (!hub_is_revision(revision))
        return error_set(err, OCTET_USAGE, "%s: expected a branch, a tag or a commit", revision);
    snprintf(pull->revision, sizeof pull->revision, "%s", revision);
    snprintf(pull->out->revision, sizeof pull->out->revision, "%s", revision);
    RETURN_IF_ERROR(hub_place_of(options->kind, options->id, &pull->place, err));
    if (!options->endpoint)
        RETURN_IF_ERROR(hub_endpoint(options->kind, pull->endpoint, sizeof pull->endpoint, err));
    else if (strlen(options->endpoint) >= sizeof pull->endpoint)
        return error_set(err, OCTET_USAGE, "the hub's address is too long");
    else
        snprintf(pull->endpoint, sizeof pull->endpoint, "%s", options->endpoint);
    RETURN_IF_ERROR(hub_check_endpoint(pull->endpoint, err));
    RETURN_IF_ERROR(hub_token(options->kind, &pull->token, err));
    pull->remote = (struct hub_remote){.kind = options->kind,
                                       .endpoint = pull->endpoint,
                                       .id = options->id,
                                       .revision = pull->revision,
                                       .token = pull->token,
                                       .retry_ms = options->retry_ms,
                                       .go_on = hub_watch_go_on,
                                       .context = &pull->watch};
    return OCTET_OK;
}

static octet_status read_listing(struct pull *pull, struct hub_listing *out,
                                 struct octet_error *err)
{
    const struct hub_options *options = pull->options;
    struct hub_connection *connection = NULL;
    struct buffer url, text;
    buffer_init(&url, 2 * HUB_ADDRESS_MAX);
    buffer_init(&text, HUB_LISTING_BYTES_MAX);
    hub_listing_url(options->kind, pull->endpoint, options->id, pull->revision, &url);
    octet_status status = buffer_failed(&url) ? error_memory(err, "an address", url.size)
                                              : hub_connection_new(&pull->remote, &connection, err);
    if (status == OCTET_OK)
        status = hub_connection_read(connection, buffer_text(&url), options->id, &text, err);
    if (status == OCTET_OK)
        status = hub_listing_parse(options->kind, buffer_text(&text), text.size, pull->endpoint,
                                   out, err);
    hub_connection_free(connection);
    buffer_free(&text);
    buffer_free(&url);
    return status;
}

/* Move the wanted files of the listing to the result. */
static octet_status select_files(struct pull *pull, struct hub_listing *listing,
                                 struct octet_error *err)
{
    struct hub_result *out = pull->out;
    size_t all = listing->count;
    memcpy(out->commit, listing->commit, sizeof listing->commit);
    out->files = calloc(all ? all : 1, sizeof *out->files);
    if (!out->files)
        return error_memory(err, "a list of files", all * sizeof *out->files);
    for (size_t i = 0; i < all; i++) {
        if (!hub_is_wanted(pull->options, listing->files[i].path))
            continue;
        out->files[out->count] = listing->files[i];
        listing->files[i].path = NULL;
        out->bytes += out->files[out->count++].size;
    }
    if (out->count)
        return OCTET_OK;
    return error_set(err, OCTET_INPUT,
                     "%s: none of the %zu files of revision '%s' is wanted; see --include",
                     pull->options->id, all, pull->revision);
}

/* What is there, and what is still to come. */
static octet_status look_around(struct pull *pull, uint64_t *needed, struct octet_error *err)
{
    struct hub_result *out = pull->out;
    *needed = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct hub_file *file = &out->files[i];
        struct hub_spot spot;
        RETURN_IF_ERROR(hub_spot_of(&pull->place, file, &spot, err));
        RETURN_IF_ERROR(hub_blob_present(&pull->place, file, &spot, &file->present, err));
        bool repeated = hub_is_repeated(&pull->place, out->files, i);
        uint64_t gathered = file->present || repeated ? 0 : hub_blob_gathered(file, &spot);
        out->present_bytes += file->present ? file->size : 0;
        out->resumed_bytes += gathered;
        if (!file->present && !repeated)
            *needed += file->size - gathered;
    }
    return OCTET_OK;
}

static octet_status make_folders(struct pull *pull, struct octet_error *err)
{
    const struct hub_place *place = &pull->place;
    RETURN_IF_ERROR(directory_create(place->repository, err));
    RETURN_IF_ERROR(directory_create(place->pending, err));
    RETURN_IF_ERROR(directory_create(place->locks, err));
    for (size_t i = 0; i < pull->out->count && place->kind == HUB_MODEL_SCOPE; i++)
        RETURN_IF_ERROR(hub_make_folders(place->repository, pull->out->files[i].path, err));
    return OCTET_OK;
}

static octet_status check_space(const struct pull *pull, uint64_t needed, struct octet_error *err)
{
    uint64_t available;
    char needs[32], has[32];
    RETURN_IF_ERROR(file_free_space(pull->place.pending, &available, err));
    if (needed == 0 || (needed <= available && available - needed >= SPACE_MARGIN))
        return OCTET_OK;
    format_bytes(needed + SPACE_MARGIN, needs);
    format_bytes(available, has);
    return error_set(err, OCTET_IO,
                     "%s: %s are needed and %s are free; make room, or set %s to a folder on "
                     "another disk",
                     pull->place.pending, needs, has,
                     pull->place.kind == HUB_HUGGING_FACE ? "HF_HOME" : "MODELSCOPE_CACHE");
}

/* config.json, by which a folder is found, comes last: of ModelScope's plain files this says that
 * the others are there. */
static octet_status fetch_files(struct pull *pull, struct octet_error *err)
{
    struct hub_result *out = pull->out;
    const char *revision = *out->commit ? out->commit : pull->revision;
    size_t last = out->count;
    for (size_t i = 0; i < out->count && pull->place.kind == HUB_MODEL_SCOPE; i++) {
        const char *path = out->files[i].path;
        if (path && strcmp(path, "config.json") == 0)
            last = i;
    }
    if (last < out->count) {
        struct hub_file config = out->files[last];
        memmove(&out->files[last], &out->files[last + 1],
                (out->count - last - 1) * sizeof *out->files);
        out->files[out->count - 1] = config;
        last = out->count - 1;
    }
    RETURN_IF_ERROR(hub_fetch(&pull->remote, &pull->place, revision, out->files, last,
                              pull->options->connections, &pull->watch, err));
    return hub_fetch(&pull->remote, &pull->place, revision, out->files + last, out->count - last, 1,
                     &pull->watch, err);
}

static octet_status pull_files(struct pull *pull, struct octet_error *err)
{
    struct hub_result *out = pull->out;
    uint64_t needed;
    RETURN_IF_ERROR(look_around(pull, &needed, err));
    if (pull->options->dry_run)
        return OCTET_OK;
    RETURN_IF_ERROR(make_folders(pull, err));
    RETURN_IF_ERROR(check_space(pull, needed, err));
    pull->watch.total = needed;
    octet_status status =
        needed || out->present_bytes < out->bytes ? fetch_files(pull, err) : OCTET_OK;
    out->fetched_bytes = pull->watch.fetched;
    RETURN_IF_ERROR(status);
    if (pull->place.kind == HUB_HUGGING_FACE)
        return hub_snapshot_write(&pull->place, out->commit, pull->revision, out->files, out->count,
                                  &out->path, err);
    out->path = strdup(pull->place.repository);
    return out->path ? OCTET_OK : error_memory(err, "a path", strlen(pull->place.repository));
}

octet_status hub_pull(const struct hub_options *options, const struct progress *progress,
                      struct hub_result *out, struct octet_error *err)
{
    *out = (struct hub_result){0};
    struct pull pull = {.options = options, .out = out};
    struct hub_listing listing = {0};
    if (hub_environment_flag("HF_HUB_OFFLINE")) {
        out->offline = true;
        return hub_find(options->id, options->revision, &out->path, err);
    }
    octet_status status = hub_watch_init(&pull.watch, progress, err);
    if (status == OCTET_OK)
        status = prepare(&pull, err);
    if (status == OCTET_OK)
        status = read_listing(&pull, &listing, err);
    if (status == OCTET_OK)
        status = select_files(&pull, &listing, err);
    if (status == OCTET_OK)
        status = pull_files(&pull, err);
    hub_listing_free(&listing);
    hub_watch_free(&pull.watch);
    free(pull.token);
    return status;
}
