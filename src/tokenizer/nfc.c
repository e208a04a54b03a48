/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most text never reaches utf8proc: NFC can change only a stretch that begins at a starter and goes
 * on with code points that the table marks NFC_UNSAFE. Such stretches are decomposed, ordered and
 * composed; everything between them is copied. utf8proc's own ordering is an insertion sort, which
 * is quadratic in a run of marks, so long runs are ordered here by counting.
 */
#include "tokenizer/nfc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "tokenizer/unicode_class.h"

#define DECOMPOSED_MAX 8 /* no canonical decomposition has more than 4 code points */
#define SHORT_RUN 32

struct stretch {
    int32_t *points;
    size_t count, capacity;
};

static bool stretch_reserve(struct stretch *stretch, size_t more)
{
    if (stretch->capacity - stretch->count >= more)
        return true;
    size_t capacity = stretch->capacity ? stretch->capacity * 2 : 64;
    int32_t *points = realloc(stretch->points, capacity * sizeof *points);
    if (!points)
        return false;
    stretch->points = points;
    stretch->capacity = capacity;
    return true;
}

static uint32_t combining_class(int32_t code_point)
{
    return (uint32_t)utf8proc_get_property(code_point)->combining_class & 0xFF;
}

static void order_short(int32_t *points, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int32_t point = points[i];
        uint32_t ccc = combining_class(point);
        size_t at = i;
        for (; at > 0 && combining_class(points[at - 1]) > ccc; at--)
            points[at] = points[at - 1];
        points[at] = point;
    }
}

/* A stable counting sort by combining class. */
static bool order_long(int32_t *points, size_t count)
{
    size_t starts[257] = {0};
    int32_t *copy = malloc(count * sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, points, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        starts[combining_class(copy[i]) + 1]++;
    for (size_t ccc = 1; ccc < 257; ccc++)
        starts[ccc] += starts[ccc - 1];
    for (size_t i = 0; i < count; i++)
        points[starts[combining_class(copy[i])]++] = copy[i];
    free(copy);
    return true;
}

/* The Canonical Ordering Algorithm: runs of code points whose class is not 0. */
static bool order_marks(struct stretch *stretch)
{
    size_t begin = 0;
    for (size_t i = 0; i <= stretch->count; i++) {
        if (i < stretch->count && combining_class(stretch->points[i]) != 0)
            continue;
        size_t count = i - begin;
        if (count <= SHORT_RUN)
            order_short(stretch->points + begin, count);
        else if (!order_long(stretch->points + begin, count))
            return false;
        begin = i + 1;
    }
    return true;
}

/* Normalise one stretch and append it. */
static bool append_stretch(struct stretch *stretch, const char *text, size_t size,
                           struct buffer *out)
{
    stretch->count = 0;
    for (size_t at = 0, length; at < size; at += length) {
        int boundary = 0;
        uint32_t code_point = utf8_decode(text + at, size - at, &length);
        if (!stretch_reserve(stretch, DECOMPOSED_MAX))
            return false;
        utf8proc_ssize_t count =
            utf8proc_decompose_char((int32_t)code_point, stretch->points + stretch->count,
                                    DECOMPOSED_MAX, UTF8PROC_COMPOSE | UTF8PROC_STABLE, &boundary);
        if (count < 0 || count > DECOMPOSED_MAX)
            return false;
        stretch->count += (size_t)count;
    }
    assert(stretch->points); /* a stretch is never empty */
    if (!order_marks(stretch))
        return false;
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(stretch->points, (utf8proc_ssize_t)stretch->count,
                                 (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (composed < 0)
        return false;
    for (utf8proc_ssize_t i = 0; i < composed; i++) {
        char bytes[4];
        if (!buffer_append(out, bytes, utf8_encode((uint32_t)stretch->points[i], bytes)))
            return false;
    }
    return true;
}

/* Skip code points below U+0300: NFC changes none of them. */
static size_t skip_plain(const char *text, size_t at, size_t size)
{
    while (at < size && (uint8_t)text[at] < 0xCC)
        at++;
    return at;
}

/*
 * The next stretch that NFC may change: [*begin, *end) from `at` on. False when there is none.
 * It begins at the code point before the first unsafe one, unless that must be left alone.
 */
static bool next_stretch(const char *text, size_t size, size_t at, size_t *begin, size_t *end)
{
    size_t hint = 0, length, previous = at;
    bool open = false;
    while (at < size) {
        if (!open && (uint8_t)text[at] < 0xCC) {
            size_t next = skip_plain(text, at, size);
            previous = next - 1;
            while (previous > at && ((uint8_t)text[previous] & 0xC0) == 0x80)
                previous--;
            at = next;
            continue;
        }
        uint32_t flags = unicode_flags(utf8_decode(text + at, size - at, &length), &hint);
        if (open && !(flags & UNICODE_NFC_UNSAFE)) {
            *end = at;
            return true;
        }
        if (!open && flags & UNICODE_NFC_UNSAFE) {
            *begin = previous;
            open = true;
        }
        previous = flags & UNICODE_NFC_LITERAL ? at + length : at;
        at += length;
    }
    *end = size;
    return open;
}

octet_status nfc_normalize(const char *text, size_t size, struct buffer *out, bool *changed,
                           struct octet_error *err)
{
    *changed = false;
    if (skip_plain(text, 0, size) == size)
        return OCTET_OK;
    struct stretch stretch = {0};
    size_t start = out->size, copied = 0, begin, end;
    bool ok = true;
    while (ok && next_stretch(text, size, copied, &begin, &end)) {
        ok = buffer_append(out, text + copied, begin - copied) &&
             append_stretch(&stretch, text + begin, end - begin, out);
        copied = end;
    }
    if (ok && copied > 0) {
        ok = buffer_append(out, text + copied, size - copied);
        *changed = ok && (out->size - start != size || memcmp(out->data + start, text, size) != 0);
    }
    free(stretch.points);
    if (!ok)
        return error_memory(err, "normalising text", size);
    if (!*changed && out->size > start) {
        out->size = start;
        out->data[start] = '\0';
    }
    return OCTET_OK;
}
