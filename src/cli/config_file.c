/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_file.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"

#define FILE_BYTES_MAX ((size_t)1 << 18)
#define DEPTH_MAX 32
#define VALUES_MAX 10000                     /* after aliases are expanded */
#define VALUE_BYTES_MAX (4 * FILE_BYTES_MAX) /* the same */

struct reader {
    yaml_document_t document;
    const char *name;
    struct config_file *out;
    size_t values; /* visited so far */
    size_t bytes;  /* of their text */
};

static unsigned line_of(const yaml_node_t *node)
{
    return (unsigned)node->start_mark.line + 1;
}

static octet_status fail_at(const struct reader *reader, const yaml_node_t *node,
                            const char *sentence, struct octet_error *err)
{
    return error_set(err, OCTET_USAGE, "%s:%u: %s", reader->name, line_of(node), sentence);
}

/* Aliases lead to the same node again, also to one around them: every visit counts. */
static octet_status visit(struct reader *reader, int index, int depth, yaml_node_t **node,
                          struct octet_error *err)
{
    *node = yaml_document_get_node(&reader->document, index);
    if (!*node)
        return error_set(err, OCTET_USAGE, "%s: a node is missing", reader->name);
    if (depth > DEPTH_MAX)
        return fail_at(reader, *node, "nested deeper than 32 levels, or an alias inside itself",
                       err);
    if (++reader->values > VALUES_MAX)
        return fail_at(reader, *node, "more than 10000 values, aliases expanded", err);
    if ((*node)->type == YAML_SCALAR_NODE)
        reader->bytes += (*node)->data.scalar.length;
    if (reader->bytes > VALUE_BYTES_MAX)
        return fail_at(reader, *node, "more than 1 MiB of values, aliases expanded", err);
    return OCTET_OK;
}

static const char *scalar_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool is_plain(const yaml_node_t *node)
{
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    return is_plain(node) && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
                              strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

/* A plain scalar inside an object is what YAML says it is; a quoted one is a string. */
static struct json *scalar_json(const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    int64_t integer;
    double number;
    if (!is_plain(node))
        return json_new_string_n(text, node->data.scalar.length);
    if (is_null(node))
        return json_new_null();
    if (strcmp(text, "true") == 0 || strcmp(text, "True") == 0)
        return json_new_bool(true);
    if (strcmp(text, "false") == 0 || strcmp(text, "False") == 0)
        return json_new_bool(false);
    if (parse_int64(text, &integer))
        return json_new_integer(integer);
    if (parse_double(text, &number))
        return json_new_real(number);
    return json_new_string_n(text, node->data.scalar.length);
}

static octet_status node_json(struct reader *reader, int index, int depth, struct json **out,
                              struct octet_error *err);

static octet_status sequence_json(struct reader *reader, const yaml_node_t *node, int depth,
                                  struct json **out, struct octet_error *err)
{
    struct json *list = json_new_array();
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        struct json *value = NULL;
        octet_status status = node_json(reader, *item, depth + 1, &value, err);
        if (status == OCTET_OK && !json_push(list, value))
            status = error_memory(err, reader->name, 0);
        if (status != OCTET_OK) {
            json_free(list);
            return status;
        }
    }
    *out = list;
    return OCTET_OK;
}

static octet_status mapping_json(struct reader *reader, const yaml_node_t *node, int depth,
                                 struct json **out, struct octet_error *err)
{
    struct json *object = json_new_object();
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key;
        struct json *value = NULL;
        octet_status status = visit(reader, pair->key, depth + 1, &key, err);
        if (status == OCTET_OK && key->type != YAML_SCALAR_NODE)
            status = fail_at(reader, key, "a key is not text", err);
        if (status == OCTET_OK)
            status = node_json(reader, pair->value, depth + 1, &value, err);
        if (status == OCTET_OK && !json_set(object, scalar_text(key), value))
            status = error_memory(err, reader->name, 0);
        if (status != OCTET_OK) {
            json_free(object);
            return status;
        }
    }
    *out = object;
    return OCTET_OK;
}

/* Depth is bounded by visit(). */
static octet_status node_json(struct reader *reader, int index, int depth, struct json **out,
                              struct octet_error *err)
{
    yaml_node_t *node;
    RETURN_IF_ERROR(visit(reader, index, depth, &node, err));
    switch (node->type) {
    case YAML_SCALAR_NODE:
        *out = scalar_json(node);
        return *out ? OCTET_OK : error_memory(err, reader->name, 0);
    case YAML_SEQUENCE_NODE:
        return sequence_json(reader, node, depth, out, err);
    case YAML_MAPPING_NODE:
        return mapping_json(reader, node, depth, out, err);
    default:
        return fail_at(reader, node, "an empty node", err);
    }
}

/* Takes over value. */
static octet_status add_entry(struct reader *reader, const char *name, char *value, bool element,
                              unsigned line, struct octet_error *err)
{
    struct config_file *out = reader->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 16;
        struct config_entry *entries = realloc(out->entries, capacity * sizeof *entries);
        if (!entries) {
            free(value);
            return error_memory(err, reader->name, capacity * sizeof *entries);
        }
        out->entries = entries;
        out->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy || !value) {
        free(copy);
        free(value);
        return error_memory(err, reader->name, 0);
    }
    out->entries[out->count++] =
        (struct config_entry){.name = copy, .value = value, .element = element, .line = line};
    return OCTET_OK;
}

