/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file of options, as vLLM's --config: a mapping of long option names. A sequence gives a
 * list, a nested mapping a JSON object. The file is bounded in size, depth and number of values;
 * anchors are allowed, and what their aliases expand to counts against the same bounds.
 */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include <stdbool.h>
#include "base/status.h"

struct config_entry {
    char *name;    /* owned: as written, "max-model-len" */
    char *value;   /* owned: a scalar's text, or JSON */
    bool element;  /* one of a sequence's */
    unsigned line; /* where the value begins, from 1 */
};

struct config_file {
    struct config_entry *entries;
    size_t count, capacity;
};

/* Null values give no entry. Errors: OCTET_USAGE (with file and line: not YAML, not a mapping, a
 * bound), OCTET_IO, OCTET_INPUT (no regular file), OCTET_LIMIT, OCTET_MEMORY. */
octet_status config_file_read(const char *path, struct config_file *out, struct octet_error *err);
/* The same for text; name begins the error messages. */
octet_status config_file_parse(const char *text, size_t size, const char *name,
                               struct config_file *out, struct octet_error *err);
void config_file_free(struct config_file *file);

#endif
