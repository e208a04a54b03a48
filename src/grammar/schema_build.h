/* SPDX-License-Identifier: Apache-2.0 */
/* JSON schema -> nodes of a grammar. Only the grammar room includes this. */
#ifndef GRAMMAR_SCHEMA_BUILD_H
#define GRAMMAR_SCHEMA_BUILD_H

#include "base/arena.h"
#include "grammar/grammar_builder.h"

#define SCHEMA_MEMORY_MAX (64u << 20)
/* Larger minLength and maxLength are not told apart from "none" (a text of 16 Mi characters). */
#define SCHEMA_LENGTH_MAX (1 << 24)
#define SCHEMA_ITEMS_MAX 10000

/* Where in the schema: for messages. A chain on the C stack. */
struct schema_path {
    const struct schema_path *parent;
    const char *key; /* of the root: the whole path so far */
    size_t index;    /* used when key is NULL */
};

/* What a $ref leads to, as a rule. */
struct schema_rule {
    const struct json *target;
    const char *path;
    uint32_t rule;
};

struct schema_work {
    struct grammar_builder *builder;
    const struct json *root; /* where references begin */
    const char *name;        /* of the root, in messages: "schema" */
    struct arena arena;
    struct schema_rule *rules; /* in order of discovery; built one after the other */
    size_t rule_count, rule_capacity;
};

/* All that a schema allows, then next: also what is not built yet is built, so that after it the
 * work can be freed. name begins each path. */
uint32_t grammar_add_schema(struct grammar_builder *builder, const struct json *schema,
                            const char *name, uint32_t next);

/* One schema in place. */
uint32_t schema_build(struct schema_work *work, const struct json *schema,
                      const struct schema_path *path, unsigned depth, uint32_t next);

/* Note an error "PATH: MESSAGE"; returns 0. */
uint32_t schema_refuse(struct schema_work *work, const struct schema_path *path,
                       octet_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The path as text, in the arena; NULL when out of memory. */
const char *schema_path_text(struct schema_work *work, const struct schema_path *path);
uint32_t schema_refuse_memory(struct schema_work *work);

/* schema_keywords.c. Every key is a keyword that is supported or says nothing about the text. */
bool schema_keywords_check(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path);
/* Beside `keyword` there is nothing but what says nothing about the text (and, where type_too,
 * "type"). */
bool schema_keywords_alone(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path, const char *keyword, bool type_too);
/* Bits 1 << enum json_type. INTEGER stands for whole numbers, REAL for all. */
bool schema_types(struct schema_work *work, const struct json *schema,
                  const struct schema_path *path, unsigned *types);
/* A length or count: absent keeps *out. */
bool schema_size(struct schema_work *work, const struct json *schema,
                 const struct schema_path *path, const char *keyword, uint32_t *out);

/* The parts, each for one type. */
uint32_t schema_build_string(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, uint32_t next);
uint32_t schema_build_number(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, bool integer, uint32_t next);
uint32_t schema_build_enum(struct schema_work *work, const struct json *schema,
                           const struct schema_path *path, uint32_t next);
uint32_t schema_build_array(struct schema_work *work, const struct json *schema,
                            const struct schema_path *path, unsigned depth, uint32_t next);
uint32_t schema_build_object(struct schema_work *work, const struct json *schema,
                             const struct schema_path *path, unsigned depth, uint32_t next);

#endif
