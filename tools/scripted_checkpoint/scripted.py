#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint whose greedy decoding says a given text, to test a server end to end.

    scripted.py OUT [--say NAME=TEXT]... [--scripts FILE.json] [--layers N] [--intermediate N]
                [--context N] [--seed N]

The model is a Qwen3 of one layer (FP8 with 128 x 128 block scales, untied BF16 head). A prompt that
has the token <|say:NAME|> makes it say the script NAME and end with <|im_end|>; the chat template
moves the last such mark of the messages in front of the answer. Without one it says "default".

How it works. Every token t has a random sign vector e(t), every script k a Walsh vector s(k), which
are orthogonal. The one attention head finds the mark (only marks have keys along the queries) and
adds s(k) to the residual stream. The head's row of a token u is the sum of e(t) of the tokens t
that u follows, and of s(k) of the scripts that it is part of: the right successor has both, others
at most one. Tokens that follow many others (<|im_end|>, </think>) read a dimension of their own.
Only tags are in several scripts, once in each at most; other pieces are cut so that all differ.
A script that has <think> must begin with it.
Further layers (--layers) hold zeros: they cost time and change nothing.

Values are signs and small powers of two, exact in FP8 and BF16. Nothing but Python is needed.
"""
import argparse
import json
import pathlib
import random
import struct

SIGNS, WALSH, FLAGS = 512, 128, 384
HIDDEN = SIGNS + WALSH + FLAGS  # in this order
BIAS, IS_MARK, FLAG0 = SIGNS + WALSH, SIGNS + WALSH + 1, SIGNS + WALSH + 2
HEAD_DIM = 128
CROWD = 6  # the sums of more sign vectors than this are too noisy
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
# What a successor, one that reads its own dimension, and a member of the script score.
FOLLOW, FLAGGED, MEMBER = 1.0, 0.85, 0.4
SCORE = 60.0               # logits of FOLLOW: the wrong tokens are 9 nats below or more

TEMPLATE = """\
{%- set ns = namespace(mark='') %}
{%- for message in messages %}
    {%- if message.content is string and '<|say:' in message.content %}
        {%- set ns.mark = '<|say:' + message.content.split('<|say:')[-1].split('|>')[0] + '|>' %}
    {%- endif %}
{%- endfor %}
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- 'Tools:\\n' }}
    {%- for tool in tools %}
        {{- tool | tojson }}
        {{- '\\n' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content.split('<|say:')[0] %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if message.reasoning_content is string %}
            {{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- content }}
        {%- if message.tool_calls %}
            {%- for call in message.tool_calls %}
                {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
                {%- if call.function.arguments is string %}
                    {{- call.function.arguments }}
                {%- else %}
                    {{- call.function.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + content + '\\n</tool_response><|im_end|>\\n' }}
    {%- elif message.role != 'system' %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- ns.mark + '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- elif open_thinking is defined and open_thinking %}
        {{- '<think>\\n' }}
    {%- endif %}
{%- endif %}"""


def byte_letters():
    """The letters that byte-level BPE writes bytes with: printable Latin-1 bytes stand for
    themselves, the others for the code points from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, following = {}, 256
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(following)
            following += 1
    return letters


LETTERS = byte_letters()


def bfloat(value):
    """The two bytes of a value that BF16 has exactly or nearly (cut, not rounded)."""
    return struct.pack("<f", value)[2:]


class Pieces:
    """The vocabulary: bytes first, then pieces of scripts, marks, tags and ChatML tokens."""

    def __init__(self, names):
        self.ids = {bytes([byte]): byte for byte in range(256)}
        self.special = CHATML + TAGS + [f"<|say:{name}|>" for name in names]
        self.by_name = {}

    def piece(self, content):
        return self.ids.setdefault(content, len(self.ids))

    def close(self):
        for name in self.special:
            self.by_name[name] = len(self.ids) + len(self.by_name)
        return len(self.ids) + len(self.by_name)


def cut(text, rng, sizes, taken):
    """Pieces of a text: bytes, and tags, which are tokens the first time. No piece is in `taken`,
    to which they are added. sizes: the lengths to draw from, which cut characters in two as well.
    """
    data, out, tags, start = text.encode("utf-8", "surrogatepass"), [], set(), 0
    while start < len(data):
        tag = next((t for t in TAGS if t not in tags and data.startswith(t.encode(), start)), None)
        if tag:
            tags.add(tag)
            out.append(tag)
            start += len(tag)
            continue
        limit = min((place for place in (data.find(t.encode(), start) for t in TAGS
                                         if t not in tags) if place >= 0), default=len(data))
        end = min(start + rng.choice(sizes), limit)
        while data[start:end] in taken and end < limit:
            end += 1
        if data[start:end] in taken:  # no way forward
            if limit < len(data):  # unless the tag ahead is text
                tags.update(t for t in TAGS if data.startswith(t.encode(), limit))
                continue
            while data[start:] in taken:  # else the last piece is longer
                if not out:
                    raise SystemExit(f"scripted: {data!r} is in the scripts twice")
                taken.discard(out[-1])
                start -= len(out.pop())
            end = len(data)
        taken.add(data[start:end])
        out.append(data[start:end])
        start = end
    return out


class Chain:
    """Which token follows which, in which scripts."""

    def __init__(self, scripts, rng, sizes, loops):
        names = sorted(scripts)
        if len(names) > WALSH:
            raise SystemExit(f"scripted: at most {WALSH} scripts, got {len(names)}")
        self.pieces = Pieces(names)
        taken = {b"", b"\n"}  # the latter begins every script
        shortest_first = sorted(names, key=lambda name: (len(scripts[name]), name))
        cuts = {name: cut(scripts[name], rng, sizes, taken) for name in shortest_first}
        for name in names:
            for piece in cuts[name]:
                if isinstance(piece, bytes):
                    self.pieces.piece(piece)
        self.size = self.pieces.close()
        self.before = {}   # successor -> {token before it}
        self.members = {}  # token -> {script's number}
        self.marks = {}
        end = self.pieces.by_name["<|im_end|>"]
        for number, name in enumerate(names):
            ids = [self.pieces.by_name[p] if isinstance(p, str) else self.pieces.ids[p]
                   for p in cuts[name]]
            self.marks[self.pieces.by_name[f"<|say:{name}|>"]] = number
            last = ids[0] if name in loops and ids else end
            starts = [ord("\n"), self.pieces.by_name[f"<|say:{name}|>"], end]
            following = [*ids, last]
            for start in starts:
                self.link(start, following[0], number)
            for token, successor in zip(ids, following[1:]):
                self.link(token, successor, number)
        self.think = self.pieces.by_name["<think>"]
        self.default = names.index("default") if "default" in names else 0

    def link(self, token, successor, number):
        if token != successor:
            self.before.setdefault(successor, set()).add(token)
            self.members.setdefault(successor, set()).add(number)


def walsh(number):
    return [1.0 if bin(number & column).count("1") % 2 == 0 else -1.0 for column in range(WALSH)]


def matrices(chain, rng):
    """Embedding and head as bytes of BF16 rows. Tokens with many predecessors get a dimension."""
    signs = [rng.randbytes(SIGNS) for _ in range(chain.size)]
    negative = bytes(0xBF if byte & 1 else 0x3F for byte in range(256))
    crowded = sorted(token for token, before in chain.before.items() if len(before) > CROWD)
    if len(crowded) > HIDDEN - FLAG0:
        raise SystemExit("scripted: too many tokens follow many others; use longer pieces")
    flags = {token: FLAG0 + i for i, token in enumerate(crowded)}
    embedding, head = bytearray(), bytearray()
    set_flags = {}
    for successor, dimension in flags.items():
        for token in chain.before[successor]:
            set_flags.setdefault(token, []).append(dimension)
    for token in range(chain.size):
        row = [0.0] * HIDDEN
        row[BIAS] = 4.0
        if token in chain.marks:
            row[IS_MARK] = 16.0
            row[SIGNS:SIGNS + WALSH] = walsh(chain.marks[token])
        for dimension in set_flags.get(token, []):
            row[dimension] = 4.0
        packed = bytearray(b"".join(bfloat(value) for value in row))
        packed[0:2 * SIGNS:2] = b"\x80" * SIGNS
        packed[1:2 * SIGNS:2] = signs[token].translate(negative)
        embedding += packed
    for token in range(chain.size):
        head += head_row(chain, token, signs, flags)
    return embedding, head


def head_row(chain, token, signs, flags):
    row = [0.0] * HIDDEN
    before, members = chain.before.get(token, ()), chain.members.get(token, ())
    if token in flags:
        # After the prompt, <think> goes before what other scripts begin with.
        row[flags[token]] = (FLAGGED + 0.1 * (token == chain.think)) / 4.0
    else:
        for other in sorted(before):
            for i, byte in enumerate(signs[other]):
                row[i] += (-FOLLOW if byte & 1 else FOLLOW) / SIGNS
    for number in members:
        for i, sign in enumerate(walsh(number)):
            row[SIGNS + i] += MEMBER * sign / WALSH
    if chain.default in members:
        row[BIAS] = 0.1 * MEMBER / 4.0  # where there is no mark
    return b"".join(bfloat(value) for value in row)


def fp8_matrix(rows, columns, entries):
    """Zeros but for entries {(row, column): code}; and its scales, all one."""
    codes = bytearray(rows * columns)
    for (row, column), code in entries.items():
        codes[row * columns + column] = code
    return codes, struct.pack("<f", 1.0) * (rows // 128 * (columns // 128)), \
        [rows // 128, columns // 128]


ONE, SIXTEEN = 0x38, 0x58  # in E4M3


def layer_tensors(index, intermediate, scripted):
    walsh_part = {(i, SIGNS + i): ONE for i in range(WALSH)}
    slow = HEAD_DIM // 2 - 1  # the pair that turns slowest with the position
    linears = {
        "self_attn.q_proj": (HEAD_DIM, HIDDEN, {(slow, BIAS): ONE}),
        "self_attn.k_proj": (HEAD_DIM, HIDDEN, {(slow, IS_MARK): SIXTEEN, (slow - 1, BIAS): ONE}),
        "self_attn.v_proj": (HEAD_DIM, HIDDEN, walsh_part),
        "self_attn.o_proj": (HIDDEN, HEAD_DIM, {(SIGNS + i, i): ONE for i in range(WALSH)}),
        "mlp.gate_proj": (intermediate, HIDDEN, {}),
        "mlp.up_proj": (intermediate, HIDDEN, {}),
        "mlp.down_proj": (HIDDEN, intermediate, {}),
    }
    for name, (rows, columns, entries) in linears.items():
        codes, scales, grid = fp8_matrix(rows, columns, entries if scripted else {})
        yield f"model.layers.{index}.{name}.weight", "F8_E4M3", [rows, columns], codes
        yield f"model.layers.{index}.{name}.weight_scale_inv", "F32", grid, scales
    for name, width, value in (("input_layernorm", HIDDEN, 1.0),
                               ("post_attention_layernorm", HIDDEN, 1.0),
                               ("self_attn.q_norm", HEAD_DIM, 2.0),
                               ("self_attn.k_norm", HEAD_DIM, 2.0)):
        yield f"model.layers.{index}.{name}.weight", "BF16", [width], bfloat(value) * width


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_tokenizer(folder, chain, context):
    pieces = chain.pieces
    vocab = {"".join(LETTERS[byte] for byte in piece): number
             for piece, number in pieces.ids.items()}
    added = [{"id": number, "content": name, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": name not in TAGS}
             for name, number in pieces.by_name.items()]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
                  "use_regex": False}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": r"\p{N}| ?\p{L}+|[^\s\p{L}\p{N}]+|\s+"},
             "behavior": "Isolated", "invert": False}, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": []},
    }))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_prefix_space": False, "bos_token": None,
        "added_tokens_decoder": {str(a["id"]): {k: v for k, v in a.items() if k != "id"}
                                 for a in added},
        "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "model_max_length": context,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None}))


def write_checkpoint(folder, scripts, layers=1, intermediate=128, context=32768, seed=1,
                     sizes=(1, 2, 3, 5, 8), loops=()):
    """Write a checkpoint into `folder`.

    scripts: {name: text}; sizes: lengths of pieces in bytes, drawn at random; loops: the names of
    scripts that begin again at their end and never stop.
    """
    if intermediate % 128:
        raise SystemExit("scripted: --intermediate is a multiple of 128")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    chain = Chain(scripts, rng, sizes, loops)
    embedding, head = matrices(chain, rng)
    # The residual stream of a token has SIGNS signs, the bias and the script's vector.
    rms = ((SIGNS + WALSH + 16.0) / HIDDEN) ** 0.5
    tensors = [("model.embed_tokens.weight", "BF16", [chain.size, HIDDEN], embedding),
               ("lm_head.weight", "BF16", [chain.size, HIDDEN], head),
               ("model.norm.weight", "BF16", [HIDDEN], bfloat(SCORE * rms) * HIDDEN)]
    for index in range(layers):
        tensors += layer_tensors(index, intermediate, index == 0)
    write_safetensors(folder / "model.safetensors", tensors)
    write_tokenizer(folder, chain, context)
    end, text_end = (chain.pieces.by_name[name] for name in ("<|im_end|>", "<|endoftext|>"))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False,
        "bos_token_id": text_end, "eos_token_id": end, "head_dim": HEAD_DIM, "hidden_act": "silu",
        "hidden_size": HIDDEN, "intermediate_size": intermediate,
        "max_position_embeddings": context, "num_attention_heads": 1, "num_key_value_heads": 1,
        "num_hidden_layers": layers, "rms_norm_eps": 1e-06, "rope_scaling": None,
        "rope_theta": 1000000.0, "sliding_window": None, "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": chain.size,
        "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3",
                                "quant_method": "fp8", "weight_block_size": [128, 128]}}))
    (folder / "generation_config.json").write_text(json.dumps({
        "do_sample": False, "eos_token_id": [end, text_end], "pad_token_id": text_end}))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--say", action="append", default=[], metavar="NAME=TEXT")
    parser.add_argument("--scripts", help='a JSON file, {"name": "text"}')
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--intermediate", type=int, default=128)
    parser.add_argument("--context", type=int, default=32768)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    scripts = json.loads(pathlib.Path(args.scripts).read_text()) if args.scripts else {}
    scripts.update(entry.split("=", 1) for entry in args.say)
    scripts.setdefault("default", "I have nothing to say.")
    write_checkpoint(args.out, scripts, args.layers, args.intermediate, args.context, args.seed)


if __name__ == "__main__":
    main()
