# SPDX-License-Identifier: Apache-2.0
"""The demo model against what Hugging Face computes from the same weights (tests/golden/demo)."""
import array
import json
import math

import pytest
from conftest import ROOT

GOLDEN = ROOT / "tests/golden/demo"
CASES = json.loads((GOLDEN / "greedy.json").read_text())


def rows(result):
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def test_token_ids(octet, demo):
    golden = [json.loads(line) for line in (GOLDEN / "tokens.jsonl").read_text().split("\n") if line]
    lines = "".join(json.dumps({"text": row["text"]}) + "\n" for row in golden)
    found = rows(octet.ok("tokenize", demo, "--jsonl", stdin=lines))
    assert [row["ids"] for row in found] == [row["ids"] for row in golden]


@pytest.mark.parametrize("flags, noise", [
    (["--dtype", "float32"], 1e-3),
    (["--weight-dtype", "fp8"], 0.5),
    (["--weight-dtype", "bfloat16"], 0.5),
])
def test_greedy_ids_where_the_margin_exceeds_the_noise(octet, demo, flags, noise):
    """Ids are compared up to the first step at which another rounding may choose otherwise."""
    compared = 0
    for case in CASES["cases"]:
        result = json.loads(octet.ok("infer", demo, "--prompt", case["prompt"], "--json", "--max-tokens",
                                     len(case["ids"]), *flags).stdout)
        sure = next((i for i, margin in enumerate(case["margins"]) if margin < noise),
                    len(case["ids"]))
        assert result["token_ids"][:sure] == case["ids"][:sure], case["text"]
        compared += sure
    assert compared > 300


@pytest.mark.parametrize("name, index", [("chat_france", 0), ("plain_lily", -1)])
def test_logits_in_float32(octet, demo, tmp_path, name, index):
    ids = CASES["cases"][index]["prompt_ids"]
    octet.ok("logits", demo, "--dtype", "float32", "--ids", ",".join(map(str, ids)), "--out",
             tmp_path / "logits.f32")
    expected, found = array.array("f"), array.array("f")
    expected.frombytes((GOLDEN / f"{name}.f32.bin").read_bytes())
    found.frombytes((tmp_path / "logits.f32").read_bytes()[-len(expected) * 4:])
    distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(expected, found)))
    assert distance / math.sqrt(sum(a * a for a in expected)) < 1e-5
