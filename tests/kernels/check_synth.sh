#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_synth.sh SYNTH OCTET: synth_checkpoint gives the same bytes for the same seed, others for
# another, and what it writes is a checkpoint that `octet inspect` accepts, also with ragged shapes.
set -eu
synth=$1
octet=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$synth" "$dir/a" --preset tiny --seed 7 2>/dev/null
"$synth" "$dir/b" --preset tiny --seed 7 2>/dev/null
"$synth" "$dir/c" --preset tiny --seed 8 2>/dev/null
cmp "$dir/a/model.safetensors" "$dir/b/model.safetensors"
if cmp -s "$dir/a/model.safetensors" "$dir/c/model.safetensors"; then
    echo "FAIL: seed 8 gave the bytes of seed 7"
    exit 1
fi
for scale in bf16 f32 f16; do
    "$synth" "$dir/$scale" --hidden 320 --intermediate 840 --heads 5 --kv-heads 5 --vocab 501 \
        --scale-dtype "$scale" --untied 2>/dev/null
    "$octet" inspect "$dir/$scale" --json >"$dir/$scale.json"
    grep -q '"qwen3"' "$dir/$scale.json" || { cat "$dir/$scale.json"; exit 1; }
done
status=0
"$synth" "$dir/d" --heads 3 2>"$dir/message" || status=$?
[ "$status" = 2 ] && grep -q -- '--kv-heads' "$dir/message"
