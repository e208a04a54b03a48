#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What serving costs, as ratios within one run (so that they say something on a busy machine):

    bench/serve_scaling.py MODEL [--threads N] [--tokens 48] [--repeat 3] [--only scaling,cpu,...]

scaling   total tokens/s of decoding with 1, 2, 4, 8, 16 clients, beside `octet infer` with 16
          sequences and equal --threads
cpu       processor time of the HTTP and request threads as a share of the compute threads'
prefill   the longest pause of 4 streams while a prompt of 4k tokens arrives, in chunks' times
prefix    time to the first token of a prompt with a 2k prefix, the first and the second time

A model of the shape of Qwen3-0.6B without a download: build/release/tools/synth_checkpoint/
synth_checkpoint OUT --preset qwen3-0.6b --tokenizer-from DIR.
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/server"))

import harness  # noqa: E402

CLIENTS = (1, 2, 4, 8, 16)
WORDS = "river stone light garden winter paper music window story bread cloud number".split()


def prompts(count, seed, words=24):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=words)) for _ in range(count)]


def threads_of(pid):
    """{thread id: (name, CPU seconds)}"""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        text = (task / "stat").read_text()
        name, fields = text.split("(", 1)[1].rsplit(")", 1)
        fields = fields.split()
        found[task.name] = (name, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found


def stream(server, body, times):
    """Read a stream; times gets the moment of every event with choices."""
    with server.connect(1200) as wire:
        wire.send(harness.http_request("POST", "/v1/completions", {**body, "stream": True}))
        wire.until(b"\r\n\r\n")
        while True:
            event = wire.until(b"\n\n")
            if b"[DONE]" in event:
                return
            if b"data: " in event and b'"choices":[]' not in event.replace(b" ", b""):
                times.append(time.monotonic())


def decode_rate(server, clients, tokens, seed):
    """Tokens/s of all together from the moment at which each has its first token, to the moment at
    which the first of them ends."""
    times = [[] for _ in range(clients)]
    running = [harness.Background(stream, server, {
        "prompt": text, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}, times[i])
        for i, text in enumerate(prompts(clients, seed))]
    for one in running:
        one.result(3600)
    begin, end = max(t[0] for t in times), min(t[-1] for t in times)
    inside = sum(begin < moment <= end for t in times for moment in t)
    return inside / (end - begin)


def infer_rate(args, tokens, seed):
    """Tokens/s of decoding of `octet infer` with 16 sequences: from its own times per request."""
    with tempfile.TemporaryDirectory() as folder:
        lines, out = pathlib.Path(folder) / "in.jsonl", pathlib.Path(folder) / "out.jsonl"
        lines.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts(16, seed)))
        command = [harness.binary(), "infer", args.model, "--prompts", lines, "--output", out,
                   "--max-tokens", str(tokens), "--min-tokens", str(tokens), "--max-num-seqs", "16"]
        if args.threads:
            command += ["--threads", str(args.threads)]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    return sum(1000.0 / row["tpot_ms"] for row in rows)


def scaling(args, server):
    rates, infer = {count: [] for count in CLIENTS}, []
    for number in range(args.repeat):  # interleaved: what else runs hits all of them
        infer.append(infer_rate(args, args.tokens, number))
        for count in CLIENTS:
            rates[count].append(decode_rate(server, count, args.tokens, 100 * number + count))
    reference = statistics.median(infer)
    print(f"\ninfer, 16 sequences: {reference:.2f} tokens/s (runs: "
          + ", ".join(f"{rate:.2f}" for rate in infer) + ")")
    print("clients  tokens/s  to fewer clients  to infer with 16")
    best = 0.0
    for count in CLIENTS:
        rate = statistics.median(rates[count])
        change = f"{rate / best:16.3f}" if best else " " * 16
        print(f"{count:7}  {rate:8.2f}  {change}  {rate / reference:16.3f}")
        best = max(best, rate)


