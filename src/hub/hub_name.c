/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_name.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_BYTES_MAX 96
#define PATH_BYTES_MAX 1024
#define COMPONENT_BYTES_MAX 200
#define DEPTH_MAX 32

const char *hub_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool hub_environment_flag(const char *name)
{
    static const char *const yes[] = {"1", "true", "on", "yes"};
    const char *value = hub_environment(name);
    for (size_t i = 0; value && i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    }
    return false;
}

/* A word of an id or a revision: no separator, and never "..". */
static bool is_word(const char *text, size_t size)
{
    if (size == 0 || size > WORD_BYTES_MAX || text[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    }
    return true;
}

bool hub_is_id(const char *text)
{
    const char *slash = strchr(text, '/');
    /* "--" separates organisation and name in the cache, so no id has it. */
    if (strstr(text, "--"))
        return false;
    if (!slash)
        return is_word(text, strlen(text));
    return is_word(text, (size_t)(slash - text)) && is_word(slash + 1, strlen(slash + 1));
}

bool hub_is_revision(const char *text)
{
    if (strlen(text) >= HUB_REVISION_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(text, "/");
        if (!is_word(text, length))
            return false;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

bool hub_is_hash(const char *text, size_t digits)
{
    return text && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

octet_status hub_split_id(const char *text, char id[HUB_ID_MAX], char revision[HUB_REVISION_MAX],
                          struct octet_error *err)
{
    size_t length = strcspn(text, "@");
    const char *rest = text[length] ? text + length + 1 : "";
    if (length < HUB_ID_MAX) {
        memcpy(id, text, length);
        id[length] = '\0';
    }
    if (length >= HUB_ID_MAX || !hub_is_id(id))
        return error_set(err, OCTET_USAGE,
                         "%s: expected the id of a repository such as Qwen/Qwen3-0.6B-FP8, with "
                         "@REVISION behind it if wanted",
                         text);
    if (text[length] && !hub_is_revision(rest))
        return error_set(err, OCTET_USAGE, "%s: expected a branch, a tag or a commit behind the @",
                         text);
    snprintf(revision, HUB_REVISION_MAX, "%s", rest);
    return OCTET_OK;
}

octet_status hub_check_path(const char *path, struct octet_error *err)
{
    const char *why = NULL;
    size_t depth = 0;
    if (strlen(path) > PATH_BYTES_MAX)
        why = "is longer than 1024 bytes";
    for (const char *at = path; *at && !why; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '\\')
            why = "has a control character or a backslash";
    }
    for (const char *at = path; !why;) {
        size_t length = strcspn(at, "/");
        bool dots = (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.');
        if (length == 0 || dots)
            why = "leads out of its folder";
        else if (length > COMPONENT_BYTES_MAX || ++depth > DEPTH_MAX)
            why = "has a name of more than 200 bytes or more than 32 folders";
        if (!at[length])
            break;
        at += length + 1;
    }
    if (!why)
        return OCTET_OK;
    return error_set(err, OCTET_INPUT,
                     "the hub lists a file '%.200s', whose name %s; nothing of "
                     "this repository is fetched",
                     path, why);
}

bool hub_wanted_by_default(const char *path)
{
    static const char *const wanted[] = {"*.safetensors", "*.json",     "*.jinja",  "*.txt",
                                         "tokenizer*",    "*.tiktoken", "LICENSE*", "NOTICE*"};
    if (strchr(path, '/') || fnmatch("consolidated*.safetensors", path, 0) == 0)
        return false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (fnmatch(wanted[i], path, 0) == 0)
            return true;
    }
    return false;
}

static bool matches(const char *const *patterns, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    }
    return false;
}

bool hub_is_wanted(const struct hub_options *options, const char *path)
{
    bool wanted = options->include_count ? matches(options->include, options->include_count, path)
                                         : hub_wanted_by_default(path);
    return wanted && !matches(options->exclude, options->exclude_count, path);
}

void hub_append_escaped(struct buffer *out, const char *text, bool keep_slashes)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        bool plain =
            (byte < 0x80 && isalnum(byte)) || strchr("-_.~", byte) || (byte == '/' && keep_slashes);
        if (plain)
            buffer_append_char(out, (char)byte);
        else
            buffer_printf(out, "%%%02X", byte);
    }
}

void hub_listing_url(enum hub_kind kind, const char *endpoint, const char *id, const char *revision,
                     struct buffer *out)
{
    /* https://huggingface.co/docs/hub/api; modelscope's HubApi.get_model_files(). */
    if (kind == HUB_HUGGING_FACE) {
        buffer_printf(out, "%s/api/models/%s/revision/", endpoint, id);
        hub_append_escaped(out, revision, false);
        buffer_append_str(out, "?blobs=true");
        return;
    }
    buffer_printf(out, "%s/api/v1/models/%s/repo/files?Revision=", endpoint, id);
    hub_append_escaped(out, revision, false);
    buffer_append_str(out, "&Recursive=true");
}

void hub_file_url(enum hub_kind kind, const char *endpoint, const char *id, const char *revision,
                  const char *path, struct buffer *out)
{
    if (kind == HUB_HUGGING_FACE) {
        buffer_printf(out, "%s/%s/resolve/", endpoint, id);
        hub_append_escaped(out, revision, false);
        buffer_append_char(out, '/');
        hub_append_escaped(out, path, true);
        return;
    }
    buffer_printf(out, "%s/api/v1/models/%s/repo?Revision=", endpoint, id);
    hub_append_escaped(out, revision, false);
    buffer_append_str(out, "&FilePath=");
    hub_append_escaped(out, path, false);
}
