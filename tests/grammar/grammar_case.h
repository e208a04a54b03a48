/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that a grammar must read or refuse, byte by byte. */
#ifndef TESTS_GRAMMAR_CASE_H
#define TESTS_GRAMMAR_CASE_H

#include "grammar/grammar.h"

/* The whole text is one of the grammar. */
bool grammar_reads(const struct grammar *grammar, const char *text, size_t size);

/* How many bytes of text can be read, and whether that may be all (*complete). */
size_t grammar_prefix(const struct grammar *grammar, const char *text, size_t size, bool *complete);

/* Compile a schema given as text, or fail the test. */
struct grammar *schema_or_fail(const char *schema);

/* The status of compiling a schema, and its message. Frees the grammar. */
octet_status schema_status(const char *schema, struct octet_error *err);

#endif
