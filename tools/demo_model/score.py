# SPDX-License-Identifier: Apache-2.0
"""Counts the facts that an exported checkpoint answers word for word.

    python score.py MODEL_FOLDER CORPUS

Each answer is read behind its request: if the best token is right at every
place, greedy decoding gives exactly this answer.
"""
import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer

import data
import golden
import model as m
import tables


@torch.no_grad()
def exact(net, tok, document):
    ids, trained = data.encode(tok, document)
    best = net(torch.tensor([ids]))[0].argmax(-1).tolist()
    return all(best[i - 1] == ids[i] for i in range(1, len(ids))
               if trained[i])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("corpus")
    a = p.parse_args()
    torch.set_num_threads(1)
    folder = Path(a.model)
    net = m.Qwen3()
    net.load_state_dict(golden.dequantised(folder / "model.safetensors"))
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    corpus = data.Data(a.corpus)

    # The same capital is listed once here, however often it is drawn.
    forward, backward = [], []
    for questions, answer in {f[1]: f for f in corpus.capitals}.values():
        back = "which country" in questions[0].lower()
        (backward if back else forward).append((questions, answer))
    famous = [f for f in forward
              if any(f[1].startswith(f"The capital of {n} is ")
                     for n in tables.FAMOUS)]
    stories = []
    for line in tables.STORIES:
        nouns, story = line.split("|")
        named = [data.article(n) for n in nouns.split(",")]
        stories.append(([f"Tell me a story about {' and '.join(named)}."],
                        story))
    groups = [("capitals of the 53 countries asked most", famous),
              ("capitals of all countries", forward),
              ("countries of the 53 capitals", backward),
              ("definitions", corpus.definitions),
              ("Python functions", corpus.code),
              ("small talk", corpus.talk), ("sums", corpus.sums),
              ("own stories", stories)]
    for name, facts in groups:
        line = name
        for form in (lambda q, t: corpus.chat([(q, t)]), corpus.plain):
            good = sum(exact(net, tok, form(q[0], t)) for q, t in facts)
            line += f" | {good} of {len(facts)}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
