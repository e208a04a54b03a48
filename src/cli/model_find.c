/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_find.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

#define PATH_BYTES_MAX 4096
#define REVISION_BYTES_MAX 256

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* A word of an id or a revision: no separator, and never "..". */
static bool is_word(const char *text, size_t size)
{
    if (size == 0 || size > 96 || text[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    }
    return true;
}

/* "NAME" or "ORGANISATION/NAME". */
static bool is_id(const char *text)
{
    const char *slash = strchr(text, '/');
    if (!slash)
        return is_word(text, strlen(text));
    return is_word(text, (size_t)(slash - text)) && is_word(slash + 1, strlen(slash + 1));
}

/* false: the path is too long. */
__attribute__((format(printf, 2, 3))) static bool format_path(char out[PATH_BYTES_MAX],
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, PATH_BYTES_MAX, format, arguments);
    va_end(arguments);
    return length > 0 && length < PATH_BYTES_MAX;
}

static bool has_config(const char *directory)
{
    char path[PATH_BYTES_MAX];
    return format_path(path, "%s/config.json", directory) && file_exists(path);
}

static bool hugging_face_cache(char out[PATH_BYTES_MAX])
{
    const char *cache = environment("HF_HUB_CACHE"), *home = environment("HF_HOME");
    const char *xdg = environment("XDG_CACHE_HOME"), *user = environment("HOME");
    if (cache)
        return format_path(out, "%s", cache);
    if (home)
        return format_path(out, "%s/hub", home);
    if (xdg)
        return format_path(out, "%s/huggingface/hub", xdg);
    return user && format_path(out, "%s/.cache/huggingface/hub", user);
}

/* The snapshot that a branch or tag of the cache points to. */
static bool read_reference(const char *repository, const char *revision, char out[PATH_BYTES_MAX])
{
    char path[PATH_BYTES_MAX];
    struct buffer text;
    buffer_init(&text, REVISION_BYTES_MAX);
    bool ok = format_path(path, "%s/refs/%s", repository, revision) && file_exists(path) &&
              file_read_all(path, REVISION_BYTES_MAX, &text, NULL) == OCTET_OK;
    size_t length = ok ? strcspn(buffer_text(&text), " \r\n") : 0;
    ok = ok && is_word(buffer_text(&text), length) &&
         format_path(out, "%s/snapshots/%.*s", repository, (int)length, buffer_text(&text));
    buffer_free(&text);
    return ok;
}

static bool find_hugging_face(const char *id, const char *revision, char out[PATH_BYTES_MAX])
{
    char cache[PATH_BYTES_MAX], repository[PATH_BYTES_MAX];
    const char *slash = strchr(id, '/');
    if (!hugging_face_cache(cache))
        return false;
    bool ok = slash ? format_path(repository, "%s/models--%.*s--%s", cache, (int)(slash - id), id,
                                  slash + 1)
                    : format_path(repository, "%s/models--%s", cache, id);
    if (!ok || (revision && !is_word(revision, strlen(revision))))
        return false;
    if (read_reference(repository, revision ? revision : "main", out) && has_config(out))
        return true;
    return revision && format_path(out, "%s/snapshots/%s", repository, revision) && has_config(out);
}

/* ModelScope writes "___" for the dots of a name. */
static bool escape_dots(const char *id, char *out, size_t size)
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

static bool find_model_scope(const char *id, char out[PATH_BYTES_MAX])
{
    static const char *const places[] = {"hub/models/", "models/", "hub/", ""};
    char cache[PATH_BYTES_MAX], escaped[512];
    const char *set = environment("MODELSCOPE_CACHE"), *user = environment("HOME");
    bool ok = set ? format_path(cache, "%s", set)
                  : user && format_path(cache, "%s/.cache/modelscope", user);
    if (!ok || !escape_dots(id, escaped, sizeof escaped))
        return false;
    for (size_t i = 0; i < 2 * sizeof places / sizeof *places; i++) {
        if (format_path(out, "%s/%s%s", cache, places[i / 2], i % 2 ? escaped : id) &&
            has_config(out))
            return true;
    }
    return false;
}

static octet_status refuse_id(const char *id, bool model_scope, struct octet_error *err)
{
    char cache[PATH_BYTES_MAX];
    if (!hugging_face_cache(cache))
        cache[0] = '\0';
    return error_set(
        err, OCTET_INPUT,
        "%s: no such directory, and no model of that id in %s or the ModelScope cache; "
        "octet downloads nothing by itself: fetch it by '%s %s' and run this again",
        id, *cache ? cache : "the Hugging Face cache",
        model_scope ? "modelscope download --model" : "hf download", id);
}

octet_status model_find(const char *typed, const char *revision, char **out,
                        struct octet_error *err)
{
    char path[PATH_BYTES_MAX];
    const char *setting = environment("VLLM_USE_MODELSCOPE");
    bool model_scope = setting && (strcmp(setting, "1") == 0 || strcasecmp(setting, "true") == 0);
    *out = NULL;
    if (file_exists(typed)) {
        *out = strdup(typed);
        return *out ? OCTET_OK : error_memory(err, "model path", strlen(typed));
    }
    if (!is_id(typed))
        return error_set(err, OCTET_INPUT,
                         "%s: no such directory; octet takes the directory that holds config.json "
                         "and *.safetensors",
                         typed);
    bool found = model_scope
                     ? find_model_scope(typed, path) || find_hugging_face(typed, revision, path)
                     : find_hugging_face(typed, revision, path) || find_model_scope(typed, path);
    if (!found)
        return refuse_id(typed, model_scope, err);
    *out = strdup(path);
    return *out ? OCTET_OK : error_memory(err, "model path", strlen(path));
}
