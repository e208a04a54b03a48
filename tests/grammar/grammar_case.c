/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/grammar_case.h"

#include "grammar/constraint_walk.h"
#include "support/testing.h"

size_t grammar_prefix(const struct grammar *grammar, const char *text, size_t size, bool *complete)
{
    struct constraint_walk walk;
    struct octet_error err;
    assert_int_equal(constraint_walk_init(&walk, grammar, &err), OCTET_OK);
    constraint_walk_start(&walk, grammar->start);
    size_t read = 0;
    while (read < size) {
        walk.budget = WALK_BUDGET;
        if (!constraint_walk_step(&walk, 0, (uint8_t)text[read]))
            break;
        constraint_walk_keep(&walk, 1);
        read++;
    }
    *complete = walk.levels[0].complete;
    constraint_walk_free(&walk);
    return read;
}

bool grammar_reads(const struct grammar *grammar, const char *text, size_t size)
{
    bool complete;
    return grammar_prefix(grammar, text, size, &complete) == size && complete;
}

static octet_status compile(const char *schema, struct grammar **out, struct octet_error *err)
{
    struct json *json = NULL;
    if (json_parse(schema, strlen(schema), (size_t)64 << 20, "schema", &json, err) != OCTET_OK)
        fail_msg("%s: %s", schema, err->message);
    octet_status status = grammar_json_schema(json, out, err);
    json_free(json);
    return status;
}

struct grammar *schema_or_fail(const char *schema)
{
    struct grammar *grammar = NULL;
    struct octet_error err = {.status = OCTET_OK};
    if (compile(schema, &grammar, &err) != OCTET_OK)
        fail_msg("%s: %s", schema, err.message);
    return grammar;
}

octet_status schema_status(const char *schema, struct octet_error *err)
{
    struct grammar *grammar = NULL;
    octet_status status = compile(schema, &grammar, err);
    grammar_free(grammar);
    return status;
}
