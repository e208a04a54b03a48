/* SPDX-License-Identifier: Apache-2.0 */
/* A model directory for tests: the tiny golden model with the tokenizer beside it. */
#ifndef TESTS_RUNTIME_MODEL_FOLDER_H
#define TESTS_RUNTIME_MODEL_FOLDER_H

#include <unistd.h>

#include "support/testing.h"

static inline void folder_copy(const char *from, const char *directory, const char *name)
{
    char path[8192];
    size_t size = 0;
    char *bytes = test_read_file(from, &size);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(file_write_all(path, bytes, size, NULL), OCTET_OK);
    free(bytes);
}

static inline void folder_write(const char *directory, const char *name, const char *text)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(file_write_all(path, text, strlen(text), NULL), OCTET_OK);
}

static inline void folder_remove_file(const char *directory, const char *name)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static const char *const folder_names[] = {"config.json", "model.safetensors", "tokenizer.json",
                                           "tokenizer_config.json", "generation_config.json"};

/* Made once a program; in a static buffer. folder_remove() at its end. */
static inline const char *folder_make(void)
{
    const char *directory = test_temporary_directory();
    folder_copy("tests/golden/model/config.json", directory, "config.json");
    folder_copy("tests/golden/model/model.safetensors", directory, "model.safetensors");
    for (int i = 2; i < 5; i++) {
        char from[256];
        snprintf(from, sizeof from, "tests/golden/runtime/%s", folder_names[i]);
        folder_copy(from, directory, folder_names[i]);
    }
    return directory;
}

static inline void folder_remove(const char *directory)
{
    for (int i = 0; i < 5; i++)
        folder_remove_file(directory, folder_names[i]);
    rmdir(directory);
}

#endif
