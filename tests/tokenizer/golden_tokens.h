/* SPDX-License-Identifier: Apache-2.0 */
/* Token goldens: one JSON object a line (tests/golden/tokenizer/README.md has the format). */
#ifndef TESTS_GOLDEN_TOKENS_H
#define TESTS_GOLDEN_TOKENS_H

#include "tokenizer/tokenizer.h"

struct golden_count {
    size_t passed, total;
    size_t exact; /* of those passed, how many needed no documented alternative */
};

/* $OCTET_SHARED/NAME, else ../shared/NAME; malloc'ed, NULL when it does not exist. */
char *golden_shared_path(const char *name);

/* Run every line of a file; prints each failure to stderr. False when the file cannot be read. */
bool golden_run_file(const struct tokenizer *tokenizer, const char *path,
                     struct golden_count *count);

#endif
