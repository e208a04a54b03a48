# SPDX-License-Identifier: Apache-2.0
"""Connections and parsing: lines C1 to C11."""
import contextlib
import select
import socket
import subprocess
import time

from harness import Wire, binary, http_request

VERSION = http_request("GET", "/version")
CHAT = {"messages": [{"role": "user", "content": "<|say:plain|>"}], "max_tokens": 4}


def status_of(data):
    """The status of a raw answer; 0 when nothing came."""
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.") else 0


def answers(data):
    return data.count(b"HTTP/1.")


def raw(server, data, timeout=30, half=False):
    """Send bytes, read until the server closes."""
    with Wire(server.port, timeout) as wire:
        with contextlib.suppress(ConnectionError):
            wire.send(data)
        if half:
            wire.sock.shutdown(socket.SHUT_WR)
        return wire.rest()


def timely(server, limit=1.0):
    """/health answers within the limit."""
    start = time.monotonic()
    assert server.get("/health")[0] == 200
    took = time.monotonic() - start
    assert took < limit, f"/health took {took:.2f} s"
    return took


def all_closed(wires, limit, tick=None, server=None):
    """Wait for every connection to be closed by the server: (answers, first, last close)."""
    start, waiting, got, closes = time.monotonic(), {w.sock.fileno(): w for w in wires}, [], []
    poller = select.poll()
    for fd in waiting:
        poller.register(fd, select.POLLIN)
    following = start
    while waiting:
        now = time.monotonic()
        assert now - start < limit, f"{len(waiting)} connections open after {limit} s"
        if now >= following:
            following = now + 1.0
            if server:
                timely(server)
            for wire in list(waiting.values()) if tick else ():
                with contextlib.suppress(OSError):
                    wire.sock.send(tick)
        for fd, _ in poller.poll(200):
            wire = waiting[fd]
            data = b""
            with contextlib.suppress(ConnectionError):
                data = wire.sock.recv(65536)
            wire.buffered += data
            if not data:
                got.append(status_of(wire.buffered))
                closes.append(time.monotonic() - start)
                poller.unregister(fd)
                del waiting[fd]
    return got, min(closes), max(closes)


def fds_return(server, before, limit=10.0):
    end = time.monotonic() + limit
    while server.fds() > before + 2:
        assert time.monotonic() < end, f"{server.fds()} descriptors, {before} before"
        time.sleep(0.05)


