/* SPDX-License-Identifier: Apache-2.0 */
/* The pre-tokenizer: cuts text into the words that byte-pair encoding works on. */
#ifndef TOKENIZER_PRETOK_H
#define TOKENIZER_PRETOK_H

#include "base/json.h"
#include "base/status.h"

struct pretok; /* immutable */

/* Memory of one call; one thread at a time. */
struct pretok_scratch;

/*
 * Read tokenizer.json's "pre_tokenizer": Split by expression (Isolated or Removed), Digits, and
 * ByteLevel as the last step, alone or in a Sequence. name begins each message.
 * Errors: OCTET_UNSUPPORTED (component and position), OCTET_INPUT, OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status pretok_open(const struct json *pre_tokenizer, const char *name, struct pretok **out,
                         struct octet_error *err);
void pretok_close(struct pretok *pretok);

struct pretok_scratch *pretok_scratch_new(void); /* NULL when out of memory */
void pretok_scratch_free(struct pretok_scratch *scratch);

/* Takes one word (never empty); a status other than OCTET_OK stops the walk and is returned. */
typedef octet_status pretok_word(void *context, const char *word, size_t size,
                                 struct octet_error *err);

/*
 * Call `word` for each word of valid UTF-8, in order.
 * Errors: OCTET_MEMORY, OCTET_LIMIT (an expression needs too many steps), those of `word`.
 */
octet_status pretok_split(const struct pretok *pretok, struct pretok_scratch *scratch,
                          const char *text, size_t size, pretok_word *word, void *context,
                          struct octet_error *err);

#endif
