/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include "cpu/features.h"
#include "cpu/topology.h"

/* Does /proc/cpuinfo list this flag? -1 when it has no flags line. */
static int kernel_says(const char *flag)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return -1;
    static char line[1 << 14];
    int answer = -1;
    char spaced[64];
    snprintf(spaced, sizeof spaced, " %s ", flag);
    while (answer < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, "flags", 5) != 0)
            continue;
        line[strcspn(line, "\n")] = ' ';
        answer = strstr(line, spaced) != NULL;
    }
    fclose(file);
    return answer;
}

static void probe_agrees_with_the_kernel(void **state)
{
    (void)state;
    struct cpu_features features;
    assert_int_equal(cpu_features_detect(NULL, &features, NULL), OCTET_OK);
    const struct {
        const char *flag;
        bool ours;
    } rows[] = {{"avx2", features.avx2},
                {"avx512bw", features.avx512},
                {"avx512vbmi", features.avx512_vbmi},
                {"avx512_bf16", features.avx512_bf16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int theirs = kernel_says(rows[i].flag);
        if (theirs < 0)
            skip();
        assert_int_equal(rows[i].ours, theirs);
    }
}

static void a_mask_caps_the_answer(void **state)
{
    (void)state;
    struct cpu_features features;
    assert_int_equal(cpu_features_detect("scalar", &features, NULL), OCTET_OK);
    assert_false(features.avx2 || features.avx512 || features.neon || features.amx_bf16);
    assert_int_equal(cpu_features_detect("avx2", &features, NULL), OCTET_OK);
    assert_false(features.avx512 || features.avx512_vbmi || features.amx_bf16);
    assert_int_equal(cpu_features_detect("avx512", &features, NULL), OCTET_OK);
    assert_false(features.avx512_vbmi || features.avx512_bf16 || features.amx_bf16);
    struct octet_error err;
    assert_int_equal(cpu_features_detect("sse9", &features, &err), OCTET_USAGE);
    assert_non_null(strstr(err.message, "sse9"));
}

static void topology_is_plausible(void **state)
{
    (void)state;
    struct cpu_topology topology;
    cpu_topology_detect(&topology);
    assert_in_range(topology.cores_usable, 1, topology.cores_online);
    assert_true(topology.numa_nodes >= 1);
    assert_true(topology.model_name[0] != '\0');
}

static void an_address_space_limit_is_seen(void **state)
{
    (void)state;
    struct cpu_memory before, after;
    cpu_memory_detect(&before);
    assert_true(before.total > 0 && before.limit <= before.total);
    assert_true(before.usable <= before.available);
    struct rlimit saved, lower;
    assert_int_equal(getrlimit(RLIMIT_AS, &saved), 0);
    lower = saved;
    lower.rlim_cur = (rlim_t)1 << 45; /* far above what sanitizers map, below nothing real */
    if (lower.rlim_cur > saved.rlim_max)
        skip();
    if (setrlimit(RLIMIT_AS, &lower) != 0)
        skip();
    cpu_memory_detect(&after);
    setrlimit(RLIMIT_AS, &saved);
    assert_true(after.limit <= (uint64_t)1 << 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_agrees_with_the_kernel),
        cmocka_unit_test(a_mask_caps_the_answer),
        cmocka_unit_test(topology_is_plausible),
        cmocka_unit_test(an_address_space_limit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
