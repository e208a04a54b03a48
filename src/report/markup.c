/* SPDX-License-Identifier: Apache-2.0 */
#include "report/markup.h"

#include <stdint.h>
#include <string.h>
#include "base/utf8.h"

#define REPLACEMENT 0xfffdu

/* May the code point be in a report? XML 1.0 (section 2.2) excludes the others; overrides of the
 * writing direction would let a name rearrange what stands beside it. */
static bool is_allowed(uint32_t c)
{
    if (c < 0x20)
        return c == '\t' || c == '\n' || c == '\r';
    if (c >= 0x7f && c <= 0x9f)
        return false;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
        return false;
    return c != UTF8_INVALID && c != 0xfffe && c != 0xffff;
}

/* The next code point of text, at *position. */
static uint32_t next_code_point(const char *text, size_t size, size_t *position)
{
    size_t length = 0;
    uint32_t c = utf8_decode(text + *position, size - *position, &length);
    *position += length;
    return is_allowed(c) ? c : REPLACEMENT;
}

static bool append_code_point(struct buffer *out, uint32_t c)
{
    char bytes[4];
    return buffer_append(out, bytes, utf8_encode(c, bytes));
}

static bool append_xml(struct buffer *out, const char *text, bool block)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        uint32_t c = next_code_point(text, size, &i);
        if (c == '\r' && i < size && text[i] == '\n')
            continue;
        if (c == '\r')
            c = '\n';
        if (!block && (c == '\n' || c == '\t'))
            c = ' ';
        if (c == '&')
            buffer_append_str(out, "&amp;");
        else if (c == '<')
            buffer_append_str(out, "&lt;");
        else if (c == '>')
            buffer_append_str(out, "&gt;");
        else if (c == '"')
            buffer_append_str(out, "&quot;");
        else if (c == '\'')
            buffer_append_str(out, "&#39;");
        else
            append_code_point(out, c);
    }
    return !buffer_failed(out);
}

bool markup_xml(struct buffer *out, const char *text)
{
    return append_xml(out, text, false);
}

bool markup_xml_block(struct buffer *out, const char *text)
{
    return append_xml(out, text, true);
}

static bool is_ascii_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does text begin as ":name:", which GitHub shows as a small picture? */
static bool is_emoji_code(const char *text)
{
    size_t n = 1;
    while (is_ascii_word(text[n]) || text[n] == '_' || text[n] == '+' || text[n] == '-')
        n++;
    return n > 1 && text[n] == ':';
}

/* Does a block begin at text: a heading, a list, a rule, an underline? *escape is where a backslash
 * keeps it from that: of "12. " and "12) " the character behind the digits. */
static bool begins_block(const char *text, size_t *escape)
{
    *escape = 0;
    if (text[0] && strchr("#+-=", text[0]))
        return true;
    *escape = strspn(text, "0123456789");
    const char *behind = text + *escape;
    return *escape > 0 && (behind[0] == '.' || behind[0] == ')') &&
           (behind[1] == '\0' || strchr(" \t\r\n", behind[1]));
}

/* Entities where a backslash would not keep GitHub from making a link, a mention or a picture. */
static const char *entity_of(uint32_t c, const char *text)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '@':
        return "&#64;";
    case ':':
        return strncmp(text, "://", 3) == 0 || is_emoji_code(text) ? "&#58;" : NULL;
    case '.':
        return "&#46;"; /* asked for behind "www" only */
    default:
        return NULL;
    }
}

bool markup_markdown(struct buffer *out, const char *text)
{
    size_t size = strlen(text), escape = 0, start = 0;
    while (start < size && strchr(" \t\r\n", text[start]))
        start++;
    bool block = begins_block(text + start, &escape);
    for (size_t i = start; i < size;) {
        size_t at = i;
        uint32_t c = next_code_point(text, size, &i);
        bool www = at >= 3 && (text[at - 1] | 32) == 'w' && (text[at - 2] | 32) == 'w' &&
                   (text[at - 3] | 32) == 'w';
        const char *entity = c != '.' || www ? entity_of(c, text + at) : NULL;
        if (c == '\n' || c == '\r' || c == '\t') {
            buffer_append_char(out, ' ');
        } else if (entity) {
            buffer_append_str(out, entity);
        } else {
            if ((c < 0x80 && strchr("\\`*_[]|~$", (int)c)) || (block && at == start + escape))
                buffer_append_char(out, '\\');
            append_code_point(out, c);
        }
    }
    return !buffer_failed(out);
}

bool markup_fence(struct buffer *out, const char *language, const char *text)
{
    size_t size = strlen(text), longest = 2, run = 0;
    for (size_t i = 0; i < size; i++) {
        run = text[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        buffer_append_char(out, '`');
    for (const char *c = language; *c; c++)
        if (is_ascii_word(*c) || *c == '+' || *c == '-')
            buffer_append_char(out, *c);
    buffer_append_char(out, '\n');
    uint32_t last = '\n';
    for (size_t i = 0; i < size;) {
        uint32_t c = next_code_point(text, size, &i);
        if (c == '\r' && i < size && text[i] == '\n')
            continue;
        last = c == '\r' ? '\n' : c;
        append_code_point(out, last);
    }
    if (last != '\n')
        buffer_append_char(out, '\n');
    for (size_t i = 0; i <= longest; i++)
        buffer_append_char(out, '`');
    return buffer_append_char(out, '\n');
}

bool markup_url_path(struct buffer *out, const char *path)
{
    for (const char *c = path; *c; c++) {
        if (is_ascii_word(*c) || strchr("/._-", *c))
            buffer_append_char(out, *c);
        else
            buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
    return !buffer_failed(out);
}
