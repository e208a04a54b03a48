/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/checked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define IO_CHUNK ((size_t)1 << 30) /* Linux moves at most 2 GiB in one call */
#define READ_CHUNK ((size_t)64 << 10)
#define WRITE_BEHIND ((size_t)1 << 20)
#define DIRECTORY_BYTES_MAX ((size_t)64 << 20)
#define PATH_BYTES_MAX ((size_t)64 << 10)

octet_status file_open(const char *path, struct file *out, struct octet_error *err)
{
    struct stat info;
    /* Non-blocking: opening a FIFO without a writer must not hang before it is refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "cannot open", path);
    octet_status status = OCTET_OK;
    char *name = NULL;
    if (fstat(fd, &info) != 0)
        status = error_errno(err, errno, "cannot examine", path);
    else if (!S_ISREG(info.st_mode))
        status = error_set(err, OCTET_INPUT, "%s: %s, expected a regular file", path,
                           S_ISDIR(info.st_mode) ? "is a directory" : "is a device or pipe");
    else if (!(name = strdup(path)))
        status = error_memory(err, "a file name", strlen(path) + 1);
    if (status != OCTET_OK) {
        close(fd);
        return status;
    }
    *out = (struct file){.fd = fd, .size = (uint64_t)info.st_size, .path = name};
    return OCTET_OK;
}

void file_close(struct file *file)
{
    if (file->path)
        close(file->fd);
    free(file->path);
    *file = (struct file){.fd = -1};
}

octet_status file_read_at(const struct file *file, uint64_t offset, void *out, size_t size,
                          struct octet_error *err)
{
    uint64_t end;
    if (!checked_add_u64(offset, size, &end) || end > INT64_MAX)
        return error_set(err, OCTET_INPUT, "%s: bytes from %llu, %zu of them, lie past any file",
                         file->path, (unsigned long long)offset, size);
    char *to = out;
    for (size_t done = 0; done < size;) {
        size_t chunk = size - done < IO_CHUNK ? size - done : IO_CHUNK;
        ssize_t got = pread(file->fd, to + done, chunk, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "cannot read", file->path);
        if (got == 0)
            return error_set(err, OCTET_INPUT,
                             "%s: cut short: ends at byte %llu, expected at least %llu bytes; "
                             "fetch the file again",
                             file->path, (unsigned long long)(offset + done),
                             (unsigned long long)end);
        done += (size_t)got;
    }
    return OCTET_OK;
}

octet_status file_read_all(const char *path, size_t limit, struct buffer *out,
                           struct octet_error *err)
{
    struct file file;
    RETURN_IF_ERROR(file_open(path, &file, err));
    octet_status status = OCTET_OK;
    size_t total = 0;
    /* To the end rather than to st_size, which is 0 for files of /proc. */
    char *chunk = malloc(READ_CHUNK);
    if (!chunk) {
        status = error_memory(err, "a read buffer", READ_CHUNK);
        goto out;
    }
    if (file.size > limit)
        status = error_set(err, OCTET_LIMIT, "%s: %llu bytes, at most %zu are accepted", path,
                           (unsigned long long)file.size, limit);
    while (status == OCTET_OK) {
        ssize_t got = read(file.fd, chunk, READ_CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_errno(err, errno, "cannot read", path);
        else if (got == 0)
            break;
        else if ((size_t)got > limit - total)
            status = error_set(err, OCTET_LIMIT, "%s: more than %zu bytes, which is the limit",
                               path, limit);
        else if (!buffer_append(out, chunk, (size_t)got))
            status = error_memory(err, path, total + (size_t)got);
        else
            total += (size_t)got;
    }
    if (status == OCTET_OK && !buffer_append(out, "", 0))
        status = error_memory(err, path, 1);
out:
    free(chunk);
    file_close(&file);
    return status;
}

bool file_is_lfs_pointer(const char *bytes, size_t size)
{
    static const char first_line[] = "version https://git-lfs.github.com/spec/v1";
    return size >= sizeof first_line - 1 && memcmp(bytes, first_line, sizeof first_line - 1) == 0;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool directory_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

octet_status file_free_space(const char *path, uint64_t *bytes, struct octet_error *err)
{
    struct statvfs info;
    int failed;
    do {
        failed = statvfs(path, &info);
    } while (failed && errno == EINTR);
    if (failed)
        return error_errno(err, errno, "cannot ask for the free space of", path);
    if (!checked_mul_u64(info.f_bavail, info.f_frsize, bytes))
        *bytes = UINT64_MAX;
    return OCTET_OK;
}

octet_status directory_create(const char *path, struct octet_error *err)
{
    size_t length = strlen(path);
    if (length == 0)
        return error_set(err, OCTET_USAGE, "the name of a directory is empty");
    char *partial = strdup(path);
    if (!partial)
        return error_memory(err, "a directory name", length + 1);
    octet_status status = OCTET_OK;
    for (size_t i = 1; i <= length && status == OCTET_OK; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            status = error_errno(err, errno, "cannot create the directory", partial);
        else if (!directory_exists(partial))
            status = error_errno(err, ENOTDIR, "cannot create the directory", partial);
        partial[i] = kept;
    }
    free(partial);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One allocation: count pointers, then the NUL-terminated strings of `text`. */
static char **names_pack(const struct buffer *text, size_t count)
{
    char **names = malloc(count * sizeof *names + text->size + 1);
    if (!names)
        return NULL;
    char *strings = (char *)(names + count);
    if (text->size)
        memcpy(strings, text->data, text->size);
    for (size_t i = 0; i < count; i++) {
        names[i] = strings;
        strings += strlen(strings) + 1;
    }
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

octet_status directory_list(const char *path, char ***names, size_t *count, struct octet_error *err)
{
    DIR *directory = opendir(path);
    if (!directory)
        return error_errno(err, errno, "cannot list", path);
    octet_status status = OCTET_OK;
    struct buffer text;
    buffer_init(&text, DIRECTORY_BYTES_MAX);
    size_t found = 0;
    struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buffer_append(&text, entry->d_name, strlen(entry->d_name) + 1);
        found++;
    }
    if (errno)
        status = error_errno(err, errno, "cannot list", path);
    else if (buffer_failed(&text))
        status = error_memory(err, path, text.size);
    else if (!(*names = names_pack(&text, found)))
        status = error_memory(err, path, text.size);
    else
        *count = found;
    buffer_free(&text);
    closedir(directory);
    return status;
}

char *path_join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    bool slash = length > 0 && directory[length - 1] == '/';
    struct buffer path;
    buffer_init(&path, PATH_BYTES_MAX);
    if (!buffer_printf(&path, "%s%s%s", directory, slash || !length ? "" : "/", name)) {
        buffer_free(&path);
        return NULL;
    }
    return buffer_take(&path, NULL);
}

int file_open_private(const char *path, int mode, bool keep)
{
    struct stat info;
    if (keep) {
        int fd = open(path, mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1)
            return fd;
        if (fd >= 0)
            close(fd);
        else if (errno != ENOENT && errno != ELOOP && errno != ENXIO)
            return -1;
    }
    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    return open(path, mode | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

octet_status file_writer_open(const char *path, bool keep_existing_part, struct file_writer *out,
                              struct octet_error *err)
{
    *out = (struct file_writer){.fd = -1};
    struct file_writer writer = {.fd = -1};
    struct buffer part;
    buffer_init(&part, PATH_BYTES_MAX);
    buffer_printf(&part, "%s.part", path);
    writer.path = strdup(path);
    writer.buffer = malloc(WRITE_BEHIND);
    octet_status status = OCTET_OK;
    if (!writer.path || !writer.buffer || buffer_failed(&part)) {
        status = error_memory(err, "a file writer", WRITE_BEHIND);
        goto fail;
    }
    writer.part_path = buffer_take(&part, NULL);
    writer.fd = file_open_private(writer.part_path, O_WRONLY, keep_existing_part);
    if (writer.fd < 0) {
        status = error_errno(err, errno, "cannot create", writer.part_path);
        goto fail;
    }
    off_t end = lseek(writer.fd, 0, SEEK_END);
    if (end < 0) {
        status = error_errno(err, errno, "cannot continue", writer.part_path);
        goto fail;
    }
    writer.offset = (uint64_t)end;
    *out = writer;
    return OCTET_OK;
fail:
    if (writer.fd >= 0)
        close(writer.fd);
    free(writer.part_path);
    free(writer.buffer);
    free(writer.path);
    buffer_free(&part);
    return status;
}

static octet_status write_out(const struct file_writer *writer, const char *bytes, size_t size,
                              struct octet_error *err)
{
    while (size) {
        ssize_t done = write(writer->fd, bytes, size < IO_CHUNK ? size : IO_CHUNK);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(err, errno, "cannot write", writer->part_path);
        bytes += done;
        size -= (size_t)done;
    }
    return OCTET_OK;
}

static octet_status flush(struct file_writer *writer, struct octet_error *err)
{
    RETURN_IF_ERROR(write_out(writer, writer->buffer, writer->buffered, err));
    writer->buffered = 0;
    return OCTET_OK;
}

octet_status file_writer_write(struct file_writer *writer, const void *bytes, size_t size,
                               struct octet_error *err)
{
    if (size > WRITE_BEHIND - writer->buffered)
        RETURN_IF_ERROR(flush(writer, err));
    if (size >= WRITE_BEHIND) {
        RETURN_IF_ERROR(write_out(writer, bytes, size, err));
    } else if (size) {
        memcpy(writer->buffer + writer->buffered, bytes, size);
        writer->buffered += size;
    }
    writer->offset += size;
    return OCTET_OK;
}

/* A new name is on the disk only once its directory is. */
static octet_status sync_directory_of(const char *path, struct octet_error *err)
{
    char *directory = strdup(path);
    if (!directory)
        return error_memory(err, "a directory name", strlen(path) + 1);
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory] = '\0'; /* "/name" lies in "/" */
    const char *name = slash ? directory : ".";
    octet_status status = OCTET_OK;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        status = error_errno(err, errno, "cannot open", name);
    else if (fsync(fd) != 0 && errno != EINVAL) /* some file systems have no such call */
        status = error_errno(err, errno, "cannot write to the disk", name);
    if (fd >= 0)
        close(fd);
    free(directory);
    return status;
}

static void writer_release(struct file_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->buffer);
    free(writer->part_path);
    free(writer->path);
    *writer = (struct file_writer){.fd = -1};
}

octet_status file_writer_commit(struct file_writer *writer, struct octet_error *err)
{
    RETURN_IF_ERROR(flush(writer, err));
    if (fsync(writer->fd) != 0)
        return error_errno(err, errno, "cannot write to the disk", writer->part_path);
    int failed = close(writer->fd);
    writer->fd = -1;
    if (failed)
        return error_errno(err, errno, "cannot close", writer->part_path);
    if (rename(writer->part_path, writer->path) != 0)
        return error_errno(err, errno, "cannot rename to its final name", writer->part_path);
    octet_status status = sync_directory_of(writer->path, err);
    writer_release(writer);
    return status;
}

void file_writer_abort(struct file_writer *writer)
{
    if (writer->part_path)
        unlink(writer->part_path);
    writer_release(writer);
}

octet_status file_write_all(const char *path, const void *bytes, size_t size,
                            struct octet_error *err)
{
    struct file_writer writer;
    RETURN_IF_ERROR(file_writer_open(path, false, &writer, err));
    octet_status status = file_writer_write(&writer, bytes, size, err);
    if (status == OCTET_OK)
        status = file_writer_commit(&writer, err);
    if (status != OCTET_OK)
        file_writer_abort(&writer);
    return status;
}
