# SPDX-License-Identifier: Apache-2.0
"""Overload and resources: lines O1 to O7."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import threading
import time

from harness import Background, Joined, Wire, http_request
from run import NotApplicable
from scripts_data import TEXTS, say

HERE = pathlib.Path(__file__).parent


def shim(setting, name):
    """Build a library for LD_PRELOAD."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise NotApplicable("no C compiler to build the preloaded library")
    if setting.sanitized:
        raise NotApplicable("sanitizers bring their own allocator and clock interceptors")
    library = setting.folder / f"{name}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / f"{name}.c"],
                   check=True)
    return library


def overload(setting):
    seconds = setting.pick(15, 600)
    with setting.server("--max-num-seqs", "4", "--max-num-queued-reqs", "8", "--max-model-len",
                        "16384", "--disable-uvicorn-access-log", kind="slow") as server:
        body = {"prompt": say("loop") + "\n", "max_tokens": 40, "ignore_eos": True}
        start = time.monotonic()
        running = [Background(server.post, "/v1/completions", body) for _ in range(8)]
        for one in running:
            one.result()
        capacity = 8 / (time.monotonic() - start)
        results, lock, threads = [], threading.Lock(), []
        def one():
            begin = time.monotonic()
            status, headers, _ = server.post("/v1/completions", body, timeout=120)
            with lock:
                results.append((status, time.monotonic() - begin, headers, begin))
        start, sent, rss = time.monotonic(), 0, []
        due, last, times = 0.0, start, 2.0
        while time.monotonic() - start < seconds:
            now = time.monotonic()
            due, last = due + (now - last) * capacity * times, now
            if now - start > seconds / 3 and not any(status == 429 for status, *_ in results):
                times *= 1.05  # what else ran while the capacity was measured has ended
            while sent < due:
                thread = threading.Thread(target=one, daemon=True)
                thread.start()
                threads.append(thread)
                sent += 1
            threads = [thread for thread in threads if thread.is_alive()]
            rss.append(server.rss())
            time.sleep(0.02)
        for thread in threads:
            thread.join(120)
        shed = sorted(took for status, took, _, _ in results if status == 429)
        fine = sorted(took for status, took, _, _ in results if status == 200)
        assert {status for status, *_ in results} <= {200, 429}, {status for status, *_ in results}
        assert shed, "nothing was shed at twice the capacity"
        for status, _, headers, _ in results:
            if status == 429:
                assert int(headers["retry-after"]) >= 1 and int(headers["retry-after-ms"]) > 0
        median = shed[len(shed) // 2]
        assert median < 0.05 * setting.patience, f"429 after {median * 1000:.0f} ms"
        bound = (4 + 8 + 1) / capacity * 3 + 1
        assert fine[-1] < bound, f"an accepted one took {fine[-1]:.1f} s"
        grown = rss[-1] - rss[len(rss) // 3]
        assert setting.sanitized or grown < 16 << 20, f"grew by {grown >> 20} MiB"
        setting.slots_free(server)
        setting.alive(server)
    return f"{capacity * times:.0f} requests/s for {seconds} s: {len(fine)} served (slowest " \
           f"{fine[-1]:.2f} s), {len(shed)} got 429 after {median * 1000:.1f} ms (p99 " \
           f"{shed[len(shed) * 99 // 100] * 1000:.0f}); memory +{grown >> 10} KiB"


def many_connects(setting):
    server, wires, shed = setting.shared(), [], 0
    times = []
    for number in range(1000):
        try:
            wires.append(Wire(server.port, 10))
        except OSError:
            shed += 1
        if number % 50 == 0:
            start = time.monotonic()
            with contextlib.suppress(OSError, EOFError):
                assert server.get("/health")[0] == 200
                times.append(time.monotonic() - start)
    answered = 0
    for wire in wires:
        with contextlib.suppress(OSError, EOFError):
            wire.send(http_request("GET", "/version", close=True))
    for wire in wires:
        with contextlib.suppress(OSError, EOFError):
            answered += wire.response()[0] == 200
        wire.close()
    setting.alive(server)
    times.sort()
    median = times[len(times) // 2]
    assert median < 0.01 * setting.patience, f"/health took {median * 1000:.1f} ms"
    assert answered + shed >= 990 or shed, (answered, shed)
    return f"{answered} of 1000 answered, {shed} refused; /health {median * 1000:.1f} ms " \
           f"(largest {times[-1] * 1000:.1f})"


def few_descriptors(setting):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with setting.server(preexec=limit) as server:
        wires = []
        for _ in range(200):
            with contextlib.suppress(OSError):
                wires.append(Wire(server.port, 5))
        time.sleep(0.5)
        before = cpu_seconds(server.process.pid)
        time.sleep(2)
        spent = cpu_seconds(server.process.pid) - before
        assert spent < 1.0, f"spins: {spent:.1f} s of CPU in 2 s"
        for wire in wires:
            wire.close()
        end = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError, EOFError):
                if server.get("/health", timeout=3)[0] == 200:
                    break
            assert time.monotonic() < end, "it does not recover"
        setting.alive(server)
        fds = server.fds()
    return f"200 connects with 64 descriptors: {spent / 2 * 100:.0f} % of a CPU meanwhile, " \
           f"recovers ({fds} descriptors)"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def failing_memory(setting):
    control = setting.folder / "fail"
    control.write_bytes(struct.pack("<I", 0))
    env = {"LD_PRELOAD": str(shim(setting, "malloc_fail")), "OCTET_FAIL_FILE": str(control)}
    counts = {"right": 0, "error": 0, "closed": 0, "exit 1": 0}
    server = None
    steps = setting.pick((3, 10, 37, 101, 331, 1009), tuple(range(2, 400, 3)))
    for every in steps:
        if server is None:
            server = setting.server(env=env).start()
        with open(control, "r+b") as out:
            out.write(struct.pack("<I", every))
        for number in range(20):
            counts[one_request(server, number)] += 1
        with open(control, "r+b") as out:
            out.write(struct.pack("<I", 0))
        code = server.process.poll()
        if code is None:
            with contextlib.suppress(OSError, EOFError):
                one_request(server, 0)  # a connection that the shortage broke may end here
            setting.alive(server)
            continue
        assert code == 1, f"every {every}-th failing: ended with {code}\n{server.log()[-1500:]}"
        assert "rror" in server.log()[-2000:], "no line says why it ended"
        counts["exit 1"] += 1
        server = None
    if server:
        setting.slots_free(server)
        server.__exit__(None, None, None)
    return f"every k-th allocation failing, {len(steps)} k from {steps[0]} to {steps[-1]}: " + \
           ", ".join(f"{count} {name}" for name, count in counts.items())


def one_request(server, number):
    """A request under shortage: its answer is right, an error, or a closed connection."""
    name = ("plain", "think", "tool", "unicode")[number % 4]
    body = {"messages": [{"role": "user", "content": say(name)}], "max_tokens": 300,
            "stream": number % 3 == 0}
    try:
        with Wire(server.port, 20) as wire:
            wire.send(http_request("POST", "/v1/chat/completions", body, close=True))
            status, headers, data = wire.response()
    except (OSError, EOFError):
        return "closed"
    if status != 200:
        assert status >= 400 and (not data or json.loads(data)["error"]["message"]), (status, data)
        return "error"
    if not headers["content-type"].startswith("text/event-stream"):
        message = json.loads(data)["choices"][0]["message"]
    else:
        if not data.endswith(b"data: [DONE]\n\n"):
            return "closed"
        events = [json.loads(part[6:]) for part in data.decode().split("\n\n")[:-2]
                  if part.startswith("data: ")]
        if any("error" in event for event in events):
            return "error"
        message = Joined(events).choices[0]
    said = message["content"] or ""
    assert name == "tool" or TEXTS[name].endswith(said) and said, f"corrupt: {said!r}"
    return "right"


def address_space(setting):
    """Part of O4: a start that does not fit says so."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (96 << 20, 96 << 20))
    server = setting.server(preexec=limit, wait=False, kind="slow").start()
    try:
        code = server.process.wait(60)
    except subprocess.TimeoutExpired:
        code = server.stop()
        return f"runs in 96 MiB of addresses (exit {code})"
    assert code == 1, (code, server.log()[-500:])
    return "96 MiB of addresses: exit 1, " + server.log().strip().splitlines()[-1][:120]


def memory(setting):
    found = failing_memory(setting)
    return found + "; " + address_space(setting)


def scarce_kv(setting):
    count, length = (16, 8000) if setting.long else (16, 2000)
    rng = setting.rng
    bodies = [{"prompt": [32 + rng.randrange(90) for _ in range(length - 301)] + [10],
               "max_tokens": 300, "ignore_eos": True, "temperature": 0.9, "seed": number,
               "logprobs": 1} for number in range(count)]
    with setting.server("--max-model-len", str(length), "--no-enable-prefix-caching") as server:
        alone = [server.ok("/v1/completions", body)["choices"] for body in bodies]
        config = {key: value for (name, labels), _ in server.metrics().items()
                  if name == "vllm:cache_config_info" for key, value in labels}
    room = length * 512 * 3  # three of the sequences (512 bytes a token)
    with setting.server("--max-model-len", str(length), "--kv-cache-memory-bytes", str(room),
                        "--max-num-seqs", "16") as server:
        running = [Background(server.ok, "/v1/completions", body, 600) for body in bodies]
        mixed = [one.result(900)["choices"] for one in running]
        preemptions = server.gauge("vllm:num_preemptions_total")
        setting.slots_free(server)
    for number, (one, other) in enumerate(zip(alone, mixed)):
        assert one == other, f"request {number} differs when memory is scarce"
    return f"{count} sequences of {length} tokens with room for three (blocks of " \
           f"{config.get('block_size')}): {preemptions:.0f} preemptions, every answer the same " \
           "as alone to the last bit of its logprobs"


def closed_logs(setting):
    notes = []
    read, write = os.pipe()
    try:
        with setting.server("--enable-log-requests", stderr=write) as server:
            server.chat(say("plain"), max_tokens=50)
            for _ in range(setting.pick(300, 3000)):  # more lines than a pipe holds
                server.get("/version?" + "x" * 500)
            setting.alive(server)
            notes.append("a pipe that nobody reads")
            drain = Background(os.read, read, 1 << 20)  # let the end write its lines
            drain.result()
    finally:
        os.close(write)
        os.close(read)
    with setting.server(preexec=lambda: (os.close(1), os.close(2))) as server:
        setting.alive(server)
        notes.append("stdout and stderr closed")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full, setting.server(stderr=full) as server:
            setting.alive(server)
            notes.append("a full disk")
    return "serves with " + ", ".join(notes)


def jumping_clock(setting):
    control = setting.folder / "clock"
    control.write_bytes(struct.pack("<i", 0))
    env = {"LD_PRELOAD": str(shim(setting, "clock_jump")), "OCTET_CLOCK_FILE": str(control)}
    with setting.server("--max-model-len", "16384", env=env, kind="slow") as server:
        for seconds in (3600, -3600, 0):
            with setting.witness(server, 150):
                time.sleep(0.1)
                with open(control, "r+b") as out:
                    out.write(struct.pack("<i", seconds))
            with Wire(server.port, 5) as wire:  # idle connections are not cut off by the jump
                wire.send(http_request("GET", "/version"))
                wire.response()
                with open(control, "r+b") as out:
                    out.write(struct.pack("<i", -seconds))
                time.sleep(0.5)
                wire.send(http_request("GET", "/version"))
                assert wire.response()[0] == 200
            assert server.get("/health")[0] == 200
        e2e = [value for (name, _), value in server.metrics().items()
               if name == "vllm:e2e_request_latency_seconds_sum"]
        assert 0 <= e2e[0] < 600, f"latencies follow the wall clock: {e2e}"
    return f"wall clock off by ±1 h in mid-stream (a preloaded library): streams, idle " \
           f"connections and latencies untouched"


LINES = {
    "O1": ("twice the capacity", overload),
    "O2": ("1000 connects at once", many_connects),
    "O3": ("64 descriptors, 200 connects", few_descriptors),
    "O4": ("allocations that fail", memory),
    "O5": ("KV cache too small for all", scarce_kv),
    "O6": ("logs that cannot be written", closed_logs),
    "O7": ("jumps of the wall clock", jumping_clock),
}
