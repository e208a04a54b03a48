#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests octet.
#
#   scripts/test.sh          release build, unit tests, command-line tests: minutes
#   scripts/test.sh --all    and sanitizers, fuzzing, aarch64 under qemu, lints: what CI runs
#
# The last line has the counts; skipped tests are named above it. Exit 1 if anything failed.
# Logs are left in build/test-logs/.
set -u
cd "$(dirname "$0")/.." || exit 1

all=no
case "${1:-}" in
'') ;;
--all) all=yes ;;
*)
    echo "usage: scripts/test.sh [--all]" >&2
    exit 2
    ;;
esac

jobs=$(nproc)
logs=build/test-logs
rm -rf $logs
mkdir -p $logs
export NO_COLOR=1

# stage NAME COMMAND...: runs it with its output in a log; the end of the log is shown on failure.
# What it did is one line of stages.txt, which the summary counts.
stage() {
    local name=$1 start=$SECONDS status
    shift
    printf '== %s\n' "$name"
    "$@" >"$logs/$name.log" 2>&1 </dev/null
    status=$?
    case $status in
    0) echo "   ok, $((SECONDS - start)) s" ;;
    77) echo "   skipped: $(tail -1 "$logs/$name.log")" ;;
    *)
        tail -n 60 "$logs/$name.log"
        echo "   FAILED ($status), $((SECONDS - start)) s; all of it: $logs/$name.log"
        ;;
    esac
    printf '%s\t%s\t%s\n' "$name" "$status" "$(tail -1 "$logs/$name.log")" >>$logs/stages.txt
    return $status
}

build() {
    cmake --preset "$1" -DOCTET_WERROR=ON && cmake --build --preset "$1" -j "$jobs"
}

# ctest's own log has what every test printed; the summary counts from it.
run_ctest() {
    local preset=$1 status
    shift
    ctest --test-dir "build/$preset" --output-on-failure --timeout 900 -j "$jobs" "$@"
    status=$?
    cp "build/$preset/Testing/Temporary/LastTest.log" "$logs/ctest-$preset.txt"
    return $status
}

# The first Python that has the test tools: the one that scripts/setup_env.sh --all made, else one of
# the system's, where a version manager's may shadow the distribution's.
find_python() {
    local candidate
    for candidate in build/test-venv/bin/python python3 /usr/bin/python3; do
        if "$candidate" -c 'import pytest, pexpect' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo python3
}

# run_pytest PRESET FOLDER ARGUMENT...: the tests in tests/FOLDER.
run_pytest() {
    local preset=$1 folder=$2
    shift 2
    OCTET_BIN=$PWD/build/$preset/src/cli/octet "$(find_python)" -m pytest "tests/$folder" -q -ra \
        -p no:cacheprovider --junitxml="$logs/$folder-$preset.xml" "$@"
}

# pytests PRESET "FOLDER..." ARGUMENT...: a stage for each of the folders.
pytests() {
    local preset=$1 folders=$2 folder
    shift 2
    for folder in $folders; do
        [ ! -d "tests/$folder" ] || stage "$folder-$preset" run_pytest "$preset" "$folder" "$@"
    done
}

# Not detect_stack_use_after_return: gcc places such frames at 32 bytes, and AVX-512 code stores to
# its frame at 64.
sanitized() {
    UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1 "$@"
}

can_fuzz() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' |
        clang -fsanitize=fuzzer,address -x c - -o "$logs/can_fuzz" >/dev/null 2>&1
}

# fuzz_target FILE: for a while, from its corpus; the corpus in the tree is not written to.
fuzz_target() {
    local name=${1##*/fuzz_}
    mkdir -p "$logs/fuzz/$name"
    if "$1" -max_total_time="${OCTET_FUZZ_SECONDS:-20}" -timeout=20 -rss_limit_mb=2048 \
        -max_len=65536 -artifact_prefix="$logs/fuzz/$name-" "$logs/fuzz/$name" \
        "tests/fuzz/corpus/$name" >"$logs/fuzz/$name.log" 2>&1; then
        grep -E '^Done' "$logs/fuzz/$name.log" | sed "s/^/fuzz $name: /"
    else
        tail -40 "$logs/fuzz/$name.log"
        echo "fuzz $name: FAILED"
        return 1
    fi
}

# Every target, one a processor at a time.
run_fuzzers() {
    can_fuzz || { echo "no clang with libFuzzer"; return 77; }
    cmake --preset fuzz && cmake --build --preset fuzz -j "$jobs" --target fuzzers || return 1
    local target running=0 failed=0
    for target in build/fuzz/tests/fuzz/fuzz_*; do
        if [ ! -x "$target" ] || [ ! -f "$target" ]; then
            continue
        fi
        if [ $running -ge "$jobs" ]; then
            wait -n || failed=1
            running=$((running - 1))
        fi
        fuzz_target "$target" &
        running=$((running + 1))
    done
    while [ $running -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    return $failed
}

run_aarch64() {
    local script=tests/kernels/run_aarch64.sh
    [ -f $script ] || { echo "$script is missing"; return 77; }
    bash $script
}

if [ $all = yes ]; then
    stage setup sh scripts/setup_env.sh --all || exit 1
else
    stage setup sh scripts/setup_env.sh || exit 1
fi

# Nothing else makes sense without the release build.
if stage build-release build release; then
    stage ctest-release run_ctest release
    pytests release 'cli server page deploy'
    if [ $all = yes ]; then
        stage lint bash scripts/lint.sh
        if stage build-asan build asan; then
            # The real model's weights take minutes here and reach no other code.
            stage ctest-asan sanitized run_ctest asan -E smollm2
            sanitized pytests asan 'cli server' -m 'not slow'
        fi
        if stage build-tsan build tsan; then
            stage ctest-tsan sanitized run_ctest tsan \
                -R 'parallel|backend|engine|runtime|sim|server|grammar|client'
            sanitized pytests tsan server -m 'not slow' -k 'robustness or protocol'
        fi
        stage fuzz run_fuzzers
        stage aarch64 run_aarch64
    fi
fi

echo
python3 tools/test_summary.py $logs
