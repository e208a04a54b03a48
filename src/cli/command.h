/* SPDX-License-Identifier: Apache-2.0 */
/* One function a command; results go to standard output, everything else to standard error. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/status.h"
#include "cli/args.h"

/* OCTET_OK is exit code 0; for the others see terminal_exit_code(). */
octet_status command_infer(const struct args *args, struct octet_error *err);
octet_status command_chat(const struct args *args, struct octet_error *err);
octet_status command_pull(const struct args *args, struct octet_error *err);
octet_status command_convert(const struct args *args, struct octet_error *err);
octet_status command_inspect(const struct args *args, struct octet_error *err);
octet_status command_verify(const struct args *args, struct octet_error *err);
octet_status command_tokenize(const struct args *args, struct octet_error *err);
octet_status command_detokenize(const struct args *args, struct octet_error *err);
octet_status command_render(const struct args *args, struct octet_error *err);
octet_status command_serve(const struct args *args, struct octet_error *err);
octet_status command_complete(const struct args *args, struct octet_error *err);
octet_status command_logits(const struct args *args, struct octet_error *err);
octet_status command_bench(const struct args *args, struct octet_error *err);
octet_status command_collect_env(const struct args *args, struct octet_error *err);
octet_status command_completion(const struct args *args, struct octet_error *err);

#endif
