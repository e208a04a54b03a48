/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

#define CHUNK ((size_t)1 << 20)

static struct digest *new_digest(const struct hub_file *file)
{
    return file->sha256 ? digest_new() : digest_new_git_blob(file->size);
}

/* Regular and of the file's size? */
static bool has_size(const char *path, uint64_t size)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == size;
}

/* Put the first `size` bytes of fd into the digest. */
static octet_status digest_file(int fd, uint64_t size, const char *path, struct digest *digest,
                                struct octet_error *err)
{
    octet_status status = OCTET_OK;
    char *chunk = malloc(CHUNK);
    if (!chunk)
        return error_memory(err, "a read buffer", CHUNK);
    for (uint64_t done = 0; done < size && status == OCTET_OK;) {
        size_t want = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
        ssize_t got = pread(fd, chunk, want, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_errno(err, errno, "cannot read", path);
        else if (got == 0)
            status = error_set(err, OCTET_IO, "%s: became shorter while it was read", path);
        else if (!digest_update(digest, chunk, (size_t)got))
            status = error_memory(err, "a digest", 0);
        else
            done += (uint64_t)got;
    }
    free(chunk);
    return status;
}

octet_status hub_blob_present(const struct hub_place *place, const struct hub_file *file,
                              const struct hub_spot *spot, bool *out, struct octet_error *err)
{
    char hex[65];
    struct file opened;
    *out = has_size(spot->final, file->size);
    if (place->kind == HUB_HUGGING_FACE || !*out)
        return OCTET_OK;
    RETURN_IF_ERROR(file_open(spot->final, &opened, err));
    struct digest *digest = new_digest(file);
    octet_status status = digest ? digest_file(opened.fd, file->size, spot->final, digest, err)
                                 : error_memory(err, "a digest", 0);
    file_close(&opened);
    if (status != OCTET_OK) {
        digest_free(digest);
        return status;
    }
    *out = digest_finish(digest, hex) && strcmp(hex, file->hash) == 0;
    return OCTET_OK;
}

uint64_t hub_blob_gathered(const struct hub_file *file, const struct hub_spot *spot)
{
    struct stat info;
    if (lstat(spot->pending, &info) != 0 || !S_ISREG(info.st_mode) ||
        (uint64_t)info.st_size > file->size)
        return 0;
    return (uint64_t)info.st_size;
}

static octet_status take_lock(const char *path, bool *locked, int *out, struct octet_error *err)
{
    *locked = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return error_errno(err, errno, "cannot create", path);
    int failed;
    do {
        failed = flock(fd, LOCK_EX | LOCK_NB);
    } while (failed && errno == EINTR);
    if (!failed) {
        *locked = true;
        *out = fd;
        return OCTET_OK;
    }
    int reason = errno;
    close(fd);
    return reason == EWOULDBLOCK ? OCTET_OK : error_errno(err, reason, "cannot lock", path);
}

octet_status hub_blob_open(const struct hub_place *place, const struct hub_file *file,
                           const struct hub_spot *spot, enum hub_blob_state *state,
                           struct hub_blob *out, struct octet_error *err)
{
    struct stat info;
    bool locked, present;
    *out = (struct hub_blob){.file = file, .spot = spot, .lock = -1, .fd = -1};
    *state = HUB_BLOB_BUSY;
    RETURN_IF_ERROR(take_lock(spot->lock, &locked, &out->lock, err));
    if (!locked)
        return OCTET_OK;
    /* Whoever had the lock before may have finished it. */
    RETURN_IF_ERROR(hub_blob_present(place, file, spot, &present, err));
    *state = present ? HUB_BLOB_PRESENT : HUB_BLOB_OPEN;
    if (present)
        return OCTET_OK;
    out->fd = file_open_private(spot->pending, O_RDWR, true);
    if (out->fd < 0 || fstat(out->fd, &info) != 0)
        return error_errno(err, errno, "cannot create", spot->pending);
    if ((uint64_t)info.st_size > file->size)
        return hub_blob_restart(out, err);
    out->digest = new_digest(file);
    if (!out->digest)
        return error_memory(err, "a digest", 0);
    out->size = (uint64_t)info.st_size;
    return digest_file(out->fd, out->size, spot->pending, out->digest, err);
}

octet_status hub_blob_restart(struct hub_blob *blob, struct octet_error *err)
{
    if (ftruncate(blob->fd, 0) != 0)
        return error_errno(err, errno, "cannot shorten", blob->spot->pending);
    blob->size = 0;
    digest_free(blob->digest);
    blob->digest = new_digest(blob->file);
    return blob->digest ? OCTET_OK : error_memory(err, "a digest", 0);
}

octet_status hub_blob_append(struct hub_blob *blob, const char *bytes, size_t size,
                             struct octet_error *err)
{
    if (size > blob->file->size - blob->size)
        return error_set(err, OCTET_MISMATCH,
                         "%s: the server sends more than the %llu bytes that "
                         "the hub lists",
                         blob->file->path, (unsigned long long)blob->file->size);
    while (size) {
        ssize_t done = pwrite(blob->fd, bytes, size, (off_t)blob->size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(err, errno, "cannot write", blob->spot->pending);
        if (!digest_update(blob->digest, bytes, (size_t)done))
            return error_memory(err, "a digest", 0);
        bytes += done;
        size -= (size_t)done;
        blob->size += (uint64_t)done;
    }
    return OCTET_OK;
}

octet_status hub_blob_finish(struct hub_blob *blob, struct octet_error *err)
{
    char hex[65];
    struct digest *digest = blob->digest;
    blob->digest = NULL;
    if (!digest_finish(digest, hex))
        return error_memory(err, "a digest", 0);
    if (strcmp(hex, blob->file->hash) != 0) {
        RETURN_IF_ERROR(hub_blob_restart(blob, err));
        return error_set(err, OCTET_MISMATCH, "%s: what arrived has the hash %s, the hub lists %s",
                         blob->file->path, hex, blob->file->hash);
    }
    if (fsync(blob->fd) != 0)
        return error_errno(err, errno, "cannot write to the disk", blob->spot->pending);
    if (rename(blob->spot->pending, blob->spot->final) != 0)
        return error_errno(err, errno, "cannot rename to its final name", blob->spot->pending);
    return OCTET_OK;
}

void hub_blob_close(struct hub_blob *blob)
{
    digest_free(blob->digest);
    if (blob->fd >= 0)
        close(blob->fd);
    if (blob->lock >= 0)
        close(blob->lock);
    blob->digest = NULL;
    blob->fd = blob->lock = -1;
}
