#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From nothing to text: installs what is missing, builds, and takes the demo model through
# inspect, convert, verify and infer with FP8 and BF16 weights.
#
#   scripts/demo.sh [DIR]     DIR: an FP8 checkpoint; models/demo unless given
set -eu
cd "$(dirname "$0")/.."

model=${1:-models/demo}
story="Tell me a story about a dog and a ball."

# shellcheck source=scripts/setup_env.sh
. scripts/setup_env.sh
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" | tail -n 1
octet=build/release/src/cli/octet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }

say "octet inspect $model"
"$octet" inspect "$model"

say "octet convert $model OUT"
"$octet" convert "$model" "$work/bf16"

say "octet verify $model --converted OUT"
"$octet" verify "$model" --converted "$work/bf16"

say "octet infer $model --chat --prompt \"$story\""
"$octet" infer "$model" --chat --prompt "$story" --max-tokens 200

for prompt in "Explain the concept of derivatives in simple terms" \
    "What is the capital of France?" \
    "Write a Python function to compute the factorial of a number"; do
    say "octet infer $model --chat --quiet --prompt \"$prompt\""
    "$octet" infer "$model" --chat --quiet --prompt "$prompt"
done

# The same story three times: FP8 kept, BF16 made while loading, BF16 from the converted directory.
run() { # FILE DIRECTORY WEIGHT-DTYPE TITLE
    "$octet" infer "$2" --weight-dtype "$3" --chat --prompt "$story" --max-tokens 200 --json \
        >"$work/$1.json" 2>"$work/$1.log"
    sed -n 's/.*"token_ids": *\[\([^]]*\)\].*/\1/p' "$work/$1.json" | tr -d ' ' >"$work/$1.ids"
    printf '%-30s %s\n' "$4" "$(tail -n 1 "$work/$1.log")"
}

say "FP8 kept, against BF16"
run fp8 "$model" fp8 "FP8 kept"
run loaded "$model" bfloat16 "BF16, made while loading"
run converted "$work/bf16" bfloat16 "BF16, from OUT"

if cmp -s "$work/loaded.ids" "$work/converted.ids"; then
    echo "BF16 from $model and from OUT: identical ids"
else
    echo "BF16 from $model and from OUT: ids DIFFER" >&2
    exit 1
fi
awk '
    NR == FNR { n = split($0, fp8, ","); next }
    { m = split($0, bf16, ",")
      for (i = 1; i <= n && i <= m && fp8[i] == bf16[i]; i++) ;
      if (i > n && i > m) print "FP8 and BF16: identical ids (" n " tokens)"
      else print "FP8 and BF16 part at token " i ": id " fp8[i] " against " bf16[i] \
                 " (each BF16 weight was rounded once, the FP8 ones never)" }
' "$work/fp8.ids" "$work/converted.ids"
