# SPDX-License-Identifier: Apache-2.0
"""Start `octet serve` and talk to it: what the server tests, the robustness program, the soak and
the benchmarks share. Nothing but Python's library is needed.

OCTET_BIN names the binary (build/release/src/cli/octet unless set).
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models/demo"
sys.path.insert(0, str(ROOT / "tools/scripted_checkpoint"))

SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer"
                       r"|UndefinedBehaviorSanitizer|runtime error:)")


def binary():
    return pathlib.Path(os.environ.get("OCTET_BIN", ROOT / "build/release/src/cli/octet"))


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`octet serve MODEL FLAGS` on a free port of the loopback interface. Use as a context: it is
    ready inside; at the end it gets SIGTERM and must exit with 0 and without a sanitizer's report.
    """

    def __init__(self, model, *flags, env=None, preexec=None, program=None, wait=True,
                 stderr=None, expect_exit=(0,), start_timeout=120):
        self.model, self.flags = str(model), [str(flag) for flag in flags]
        self.port = free_port()
        self.env = {**os.environ, "NO_COLOR": "1", **(env or {})}
        self.preexec, self.program = preexec, pathlib.Path(program or binary())
        self.wait, self.stderr = wait, stderr
        self.expect_exit, self.start_timeout = expect_exit, start_timeout
        self.process, self.log_path = None, None

    # Life.

    def start(self):
        address = [] if "--uds" in self.flags else ["--port", str(self.port)]
        if address and "--host" not in self.flags:
            address += ["--host", "127.0.0.1"]
        command = [str(self.program), "serve", self.model, *address, *self.flags]
        handle, self.log_path = tempfile.mkstemp(prefix="octet-serve-", suffix=".log")
        with os.fdopen(handle, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log if self.stderr is None else self.stderr, env=self.env, cwd=ROOT,
                preexec_fn=self.preexec)
        if self.wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        end = time.monotonic() + self.start_timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"octet serve ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(OSError):
                if self.get("/health")[0] == 200:
                    return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"octet serve was not ready in {self.start_timeout} s:\n{self.log()}")

    def stop(self, sig=signal.SIGTERM, timeout=60):
        """Signal it, wait, and return the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace") if self.log_path else ""

    def sanitizer_report(self):
        return "\n".join(line for line in self.log().splitlines() if SANITIZER.search(line))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            code = self.stop()
            if kind is None:
                report = self.sanitizer_report()
                assert not report, report + "\n" + self.log()[-6000:]
                assert code in self.expect_exit, f"exit {code}\n{self.log()[-6000:]}"
        finally:
            self.kill()
            with contextlib.suppress(OSError):
                os.unlink(self.log_path)

    # Measures.

    def status_value(self, key):
        """A number of /proc/PID/status, such as VmRSS in kB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+)", text, re.M).group(1))

    def rss(self):
        return self.status_value("VmRSS") * 1024

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metrics(self):
        status, _, body = self.get("/metrics", timeout=20)
        assert status == 200, status
        return parse_metrics(body.decode())

    def gauge(self, name):
        """The sum over label values of one metric."""
        return sum(value for (key, _), value in self.metrics().items() if key == name)

    def idle(self, timeout=10.0):
        """Wait until nothing runs and nothing waits; False if that did not happen."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.metrics()
            if not any(value for (name, _), value in found.items()
                       if name in ("vllm:num_requests_running", "vllm:num_requests_waiting")):
                return True
            time.sleep(0.02)
        return False

    # HTTP.

    def connect(self, timeout=30):
        return Wire(self.port, timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        """One request on a connection of its own: (status, headers, body bytes)."""
        with self.connect(timeout) as wire:
            wire.send(http_request(method, path, body, headers, close=True))
            return wire.response(head=method == "HEAD")

    def get(self, path, headers=None, timeout=10):
        return self.request("GET", path, None, headers, timeout)

    def post(self, path, body, headers=None, timeout=120):
        """POST of JSON (or of bytes as they are): (status, headers, parsed body)."""
        status, answer, data = self.request("POST", path, body, headers, timeout)
        return status, answer, json.loads(data) if data[:1] in (b"{", b"[") else data

    def chat(self, content, timeout=120, **fields):
        """A chat completion that must succeed: the parsed answer."""
        return self.ok("/v1/chat/completions",
                       {"messages": [{"role": "user", "content": content}], **fields}, timeout)

    def complete(self, prompt, timeout=120, **fields):
        return self.ok("/v1/completions", {"prompt": prompt, **fields}, timeout)

    def ok(self, path, body, timeout=120):
        status, _, answer = self.post(path, body, timeout=timeout)
        assert status == 200, (status, answer)
        return answer

    def stream(self, path, body, timeout=120):
        """The events of a streamed answer: parsed objects, without the final [DONE]."""
        with self.connect(timeout) as wire:
            wire.send(http_request("POST", path, {**body, "stream": True}, close=True))
            status, headers, data = wire.response()
        assert status == 200, (status, data)
        assert headers["content-type"].startswith("text/event-stream"), headers
        return parse_events(data)


class Wire:
    """A client's connection at the level of bytes."""

    def __init__(self, port, timeout=30, host="127.0.0.1", rcvbuf=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def until(self, mark):
        """Bytes up to and including `mark`; what follows stays buffered."""
        while mark not in self.buffered:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"closed before {mark!r}: {self.buffered[-200:]!r}")
            self.buffered += data
        place = self.buffered.index(mark) + len(mark)
        found, self.buffered = self.buffered[:place], self.buffered[place:]
        return found

    def exactly(self, size):
        while len(self.buffered) < size:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"closed {size - len(self.buffered)} bytes early")
            self.buffered += data
        found, self.buffered = self.buffered[:size], self.buffered[size:]
        return found

    def rest(self):
        """Everything until the peer closes; a reset ends it too."""
        with contextlib.suppress(ConnectionError):
            while data := self.sock.recv(65536):
                self.buffered += data
        found, self.buffered = self.buffered, b""
        return found

    def response(self, head=False):
        """One response: (status, headers with lower-case names, body)."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status == 100:
            return self.response(head)
        headers = {}
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        if head or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, headers, self.chunked()
        if "content-length" in headers:
            return status, headers, self.exactly(int(headers["content-length"]))
        return status, headers, self.rest()

    def chunked(self):
        body = b""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        while self.until(b"\r\n") != b"\r\n":
            pass
        return body


def http_request(method, path, body=None, headers=None, close=False):
    """The bytes of a request; a body that is no bytes object is sent as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if not any(name.lower() == "content-type" for name in headers or {}):
            lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def parse_events(data):
    """SSE bytes -> parsed events; checks the framing that clients rely on."""
    assert data.endswith(b"data: [DONE]\n\n"), data[-200:]
    events = []
    for part in data.decode().split("\n\n")[:-2]:
        if part.startswith(":"):
            continue
        assert part.startswith("data: ") and "\n" not in part, part
        events.append(json.loads(part[6:]))
    return events


