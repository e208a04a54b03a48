/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output_parser_parts.h"

#include <string.h>

void tag_scan_init(struct tag_scan *scan, const char *const *tags)
{
    *scan = (struct tag_scan){.tags = tags};
}

/* Whether held begins one of the tags; *found: the one that it is. */
static bool held_begins(const struct tag_scan *scan, int *found)
{
    bool begins = false;
    for (int i = 0; scan->tags[i]; i++) {
        size_t size = strlen(scan->tags[i]);
        if (scan->held_size > size || memcmp(scan->tags[i], scan->held, scan->held_size) != 0)
            continue;
        begins = true;
        if (scan->held_size == size)
            *found = i;
    }
    return begins;
}

static bool byte_begins(const struct tag_scan *scan, char byte)
{
    for (int i = 0; scan->tags[i]; i++)
        if (scan->tags[i][0] == byte)
            return true;
    return false;
}

static void pass(struct buffer *out, const char *text, size_t size)
{
    if (out && size)
        buffer_append(out, text, size);
}

size_t tag_scan_push(struct tag_scan *scan, const char *text, size_t size, struct buffer *out,
                     int *found)
{
    *found = -1;
    for (size_t at = 0; at < size;) {
        if (scan->held_size == 0) {
            size_t from = at;
            while (at < size && !byte_begins(scan, text[at]))
                at++;
            pass(out, text + from, at - from);
            if (at == size)
                break;
        }
        scan->held[scan->held_size++] = text[at++];
        while (scan->held_size > 0 && !held_begins(scan, found)) {
            pass(out, scan->held, 1);
            memmove(scan->held, scan->held + 1, --scan->held_size);
        }
        if (*found >= 0) {
            scan->held_size = 0;
            return at;
        }
    }
    return size;
}

void tag_scan_flush(struct tag_scan *scan, struct buffer *out)
{
    pass(out, scan->held, scan->held_size);
    scan->held_size = 0;
}
