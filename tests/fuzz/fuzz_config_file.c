/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: entries within the bounds, or a sentence. */
#include "cli/config_file.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    struct config_file file;
    struct octet_error err = {.status = OCTET_OK};
    if (!text)
        return 0;
    memcpy(text, data, size);
    if (config_file_parse(text, size, "input", &file, &err) == OCTET_OK) {
        assert(file.count <= ENTRIES_MAX);
        for (size_t i = 0; i < file.count; i++)
            assert(*file.entries[i].name && file.entries[i].value && file.entries[i].line > 0);
    } else {
        assert(file.count == 0 && !file.entries && err.status != OCTET_OK && err.message[0]);
    }
    config_file_free(&file);
    free(text);
    return 0;
}
