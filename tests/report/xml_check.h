/* SPDX-License-Identifier: Apache-2.0 */
/* Is a text well-formed XML, of the subset that reports use? */
#ifndef TESTS_REPORT_XML_CHECK_H
#define TESTS_REPORT_XML_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Elements nest and end, attributes are quoted and differ within an element, '&' begins a known
 * entity, bytes are UTF-8 of characters that XML allows, one root. Comments, CDATA and processing
 * instructions are not well-formed here: a report has none. Returns false and where it went wrong.
 */
bool xml_well_formed(const char *text, size_t size, size_t *at);

/* How many elements of that name begin in text. */
size_t xml_count(const char *text, const char *name);

#endif
