# SPDX-License-Identifier: Apache-2.0
"""Start, stop and signals: lines L1 to L8."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from harness import Server, Wire, http_request
from run import NotApplicable


def stop_idle(setting):
    times = []
    for sig in (signal.SIGTERM, signal.SIGINT):
        with setting.server() as server:
            setting.alive(server)
            idle = Wire(server.port)  # an idle connection does not hold it up
            start = time.monotonic()
            code = server.stop(sig)
            times.append(time.monotonic() - start)
            idle.close()
            assert code == 0, code
            assert times[-1] < 1.0 * setting.patience, f"{times[-1]:.2f} s"
    return f"exit 0 in {times[0] * 1000:.0f} ms (SIGTERM), {times[1] * 1000:.0f} ms (SIGINT)"


def streams(setting, server, count, tokens):
    wires = [Wire(server.port, 60) for _ in range(count)]
    for wire in wires:
        wire.send(setting.endless(tokens))
    for wire in wires:
        wire.until(b"data: ")
        wire.buffered = b"data: " + wire.buffered
    return wires


def drain(setting):
    with setting.server("--shutdown-timeout", "60", "--max-model-len", "16384", kind="slow") as server:
        wires = streams(setting, server, 16, 60)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        refused = "connection refused"
        with contextlib.suppress(ConnectionError):
            status, headers, answer = server.post("/v1/completions", {"prompt": "a"})
            assert status == 503 and int(headers["retry-after"]) >= 1, (status, answer)
            assert answer["error"]["code"] == "server_shutting_down", answer
            refused = "503 + Retry-After"
            assert server.get("/health")[0] == 503
        for wire in wires:
            data = wire.until(b"data: [DONE]\n\n")
            assert b'"error"' not in data and b'"finish_reason":"length"' in data.replace(b" ", b"")
            wire.close()
        code = server.process.wait(60)
        assert code == 0, code
    with setting.server("--shutdown-timeout", "1", "--max-model-len", "32768", kind="slow") as server:
        wires = streams(setting, server, 4, 30000)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for wire in wires:
            tail = wire.until(b"data: [DONE]\n\n")
            tail = tail[tail.index(b'{"error"'):]
            error = json.loads(tail[:tail.index(b"\n")])["error"]
            assert error["code"] == "server_shutting_down", error
        code = server.process.wait(60)
        took = time.monotonic() - start
        assert code == 0 and took < 4 * setting.patience, (code, took)
        for wire in wires:
            wire.close()
    return f"16 streams finish, new ones get {refused}; at the limit of 1 s an error event, " \
           f"exit 0 after {took:.1f} s"


def second_signal(setting):
    times = []
    for sig, expected in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        server = setting.server("--shutdown-timeout", "60", "--max-model-len", "32768",
                                kind="slow").start()
        try:
            wires = streams(setting, server, 2, 30000)
            server.process.send_signal(sig)
            time.sleep(0.3)
            assert server.process.poll() is None, "it did not drain"
            start = time.monotonic()
            server.process.send_signal(sig)
            code = server.process.wait(10)
            times.append(time.monotonic() - start)
            assert code in (expected, -sig), code
            assert times[-1] < 1.0 * setting.patience, times
            for wire in wires:
                wire.close()
        finally:
            server.kill()
    return f"exit 143 in {times[0] * 1000:.0f} ms, 130 in {times[1] * 1000:.0f} ms"


def big_model(setting):
    """A checkpoint that takes a moment to load."""
    import scripted
    if "big" not in setting.models:
        setting.models["big"] = scripted.write_checkpoint(
            setting.folder / "big", {"default": "x y z"}, layers=12, intermediate=4096)
    return setting.models["big"]


def stop_loading(setting):
    big_model(setting)
    times = []
    for delay in (0.0, 0.02, 0.1, 0.3):
        server = Server(big_model(setting), wait=False).start()
        time.sleep(delay)
        start = time.monotonic()
        code = server.stop()
        times.append(time.monotonic() - start)
        assert code in (0, 143, -15), (code, server.log())
        assert times[-1] < 2 * setting.patience, times
        report = server.sanitizer_report()
        assert not report, report
    out = pathlib.Path(tempfile.mkdtemp(dir=setting.folder))
    from harness import binary
    convert = subprocess.Popen([binary(), "convert", big_model(setting), out / "converted"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.2)
    convert.terminate()
    start = time.monotonic()
    code = convert.wait(30)
    assert time.monotonic() - start < 2 * setting.patience
    left = [path.name for path in (out / "converted").glob("*.safetensors")
            if code != 0 and path.name == "model.safetensors"]
    assert not left, f"half-written output under its final name: {left}"
    return f"SIGTERM during loading: exit after {max(times) * 1000:.0f} ms at most; a conversion " \
           f"leaves nothing under its final name (exit {code})"


def reload_keys(setting):
    keys = setting.folder / "keys"
    keys.write_text("first\n")
    with setting.server() as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        setting.alive(server)
    with setting.server("--api-key-file", keys) as server:
        def status(key):
            return server.get("/v1/models", {"Authorization": f"Bearer {key}"})[0]
        assert (status("first"), status("second")) == (200, 401)
        keys.write_text("second\n")
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 5
        while status("second") != 200:
            assert time.monotonic() < end, "the key file is not read again"
            time.sleep(0.02)
        assert status("first") == 401
        keys.unlink()
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert status("second") == 200, "the old keys stay when the file cannot be read"
    return "the key file is read again; the old keys stay when it is gone"


def while_loading(setting):
    server = Server(big_model(setting), wait=False).start()
    try:
        seen, end, retry = {}, time.monotonic() + 60, None
        while time.monotonic() < end:
            with contextlib.suppress(OSError, EOFError):
                status, headers, body = server.get("/v1/models")
                if status == 503 and 503 not in seen:
                    retry, error = headers.get("retry-after"), json.loads(body)["error"]
                    seen["health"] = server.get("/health")[0]
                seen[status] = seen.get(status, 0) + 1
                if status == 200:
                    break
            time.sleep(0.002)
        time.sleep(0.5)  # the line follows
        ready = server.log().count("Application startup complete.")
        assert 503 in seen, f"no answer while loading: {seen}"
        assert retry and int(retry) >= 1 and "loading" in json.dumps(error), (retry, error)
        assert seen.get(200) == 1 and ready == 1, (seen, ready)
        code = server.stop()
        assert code == 0, code
    finally:
        server.kill()
    return f"{seen[503]} requests got 503 loading, Retry-After {retry}; ready said once"


def ranks(setting):
    with setting.server("--tensor-parallel-size", "1") as server:
        setting.alive(server)
    raise NotApplicable("one process, no ranks and no device until tensor parallelism and the NPU "
                        "backend exist; the engine's own failures are in tests/engine")


def cycles(setting):
    count = setting.pick(10, 100)
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    temporary = set(os.listdir(tempfile.gettempdir()))
    path = setting.folder / "cycle.sock"
    port = None
    for number in range(count):
        server = setting.server(*(["--uds", path] if number % 5 == 4 else []), wait=number % 5 != 4)
        port = port or server.port
        server.port = port  # the same port again, at once
        with server:
            if number % 5 == 4:
                from connection import wait_for_socket
                wait_for_socket(path)
            else:
                wire = Wire(server.port)
                wire.send(setting.endless(20) if number % 2 else http_request("GET", "/version"))
                wire.until(b"\r\n\r\n")
                if number % 3:
                    wire.close()
        assert not path.exists(), "the socket's file is left"
    left = {name for name in set(os.listdir("/dev/shm")) - before} if before else set()
    mine = {name for name in set(os.listdir(tempfile.gettempdir())) - temporary
            if re.search("octet", name) and not name.startswith("octet-serve-")}
    assert not left and not mine, (left, mine)
    return f"{count} times on the same port: exit 0 each time, nothing left behind"


LINES = {
    "L1": ("SIGTERM when idle", stop_idle),
    "L2": ("SIGTERM with 16 streams", drain),
    "L3": ("a second signal", second_signal),
    "L4": ("SIGTERM while loading or converting", stop_loading),
    "L5": ("SIGHUP", reload_keys),
    "L6": ("requests while loading", while_loading),
    "L7": ("a rank that dies", ranks),
    "L8": ("start and stop again and again", cycles),
}
