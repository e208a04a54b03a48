/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/common.h"
#include "cli/terminal.h"
#include "verify/tensor_check.h"

static struct json *result_json(const struct verify_result *result, bool converted,
                                const char *failure)
{
    struct json *out = json_new_object();
    const struct cli_count rows[] = {{"fp8_tensors", result->fp8_tensors},
                                     {"fp8_elements", result->fp8_elements},
                                     {"scales", result->scales},
                                     {"plain_tensors", result->plain_tensors},
                                     {"plain_bytes", result->plain_bytes},
                                     {"different", result->different},
                                     {"different_tensors", result->different_tensors},
                                     {"missing", result->missing},
                                     {"extra", result->extra},
                                     {"misshapen", result->misshapen}};
    bool ok = json_set(out, "compared", json_new_bool(converted)) &&
              json_set(out, "ok", json_new_bool(failure == NULL)) &&
              json_set(out, "message", failure ? json_new_string(failure) : json_new_null()) &&
              json_set(out, "seconds", json_new_real(result->seconds));
    ok = ok && cli_set_counts(out, rows, sizeof rows / sizeof rows[0]);
    if (!ok) {
        json_free(out);
        return NULL;
    }
    return out;
}

static void print_result(const struct verify_result *result, bool converted)
{
    char elements[32], scales[32], bytes[32], different[32];
    format_count(result->fp8_elements, elements);
    format_count(result->scales, scales);
    format_count(result->different, different);
    format_bytes(result->plain_bytes, bytes);
    printf("FP8 tensors    %zu, %s elements: no NaN code; %s scales, all positive and finite\n",
           result->fp8_tensors, elements, scales);
    if (!converted) {
        /* Plain bytes are read, and so counted, only to be compared. */
        printf("other tensors  %zu\n", result->plain_tensors);
    } else {
        printf("other tensors  %zu, %s\n", result->plain_tensors, bytes);
        printf("against the exact product rounded once to BF16, other tensors byte for byte:\n");
        printf("  different %s, missing %zu, extra %zu, of another shape or type %zu\n", different,
               result->missing, result->extra, result->misshapen);
    }
    printf("%.1f s\n", result->seconds);
}

static octet_status run_check(const struct args *args, const struct checkpoint *source,
                              const struct checkpoint *converted, struct octet_error *err)
{
    bool quiet = args_flag(args, OPT_QUIET, false);
    struct progress_bar bar;
    progress_bar_init(&bar, stderr, "B");
    bar.cancel_flag = &terminal_interrupted;
    struct progress progress = progress_bar_callback(&bar);
    if (quiet)
        progress.report = cli_quiet_report;
    terminal_catch_interrupts();
    struct verify_result result = {0};
    octet_status status =
        verify_converted(source, converted, cli_threads(args), &progress, &result, err);
    if (!quiet)
        progress_bar_finish(&bar);
    if (status != OCTET_OK && status != OCTET_MISMATCH)
        return status;
    if (args_flag(args, OPT_JSON, false)) {
        octet_status printed =
            cli_print_json_line(result_json(&result, converted != NULL,
                                            status == OCTET_OK || !err ? NULL : err->message),
                                stdout, status == OCTET_OK ? err : NULL);
        return status == OCTET_OK ? printed : status;
    }
    print_result(&result, converted != NULL);
    if (status == OCTET_OK)
        puts(converted ? "OK: every element is the exact product rounded once"
                       : "OK: every code and scale is valid");
    return status;
}

octet_status command_verify(const struct args *args, struct octet_error *err)
{
    const char *path, *other = args_text(args, OPT_CONVERTED, NULL);
    RETURN_IF_ERROR(cli_model_path(args, &path, err));
    struct checkpoint *source = NULL, *converted = NULL;
    octet_status status = checkpoint_open(path, &source, err);
    if (status == OCTET_OK && other)
        status = checkpoint_open(other, &converted, err);
    if (status == OCTET_OK)
        status = run_check(args, source, converted, err);
    checkpoint_close(converted);
    checkpoint_close(source);
    return status;
}
