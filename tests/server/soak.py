#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random clients for as long as you like: what memory, descriptors and KV blocks do meanwhile.

    soak.py [--minutes 30] [--clients 24] [--bin PATH] [--every SECONDS] [--seed N]

Clients arrive, stream, wait, leave in the middle, stall, send nonsense, ask for metrics. A line
every few seconds: memory, descriptors, KV blocks in use, requests, the p99 of a short request. At
the end the verdict: memory and descriptors of the last quarter against those of the second, KV
blocks and requests back to none, exit code 0, no sanitizer's report. Exit 1 if something grew.
"""
import argparse
import contextlib
import os
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402
import scripted  # noqa: E402
import scripts_data  # noqa: E402
from scripts_data import TEXTS, TOOLS, say  # noqa: E402

CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"
NONSENSE = [b"", b"{", b'{"prompt": 1.5}', b"[" * 5000, b'{"messages": []}', b"\xff\xfe",
            b'{"prompt": "a", "temperature": "hot"}', b'{"model": "none", "prompt": "a"}',
            b'{"prompt": "a", "response_format": {"type": "json_schema", "json_schema": '
            b'{"name": "x", "schema": {"$ref": "#"}}}}']


class Clients:
    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.done, self.wrong, self.short = {}, [], []

    def count(self, kind):
        with self.lock:
            self.done[kind] = self.done.get(kind, 0) + 1

    def life(self, number):
        rng = random.Random(self.seed * 1000 + number)
        acts = [self.whole, self.streamed, self.leave, self.leave, self.stall, self.nonsense,
                self.long_prompt, self.look, self.silent, self.constrained]
        while not self.ending.is_set():
            act = rng.choice(acts)
            try:
                act(rng)
                self.count(act.__name__)
            except (OSError, EOFError):
                self.count("cut off")
            except Exception as error:  # what the server said was wrong
                with self.lock:
                    self.wrong.append(f"{act.__name__}: {type(error).__name__}: {str(error)[:500]}")
            self.ending.wait(rng.expovariate(4.0))

    def body(self, rng, name=None):
        name = name or rng.choice(sorted(TEXTS))
        body = {"messages": [{"role": "user", "content": "x " * rng.randint(0, 300) + say(name)}],
                "max_tokens": rng.choice((1, 20, 200)), "temperature": rng.choice((0, 1))}
        if rng.random() < 0.3:
            body["tools"] = TOOLS
        if rng.random() < 0.3:
            body.update(logprobs=True, top_logprobs=rng.randint(0, 5))
        if rng.random() < 0.2:
            body.update(n=rng.randint(1, 4), temperature=1)
        return body

    def whole(self, rng):
        start = time.monotonic()
        status, _, answer = self.server.post(CHAT, {
            "messages": [{"role": "user", "content": say("plain")}], "max_tokens": 60})
        took = time.monotonic() - start
        if status == 429:
            return
        assert status == 200, answer
        assert answer["choices"][0]["message"]["content"] == TEXTS["plain"], answer
        with self.lock:
            self.short.append(took)

    def streamed(self, rng):
        status, _, data = self.server.request("POST", CHAT, {**self.body(rng), "stream": True})
        if status == 200:
            harness.Joined(harness.parse_events(data))
        else:
            assert status == 429, (status, data[:300])

    def leave(self, rng):
        with self.server.connect() as wire:
            body = {"prompt": say("loop") + "\n", "max_tokens": 8000, "ignore_eos": True,
                    "stream": rng.random() < 0.6}
            wire.send(harness.http_request("POST", COMPLETE, body))
            time.sleep(rng.random() * 0.5)
            wire.close(reset=rng.random() < 0.5)

    def stall(self, rng):
        with harness.Wire(self.server.port, 30, rcvbuf=4096) as wire:
            wire.send(harness.http_request("POST", COMPLETE, {
                "prompt": say("loop") + "\n", "max_tokens": 8000, "ignore_eos": True,
                "stream": True, "logprobs": 5}))
            self.ending.wait(rng.random() * 8)

    def nonsense(self, rng):
        path, body = rng.choice((CHAT, COMPLETE, "/tokenize")), rng.choice(NONSENSE)
        status, _, _ = self.server.post(path, body)
        # /tokenize reads the prompt alone, so some of them make sense to it.
        assert status in (400, 404) or (path == "/tokenize" and status == 200), (path, body, status)

    def long_prompt(self, rng):
        body = {"prompt": [32 + rng.randrange(90) for _ in range(rng.randint(1000, 7000))],
                "max_tokens": rng.randint(1, 50)}
        status, _, answer = self.server.post(COMPLETE, body)
        assert status in (200, 429), (status, answer)

    def constrained(self, rng):
        status, _, answer = self.server.post(CHAT, {
            "messages": [{"role": "user", "content": say("json")}], "max_tokens": 50,
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {
                "type": "object", "properties": {f"p{rng.randrange(50)}": {"type": "string"}}}}}})
        assert status in (200, 429), (status, answer)

    def look(self, rng):
        path = rng.choice(("/metrics", "/health", "/v1/models", "/nothing", "/openapi.json", "/"))
        status = self.server.get(path)[0]
        assert status in (200, 404), (path, status)

    def silent(self, rng):
        with self.server.connect() as wire:
            wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"[:rng.randint(0, 50)])
            self.ending.wait(rng.random() * 4)


def sample(server):
    found = server.metrics()
    def total(end, *labels):
        return int(sum(value for (name, pairs), value in found.items()
                       if name.endswith(end) and all(label in pairs for label in labels)))
    return {"rss": server.rss(), "fds": server.fds(), "blocks": total("kv_blocks", ("state", "used")),
            "running": total("num_requests_running"), "waiting": total("num_requests_waiting"),
            "preempted": total("num_preemptions_total")}


def watch(server, clients, minutes, every):
    rows, end = [], time.monotonic() + minutes * 60
    print(f"{'s':>6} {'RSS MiB':>8} {'fds':>5} {'blocks':>6} {'running':>7} {'waiting':>7} "
          f"{'preempted':>9} {'requests':>8} {'p99 ms':>7}", flush=True)
    start = time.monotonic()
    while time.monotonic() < end:
        time.sleep(min(every, max(0.1, end - time.monotonic())))
        row = sample(server)
        with clients.lock:
            short, clients.short = sorted(clients.short), []
            row["p99"] = short[len(short) * 99 // 100] * 1000 if short else 0.0
            requests, wrong = sum(clients.done.values()), clients.wrong[:3]
        rows.append(row)
        print(f"{time.monotonic() - start:6.0f} {row['rss'] / 1048576:8.1f} {row['fds']:5} "
              f"{row['blocks']:6} {row['running']:7} {row['waiting']:7} {row['preempted']:9} "
              f"{requests:8} {row['p99']:7.1f}", flush=True)
        if wrong:
            print("wrong:", *wrong, sep="\n  ")
            break
    return rows


def verdict(rows, server, clients):
    problems = [*clients.wrong[:5]]
    quarter = max(1, len(rows) // 4)
    def middle(part, key):
        return statistics.median(row[key] for row in part)
    early, late = rows[quarter:2 * quarter] or rows, rows[-quarter:]
    sanitized = "asan" in str(harness.binary()) or "tsan" in str(harness.binary())
    for key, slack in (("rss", 8 << 20), ("fds", 20)):
        more = middle(late, key) - middle(early, key)
        print(f"{key}: {middle(early, key):.0f} in the second quarter, {middle(late, key):.0f} in "
              f"the last ({more:+.0f})")
        if more > slack and not (sanitized and key == "rss"):
            problems.append(f"{key} grew by {more:.0f}")
    print(f"p99: {middle(early, 'p99'):.1f} ms in the second quarter, {middle(late, 'p99'):.1f} in "
          "the last")
    if not server.idle(20):
        problems.append("requests are left")
    last = sample(server)
    print(f"at the end: {last}")
    if last["blocks"]:
        problems.append(f"{last['blocks']} KV blocks are left in use")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("OCTET_TEST_SEED", "1")))
    parser.add_argument("--bin")
    args = parser.parse_args()
    if args.bin:
        os.environ["OCTET_BIN"] = str(pathlib.Path(args.bin).resolve())
    print(f"seed {args.seed}, {args.clients} clients, {args.minutes} minutes, {harness.binary()}")
    with tempfile.TemporaryDirectory(prefix="octet-soak-") as folder:
        model = scripted.write_checkpoint(pathlib.Path(folder) / "model", TEXTS, layers=2,
                                          intermediate=512, loops=scripts_data.LOOPS)
        server = harness.Server(model, "--max-model-len", "8192", "--max-num-seqs", "8",
                                "--kv-cache-memory-bytes", "64M", "--slow-client-timeout", "3",
                                "--disable-uvicorn-access-log").start()
        clients = Clients(server, args.seed)
        threads = [threading.Thread(target=clients.life, args=(number,), daemon=True)
                   for number in range(args.clients)]
        for thread in threads:
            thread.start()
        rows = watch(server, clients, args.minutes, args.every)
        clients.ending.set()
        for thread in threads:
            thread.join(120)
        problems = verdict(rows, server, clients)
        print("requests:", dict(sorted(clients.done.items())))
        try:
            server.__exit__(None, None, None)
        except Exception as error:
            problems.append(str(error))
    with contextlib.suppress(BrokenPipeError):
        print("FAIL: " + "; ".join(problems) if problems else "flat: pass")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
