/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The character U+0000 in a request. In text that the model reads it is a character like any other:
 * vocabularies have a token for it, and benchmarks that draw tokens at random send it. Everywhere
 * else a string is a name or a setting, and is refused with its path.
 */
#include "api/api_parse.h"

#include <stdio.h>
#include <string.h>

/* "messages.3.content" (a text or its parts), "prompt" and its elements, "content". */
static bool is_text(const char *path)
{
    if (strcmp(path, "content") == 0 || strcmp(path, "prompt") == 0 ||
        strncmp(path, "prompt.", 7) == 0)
        return true;
    if (strncmp(path, "messages.", 9) != 0)
        return false;
    const char *key = path + 9 + strspn(path + 9, "0123456789");
    return strncmp(key, ".content", 8) == 0 && (key[8] == '\0' || key[8] == '.');
}

static octet_status refuse(struct api_error *error, const char *path)
{
    return api_error_set(error, 400, "invalid_value", path,
                         "%s: a string holds the character U+0000, which is accepted in prompts "
                         "and messages only",
                         path);
}

/* depth: what the parser allowed at most. */
static octet_status check(const struct json *value, const char *path, int depth,
                          struct api_error *error)
{
    char below[160];
    size_t size = 0;
    const char *text = json_string_n(value, &size);
    if (text)
        return memchr(text, '\0', size) && !is_text(path) ? refuse(error, path) : OCTET_OK;
    if (depth <= 0)
        return OCTET_OK;
    if (json_type(value) == JSON_TYPE_ARRAY) {
        for (size_t i = 0; i < json_count(value); i++) {
            (void)snprintf(below, sizeof below, *path ? "%s.%zu" : "%s%zu", path, i);
            RETURN_IF_ERROR(check(json_at(value, i), below, depth - 1, error));
        }
    }
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        (void)snprintf(below, sizeof below, *path ? "%s.%s" : "%s%s", path, it.key);
        RETURN_IF_ERROR(check(it.value, below, depth - 1, error));
    }
    return OCTET_OK;
}

octet_status request_check_nul(const struct json *body, struct api_error *error)
{
    return check(body, "", API_DEPTH_MAX, error);
}
