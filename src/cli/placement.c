/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/placement.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/log.h"
#include "base/parse.h"
#include "cpu/topology.h"
#include "parallel/pool.h"

/* "0-3,8" up to a '|' or the end; each number is below limit and handed to add. */
static bool parse_numbers(const char *text, int limit, void (*add)(void *context, int number),
                          void *context)
{
    char *end = NULL;
    do {
        if (*text < '0' || *text > '9')
            return false;
        long first = strtol(text, &end, 10), last = first;
        if (*end == '-') {
            if (end[1] < '0' || end[1] > '9')
                return false;
            last = strtol(end + 1, &end, 10);
        }
        if (first > last || last >= limit)
            return false;
        for (long i = first; i <= last; i++)
            add(context, (int)i);
        text = end + 1;
    } while (*end == ',');
    return *end == '\0' || *end == '|';
}

static void add_processor(void *context, int number)
{
    cpu_set_t *set = context;
    CPU_SET((size_t)number, set);
}

static void add_node(void *context, int number)
{
    unsigned long *nodes = context;
    nodes[number / 64] |= 1ul << (number % 64);
}

static octet_status read_processors(struct placement *out, struct octet_error *err)
{
    const char *text = getenv("VLLM_CPU_OMP_THREADS_BIND");
    CPU_ZERO(&out->processors);
    if (!text || !*text || strcmp(text, "auto") == 0 || strcmp(text, "nobind") == 0)
        return OCTET_OK;
    if (!parse_numbers(text, CPU_SETSIZE, add_processor, &out->processors))
        return error_set(err, OCTET_USAGE,
                         "VLLM_CPU_OMP_THREADS_BIND=%s: expected auto, nobind or processors such "
                         "as 0-7,16",
                         text);
    out->has_processors = true;
    return OCTET_OK;
}

static octet_status read_nodes(const struct args *args, struct placement *out,
                               struct octet_error *err)
{
    const char *visible = getenv("CPU_VISIBLE_MEMORY_NODES");
    const char *preset = visible && *visible ? visible : "auto";
    const char *text = args_text(args, OPT_NUMA, preset);
    if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
        return OCTET_OK;
    if (strcmp(text, "interleave") == 0) {
        struct cpu_topology topology;
        cpu_topology_detect(&topology);
        out->memory_policy = MPOL_INTERLEAVE;
        for (int i = 0; i < topology.numa_nodes && i < PLACEMENT_NODES_MAX; i++)
            add_node(out->nodes, i);
        return OCTET_OK;
    }
    if (!parse_numbers(text, PLACEMENT_NODES_MAX, add_node, out->nodes))
        return error_set(err, OCTET_USAGE,
                         "%s: got '%s', expected auto, off, interleave or nodes such as 0,2-3",
                         args_given(args, OPT_NUMA) ? "--numa" : "CPU_VISIBLE_MEMORY_NODES", text);
    out->memory_policy = MPOL_BIND;
    return OCTET_OK;
}

/* A whole number from the environment; preset when it is unset. */
static octet_status read_number(const char *name, int64_t preset, int64_t *out,
                                struct octet_error *err)
{
    const char *text = getenv(name);
    *out = preset;
    if (!text || !*text)
        return OCTET_OK;
    if (!parse_int64(text, out) || *out < 0 || *out > POOL_THREADS_MAX)
        return error_set(err, OCTET_USAGE, "%s=%s: expected a whole number from 0 to %d", name,
                         text, POOL_THREADS_MAX);
    return OCTET_OK;
}

static octet_status count_threads(const struct args *args, struct placement *out,
                                  struct octet_error *err)
{
    struct cpu_topology topology;
    cpu_topology_detect(&topology);
    int64_t reserved, openmp, cores = topology.cores_usable;
    RETURN_IF_ERROR(
        read_number("VLLM_CPU_NUM_OF_RESERVED_CPU", cores >= 4 ? 1 : 0, &reserved, err));
    RETURN_IF_ERROR(read_number("OMP_NUM_THREADS", 0, &openmp, err));
    int64_t threads = cores - args_integer(args, OPT_RESERVE_CORES, reserved);
    if (openmp > 0)
        threads = openmp;
    if (out->has_processors)
        threads = CPU_COUNT(&out->processors);
    threads = args_integer(args, OPT_THREADS, threads);
    out->threads = (int)(threads < 1 ? 1 : threads > POOL_THREADS_MAX ? POOL_THREADS_MAX : threads);
    return OCTET_OK;
}

octet_status placement_read(const struct args *args, struct placement *out, struct octet_error *err)
{
    *out = (struct placement){0};
    RETURN_IF_ERROR(read_processors(out, err));
    RETURN_IF_ERROR(read_nodes(args, out, err));
    return count_threads(args, out, err);
}

static bool set_memory_policy(int policy, const unsigned long *nodes)
{
    unsigned long bits = policy == MPOL_DEFAULT ? 0 : PLACEMENT_NODES_MAX;
    return syscall(SYS_set_mempolicy, policy, policy == MPOL_DEFAULT ? NULL : nodes, bits) == 0;
}

void placement_enter(struct placement *placement)
{
    if (placement->has_processors) {
        CPU_ZERO(&placement->before);
        if (sched_getaffinity(0, sizeof placement->before, &placement->before) != 0 ||
            sched_setaffinity(0, sizeof placement->processors, &placement->processors) != 0) {
            log_warning("threads are not bound to the processors of VLLM_CPU_OMP_THREADS_BIND: %s",
                        strerror(errno));
            placement->has_processors = false;
        }
    }
    if (placement->memory_policy != MPOL_DEFAULT &&
        !set_memory_policy(placement->memory_policy, placement->nodes)) {
        log_warning("memory is not placed on the nodes asked for: %s", strerror(errno));
        placement->memory_policy = MPOL_DEFAULT;
    }
    placement->entered = true;
}

void placement_leave(struct placement *placement)
{
    if (!placement->entered)
        return;
    if (placement->has_processors)
        sched_setaffinity(0, sizeof placement->before, &placement->before);
    if (placement->memory_policy != MPOL_DEFAULT)
        set_memory_policy(MPOL_DEFAULT, NULL);
    placement->entered = false;
}
