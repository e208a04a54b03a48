# SPDX-License-Identifier: Apache-2.0
"""Checks an exported checkpoint with Hugging Face and writes golden files.

    python golden.py MODEL_FOLDER GOLDEN_FOLDER

The weights are read back from model.safetensors and dequantised exactly
(code times scale fits a float32), then run in float32 by Qwen3ForCausalLM.
The small model of model.py must give the same greedy ids.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

import model as m

CHAT = ["What is the capital of France?",
        "Explain the concept of derivatives in simple terms",
        "Write a Python function to compute the factorial of a number",
        "Tell me a story about a dog and a ball.",
        "Hello"]
PLAIN = ["What is the capital of France?",
         "Explain the concept of derivatives in simple terms",
         "Write a Python function to compute the factorial of a number",
         "The capital of Japan is",
         "Once upon a time, there was a little girl named Lily."]

STRINGS = [
    "", " ", "  ", "\n", "\n\n", "\t", " \n ", "a", "A", "Hello", "hello world",
    "Hello, world!", "What is the capital of France?",
    "Tell me a story about a dog and a ball.", "Once upon a time, there was",
    "The quick brown fox jumps over the lazy dog.", "I'm you're he'll we've",
    "I'M YOU'RE HE'LL", "don't can't won't it's", "1", "12", "123", "3.14159",
    "1,000,000", "2 + 2 = 4", "x = [1, 2, 3]", "a  b   c    d",
    "trailing space ", "trailing spaces   ", "   leading", "line one\nline two",
    "line one\r\nline two\r\n", "para one\n\npara two", "\ttab\tseparated",
    "def factorial(n):\n    result = 1\n    for i in range(2, n + 1):\n"
    "        result *= i\n    return result",
    "```python\nprint(\"hi\")\n```", "if (a == b) { return -1; }",
    "https://example.org/a?b=c&d=e#f", "user@example.org", "snake_case_name",
    "CamelCaseName", "ALL CAPS TEXT", "!!!", "...", "?!?!", "-- dash -- dash",
    "\u2014 em dash \u2013 en dash", "\u201cquoted\u201d \u2018text\u2019",
    "caf\u00e9", "cafe\u0301", "na\u00efve r\u00e9sum\u00e9",
    "\u00c5ngstr\u00f6m A\u030angstro\u0308m", "Stra\u00dfe \u00fcber",
    "\u4f60\u597d\uff0c\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f",
    "\uc548\ub155\ud558\uc138\uc694",
    "\u1112\u1161\u11ab", "\u041f\u0440\u0438\u0432\u0435\u0442",
    "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\U0001f600\U0001f44d\U0001f3fd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a\u00a0b\u2003c",
    "x\u00b2 + y\u00b2 \u2265 z\u00b2", "\u0661\u0662\u0663 \u0967\u0968",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|>", "a<|im_end|>b", "<|im_start", "im_end|>", "<|im_end |>",
    "zero\u0000byte", "\ufeffbom", "antidisestablishmentarianism"]


def dequantised(path):
    stored = load_file(path)
    out = {}
    for name, w in stored.items():
        if name.endswith("_scale_inv"):
            continue
        scale = stored.get(name + "_scale_inv")
        out[name] = w.float() if scale is None else m.dequantise(w, scale)
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("golden")
    p.add_argument("--count", type=int, default=128)
    a = p.parse_args()
    torch.set_num_threads(1)
    folder, golden = Path(a.model), Path(a.golden)
    golden.mkdir(parents=True, exist_ok=True)

    weights = dequantised(folder / "model.safetensors")
    fields = json.loads((folder / "config.json").read_text())
    del fields["quantization_config"]
    fields["torch_dtype"] = "float32"
    config = Qwen3Config(**fields)
    config._attn_implementation = "eager"
    hf = Qwen3ForCausalLM(config).eval()
    missing, extra = hf.load_state_dict(weights, strict=False)
    assert not extra and missing == ["lm_head.weight"], (missing, extra)
    hf.tie_weights()
    own = m.Qwen3()
    own.load_state_dict(weights)

    auto = AutoTokenizer.from_pretrained(folder)
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    stop = json.loads((folder / "generation_config.json").read_text())
    stop = stop["eos_token_id"]

    cases = []
    for kind, texts in (("chat", CHAT), ("plain", PLAIN)):
        for text in texts:
            prompt = text
            if kind == "chat":
                prompt = auto.apply_chat_template(
                    [{"role": "user", "content": text}], tokenize=False,
                    add_generation_prompt=True)
            ids = tok.encode(prompt).ids
            assert ids == auto(prompt)["input_ids"]
            new, margins = [], []
            with torch.no_grad():
                while len(new) < a.count and (not new or new[-1] not in stop):
                    logits = hf(torch.tensor([ids + new])).logits[0, -1]
                    top = logits.topk(2)
                    new.append(int(top.indices[0]))
                    margins.append(round(float(top.values[0] -
                                               top.values[1]), 4))
            assert new == own.greedy(ids, a.count, stop)[0], text
            cases.append({"kind": kind, "text": text, "prompt": prompt,
                          "prompt_ids": ids, "ids": new,
                          "answer": tok.decode(new),
                          "margins": margins, "min_margin": min(margins)})
            print(f"--- {kind}: {text} (least margin {min(margins):.3f})\n"
                  + tok.decode(new))
    (golden / "greedy.json").write_text(json.dumps(
        {"stop": stop, "count": a.count, "cases": cases}, indent=1) + "\n")

    for name, case in (("chat_france", cases[0]), ("plain_lily", cases[-1])):
        with torch.no_grad():
            logits = hf(torch.tensor([case["prompt_ids"]])).logits[0, -1]
        np.asarray(logits, "<f4").tofile(golden / f"{name}.f32.bin")
        print(name, "top", int(logits.argmax()))

    with open(golden / "tokens.jsonl", "w", encoding="utf-8") as f:
        for text in STRINGS:
            ids = tok.encode(text).ids
            f.write(json.dumps({"text": text, "ids": ids}) + "\n")


if __name__ == "__main__":
    main()
