# SPDX-License-Identifier: Apache-2.0
"""Trains the demo model for a given number of seconds.

    python train.py CORPUS RUN_FOLDER --seconds 6000

RUN_FOLDER gets tokenizer.json, last.pt and log.jsonl. Started again, it goes
on from last.pt. The schedule follows the clock, not the steps: warm-up, then
a cosine down to zero. In the last part (--qat) the forward pass sees the
weights as FP8 will store them and the gradient goes straight through.
"""
import argparse
import json
import math
import os
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import data
import model as m
import muon


def pack(stream, tok, length, pool=96):
    """Endless rows (ids, trained, document number) of whole documents."""
    docs = []
    while True:
        while len(docs) < pool:
            ids, trained = data.encode(tok, next(stream))
            docs.append((ids[:length + 1], trained[:length + 1]))
        row, learn, owner = [], [], []
        pick = 0                                # the oldest document first
        while pick is not None:
            ids, trained = docs.pop(pick)
            owner += [owner[-1] + 1 if owner else 0] * len(ids)
            row += ids
            learn += trained
            room = length + 1 - len(row)
            fits = [i for i, d in enumerate(docs) if len(d[0]) <= room]
            pick = max(fits, key=lambda i: len(docs[i][0])) if fits else None
        yield padded(row, learn, owner, length + 1)


def padded(ids, trained, owner, length):
    pad = length - len(ids)
    return ids + [0] * pad, trained + [False] * pad, owner + [-1] * pad


def batch(rows):
    """Inputs, targets (-100 where not trained) and the attention mask."""
    ids, learn, owner = (torch.tensor(part) for part in zip(*rows))
    x, y = ids[:, :-1], ids[:, 1:].clone()
    # The first token of a document is not predicted from the one before.
    y[(owner[:, 1:] != owner[:, :-1]) | ~learn[:, 1:]] = -100
    o = owner[:, :-1]
    mask = (o[:, None, :, None] == o[:, None, None, :])
    mask = mask & torch.ones(o.shape[1], o.shape[1], dtype=torch.bool).tril()
    return x, y, torch.zeros(mask.shape).masked_fill_(~mask, -math.inf)


@torch.no_grad()
def held_out(net, tok, documents, length=384):
    """Mean loss per trained token; each document alone, cut at length."""
    total = count = 0
    encoded = sorted((data.encode(tok, d) for d in documents),
                     key=lambda d: len(d[0]))
    for i in range(0, len(encoded), 8):
        part = encoded[i:i + 8]
        width = min(length + 1, max(len(ids) for ids, _ in part))
        x, y, mask = batch([padded(ids[:width], trained[:width],
                                   [0] * len(ids[:width]), width)
                            for ids, trained in part])
        logits = net(x, mask)
        total += float(F.cross_entropy(logits.flatten(0, 1), y.flatten(),
                                       ignore_index=-100, reduction="sum"))
        count += int((y >= 0).sum())
    return total / count


def main():
    p = argparse.ArgumentParser()
    p.add_argument("corpus")
    p.add_argument("run")
    p.add_argument("--seconds", type=float, default=6500)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--muon", type=float, default=2.0,
                   help="learning rate of the matrices, as a factor")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--length", type=int, default=384)
    p.add_argument("--facts", type=float, default=2.5,
                   help="fact documents for each story")
    p.add_argument("--qat", type=float, default=0.04,
                   help="share of the time trained through FP8 weights")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--compile", action="store_true")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()

    torch.set_num_threads(a.threads)
    run = Path(a.run)
    run.mkdir(parents=True, exist_ok=True)
    corpus = data.Data(a.corpus)
    if (run / "tokenizer.json").exists():
        tok = Tokenizer.from_file(str(run / "tokenizer.json"))
    else:
        tok = data.train_tokenizer(corpus, m.CONFIG["vocab_size"])
        tok.save(str(run / "tokenizer.json"))

    torch.manual_seed(a.seed)
    net = m.Qwen3()
    named = dict(net.named_parameters())
    matrices = [w for k, w in named.items() if m.is_quantised(k)]
    norms = [w for w in named.values() if w.dim() == 1]
    embedding = [net.model.embed_tokens.weight]
    adam = torch.optim.AdamW([{"params": embedding, "weight_decay": 0.1},
                              {"params": norms, "weight_decay": 0.0}],
                             lr=a.lr, betas=(0.9, 0.95), fused=True)
    opts = [(adam, 1.0), (muon.Muon(matrices, a.lr), a.muon)]
    step = tokens = 0
    elapsed = 0.0
    if (run / "last.pt").exists():
        saved = torch.load(run / "last.pt")
        net.load_state_dict(saved["net"])
        for (opt, _), state in zip(opts, saved["opt"]):
            opt.load_state_dict(state)
        step, tokens, elapsed = saved["step"], saved["tokens"], saved["time"]
    twin = m.Qwen3()            # never compiled: its batches vary in shape
    if a.compile:
        for layer in net.model.layers:
            layer.compile()
    print(sum(w.numel() for w in named.values()), "weights, from step", step)

    stream = corpus.documents(random.Random(a.seed + step), a.facts)
    rows = pack(stream, tok, a.length)
    valid = [corpus.story(s) for s in corpus.valid[::3]]
    valid_qa = [corpus.chat([(q[0], t)]) for q, t in corpus.valid_rasbt[::2]]
    log = open(run / "log.jsonl", "a", buffering=1)
    start = time.time() - elapsed
    saved_at = shown_at = time.time()
    loss_sum = loss_n = 0

    def save():
        state = {"net": net.state_dict(),
                 "opt": [opt.state_dict() for opt, _ in opts],
                 "step": step, "tokens": tokens, "time": time.time() - start}
        torch.save(state, run / "last.tmp")
        os.replace(run / "last.tmp", run / "last.pt")

    while True:
        progress = (time.time() - start) / a.seconds
        if progress >= 1:
            break
        qat = progress > 1 - a.qat
        warm = min(1.0, progress / 0.02)
        lr = a.lr * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(
            math.pi * progress)))
        for opt, factor in opts:
            for group in opt.param_groups:
                group["lr"] = lr * factor
        x, y, mask = batch([next(rows) for _ in range(a.batch)])
        if qat:
            with torch.no_grad():
                master = {k: w.detach().clone() for k, w in named.items()}
                for k, w in named.items():
                    w.copy_(m.as_stored(k, master[k]))
        logits = net(x, mask)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(),
                               ignore_index=-100)
        loss.backward()
        if qat:
            with torch.no_grad():
                for k, w in named.items():
                    w.copy_(master[k])
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for opt, _ in opts:
            opt.step()
        net.zero_grad()
        step += 1
        tokens += int((y >= 0).sum())       # trained ones only
        loss_sum, loss_n = loss_sum + float(loss.detach()), loss_n + 1
        if time.time() - shown_at > 30:
            line = {"step": step, "tokens": tokens, "lr": round(lr, 6),
                    "time": round(time.time() - start), "qat": qat,
                    "loss": round(loss_sum / loss_n, 4)}
            if time.time() - saved_at > 300:
                twin.load_state_dict(net.state_dict())
                line["held_out"] = round(held_out(twin, tok, valid), 4)
                line["held_out_qa"] = round(held_out(twin, tok, valid_qa), 4)
                save()
                saved_at = time.time()
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            loss_sum = loss_n = 0
            shown_at = time.time()
    save()
    twin.load_state_dict(net.state_dict())
    print("held-out loss", held_out(twin, tok, valid),
          "answers", held_out(twin, tok, valid_qa))


if __name__ == "__main__":
    main()
