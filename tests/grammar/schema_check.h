/* SPDX-License-Identifier: Apache-2.0 */
/* A validator of JSON values, independent of the grammar room, for the keywords that octet has. */
#ifndef TESTS_SCHEMA_CHECK_H
#define TESTS_SCHEMA_CHECK_H

#include "base/json.h"

/* Whether value satisfies schema; root is where references begin. */
bool schema_holds(const struct json *root, const struct json *schema, const struct json *value);

#endif
