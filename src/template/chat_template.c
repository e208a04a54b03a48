/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "template/chat_template.h"
#include "template/jinja_eval.h"
#include "template/jinja_parser.h"

#define SOURCE_MAX ((size_t)1 << 20)
#define COMPILE_MEMORY_MAX ((size_t)256 << 20)

struct chat_template {
    struct arena arena; /* the tree and its strings; read only once compiled */
    struct jinja_tree tree;
    char *name;
};

octet_status chat_template_compile(const char *source, size_t size, const char *name,
                                   struct chat_template **out, struct octet_error *err)
{
    *out = NULL;
    if (size > SOURCE_MAX)
        return error_set(err, OCTET_LIMIT, "%s: the template has %zu bytes, more than %zu", name,
                         size, SOURCE_MAX);
    struct chat_template *result = calloc(1, sizeof(*result));
    if (!result)
        return error_memory(err, "chat template", sizeof(*result));
    arena_init(&result->arena, COMPILE_MEMORY_MAX);
    octet_status status = OCTET_OK;
    result->name = arena_strdup(&result->arena, name);
    if (result->name)
        status = jinja_parse(&result->arena, source, size, result->name, &result->tree, err);
    else
        status = error_memory(err, "chat template", strlen(name));
    if (status != OCTET_OK) {
        chat_template_free(result);
        return status;
    }
    *out = result;
    return OCTET_OK;
}

void chat_template_free(struct chat_template *chat_template)
{
    if (!chat_template)
        return;
    arena_free(&chat_template->arena);
    free(chat_template);
}

octet_status chat_template_render(const struct chat_template *chat_template,
                                  const struct json *variables, struct buffer *out,
                                  struct octet_error *err)
{
    struct arena arena;
    arena_init(&arena, JINJA_MEMORY_MAX);
    struct jinja_run run = {
        .arena = &arena,
        .err = err,
        .name = chat_template->name,
        .tree = &chat_template->tree,
        .out = out,
    };
    struct jinja_value values = json_type(variables) == JSON_TYPE_OBJECT
                                    ? jinja_from_json(&run, variables, 0)
                                    : jinja_dict_new(&run);
    struct jinja_scope *scope = values.kind ? jinja_scope_new(&run, NULL) : NULL;
    if (scope) {
        run.variables = values.as.dict;
        jinja_exec(&run, chat_template->tree.first, scope);
    }
    arena_free(&arena);
    return run.status;
}
