/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/constraint_walk.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(WALK_PENDING_MAX >= WALK_FRAMES_MAX, "constraint_walk_keep maps frames there");

octet_status constraint_walk_init(struct constraint_walk *walk, const struct grammar *grammar,
                                  struct octet_error *err)
{
    memset(walk, 0, sizeof *walk);
    walk->grammar = grammar;
    walk->budget = WALK_BUDGET;
    walk->configs = calloc(WALK_CONFIGS_MAX, sizeof *walk->configs);
    walk->frames = calloc(WALK_FRAMES_MAX, sizeof *walk->frames);
    walk->pending = calloc(WALK_PENDING_MAX, sizeof *walk->pending);
    walk->levels = calloc(VOCAB_TOKEN_BYTES_MAX + 2, sizeof *walk->levels);
    walk->calls = calloc(2 * GRAMMAR_WAYS_MAX, sizeof *walk->calls);
    if (walk->configs && walk->frames && walk->pending && walk->levels && walk->calls)
        return OCTET_OK;
    constraint_walk_free(walk);
    return error_memory(err, "constraint", WALK_CONFIGS_MAX * sizeof *walk->configs);
}

void constraint_walk_free(struct constraint_walk *walk)
{
    free(walk->calls);
    free(walk->levels);
    free(walk->pending);
    free(walk->frames);
    free(walk->configs);
    memset(walk, 0, sizeof *walk);
}

size_t constraint_walk_bytes(void)
{
    return WALK_CONFIGS_MAX * sizeof(struct constraint_config) +
           WALK_FRAMES_MAX * sizeof(struct constraint_frame) +
           WALK_PENDING_MAX * sizeof(struct constraint_config) +
           (VOCAB_TOKEN_BYTES_MAX + 2) * sizeof(struct constraint_level) +
           2 * GRAMMAR_WAYS_MAX * sizeof(uint32_t);
}

/* The frame (next, parent), which may exist already: children stand behind their parents. */
static bool push_frame(struct constraint_walk *walk, struct constraint_level *level, uint32_t next,
                       uint32_t parent, uint32_t *frame)
{
    for (uint32_t i = parent + 1; i < level->frame_end; i++)
        if (walk->frames[i].next == next && walk->frames[i].parent == parent) {
            *frame = i;
            return true;
        }
    walk->budget -= (level->frame_end - parent) / 16;
    if (level->frame_end >= WALK_FRAMES_MAX)
        return false;
    walk->frames[level->frame_end] =
        (struct constraint_frame){next, parent, walk->frames[parent].depth + 1};
    *frame = level->frame_end++;
    return true;
}

static void insert(struct constraint_walk *walk, struct constraint_level *level,
                   struct constraint_config config)
{
    uint32_t count = level->end - level->begin;
    for (uint32_t i = level->begin; i < level->end; i++)
        if (walk->configs[i].node == config.node && walk->configs[i].frame == config.frame &&
            walk->configs[i].position == config.position)
            return;
    walk->budget -= count / 16;
    if (count < GRAMMAR_WAYS_MAX && level->end < WALK_CONFIGS_MAX)
        walk->configs[level->end++] = config;
}

/* A node that calls with the same frame twice adds nothing; without this a rule that calls itself
 * before it reads would never end. */
static bool called_already(struct constraint_walk *walk, uint32_t node, uint32_t frame)
{
    for (uint32_t i = 0; i < walk->call_count; i++)
        if (walk->calls[2 * i] == node && walk->calls[2 * i + 1] == frame)
            return true;
    if (walk->call_count >= GRAMMAR_WAYS_MAX)
        return true;
    walk->calls[2 * walk->call_count] = node;
    walk->calls[2 * walk->call_count++ + 1] = frame;
    walk->budget -= walk->call_count / 16;
    return false;
}

static bool fits(const struct constraint_walk *walk, uint32_t node, uint32_t depth)
{
    return depth + walk->grammar->nodes[node].need <= GRAMMAR_DEPTH_MAX;
}

static uint32_t add_pending(struct constraint_walk *walk, uint32_t count, uint32_t node,
                            uint32_t frame)
{
    if (count < WALK_PENDING_MAX && fits(walk, node, walk->frames[frame].depth))
        walk->pending[count++] = (struct constraint_config){.node = node, .frame = frame};
    return count;
}

static uint32_t enter_call(struct constraint_walk *walk, struct constraint_level *level,
                           const struct constraint_config *config, uint32_t pending)
{
    const struct grammar *grammar = walk->grammar;
    const struct grammar_node *call = &grammar->nodes[config->node];
    uint32_t frame = config->frame;
    if (called_already(walk, config->node, frame))
        return pending;
    if (grammar->nodes[call->next].kind != NODE_END &&
        (!fits(walk, call->next, walk->frames[frame].depth) ||
         !push_frame(walk, level, call->next, frame, &frame)))
        return pending;
    return add_pending(walk, pending, grammar->rules[call->rule], frame);
}

