/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte-level alphabet of GPT-2: tokenizer.json writes each byte of a token as one printable
 * character. Bytes that print stand for themselves, the other 68 are U+0100 ... U+0143 in order.
 */
#ifndef TOKENIZER_BYTE_LEVEL_H
#define TOKENIZER_BYTE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point that stands for a byte. */
uint32_t byte_level_code_point(uint8_t byte);

/*
 * Bytes of a token's text. out has room for size bytes; *out_size receives how many were written.
 * False (and nothing of use in out) when a character is not of the alphabet.
 */
bool byte_level_decode(const char *text, size_t size, char *out, size_t *out_size);

#endif
