/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What most test programs need: cmocka with its prerequisites, the folder of shared data, files
 * read whole, and a seed that is printed and can be set.
 */
#ifndef SUPPORT_TESTING_H
#define SUPPORT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"

/* OCTET_SHARED, else ../shared beside the repository: "ROOT/name" in a static buffer. */
static inline const char *test_shared_path(const char *name)
{
    static char path[4096];
    const char *root = getenv("OCTET_SHARED");
    snprintf(path, sizeof path, "%s/%s", root && root[0] ? root : "../shared", name);
    return path;
}

/* The shared file or folder, or the test ends as skipped with its name. */
static inline const char *test_shared_or_skip(const char *test, const char *name)
{
    const char *path = test_shared_path(name);
    if (!file_exists(path)) {
        printf("SKIP: %s: no shared data (%s)\n", test, path);
        skip();
    }
    return path;
}

/* The whole file or a failed test; free() the result, which has a NUL after its bytes. */
static inline void *test_read_file(const char *path, size_t *size)
{
    struct buffer bytes;
    struct octet_error err = {.status = OCTET_OK};
    buffer_init(&bytes, (size_t)1 << 30);
    if (file_read_all(path, (size_t)1 << 30, &bytes, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    void *data = buffer_take(&bytes, size);
    assert_non_null(data);
    return data;
}

/* OCTET_TEST_SEED, else a fixed number; printed, so that a failure can be repeated. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("OCTET_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 20251124u;
    printf("OCTET_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* A fresh directory below $TMPDIR or /tmp, in a static buffer. */
static inline const char *test_temporary_directory(void)
{
    static char path[4096];
    const char *root = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/octet-test-XXXXXX", root && root[0] ? root : "/tmp");
    if (!mkdtemp(path))
        fail_msg("cannot make a directory like %s", path);
    return path;
}

/* Messages are part of the contract: each must name what the caller needs. */
#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" does not contain \"%s\"", (text), (part));                            \
    } while (0)

#endif
