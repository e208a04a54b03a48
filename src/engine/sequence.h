/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler knows of a request: its tokens, how far the KV pool holds them, its blocks.
 * The engine thread owns a sequence from submission to its end.
 */
#ifndef ENGINE_SEQUENCE_H
#define ENGINE_SEQUENCE_H

#include "engine/kv_blocks.h"

enum sequence_state {
    SEQUENCE_NEW,      /* not yet with the engine */
    SEQUENCE_WAITING,  /* admitted never, or preempted: holds no blocks */
    SEQUENCE_RUNNING,  /* holds blocks */
    SEQUENCE_FINISHED, /* holds no blocks */
};

struct sequence {
    enum sequence_state state;
    int32_t priority; /* lower goes first; 0 for all under first come first served */
    uint64_t arrival; /* order of submission; unique */
    int32_t *tokens;  /* [capacity] prompt, then what was generated */
    int32_t capacity; /* most tokens it may reach */
    int32_t token_count;
    int32_t prompt_count;
    int32_t computed; /* positions whose KV is in the pool */
    int32_t *blocks;  /* [block_capacity] in order of position */
    int32_t block_capacity;
    int32_t block_count;
    bool use_cache;    /* may start from cached blocks (not when every prompt position is scored) */
    bool score_prompt; /* wants a logit row at every prompt position but the last as well */
    int32_t
        scored; /* prompt positions whose row was delivered: not asked for again after preemption */
    uint64_t cache_root;   /* kv_blocks_root(salt) */
    uint64_t cache_parent; /* content number after `registered` blocks */
    int32_t registered;    /* blocks known to the prefix cache */
    int32_t cached;        /* prompt positions taken from the cache at the first admission */
    int32_t reached;       /* positions that were computed or taken from the cache at some time */
    bool admitted_before;
    uint64_t preemptions;
    struct sequence *previous, *next; /* in the waiting list */
};

#endif