/* One pending config: into the level if it reads, and what it leads to without reading. */
static uint32_t enter_one(struct constraint_walk *walk, struct constraint_level *level,
                          struct constraint_config config, uint32_t pending)
{
    const struct grammar *grammar = walk->grammar;
    const struct grammar_node *node = &grammar->nodes[config.node];
    switch (node->kind) {
    case NODE_END:
        if (config.frame == 0)
            level->complete = true;
        else
            pending = add_pending(walk, pending, walk->frames[config.frame].next,
                                  walk->frames[config.frame].parent);
        break;
    case NODE_SPLIT:
        for (uint32_t i = node->count; i-- > 0;)
            pending = add_pending(walk, pending, grammar->edges[node->first_edge + i].target,
                                  config.frame);
        break;
    case NODE_CALL:
        pending = enter_call(walk, level, &config, pending);
        break;
    case NODE_STRING:
        config.position = node->count;
        insert(walk, level, config);
        break;
    case NODE_SPACE:
    case NODE_LEAD:
    case NODE_TAG:
        insert(walk, level, config);
        pending = add_pending(walk, pending, node->next, config.frame);
        break;
    case NODE_ANY:
        level->over = true;
        level->over_tag = node->count;
        break;
    default: /* NODE_BYTES */
        insert(walk, level, config);
        if (node->max == NODE_MAY_PASS)
            pending = add_pending(walk, pending, node->next, config.frame);
        break;
    }
    return pending;
}

/* Add all ways that begin at a node. */
static void enter(struct constraint_walk *walk, struct constraint_level *level, uint32_t node,
                  uint32_t frame)
{
    uint32_t pending = add_pending(walk, 0, node, frame);
    while (pending > 0 && walk->budget > 0) {
        walk->budget--;
        struct constraint_config config = walk->pending[--pending];
        pending = enter_one(walk, level, config, pending);
    }
}

static struct constraint_level *open_level(struct constraint_walk *walk, unsigned from)
{
    struct constraint_level *level = &walk->levels[from + 1];
    *level = (struct constraint_level){.begin = walk->levels[from].end,
                                       .end = walk->levels[from].end,
                                       .frame_end = walk->levels[from].frame_end};
    walk->call_count = 0;
    return level;
}

void constraint_walk_start(struct constraint_walk *walk, uint32_t node)
{
    walk->levels[0] = (struct constraint_level){.frame_end = 1};
    walk->frames[0] = (struct constraint_frame){0};
    walk->call_count = 0;
    enter(walk, &walk->levels[0], node, 0);
}

static void step_string(struct constraint_walk *walk, struct constraint_level *level,
                        const struct grammar_node *node, struct constraint_config config,
                        uint8_t byte)
{
    uint8_t before = (uint8_t)config.position;
    uint32_t characters = config.position >> 8;
    uint8_t state = grammar_string_step(before, byte);
    if (state == STRING_END) {
        if (characters >= node->min)
            enter(walk, level, node->next, config.frame);
        return;
    }
    if (state == STRING_DEAD)
        return;
    if (before == STRING_BODY) {
        if (node->max != GRAMMAR_NO_LIMIT && characters >= node->max)
            return;
        /* Beyond what is asked about, characters are not told apart. */
        if (node->max != GRAMMAR_NO_LIMIT || characters < node->min)
            characters++;
    }
    config.position = characters << 8 | state;
    insert(walk, level, config);
}

static void step_space(struct constraint_walk *walk, struct constraint_level *level,
                       const struct grammar_node *node, struct constraint_config config,
                       uint8_t byte)
{
    enum { START = 0, LINE = 1, TABS = 128 };
    uint32_t at = config.position;
    if (at == START && byte == ' ') {
        enter(walk, level, node->next, config.frame);
        return;
    }
    if (at == START && byte == '\n' && node->count != 1)
        config.position = LINE;
    else if (byte == ' ' && at >= LINE && at < LINE + GRAMMAR_INDENT_BLANKS)
        config.position = at + 1;
    else if (byte == '\t' && at == LINE)
        config.position = TABS + 1;
    else if (byte == '\t' && at > TABS && at < TABS + GRAMMAR_INDENT_TABS)
        config.position = at + 1;
    else
        return;
    insert(walk, level, config);
    enter(walk, level, node->next, config.frame);
}

static void step_lead(struct constraint_walk *walk, struct constraint_level *level,
                      const struct grammar_node *node, struct constraint_config config,
                      uint8_t byte)
{
    bool white = byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
    if (!white || config.position >= GRAMMAR_LEAD_MAX)
        return;
    config.position++;
    insert(walk, level, config);
    enter(walk, level, node->next, config.frame);
}

/* The target of the edge for a byte. */
static bool find_edge(const struct constraint_walk *walk, const struct grammar_node *node,
                      uint8_t byte, uint32_t *target)
{
    const struct grammar_edge *edges = walk->grammar->edges + node->first_edge;
    for (uint32_t i = 0; i < node->count && edges[i].first <= byte; i++) {
        if (edges[i].last < byte)
            continue;
        *target = edges[i].target;
        return true;
    }
    return false;
}

