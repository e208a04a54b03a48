/* SPDX-License-Identifier: Apache-2.0 */
#include "template/render_case.h"

#include "base/json.h"

#define LIMIT ((size_t)64 << 20)

static struct chat_template *compile(const char *source, size_t size, const char *name)
{
    struct octet_error err = {.status = OCTET_OK};
    struct chat_template *result = NULL;
    if (chat_template_compile(source, size, name, &result, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return result;
}

struct chat_template *render_load_template(const char *path)
{
    size_t size = 0;
    char *source = test_read_file(path, &size);
    struct chat_template *result = compile(source, size, path);
    free(source);
    return result;
}

struct chat_template *render_load_config_template(const char *path)
{
    struct octet_error err = {.status = OCTET_OK};
    struct json *config = NULL;
    size_t size = 0;
    if (json_load(path, LIMIT, &config, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    const char *source = json_string_n(json_get(config, "chat_template"), &size);
    assert_non_null(source);
    struct chat_template *result = compile(source, size, path);
    json_free(config);
    return result;
}

struct json *render_chat_variables(const struct json *golden)
{
    static const char *const keys[] = {"messages", "tools", "add_generation_prompt",
                                       "enable_thinking"};
    struct json *variables = json_new_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct json *value = json_get(golden, keys[i]);
        if (value)
            json_set(variables, keys[i], json_copy(value));
    }
    return variables;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && !strcmp(text + size - tail, end);
}

bool render_matches(const struct chat_template *chat_template, const struct json *variables,
                    const char *id, const struct json *expected, const char *error)
{
    struct octet_error err = {.status = OCTET_OK};
    struct buffer out;
    size_t size = 0;
    buffer_init(&out, LIMIT);
    octet_status status = chat_template_render(chat_template, variables, &out, &err);
    const char *text = json_string_n(expected, &size);
    bool same = false;
    if (status != OCTET_OK) {
        same = !text && error && ends_with(err.message, error);
        if (!same)
            printf("%s: found error \"%s\", expected %s \"%s\"\n", id, err.message,
                   text ? "text" : "error",
                   text    ? text
                   : error ? error
                           : "");
    } else {
        same = text && size == out.size && !memcmp(buffer_text(&out), text, size);
        if (!same)
            printf("%s: found \"%s\"\n  expected %s \"%s\"\n", id, buffer_text(&out),
                   text ? "text" : "error",
                   text    ? text
                   : error ? error
                           : "");
    }
    buffer_free(&out);
    return same;
}

void render_each_line(const char *path, void (*each)(const struct json *line, void *context),
                      void *context)
{
    size_t size = 0, number = 0;
    char *text = test_read_file(path, &size);
    for (char *line = text; line < text + size;) {
        char *end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end)
            end = text + size;
        struct octet_error err = {.status = OCTET_OK};
        struct json *value = NULL;
        number++;
        if (json_parse(line, (size_t)(end - line), LIMIT, path, &value, &err) != OCTET_OK)
            fail_msg("line %zu: %s", number, err.message);
        each(value, context);
        json_free(value);
        line = end + 1;
    }
    free(text);
}
