#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/model: a tiny seeded Qwen3 FP8 checkpoint and its logits in float64.

    tools/golden_model/make.py OUT [--transformers]

Needs numpy alone. The forward pass below is the definition that octet is held against; with
--transformers the same checkpoint also runs in Hugging Face transformers, in float64 to check this
script and in BF16 to learn how far BF16 strays, which summary.json then records.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

SEED = 20260914
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 136,
    "intermediate_size": 132,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 128,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "attention_bias": False,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "quantization_config": {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [128, 128],
    },
}
TOKENS = 48


def bf16_bits(x):
    """float32 -> BF16 bits, nearest even."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def bf16_value(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def e4m3_table():
    codes = np.arange(127)
    exponent, mantissa = codes >> 3, codes & 7
    return np.where(exponent == 0, mantissa * 2.0**-9, (8 + mantissa) * 2.0 ** (exponent - 10.0))


def e4m3_codes(x):
    """Nearest finite code of |x| <= 448, ties to the even code."""
    table = e4m3_table()
    high = np.clip(np.searchsorted(table, np.abs(x)), 1, 126)
    below, above = np.abs(x) - table[high - 1], table[high] - np.abs(x)
    up = (above < below) | ((above == below) & (high % 2 == 0))
    code = np.where(up, high, high - 1).astype(np.uint8)
    return code | (np.signbit(x).astype(np.uint8) << 7)


def quantise(w):
    """w -> codes, BF16 scale bits [grid], and the exact product in float64."""
    rows, cols = w.shape
    grid = np.zeros((-(-rows // 128), -(-cols // 128)), np.uint16)
    codes, value = np.zeros(w.shape, np.uint8), np.zeros(w.shape)
    table = np.concatenate([e4m3_table(), [np.nan]])
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            block = np.s_[i * 128 : (i + 1) * 128, j * 128 : (j + 1) * 128]
            grid[i, j] = bf16_bits(np.float32(np.abs(w[block]).max() / 440.0))
            scale = float(bf16_value(grid[i : i + 1, j])[0])
            codes[block] = e4m3_codes(w[block] / scale)
            sign = np.where(codes[block] & 0x80, -1.0, 1.0)
            value[block] = sign * table[codes[block] & 0x7F] * scale
    return codes, grid, value


def make_weights():
    rng = np.random.default_rng(SEED)
    c = CONFIG
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    q, kv = c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    tensors, values = {}, {}

    def plain(name, x):
        tensors[name] = ("BF16", bf16_bits(x))
        values[name] = bf16_value(tensors[name][1]).astype(np.float64)

    def fp8(name, rows, cols):
        codes, scales, value = quantise(rng.normal(0, 1.4 / np.sqrt(cols), (rows, cols)))
        tensors[name + ".weight"] = ("F8_E4M3", codes)
        tensors[name + ".weight_scale_inv"] = ("BF16", scales)
        values[name + ".weight"] = value

    plain("model.embed_tokens.weight", rng.normal(0, 1, (c["vocab_size"], hidden)))
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        plain(p + "input_layernorm.weight", 1 + 0.2 * rng.normal(size=hidden))
        plain(p + "post_attention_layernorm.weight", 1 + 0.2 * rng.normal(size=hidden))
        plain(p + "self_attn.q_norm.weight", 1 + 0.2 * rng.normal(size=c["head_dim"]))
        plain(p + "self_attn.k_norm.weight", 1 + 0.2 * rng.normal(size=c["head_dim"]))
        fp8(p + "self_attn.q_proj", q, hidden)
        fp8(p + "self_attn.k_proj", kv, hidden)
        fp8(p + "self_attn.v_proj", kv, hidden)
        fp8(p + "self_attn.o_proj", hidden, q)
        fp8(p + "mlp.gate_proj", inner, hidden)
        fp8(p + "mlp.up_proj", inner, hidden)
        fp8(p + "mlp.down_proj", hidden, inner)
    plain("model.norm.weight", 0.3 * (1 + 0.2 * rng.normal(size=hidden)))
    return tensors, values


def forward(w, ids):
    c = CONFIG
    n, group = c["head_dim"], c["num_attention_heads"] // c["num_key_value_heads"]
    inverse = c["rope_theta"] ** (-np.arange(0, n, 2) / n)
    angle = np.arange(len(ids))[:, None] * inverse
    cos, sin = np.tile(np.cos(angle), 2)[:, None], np.tile(np.sin(angle), 2)[:, None]

    def norm(x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * weight

    def rope(x):
        return x * cos + np.concatenate([-x[..., n // 2 :], x[..., : n // 2]], -1) * sin

    x = w["model.embed_tokens.weight"][ids]
    mask = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        h = norm(x, w[p + "input_layernorm.weight"])
        q, k, v = (
            (h @ w[p + f"self_attn.{name}_proj.weight"].T).reshape(len(ids), -1, n) for name in "qkv"
        )
        q = rope(norm(q, w[p + "self_attn.q_norm.weight"]))
        k = rope(norm(k, w[p + "self_attn.k_norm.weight"]))
        k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(n) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        attended = np.einsum("hts,shd->thd", scores, v).reshape(len(ids), -1)
        x = x + attended @ w[p + "self_attn.o_proj.weight"].T
        h = norm(x, w[p + "post_attention_layernorm.weight"])
        gate, up = h @ w[p + "mlp.gate_proj.weight"].T, h @ w[p + "mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[p + "mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(data.shape),
            "data_offsets": [offset, offset + data.nbytes],
        }
        offset += data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, data in tensors.values():
            f.write(data.tobytes())


def run_transformers(values, ids, dtype):
    import torch
    import transformers

    config = {k: v for k, v in CONFIG.items() if k != "quantization_config"}
    config["attn_implementation"] = "eager"
    model = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**config)).to(torch.float64)
    state = {k: torch.tensor(v.astype(np.float32), dtype=torch.float64) for k, v in values.items()}
    model.load_state_dict(state, strict=False)
    model.tie_weights()
    with torch.no_grad():
        out = model.to(dtype)(torch.tensor([ids.tolist()])).logits[0]
    return out.to(torch.float64).numpy()


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def deviation(found, truth):
    p, q = log_softmax(truth), log_softmax(found)
    return {
        "relative_l2": float(np.sqrt(((found - truth) ** 2).sum() / (truth**2).sum())),
        "kl_mean": float((np.exp(p) * (p - q)).sum(-1).mean()),
        "top1": float((found.argmax(-1) == truth.argmax(-1)).mean()),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--transformers", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tensors, values = make_weights()
    ids = np.random.default_rng(SEED + 1).integers(0, CONFIG["vocab_size"], TOKENS)
    logits = forward(values, ids)
    (args.out / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    write_safetensors(args.out / "model.safetensors", tensors)
    (args.out / "ids.json").write_text(json.dumps(ids.tolist()) + "\n")
    logits.astype("<f8").tofile(args.out / "logits.f64.bin")
    if args.transformers:
        import torch

        summary = {
            "float64": deviation(run_transformers(values, ids, torch.float64), logits),
            "bf16": deviation(run_transformers(values, ids, torch.bfloat16), logits),
        }
        print(json.dumps(summary, indent=1))
        (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
