/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie: caches, repositories, blobs, locks, tokens. Paths are malloc'ed. */
#ifndef HUB_HUB_PLACE_H
#define HUB_HUB_PLACE_H

#include "hub/hub.h"

#define HUB_PATH_MAX 4096

/* false: the path is too long. */
bool hub_format_path(char out[HUB_PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The cache of Hugging Face; false without HOME. */
bool hub_hugging_face_cache(char out[HUB_PATH_MAX]);

/* The folder of a repository in the cache of Hugging Face. */
bool hub_hugging_face_repository(const char *id, char out[HUB_PATH_MAX]);

/* An id as ModelScope writes it on disk: "___" for the dots of the name. */
bool hub_escape_dots(const char *id, char *out, size_t size);

/* The folders that a pull writes to. */
struct hub_place {
    enum hub_kind kind;
    char repository[HUB_PATH_MAX]; /* Hugging Face: blobs/, refs/, snapshots/ lie in it; ModelScope:
                                      the files */
    char pending[HUB_PATH_MAX];    /* unfinished files */
    char locks[HUB_PATH_MAX];
};
octet_status hub_place_of(enum hub_kind kind, const char *id, struct hub_place *out,
                          struct octet_error *err);

/* Where this file comes to lie, is gathered, and is locked. */
struct hub_spot {
    char final[HUB_PATH_MAX], pending[HUB_PATH_MAX], lock[HUB_PATH_MAX];
};
octet_status hub_spot_of(const struct hub_place *place, const struct hub_file *file,
                         struct hub_spot *out, struct octet_error *err);

/*
 * The token for the hub, malloc'ed; NULL when there is none: $HF_TOKEN, $HUGGING_FACE_HUB_TOKEN or
 * the file $HF_TOKEN_PATH or $HF_HOME/token (not with HF_HUB_DISABLE_IMPLICIT_TOKEN);
 * $MODELSCOPE_API_TOKEN. OCTET_USAGE when it has a character that no header may have.
 */
octet_status hub_token(enum hub_kind kind, char **out, struct octet_error *err);

#endif
