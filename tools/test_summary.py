#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what scripts/test.sh ran, names what was skipped, and ends in one line of counts.

    test_summary.py LOG_FOLDER

Reads stages.txt (name, exit status, last line), ctest-*.txt (ctest's LastTest.log, with what each
program printed), pytest's STAGE.xml and lint.log. A cmocka program counts by its test functions,
any other program as one test. With CI=true a skip that tests/expected_skips.txt does not allow is a failure.
Exit 1 if anything failed.
"""
import glob
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

SECTION = re.compile(r'^\d+/\d+ Testing: (.+)$', re.M)
OUTCOME = re.compile(r'^Test (Passed|Failed|Skipped|Timeout)|^\*\*\*|^Test Not Run', re.M | re.I)
CMOCKA = re.compile(r'^\[\s+(OK|FAILED|ERROR|SKIPPED)\s+\] (\w+)\s*$', re.M)
REASON = re.compile(r'^SKIP: (.+)$', re.M)
LINT = re.compile(r'^lint (\w+): (ok|FAILED|skipped)(?: \((.*)\))?', re.M)
EXPECTED = 'tests/expected_skips.txt'


class Counts:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add_to(self, other):
        other.passed += self.passed
        other.failed += self.failed
        other.skipped += self.skipped


def count_program(name, text, counts):
    """One ctest entry: its cmocka functions, or itself."""
    passed = re.search(r'^Test (Passed\.|Pass Reason:)', text, re.M) is not None
    skipped = re.search(r'^Test Skipped|SKIP_RETURN_CODE|\*\*\*Skipped', text, re.M) is not None
    reasons = REASON.findall(text)
    results = {}
    for kind, function in CMOCKA.findall(text):
        results[function] = kind # a failed one is named again in cmocka's own summary
    if skipped and not passed:
        counts.skipped.append(f'{name}: {"; ".join(reasons) or "no reason given"}')
        return
    for function, kind in results.items():
        if kind == 'OK':
            counts.passed += 1
        elif kind == 'SKIPPED':
            short = function.removeprefix('test_')
            reason = [r for r in reasons if r.startswith((function + ':', short + ':'))] or reasons
            counts.skipped.append(f'{name}/{function}: {reason[0] if reason else "no reason given"}')
        else:
            counts.failed.append(f'{name}/{function}')
    if not passed and 'FAILED' not in results.values() and 'ERROR' not in results.values():
        counts.failed.append(f'{name} (crashed, timed out or was not built)')
    elif not results:
        if reasons:
            counts.skipped.extend(f'{name}: {reason}' for reason in reasons)
        counts.passed += 1


def count_ctest(path):
    counts = Counts()
    text = open(path, encoding='utf-8', errors='replace').read()
    parts = SECTION.split(text)
    for name, body in zip(parts[1::2], parts[2::2]):
        count_program(name.strip(), body, counts)
    return counts


def count_pytest(path):
    counts = Counts()
    for case in ElementTree.parse(path).iter('testcase'):
        name = f'{case.get("classname", "").split(".")[-1]}::{case.get("name")}'
        skipped = case.find('skipped')
        if case.find('failure') is not None or case.find('error') is not None:
            counts.failed.append(name)
        elif skipped is not None:
            counts.skipped.append(f'{name}: {skipped.get("message") or "no reason given"}')
        else:
            counts.passed += 1
    return counts


def count_lint(path):
    counts = Counts()
    for name, outcome, reason in LINT.findall(open(path, encoding='utf-8').read()):
        if outcome == 'ok':
            counts.passed += 1
        elif outcome == 'skipped':
            counts.skipped.append(f'lint {name}: {reason}')
        else:
            counts.failed.append(f'lint {name}')
    return counts


def stage_counts(folder, name, status, last):
    """What a stage says of itself, or the stage as one check."""
    for pattern, count in (('%s.txt', count_ctest), ('%s.xml', count_pytest)):
        path = os.path.join(folder, pattern % name)
        if os.path.exists(path):
            counts = count(path)
            break
    else:
        counts = Counts()
        if name == 'lint':
            counts = count_lint(os.path.join(folder, 'lint.log'))
        elif status == 77:
            counts.skipped.append(f'{name}: {last}')
        elif status == 0:
            counts.passed = 1
    # pytest's 5 means that it found no test, which is a failure here too.
    if status not in (0, 77) and not counts.failed:
        counts.failed.append(f'{name} (exit {status})')
    return counts


def unexpected(skipped):
    try:
        lines = open(EXPECTED, encoding='utf-8').read().splitlines()
    except FileNotFoundError:
        return skipped
    allowed = [re.compile(line) for line in lines if line and not line.startswith('#')]
    return [entry for entry in skipped if not any(rule.search(entry) for rule in allowed)]


def main(folder):
    total = Counts()
    rows = []
    with open(os.path.join(folder, 'stages.txt'), encoding='utf-8') as stages:
        for line in stages:
            name, status, last = line.rstrip('\n').split('\t', 2)
            counts = stage_counts(folder, name, int(status), last)
            rows.append((name, counts))
            counts.add_to(total)
    for name, counts in rows:
        print(f'{name:16} {counts.passed:5} passed {len(counts.failed):4} failed '
              f'{len(counts.skipped):4} skipped')
    if total.skipped:
        print('\nskipped:')
        for entry in dict.fromkeys(total.skipped):
            print(f'  {entry}')
    if os.environ.get('CI') == 'true':
        total.failed += [f'unexpected skip: {entry}'
                         for entry in dict.fromkeys(unexpected(total.skipped))]
    if total.failed:
        print('\nfailed:')
        for entry in total.failed:
            print(f'  {entry}')
    print(f'\n{total.passed} passed, {len(total.failed)} failed, {len(total.skipped)} skipped')
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    sys.exit(main(sys.argv[1]))
