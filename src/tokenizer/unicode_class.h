/* SPDX-License-Identifier: Apache-2.0 */
/* What the tokenizers ask about a code point. Tables: tools/unicode/README.md. */
#ifndef TOKENIZER_UNICODE_CLASS_H
#define TOKENIZER_UNICODE_CLASS_H

#include <stddef.h>
#include <stdint.h>

/* The low two bits of a code point's flags; a code point is in at most one of the classes. */
enum unicode_class {
    UNICODE_OTHER,
    UNICODE_LETTER, /* \p{L} */
    UNICODE_NUMBER, /* \p{N} */
    UNICODE_SPACE,  /* \s: White_Space */
    UNICODE_CLASS_MASK = 3,
};

enum unicode_flag {
    UNICODE_WORD = 4,         /* a word character, for single_word */
    UNICODE_NFC_UNSAFE = 8,   /* NFC may change it or join it to what stands before it */
    UNICODE_NFC_LITERAL = 16, /* NFC of the reference leaves it alone; current Unicode may not */
};

struct unicode_range {
    uint32_t first, last; /* both included */
    uint32_t flags;
};

/* Ascending, without overlap; what lies between has no flag. */
extern const struct unicode_range unicode_ranges[];
extern const size_t unicode_range_count;

/*
 * Flags of a code point. *hint speeds up text that stays in one script: start it at 0 and keep it
 * between calls.
 */
uint32_t unicode_flags(uint32_t code_point, size_t *hint);

#endif
