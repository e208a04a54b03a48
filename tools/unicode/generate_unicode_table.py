#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write src/tokenizer/unicode_table.c to standard output (see README.md beside this file)."""
import json
import os
import sys
import unicodedata

LETTER, NUMBER, SPACE = 1, 2, 3
WORD, NFC_UNSAFE, NFC_LITERAL = 4, 8, 16
HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)


def code_points(ranges):
    for first, last in ranges:
        yield from range(int(first, 16), int(last, 16) + 1)


def is_word(cp):
    """Rust's \\w: Alphabetic, marks, decimal numbers, connectors, joiners."""
    category = unicodedata.category(chr(cp))
    circled = (0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)
    return (category[0] in 'LM' or category in ('Nd', 'Nl', 'Pc') or cp in (0x200C, 0x200D)
            or any(a <= cp <= b for a, b in circled))


def nfc_sets(reference):
    later = reference['nfc']['compositions_not_made']
    literal = {int(cp, 16) for cp in reference['nfc']['marks_with_ccc_treated_as_0']}
    safe = set()
    for entry in later:
        parts = [int(cp, 16) for cp in entry['decomposed'].split()]
        literal.update([int(entry['composed'], 16)] + parts[:-1])
        safe.update(cp for cp in parts[1:] if not unicodedata.combining(chr(cp)))
    unsafe = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))  # Hangul vowels and finals
    for cp in range(0x110000):
        if 0xD800 <= cp < 0xE000 or cp in HANGUL_SYLLABLES:
            continue
        char = chr(cp)
        if unicodedata.combining(char) or unicodedata.normalize('NFC', char) != char:
            unsafe.add(cp)
        parts = unicodedata.decomposition(char).split()
        composes = len(parts) == 2 and parts[0][0] != '<'
        if composes and unicodedata.normalize('NFC', char) == char:
            unsafe.add(int(parts[1], 16))
    return unsafe - literal - safe, literal


def build_flags(reference):
    flags = [0] * 0x110000
    for name, value in (('letters_L', LETTER), ('numbers_N', NUMBER), ('space_s', SPACE)):
        for cp in code_points(reference[name]):
            assert flags[cp] == 0
            flags[cp] = value
    unsafe, literal = nfc_sets(reference)
    for cp in range(0x110000):
        if flags[cp] == LETTER or is_word(cp):
            flags[cp] |= WORD
        if cp in unsafe:
            flags[cp] |= NFC_UNSAFE
        if cp in literal:
            flags[cp] |= NFC_LITERAL
    return flags


def ranges_of(flags):
    first = 0
    for cp in range(1, len(flags) + 1):
        if cp == len(flags) or flags[cp] != flags[first]:
            if flags[first]:
                yield first, cp - 1, flags[first]
            first = cp


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, 'reference_unicode.json'), encoding='utf-8') as file:
        reference = json.load(file)
    rows = [f'{{0x{a:X}, 0x{b:X}, {f}}}' for a, b, f in ranges_of(build_flags(reference))]
    out = ['/* SPDX-License-Identifier: Apache-2.0 */',
           '/*',
           ' * Made by tools/unicode/generate_unicode_table.py with the tables of Unicode '
           f'{unicodedata.unidata_version} and the',
           ' * reference\'s own sets: do not edit.',
           ' */',
           '#include "tokenizer/unicode_class.h"',
           '',
           '/* clang-format off */',
           'const struct unicode_range unicode_ranges[] = {']
    line = '   '
    for row in rows:
        if len(line) + len(row) + 2 > 100:
            out.append(line)
            line = '   '
        line += ' ' + row + ','
    out += [line, '};', '/* clang-format on */',
            'const size_t unicode_range_count = sizeof unicode_ranges / sizeof unicode_ranges[0];']
    sys.stdout.write('\n'.join(out) + '\n')


if __name__ == '__main__':
    main()
