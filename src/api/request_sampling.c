/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

octet_status api_request_sampling(const struct api_request *request, size_t choice,
                                  struct sampling_params *out, struct octet_error *err)
{
    size_t k = choice % (size_t)request->n;
    *out = request->sampling;
    out->constraint = NULL;
    if (out->has_seed)
        out->seed += k;
    (void)err;
    return OCTET_OK;
}
