/* SPDX-License-Identifier: Apache-2.0 */
/* A deterministic automaton of a regular expression becomes nodes of a grammar. */
#include "grammar/grammar_regex.h"

#include <stdlib.h>
#include <string.h>

#define NOWHERE UINT32_MAX

/* A node per state and, where lengths are counted, per number of characters. */
struct emission {
    struct grammar_builder *builder;
    const struct regex_dfa *dfa;
    enum regex_mode mode;
    uint32_t min, max;
    uint32_t lengths;  /* counts 0 ... lengths - 1 are told apart */
    uint32_t *entries; /* [dfa->count * lengths] the node to enter; 0: not reached yet */
    uint32_t *queue;   /* state * lengths + length, in order of discovery */
    uint32_t queued;
    uint32_t next;
};

static void emission_free(struct emission *emission)
{
    free(emission->queue);
    free(emission->entries);
}

static bool emission_init(struct emission *emission)
{
    bool counted = emission->min > 0 || emission->max != GRAMMAR_NO_LIMIT;
    uint32_t longest = emission->max != GRAMMAR_NO_LIMIT ? emission->max : emission->min;
    size_t cells = emission->dfa->count * ((size_t)(counted ? longest : 0) + 1);
    emission->lengths = (counted ? longest : 0) + 1;
    if (cells > REGEX_PRODUCT_MAX || longest == GRAMMAR_NO_LIMIT) {
        grammar_fail(emission->builder, OCTET_LIMIT,
                     "a pattern of %u states with lengths up to %u is too large together",
                     emission->dfa->count, longest);
        return false;
    }
    emission->entries = calloc(cells, sizeof *emission->entries);
    emission->queue = calloc(cells, sizeof *emission->queue);
    if (emission->entries && emission->queue)
        return true;
    grammar_fail_memory(emission->builder, "regular expression", 8 * cells);
    return false;
}

/* The node of (state, length), made when it is first asked for, without its edges, which are known
 * only later. */
static uint32_t enter(struct emission *emission, uint32_t state, uint32_t length)
{
    uint32_t cell = state * emission->lengths + length;
    if (emission->entries[cell])
        return emission->entries[cell];
    uint32_t entry = grammar_add_open_bytes(emission->builder);
    if (emission->mode == REGEX_WHOLE && emission->dfa->states[state].matches)
        grammar_set_pass(emission->builder, entry, emission->next);
    emission->entries[cell] = entry;
    emission->queue[emission->queued++] = cell;
    return entry;
}

/* The length behind one more character; false when there is no room for it. */
static bool count_character(const struct emission *emission, uint32_t *length)
{
    if (emission->lengths == 1)
        return true;
    if (*length < emission->lengths - 1) {
        ++*length;
        return true;
    }
    return emission->max == GRAMMAR_NO_LIMIT;
}

static void emit(struct emission *emission, uint32_t cell)
{
    uint32_t state_index = cell / emission->lengths, length = cell % emission->lengths;
    const struct regex_dfa_state *state = &emission->dfa->states[state_index];
    struct grammar_edge edges[257];
    size_t count = 0;
    uint32_t longer = length;
    bool room = !state->between || count_character(emission, &longer);
    bool quotes = emission->mode == REGEX_JSON_BODY && state->between && state->matches &&
                  length >= emission->min;
    for (uint32_t i = 0; i < state->edge_count && room; i++) {
        const struct grammar_edge *edge = &emission->dfa->edges[state->first_edge + i];
        if (quotes && edge->first > '"') {
            edges[count++] = (struct grammar_edge){'"', '"', emission->next};
            quotes = false;
        }
        uint32_t target = enter(emission, edge->target, longer);
        edges[count++] = (struct grammar_edge){edge->first, edge->last, target};
    }
    if (quotes)
        edges[count++] = (struct grammar_edge){'"', '"', emission->next};
    grammar_set_bytes(emission->builder, emission->entries[cell], edges, count);
}

static uint32_t emit_dfa(struct grammar_builder *builder, const struct regex_dfa *dfa,
                         enum regex_mode mode, uint32_t min, uint32_t max, uint32_t next)
{
    struct emission emission = {
        .builder = builder, .dfa = dfa, .mode = mode, .min = min, .max = max, .next = next};
    uint32_t entry = 0;
    if (emission_init(&emission)) {
        entry = enter(&emission, 0, 0);
        for (uint32_t i = 0; i < emission.queued && builder->status == OCTET_OK; i++)
            emit(&emission, emission.queue[i]);
    }
    emission_free(&emission);
    return builder->status == OCTET_OK ? entry : 0;
}

uint32_t grammar_add_regex(struct grammar_builder *builder, const char *pattern, size_t size,
                           enum regex_mode mode, bool search, uint32_t min, uint32_t max,
                           uint32_t next)
{
    struct arena arena;
    struct regex_nfa nfa = {.count = 0};
    struct regex_dfa dfa = {.count = 0};
    uint32_t entry = 0;
    arena_init(&arena, REGEX_MEMORY_MAX);
    struct regex_tree *tree = regex_parse(builder, &arena, pattern, size, search);
    if (tree && regex_nfa_build(builder, tree, mode, &nfa) && regex_dfa_build(builder, &nfa, &dfa))
        entry = emit_dfa(builder, &dfa, mode, min, max, next);
    regex_dfa_free(&dfa);
    regex_nfa_free(&nfa);
    arena_free(&arena);
    return entry;
}