COMPUTE = re.compile(r"octet-(engine|compute)")


def cpu(args, server):
    before = threads_of(server.process.pid)
    decode_rate(server, 16, args.tokens * 2, 7)
    after = threads_of(server.process.pid)
    spent = {}
    for thread, (name, seconds) in after.items():
        spent.setdefault(name, []).append(seconds - before.get(thread, (name, 0.0))[1])
    print("\nthread           number  CPU s")
    for name, times in sorted(spent.items(), key=lambda item: -sum(item[1])):
        print(f"{name:15}  {len(times):6}  {sum(times):5.2f}")
    compute = sum(sum(times) for name, times in spent.items() if args.compute.search(name))
    other = sum(sum(times) for name, times in spent.items() if not args.compute.search(name))
    print(f"others / compute ({args.compute.pattern}): {100 * other / compute if compute else 0:.2f} %")


def first_token(server, ids, **fields):
    times, start = [], time.monotonic()
    stream(server, {"prompt": ids, "max_tokens": 1, "temperature": 0, **fields}, times)
    return times[0] - start


def prefill(args, server):
    """A prompt that is not cached, beside streams."""
    rng = random.Random(3)
    ids = [rng.randrange(1000, 9000) for _ in range(4096)]
    chunks = -(-4096 // args.chunk)
    times = [[] for _ in range(4)]
    running = [harness.Background(stream, server, {
        "prompt": text, "max_tokens": args.tokens * 8, "ignore_eos": True,
        "temperature": 0}, times[i]) for i, text in enumerate(prompts(4, 11))]
    while not all(len(t) > 8 for t in times):
        time.sleep(0.05)
    begin = time.monotonic()
    took = first_token(server, ids)
    end = begin + took
    gaps, quiet = [], []
    for one in running:
        one.result(3600)
    for series in times:
        for a, b in zip(series, series[1:]):
            (gaps if begin < b and a < end else quiet).append(b - a)
    print(f"\nprompt of 4096 tokens in {chunks} chunks of {args.chunk}: first token after "
          f"{took:.2f} s, {took / chunks:.3f} s a chunk")
    print(f"pauses of 4 streams meanwhile: median {statistics.median(gaps):.3f} s, longest "
          f"{max(gaps):.3f} s = {max(gaps) / (took / chunks):.2f} chunks; else median "
          f"{statistics.median(quiet):.3f} s")


def prefix(args, server):
    rng = random.Random(4)
    ratios = []
    for number in range(args.repeat):
        shared = [rng.randrange(1000, 9000) for _ in range(2048)]
        one = first_token(server, shared + [rng.randrange(1000, 9000) for _ in range(8)])
        two = first_token(server, shared + [rng.randrange(1000, 9000) for _ in range(8)])
        ratios.append(one / two)
        print(f"\n2k prefix: first token after {one:.3f} s, then {two:.3f} s: {one / two:.1f} times")
    print(f"median: {statistics.median(ratios):.1f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=512, help="--max-num-batched-tokens")
    parser.add_argument("--only", default="scaling,cpu,prefill,prefix")
    parser.add_argument("--compute", type=re.compile, default=COMPUTE,
                        help="names of compute threads, a pattern")
    args = parser.parse_args()
    flags = ["--max-num-seqs", "16", "--max-model-len", "8192", "--max-num-batched-tokens",
             str(args.chunk), "--disable-uvicorn-access-log"]
    if args.threads:
        flags += ["--threads", str(args.threads)]
    print(f"{harness.binary()} serve {args.model} {' '.join(flags)}; {os.cpu_count()} CPUs, load "
          f"{os.getloadavg()[0]:.1f}")
    parts = {"scaling": scaling, "cpu": cpu, "prefill": prefill, "prefix": prefix}
    with harness.Server(args.model, *flags, start_timeout=900) as server:
        for name in args.only.split(","):
            parts[name](args, server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
