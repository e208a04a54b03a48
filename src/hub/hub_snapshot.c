/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "hub/hub_name.h"

octet_status hub_make_folders(const char *root, const char *path, struct octet_error *err)
{
    char folder[HUB_PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct stat info;
        if (!hub_format_path(folder, "%s/%.*s", root, (int)(slash - path), path))
            return error_set(err, OCTET_LIMIT, "%s: its path in the cache is too long", path);
        if (mkdir(folder, 0777) == 0)
            continue;
        if (errno != EEXIST)
            return error_errno(err, errno, "cannot create the directory", folder);
        if (lstat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
            return error_set(err, OCTET_INPUT,
                             "%s: is a link or a file where the repository has a folder; remove it "
                             "and run this again",
                             folder);
    }
    return OCTET_OK;
}

/* Is `path` a link to exactly `target`? */
static bool links_to(const char *path, const char *target)
{
    char found[HUB_PATH_MAX];
    ssize_t length = readlink(path, found, sizeof found - 1);
    if (length < 0)
        return false;
    found[length] = '\0';
    return strcmp(found, target) == 0;
}

static octet_status link_file(const char *snapshot, const struct hub_file *file,
                              struct octet_error *err)
{
    char path[HUB_PATH_MAX], fresh[HUB_PATH_MAX], target[HUB_PATH_MAX], up[128] = "../../";
    for (const char *at = strchr(file->path, '/'); at; at = strchr(at + 1, '/'))
        memcpy(up + strlen(up), "../", 4); /* at most 32, hub_check_path() */
    if (!hub_format_path(path, "%s/%s", snapshot, file->path) ||
        !hub_format_path(fresh, "%s.%d.new", path, (int)getpid()) ||
        !hub_format_path(target, "%sblobs/%s", up, file->hash))
        return error_set(err, OCTET_LIMIT, "%s: its path in the cache is too long", file->path);
    RETURN_IF_ERROR(hub_make_folders(snapshot, file->path, err));
    if (links_to(path, target))
        return OCTET_OK;
    if (unlink(fresh) != 0 && errno != ENOENT)
        return error_errno(err, errno, "cannot remove", fresh);
    if (symlink(target, fresh) != 0)
        return error_errno(err, errno,
                           "cannot create the link (a cache needs a file system that "
                           "has links)",
                           fresh);
    if (rename(fresh, path) != 0) {
        int reason = errno;
        unlink(fresh);
        return error_errno(err, reason, "cannot put a link in place of", path);
    }
    return OCTET_OK;
}

static octet_status write_reference(const struct hub_place *place, const char *commit,
                                    const char *revision, struct octet_error *err)
{
    char folder[HUB_PATH_MAX], path[HUB_PATH_MAX];
    if (strcmp(revision, commit) == 0)
        return OCTET_OK;
    if (!hub_format_path(folder, "%s/refs", place->repository) ||
        !hub_format_path(path, "%s/%s", folder, revision))
        return error_set(err, OCTET_LIMIT, "%s: its path in the cache is too long", revision);
    RETURN_IF_ERROR(directory_create(folder, err));
    RETURN_IF_ERROR(hub_make_folders(folder, revision, err));
    return file_write_all(path, commit, strlen(commit), err);
}

octet_status hub_snapshot_write(const struct hub_place *place, const char *commit,
                                const char *revision, const struct hub_file *files, size_t count,
                                char **out, struct octet_error *err)
{
    char snapshot[HUB_PATH_MAX];
    const struct hub_file *config = NULL;
    if (!hub_format_path(snapshot, "%s/snapshots/%s", place->repository, commit))
        return error_set(err, OCTET_LIMIT, "%s: the path is too long", place->repository);
    RETURN_IF_ERROR(directory_create(snapshot, err));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].path, "config.json") == 0)
            config = &files[i];
        else
            RETURN_IF_ERROR(link_file(snapshot, &files[i], err));
    }
    /* By it the folder is found, so the others must be there. */
    if (config)
        RETURN_IF_ERROR(link_file(snapshot, config, err));
    RETURN_IF_ERROR(write_reference(place, commit, revision, err));
    *out = strdup(snapshot);
    return *out ? OCTET_OK : error_memory(err, "a path", strlen(snapshot));
}
