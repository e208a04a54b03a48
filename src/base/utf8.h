/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode 16.0, section 3.9 defines it: no surrogates, no overlong forms, at most
 * U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"

#define UTF8_INVALID UINT32_MAX

/*
 * Decode one code point at text[0..size). *length receives the bytes consumed (>= 1 when size >=
 * 1): of a valid sequence its length; otherwise the length of the maximal invalid part (what WHATWG
 * and Rust's from_utf8_lossy replace by one U+FFFD) and the result is UTF8_INVALID.
 */
uint32_t utf8_decode(const char *text, size_t size, size_t *length);

/* Encode; returns the number of bytes (1..4), 0 for surrogates and values past U+10FFFF. */
size_t utf8_encode(uint32_t code_point, char out[4]);

bool utf8_valid(const char *text, size_t size);

/* Append text with each maximal invalid part replaced by U+FFFD. */
bool utf8_append_lossy(struct buffer *out, const char *text, size_t size);

/*
 * The length of the longest prefix of text that does not end inside a possibly valid sequence: the
 * part a stream may show now. Bytes that can no longer become valid count as complete.
 */
size_t utf8_complete_prefix(const char *text, size_t size);

/*
 * Write text for people to read in one line: control characters (C0, DEL, C1) and bytes that are
 * not UTF-8 become \xNN. out receives at most capacity - 1 bytes and a NUL; a text that does not
 * fit, or that `more` says was cut already, is cut at a character and ends in "...". Allocates
 * nothing. capacity >= 16. Returns the length.
 */
size_t utf8_printable(char *out, size_t capacity, const char *text, size_t size, bool more);

#endif
