/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/remedy.h"

#include <string.h>

octet_status error_add_remedy(struct octet_error *err, octet_status status, const char *remedy)
{
    if (status != OCTET_INPUT || !err || strstr(err->message, "; "))
        return status;
    char found[sizeof err->message];
    memcpy(found, err->message, sizeof found);
    return error_set(err, status, "%s; %s", found, remedy);
}
