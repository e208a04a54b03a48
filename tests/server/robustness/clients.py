# SPDX-License-Identifier: Apache-2.0
"""Clients that leave or are slow: lines D1 to D9."""
import contextlib
import socket
import time

from harness import Wire, http_request
from scripts_data import TEXTS, say

CHAT = "/v1/chat/completions"


def begun(setting, server, **fields):
    """A stream whose first event has come."""
    wire = Wire(server.port)
    wire.send(setting.endless(**fields))
    wire.until(b"data: ")
    return wire


def leave_streaming(setting):
    server, took = setting.shared("slow"), []
    setting.slots_free(server)
    for reset in (False, True):
        with setting.witness(server, 120):
            wires = [begun(setting, server) for _ in range(4)]
            for wire in wires:
                wire.close(reset)
            time.sleep(0.05)
            end = time.monotonic() + 10
            start = time.monotonic()
            while server.gauge("vllm:num_requests_running") > 1:
                assert time.monotonic() < end, "a client that left still runs"
                time.sleep(0.005)
            took.append(time.monotonic() - start)
        setting.slots_free(server)
    return f"4 clients gone after {took[0] * 1000:.0f} ms (FIN), {took[1] * 1000:.0f} ms (RST); " \
           "a stream beside them whole"


def leave_queued(setting):
    with setting.server("--max-num-seqs", "2", "--max-model-len", "16384", kind="slow") as server:
        running = [begun(setting, server, tokens=600) for _ in range(2)]
        queued = [Wire(server.port) for _ in range(4)]
        for wire in queued:
            wire.send(setting.endless(50))
        end = time.monotonic() + 10
        while server.gauge("vllm:num_requests_waiting") < 4:
            assert time.monotonic() < end, "they do not queue"
            time.sleep(0.01)
        for wire in queued[:2]:
            wire.close()
        start = time.monotonic()
        while server.gauge("vllm:num_requests_waiting") > 2:
            assert time.monotonic() - start < 5, "they stay in the queue"
            time.sleep(0.005)
        took = time.monotonic() - start
        assert server.gauge("vllm:num_requests_running") == 2, "another request was touched"
        for wire in [*running, *queued[2:]]:
            assert wire.until(b"data: [DONE]\n\n").count(b'"error"') == 0
            wire.close()
        setting.slots_free(server)
    return f"out of the queue after {took * 1000:.0f} ms; the running and the other queued finish"


def leave_prefilling(setting):
    server = setting.shared("slow")
    setting.slots_free(server)
    prompt = [65 + setting.rng.randrange(26) for _ in range(16000 if setting.long else 8000)]
    before = server.gauge("vllm:iteration_tokens_total_sum")
    wire = Wire(server.port)
    wire.send(http_request("POST", "/v1/completions", {"prompt": prompt, "max_tokens": 1}))
    setting.running(server, 1)
    wire.close()
    free = setting.slots_free(server, 10 * setting.patience)
    done = server.gauge("vllm:iteration_tokens_total_sum") - before
    setting.alive(server)
    assert done < len(prompt), f"all {done:.0f} prompt tokens were computed, in {free:.1f} s"
    return f"prefill of {len(prompt)} tokens: slot free after {free * 1000:.0f} ms, " \
           f"{done:.0f} of them computed"


def leave_waiting(setting):
    server, took = setting.shared("slow"), []
    setting.slots_free(server)
    for reset in (False, True):
        wires = [Wire(server.port) for _ in range(3)]
        for wire in wires:
            wire.send(setting.endless(stream=False))
        setting.running(server, 3)
        for wire in wires:
            wire.close(reset)
        took.append(setting.slots_free(server))
    return f"slots of non-streaming requests free after {took[0] * 1000:.0f} ms (FIN), " \
           f"{took[1] * 1000:.0f} ms (RST)"


def half_close(setting):
    server = setting.shared("slow")
    setting.slots_free(server)
    for stream in (True, False):
        with Wire(server.port, 20) as wire:
            wire.send(setting.endless(stream=stream))
            setting.running(server, 1)
            wire.sock.shutdown(socket.SHUT_WR)
            free = setting.slots_free(server)
            wire.rest()
    return f"counts as leaving: slot free after {free * 1000:.0f} ms"


