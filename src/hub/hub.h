/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models by name: the caches of Hugging Face and ModelScope on this machine, and fetching a
 * repository into them.
 *
 * Hugging Face: $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub, in huggingface_hub's
 * layout: models--ORG--NAME/blobs/HASH, refs/REVISION (a commit), snapshots/COMMIT/PATH (links to
 * blobs). A file on its way is blobs/HASH.incomplete; .locks/models--ORG--NAME/HASH.lock is held by
 * whoever fetches it. ModelScope: $MODELSCOPE_CACHE/models or ~/.cache/modelscope/hub/models, plain
 * files below ORG/NAME with "___" for dots.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stddef.h>
#include "base/progress.h"
#include "base/status.h"

#define HUB_ID_MAX 200       /* bytes of an id, NUL included */
#define HUB_REVISION_MAX 256 /* bytes of a revision, NUL included */

enum hub_kind { HUB_HUGGING_FACE, HUB_MODEL_SCOPE };

struct hub_options {
    enum hub_kind kind;
    const char *id;       /* "ORG/NAME" or "NAME" */
    const char *revision; /* NULL: the hub's default branch, "main" or "master" */
    const char *endpoint; /* NULL: hub_endpoint() */
    /* Patterns as fnmatch(3) takes them, '*' also over '/'. No include: what octet reads, of the
     * top folder (hub_wanted_by_default()). */
    const char *const *include, *const *exclude;
    size_t include_count, exclude_count;
    int connections;   /* files fetched at once, 1 to 16 */
    bool dry_run;      /* write nothing */
    unsigned retry_ms; /* the first pause before a request is repeated; it doubles up to 30 s */
};

struct hub_file {
    char *path; /* owned; in the repository, checked by hub_check_path() */
    uint64_t size;
    char hash[65]; /* lower-case hex: SHA-256, or Git's SHA-1 of a blob (40 digits) */
    bool sha256;
    bool present; /* in the cache already, whole */
};

struct hub_result {
    char *path;      /* owned: the folder that holds config.json; NULL for a dry run of a
                        repository that is not in the cache */
    char commit[65]; /* "" where the hub does not say it */
    char revision[HUB_REVISION_MAX];
    struct hub_file *files; /* owned: those selected, by path */
    size_t count;
    uint64_t bytes;         /* of those files */
    uint64_t present_bytes; /* in the cache before */
    uint64_t resumed_bytes; /* of unfinished files, in the cache before */
    uint64_t fetched_bytes; /* received now */
    bool offline;           /* HF_HUB_OFFLINE: only the cache was looked at; no files */
};

/* Is this an id, "NAME" or "ORG/NAME"? */
bool hub_is_id(const char *text);

/* "ID[@REVISION]" in two; revision is "" when there is none. OCTET_USAGE for anything else. */
octet_status hub_split_id(const char *text, char id[HUB_ID_MAX], char revision[HUB_REVISION_MAX],
                          struct octet_error *err);

/* VLLM_USE_MODELSCOPE, or an address that has "modelscope" in its host. endpoint may be NULL. */
enum hub_kind hub_kind_of(const char *endpoint);

/* $HF_ENDPOINT or https://huggingface.co; https://$MODELSCOPE_DOMAIN or https://www.modelscope.cn.
 */
octet_status hub_endpoint(enum hub_kind kind, char *out, size_t size, struct octet_error *err);

/*
 * The folder of a model that somebody typed: a path that exists, or an id in one of the caches.
 * *out is malloc'ed. revision: of an id in the Hugging Face cache; NULL is "main". The ModelScope
 * cache comes first with VLLM_USE_MODELSCOPE. Nothing is fetched. Errors: OCTET_INPUT, with the
 * command that fetches the id; OCTET_MEMORY.
 */
octet_status hub_find(const char *typed, const char *revision, char **out, struct octet_error *err);

/*
 * Fetch the selected files of a repository into its cache. Each file is checked against its hash
 * before it gets its name, config.json comes last, and a run that was stopped, killed or cut off is
 * taken up where it ended. Two pulls at once wait for each other file by file. The token ($HF_TOKEN
 * or the file that `hf auth login` writes; $MODELSCOPE_API_TOKEN) goes to the endpoint's host and
 * port only, and into no message. Requests that fail for a passing reason are repeated.
 *
 * progress: bytes; answering false ends with OCTET_CANCELLED. Errors: OCTET_USAGE (id, revision,
 * address), OCTET_INPUT (what the hub refuses or does not have, a hostile listing), OCTET_MISMATCH
 * (twice a file arrived that is not the one listed), OCTET_IO (network, disk, no space),
 * OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status hub_pull(const struct hub_options *options, const struct progress *progress,
                      struct hub_result *out, struct octet_error *err);
void hub_result_free(struct hub_result *result);

#endif
