/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unicode Normalization Form C (UAX #15) as the reference tokenizer does it: with the tables of
 * Unicode 9.0, so that marks and compositions of later versions are left alone.
 */
#ifndef TOKENIZER_NFC_H
#define TOKENIZER_NFC_H

#include "base/buffer.h"
#include "base/status.h"

/*
 * Normalise valid UTF-8. *changed says whether NFC differs from the text; if not, out is untouched,
 * else the normalised text was appended to it. O(n) for any input.
 * Errors: OCTET_MEMORY.
 */
octet_status nfc_normalize(const char *text, size_t size, struct buffer *out, bool *changed,
                           struct octet_error *err);

#endif
