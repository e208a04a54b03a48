/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_fetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "hub/hub_blob.h"
#include "hub/hub_name.h"

#define CONNECTIONS_MAX 16

octet_status hub_watch_init(struct hub_watch *watch, const struct progress *progress,
                            struct octet_error *err)
{
    *watch = (struct hub_watch){.progress = progress};
    if (pthread_mutex_init(&watch->mutex, NULL) != 0)
        return error_memory(err, "a lock", sizeof watch->mutex);
    watch->ready = true;
    return OCTET_OK;
}

void hub_watch_free(struct hub_watch *watch)
{
    if (watch->ready)
        pthread_mutex_destroy(&watch->mutex);
    watch->ready = false;
}

bool hub_watch_add(struct hub_watch *watch, int64_t bytes, bool received)
{
    pthread_mutex_lock(&watch->mutex);
    watch->done += bytes;
    if (received)
        watch->fetched += (uint64_t)bytes;
    if (watch->done > watch->shown)
        watch->shown = watch->done;
    if (!progress_report(watch->progress, "fetching", (uint64_t)watch->shown, watch->total))
        watch->cancelled = true;
    bool go_on = !watch->cancelled && !watch->failed;
    pthread_mutex_unlock(&watch->mutex);
    return go_on;
}

bool hub_watch_go_on(void *watch)
{
    return hub_watch_add(watch, 0, false);
}

bool hub_is_repeated(const struct hub_place *place, const struct hub_file *files, size_t index)
{
    if (place->kind == HUB_MODEL_SCOPE)
        return false;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(files[i].hash, files[index].hash) == 0)
            return true;
    }
    return false;
}

/* ---- One file ---- */

struct transfer {
    struct hub_blob blob;
    struct hub_watch *watch;
};

static octet_status restart(struct transfer *transfer, struct octet_error *err)
{
    uint64_t lost = transfer->blob.size;
    RETURN_IF_ERROR(hub_blob_restart(&transfer->blob, err));
    hub_watch_add(transfer->watch, -(int64_t)lost, false);
    return OCTET_OK;
}

static octet_status on_begin(void *context, uint64_t offset, struct octet_error *err)
{
    struct transfer *transfer = context;
    return offset == transfer->blob.size ? OCTET_OK : restart(transfer, err);
}

static octet_status on_take(void *context, const char *bytes, size_t size, struct octet_error *err)
{
    struct transfer *transfer = context;
    RETURN_IF_ERROR(hub_blob_append(&transfer->blob, bytes, size, err));
    if (hub_watch_add(transfer->watch, (int64_t)size, true))
        return OCTET_OK;
    return error_set(err, OCTET_CANCELLED, "stopped; the same command goes on from here");
}

/* All bytes that the blob lacks. A try that brought bytes begins the count anew. */
static octet_status gather(const struct hub_remote *remote, struct hub_connection *connection,
                           const char *url, struct transfer *transfer, struct octet_error *err)
{
    const struct hub_file *file = transfer->blob.file;
    for (int tries = 1; transfer->blob.size < file->size; tries++) {
        bool again;
        unsigned wait_s;
        uint64_t before = transfer->blob.size;
        struct hub_request request = {.url = url,
                                      .what = file->path,
                                      .offset = before,
                                      .begin = on_begin,
                                      .take = on_take,
                                      .context = transfer};
        octet_status status = hub_connection_get(connection, &request, &again, &wait_s, err);
        if (status == OCTET_OK && transfer->blob.size == file->size)
            break;
        if (status == OCTET_OK) { /* an answer that ends early and says so in Content-Length */
            again = true;
            status =
                error_set(err, OCTET_IO, "%s: the server sent %llu of %llu bytes", file->path,
                          (unsigned long long)transfer->blob.size, (unsigned long long)file->size);
        }
        if (transfer->blob.size > before)
            tries = 1;
        if (!again || tries >= HUB_TRIES)
            return status;
        log_warning("%s; trying again", err->message);
        RETURN_IF_ERROR(hub_pause(remote, tries, wait_s, err));
    }
    return OCTET_OK;
}

/* Until the hash fits; bytes that do not fit are thrown away, and fetched anew once. */
static octet_status complete(const struct hub_remote *remote, struct hub_connection *connection,
                             const char *url, struct transfer *transfer, struct octet_error *err)
{
    for (int tries = 1;; tries++) {
        octet_status status = gather(remote, connection, url, transfer, err);
        uint64_t gathered = transfer->blob.size;
        if (status == OCTET_OK)
            status = hub_blob_finish(&transfer->blob, err);
        if (status != OCTET_MISMATCH)
            return status;
        hub_watch_add(transfer->watch, (int64_t)transfer->blob.size - (int64_t)gathered, false);
        RETURN_IF_ERROR(restart(transfer, err));
        if (tries == 2)
            return error_prefix(err, OCTET_MISMATCH, "twice in a row");
        log_warning("%s; fetching it anew", err->message);
    }
}

