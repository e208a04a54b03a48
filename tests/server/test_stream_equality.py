# SPDX-License-Identifier: Apache-2.0
"""What a stream says, put together, is what the whole answer says: content, reasoning, tool calls,
logprobs and usage, over recorded texts and random ones, cut into tokens of many sizes."""
import pathlib
import random
import sys

import pytest

import harness
import scripted
import scripts_data
from scripts_data import TEXTS, TOOLS, say

sys.path.insert(0, str(pathlib.Path(__file__).parent / "robustness"))

from correctness import compare  # noqa: E402

SIZES = {"bytes": (1,), "mixed": (1, 2, 3, 5, 8), "long": (13, 40)}
FIELDS = [{}, {"tools": TOOLS}, {"tools": TOOLS, "parallel_tool_calls": False},
          {"logprobs": True, "top_logprobs": 3}, {"stop": ["STOP", "。", "}}"]},
          {"tools": TOOLS, "chat_template_kwargs": {"enable_thinking": False}},
          {"chat_template_kwargs": {"open_thinking": True}}, {"max_tokens": 7},
          {"include_reasoning": False}, {"tools": TOOLS, "tool_choice": "none"}]


@pytest.fixture(scope="module", params=SIZES)
def speaker(request, tmp_path_factory, seed):
    """A model that says the recorded texts and 60 random ones."""
    texts = {**TEXTS, **scripts_data.random_texts(60, seed)}
    if request.param == "bytes":  # there are 256 pieces of one byte only: they grow when used
        texts = dict(TEXTS)
    folder = scripted.write_checkpoint(tmp_path_factory.mktemp(request.param), texts, seed=seed,
                                       sizes=SIZES[request.param], loops=scripts_data.LOOPS)
    with harness.Server(folder, "--max-model-len", "4096") as server:
        server.texts = texts
        yield server


def test_chat(speaker, seed):
    rng = random.Random(seed)
    cases = [(name, fields) for name in speaker.texts
             for fields in (FIELDS if name in TEXTS else rng.sample(FIELDS, 2))]
    for name, fields in cases:
        compare(speaker, {"messages": [{"role": "user", "content": f"hello {say(name)}"}],
                          "max_tokens": 250, "temperature": 0, **fields})
    print(f"{len(cases)} requests")
    assert len(cases) >= 200


def test_completions(speaker):
    for name, text in speaker.texts.items():
        body = {"prompt": say(name) + "\n", "max_tokens": 400, "temperature": 0, "logprobs": 2,
                "return_token_ids": True}
        whole = speaker.ok("/v1/completions", body)
        joined = harness.Joined(speaker.stream("/v1/completions", {
            **body, "stream_options": {"include_usage": True}}))
        choice, other = whole["choices"][0], joined.choices[0]
        if name not in scripts_data.LOOPS:
            assert choice["text"] == text, name
        assert (choice["text"], choice["finish_reason"]) == (other["text"], other["finish_reason"])
        for key in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            assert choice["logprobs"][key] == sum((part[key] for part in other["logprobs"]), []), key
        assert joined.usage == whole["usage"] or \
            joined.usage["completion_tokens"] == whole["usage"]["completion_tokens"]
        assert choice["token_ids"] == other["token_ids"], name


def test_demo_model(demo, seed):
    """Text that a trained model makes up, seeded: many choices, penalties, stop strings."""
    rng = random.Random(seed)
    words = ["the", "a little", "fox", "sea", "Once", "and then", "she said", "happy", "tree"]
    for number in range(60):
        compare(demo, {
            "messages": [{"role": "user", "content": " ".join(rng.choices(words, k=8))}],
            "max_tokens": rng.randint(1, 60), "temperature": 0.9, "seed": number,
            "n": rng.choice((1, 1, 2, 3)), "logprobs": rng.random() < 0.5,
            "stop": rng.choice((None, ["."], ["the", "and"]))})
