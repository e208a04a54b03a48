/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/grammar_regex.h"

#include <stdlib.h>

#include "base/utf8.h"

struct grammar *grammar_share(struct grammar *grammar)
{
    if (grammar)
        atomic_fetch_add_explicit(&grammar->references, 1, memory_order_relaxed);
    return grammar;
}

void grammar_free(struct grammar *grammar)
{
    if (!grammar || atomic_fetch_sub_explicit(&grammar->references, 1, memory_order_acq_rel) != 1)
        return;
    free(grammar->rules);
    free(grammar->edges);
    free(grammar->nodes);
    free(grammar);
}

octet_status grammar_json_object(struct grammar **out, struct octet_error *err)
{
    struct grammar_builder builder;
    grammar_builder_init(&builder, err);
    uint32_t start = grammar_add_shared(&builder, SHARED_OBJECT, 0);
    return grammar_builder_finish(&builder, start, 0, out);
}

octet_status grammar_regex(const char *pattern, size_t size, struct grammar **out,
                           struct octet_error *err)
{
    struct grammar_builder builder;
    grammar_builder_init(&builder, err);
    uint32_t start =
        grammar_add_regex(&builder, pattern, size, REGEX_WHOLE, false, 0, GRAMMAR_NO_LIMIT, 0);
    octet_status status = grammar_builder_finish(&builder, start, 0, out);
    if (status == OCTET_INPUT && builder.unsatisfied)
        return error_set(err, status, "regular expression: no text can match it");
    return status;
}

octet_status grammar_choice(const char *const *choices, const size_t *sizes, size_t count,
                            struct grammar **out, struct octet_error *err)
{
    struct grammar_builder builder;
    size_t total = 0;
    if (count == 0)
        return error_set(err, OCTET_INPUT, "choice: the list is empty");
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] == 0)
            return error_set(err, OCTET_INPUT, "choice: entry %zu is empty", i);
        if (!utf8_valid(choices[i], sizes[i]))
            return error_set(err, OCTET_INPUT, "choice: entry %zu is not valid UTF-8", i);
        total += sizes[i] < GRAMMAR_SOURCE_BYTES_MAX ? sizes[i] : GRAMMAR_SOURCE_BYTES_MAX;
        if (total >= GRAMMAR_SOURCE_BYTES_MAX)
            return error_set(err, OCTET_LIMIT, "choice: more than %d bytes, the most allowed",
                             GRAMMAR_SOURCE_BYTES_MAX);
    }
    struct grammar_literal *literals = calloc(count, sizeof *literals);
    if (!literals)
        return error_memory(err, "choice", count * sizeof *literals);
    for (size_t i = 0; i < count; i++)
        literals[i] = (struct grammar_literal){.text = choices[i], .size = sizes[i]};
    grammar_builder_init(&builder, err);
    uint32_t start = grammar_add_literals(&builder, literals, count);
    free(literals);
    return grammar_builder_finish(&builder, start, 0, out);
}
