#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every check that reads the code instead of running it. Needs the release build (its compile
# commands, objects and libraries).
#
#   scripts/lint.sh             all checks
#   scripts/lint.sh NAME...     some of them: format tidy layers lengths banned baseline symbols
#                               shell commits
#
# One line a check, "lint NAME: ok|FAILED|skipped (...)"; exit 1 if any failed.
set -u
cd "$(dirname "$0")/.." || exit 1

build=build/release
jobs=$(nproc)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

have() {
    command -v "$1" >/dev/null 2>&1
}

# files SUFFIX...: the tracked files, or all of them where there is no repository.
files() {
    local suffix
    for suffix in "$@"; do
        if git rev-parse --git-dir >/dev/null 2>&1; then
            git ls-files -- "*$suffix"
        else
            find src tests include tools scripts -type f -name "*$suffix"
        fi
    done
}

# Each check writes what is wrong and returns 1; 77 means that it could not run.
check_format() {
    have clang-format || { echo "clang-format is not installed"; return 77; }
    # Versions differ in places, and the tree can follow one only.
    clang-format --version | grep -q 'version 14\.' ||
        { echo "the tree is formatted with clang-format 14"; return 77; }
    files .c .h | xargs -r -P "$jobs" -n 20 clang-format --dry-run -Werror --ferror-limit=3
}

check_tidy() {
    have clang-tidy || { echo "clang-tidy is not installed"; return 77; }
    [ -f $build/compile_commands.json ] || { echo "$build/compile_commands.json is missing"; return 1; }
    python3 - $build/compile_commands.json <<'PY' | xargs -P "$jobs" -n 2 clang-tidy -p $build --quiet \
        --extra-arg=-Wno-unknown-warning-option 2>&1 | grep -vE '^[0-9]+ warnings? (generated|and)'
import json, os, sys
root = os.path.join(os.getcwd(), 'src') + os.sep
names = {os.path.join(e['directory'], e['file']) for e in json.load(open(sys.argv[1]))}
print('\n'.join(sorted(name for name in names if name.startswith(root))))
PY
    [ "${PIPESTATUS[1]}" = 0 ]
}

check_layers() {
    python3 tools/check_layers.py tools/layers.txt src
}

check_lengths() {
    have ctags || { echo "universal-ctags is not installed"; return 77; }
    python3 tools/check_lengths.py src
}

check_banned() {
    python3 tools/check_banned.py src
}

# The instruction sets of newer processors stay in the files that are called only after a probe.
check_baseline() {
    case $(uname -m) in x86_64) ;; *) echo "not an x86-64 machine"; return 77 ;; esac
    local objects object found=0
    objects=$(find $build/src -path '*.dir/*' -name '*.o' | grep -v '/x86/')
    [ -n "$objects" ] || { echo "no objects below $build/src: build first"; return 1; }
    for object in $objects; do
        if objdump -d --no-show-raw-insn "$object" | grep -m 3 -E '%(ymm|zmm|tmm)[0-9]'; then
            echo "$object: uses registers that the baseline does not have"
            found=1
        fi
    done
    return $found
}

# A program that links liboctet must meet no name of ours but octet_*.
check_symbols() {
    local problem=0 library
    for library in $build/src/liboctet.so $build/src/liboctet.a; do
        [ -f $library ] || { echo "$library is missing: build first"; return 1; }
    done
    nm -D --defined-only $build/src/liboctet.so >"$log.so"
    nm -g --defined-only $build/src/liboctet.a >"$log.a"
    for library in so a; do
        grep -q ' T octet_version$' "$log.$library" ||
            { echo "liboctet.$library does not define octet_version"; problem=1; }
        awk 'NF == 3 && $3 !~ /^octet_/ { print "liboctet.'$library' exports " $3; bad = 1 }
             END { exit bad }' "$log.$library" || problem=1
    done
    rm -f "$log.so" "$log.a"
    return $problem
}

check_shell() {
    have shellcheck || { echo "shellcheck is not installed"; return 77; }
    { files .sh; echo .ci/run; } | xargs -r shellcheck -S warning
}

# "area: imperative summary", at most 72 characters, no final full stop.
check_commits() {
    git rev-parse HEAD >/dev/null 2>&1 || { echo "not a git repository"; return 77; }
    git log -100 --no-merges --format='%h %s' | awk '
        { subject = substr($0, length($1) + 2) }
        length(subject) > 72 { print $0 ": longer than 72 characters"; bad = 1 }
        subject !~ /^[a-z0-9][a-z0-9_.\/, -]*: [^ ]/ { print $0 ": does not begin with an area"; bad = 1 }
        subject ~ /\.$/ { print $0 ": ends in a full stop"; bad = 1 }
        END { exit bad }'
}

failed=0
for name in "${@:-format tidy layers lengths banned baseline symbols shell commits}"; do
    for check in $name; do
        start=$SECONDS
        "check_$check" >"$log" 2>&1
        status=$?
        case $status in
        0) echo "lint $check: ok ($((SECONDS - start)) s)" ;;
        77) echo "lint $check: skipped ($(head -1 "$log"))" ;;
        *)
            grep -E "error|warning" "$log" | head -40 || head -40 "$log"
            echo "lint $check: FAILED"
            failed=1
            ;;
        esac
    done
done
exit $failed
