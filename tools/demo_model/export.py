# SPDX-License-Identifier: Apache-2.0
"""Writes a training run as a Qwen3-FP8 checkpoint.

    python export.py RUN_FOLDER OUT_FOLDER --corpus CORPUS

Also prints the held-out loss of the float32 weights and of the stored ones.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import data
import model as m
import train

TEMPLATE = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""

# Attention was trained over this many positions; the rest is on trust.
POSITIONS = 1024


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n",
                    encoding="utf-8")


def configs(out, tok):
    end, start, stop = (tok.token_to_id(t)
                        for t in (data.END, data.START, data.STOP))
    c = m.CONFIG
    write_json(out / "config.json", {
        "architectures": ["Qwen3ForCausalLM"], "attention_bias": False,
        "attention_dropout": 0.0, "bos_token_id": end, "eos_token_id": stop,
        "head_dim": c["head_dim"], "hidden_act": "silu",
        "hidden_size": c["hidden_size"], "initializer_range": 0.02,
        "intermediate_size": c["intermediate_size"],
        "max_position_embeddings": POSITIONS,
        "max_window_layers": c["num_hidden_layers"], "model_type": "qwen3",
        "num_attention_heads": c["num_attention_heads"],
        "num_hidden_layers": c["num_hidden_layers"],
        "num_key_value_heads": c["num_key_value_heads"],
        "pad_token_id": end, "quantization_config": {
            "activation_scheme": "dynamic", "fmt": "e4m3",
            "quant_method": "fp8", "weight_block_size": [m.BLOCK, m.BLOCK]},
        "rms_norm_eps": c["rms_norm_eps"], "rope_scaling": None,
        "rope_theta": c["rope_theta"], "sliding_window": None,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers_version": "4.57.6", "use_cache": True,
        "use_sliding_window": False, "vocab_size": c["vocab_size"]})
    write_json(out / "generation_config.json", {
        "bos_token_id": end, "do_sample": True, "eos_token_id": [stop, end],
        "pad_token_id": end, "temperature": 0.7, "top_k": 20, "top_p": 0.8,
        "transformers_version": "4.57.6"})
    write_json(out / "tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": {
            str(i): {"content": t, "lstrip": False, "normalized": False,
                     "rstrip": False, "single_word": False, "special": True}
            for i, t in ((end, data.END), (start, data.START),
                         (stop, data.STOP))},
        "additional_special_tokens": [data.START, data.STOP],
        "bos_token": None, "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False, "eos_token": data.STOP,
        "errors": "replace", "model_max_length": POSITIONS,
        "pad_token": data.END, "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})


def main():
    p = argparse.ArgumentParser()
    p.add_argument("run")
    p.add_argument("out")
    p.add_argument("--corpus", help="measure the held-out loss as well")
    a = p.parse_args()
    torch.set_num_threads(1)
    run, out = Path(a.run), Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    saved = torch.load(run / "last.pt")
    weights = saved["net"]

    tensors = {}
    for name, w in weights.items():
        if m.is_quantised(name):
            codes, scale = m.quantise(w)
            tensors[name] = codes
            tensors[name.replace(".weight", ".weight_scale_inv")] = scale
        else:
            tensors[name] = w.bfloat16().contiguous()
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    tokenizer = json.loads((run / "tokenizer.json").read_text("utf-8"))
    # Spelled as in Qwen's file; the meaning is the same.
    tokenizer["decoder"] = tokenizer["post_processor"]
    tokenizer["model"]["continuing_subword_prefix"] = ""
    tokenizer["model"]["end_of_word_suffix"] = ""
    write_json(out / "tokenizer.json", tokenizer)
    tok = Tokenizer.from_file(str(out / "tokenizer.json"))
    configs(out, tok)
    print("step", saved["step"], "tokens", saved["tokens"], "seconds",
          round(saved["time"]))

    if a.corpus:
        corpus = data.Data(a.corpus)
        stories = [corpus.story(s) for s in corpus.valid]
        answers = [corpus.chat([(q[0], t)]) for q, t in corpus.valid_rasbt]
        net = m.Qwen3()
        net.load_state_dict(weights)
        stored = m.Qwen3()
        stored.load_state_dict({k: m.as_stored(k, w)
                                for k, w in weights.items()})
        for label, texts in (("stories", stories), ("answers", answers)):
            print("held-out", label,
                  "float32 %.4f" % train.held_out(net, tok, texts),
                  "as stored %.4f" % train.held_out(stored, tok, texts))


if __name__ == "__main__":
    main()
