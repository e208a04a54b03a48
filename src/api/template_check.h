/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_TEMPLATE_CHECK_H
#define API_TEMPLATE_CHECK_H

#include "api/api_request.h"

/*
 * Render conversations of every kind before the first client does: a user's word, a system
 * message, several turns with reasoning, thinking switched off, tools with their calls and answers.
 * A template that cannot do the first is OCTET_INPUT; what else it refuses is a warning in the log
 * that says what clients will be told. A model without a chat template passes.
 */
octet_status template_check(const struct api_model *model, struct octet_error *err);

#endif
