# SPDX-License-Identifier: Apache-2.0
"""HTTPS: an answer, a stream, a client that leaves, and certificates that are wrong."""
import http.client
import json
import shutil
import ssl
import subprocess
import time

import pytest

import harness
from scripts_data import TEXTS, say


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


def connect(server, cert):
    context = ssl.create_default_context(cafile=str(cert))
    return http.client.HTTPSConnection("localhost", server.port, timeout=60, context=context)


def wait_ready(server, cert):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            wire = connect(server, cert)
            wire.request("GET", "/health")
            if wire.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(server.log())


@pytest.fixture(scope="module")
def secure(scripted_dir, certificate):
    key, cert = certificate
    with harness.Server(scripted_dir, "--ssl-keyfile", key, "--ssl-certfile", cert, "--host",
                        "localhost", wait=False) as server:
        wait_ready(server, cert)
        yield server, cert


def post(wire, body):
    wire.request("POST", "/v1/chat/completions", json.dumps(body),
                 {"Content-Type": "application/json"})
    return wire.getresponse()


def chat(name, **more):
    return {"messages": [{"role": "user", "content": say(name)}], "temperature": 0, **more}


def test_answer_and_stream_agree(secure):
    server, cert = secure
    wire = connect(server, cert)
    answer = json.load(post(wire, chat("plain")))
    assert answer["choices"][0]["message"]["content"] == TEXTS["plain"]
    events = post(wire, chat("plain", stream=True)).read().decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"]
              for event in events[:-2]]
    assert "".join(delta.get("content") or "" for delta in deltas) == TEXTS["plain"]


def test_a_client_that_leaves_is_noticed(secure):
    server, cert = secure
    wire = connect(server, cert)
    response = post(wire, chat("loop", stream=True, max_tokens=2000, ignore_eos=True))
    assert response.read(20)
    response.close()
    wire.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        look = connect(server, cert)
        look.request("GET", "/metrics")
        running = [line for line in look.getresponse().read().decode().splitlines()
                   if line.startswith("vllm:num_requests_running{")]
        if running[0].endswith(" 0.0"):
            return
        time.sleep(0.1)
    raise AssertionError("the request still runs")


def test_plain_http_gets_no_answer(secure):
    server, _ = secure
    wire = http.client.HTTPConnection("localhost", server.port, timeout=60)
    with pytest.raises((OSError, http.client.HTTPException)):
        wire.request("GET", "/health")
        wire.getresponse()


@pytest.mark.parametrize("flags,code,words", [
    (["--ssl-keyfile", "{key}"], 2, ["--ssl-certfile"]),
    (["--ssl-keyfile", "{key}", "--ssl-certfile", "{dir}/none.pem"], 1, ["none.pem"]),
    (["--ssl-keyfile", "{cert}", "--ssl-certfile", "{cert}"], 1, ["cert.pem"]),
])
def test_wrong_certificates_end_the_start(scripted_dir, certificate, flags, code, words):
    key, cert = certificate
    named = [flag.format(key=key, cert=cert, dir=cert.parent) for flag in flags]
    result = subprocess.run([str(harness.binary()), "serve", str(scripted_dir), "--port", "0",
                             "--host", "127.0.0.1", *named], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == code, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
