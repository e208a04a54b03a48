/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "checkpoint/convert.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/terminal.h"

static struct json *result_json(const struct convert_result *result, bool dry_run)
{
    struct json *out = json_new_object();
    const struct cli_count rows[] = {{"source_bytes", result->source_bytes},
                                     {"output_bytes", result->output_bytes},
                                     {"shards", result->shards},
                                     {"tensors", result->tensors},
                                     {"fp8_tensors", result->fp8_tensors},
                                     {"dropped_tensors", result->dropped_tensors},
                                     {"carried_files", result->carried_files},
                                     {"verified_elements", result->verified_elements},
                                     {"verified_bytes", result->verified_bytes},
                                     {"resumed_shards", result->resumed_shards},
                                     {"needed_bytes", result->needed_bytes},
                                     {"free_bytes", result->free_bytes}};
    bool ok = json_set(out, "dry_run", json_new_bool(dry_run)) &&
              json_set(out, "already_complete", json_new_bool(result->already_complete)) &&
              json_set(out, "seconds", json_new_real(result->seconds));
    ok = ok && cli_set_counts(out, rows, sizeof rows / sizeof rows[0]);
    if (!ok) {
        json_free(out);
        return NULL;
    }
    return out;
}

static void print_result(const char *output, const struct convert_result *result, bool dry_run)
{
    char source[32], written[32], available[32], elements[32];
    format_bytes(result->source_bytes, source);
    format_bytes(result->output_bytes, written);
    format_bytes(result->free_bytes, available);
    format_count(result->verified_elements, elements);
    if (result->already_complete) {
        printf("%s already holds this conversion: nothing to do\n", output);
        return;
    }
    printf("%s%s: %zu tensors in %zu file%s, %s (source %s)\n", dry_run ? "would write " : "",
           output, result->tensors, result->shards, result->shards == 1 ? "" : "s", written,
           source);
    printf("  %zu FP8 tensors to BF16, each element rounded once; %zu scales dropped; %zu other "
           "files carried along\n",
           result->fp8_tensors, result->dropped_tensors, result->carried_files);
    if (dry_run) {
        printf("  %s are free there\n", available);
        return;
    }
    if (result->resumed_shards)
        printf("  %zu file%s found finished from an interrupted run\n", result->resumed_shards,
               result->resumed_shards == 1 ? "" : "s");
    if (result->verified_elements)
        printf("  verified: %s elements equal the exact product rounded once\n", elements);
    printf("  %.1f s\n", result->seconds);
}

octet_status command_convert(const struct args *args, struct octet_error *err)
{
    struct convert_options options;
    convert_options_default(&options);
    options.output =
        args_text(args, OPT_OUTPUT_DIR, args->positional_count ? args->positionals[0] : NULL);
    if (!options.output)
        return error_set(err, OCTET_USAGE, "OUT is missing; usage: octet convert %s",
                         args->command->synopsis);
    RETURN_IF_ERROR(cli_model_path(args, &options.source, err));
    options.max_shard_size = (uint64_t)args_integer(args, OPT_MAX_SHARD_SIZE, 0);
    options.threads = cli_threads(args);
    options.dry_run = args_flag(args, OPT_DRY_RUN, false);
    options.overwrite = args_flag(args, OPT_OVERWRITE, false);
    options.verify = args_flag(args, OPT_VERIFY, true);

    bool quiet = args_flag(args, OPT_QUIET, false);
    struct progress_bar bar;
    progress_bar_init(&bar, stderr, "B");
    bar.cancel_flag = &terminal_interrupted;
    struct progress progress = progress_bar_callback(&bar);
    if (quiet) /* keeps the way for Ctrl-C, draws nothing */
        progress.report = cli_quiet_report;
    terminal_catch_interrupts();
    struct convert_result result = {0};
    octet_status status = checkpoint_convert(&options, &progress, &result, err);
    if (!quiet)
        progress_bar_finish(&bar);
    if (status == OCTET_OK) {
        if (result.notes && !quiet)
            fputs(result.notes, stderr);
        if (args_flag(args, OPT_JSON, false))
            status = cli_print_json_line(result_json(&result, options.dry_run), stdout, err);
        else
            print_result(options.output, &result, options.dry_run);
    }
    convert_result_free(&result);
    return status;
}
