/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECKPOINT_REMEDY_H
#define CHECKPOINT_REMEDY_H

#include "base/status.h"

/*
 * Sentences made by base/ say what was found in a file, but not what to do about it: append
 * "; REMEDY" to an OCTET_INPUT message that has no remedy yet. Returns status.
 */
octet_status error_add_remedy(struct octet_error *err, octet_status status, const char *remedy);

#endif
