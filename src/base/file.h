/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: bounded reading by pread, atomic replacement by NAME.part + fsync + rename. All paths are
 * NUL-terminated bytes. Interrupted system calls are retried.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/status.h"
#include "base/buffer.h"

/* An open file for reading whose size was taken once; a read past it is an error, not a short read.
 */
struct file {
    int fd;
    uint64_t size;
    char *path; /* owned */
};

/* Regular files only (a directory, FIFO or device is OCTET_INPUT). */
octet_status file_open(const char *path, struct file *out, struct octet_error *err);
void file_close(struct file *file);

/* Exactly size bytes from offset. Thread safe. OCTET_INPUT "cut short" when the file shrank. */
octet_status file_read_at(const struct file *file, uint64_t offset, void *out, size_t size,
                          struct octet_error *err);

/* The whole file, which may have at most limit bytes, appended to `out` (NUL-terminated). */
octet_status file_read_all(const char *path, size_t limit, struct buffer *out,
                           struct octet_error *err);

/* Do these first bytes of a file say that it is a Git-LFS pointer, not the file it stands for? */
bool file_is_lfs_pointer(const char *bytes, size_t size);

/* Does path exist (follows links)? */
bool file_exists(const char *path);
bool directory_exists(const char *path);

/* Free bytes for unprivileged users on the file system of path. */
octet_status file_free_space(const char *path, uint64_t *bytes, struct octet_error *err);

/* mkdir -p. */
octet_status directory_create(const char *path, struct octet_error *err);

/*
 * Names in a directory without "." and "..", sorted bytewise; *names is one allocation of count
 * pointers followed by the strings: free(*names).
 */
octet_status directory_list(const char *path, char ***names, size_t *count,
                            struct octet_error *err);

/* "DIR/NAME", malloc'ed, NULL when out of memory. */
char *path_join(const char *directory, const char *name);

/*
 * A file being written: bytes go to PATH.part; file_commit fsyncs, renames to PATH and fsyncs the
 * directory. file_abort (also after a failure) removes PATH.part. Until commit nothing exists under
 * the final name.
 */
struct file_writer {
    int fd;
    uint64_t offset; /* bytes written so far */
    char *path;      /* owned: final name */
    char *part_path; /* owned */
    char *buffer;    /* owned: write-behind of 1 MiB */
    size_t buffered;
};

/*
 * A descriptor for writing (mode O_WRONLY or O_RDWR) to a file that has no other name: emptied, or
 * with `keep` as it was left. A link, a pipe or a file with further names that lies there is
 * removed, never written through: it may lead to the very checkpoint that is being read. Returns -1
 * with errno.
 */
int file_open_private(const char *path, int mode, bool keep);

/* keep_existing_part: continue an existing PATH.part at its end (offset says where that is). */
octet_status file_writer_open(const char *path, bool keep_existing_part, struct file_writer *out,
                              struct octet_error *err);
octet_status file_writer_write(struct file_writer *writer, const void *bytes, size_t size,
                               struct octet_error *err);
octet_status file_writer_commit(struct file_writer *writer, struct octet_error *err);
void file_writer_abort(struct file_writer *writer);

/* Write a small file atomically. */
octet_status file_write_all(const char *path, const void *bytes, size_t size,
                            struct octet_error *err);

#endif
