/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_parse.h"

static octet_status make_constraint(const struct api_request *request, struct constraint **out,
                                    struct octet_error *err)
{
    const struct tokenizer *tokenizer = request->model->tokenizer;
    static const char tag[] = "</think>";
    struct token_ids ids = {0};
    octet_status status =
        tokenizer_encode(tokenizer, tag, sizeof tag - 1, SPECIAL_PARSE, false, &ids, err);
    const struct constraint_options options = {
        .vocab = request->model->vocab,
        .grammar = request->grammar,
        .start = request->grammar_start,
        .in_thinking =
            request->rules.reasoning != REASONING_NONE && request->rules.start == REASONING_OPEN,
        .thinking_budget = request->thinking_budget,
        .think_end_ids = ids.ids,
        .think_end_id_count = ids.count,
    };
    if (status == OCTET_OK)
        status = constraint_new(&options, out, err);
    token_ids_free(&ids);
    return status;
}

octet_status api_request_sampling(const struct api_request *request, size_t choice,
                                  struct sampling_params *out, struct octet_error *err)
{
    size_t k = choice % (size_t)request->n;
    *out = request->sampling;
    out->constraint = NULL;
    if (out->has_seed)
        out->seed += k;
    if (!request->grammar && request->thinking_budget < 0)
        return OCTET_OK;
    return make_constraint(request, &out->constraint, err);
}
