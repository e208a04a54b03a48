/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pre-tokenizer's expression is not run over the text but over its class string: one byte a code
 * point, ASCII as it is and all else by what the expression can ask about it. So \p{L}, \p{N} and
 * \s mean what the reference means, whichever Unicode the regex library knows, and the library
 * works on plain bytes.
 */
#ifndef TOKENIZER_PRETOK_PATTERN_H
#define TOKENIZER_PRETOK_PATTERN_H

#include "base/buffer.h"
#include "base/status.h"

/* The class bytes above ASCII. */
enum pretok_class {
    PRETOK_LETTER = 0x80,
    PRETOK_NUMBER = 0x81,
    PRETOK_SPACE = 0x82,
    PRETOK_OTHER = 0x83,
    PRETOK_LONG_S = 0x84, /* U+017F, a letter that folds to s */
    PRETOK_KELVIN = 0x85, /* U+212A, a letter that folds to k */
};

#define PRETOK_PATTERN_LIMIT 4096 /* bytes of an expression */

/*
 * Rewrite an expression as tokenizer.json writes it (Oniguruma's syntax) into one over class bytes
 * (PCRE2's syntax) that matches in the same places. Understood: ASCII characters, \r \n \t \f \v,
 * escaped punctuation, \p{L} \P{L} \p{N} \P{N} \s \S, classes and ranges of these, groups (?:...),
 * (?i:...), (?=...), (?!...), alternatives, and the quantifiers * + ? {n} {n,} {n,m}.
 * Errors: OCTET_UNSUPPORTED for anything else, with its position; OCTET_INPUT for what is no
 * expression; OCTET_LIMIT, OCTET_MEMORY.
 */
octet_status pretok_pattern_rewrite(const char *pattern, size_t size, struct buffer *out,
                                    struct octet_error *err);

/* Append the class string of valid UTF-8 to out, which has room for size bytes; returns its length.
 */
size_t pretok_pattern_classify(const char *text, size_t size, uint8_t *out);

#endif
