/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following a grammar. A level is the set of all ways to read the bytes so far; walking a token's
 * bytes, or the trie of all tokens, stacks levels above the present one. Memory is allocated once:
 * what does not fit its caps is a way that is not followed, which refuses texts and never allows
 * wrong ones. Only the grammar room includes this.
 */
#ifndef GRAMMAR_CONSTRAINT_WALK_H
#define GRAMMAR_CONSTRAINT_WALK_H

#include "grammar/vocab_trie.h"

#define WALK_CONFIGS_MAX 16384
#define WALK_FRAMES_MAX 4096
#define WALK_PENDING_MAX 4096
/* Elementary steps for one mask; beyond them only tokens of one byte are looked at. */
#define WALK_BUDGET (3 * 1000 * 1000)

/* Where the ways are now: a node, the frame its rule returns to (0: the text ends with the rule),
 * and what the node counts: SPACE, LEAD: progress; STRING: characters << 8 | state. */
struct constraint_config {
    uint32_t node, frame, position;
};

/* A call that has not returned. Equal frames are one frame, so that configs compare by value. */
struct constraint_frame {
    uint32_t next;   /* the node behind the call */
    uint32_t parent; /* an earlier frame */
    uint32_t depth;  /* frames below */
};

struct constraint_level {
    uint32_t begin, end; /* in configs */
    uint32_t frame_end;  /* frames in use */
    bool complete;       /* the text may end here */
    bool over;           /* a NODE_ANY was reached: anything may follow */
    uint16_t over_tag;   /* its enum grammar_tag */
};

struct constraint_walk {
    const struct grammar *grammar;     /* borrowed */
    struct constraint_config *configs; /* [WALK_CONFIGS_MAX] */
    struct constraint_frame *frames;   /* [WALK_FRAMES_MAX]; [0] is the bottom */
    struct constraint_config *pending; /* [WALK_PENDING_MAX] while ways are entered */
    struct constraint_level *levels;   /* [VOCAB_TOKEN_BYTES_MAX + 2]; [0] is the present */
    uint32_t *calls;                   /* [GRAMMAR_WAYS_MAX][2] node and frame already called */
    uint32_t call_count;
    int64_t budget; /* steps that are left */
};

octet_status constraint_walk_init(struct constraint_walk *walk, const struct grammar *grammar,
                                  struct octet_error *err);
void constraint_walk_free(struct constraint_walk *walk);
size_t constraint_walk_bytes(void); /* that a walk allocates */

/* Make level 0 the ways to begin at a node. */
void constraint_walk_start(struct constraint_walk *walk, uint32_t node);

/* Level `from` reads a byte: level from + 1. False when nothing is left: not even a complete text.
 */
bool constraint_walk_step(struct constraint_walk *walk, unsigned from, uint8_t byte);
/* The same for a tag's token. */
bool constraint_walk_tag(struct constraint_walk *walk, unsigned from, enum grammar_tag tag);
/* Level to is what comes behind a config's node: the ways of `node` with its frame. */
bool constraint_walk_enter(struct constraint_walk *walk, unsigned from, uint32_t node,
                           uint32_t frame);

/* Make level `from` level 0 and forget the frames it does not need. */
void constraint_walk_keep(struct constraint_walk *walk, unsigned from);

static inline bool constraint_level_alive(const struct constraint_level *level)
{
    return level->end > level->begin || level->complete || level->over;
}

#endif
