/* SPDX-License-Identifier: Apache-2.0 */
/* The public entry to the checks; the rest of octet.h is in runtime/octet_api.c, which is below. */
#include "base/status.h"
#include "verify/tensor_check.h"

octet_status octet_verify(const char *source, const char *converted, int32_t threads,
                          struct octet_error *err)
{
    if (!source)
        return error_set(err, OCTET_USAGE, "source must name a directory");
    if (threads < 0)
        return error_set(err, OCTET_USAGE, "threads is %d; it cannot be negative", threads);
    struct checkpoint *from = NULL, *to = NULL;
    octet_status status = checkpoint_open(source, &from, err);
    if (status == OCTET_OK && converted)
        status = checkpoint_open(converted, &to, err);
    if (status == OCTET_OK) {
        struct verify_result result;
        status = verify_converted(from, to, threads ? threads : 1, NULL, &result, err);
    }
    checkpoint_close(to);
    checkpoint_close(from);
    return status;
}
