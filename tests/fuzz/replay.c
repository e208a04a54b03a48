/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main for builds without libFuzzer: hands every file named on the command line, or lying in a
 * directory named there, to the fuzz target, so that each corpus is a test in every build. A corpus
 * that is missing or empty is a failure: otherwise a moved folder would pass for ever.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input lies in a block of exactly its size, so that ASan sees one byte read too many. */
static int replay_file(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0 || (size_t)info.st_size > INPUT_MAX) {
        fprintf(stderr, "%s: cannot read it: %s\n", path, strerror(errno));
        if (file)
            fclose(file);
        return 1;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size);
    int failed = (size && !data) || fread(data, 1, size, file) != size;
    fclose(file);
    if (failed)
        fprintf(stderr, "%s: cannot read all %zu bytes\n", path, size);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    *count += !failed;
    return failed;
}

static int replay_directory(const char *path, size_t *count)
{
    struct dirent **entries;
    int found = scandir(path, &entries, NULL, alphasort), failed = 0;
    if (found < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    for (int i = 0; i < found; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof name)
            failed |= replay_file(name, count);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    size_t total = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        size_t count = 0;
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
            failed |= replay_directory(argv[i], &count);
        else
            failed |= replay_file(argv[i], &count);
        printf("%s: %zu inputs replayed\n", argv[i], count);
        if (count == 0)
            failed = 1;
        total += count;
    }
    if (total == 0)
        fprintf(stderr, "no input was replayed: name files or corpus directories that hold some\n");
    return failed || total == 0;
}