static octet_status add_json(struct reader *reader, const char *name, int index, bool element,
                             unsigned line, struct octet_error *err)
{
    struct json *value = NULL;
    struct buffer text;
    RETURN_IF_ERROR(node_json(reader, index, 1, &value, err));
    buffer_init(&text, FILE_BYTES_MAX * 4);
    bool ok = json_dump(value, 0, &text);
    json_free(value);
    if (ok)
        return add_entry(reader, name, buffer_take(&text, NULL), element, line, err);
    buffer_free(&text);
    return error_memory(err, name, FILE_BYTES_MAX);
}

static octet_status add_value(struct reader *reader, const char *name, int index, bool element,
                              struct octet_error *err)
{
    yaml_node_t *node;
    RETURN_IF_ERROR(visit(reader, index, 1, &node, err));
    if (node->type == YAML_MAPPING_NODE || (node->type == YAML_SEQUENCE_NODE && element))
        return add_json(reader, name, index, element, line_of(node), err);
    if (node->type == YAML_SCALAR_NODE) {
        if (is_null(node) && !element)
            return OCTET_OK;
        if (strlen(scalar_text(node)) != node->data.scalar.length)
            return fail_at(reader, node, "a NUL byte in a value", err);
        return add_entry(reader, name, strdup(scalar_text(node)), element, line_of(node), err);
    }
    if (node->type != YAML_SEQUENCE_NODE)
        return fail_at(reader, node, "an empty node", err);
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++)
        RETURN_IF_ERROR(add_value(reader, name, *item, true, err));
    return OCTET_OK;
}

static octet_status read_document(struct reader *reader, struct octet_error *err)
{
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!root)
        return OCTET_OK; /* an empty file gives no options */
    if (root->type != YAML_MAPPING_NODE)
        return fail_at(reader, root, "expected a mapping of option names to values", err);
    const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
    for (; pair < root->data.mapping.pairs.top; pair++) {
        yaml_node_t *key;
        RETURN_IF_ERROR(visit(reader, pair->key, 1, &key, err));
        if (key->type != YAML_SCALAR_NODE || !*scalar_text(key))
            return fail_at(reader, key, "expected the name of an option", err);
        RETURN_IF_ERROR(add_value(reader, scalar_text(key), pair->value, false, err));
    }
    return OCTET_OK;
}

/* What stands behind the document would be options that nobody heeds. */
static octet_status expect_end(yaml_parser_t *parser, const char *name, struct octet_error *err)
{
    yaml_document_t more;
    if (!yaml_parser_load(parser, &more))
        return error_set(err, OCTET_USAGE, "%s:%zu: %s", name, parser->problem_mark.line + 1,
                         parser->problem ? parser->problem : "not YAML");
    const yaml_node_t *root = yaml_document_get_root_node(&more);
    octet_status status = OCTET_OK;
    if (root)
        status = error_set(err, OCTET_USAGE, "%s:%u: a second document", name, line_of(root));
    yaml_document_delete(&more);
    return status;
}

octet_status config_file_parse(const char *text, size_t size, const char *name,
                               struct config_file *out, struct octet_error *err)
{
    struct reader reader = {.name = name, .out = out};
    yaml_parser_t parser;
    *out = (struct config_file){0};
    if (size > FILE_BYTES_MAX)
        return error_set(err, OCTET_LIMIT, "%s: more than %zu bytes", name, FILE_BYTES_MAX);
    if (!yaml_parser_initialize(&parser))
        return error_memory(err, name, 0);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    octet_status status = OCTET_OK;
    if (!yaml_parser_load(&parser, &reader.document)) {
        size_t line =
            parser.problem_mark.line ? parser.problem_mark.line : parser.context_mark.line;
        status = parser.error == YAML_MEMORY_ERROR
                     ? error_memory(err, name, 0)
                     : error_set(err, OCTET_USAGE, "%s:%zu: %s", name, line + 1,
                                 parser.problem ? parser.problem : "not YAML");
    } else {
        bool empty = !yaml_document_get_root_node(&reader.document);
        status = read_document(&reader, err);
        if (status == OCTET_OK && !empty)
            status = expect_end(&parser, name, err);
        yaml_document_delete(&reader.document);
    }
    yaml_parser_delete(&parser);
    if (status != OCTET_OK)
        config_file_free(out);
    return status;
}

octet_status config_file_read(const char *path, struct config_file *out, struct octet_error *err)
{
    struct buffer text;
    *out = (struct config_file){0};
    buffer_init(&text, FILE_BYTES_MAX);
    octet_status status = file_read_all(path, FILE_BYTES_MAX, &text, err);
    if (status == OCTET_OK)
        status = config_file_parse(buffer_text(&text), text.size, path, out, err);
    buffer_free(&text);
    return status;
}

void config_file_free(struct config_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].value);
    }
    free(file->entries);
    *file = (struct config_file){0};
}
