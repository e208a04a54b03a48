/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/byte_level.h"

#include "base/utf8.h"

#define MOVED_FIRST 0x100u /* where the bytes that do not print begin */
#define MOVED_COUNT 68u

static bool prints(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

/* The n-th byte, in order, that does not print: 0..0x20, 0x7F..0xA0, 0xAD. */
static uint8_t moved_byte(uint32_t n)
{
    if (n <= 0x20)
        return (uint8_t)n;
    if (n <= 0x20 + 0x22)
        return (uint8_t)(n - 0x21 + 0x7F);
    return 0xAD;
}

uint32_t byte_level_code_point(uint8_t byte)
{
    if (prints(byte))
        return byte;
    if (byte <= 0x20)
        return MOVED_FIRST + byte;
    return byte == 0xAD ? MOVED_FIRST + MOVED_COUNT - 1 : MOVED_FIRST + 0x21u + byte - 0x7Fu;
}

bool byte_level_decode(const char *text, size_t size, char *out, size_t *out_size)
{
    size_t written = 0;
    for (size_t at = 0; at < size;) {
        size_t length;
        uint32_t code_point = utf8_decode(text + at, size - at, &length);
        if (code_point <= 0xFF && prints(code_point))
            out[written++] = (char)code_point;
        else if (code_point >= MOVED_FIRST && code_point < MOVED_FIRST + MOVED_COUNT)
            out[written++] = (char)moved_byte(code_point - MOVED_FIRST);
        else
            return false;
        at += length;
    }
    *out_size = written;
    return true;
}
