# SPDX-License-Identifier: Apache-2.0
"""A small Qwen3 in PyTorch, with the parameter names of Hugging Face."""
import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(vocab_size=4096, hidden_size=256, intermediate_size=768,
              num_hidden_layers=6, num_attention_heads=4,
              num_key_value_heads=2, head_dim=64, rope_theta=10000.0,
              rms_norm_eps=1e-6)

BLOCK = 128           # quantisation block, rows and columns
E4M3_MAX = 448.0


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x * scale * self.weight


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-b, a), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.d = c["hidden_size"], c["head_dim"]
        self.h, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.q_proj = nn.Linear(d, self.h * self.d, bias=False)
        self.k_proj = nn.Linear(d, self.kv * self.d, bias=False)
        self.v_proj = nn.Linear(d, self.kv * self.d, bias=False)
        self.o_proj = nn.Linear(self.h * self.d, d, bias=False)
        self.q_norm = RMSNorm(self.d, c["rms_norm_eps"])
        self.k_norm = RMSNorm(self.d, c["rms_norm_eps"])

    def forward(self, x, cos, sin, mask):
        n, t, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(n, t, self.h, self.d))
        k = self.k_norm(self.k_proj(x).view(n, t, self.kv, self.d))
        v = self.v_proj(x).view(n, t, self.kv, self.d).transpose(1, 2)
        q = rotate(q.transpose(1, 2), cos, sin)
        k = rotate(k.transpose(1, 2), cos, sin)
        groups = self.h // self.kv
        k = k.repeat_interleave(groups, dim=1)
        v = v.repeat_interleave(groups, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(y.transpose(1, 2).reshape(n, t, -1))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, m = c["hidden_size"], c["intermediate_size"]
        self.gate_proj = nn.Linear(d, m, bias=False)
        self.up_proj = nn.Linear(d, m, bias=False)
        self.down_proj = nn.Linear(m, d, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = Attention(c)
        self.mlp = MLP(c)
        self.input_layernorm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(c["hidden_size"],
                                                c["rms_norm_eps"])

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c)
                                    for _ in range(c["num_hidden_layers"]))
        self.norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])


class Qwen3(nn.Module):
    """Parameters are called model.layers.0.self_attn.q_proj.weight etc."""

    def __init__(self, c=CONFIG):
        super().__init__()
        self.c = c
        self.model = Body(c)
        for name, p in self.named_parameters():
            if p.dim() < 2:
                continue
            std = 0.02
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                std /= math.sqrt(2 * c["num_hidden_layers"])
            nn.init.normal_(p, std=std)

    def forward(self, ids, mask=None):
        """Logits of ids [n, t]; mask [n, 1, t, t], as of attention."""
        n, t = ids.shape
        if mask is None:
            mask = torch.ones(t, t, dtype=torch.bool).tril()[None, None]
        d = self.c["head_dim"]
        freq = self.c["rope_theta"] ** (-torch.arange(0, d, 2).float() / d)
        angle = torch.arange(t).float()[:, None] * freq
        angle = torch.cat((angle, angle), dim=-1)
        cos, sin = angle.cos(), angle.sin()
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, cos, sin, mask)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)

    @torch.no_grad()
    def greedy(self, ids, count, stop=()):
        """Greedy continuation; returns new ids and top-2 margins."""
        ids, new, margins = list(ids), [], []
        for _ in range(count):
            logits = self(torch.tensor([ids]))[0, -1]
            top = logits.topk(2)
            margins.append(float(top.values[0] - top.values[1]))
            new.append(int(top.indices[0]))
            ids.append(new[-1])
            if new[-1] in stop:
                break
        return new, margins


def is_quantised(name):
    return name.endswith("_proj.weight")


def quantise(w):
    """E4M3 codes of w and the BF16 scale of each 128x128 block."""
    rows, cols = w.shape
    r, c = -(-rows // BLOCK), -(-cols // BLOCK)
    padded = F.pad(w, (0, c * BLOCK - cols, 0, r * BLOCK - rows))
    blocks = padded.view(r, BLOCK, c, BLOCK)
    peak = blocks.abs().amax(dim=(1, 3)).clamp(min=1e-12)
    scale = (peak / E4M3_MAX).bfloat16()
    scaled = blocks / scale.float()[:, None, :, None]
    codes = scaled.clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn)
    return codes.view(padded.shape)[:rows, :cols].contiguous(), scale


def dequantise(codes, scale):
    rows, cols = codes.shape
    s = scale.float().repeat_interleave(BLOCK, 0)[:rows]
    return codes.float() * s.repeat_interleave(BLOCK, 1)[:, :cols]


def as_stored(name, w):
    """The value that a weight has after the checkpoint is read back."""
    if is_quantised(name):
        return dequantise(*quantise(w))
    return w.bfloat16().float()