def stalled_reader(setting):
    """A reader with a full window: what it is sent grows until the bound, then it is dropped."""
    with setting.server("--slow-client-timeout", "3", "--max-model-len", "32768",
                        "--max-num-seqs", "8") as server:
        wires = [Wire(server.port, 60, rcvbuf=4096) for _ in range(3)]
        before = server.rss()
        for wire in wires:
            wire.send(setting.endless(30000, logprobs=5))
        setting.running(server, 1)
        with setting.witness(server, 2000):
            pass
        rss = server.rss() - before
        start = time.monotonic()
        while sum(value for (name, _), value in server.metrics().items()
                  if name.endswith("slow_client_closed_total")) < len(wires):
            assert time.monotonic() - start < 60, "stalled readers are not dropped"
            time.sleep(0.05)
        free = setting.slots_free(server, 60)
        for wire in wires:
            wire.close()
        setting.alive(server)
    return f"3 readers that read nothing dropped {time.monotonic() - start:.0f} s later and " \
           f"counted; +{rss >> 20} MiB meanwhile; a reader beside them served whole " \
           f"(slots free {free * 1000:.0f} ms after)"


def impatient(setting):
    server = setting.shared("slow")
    setting.slots_free(server)
    def normal():
        start = time.monotonic()
        setting.alive(server)
        return time.monotonic() - start
    alone = min(normal() for _ in range(3))
    wires = []
    count = setting.pick(100, 200)
    for _ in range(count):
        wire = Wire(server.port, 30)
        wire.send(setting.endless(stream=False))
        wires.append(wire)
    time.sleep(0.5)
    for wire in wires:
        wire.close()
    time.sleep(0.2)
    after = normal()
    setting.slots_free(server)
    assert after < alone * 5 + setting.patience, (alone, after)
    return f"{count} requests left after 0.5 s; then a normal one took {after * 1000:.0f} ms " \
           f"({alone * 1000:.0f} alone)"


def leave_anywhere(setting):
    server, count = setting.shared(), setting.pick(400, 10000)
    sizes = {stream: len(raw_answer(server, stream)) for stream in (True, False)}
    before, fds = server.rss(), server.fds()
    warm = None
    for number in range(count):
        with contextlib.suppress(EOFError, ConnectionError), Wire(server.port) as wire:
            stream = setting.rng.random() < 0.7
            wire.send(http_request("POST", CHAT, body(stream), close=True))
            wire.exactly(setting.rng.randrange(sizes[stream]))
            wire.close(setting.rng.random() < 0.5)
        if number == count // 4:
            warm = server.rss()
    free = setting.slots_free(server)
    end = time.monotonic() + 10
    while server.fds() > fds + 2:
        assert time.monotonic() < end, f"{server.fds()} descriptors, {fds} before"
        time.sleep(0.05)
    grown = server.rss() - warm
    assert setting.sanitized or grown < 8 << 20, f"grew by {grown >> 10} KiB after warming up"
    setting.alive(server)
    return f"{count} at random offsets of {sizes[True]} bytes: slots free in {free * 1000:.0f} ms, " \
           f"descriptors back, memory +{grown >> 10} KiB in the last three quarters " \
           f"(+{(warm - before) >> 10} in the first)"


def body(stream):
    return {"messages": [{"role": "user", "content": say("tool_think")}], "stream": stream,
            "max_tokens": 200}


def raw_answer(server, stream):
    with Wire(server.port) as wire:
        wire.send(http_request("POST", CHAT, body(stream), close=True))
        return wire.rest()


def broken_pipes(setting):
    """Reset while the server writes: every answer meets EPIPE or ECONNRESET somewhere."""
    server = setting.shared()
    for number in range(setting.pick(100, 1000)):
        wire = Wire(server.port, rcvbuf=2048)
        wire.send(setting.endless(2000, logprobs=5) if number % 2 else
                  http_request("GET", "/openapi.json") * 20)
        if number % 3:
            time.sleep(0.003)
        wire.close(reset=True)
    setting.slots_free(server)
    text = server.chat(say("plain"), max_tokens=200)["choices"][0]["message"]["content"]
    assert text == TEXTS["plain"]
    return "resets into running answers: the server lives, slots free"


LINES = {
    "D1": ("leave while streaming", leave_streaming),
    "D2": ("leave while queued", leave_queued),
    "D3": ("leave during prefill", leave_prefilling),
    "D4": ("leave while waiting for a whole answer", leave_waiting),
    "D5": ("half-close", half_close),
    "D6": ("readers that stop reading", stalled_reader),
    "D7": ("impatient clients, then one normal", impatient),
    "D8": ("leave at any byte of the answer", leave_anywhere),
    "D9": ("EPIPE and ECONNRESET", broken_pipes),
}
