/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <sys/stat.h>

octet_status cli_output_open(const char *path, struct cli_output *out, struct octet_error *err)
{
    *out = (struct cli_output){.path = path};
    if (directory_exists(path))
        return error_set(err, OCTET_INPUT, "%s: is a directory, expected the name of a file", path);
    struct stat info;
    if (lstat(path, &info) != 0 || S_ISREG(info.st_mode))
        return file_writer_open(path, false, &out->writer, err);
    /* Renaming a finished file to this name would replace the device or the link itself. */
    out->stream = fopen(path, "we");
    return out->stream ? OCTET_OK : error_errno(err, errno, "cannot open", path);
}

octet_status cli_output_write(struct cli_output *out, const void *bytes, size_t size,
                              struct octet_error *err)
{
    if (!out->stream)
        return file_writer_write(&out->writer, bytes, size, err);
    errno = 0;
    if (fwrite(bytes, 1, size, out->stream) != size)
        return error_errno(err, errno ? errno : EIO, "cannot write", out->path);
    return OCTET_OK;
}

octet_status cli_output_commit(struct cli_output *out, struct octet_error *err)
{
    if (!out->stream) {
        octet_status status = file_writer_commit(&out->writer, err);
        if (status != OCTET_OK)
            file_writer_abort(&out->writer);
        return status;
    }
    errno = 0;
    int failed = fclose(out->stream);
    out->stream = NULL;
    return failed ? error_errno(err, errno ? errno : EIO, "cannot write", out->path) : OCTET_OK;
}

void cli_output_abort(struct cli_output *out)
{
    if (out->stream)
        fclose(out->stream);
    else if (out->path)
        file_writer_abort(&out->writer);
    *out = (struct cli_output){0};
}
