/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects that the command line gives piece by piece, as in --speculative-config.method ngram.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/args.h"

#define PIECE_BYTES_MAX ((size_t)1 << 20)
#define PIECE_DEPTH_MAX 16

static bool set_append(struct json *object, const char *key, struct json *value)
{
    const struct json *old = json_get(object, key);
    struct json *list = json_type(old) == JSON_TYPE_ARRAY ? json_copy(old) : json_new_array();
    bool ok = json_push(list, value);
    return json_set(object, key, list) && ok;
}

/* Set a.b.c of an object; "c+" appends to a list. False: out of memory, or the path is bad. */
static bool set_path(struct json *object, const char *path, size_t length, struct json *value,
                     int depth)
{
    char key[128];
    const char *dot = memchr(path, '.', length);
    size_t size = dot ? (size_t)(dot - path) : length;
    if (size == 0 || size >= sizeof key || depth >= PIECE_DEPTH_MAX) {
        json_free(value);
        return false;
    }
    memcpy(key, path, size);
    key[size] = '\0';
    if (!dot && key[size - 1] == '+') {
        key[size - 1] = '\0';
        return set_append(object, key, value);
    }
    if (!dot)
        return json_set(object, key, value);
    const struct json *old = json_get(object, key);
    struct json *child = json_type(old) == JSON_TYPE_OBJECT ? json_copy(old) : json_new_object();
    bool ok = set_path(child, dot + 1, length - size - 1, value, depth + 1);
    return json_set(object, key, child) && ok;
}

static octet_status find_pieces(const struct option_spec *option, struct args *out, int *index,
                                struct octet_error *err)
{
    for (int i = 0; i < out->piece_count; i++) {
        if (out->pieces[i].option == option) {
            *index = i;
            return OCTET_OK;
        }
    }
    if (out->piece_count == ARGS_JSON_MAX)
        return error_set(err, OCTET_USAGE, "--%s: more than %d objects given piece by piece",
                         option->name, ARGS_JSON_MAX);
    struct json *value = NULL;
    const char *whole = out->values[option_id_of(option)].text;
    if (whole)
        RETURN_IF_ERROR(
            json_parse(whole, strlen(whole), PIECE_BYTES_MAX, option->name, &value, err));
    if (json_type(value) != JSON_TYPE_OBJECT) {
        json_free(value);
        value = json_new_object();
    }
    *index = out->piece_count++;
    out->pieces[*index].option = option;
    out->pieces[*index].value = value;
    return OCTET_OK;
}

octet_status args_set_piece(const struct option_spec *option, const char *path, size_t length,
                            const char *text, struct args *out, struct octet_error *err)
{
    int index = 0, id = option_id_of(option);
    RETURN_IF_ERROR(find_pieces(option, out, &index, err));
    struct json *value = NULL;
    if (json_parse(text, strlen(text), PIECE_BYTES_MAX, option->name, &value, NULL) != OCTET_OK)
        value = json_new_string(text);
    if (!set_path(out->pieces[index].value, path, length, value, 0))
        return error_set(err, OCTET_USAGE, "--%s.%.*s: expected keys such as a.b or a.b+",
                         option->name, (int)length, path);
    struct buffer whole;
    buffer_init(&whole, PIECE_BYTES_MAX);
    if (!json_dump(out->pieces[index].value, 0, &whole)) {
        buffer_free(&whole);
        return error_memory(err, option->name, PIECE_BYTES_MAX);
    }
    free(out->pieces[index].text);
    out->pieces[index].text = buffer_take(&whole, NULL);
    out->values[id].given = true;
    out->values[id].text = out->pieces[index].text;
    return OCTET_OK;
}

void args_drop_pieces(const struct option_spec *option, struct args *out)
{
    for (int i = 0; i < out->piece_count; i++) {
        if (out->pieces[i].option == option) {
            json_free(out->pieces[i].value);
            out->pieces[i].value = json_new_object();
        }
    }
}
