/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that requests may show. Any thread. */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

struct auth {
    pthread_mutex_t mutex;
    char **fixed; /* from the options; borrowed */
    size_t fixed_count;
    const char *file; /* borrowed; NULL: none */
    char **from_file; /* owned */
    size_t from_file_count;
};

/* keys and file are borrowed. Errors: those of auth_reload. */
octet_status auth_init(struct auth *auth, char **keys, size_t key_count, const char *file,
                       struct octet_error *err);
void auth_free(struct auth *auth);
/* Read the file again, one key a line, blank lines and lines that begin with '#' apart. Errors:
 * OCTET_IO, OCTET_INPUT (no key in it; a line that is not one), OCTET_MEMORY; the old keys stay. */
octet_status auth_reload(struct auth *auth, struct octet_error *err);

/* Whether there is no key, or a right one was sent.
 * authorization: "Bearer KEY"; x_api_key: "KEY"; either may be NULL. In a time that does not tell
 * how much of a key was right. */
bool auth_check(struct auth *auth, const char *authorization, const char *x_api_key);

#endif