def parse_metrics(text):
    """Prometheus text -> {(name, labels as a sorted tuple): value}."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([^\s{]+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            found[name, tuple(sorted(pairs))] = float(value)
    return found


class Joined:
    """A stream's events put together as the whole answer's choices would be."""

    def __init__(self, events):
        self.choices, self.usage, self.first, self.ids = {}, None, {}, set()
        for event in events:
            assert "error" not in event, event
            self.ids.add((event["id"], event["created"], event["model"]))
            self.usage = event.get("usage") or self.usage
            for choice in event["choices"]:
                self.take(choice)

    def take(self, choice):
        joined = self.choices.setdefault(choice["index"], {
            "text": "", "content": "", "reasoning": "", "reasoning_content": "", "tools": {},
            "logprobs": [], "finish_reason": None, "stop_reason": None, "token_ids": []})
        assert joined["finish_reason"] is None, "an event after the last one"
        joined["text"] += choice.get("text") or ""
        delta = choice.get("delta", {})
        for key in ("content", "reasoning", "reasoning_content"):
            joined[key] += delta.get(key) or ""
        calls = delta.get("tool_calls") or []
        indexes = [call["index"] for call in calls]
        assert len(set(indexes)) == len(indexes), f"two entries of one call in a chunk: {calls}"
        for call in calls:
            tool = joined["tools"].setdefault(call["index"], {"arguments": ""})
            tool["id"] = call.get("id") or tool.get("id")
            tool["type"] = call.get("type") or tool.get("type")
            tool["name"] = call.get("function", {}).get("name") or tool.get("name")
            tool["arguments"] += call.get("function", {}).get("arguments") or ""
        if choice.get("logprobs"):
            joined["logprobs"].append(choice["logprobs"])
        joined["finish_reason"] = choice.get("finish_reason")
        joined["stop_reason"] = choice.get("stop_reason")
        joined["token_ids"] += choice.get("token_ids") or []


class Background(threading.Thread):
    """Run a function in a thread; result() gives its value or raises what it raised."""

    def __init__(self, function, *args, **kwargs):
        super().__init__(daemon=True)
        self.call, self.value, self.error = (function, args, kwargs), None, None
        self.start()

    def run(self):
        function, args, kwargs = self.call
        try:
            self.value = function(*args, **kwargs)
        except BaseException as error:  # handed to result()
            self.error = error

    def result(self, timeout=300):
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError("a background call did not end")
        if self.error:
            raise self.error
        return self.value