static octet_status fetch_file(const struct hub_remote *remote, struct hub_connection *connection,
                               const struct hub_place *place, const char *revision,
                               const struct hub_file *file, struct hub_watch *watch,
                               struct octet_error *err)
{
    struct hub_spot spot;
    struct transfer transfer = {.watch = watch};
    struct buffer url;
    enum hub_blob_state state;
    RETURN_IF_ERROR(hub_spot_of(place, file, &spot, err));
    uint64_t counted = hub_blob_gathered(file, &spot);
    octet_status status = OCTET_OK;
    bool said = false;
    while ((status = hub_blob_open(place, file, &spot, &state, &transfer.blob, err)) == OCTET_OK &&
           state == HUB_BLOB_BUSY) {
        hub_blob_close(&transfer.blob);
        if (!said)
            log_info("%s: another process fetches it; waiting", file->path);
        said = true;
        RETURN_IF_ERROR(hub_pause(remote, 1, 0, err));
    }
    buffer_init(&url, 4 * HUB_PATH_MAX);
    if (status != OCTET_OK)
        goto out;
    uint64_t have = state == HUB_BLOB_PRESENT ? file->size : transfer.blob.size;
    hub_watch_add(watch, (int64_t)have - (int64_t)counted, false);
    if (state == HUB_BLOB_PRESENT)
        goto out;
    hub_file_url(place->kind, remote->endpoint, remote->id, revision, file->path, &url);
    status = buffer_failed(&url) ? error_memory(err, "an address", url.size)
                                 : complete(remote, connection, buffer_text(&url), &transfer, err);
out:
    buffer_free(&url);
    hub_blob_close(&transfer.blob);
    return status;
}

/* ---- All files ---- */

struct crew {
    const struct hub_remote *remote;
    const struct hub_place *place;
    const char *revision;
    const struct hub_file *files;
    size_t count, next; /* next: under the watch's lock */
    struct hub_watch *watch;
    octet_status status;
    struct octet_error *err; /* of the first failure */
};

/* The next file to fetch; false: none left, or somebody failed. */
static bool take_next(struct crew *crew, const struct hub_file **out)
{
    pthread_mutex_lock(&crew->watch->mutex);
    bool ok = !crew->watch->failed && !crew->watch->cancelled;
    while (
        ok && crew->next < crew->count &&
        (crew->files[crew->next].present || hub_is_repeated(crew->place, crew->files, crew->next)))
        crew->next++;
    ok = ok && crew->next < crew->count;
    if (ok)
        *out = &crew->files[crew->next++];
    pthread_mutex_unlock(&crew->watch->mutex);
    return ok;
}

static void note_failure(struct crew *crew, octet_status status, const struct octet_error *err)
{
    pthread_mutex_lock(&crew->watch->mutex);
    if (crew->status == OCTET_OK) {
        crew->status = status;
        if (crew->err)
            *crew->err = *err;
    }
    crew->watch->failed = true;
    pthread_mutex_unlock(&crew->watch->mutex);
}

static void *work(void *context)
{
    struct crew *crew = context;
    struct hub_connection *connection = NULL;
    struct octet_error err = {0};
    const struct hub_file *file;
    octet_status status = hub_connection_new(crew->remote, &connection, &err);
    while (status == OCTET_OK && take_next(crew, &file))
        status = fetch_file(crew->remote, connection, crew->place, crew->revision, file,
                            crew->watch, &err);
    if (status != OCTET_OK)
        note_failure(crew, status, &err);
    hub_connection_free(connection);
    return NULL;
}

octet_status hub_fetch(const struct hub_remote *remote, const struct hub_place *place,
                       const char *revision, const struct hub_file *files, size_t count,
                       int connections, struct hub_watch *watch, struct octet_error *err)
{
    pthread_t threads[CONNECTIONS_MAX];
    int started = 0;
    struct crew crew = {.remote = remote,
                        .place = place,
                        .revision = revision,
                        .files = files,
                        .count = count,
                        .watch = watch,
                        .err = err};
    if (connections > CONNECTIONS_MAX)
        connections = CONNECTIONS_MAX;
    while (started < connections && (size_t)started < count &&
           pthread_create(&threads[started], NULL, work, &crew) == 0)
        started++;
    if (started == 0)
        work(&crew);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (crew.status == OCTET_OK && watch->cancelled)
        return error_set(err, OCTET_CANCELLED, "stopped; the same command goes on from here");
    return crew.status;
}
