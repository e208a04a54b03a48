/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nondeterministic -> deterministic automaton by the subset construction, with caps on its states
 * and on the work, so that a hostile expression is an error and not a wait.
 */
#include "grammar/grammar_regex.h"

#include <stdlib.h>
#include <string.h>

/* The set of states of the nondeterministic automaton that a deterministic state stands for. */
struct state_set {
    uint32_t first, count; /* in members */
};

struct dfa_work {
    struct grammar_builder *builder;
    const struct regex_nfa *nfa;
    struct regex_dfa *dfa;
    struct state_set *sets; /* [capacity of dfa->states] */
    uint32_t set_capacity;
    uint32_t *members; /* of all sets, one behind the other */
    size_t member_count, member_capacity;
    uint32_t *slots; /* hash table of sets: 1 + the state, 0 is empty */
    uint32_t slot_mask;
    uint32_t *marks; /* [nfa->count]: the mark under which a state was visited last */
    uint32_t mark;
    uint32_t *stack;   /* [nfa->count + 1] */
    uint32_t *current; /* [nfa->count] the set in the making, ascending when it is done */
    uint32_t current_count;
    uint64_t steps;
};

static void work_free(struct dfa_work *work)
{
    free(work->current);
    free(work->stack);
    free(work->marks);
    free(work->slots);
    free(work->members);
    free(work->sets);
}

static bool work_init(struct dfa_work *work)
{
    size_t count = work->nfa->count;
    work->slot_mask = 65535;
    work->slots = calloc((size_t)work->slot_mask + 1, sizeof *work->slots);
    work->marks = calloc(count, sizeof *work->marks);
    work->stack = calloc(2 * count + 2, sizeof *work->stack);
    work->current = calloc(count, sizeof *work->current);
    if (work->slots && work->marks && work->stack && work->current)
        return true;
    grammar_fail_memory(work->builder, "regular expression", 16 * count);
    return false;
}

static bool spend(struct dfa_work *work, uint64_t steps)
{
    work->steps += steps;
    if (work->steps <= REGEX_WORK_MAX)
        return true;
    grammar_fail(work->builder, OCTET_LIMIT,
                 "a regular expression that needs more than %d steps to prepare, the most allowed",
                 REGEX_WORK_MAX);
    return false;
}

/* Put what `state` reaches without reading into the current set. */
static void add_closure(struct dfa_work *work, uint32_t state)
{
    uint32_t top = 0;
    work->stack[top++] = state;
    while (top > 0) {
        uint32_t at = work->stack[--top];
        if (work->marks[at] == work->mark)
            continue;
        work->marks[at] = work->mark;
        work->steps++;
        const struct regex_state *nfa = &work->nfa->states[at];
        if (nfa->kind == REGEX_FORK) {
            work->stack[top++] = nfa->second;
            work->stack[top++] = nfa->next;
        } else {
            work->current[work->current_count++] = at;
        }
    }
}

