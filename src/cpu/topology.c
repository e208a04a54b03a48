/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/topology.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The first line of a small kernel file without its newline; false when there is none. */
static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool ok = fgets(out, (int)size, file) != NULL;
    fclose(file);
    if (ok)
        out[strcspn(out, "\n")] = '\0';
    return ok;
}

static bool parse_u64(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text)
        return false;
    *out = value;
    return true;
}

static bool read_u64(const char *path, uint64_t *out)
{
    char line[64];
    return read_line(path, line, sizeof line) && parse_u64(line, out);
}

/* The value after "KEY" and white space or ':' in a file of such lines. */
static bool read_field(const char *path, const char *key, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[512];
    bool found = false;
    size_t length = strlen(key);
    while (!found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0)
            continue;
        char *value = line + length;
        value += strspn(value, " \t:");
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, size, "%s", value);
        found = true;
    }
    fclose(file);
    return found;
}

/*
 * Walk this process's cgroup and its parents: fn(directory, context) for each. Version 2 first,
 * else the version 1 hierarchy of `controller`. Inside a container the path may not exist, and the
 * mount's root is then what limits us.
 */
static void for_each_cgroup(const char *controller, void (*fn)(const char *, void *), void *context)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return;
    char line[1024];
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        bool version2 = controllers[1] == '\0';
        if (!version2 && !strstr(controllers + 1, controller))
            continue;
        for (;;) {
            char directory[1280];
            snprintf(directory, sizeof directory, "/sys/fs/cgroup%s%s%s", version2 ? "" : "/",
                     version2 ? "" : controller, strcmp(path, "/") == 0 ? "" : path);
            fn(directory, context);
            char *slash = strrchr(path, '/');
            if (!slash || strcmp(path, "/") == 0)
                break;
            slash[slash == path ? 1 : 0] = '\0';
        }
    }
    fclose(file);
}

static void lower_quota(const char *directory, void *context)
{
    int *cores = context;
    char path[1400], line[64];
    uint64_t quota, period = 100000;
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    if (read_line(path, line, sizeof line)) {
        char *space = strchr(line, ' ');
        if (!space || !parse_u64(line, &quota) || !parse_u64(space + 1, &period))
            return;
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
        if (!read_line(path, line, sizeof line) || line[0] == '-' || !parse_u64(line, &quota))
            return;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
        read_u64(path, &period);
    }
    if (period == 0)
        return;
    uint64_t whole = (quota + period - 1) / period;
    if (whole >= 1 && whole < (uint64_t)*cores)
        *cores = (int)whole;
}

static int usable_cores(int online)
{
    int cores = online;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cores = CPU_COUNT(&set);
    for_each_cgroup("cpu", lower_quota, &cores);
    return cores < 1 ? 1 : cores;
}

static uint64_t cache_bytes(int level, const char *unwanted_type)
{
    for (int index = 0; index < 8; index++) {
        char path[128], text[64];
        uint64_t value;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", index);
        if (!read_u64(path, &value) || value != (uint64_t)level)
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", index);
        if (!read_line(path, text, sizeof text) || strcmp(text, unwanted_type) == 0)
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
        if (!read_line(path, text, sizeof text) || !parse_u64(text, &value))
            continue;
        return strchr(text, 'M') ? value << 20 : strchr(text, 'K') ? value << 10 : value;
    }
    return 0;
}

static int count_numa_nodes(void)
{
    int count = 0;
    for (int node = 0; node < 1024; node++) {
        char path[64];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d", node);
        if (access(path, F_OK) == 0)
            count++;
    }
    return count < 1 ? 1 : count;
}

void cpu_topology_detect(struct cpu_topology *out)
{
    *out = (struct cpu_topology){0};
    if (!read_field("/proc/cpuinfo", "model name", out->model_name, sizeof out->model_name))
        snprintf(out->model_name, sizeof out->model_name, "unknown");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    out->cores_online = online < 1 ? 1 : (int)online;
    out->cores_usable = usable_cores(out->cores_online);
    out->numa_nodes = count_numa_nodes();
    out->l1d_bytes = cache_bytes(1, "Instruction");
    out->l2_bytes = cache_bytes(2, "Instruction");
    out->l3_bytes = cache_bytes(3, "Instruction");
    char line[128];
    if (read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line) &&
        !strstr(line, "[never]"))
        read_u64("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", &out->huge_page_bytes);
}

static uint64_t meminfo_bytes(const char *key)
{
    char text[64];
    uint64_t kib;
    if (!read_field("/proc/meminfo", key, text, sizeof text) || !parse_u64(text, &kib))
        return 0;
    return kib << 10;
}

static void lower_memory(const char *directory, void *context)
{
    struct cpu_memory *memory = context;
    char path[1400];
    uint64_t limit, used = 0;
    snprintf(path, sizeof path, "%s/memory.max", directory);
    bool version2 = read_u64(path, &limit); /* "max" does not parse: no limit here */
    if (!version2) {
        snprintf(path, sizeof path, "%s/memory.limit_in_bytes", directory);
        if (!read_u64(path, &limit))
            return;
    }
    snprintf(path, sizeof path, "%s/%s", directory,
             version2 ? "memory.current" : "memory.usage_in_bytes");
    read_u64(path, &used);
    /* The page cache counts as used and gives way under pressure. */
    char text[64];
    uint64_t inactive = 0;
    snprintf(path, sizeof path, "%s/memory.stat", directory);
    if (read_field(path, version2 ? "inactive_file" : "total_inactive_file", text, sizeof text))
        parse_u64(text, &inactive);
    used -= inactive < used ? inactive : used;
    if (limit < memory->limit)
        memory->limit = limit;
    uint64_t left = limit > used ? limit - used : 0;
    if (left < memory->usable)
        memory->usable = left;
}

void cpu_memory_detect(struct cpu_memory *out)
{
    out->total = meminfo_bytes("MemTotal");
    out->available = meminfo_bytes("MemAvailable");
    out->limit = out->total;
    out->usable = out->available;
    for_each_cgroup("memory", lower_memory, out);
    struct rlimit address_space;
    if (getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY) {
        if (address_space.rlim_cur < out->limit)
            out->limit = address_space.rlim_cur;
        if (address_space.rlim_cur < out->usable)
            out->usable = address_space.rlim_cur;
    }
}
