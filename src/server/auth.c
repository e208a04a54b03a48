/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

#define KEY_FILE_BYTES_MAX ((size_t)1 << 20)
#define BEARER "Bearer "

static void free_keys(char **keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(keys[i]);
    free(keys);
}

octet_status auth_init(struct auth *auth, char **keys, size_t key_count, const char *file,
                       struct octet_error *err)
{
    *auth = (struct auth){.fixed = keys, .fixed_count = key_count, .file = file};
    pthread_mutex_init(&auth->mutex, NULL);
    return file ? auth_reload(auth, err) : OCTET_OK;
}

void auth_free(struct auth *auth)
{
    free_keys(auth->from_file, auth->from_file_count);
    pthread_mutex_destroy(&auth->mutex);
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r");
}

/* What no header can carry would be a key that nobody has, and half a line one that nobody meant.
 */
static bool is_key(const char *key, size_t length, const char *end)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)key[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return skip_blanks(key + length) == end;
}

/* One key a line -> keys[*count]. */
static octet_status split_keys(const char *text, size_t size, const char *file, char **keys,
                               size_t *count, struct octet_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8, which some editors write */
    const char *line = strncmp(text, mark, 3) == 0 ? text + 3 : text, *last = text + size;
    for (size_t number = 1; line < last; number++) {
        const char *found = memchr(line, '\n', (size_t)(last - line)), *end = found ? found : last;
        const char *key = skip_blanks(line);
        size_t length = strcspn(key, " \t\r\n");
        if (key < end && key[0] != '#') {
            if (!is_key(key, length, end))
                return error_set(err, OCTET_INPUT,
                                 "%s:%zu: a key is one word without control characters", file,
                                 number);
            keys[*count] = strndup(key, length);
            if (!keys[*count])
                return error_memory(err, "API key", length + 1);
            ++*count;
        }
        line = end + 1;
    }
    return OCTET_OK;
}

octet_status auth_reload(struct auth *auth, struct octet_error *err)
{
    if (!auth->file)
        return OCTET_OK;
    struct buffer text;
    buffer_init(&text, KEY_FILE_BYTES_MAX);
    char **keys = NULL;
    size_t count = 0, lines = 1;
    octet_status status = file_read_all(auth->file, KEY_FILE_BYTES_MAX, &text, err);
    if (status != OCTET_OK)
        goto cleanup;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    keys = calloc(lines, sizeof *keys);
    if (!keys) {
        status = error_memory(err, "API keys", lines * sizeof *keys);
        goto cleanup;
    }
    if (text.size > 0)
        status = split_keys(text.data, text.size, auth->file, keys, &count, err);
    if (status == OCTET_OK && count == 0)
        status = error_set(err, OCTET_INPUT, "%s: no API key found; write one a line", auth->file);
    if (status == OCTET_OK) {
        pthread_mutex_lock(&auth->mutex);
        char **old = auth->from_file;
        size_t old_count = auth->from_file_count;
        auth->from_file = keys;
        auth->from_file_count = count;
        pthread_mutex_unlock(&auth->mutex);
        keys = old;
        count = old_count;
    }
cleanup:
    free_keys(keys, count);
    buffer_free(&text);
    return status;
}

/* The loop's length depends on what was sent alone, never on where it differs from the key. */
static unsigned same(const char *sent, size_t size, const char *key)
{
    size_t key_size = strlen(key);
    unsigned difference = size != key_size;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned)(unsigned char)sent[i] ^
                      (unsigned)(unsigned char)(key_size > 0 ? key[i % key_size] : 0);
    return difference == 0;
}

static unsigned matches(const struct auth *auth, const char *sent)
{
    size_t size = strlen(sent);
    unsigned found = 0;
    for (size_t i = 0; i < auth->fixed_count; i++)
        found |= same(sent, size, auth->fixed[i]);
    for (size_t i = 0; i < auth->from_file_count; i++)
        found |= same(sent, size, auth->from_file[i]);
    return found;
}

bool auth_check(struct auth *auth, const char *authorization, const char *x_api_key)
{
    unsigned found = 0;
    pthread_mutex_lock(&auth->mutex);
    if (auth->fixed_count + auth->from_file_count == 0)
        found = 1;
    if (authorization && strncasecmp(authorization, BEARER, strlen(BEARER)) == 0)
        found |= matches(auth, skip_blanks(authorization + strlen(BEARER)));
    if (x_api_key)
        found |= matches(auth, x_api_key);
    pthread_mutex_unlock(&auth->mutex);
    return found != 0;
}
