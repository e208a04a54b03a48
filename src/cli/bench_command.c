/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "bench/kernel_bench.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/terminal.h"

#define QUICK_MEMORY ((uint64_t)256 << 20)
#define OUTPUT_MAX ((size_t)1 << 20)

octet_status command_bench(const struct args *args, struct octet_error *err)
{
    if (strcmp(args->positionals[0], "kernels") != 0)
        return error_set(err, OCTET_USAGE, "bench: got '%s', expected kernels",
                         args->positionals[0]);
    struct cpu_features features;
    const char *mask = args_text(args, OPT_CPU_MASK, getenv("OCTET_CPU_MASK"));
    RETURN_IF_ERROR(cpu_features_detect(mask, &features, err));
    bool quick = args_flag(args, OPT_QUICK, false);
    struct kernel_bench_options options = {.features = &features,
                                           .threads = cli_threads(args),
                                           .repeats = quick ? 1 : 0,
                                           .memory_bytes = quick ? QUICK_MEMORY : 0};
    if (!args_flag(args, OPT_QUIET, false))
        fprintf(stderr,
                "measuring with %d threads; the ratios mean little while other programs "
                "run\n",
                options.threads);
    struct kernel_bench_result *result = calloc(1, sizeof *result);
    if (!result)
        return error_memory(err, "benchmark", sizeof *result);
    octet_status status = bench_kernels(&options, result, err);
    struct buffer text;
    buffer_init(&text, OUTPUT_MAX);
    if (status == OCTET_OK) {
        bool json = args_flag(args, OPT_JSON, false);
        if (json ? kernel_bench_json(result, &text) : kernel_bench_text(result, &text))
            fwrite(buffer_text(&text), 1, text.size, stdout);
        else
            status = error_memory(err, "benchmark", text.size);
    }
    buffer_free(&text);
    free(result);
    return status;
}
