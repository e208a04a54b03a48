#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-compiles the kernels and their checker for AArch64 and runs it under qemu-user.
# Usage: tests/kernels/run_aarch64.sh [ROUNDS]. Exit 77 when a tool is missing.
set -eu
cd "$(dirname "$0")/../.."
cc=aarch64-linux-gnu-gcc
for tool in "$cc" qemu-aarch64; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "SKIP: kernels_aarch64: no $tool (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        exit 77
    fi
done
out=build/aarch64
mkdir -p "$out"
"$cc" -std=c11 -D_GNU_SOURCE -O2 -ffp-contract=off -fno-math-errno -Wall -Wextra -Wconversion \
    -Wshadow -Werror -static -DOCTET_VERSION='"aarch64"' -Isrc -Iinclude \
    src/kernels/kernels.c src/kernels/ref/*.c src/kernels/arm/*.c src/numeric/*.c \
    src/cpu/features.c src/base/clock.c src/base/rng.c src/base/status.c src/base/utf8.c src/base/buffer.c \
    tests/kernels/*.c -lm -o "$out/kernel_checker"
qemu-aarch64 "$out/kernel_checker" --level scalar --rounds "${1:-10}"
qemu-aarch64 "$out/kernel_checker" --level neon --rounds "${1:-10}"