def slow_headers(setting):
    server, count = setting.shared(), setting.pick(200, 500)
    before = server.fds()
    wires = [Wire(server.port) for _ in range(count)]
    for wire in wires:
        wire.send(b"GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    got, first, last = all_closed(wires, 30, tick=b"a", server=server)
    for wire in wires:
        wire.close()
    fds_return(server, before)
    assert set(got) <= {408, 0}, set(got)
    assert 7 <= first and last <= 20, (first, last)
    return f"{count} connections closed after {first:.1f} to {last:.1f} s, " \
           f"{got.count(408)} with 408; /health served meanwhile"


def slow_bodies(setting):
    server, count = setting.shared(), setting.pick(50, 200)
    before, rss = server.fds(), server.rss()
    wires = [Wire(server.port) for _ in range(count)]
    head = (b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 60000000\r\n\r\n{")
    for wire in wires:
        wire.send(head)
    time.sleep(1)
    grown = server.rss() - rss
    assert grown < 64 << 20, f"{count} slow bodies hold {grown >> 20} MiB"
    assert server.gauge("vllm:num_requests_running") == 0
    got, first, last = all_closed(wires, 90, tick=b" ", server=server)
    for wire in wires:
        wire.close()
    fds_return(server, before)
    assert set(got) <= {408, 0}, set(got)
    return f"{count} bodies of 1 byte/s cut off after {first:.0f} to {last:.0f} s, " \
           f"{got.count(408)} with 408; {grown >> 10} KiB held"


def silent(setting):
    server, count = setting.shared(), setting.pick(500, 2000)
    before, wires = server.fds(), []
    for _ in range(count):
        wires.append(Wire(server.port))
    timely(server)
    peak = server.fds()
    got, first, last = all_closed(wires, 40, server=server)
    for wire in wires:
        wire.close()
    fds_return(server, before)
    return f"{count} silent connections ({peak} descriptors) closed after {first:.1f} to " \
           f"{last:.1f} s; descriptors back to {server.fds()}"


def big_headers(setting):
    server = setting.shared()
    get = b"GET /version HTTP/1.1\r\nHost: x\r\n"
    cases = {
        "header 64 KiB + 1": (get + b"X: " + b"a" * 65537 + b"\r\n\r\n", {431}),
        "257 headers": (get + b"".join(b"X%d: 1\r\n" % i for i in range(257)) + b"\r\n", {431}),
        "URI 8 KiB + 1": (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
        "NUL in header": (get + b"X: a\0b\r\n\r\n", {400}),
        "bare CR": (get + b"X: a\rb\r\n\r\n", {400}),
        "obs-fold": (get + b"X: a\r\n b\r\n\r\n", {400}),
        "space before colon": (get + b"X : a\r\n\r\n", {400}),
        "no colon": (get + b"Xabc\r\n\r\n", {400}),
        "empty name": (get + b": a\r\n\r\n", {400}),
    }
    return check_cases(server, cases)


def check_cases(server, cases):
    """Each must be refused once and closed; another status of 4xx or a close alone is noted."""
    notes, wrong = [], []
    for name, (data, wanted) in cases.items():
        got = raw(server, data + VERSION, timeout=20)
        status = status_of(got)
        if answers(got) > 1:
            wrong.append(f"{name}: two answers {got[:60]!r}")
        elif not (status == 0 or 400 <= status < 500 or status in wanted):
            wrong.append(f"{name}: {status}")
        elif status not in wanted:
            notes.append(f"{name}: {status or 'closed'}")
        timely(server)
    assert not wrong, "; ".join(wrong)
    return f"{len(cases)} refused and closed" + (f" ({'; '.join(notes)})" if notes else "")


def framing(setting):
    server = setting.shared()
    post = b"POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    body = b'{"prompt":"a"}'
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    te = post + b"Transfer-Encoding: chunked\r\n\r\n"
    cases = {
        "CL and TE": (post + b"Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
                      + b"0\r\n\r\n", {400}),
        "two CL": (post + b"Content-Length: 14\r\nContent-Length: 15\r\n\r\n" + body, {400}),
        "CL list": (post + b"Content-Length: 14, 15\r\n\r\n" + body, {400}),
        "CL +14": (post + b"Content-Length: +14\r\n\r\n" + body, {400}),
        "CL 0xe": (post + b"Content-Length: 0xe\r\n\r\n" + body, {400}),
        "CL -1": (post + b"Content-Length: -1\r\n\r\n" + body, {400}),
        "CL 2^64": (post + b"Content-Length: 18446744073709551616\r\n\r\n" + body, {400, 413}),
        "CL empty": (post + b"Content-Length: \r\n\r\n" + body, {400}),
        "TE chunked, identity": (post + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunk
                                 + b"0\r\n\r\n", {400, 501}),
        "TE xchunked": (post + b"Transfer-Encoding: xchunked\r\n\r\n" + chunk + b"0\r\n\r\n",
                        {400, 501}),
        "chunk size overflow": (te + b"fffffffffffffffff\r\n" + body + b"\r\n0\r\n\r\n",
                                {400, 413}),
        "chunk size negative": (te + b"-1\r\n" + body + b"\r\n0\r\n\r\n", {400}),
        "chunk CRLF missing": (te + b"e\r\n" + body + b"XX0\r\n\r\n", {400}),
        "chunk size text": (te + b"hello\r\n" + body + b"\r\n0\r\n\r\n", {400}),
        "chunk extension 1 MiB": (te + b"e;x=" + b"a" * (1 << 20) + b"\r\n" + body
                                  + b"\r\n0\r\n\r\n", {400, 413}),
        "trailers 1 MiB": (te + chunk + b"0\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n", {400, 431}),
    }
    return check_cases(server, cases)


def big_bodies(setting):
    with setting.server("--max-request-bytes", "1000000") as server:
        post = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        start = time.monotonic()
        with Wire(server.port, 20) as wire:
            wire.send(post + b"Content-Length: 1000001\r\n\r\n")
            assert wire.response()[0] == 413, "by its length, before reading"
            wire.rest()
        took = time.monotonic() - start
        with Wire(server.port, 20) as wire:
            wire.send(post + b"Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")
            first = wire.until(b"\r\n")
            assert b" 413 " in first, first
        with Wire(server.port, 20) as wire:
            wire.send(post + b"Content-Length: 3000000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(30):  # the client goes on writing, and must still see the answer
                    wire.send(b" " * 100000)
            assert wire.response()[0] == 413, "the client that writes on sees the 413"
        with Wire(server.port, 20) as wire:
            wire.send(post + b"Transfer-Encoding: chunked\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(12):
                    wire.send(b"186a0\r\n" + b" " * 100000 + b"\r\n")
            assert wire.response()[0] == 413, "chunked, when the limit is crossed"
        with Wire(server.port, 20) as wire:
            body = b'{"prompt":"a"}'
            wire.send(b"POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                      b"Expect: 100-continue\r\nContent-Length: 14\r\n\r\n")
            assert b" 100 " in wire.until(b"\r\n\r\n")
            wire.send(body)
            assert wire.response()[0] == 200
    return f"413 by length in {took * 1000:.0f} ms unread, by Expect without 100, chunked when crossed"


def old_protocols(setting):
    server = setting.shared()
    plain = raw(server, b"GET /version HTTP/1.0\r\n\r\n")
    assert status_of(plain) == 200 and b"ersion" in plain, plain[:200]
    with Wire(server.port) as wire:
        for _ in range(2):
            wire.send(b"GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, headers, _ = wire.response()
            assert status == 200
            if headers.get("connection", "").lower() != "keep-alive":
                break
    streamed = raw(server, b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json"
                   b"\r\nContent-Length: 88\r\n\r\n"
                   + b'{"messages":[{"role":"user","content":"<|say:plain|>"}],"stream":true}'.ljust(88))
    assert status_of(streamed) == 200 and streamed.endswith(b"data: [DONE]\n\n"), streamed[-200:]
    seen = {}
    for name, data in {"HTTP/0.9": b"GET /version\r\n\r\n",
                       "PRI": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                       "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                       "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                       "noise": bytes(setting.rng.randrange(256) for _ in range(2000))}.items():
        got = raw(server, data, timeout=20, half=True)
        seen[name] = status_of(got) or "closed"
        assert seen[name] == "closed" or seen[name] >= 400 or name == "HTTP/0.9", (name, got[:100])
        timely(server)
    return "1.0 with and without keep-alive, a stream over 1.0; " + \
           ", ".join(f"{name}: {status}" for name, status in seen.items())


def pipelining(setting):
    server = setting.shared()
    with Wire(server.port) as wire:
        wire.send(b"".join(http_request("POST", "/tokenize", {"prompt": "a" * i})
                           for i in range(1, 101)))
        counts = []
        for _ in range(100):
            status, _, body = wire.response()
            assert status == 200, (status, body)
            counts.append(int(body.split(b'"count":')[1].split(b",")[0]))
    assert counts == list(range(1, 101)), counts
    data = http_request("POST", "/v1/completions", {
        "prompt": "<|say:plain|>\n", "max_tokens": 3}) + VERSION
    seen = set()
    for offset in range(1, len(data)):
        with Wire(server.port) as wire:
            wire.send(data[:offset])
            wire.send(data[offset:])
            one, two = wire.response(), wire.response()
            text = one[2].split(b'"choices"')[1]
            seen.add((one[0], text, two[0], two[2]))
    assert len(seen) == 1, f"{len(seen)} different answers"
    return f"100 in one write answered in order; the same at all {len(data) - 1} splits"


def keep_alive(setting):
    server, count = setting.shared(), setting.pick(2000, 10000)
    with Wire(server.port) as wire:
        for number in range(count):
            wire.send(VERSION)
            assert wire.response()[0] == 200, number
    fine, closed, resets = 0, 0, 0
    wires = [Wire(server.port, 10) for _ in range(40)]
    for wire in wires:
        wire.send(VERSION)
        wire.response()
    start = time.monotonic()
    for number, wire in enumerate(wires):  # around the moment at which the server closes
        time.sleep(max(0.0, start + 4.8 + number * 0.01 - time.monotonic()))
        try:
            wire.send(VERSION)
            fine += wire.response()[0] == 200
        except EOFError:
            closed += 1
        except ConnectionError:
            resets += 1
        wire.close()
    return f"{count} requests on one connection; 40 sent about when idle ones are closed (5 s): " \
           f"{fine} answered, {closed} closed before, {resets} reset (the client's to repeat)"


def paths(setting):
    server = setting.shared()
    get = server.request
    status, headers, body = get("HEAD", "/version")
    assert (status, body) == (200, b""), status
    assert int(headers.get("content-length", 0)) == len(get("GET", "/version")[2])
    status, headers, _ = get("OPTIONS", "/v1/chat/completions",
                             headers={"Origin": "http://a.example",
                                      "Access-Control-Request-Method": "POST"})
    assert status in (200, 204) and headers.get("access-control-allow-origin") == "*", headers
    status, headers, _ = get("DELETE", "/v1/models")
    assert status == 405 and "GET" in headers["allow"], (status, headers)
    assert get("GET", "/v1/chat/completions")[0] == 405
    assert get("BREW", "/version")[0] in (400, 405, 501)
    seen = {}
    for path in ("/nothing", "/version/", "//version", "/%2e%2e/%2e%2e/etc/passwd",
                 "/../../etc/passwd", "/v1/models/%00", "/%00", "/version%00", "/v1/models/..",
                 "/%zz", "/?" + "a=b&" * 100, "/version?x=%ff"):
        status, _, body = get("GET", path)
        seen[path] = status
        assert b"root:" not in body, "file access"
        assert status in (200, 400, 404), (path, status)
    assert seen["/nothing"] == seen["//version"] == 404, seen
    absolute = raw(server, b"GET http://x/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status_of(absolute) in (200, 400, 404), absolute[:100]
    hostless = raw(server, b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert status_of(hostless) == 400, hostless[:100]
    assert raw(server, b"GET  /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return f"HEAD 200, OPTIONS, 405 + Allow, unknown 404, absolute form {status_of(absolute)}, " \
           f"no Host 400, trailing slash {seen['/version/']}; no file is read"


def addresses(setting):
    parts = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        took = 30.0
        for _ in range(3):  # the best of them: the machine may be busy
            start = time.monotonic()
            run = subprocess.run([binary(), "serve", setting.model("slow"), "--host", "127.0.0.1",
                                  "--port", str(taken.getsockname()[1])], capture_output=True,
                                 text=True, timeout=30, check=False)
            took = min(took, time.monotonic() - start)
    assert run.returncode == 1, (run.returncode, run.stderr)
    assert "in use" in run.stderr, run.stderr
    assert took < 1.0 * setting.patience, took
    parts.append(f"port in use: exit 1 in {took * 1000:.0f} ms")
    path = setting.folder / "octet.sock"
    with setting.server("--uds", path, wait=False) as server:
        wait_for_socket(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(path))
            client.sendall(http_request("GET", "/version", close=True))
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert not path.exists(), "the socket's file is left"
    parts.append("Unix socket served and removed")
    if not has_ipv6():
        return "; ".join([*parts, "no IPv6 on this machine"])
    with setting.server("--host", "::1", wait=False) as server:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), Wire(server.port, 5, host="::1") as wire:
                wire.send(http_request("GET", "/health", close=True))
                if wire.response()[0] == 200:
                    break
            assert time.monotonic() < end, server.log()
            time.sleep(0.05)
    return "; ".join([*parts, "IPv6 served"])


def wait_for_socket(path, timeout=60):
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(http_request("GET", "/health", close=True))
            if client.recv(4096).startswith(b"HTTP/1.1 200"):
                return
        assert time.monotonic() < end, "the Unix socket does not answer"
        time.sleep(0.05)


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


LINES = {
    "C1": ("slow headers", slow_headers),
    "C2": ("slow bodies", slow_bodies),
    "C3": ("connections that send nothing", silent),
    "C4": ("headers too big or malformed", big_headers),
    "C5": ("contradictory lengths and encodings", framing),
    "C6": ("bodies over the limit", big_bodies),
    "C7": ("old and foreign protocols", old_protocols),
    "C8": ("pipelining, splits at every byte", pipelining),
    "C9": ("keep-alive and its end", keep_alive),
    "C10": ("methods and paths", paths),
    "C11": ("addresses", addresses),
}
