#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_baseline.sh BUILD_DIR: outside the instruction-set files no object uses a register wider than
# 128 bits (such code would run on processors that lack them), and the instruction-set files export
# nothing but their fill functions (an inline function that they emit could be linked elsewhere).
set -eu
build=$1
if ! command -v objdump >/dev/null 2>&1 || ! command -v nm >/dev/null 2>&1; then
    echo "SKIP: kernels_baseline: no objdump"
    exit 77
fi
bad=0
count=0
# The build names these files: no name has a blank in it.
# shellcheck disable=SC2044
for object in $(find "$build/src" -path '*/room_*' -name '*.o'); do
    count=$((count + 1))
    case $object in
    */kernels/*/x86/select_x86.c.o) ;;
    */kernels/*/x86/*)
        others=$(nm --defined-only --extern-only "$object" | grep -v ' kernels_[a-z0-9_]*$' | grep ' [TDBRWV] ' || true)
        if [ -n "$others" ]; then
            echo "FAIL: $object exports: $others"
            bad=1
        fi
        continue
        ;;
    esac
    if objdump -d "$object" | grep -qE '%(ymm|zmm|tmm)[0-9]'; then
        echo "FAIL: $object uses wide registers"
        bad=1
    fi
done
echo "$count objects"
[ "$count" -gt 0 ] && exit "$bad"
