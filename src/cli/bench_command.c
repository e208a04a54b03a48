/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
octet_status command_bench(const struct args *args, struct octet_error *err)
{
    (void)args;
    return error_set(err, OCTET_UNSUPPORTED, "bench");
}
