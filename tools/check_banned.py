#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if library code calls a function that has no place there, or a file lacks its licence line.

    check_banned.py SRC_ROOT

Everywhere: functions without bounds or with hidden state, and alloca. Outside cli/: whatever ends
the process or prints. Comments and literals do not count.
"""
import os
import re
import sys

EVERYWHERE = 'strtok sscanf atoi atol atof sprintf vsprintf strcpy strcat gets alloca rand srand'
LIBRARY = 'exit _exit abort printf vprintf puts putchar perror system setlocale'
# Streams are written only by the sinks that the program installs.
STREAMS = 'fprintf vfprintf fputs fputc putc'
STREAM_FILES = ('base/log.c', 'base/progress.c')

SKIP = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
LICENCE = '/* SPDX-License-Identifier: Apache-2.0 */'
MARKERS = re.compile(r'\b(TODO|FIXME|XXX)\b')


def call_of(names):
    return re.compile(r'(?<![\w.>])(' + '|'.join(names.split()) + r')\s*\(')


def blank(match):
    return re.sub(r'[^\n]', ' ', match[0])


def check(root):
    problems, seen = [], 0
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if not name.endswith(('.c', '.h')):
                continue
            seen += 1
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, root)
            with open(path, encoding='utf-8') as file:
                text = file.read()
            if not text.startswith(LICENCE):
                problems.append(f'{path}:1: does not begin with {LICENCE}')
            rules = [call_of(EVERYWHERE)]
            if not inside.startswith('cli/'):
                rules.append(call_of(LIBRARY))
                if inside not in STREAM_FILES:
                    rules.append(call_of(STREAMS))
            for number, line in enumerate(text.splitlines(), 1):
                for match in MARKERS.finditer(line):
                    problems.append(f'{path}:{number}: unfinished: {match[1]}')
            for number, line in enumerate(SKIP.sub(blank, text).splitlines(), 1):
                for rule in rules:
                    for match in rule.finditer(line):
                        problems.append(f'{path}:{number}: {match[1]}() is not for this place')
    if seen == 0:
        problems.append(f'{root}: no C sources found')
    return problems


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    found = check(sys.argv[1])
    print('\n'.join(found) if found else 'banned functions: none')
    sys.exit(1 if found else 0)
