/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine and this cgroup offer: cores, caches, NUMA nodes, memory. */
#ifndef CPU_TOPOLOGY_H
#define CPU_TOPOLOGY_H

#include <stdint.h>

struct cpu_topology {
    char model_name[128]; /* of /proc/cpuinfo; "unknown" when it has none */
    int cores_online;
    int cores_usable; /* affinity mask and cgroup CPU quota (rounded up) taken into account, >= 1 */
    int numa_nodes;   /* >= 1 */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* of CPU 0; 0 when unknown */
    uint64_t huge_page_bytes;               /* transparent huge page size; 0 when "never" */
};

void cpu_topology_detect(struct cpu_topology *out);

struct cpu_memory {
    uint64_t total;     /* of the machine */
    uint64_t available; /* what could be allocated now without swapping (MemAvailable) */
    uint64_t limit;     /* the smallest of total, every cgroup limit above us and RLIMIT_AS */
    uint64_t usable;    /* what this process may still take: min(available, limit - used) */
};

/* Zeros where the system does not say. */
void cpu_memory_detect(struct cpu_memory *out);

#endif
