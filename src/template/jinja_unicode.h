/* SPDX-License-Identifier: Apache-2.0 */
/* What Python's str methods know of a code point: classes and full case maps (Unicode 14, as
 * Python 3.11). */
#ifndef TEMPLATE_JINJA_UNICODE_H
#define TEMPLATE_JINJA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unicode_class {
    UNICODE_IS_ALPHA,
    UNICODE_IS_DECIMAL,
    UNICODE_IS_DIGIT,
    UNICODE_IS_NUMERIC,
    UNICODE_IS_SPACE,
    UNICODE_IS_PRINTABLE,
    UNICODE_IS_UPPER,
    UNICODE_IS_LOWER,
    UNICODE_IS_TITLE,
    UNICODE_IS_IGNORABLE, /* between a letter and a final sigma it does not count */
    UNICODE_IS_WORD,      /* \w of Python's re */
};

enum unicode_case { UNICODE_TO_UPPER, UNICODE_TO_LOWER, UNICODE_TO_TITLE };

bool jinja_unicode_is(uint32_t code_point, enum unicode_class what);

/* Lower, upper or title case letter. */
bool jinja_unicode_is_cased(uint32_t code_point);

/* The full case mapping: 1 to 3 code points in out; returns their number. */
size_t jinja_unicode_map(uint32_t code_point, enum unicode_case to, uint32_t out[3]);

#endif
