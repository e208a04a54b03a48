/* SPDX-License-Identifier: Apache-2.0 */
/* process_* as Python's prometheus_client has them, from /proc (proc(5)). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "server/metrics.h"

static void write_value(struct buffer *out, const char *name, const char *help, const char *type,
                        double value)
{
    char text[32];
    json_format_real(value, text);
    metrics_write_head(out, name, help, type);
    buffer_printf(out, "%s %s\n", name, text);
}

/* The n-th number (from 0) behind the command's name in /proc/self/stat; 0 where there is none. */
static double stat_field(const char *stat, int n)
{
    const char *at = strrchr(stat, ')');
    if (!at)
        return 0;
    at++;
    for (int i = 0; i < n && *at; i++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    return strtod(at, NULL);
}

static size_t read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(out, 1, size - 1, file) : 0;
    out[length] = '\0';
    if (file)
        fclose(file);
    return length;
}

static double boot_time(void)
{
    char text[16384];
    read_text("/proc/stat", text, sizeof text);
    const char *line = strstr(text, "\nbtime ");
    if (line)
        return strtod(line + strlen("\nbtime "), NULL);
    struct timespec now, since;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since);
    return (double)(now.tv_sec - since.tv_sec);
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    if (!directory)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* without the directory itself */
}

void metrics_write_process(struct buffer *out)
{
    char stat[1024];
    read_text("/proc/self/stat", stat, sizeof stat);
    double ticks = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    /* Fields 14, 15, 22, 23, 24 of proc(5), where the state behind the name is field 3. */
    write_value(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", "gauge",
                stat_field(stat, 20));
    write_value(out, "process_resident_memory_bytes", "Resident memory size in bytes.", "gauge",
                stat_field(stat, 21) * page);
    write_value(out, "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.", "gauge",
                boot_time() + stat_field(stat, 19) / ticks);
    write_value(out, "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.", "counter",
                (stat_field(stat, 11) + stat_field(stat, 12)) / ticks);
    write_value(out, "process_open_fds", "Number of open file descriptors.", "gauge",
                open_descriptors());
    write_value(out, "process_max_fds", "Maximum number of open file descriptors.", "gauge",
                limit.rlim_cur == RLIM_INFINITY ? 0 : (double)limit.rlim_cur);
}
