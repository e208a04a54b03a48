/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processors and which memory nodes the engine's threads get. What placement_enter() sets is
 * inherited by threads that the calling thread makes; placement_leave() sets the calling thread
 * back, so that request threads made afterwards run anywhere.
 */
#ifndef CLI_PLACEMENT_H
#define CLI_PLACEMENT_H

#include "cli/args.h"

#include <sched.h>

#define PLACEMENT_NODES_MAX 1024

struct placement {
    int threads; /* to compute with */
    bool has_processors;
    cpu_set_t processors, before;
    int memory_policy;                             /* MPOL_*; 0: the system's */
    unsigned long nodes[PLACEMENT_NODES_MAX / 64]; /* bit n: node n */
    bool entered;
};

/*
 * From --threads, --reserve-cores, --numa and vLLM's environment: VLLM_CPU_OMP_THREADS_BIND (auto,
 * nobind, or the processors of the ranks, of which there is one: "0-7|8-15"),
 * VLLM_CPU_NUM_OF_RESERVED_CPU, OMP_NUM_THREADS, CPU_VISIBLE_MEMORY_NODES. OCTET_USAGE.
 */
octet_status placement_read(const struct args *args, struct placement *out,
                            struct octet_error *err);
/* What the system refuses is logged and goes on without. */
void placement_enter(struct placement *placement);
void placement_leave(struct placement *placement);

#endif
