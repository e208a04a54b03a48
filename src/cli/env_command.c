/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "base/json.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/help.h"
#include "cli/terminal.h"
#include "cpu/features.h"
#include "cpu/topology.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

static bool add(struct json *object, const char *key, const char *text)
{
    return json_set(object, key, json_new_string(text));
}

static bool add_bytes(struct json *object, const char *key, uint64_t bytes)
{
    return json_set(object, key, json_new_integer((int64_t)bytes));
}

/* PRETTY_NAME of os-release. */
static void distribution(char *out, size_t size)
{
    snprintf(out, size, "unknown");
    FILE *file = fopen("/etc/os-release", "re");
    if (!file)
        return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "PRETTY_NAME=", 12) != 0)
            continue;
        char *value = line + 12;
        value += *value == '"';
        value[strcspn(value, "\"\n")] = '\0';
        snprintf(out, size, "%s", value);
    }
    fclose(file);
}

static bool fill(struct json *out, const struct cpu_features *features)
{
    struct cpu_topology topology;
    struct cpu_memory memory;
    struct utsname system;
    char text[256];
    cpu_topology_detect(&topology);
    cpu_memory_detect(&memory);
    bool ok = add(out, "octet", octet_version()) && add(out, "compiler", COMPILER);
    distribution(text, sizeof text);
    ok = ok && add(out, "distribution", text);
    if (uname(&system) == 0)
        ok = ok && add(out, "kernel", system.release) && add(out, "machine", system.machine);
    ok = ok && add(out, "cpu", topology.model_name);
    cpu_features_text(features, text, sizeof text);
    ok = ok && add(out, "instruction_sets", text) &&
         json_set(out, "cores_online", json_new_integer(topology.cores_online)) &&
         json_set(out, "cores_usable", json_new_integer(topology.cores_usable)) &&
         json_set(out, "numa_nodes", json_new_integer(topology.numa_nodes)) &&
         add_bytes(out, "l1d_bytes", topology.l1d_bytes) &&
         add_bytes(out, "l2_bytes", topology.l2_bytes) &&
         add_bytes(out, "l3_bytes", topology.l3_bytes) &&
         add_bytes(out, "huge_page_bytes", topology.huge_page_bytes) &&
         add_bytes(out, "memory_total_bytes", memory.total) &&
         add_bytes(out, "memory_available_bytes", memory.available) &&
         add_bytes(out, "memory_limit_bytes", memory.limit);
    static const char *const variables[] = {"OCTET_CPU_MASK", "OMP_NUM_THREADS",
                                            "VLLM_CPU_KVCACHE_SPACE", "VLLM_LOGGING_LEVEL"};
    for (size_t i = 0; ok && i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value)
            ok = add(out, variables[i], value);
    }
    return ok;
}

static bool is_byte_count(const char *key, size_t length)
{
    return length > 6 && strcmp(key + length - 6, "_bytes") == 0;
}

static void print_rows(const struct json *object)
{
    struct table *table = table_new(2);
    for (struct json_iter it = json_iter(object); json_next(&it);) {
        char bytes[32];
        bool count = is_byte_count(it.key, it.key_length);
        table_cell(table, "%.*s", (int)(it.key_length - (count ? 6 : 0)), it.key);
        if (count) {
            format_bytes((uint64_t)json_integer(it.value, 0), bytes);
            table_cell(table, " %s", bytes);
        } else if (json_type(it.value) == JSON_TYPE_INTEGER) {
            table_cell(table, " %lld", (long long)json_integer(it.value, 0));
        } else {
            table_cell(table, " %s", json_string(it.value));
        }
    }
    table_print(table, stdout, "", false);
    table_free(table);
}

octet_status command_collect_env(const struct args *args, struct octet_error *err)
{
    struct cpu_features features;
    const char *mask = args_text(args, OPT_CPU_MASK, getenv("OCTET_CPU_MASK"));
    RETURN_IF_ERROR(cpu_features_detect(mask, &features, err));
    struct json *out = json_new_object();
    if (!fill(out, &features)) {
        json_free(out);
        return error_memory(err, "environment", 0);
    }
    if (args_flag(args, OPT_JSON, false))
        return cli_print_json_line(out, stdout, err);
    print_rows(out);
    json_free(out);
    return OCTET_OK;
}

octet_status command_completion(const struct args *args, struct octet_error *err)
{
    const char *kind = args->positionals[0];
    if (strcmp(kind, "bash") == 0)
        help_print_bash(stdout);
    else if (strcmp(kind, "zsh") == 0)
        help_print_zsh(stdout);
    else if (strcmp(kind, "man") == 0)
        help_print_man(stdout);
    else
        return error_set(err, OCTET_USAGE, "completion: got '%s', expected bash, zsh or man", kind);
    return OCTET_OK;
}
