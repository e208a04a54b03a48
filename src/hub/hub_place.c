/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "hub/hub_name.h"

#define TOKEN_BYTES_MAX 4096

bool hub_format_path(char out[HUB_PATH_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, HUB_PATH_MAX, format, arguments);
    va_end(arguments);
    return length > 0 && length < HUB_PATH_MAX;
}

/* $HF_HOME or ~/.cache/huggingface. */
static bool hugging_face_home(char out[HUB_PATH_MAX])
{
    const char *home = hub_environment("HF_HOME"), *xdg = hub_environment("XDG_CACHE_HOME");
    const char *user = hub_environment("HOME");
    if (home)
        return hub_format_path(out, "%s", home);
    if (xdg)
        return hub_format_path(out, "%s/huggingface", xdg);
    return user && hub_format_path(out, "%s/.cache/huggingface", user);
}

bool hub_hugging_face_cache(char out[HUB_PATH_MAX])
{
    char home[HUB_PATH_MAX];
    const char *cache = hub_environment("HF_HUB_CACHE");
    if (!cache)
        cache = hub_environment("HUGGINGFACE_HUB_CACHE"); /* its older name */
    if (cache)
        return hub_format_path(out, "%s", cache);
    return hugging_face_home(home) && hub_format_path(out, "%s/hub", home);
}

/* "models--ORG--NAME". */
static bool folder_name(const char *id, char *out, size_t size)
{
    const char *slash = strchr(id, '/');
    int length = slash ? snprintf(out, size, "models--%.*s--%s", (int)(slash - id), id, slash + 1)
                       : snprintf(out, size, "models--%s", id);
    return length > 0 && (size_t)length < size;
}

bool hub_hugging_face_repository(const char *id, char out[HUB_PATH_MAX])
{
    char cache[HUB_PATH_MAX], name[HUB_ID_MAX + 16];
    return hub_hugging_face_cache(cache) && folder_name(id, name, sizeof name) &&
           hub_format_path(out, "%s/%s", cache, name);
}

bool hub_escape_dots(const char *id, char *out, size_t size)
{
    size_t used = 0;
    for (; *id; id++) {
        const char *text = *id == '.' ? "___" : NULL;
        size_t length = text ? 3 : 1;
        if (used + length >= size)
            return false;
        memcpy(out + used, text ? text : id, length);
        used += length;
    }
    out[used] = '\0';
    return true;
}

static bool model_scope_place(const char *id, struct hub_place *out)
{
    char root[HUB_PATH_MAX], escaped[3 * HUB_ID_MAX];
    const char *set = hub_environment("MODELSCOPE_CACHE"), *user = hub_environment("HOME");
    bool ok = set ? hub_format_path(root, "%s/models", set)
                  : user && hub_format_path(root, "%s/.cache/modelscope/hub/models", user);
    const char *slash = strchr(id, '/');
    size_t organisation = slash ? (size_t)(slash - id) + 1 : 0;
    /* Dots of the organisation stay. */
    return ok && hub_escape_dots(id + organisation, escaped, sizeof escaped) &&
           hub_format_path(out->repository, "%s/%.*s%s", root, (int)organisation, id, escaped) &&
           hub_format_path(out->pending, "%s/._____temp/%s", root, id) &&
           hub_format_path(out->locks, "%s/.lock/%s", root, id);
}

static bool hugging_face_place(const char *id, struct hub_place *out)
{
    char cache[HUB_PATH_MAX], name[HUB_ID_MAX + 16];
    return hub_hugging_face_cache(cache) && folder_name(id, name, sizeof name) &&
           hub_format_path(out->repository, "%s/%s", cache, name) &&
           hub_format_path(out->pending, "%s/%s/blobs", cache, name) &&
           hub_format_path(out->locks, "%s/.locks/%s", cache, name);
}

octet_status hub_place_of(enum hub_kind kind, const char *id, struct hub_place *out,
                          struct octet_error *err)
{
    out->kind = kind;
    if (kind == HUB_HUGGING_FACE ? hugging_face_place(id, out) : model_scope_place(id, out))
        return OCTET_OK;
    return error_set(err, OCTET_USAGE,
                     "there is no place for the cache: set %s to a folder of less than %d bytes",
                     kind == HUB_HUGGING_FACE ? "HF_HOME" : "MODELSCOPE_CACHE", HUB_PATH_MAX);
}

octet_status hub_spot_of(const struct hub_place *place, const struct hub_file *file,
                         struct hub_spot *out, struct octet_error *err)
{
    bool blob = place->kind == HUB_HUGGING_FACE;
    if (hub_format_path(out->final, "%s/%s%s", place->repository, blob ? "blobs/" : "",
                        blob ? file->hash : file->path) &&
        hub_format_path(out->pending, "%s/%s.incomplete", place->pending, file->hash) &&
        hub_format_path(out->lock, "%s/%s.lock", place->locks, file->hash))
        return OCTET_OK;
    return error_set(err, OCTET_LIMIT, "%s: its path in the cache has more than %d bytes",
                     file->path, HUB_PATH_MAX);
}

static octet_status read_token_file(char **out, struct octet_error *err)
{
    char path[HUB_PATH_MAX], home[HUB_PATH_MAX];
    const char *set = hub_environment("HF_TOKEN_PATH");
    struct buffer text;
    bool ok = set ? hub_format_path(path, "%s", set)
                  : hugging_face_home(home) && hub_format_path(path, "%s/token", home);
    if (!ok || !file_exists(path))
        return OCTET_OK;
    buffer_init(&text, TOKEN_BYTES_MAX);
    octet_status status = file_read_all(path, TOKEN_BYTES_MAX, &text, err);
    const char *start = buffer_text(&text) + strspn(buffer_text(&text), " \t\r\n");
    size_t length = strcspn(start, " \t\r\n");
    if (status == OCTET_OK && length && !(*out = strndup(start, length)))
        status = error_memory(err, "token", length);
    buffer_free(&text);
    return status;
}

octet_status hub_token(enum hub_kind kind, char **out, struct octet_error *err)
{
    const char *set =
        hub_environment(kind == HUB_HUGGING_FACE ? "HF_TOKEN" : "MODELSCOPE_API_TOKEN");
    *out = NULL;
    if (!set && kind == HUB_HUGGING_FACE)
        set = hub_environment("HUGGING_FACE_HUB_TOKEN"); /* its older name */
    if (set && !(*out = strdup(set)))
        return error_memory(err, "token", strlen(set));
    if (!set && kind == HUB_HUGGING_FACE && !hub_environment_flag("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        RETURN_IF_ERROR(read_token_file(out, err));
    for (const char *at = *out ? *out : ""; *at; at++) {
        if ((unsigned char)*at > ' ' && (unsigned char)*at < 0x7f && *at != ';')
            continue;
        free(*out);
        *out = NULL;
        return error_set(err, OCTET_USAGE,
                         "the hub's token has a space, a line break or another character that no "
                         "token has; look at HF_TOKEN, MODELSCOPE_API_TOKEN or the token file");
    }
    return OCTET_OK;
}
