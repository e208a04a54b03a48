/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint_convert as a program, for the tests that kill it, limit its memory or measure it:
 *   convert_driver DIR OUT [max-shard-bytes=N] [threads=N] [overwrite] [no-verify] [dry-run]
 * Exit 0; 1 for any failure, the sentence on stderr; 130 after SIGINT.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "base/parse.h"
#include "checkpoint/convert.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static bool report(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    (void)what;
    (void)done;
    (void)total;
    return !interrupted;
}

static bool read_option(const char *text, struct convert_options *options)
{
    int64_t number = 0;
    const char *value = strchr(text, '=');
    bool counted = value && parse_int64(value + 1, &number) && number > 0;
    if (counted && !strncmp(text, "max-shard-bytes=", 16))
        options->max_shard_size = (uint64_t)number;
    else if (counted && !strncmp(text, "threads=", 8))
        options->threads = (int)number;
    else if (!strcmp(text, "overwrite"))
        options->overwrite = true;
    else if (!strcmp(text, "no-verify"))
        options->verify = false;
    else if (!strcmp(text, "dry-run"))
        options->dry_run = true;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct convert_options options;
    convert_options_default(&options);
    bool usable = argc >= 3;
    for (int i = 3; i < argc && usable; i++)
        usable = read_option(argv[i], &options);
    if (!usable) {
        fprintf(stderr, "usage: convert_driver DIR OUT [option...]\n");
        return 2;
    }
    options.source = argv[1];
    options.output = argv[2];
    signal(SIGINT, on_signal);
    struct progress progress = {report, NULL};
    struct convert_result result;
    struct octet_error err = {.status = OCTET_OK};
    octet_status status = checkpoint_convert(&options, &progress, &result, &err);
    if (status != OCTET_OK) {
        fprintf(stderr, "%s: %s\n", octet_status_text(status), err.message);
        return status == OCTET_CANCELLED ? 130 : 1;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("shards %zu, resumed %zu, tensors %zu (%zu FP8), dropped %zu, carried %zu\n",
           result.shards, result.resumed_shards, result.tensors, result.fp8_tensors,
           result.dropped_tensors, result.carried_files);
    printf("bytes %llu -> %llu, verified %llu elements, %.3f s, peak RSS %ld KiB%s\n",
           (unsigned long long)result.source_bytes, (unsigned long long)result.output_bytes,
           (unsigned long long)result.verified_elements, result.seconds, usage.ru_maxrss,
           result.already_complete ? ", already complete" : "");
    if (result.notes)
        fputs(result.notes, stdout);
    convert_result_free(&result);
    return 0;
}
