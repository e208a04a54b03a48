/* SPDX-License-Identifier: Apache-2.0 */
/* Several files at once, a thread and a connection each. */
#ifndef HUB_HUB_FETCH_H
#define HUB_HUB_FETCH_H

#include <pthread.h>
#include "hub/hub_http.h"
#include "hub/hub_place.h"

/*
 * What the connections of a pull ask about going on, and where they count bytes: progress is
 * reported under the lock. failed stops the others after an error.
 */
struct hub_watch {
    const struct progress *progress; /* NULL: none */
    int64_t done, shown; /* bytes of `total` that are there; the most so far, so that a bar never
                            goes back when a file is restarted */
    uint64_t total;
    uint64_t fetched; /* received now */
    bool cancelled, failed;
    bool ready; /* the lock is */
    pthread_mutex_t mutex;
};
octet_status hub_watch_init(struct hub_watch *watch, const struct progress *progress,
                            struct octet_error *err);
void hub_watch_free(struct hub_watch *watch);
/* Count bytes (a restarted file takes some back) and ask; false: stop. */
bool hub_watch_add(struct hub_watch *watch, int64_t bytes, bool received);
/* For struct hub_remote. */
bool hub_watch_go_on(void *watch);

/*
 * Fetch every file that is not present, in this order, `connections` at once; of several files with
 * one place the first is fetched. revision: for the addresses. The folders exist. Errors: as
 * hub_pull(); the first one counts.
 */
octet_status hub_fetch(const struct hub_remote *remote, const struct hub_place *place,
                       const char *revision, const struct hub_file *files, size_t count,
                       int connections, struct hub_watch *watch, struct octet_error *err);

/* Does an earlier file lie in the same place? */
bool hub_is_repeated(const struct hub_place *place, const struct hub_file *files, size_t index);

#endif
