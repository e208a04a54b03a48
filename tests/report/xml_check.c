/* SPDX-License-Identifier: Apache-2.0 */
#include "report/xml_check.h"

#include <ctype.h>
#include <string.h>
#include "base/utf8.h"

#define DEPTH_MAX 32
#define ATTRIBUTES_MAX 16

struct span {
    const char *start;
    size_t size;
};

static bool same(struct span a, struct span b)
{
    return a.size == b.size && memcmp(a.start, b.start, a.size) == 0;
}

static struct span name_at(const char *c)
{
    size_t size = 0;
    if (!isalpha((unsigned char)*c))
        return (struct span){c, 0};
    while (isalnum((unsigned char)c[size]) || c[size] == '-' || c[size] == '_')
        size++;
    return (struct span){c, size};
}

/* An entity at c, which is '&'; returns the character behind it or NULL. */
static const char *skip_entity(const char *c)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(c, known[i], strlen(known[i])) == 0)
            return c + strlen(known[i]);
    return NULL;
}

/* Attributes up to "/>" or ">"; returns the character at which that stands or NULL. */
static const char *skip_attributes(const char *c)
{
    struct span seen[ATTRIBUTES_MAX];
    size_t count = 0;
    for (;;) {
        const char *before = c;
        while (*c == ' ' || *c == '\n')
            c++;
        if (*c == '>' || (*c == '/' && c[1] == '>'))
            return c;
        struct span name = name_at(c);
        if (c == before || name.size == 0 || count == ATTRIBUTES_MAX)
            return NULL;
        for (size_t i = 0; i < count; i++)
            if (same(seen[i], name))
                return NULL;
        seen[count++] = name;
        c += name.size;
        if (c[0] != '=' || c[1] != '"')
            return NULL;
        for (c += 2; *c != '"';) {
            if (*c == '\0' || *c == '<')
                return NULL;
            c = *c == '&' ? skip_entity(c) : c + 1;
            if (!c)
                return NULL;
        }
        c++;
    }
}

static bool allowed_characters(const char *text, size_t size, size_t *at)
{
    for (*at = 0; *at < size;) {
        size_t length = 0;
        uint32_t c = utf8_decode(text + *at, size - *at, &length);
        if (c == UTF8_INVALID || (c < 0x20 && c != '\n' && c != '\t') || c == 0xfffe || c == 0xffff)
            return false;
        *at += length;
    }
    return true;
}

bool xml_well_formed(const char *text, size_t size, size_t *at)
{
    struct span open[DEPTH_MAX];
    size_t depth = 0, roots = 0;
    if (!allowed_characters(text, size, at))
        return false;
    const char *c = text;
    if (strncmp(c, "<!DOCTYPE html>\n", 16) == 0)
        c += 16;
    while (*c) {
        const char *here = c;
        *at = (size_t)(here - text);
        if (c[0] == '<' && c[1] == '/') {
            struct span name = name_at(c + 2);
            if (depth == 0 || !same(open[--depth], name) || c[2 + name.size] != '>')
                return false;
            c += 3 + name.size;
        } else if (*c == '<') {
            struct span name = name_at(c + 1);
            roots += depth == 0;
            c = name.size > 0 && depth < DEPTH_MAX ? skip_attributes(c + 1 + name.size) : NULL;
            if (!c)
                return false;
            if (*c == '>')
                open[depth++] = name;
            c += *c == '>' ? 1 : 2;
        } else {
            c = *c == '&' ? skip_entity(c) : c + 1;
            if (!c || (depth == 0 && *here != '\n'))
                return false;
        }
    }
    return depth == 0 && roots == 1 && (size_t)(c - text) == size;
}

size_t xml_count(const char *text, const char *name)
{
    size_t count = 0, length = strlen(name);
    for (const char *c = text; (c = strchr(c, '<')) != NULL; c++)
        count += strncmp(c + 1, name, length) == 0 && !isalnum((unsigned char)c[1 + length]);
    return count;
}
