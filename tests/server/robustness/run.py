#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every line of the robustness list, done to a real server, and what came of it.

    run.py [--bin build/release/src/cli/octet] [--only C1,C5,D] [--skip C3] [--long]
           [--markdown FILE] [--list]

Prints a table: line, pass / FAIL / n.a., what was measured or why it does not apply. Exit 1 if a
line failed. Everything stays on the loopback interface and is bounded in count and time: about
four minutes, an hour and a half with --long, which runs the counts and times of the list in full.
OCTET_TEST_SEED seeds what is random.
"""
import argparse
import contextlib
import os
import pathlib
import random
import resource
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import harness  # noqa: E402
import scripted  # noqa: E402
import scripts_data  # noqa: E402


class NotApplicable(Exception):
    """The line cannot be checked here; the message says why."""


class Setting:
    """What a check gets: servers, models, the seed, and how long it may take."""

    def __init__(self, long=False, seed=20251125):
        self.long, self.seed = long, seed
        self.rng = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet-robustness-"))
        self.servers, self.models = {}, {}
        self.sanitized = "asan" in str(harness.binary()) or "tsan" in str(harness.binary())
        # Time limits are for a machine that has nothing else to do.
        busy = max(1.0, os.getloadavg()[0] / os.cpu_count())
        self.patience = busy * (10 if self.sanitized else 1)

    def pick(self, short, long):
        return long if self.long else short

    def model(self, kind):
        """fast: a token takes microseconds; slow: some milliseconds. Both say the same."""
        if kind not in self.models:
            layers, width = {"fast": (1, 128), "slow": (6, 128 if self.sanitized else 1024)}[kind]
            self.models[kind] = scripted.write_checkpoint(
                self.folder / kind, scripts_data.TEXTS, layers=layers, intermediate=width,
                loops=scripts_data.LOOPS)
        return self.models[kind]

    def shared(self, kind="fast"):
        """A server that checks share; a new one when a check has broken it."""
        server = self.servers.get(kind)
        if server is None or server.process.poll() is not None:
            server = harness.Server(self.model(kind), "--served-model-name", "talker",
                                    "--max-model-len", "16384", "--max-num-seqs", "16",
                                    "--disable-uvicorn-access-log").start()
            self.servers[kind] = server
        return server

    def server(self, *flags, kind="fast", **kwargs):
        """A server of the check's own, for `with`."""
        return harness.Server(self.model(kind), "--served-model-name", "talker", *flags, **kwargs)

    def alive(self, server):
        """The server answers a normal request with the right text."""
        assert server.process.poll() is None, f"it ended: {server.process.poll()}\n{server.log()[-2000:]}"
        answer = server.chat(scripts_data.say("plain"), max_tokens=200)
        text = answer["choices"][0]["message"]["content"]
        assert text == scripts_data.TEXTS["plain"], text

    def endless(self, tokens=12000, stream=True, mark="loop", **fields):
        """The bytes of a request whose answer takes long on the slow model."""
        return harness.http_request("POST", "/v1/completions", {
            "prompt": scripts_data.say(mark) + "\n", "max_tokens": tokens, "stream": stream,
            "ignore_eos": True, "temperature": 0, **fields})

    def slots_free(self, server, limit=None):
        """Seconds until nothing runs, nothing waits and no KV block is used."""
        limit = limit or 2.0 * self.patience
        start = time.monotonic()
        while True:
            found = server.metrics()
            busy = {name: value for (name, labels), value in found.items()
                    if value and (name in ("vllm:num_requests_running", "vllm:num_requests_waiting")
                                  or (name.endswith("kv_blocks") and ("state", "used") in labels))}
            if not busy:
                return time.monotonic() - start
            assert time.monotonic() - start < limit, f"still busy after {limit} s: {busy}"
            time.sleep(0.01)

    def running(self, server, count, timeout=120):
        """Wait until `count` requests run."""
        end = time.monotonic() + timeout
        while server.gauge("vllm:num_requests_running") < count:
            assert time.monotonic() < end, f"{count} requests do not run"
            time.sleep(0.01)

    @contextlib.contextmanager
    def witness(self, server, tokens=400):
        """A stream that runs meanwhile and must say what it says alone."""
        body = {"prompt": scripts_data.say("loop") + "\n", "max_tokens": tokens,
                "ignore_eos": True, "temperature": 0}
        text = scripts_data.TEXTS["loop"]
        running = harness.Background(server.stream, "/v1/completions", body)
        yield
        said = harness.Joined(running.result()).choices[0]["text"]
        assert said and said == (text * (len(said) // len(text) + 1))[:len(said)], said[:200]

    def close(self):
        """Stop the shared servers: what they leave behind counts as a failure."""
        problems = []
        for kind, server in self.servers.items():
            if server.process.poll() is None:
                try:
                    server.__exit__(None, None, None)
                except Exception as error:
                    problems.append(f"the shared {kind} server: {error}")
            elif server.process.returncode != 0:
                problems.append(f"the shared {kind} server ended with {server.process.returncode}: "
                                + server.log()[-2000:])
        return problems


def all_lines():
    """{line: (title, function)} in the list's order."""
    import bodies
    import clients
    import connection
    import correctness
    import lifecycle
    import resources
    found = {}
    for module in (connection, bodies, clients, resources, lifecycle, correctness):
        found.update(module.LINES)
    return found


def run_line(setting, function):
    """(verdict, remark, seconds)"""
    start = time.monotonic()
    try:
        return "pass", function(setting) or "", time.monotonic() - start
    except NotApplicable as reason:
        return "n.a.", str(reason), time.monotonic() - start
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        for frame in traceback.extract_tb(error.__traceback__):
            if "robustness" in frame.filename and not frame.filename.endswith("run.py"):
                place = frame
        remark = f"{type(error).__name__}: {str(error)[:600]} ({os.path.basename(place.filename)}:" \
                 f"{place.lineno})"
        return "FAIL", remark.replace("\n", " "), time.monotonic() - start


def chosen(name, only, skip):
    def matches(patterns):
        return any(name == p or (p.isalpha() and name.rstrip("0123456789") == p) for p in patterns)
    return (not only or matches(only)) and not matches(skip)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", help="the program; also OCTET_BIN")
    parser.add_argument("--only", default="", help="lines or groups, such as C1,C5,D")
    parser.add_argument("--skip", default="")
    parser.add_argument("--long", action="store_true", help="the list's full counts and times")
    parser.add_argument("--markdown", help="write the table to this file too")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.bin:
        os.environ["OCTET_BIN"] = str(pathlib.Path(args.bin).resolve())
    only, skip = ([name for name in text.split(",") if name] for text in (args.only, args.skip))
    lines = {name: line for name, line in all_lines().items() if chosen(name, only, skip)}
    if args.list or not lines:
        for name, (title, _) in lines.items():
            print(f"{name:4} {title}")
        return 0 if lines else 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    setting = Setting(args.long, int(os.environ.get("OCTET_TEST_SEED", "20251125")))
    print(f"seed {setting.seed}, {harness.binary()}", flush=True)
    rows = []
    for name, (title, function) in lines.items():
        verdict, remark, seconds = run_line(setting, function)
        rows.append((name, title, verdict, remark))
        print(f"{name:4} {verdict:5} {seconds:6.1f} s  {title}: {remark}", flush=True)
    problems = setting.close()
    for problem in problems:
        print(f"FAIL at the end: {problem}")
    if args.markdown:
        table = ["| Line | Do | Result | Measured |", "|---|---|---|---|"]
        table += [f"| {name} | {title} | {verdict} | {remark.replace('|', chr(92) + '|')} |"
                  for name, title, verdict, remark in rows]
        pathlib.Path(args.markdown).write_text("\n".join(table) + "\n")
    counts = {verdict: sum(row[2] == verdict for row in rows) for verdict in ("pass", "FAIL", "n.a.")}
    print(f"{counts['pass']} pass, {counts['FAIL']} fail, {counts['n.a.']} not applicable")
    return 1 if counts["FAIL"] or problems else 0


if __name__ == "__main__":
    sys.modules.setdefault("run", sys.modules["__main__"])
    sys.exit(main())
