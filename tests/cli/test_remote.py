# SPDX-License-Identifier: Apache-2.0
"""chat --url and complete: vLLM's small clients, against our server."""
import http.server
import json
import os
import pty
import signal
import socket
import subprocess
import threading

import pytest
from conftest import BINARY, ROOT
from serving import Serving


@pytest.fixture(scope="module")
def server(demo):
    with Serving("models/demo", "--api-key", "secret", "--served-model-name", "served",
                 "--generation-config", "vllm") as running:
        yield running


@pytest.fixture
def remote(octet, server):
    def run(command, *args, **kwargs):
        env = {"OPENAI_API_KEY": "secret", **kwargs.pop("env", {})}
        return octet(command, "--url", server.url, *args, env=env, **kwargs)
    return run


def test_one_message(remote):
    result = remote("chat", "-q", "What is the capital of France?", "--temperature", "0",
                    "--max-tokens", "8")
    assert result.returncode == 0, result.stderr
    first, answer = result.stdout.split("\n", 1)
    assert first == "Using model: served" and answer.strip() and answer.endswith("\n")
    assert "Please enter" not in answer


def test_one_prompt_is_continued(remote, octet, demo):
    result = remote("complete", "--quick", "Once upon a time", "--temperature", "0",
                    "--max-tokens", "8")
    assert result.returncode == 0, result.stderr
    alone = octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "8").stdout
    assert result.stdout == "Using model: served\n" + alone.rstrip("\n") + "\n"


def test_conversation(remote):
    result = remote("chat", "--system-prompt", "Be short.", "--temperature", "0", "--max-tokens",
                    "4", stdin="Hello\n\nAnd again\n")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:2] == ["Using model: served", "Please enter a message for the chat model:"]
    assert sum(line.startswith("> ") for line in lines) == 3
    result = remote("complete", "--max-tokens", "4", stdin="Once\n")
    assert "Please enter prompt to complete:\n> " in result.stdout and result.returncode == 0


def test_another_model_name(remote):
    result = remote("chat", "--model-name", "demo", "-q", "Hi", "--max-tokens", "2")
    assert result.returncode == 0 and result.stdout.startswith("Using model: demo\n")
    result = remote("chat", "--model-name", "other", "-q", "Hi")
    assert result.returncode == 1
    assert "HTTP status 404" in result.stderr and "`other`" in result.stderr


def test_the_key(remote):
    result = remote("chat", "-q", "Hi", env={"OPENAI_API_KEY": "wrong"})
    assert result.returncode == 1 and "HTTP status 401" in result.stderr
    result = remote("chat", "-q", "Hi", "--api-key", "secret", "--max-tokens", "2",
                    env={"OPENAI_API_KEY": "wrong"})
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", ["chat", "complete"])
def test_no_server(octet, command):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = holder.getsockname()[1]
        result = octet(command, "--url", f"http://127.0.0.1:{port}/v1", "-q", "Hi")
    assert result.returncode == 1
    assert f"http://127.0.0.1:{port}/v1/models: " in result.stderr
    assert "is a server running there?" in result.stderr


@pytest.mark.parametrize("command", ["chat", "complete"])
def test_bad_address(octet, command):
    result = octet(command, "--url", "ftp://x", "-q", "Hi")
    assert result.returncode == 2 and "expected an address such as" in result.stderr


@pytest.mark.parametrize("command", ["chat", "complete"])
def test_ctrl_c_leaves_well(server, command):
    process = subprocess.Popen([BINARY, command, "--url", server.url, "--api-key", "secret"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    seen = ""
    while not seen.endswith("> "):
        seen += process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    process.stdin.close()
    process.stdout.close()


def test_sampling_goes_to_the_server(remote):
    greedy = ["--temperature", "0", "--max-tokens", "12"]
    plain = remote("complete", "-q", "Once upon a time", *greedy).stdout
    word = plain.split()[-3]
    stopped = remote("complete", "-q", "Once upon a time", *greedy, "--stop", word).stdout
    assert plain.startswith(stopped.rstrip("\n")) and word not in stopped.split()
    seeded = [remote("complete", "-q", "Once", "--seed", "5", "--temperature", "1.5", "--max-tokens",
                     "12").stdout for _ in range(2)]
    assert seeded[0] == seeded[1]
    other = remote("complete", "-q", "Once", "--seed", "6", "--temperature", "1.5", "--max-tokens",
                   "12").stdout
    assert other != seeded[0]
    result = remote("chat", "-q", "Hi", "--top-p", "0.5", "--top-k", "3", "--min-p", "0.1",
                    "--repetition-penalty", "1.1", "--presence-penalty", "0.5",
                    "--frequency-penalty", "0.5", "--min-tokens", "1", "--ignore-eos",
                    "--no-enable-thinking", "--max-tokens", "3")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("args, sentence", [
    (["chat", "models/demo", "--url", "http://x"], "a directory or --url, not both"),
    (["chat", "--url", "http://x", "--threads", "2"], "--threads has no effect on a server"),
    (["chat", "--chat-template", "x"], "--chat-template has no effect on a server"),
    (["chat", "models/demo", "--model-name", "x"], "--model-name has an effect only with --url"),
    (["complete", "--dtype", "float32"], "not an option of 'octet complete'"),
])
def test_options_of_the_other_side(octet, args, sentence):
    result = octet(*args)
    assert result.returncode == 2 and sentence in result.stderr


def test_one_message_to_a_model_here(octet, demo):
    result = octet.ok("chat", demo, "-q", "What is the capital of France?", "--temperature", "0",
                      "--quiet")
    assert result.stdout == "The capital of France is Paris.\n"


class Hostile(http.server.BaseHTTPRequestHandler):
    """Names a model and says a text that would steer a terminal."""
    NAME, TEXT = "m\x1b]0;owned\x07", "a\x1b[2J\u009b31mb\tc\nd\r\u00e9"

    def send(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.send("application/json", json.dumps({"data": [{"id": self.NAME}]}))

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        delta = {"reasoning": self.TEXT, "content": self.TEXT}
        event = json.dumps({"choices": [{"index": 0, "delta": delta, "text": self.TEXT}]})
        self.send("text/event-stream", f"data: {event}\n\ndata: [DONE]\n\n")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("command", ["chat", "complete"])
def test_a_terminal_is_not_steered(command):
    with http.server.HTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        arguments = [BINARY, command, "--url", f"http://127.0.0.1:{server.server_port}", "-q", "Hi"]
        piped = subprocess.run(arguments, capture_output=True, cwd=ROOT, timeout=60)
        ours, theirs = pty.openpty()
        subprocess.run(arguments, stdout=theirs, stdin=subprocess.DEVNULL, cwd=ROOT, timeout=60,
                       env={**os.environ, "NO_COLOR": "1"}, check=True)
        seen = os.read(ours, 65536).decode()
        os.close(ours)
        os.close(theirs)
        server.shutdown()
    assert Hostile.TEXT in piped.stdout.decode() and piped.returncode == 0
    assert "a\\x1b[2J\\xc2\\x9b31mb\tc\r\nd\\x0d\u00e9" in seen.replace("       ", "\t")
    assert not set(seen) & {"\x1b", "\x07", "\x9b"}, repr(seen)
