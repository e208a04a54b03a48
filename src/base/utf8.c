/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/*
 * Table 3-7 of the standard: how many continuation bytes follow a lead byte and in which range the
 * first of them must lie; 0 for a byte that cannot lead. The others lie in 80..BF.
 */
static unsigned continuation_count(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 2;
    if (lead >= 0xF0 && lead <= 0xF4)
        return 3;
    return 0;
}

uint32_t utf8_decode(const char *text, size_t size, size_t *length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (size == 0) {
        *length = 0;
        return UTF8_INVALID;
    }
    *length = 1;
    if (bytes[0] < 0x80)
        return bytes[0];
    unsigned char low, high;
    unsigned count = continuation_count(bytes[0], &low, &high);
    if (count == 0)
        return UTF8_INVALID;
    uint32_t code_point = bytes[0] & (0x3Fu >> count);
    for (unsigned i = 1; i <= count; i++) {
        if (i >= size || bytes[i] < low || bytes[i] > high)
            return UTF8_INVALID;
        code_point = code_point << 6 | (bytes[i] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
        (*length)++;
    }
    return code_point;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point >= 0xD800 && code_point <= 0xDFFF)
        return 0;
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    if (code_point > 0x10FFFF)
        return 0;
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

bool utf8_valid(const char *text, size_t size)
{
    for (size_t at = 0, length; at < size; at += length)
        if (utf8_decode(text + at, size - at, &length) == UTF8_INVALID)
            return false;
    return true;
}

bool utf8_append_lossy(struct buffer *out, const char *text, size_t size)
{
    size_t start = 0; /* of the valid run that is not appended yet */
    for (size_t at = 0, length; at < size; at += length) {
        if (utf8_decode(text + at, size - at, &length) != UTF8_INVALID)
            continue;
        buffer_append(out, text + start, at - start);
        buffer_append(out, "\xEF\xBF\xBD", 3);
        start = at + length;
    }
    return buffer_append(out, text + start, size - start);
}

size_t utf8_complete_prefix(const char *text, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char byte = (unsigned char)text[size - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        if (byte < 0xC2 || byte > 0xF4)
            break;
        /* The sequence is open exactly when its invalid part reaches to the end. */
        size_t length;
        if (utf8_decode(text + size - back, back, &length) == UTF8_INVALID && length == back)
            return size - back;
        break;
    }
    return size;
}

size_t utf8_printable(char *out, size_t capacity, const char *text, size_t size, bool more)
{
    size_t used = 0, fits = 0; /* fits: where the text can be cut to leave room for "..." */
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t code_point = utf8_decode(text + at, size - at, &length);
        bool plain = code_point != UTF8_INVALID && code_point >= 0x20 &&
                     (code_point < 0x7F || code_point > 0x9F);
        size_t needed = plain ? length : 4 * length;
        if (used + needed >= capacity) {
            more = true;
            break;
        }
        if (plain) {
            memcpy(out + used, text + at, length);
        } else {
            for (size_t i = 0; i < length; i++)
                snprintf(out + used + 4 * i, 5, "\\x%02x", (unsigned char)text[at + i]);
        }
        used += needed;
        if (used + 4 <= capacity)
            fits = used;
    }
    if (more) {
        memcpy(out + fits, "...", 3);
        used = fits + 3;
    }
    out[used] = '\0';
    return used;
}