static int compare_members(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static uint64_t hash_set(const uint32_t *members, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ members[i]) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool grow(struct dfa_work *work, void **array, size_t element, size_t *capacity,
                 size_t wanted)
{
    if (wanted <= *capacity)
        return true;
    size_t next = *capacity ? 2 * *capacity : 256;
    while (next < wanted)
        next *= 2;
    void *grown = realloc(*array, next * element);
    if (!grown) {
        grammar_fail_memory(work->builder, "regular expression", next * element);
        return false;
    }
    *array = grown;
    *capacity = next;
    return true;
}

/* Room for one more state and the current set's members. */
static bool make_room(struct dfa_work *work)
{
    struct regex_dfa *dfa = work->dfa;
    size_t state_capacity = dfa->capacity, set_capacity = work->set_capacity;
    if (dfa->count >= REGEX_DFA_STATES_MAX) {
        grammar_fail(work->builder, OCTET_LIMIT,
                     "a regular expression of more than %d deterministic states, the most allowed",
                     REGEX_DFA_STATES_MAX);
        return false;
    }
    void *states = dfa->states, *sets = work->sets, *members = work->members;
    bool ok = grow(work, &states, sizeof *dfa->states, &state_capacity, dfa->count + 1u);
    dfa->states = states;
    ok = ok && grow(work, &sets, sizeof *work->sets, &set_capacity, dfa->count + 1u);
    work->sets = sets;
    ok = ok && grow(work, &members, sizeof *work->members, &work->member_capacity,
                    work->member_count + work->current_count);
    work->members = members;
    dfa->capacity = (uint32_t)state_capacity;
    work->set_capacity = (uint32_t)set_capacity;
    return ok;
}

static struct regex_dfa_state describe(const struct dfa_work *work)
{
    struct regex_dfa_state state = {.between = true};
    for (uint32_t i = 0; i < work->current_count; i++) {
        const struct regex_state *nfa = &work->nfa->states[work->current[i]];
        state.matches = state.matches || nfa->kind == REGEX_MATCH;
        if (nfa->kind == REGEX_BYTE && !nfa->begins)
            state.between = false;
    }
    return state;
}

static bool is_current(const struct dfa_work *work, const struct state_set *set)
{
    if (set->count != work->current_count)
        return false;
    if (set->count == 0)
        return true;
    const uint32_t *members = work->members ? work->members + set->first : NULL;
    return members && memcmp(members, work->current, set->count * sizeof *members) == 0;
}

/* The deterministic state of the current set; a new one when there is none yet. */
static bool find_state(struct dfa_work *work, uint32_t *found)
{
    struct regex_dfa *dfa = work->dfa;
    if (work->current_count > 1)
        qsort(work->current, work->current_count, sizeof *work->current, compare_members);
    if (!spend(work, work->current_count))
        return false;
    size_t size = work->current_count * sizeof *work->current;
    uint32_t slot = (uint32_t)hash_set(work->current, work->current_count) & work->slot_mask;
    for (; work->slots[slot]; slot = (slot + 1) & work->slot_mask) {
        if (!is_current(work, &work->sets[work->slots[slot] - 1]))
            continue;
        *found = work->slots[slot] - 1;
        return true;
    }
    if (!make_room(work))
        return false;
    work->sets[dfa->count] = (struct state_set){(uint32_t)work->member_count, work->current_count};
    if (size)
        memcpy(work->members + work->member_count, work->current, size);
    work->member_count += work->current_count;
    dfa->states[dfa->count] = describe(work);
    work->slots[slot] = dfa->count + 1;
    *found = dfa->count++;
    return true;
}

static bool add_edge(struct dfa_work *work, unsigned first, unsigned last, uint32_t target)
{
    struct regex_dfa *dfa = work->dfa;
    size_t capacity = dfa->edge_capacity;
    void *edges = dfa->edges;
    bool ok = grow(work, &edges, sizeof *dfa->edges, &capacity, dfa->edge_count + 1u);
    dfa->edges = edges;
    dfa->edge_capacity = (uint32_t)capacity;
    if (ok)
        dfa->edges[dfa->edge_count++] =
            (struct grammar_edge){(uint8_t)first, (uint8_t)last, target};
    return ok;
}

/* Bytes between two cuts behave alike. */
static void find_cuts(const struct dfa_work *work, const struct state_set *set, bool cuts[257])
{
    memset(cuts, 0, 257 * sizeof cuts[0]);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct regex_state *nfa = &work->nfa->states[work->members[set->first + i]];
        if (nfa->kind == REGEX_BYTE && nfa->first <= nfa->last) {
            cuts[nfa->first] = true;
            cuts[nfa->last + 1] = true;
        }
    }
}

/* Where bytes first to last lead from a set; an empty current set is nowhere. */
static bool follow(struct dfa_work *work, const struct state_set *set, unsigned first)
{
    if (!spend(work, set->count))
        return false;
    work->mark++;
    work->current_count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct regex_state *nfa = &work->nfa->states[work->members[set->first + i]];
        if (nfa->kind == REGEX_BYTE && nfa->first <= first && first <= nfa->last)
            add_closure(work, nfa->next);
    }
    return true;
}

static bool expand(struct dfa_work *work, uint32_t state)
{
    struct state_set set = work->sets[state];
    bool cuts[257];
    find_cuts(work, &set, cuts);
    uint32_t first_edge = work->dfa->edge_count;
    for (unsigned first = 0; first < 256;) {
        unsigned behind = first + 1;
        while (behind < 256 && !cuts[behind])
            behind++;
        uint32_t target;
        if (!follow(work, &set, first))
            return false;
        if (work->current_count > 0 &&
            (!find_state(work, &target) || !add_edge(work, first, behind - 1, target)))
            return false;
        first = behind;
    }
    work->dfa->states[state].first_edge = first_edge;
    work->dfa->states[state].edge_count = work->dfa->edge_count - first_edge;
    return true;
}

bool regex_dfa_build(struct grammar_builder *builder, const struct regex_nfa *nfa,
                     struct regex_dfa *dfa)
{
    struct dfa_work work = {.builder = builder, .nfa = nfa, .dfa = dfa, .mark = 1};
    memset(dfa, 0, sizeof *dfa);
    bool ok = work_init(&work);
    if (ok) {
        uint32_t start;
        add_closure(&work, nfa->start);
        ok = find_state(&work, &start);
    }
    for (uint32_t state = 0; ok && state < dfa->count; state++)
        ok = expand(&work, state);
    work_free(&work);
    return ok;
}

void regex_dfa_free(struct regex_dfa *dfa)
{
    free(dfa->edges);
    free(dfa->states);
    dfa->edges = NULL;
    dfa->states = NULL;
}
