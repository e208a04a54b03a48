/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/file.h"
#include "hub/hub_name.h"
#include "hub/hub_place.h"

#define COMMIT_BYTES_MAX 256

enum hub_kind hub_kind_of(const char *endpoint)
{
    /* The host: behind "://", before the path. */
    const char *host = endpoint ? strstr(endpoint, "://") : NULL;
    if (host) {
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)strcspn(host + 3, "/?#"), host + 3);
        return strcasestr(text, "modelscope") ? HUB_MODEL_SCOPE : HUB_HUGGING_FACE;
    }
    return hub_environment_flag("VLLM_USE_MODELSCOPE") ? HUB_MODEL_SCOPE : HUB_HUGGING_FACE;
}

octet_status hub_endpoint(enum hub_kind kind, char *out, size_t size, struct octet_error *err)
{
    const char *set =
        hub_environment(kind == HUB_HUGGING_FACE ? "HF_ENDPOINT" : "MODELSCOPE_DOMAIN");
    const char *preset =
        kind == HUB_HUGGING_FACE ? "https://huggingface.co" : "https://www.modelscope.cn";
    const char *scheme = set && kind == HUB_MODEL_SCOPE && !strstr(set, "://") ? "https://" : "";
    int length = snprintf(out, size, "%s%s", scheme, set ? set : preset);
    if (length < 0 || (size_t)length >= size)
        return error_set(err, OCTET_USAGE, "the hub's address is too long");
    return OCTET_OK;
}

static bool has_config(const char *directory)
{
    char path[HUB_PATH_MAX];
    return hub_format_path(path, "%s/config.json", directory) && file_exists(path);
}

/* The snapshot that a branch or tag of the cache points to. */
static bool read_reference(const char *repository, const char *revision, char out[HUB_PATH_MAX])
{
    char path[HUB_PATH_MAX], commit[COMMIT_BYTES_MAX];
    struct buffer text;
    buffer_init(&text, COMMIT_BYTES_MAX);
    bool ok = hub_format_path(path, "%s/refs/%s", repository, revision) && file_exists(path) &&
              file_read_all(path, COMMIT_BYTES_MAX - 1, &text, NULL) == OCTET_OK;
    snprintf(commit, sizeof commit, "%.*s", (int)strcspn(buffer_text(&text), " \r\n"),
             buffer_text(&text));
    buffer_free(&text);
    return ok && !strchr(commit, '/') && hub_is_revision(commit) &&
           hub_format_path(out, "%s/snapshots/%s", repository, commit);
}

static bool find_hugging_face(const char *id, const char *revision, char out[HUB_PATH_MAX])
{
    char repository[HUB_PATH_MAX];
    if (!hub_hugging_face_repository(id, repository) || (revision && !hub_is_revision(revision)))
        return false;
    if (read_reference(repository, revision ? revision : "main", out) && has_config(out))
        return true;
    return revision && !strchr(revision, '/') &&
           hub_format_path(out, "%s/snapshots/%s", repository, revision) && has_config(out);
}

static bool find_model_scope(const char *id, char out[HUB_PATH_MAX])
{
    static const char *const places[] = {"hub/models/", "models/", "hub/", ""};
    char cache[HUB_PATH_MAX], escaped[3 * HUB_ID_MAX];
    const char *set = hub_environment("MODELSCOPE_CACHE"), *user = hub_environment("HOME");
    bool ok = set ? hub_format_path(cache, "%s", set)
                  : user && hub_format_path(cache, "%s/.cache/modelscope", user);
    if (!ok || !hub_escape_dots(id, escaped, sizeof escaped))
        return false;
    for (size_t i = 0; i < 2 * sizeof places / sizeof *places; i++) {
        if (hub_format_path(out, "%s/%s%s", cache, places[i / 2], i % 2 ? escaped : id) &&
            has_config(out))
            return true;
    }
    return false;
}

static octet_status refuse_id(const char *id, const char *revision, struct octet_error *err)
{
    char cache[HUB_PATH_MAX];
    if (!hub_hugging_face_cache(cache))
        cache[0] = '\0';
    return error_set(err, OCTET_INPUT,
                     "%s: no such directory, and no model of that id in %s or the ModelScope "
                     "cache; fetch it by 'octet pull %s%s%s' and run this again",
                     id, *cache ? cache : "the Hugging Face cache", id, revision ? "@" : "",
                     revision ? revision : "");
}

octet_status hub_find(const char *typed, const char *revision, char **out, struct octet_error *err)
{
    char path[HUB_PATH_MAX];
    *out = NULL;
    if (file_exists(typed)) {
        *out = strdup(typed);
        return *out ? OCTET_OK : error_memory(err, "model path", strlen(typed));
    }
    if (!hub_is_id(typed))
        return error_set(err, OCTET_INPUT,
                         "%s: no such directory; octet takes the directory that holds config.json "
                         "and *.safetensors",
                         typed);
    bool found = hub_kind_of(NULL) == HUB_MODEL_SCOPE
                     ? find_model_scope(typed, path) || find_hugging_face(typed, revision, path)
                     : find_hugging_face(typed, revision, path) || find_model_scope(typed, path);
    if (!found)
        return refuse_id(typed, revision, err);
    *out = strdup(path);
    return *out ? OCTET_OK : error_memory(err, "model path", strlen(path));
}