static void step_bytes(struct constraint_walk *walk, struct constraint_level *level,
                       const struct grammar_node *node, uint32_t frame, uint8_t byte)
{
    uint32_t target;
    if (find_edge(walk, node, byte, &target))
        enter(walk, level, target, frame);
}

static void step_one(struct constraint_walk *walk, struct constraint_level *level,
                     struct constraint_config config, uint8_t byte)
{
    const struct grammar_node *node = &walk->grammar->nodes[config.node];
    switch (node->kind) {
    case NODE_BYTES:
        step_bytes(walk, level, node, config.frame, byte);
        break;
    case NODE_STRING:
        step_string(walk, level, node, config, byte);
        break;
    case NODE_SPACE:
        step_space(walk, level, node, config, byte);
        break;
    case NODE_LEAD:
        step_lead(walk, level, node, config, byte);
        break;
    default: /* NODE_TAG reads no bytes itself. */
        break;
    }
}

/*
 * The common case, one way that leads to one way: a byte of a literal or an expression, or inside a
 * string. True when that was all; else level is as it was.
 */
static bool step_simply(struct constraint_walk *walk, struct constraint_level *level,
                        const struct constraint_config *config, uint8_t byte)
{
    const struct grammar_node *nodes = walk->grammar->nodes, *node = &nodes[config->node];
    struct constraint_config *next = &walk->configs[level->end];
    uint32_t target;
    if (level->end >= WALK_CONFIGS_MAX)
        return false;
    if (node->kind == NODE_STRING && node->max == GRAMMAR_NO_LIMIT && node->min == 0) {
        uint8_t state = grammar_string_step((uint8_t)config->position, byte);
        if (state == STRING_END)
            return false;
        if (state != STRING_DEAD) {
            *next = (struct constraint_config){config->node, config->frame, state};
            level->end++;
        }
        return true;
    }
    if (node->kind != NODE_BYTES)
        return false;
    if (!find_edge(walk, node, byte, &target))
        return true;
    node = &nodes[target];
    bool ends = node->max == NODE_MAY_PASS && node->next == 0 && config->frame == 0;
    if (node->kind != NODE_BYTES || (node->max == NODE_MAY_PASS && !ends))
        return false;
    if (!fits(walk, target, walk->frames[config->frame].depth))
        return true;
    *next = (struct constraint_config){target, config->frame, 0};
    level->end++;
    level->complete = ends;
    return true;
}

bool constraint_walk_step(struct constraint_walk *walk, unsigned from, uint8_t byte)
{
    struct constraint_level *level = open_level(walk, from);
    uint32_t begin = walk->levels[from].begin, end = walk->levels[from].end;
    walk->budget--;
    if (end - begin == 1 && walk->budget > 0 &&
        step_simply(walk, level, &walk->configs[begin], byte))
        return constraint_level_alive(level);
    for (uint32_t i = begin; i < end && walk->budget > 0; i++) {
        walk->budget--;
        step_one(walk, level, walk->configs[i], byte);
    }
    return constraint_level_alive(level);
}

bool constraint_walk_tag(struct constraint_walk *walk, unsigned from, enum grammar_tag tag)
{
    struct constraint_level *level = open_level(walk, from);
    uint32_t end = walk->levels[from].end;
    for (uint32_t i = walk->levels[from].begin; i < end; i++) {
        const struct grammar_node *node = &walk->grammar->nodes[walk->configs[i].node];
        if (node->kind == NODE_TAG && node->count == (uint16_t)tag)
            enter(walk, level, node->after, walk->configs[i].frame);
    }
    return constraint_level_alive(level);
}

bool constraint_walk_enter(struct constraint_walk *walk, unsigned from, uint32_t node,
                           uint32_t frame)
{
    struct constraint_level *level = open_level(walk, from);
    enter(walk, level, node, frame);
    return constraint_level_alive(level);
}

/* The frames in use move together in their order; pending[old].node is where a frame went. */
void constraint_walk_keep(struct constraint_walk *walk, unsigned from)
{
    struct constraint_level level = walk->levels[from];
    uint32_t count = level.end - level.begin, kept = 0;
    memmove(walk->configs, walk->configs + level.begin, count * sizeof *walk->configs);
    for (uint32_t i = 0; i < level.frame_end; i++)
        walk->pending[i].position = i == 0;
    for (uint32_t i = 0; i < count; i++)
        walk->pending[walk->configs[i].frame].position = 1;
    for (uint32_t i = level.frame_end; i-- > 1;)
        if (walk->pending[i].position)
            walk->pending[walk->frames[i].parent].position = 1;
    for (uint32_t i = 0; i < level.frame_end; i++) {
        if (!walk->pending[i].position)
            continue;
        struct constraint_frame frame = walk->frames[i];
        frame.parent = i ? walk->pending[frame.parent].node : 0;
        walk->frames[kept] = frame;
        walk->pending[i].node = kept++;
    }
    for (uint32_t i = 0; i < count; i++)
        walk->configs[i].frame = walk->pending[walk->configs[i].frame].node;
    level.begin = 0;
    level.end = count;
    level.frame_end = kept;
    walk->levels[0] = level;
}
