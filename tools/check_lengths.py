#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail if a source file or a function is longer than agreed, or a file name occurs twice.

    check_lengths.py SRC_ROOT

Functions: 100 lines, 200 below kernels/. Files: 1000 lines for .c, 300 for .h (1000 below kernels/,
where a header can be a kernel's template). Generated data, in files named *_table.* or *_tables.*,
is exempt. Needs universal-ctags.
"""
import json
import os
import re
import subprocess
import sys

FUNCTION_MAX, KERNEL_FUNCTION_MAX = 100, 200
FILE_MAX = {'.c': 1000, '.h': 300}
GENERATED = re.compile(r'_tables?\.[ch]$')


def sources(root):
    for folder, folders, names in sorted(os.walk(root)):
        folders.sort()
        for name in sorted(names):
            if os.path.splitext(name)[1] in FILE_MAX:
                yield os.path.join(folder, name)


def functions(paths):
    command = ['ctags', '--output-format=json', '--fields=+ne', '--kinds-c=f', '-L', '-', '-f', '-']
    listing = subprocess.run(command, input='\n'.join(paths), text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    for line in listing.splitlines():
        tag = json.loads(line)
        if 'end' in tag:
            yield tag['path'], tag['name'], tag['line'], tag['end'] - tag['line'] + 1


def check(root):
    problems, seen = [], {}
    paths = list(sources(root))
    for path in paths:
        name = os.path.basename(path)
        if name in seen:
            problems.append(f'{path}: has the name of {seen[name]}')
        seen[name] = path
    checked = [path for path in paths if not GENERATED.search(path)]
    for path in checked:
        with open(path, encoding='utf-8') as file:
            count = sum(1 for _ in file)
        limit = FILE_MAX['.c' if '/kernels/' in path else os.path.splitext(path)[1]]
        if count > limit:
            problems.append(f'{path}: {count} lines, at most {limit}')
    lengths = []
    for path, name, line, length in functions(checked):
        lengths.append(length)
        limit = KERNEL_FUNCTION_MAX if '/kernels/' in path else FUNCTION_MAX
        if length > limit:
            problems.append(f'{path}:{line}: {name} has {length} lines, at most {limit}')
    if not lengths:
        problems.append(f'{root}: no function found')
    return problems, paths, lengths


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    found, files, sizes = check(sys.argv[1])
    print('\n'.join(found) if found else
          f'lengths: ok ({len(files)} files, {len(sizes)} functions, longest {max(sizes)} lines)')
    sys.exit(1 if found else 0)
