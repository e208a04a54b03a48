/* SPDX-License-Identifier: Apache-2.0 */
/* Strict conversion of text that people typed: the whole text or nothing. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool parse_int64(const char *text, int64_t *out); /* decimal, optional sign */
bool parse_double(const char *text, double *out); /* finite */
/* "8192", "8k" = 8000, "8K" = 8192, "4G" = 4 GiB, "4GiB", "5GB" = 5e9: bytes or counts. */
bool parse_size(const char *text, uint64_t *out);
/* "4.41 GB", "11.2 MB": decimal units. */
void format_bytes(uint64_t bytes, char out[32]);
/* "1,234,567". */
void format_count(uint64_t value, char out[32]);
/* RFC 4648 base64, padding required. Returns malloc'ed bytes (NUL after them) or NULL. */
char *base64_decode(const char *text, size_t size, size_t *out_size);

#endif
