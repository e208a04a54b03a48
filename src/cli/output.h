/* SPDX-License-Identifier: Apache-2.0 */
/* A result file that the user named: a regular file appears whole or not at all; a device, a pipe
 * or a link such as /dev/stdout is written where it leads and never replaced. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdio.h>
#include "base/file.h"

struct cli_output {
    struct file_writer writer; /* used when stream is NULL */
    FILE *stream;              /* owned; not a regular file */
    const char *path;          /* borrowed */
};

/* OCTET_INPUT for a directory. Opening a FIFO waits for its reader. */
octet_status cli_output_open(const char *path, struct cli_output *out, struct octet_error *err);
octet_status cli_output_write(struct cli_output *out, const void *bytes, size_t size,
                              struct octet_error *err);
/* Finish and release, also after a failure. */
octet_status cli_output_commit(struct cli_output *out, struct octet_error *err);
/* Release; nothing is left under the name of a regular file. */
void cli_output_abort(struct cli_output *out);

#endif
