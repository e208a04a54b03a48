/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted text as XML, HTML and Markdown. Each appends and returns false as buffer_append does.
 */
#ifndef REPORT_MARKUP_H
#define REPORT_MARKUP_H

#include "base/buffer.h"

/*
 * One line: tabs and line ends become a space. Safe as the content of an element and in a
 * double-quoted attribute; well-formed XML 1.0 whatever the bytes are.
 */
bool markup_xml(struct buffer *out, const char *text);

/* The same with line ends and tabs kept, for <pre>. */
bool markup_xml_block(struct buffer *out, const char *text);

/* One line of GitHub Flavored Markdown that shows the text itself, also within a table cell. */
bool markup_markdown(struct buffer *out, const char *text);

/* A fenced block whose fence is longer than any run of backticks within. */
bool markup_fence(struct buffer *out, const char *language, const char *text);

/* A path for the parentheses of a Markdown link: all but [A-Za-z0-9/._-] percent-encoded. */
bool markup_url_path(struct buffer *out, const char *path);

#endif
