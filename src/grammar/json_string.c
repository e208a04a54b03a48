/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/automaton.h"

static bool within(uint8_t byte, uint8_t first, uint8_t last)
{
    return byte >= first && byte <= last;
}

/* -1: not a hexadecimal digit. */
static int hex_value(uint8_t byte)
{
    if (within(byte, '0', '9'))
        return byte - '0';
    if (within(byte, 'a', 'f'))
        return byte - 'a' + 10;
    return within(byte, 'A', 'F') ? byte - 'A' + 10 : -1;
}

static uint8_t body_step(uint8_t byte)
{
    if (byte < 0x80) {
        if (byte == '"')
            return STRING_END;
        if (byte == '\\')
            return STRING_ESCAPE;
        return byte < 0x20 ? STRING_DEAD : STRING_BODY;
    }
    if (within(byte, 0xC2, 0xDF))
        return STRING_TAIL_1;
    switch (byte) {
    case 0xE0:
        return STRING_TAIL_E0;
    case 0xED:
        return STRING_TAIL_ED;
    case 0xF0:
        return STRING_TAIL_F0;
    case 0xF4:
        return STRING_TAIL_F4;
    default:
        if (within(byte, 0xE1, 0xEF))
            return STRING_TAIL_2;
        return within(byte, 0xF1, 0xF3) ? STRING_TAIL_3 : STRING_DEAD;
    }
}

static uint8_t escape_step(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return STRING_BODY;
    case 'u':
        return STRING_HEX;
    default:
        return STRING_DEAD;
    }
}

static uint8_t tail_step(uint8_t state, uint8_t byte)
{
    static const struct {
        uint8_t first, last, next;
    } tails[] = {
        [0] = {0x80, 0xBF, STRING_BODY},
        [STRING_TAIL_2 - STRING_TAIL_1] = {0x80, 0xBF, STRING_TAIL_1},
        [STRING_TAIL_3 - STRING_TAIL_1] = {0x80, 0xBF, STRING_TAIL_2},
        [STRING_TAIL_E0 - STRING_TAIL_1] = {0xA0, 0xBF, STRING_TAIL_1},
        [STRING_TAIL_ED - STRING_TAIL_1] = {0x80, 0x9F, STRING_TAIL_1},
        [STRING_TAIL_F0 - STRING_TAIL_1] = {0x90, 0xBF, STRING_TAIL_2},
        [STRING_TAIL_F4 - STRING_TAIL_1] = {0x80, 0x8F, STRING_TAIL_2},
    };
    int tail = state - STRING_TAIL_1;
    return within(byte, tails[tail].first, tails[tail].last) ? tails[tail].next : STRING_DEAD;
}

static uint8_t hex_step(uint8_t state, int digit)
{
    switch (state) {
    case STRING_HEX:
        return digit == 0 ? STRING_HEX_0 : digit == 0xD ? STRING_HEX_D : STRING_HEX_3;
    case STRING_HEX_0:
        return digit == 0 ? STRING_HEX_00 : STRING_HEX_2;
    case STRING_HEX_00:
        return digit == 0 ? STRING_HEX_000 : STRING_HEX_1;
    case STRING_HEX_000:
        return digit == 0 ? STRING_DEAD : STRING_BODY;
    case STRING_HEX_D:
        return digit < 8 ? STRING_HEX_2 : digit < 0xC ? STRING_HIGH_2 : STRING_DEAD;
    case STRING_HEX_3:
        return STRING_HEX_2;
    case STRING_HEX_2:
        return STRING_HEX_1;
    case STRING_HEX_1:
        return STRING_BODY;
    case STRING_HIGH_2:
        return STRING_HIGH_1;
    case STRING_HIGH_1:
        return STRING_LOW_ESCAPE;
    default: /* STRING_LOW_DIGIT */
        return digit >= 0xC ? STRING_HEX_2 : STRING_DEAD;
    }
}

uint8_t grammar_string_step(uint8_t state, uint8_t byte)
{
    switch (state) {
    case STRING_BODY:
        return body_step(byte);
    case STRING_ESCAPE:
        return escape_step(byte);
    case STRING_LOW_ESCAPE:
        return byte == '\\' ? STRING_LOW_U : STRING_DEAD;
    case STRING_LOW_U:
        return byte == 'u' ? STRING_LOW_D : STRING_DEAD;
    case STRING_LOW_D:
        return byte == 'd' || byte == 'D' ? STRING_LOW_DIGIT : STRING_DEAD;
    default:
        break;
    }
    if (state >= STRING_TAIL_1 && state < STRING_STATES)
        return tail_step(state, byte);
    int digit = hex_value(byte);
    return digit < 0 || state >= STRING_STATES ? STRING_DEAD : hex_step(state, digit);
}
