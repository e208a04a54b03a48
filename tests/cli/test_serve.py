# SPDX-License-Identifier: Apache-2.0
"""serve from start to end: the lines of its log, signals, exit codes, names, keys."""
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from conftest import BINARY, ROOT
from serving import READY, Serving

# With the demo model, some thousand steps.
LONG = {"prompt": "Once upon a time", "max_tokens": 900, "ignore_eos": True, "stream": True}


@pytest.fixture(scope="module")
def server(demo):
    with Serving("models/demo", "--served-model-name", "first", "second") as running:
        yield running
        assert running.stop() == 0


LINES = [
    r"^INFO \d\d-\d\d \d\d:\d\d:\d\d \[\w+\.c:\d+\] octet API server version \d+\.\d+\.\d+, serving "
    r"model models/demo$",
    r"^INFO .*\] non-default args: \{'model': 'models/demo', .*\}$",
    r"^INFO .*\] checkpoint FP8 e4m3 block 128x128, kept as FP8, expanded in registers \(no FP8 unit "
    r"on this processor\)$",
    r"^memory plan: .* that may be used \(limit .*\)$",
    r"^  weights +[\d.]+ MB$",
    r"^  KV cache +[\d.]+ MB  [\d,]+ tokens in \d+ blocks of \d+$",
    r"^INFO .*\] Chunked prefill is enabled with max_num_batched_tokens=2048\.$",
    r"^Loading safetensors checkpoint shards:   0% Completed \| 0/1 \[00:00<00:00, 0\.00s/it\]$",
    r"^Loading safetensors checkpoint shards: 100% Completed \| 1/1 \[\d\d:\d\d<00:00, [\d.]+s/it\]$",
    r"^INFO .*\] Loading weights took \d+\.\d\d seconds$",
    r"^INFO .*\] Model loading took \d+\.\d{4} GiB and \d+\.\d{6} seconds$",
    r"^INFO .*\] Computing on \d+ threads \(--threads\)$",
    r"^INFO .*\] CPU KV cache size: [\d,]+ tokens$",
    r"^INFO .*\] Maximum concurrency for 1,024 tokens per request: \d+\.\d\dx$",
    r"^INFO .*\] init engine \(profile, create kv cache, warmup model\) took \d+\.\d\d seconds$",
    r"^WARNING .*\] Default sampling parameters have been overridden by the model's Hugging Face "
    r"generation config .* `--generation-config vllm`\.$",
    r"^INFO .*\] Using default chat sampling params from model: \{.*'temperature': 0\.7.*\}$",
    r"^INFO .*\] Starting server on http://127\.0\.0\.1:\d+$",
    r"^INFO .*\] Available routes are:$",
    r"^INFO .*\] Route: /v1/models, Methods: GET$",
    r"^INFO .*\] Route: /v1/chat/completions, Methods: POST$",
    r"^INFO:     Started server process \[\d+\]$",
    r"^INFO:     Waiting for application startup\.$",
    r"^INFO:     Application startup complete\.$",
    r"^INFO:     Uvicorn running on http://127\.0\.0\.1:\d+ \(Press CTRL\+C to quit\)$",
]


def test_lines_of_the_start_come_in_order(server):
    server.wait_for("^INFO:     Uvicorn running")
    lines, at = server.log().splitlines(), 0
    for pattern in LINES:
        found = [i for i in range(at, len(lines)) if re.search(pattern, lines[i])]
        assert found, f"{pattern}\nnot after line {at} of\n{server.log()}"
        at = found[0] + 1
    assert server.log().count(READY) == 1
    assert f"Started server process [{server.process.pid}]" in server.log()


def test_access_log(server):
    assert server.ask("GET", "/health")[0] == 200
    assert server.ask("GET", "/nowhere")[0] == 404
    server.wait_for(r'^INFO:     127\.0\.0\.1:\d+ - "GET /health HTTP/1\.1" 200 OK$')
    server.wait_for(r'^INFO:     127\.0\.0\.1:\d+ - "GET /nowhere HTTP/1\.1" 404 Not Found$')


def test_names_that_are_served(server):
    status, models = server.ask("GET", "/v1/models")
    assert status == 200
    assert [card["id"] for card in models["data"]] == ["first", "second", "models/demo", "demo"]
    for name in ["first", "second", "models/demo", "demo"]:
        body = {"model": name, "prompt": "Once", "max_tokens": 1}
        assert server.ask("POST", "/v1/completions", body)[0] == 200
    status, answer = server.ask("POST", "/v1/completions", {"model": "other", "prompt": "Once"})
    assert status == 404 and "`other`" in answer["error"]["message"]


def test_an_idle_server_ends_at_sigterm(demo):
    with Serving("models/demo") as server:
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.log().splitlines()[-1] == \
            f"INFO:     Finished server process [{server.process.pid}]"


def test_ctrl_c_is_a_clean_stop_too(demo):
    with Serving("models/demo") as server:
        server.signal(signal.SIGINT)
        assert server.wait() == 0


def streams(server, count):
    """Long streams that have begun."""
    responses = [server.open("POST", "/v1/completions", LONG) for _ in range(count)]
    for response in responses:
        assert response.status == 200
        response.first = response.readline()
    return responses


def test_running_streams_finish(demo):
    with Serving("models/demo", "--shutdown-timeout", "600") as server:
        responses = streams(server, 4)
        server.signal(signal.SIGTERM)
        for response in responses:
            text = response.read().decode()
            assert text.endswith("data: [DONE]\n\n") and '"finish_reason":"length"' in text
        assert server.wait() == 0
        assert "SIGTERM: running requests may go on for 600 s" in server.log()


def test_timeout_of_zero_breaks_off(demo):
    with Serving("models/demo", "--shutdown-timeout", "0") as server:
        responses = streams(server, 8)
        server.signal(signal.SIGTERM)
        texts = [response.read().decode() for response in responses]
        assert server.wait() == 0
        assert any('"error"' in text for text in texts), "no stream was told why it ended"


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_at_once(demo, number, code):
    with Serving("models/demo") as server:
        responses = streams(server, 16)
        server.signal(signal.SIGTERM)
        server.wait_for("running requests may go on")
        server.signal(number)
        assert server.wait() == code
        for response in responses:
            response.connection.close()


def test_sigterm_while_loading(tmp_path, demo):
    model = tmp_path / "large"
    tool = BINARY.parents[2] / "tools/synth_checkpoint/synth_checkpoint"
    subprocess.run([tool, model, "--preset", "qwen3-0.6b", "--layers", "2", "--tokenizer-from",
                    demo], check=True, cwd=ROOT, capture_output=True)
    with Serving(model, "--max-model-len", "64", ready=False) as server:
        server.wait_for("^Loading safetensors checkpoint shards:   0%")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        stopped = "stopped by a signal before the model was loaded" in server.log()
        assert stopped != (READY in server.log()), server.log()


def test_a_taken_port_is_found_before_loading(octet, demo):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = octet("serve", demo, "--host", "127.0.0.1", "--port", port)
    assert result.returncode == 1
    assert f"{port}" in result.stderr and "in use" in result.stderr
    assert "Loading" not in result.stderr and "memory plan" not in result.stderr


def test_a_model_that_cannot_be_loaded(octet, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    result = octet("serve", tmp_path, "--host", "127.0.0.1", "--port", "0")
    assert result.returncode == 1 and READY not in result.stderr
    assert re.search(r"^octet: error: .+", result.stderr, re.M)


def test_a_model_without_a_tokenizer(octet, demo, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(demo / name)
    result = octet("serve", tmp_path, "--host", "127.0.0.1", "--port", "0")
    assert result.returncode == 1 and READY not in result.stderr
    assert f"{tmp_path} has no tokenizer.json" in result.stderr
    assert "--tokenizer DIR" in result.stderr
    with Serving(tmp_path, "--tokenizer", demo) as server:
        status, answer = server.ask("POST", "/v1/completions", {"prompt": "Hi", "max_tokens": 1})
        assert status == 200 and answer["choices"][0]["finish_reason"] == "length"


def test_a_model_that_does_not_fit_names_what_does(octet, demo):
    result = octet("serve", demo, "--host", "127.0.0.1", "--port", "0", "--kv-cache-memory-bytes",
                   "1M", "--max-model-len", "1024")
    assert result.returncode == 1
    assert "the largest max_model_len that fits is" in result.stderr
    assert "Loading" not in result.stderr


def test_steps_smaller_than_sequences(octet, demo):
    where = ["serve", demo, "--host", "127.0.0.1", "--port", "0"]
    result = octet(*where, "--max-num-batched-tokens", "8", "--max-num-seqs", "16")
    assert result.returncode == 2, result.stderr
    assert "max_num_batched_tokens (8) must be greater than or equal to max_num_seqs (16)" in \
        result.stderr
    result = octet(*where, "--no-enable-chunked-prefill", "--max-num-batched-tokens", "512")
    assert result.returncode == 2
    assert "max_num_batched_tokens (512) is smaller than max_model_len (1024)" in result.stderr


def test_keys_are_read_again_at_sighup(tmp_path, demo):
    keys = tmp_path / "keys"
    keys.write_text("old-key\n")
    with Serving("models/demo", "--api-key-file", keys) as server:
        assert server.ask("GET", "/v1/models")[0] == 401
        assert server.ask("GET", "/v1/models", key="old-key")[0] == 200
        keys.write_text("new-key\n")
        server.signal(signal.SIGHUP)
        server.wait_for("SIGHUP: the API keys were read again")
        assert server.ask("GET", "/v1/models", key="old-key")[0] == 401
        assert server.ask("GET", "/v1/models", key="new-key")[0] == 200
        keys.unlink()
        server.signal(signal.SIGHUP)
        server.wait_for("SIGHUP: the old API keys stay: ")
        assert server.ask("GET", "/v1/models", key="new-key")[0] == 200
        assert server.stop() == 0
        assert "-key\n" not in server.log() and "old-key" not in server.log()


def test_the_key_of_the_environment(demo):
    with Serving("models/demo", env={"VLLM_API_KEY": "k1"}) as server:
        assert server.ask("GET", "/v1/models")[0] == 401
        assert server.ask("GET", "/v1/models", key="k1")[0] == 200
    with Serving("models/demo", "--api-key", "k2", env={"VLLM_API_KEY": "k1"}) as server:
        assert server.ask("GET", "/v1/models", key="k1")[0] == 401
        assert server.ask("GET", "/v1/models", key="k2")[0] == 200


def test_open_to_everybody_is_said(demo):
    warning = "listening on all interfaces without an API key"
    with Serving("models/demo", "--port", "0") as server:
        assert warning in server.log()
    with Serving("models/demo", "--port", "0", "--api-key", "k") as server:
        assert warning not in server.log()
    with Serving("models/demo") as server:
        assert warning not in server.log()


def test_unix_socket(tmp_path, demo):
    path = tmp_path / "octet.sock"
    with Serving("models/demo", "--uds", path) as server:
        assert f"Starting server on unix socket {path}" in server.log()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        assert server.stop() == 0
    assert not path.exists()


def test_settings_reach_the_server(demo):
    with Serving("models/demo", "--max-logprobs", "3", "--disable-uvicorn-access-log",
                 "--generation-config", "vllm", "--enable-force-include-usage",
                 env={"VLLM_MAX_N_SEQUENCES": "2", "VLLM_MAX_STOP_STRINGS": "2"}) as server:
        body = {"prompt": "Once", "max_tokens": 1}
        assert server.ask("POST", "/v1/completions", {**body, "n": 2})[0] == 200
        assert server.ask("POST", "/v1/completions", {**body, "n": 3})[0] == 400
        assert server.ask("POST", "/v1/completions", {**body, "logprobs": 4})[0] == 400
        assert server.ask("POST", "/v1/completions", {**body, "stop": ["a", "b", "c"]})[0] == 400
        response = server.open("POST", "/v1/completions", {**body, "stream": True})
        assert '"usage":{' in response.read().decode()
        response.connection.close()
        assert server.stop() == 0
        assert "HTTP/1.1" not in server.log()
        assert "Default sampling parameters" not in server.log()


def test_a_high_level_leaves_the_ready_line_only(demo):
    with Serving("models/demo", ready=False, env={"VLLM_LOGGING_LEVEL": "ERROR"}) as server:
        found = re.search(r":(\d+) ", server.wait_for("^INFO:     Uvicorn running"))
        server.port = int(found[1])
        assert server.ask("GET", "/health")[0] == 200
        assert server.stop() == 0
        assert READY in server.log() and "GET /health" not in server.log()
        assert "WARNING" not in server.log() and "INFO 1" not in server.log()


def test_threads_and_nodes(demo):
    cores = sorted(os.sched_getaffinity(0))
    env = {"VLLM_CPU_OMP_THREADS_BIND": str(cores[0]), "CPU_VISIBLE_MEMORY_NODES": "0"}
    with Serving("models/demo", env=env) as server:
        assert "threads are not bound" not in server.log()
        tasks = f"/proc/{server.process.pid}/task"
        sets = []
        for task in os.listdir(tasks):
            status = open(f"{tasks}/{task}/status").read()
            sets.append(re.search(r"Cpus_allowed_list:\s*(\S+)", status)[1])
        assert str(cores[0]) in sets, "no thread is bound"
        if len(cores) > 1:
            assert len(set(sets)) > 1, "the threads of HTTP are bound too"
        assert server.ask("POST", "/v1/completions", {"prompt": "Once", "max_tokens": 2})[0] == 200


def test_nobody_reads_the_log(demo):
    """A full pipe holds nobody back, and what was lost is counted when somebody reads again."""
    read_end, write_end = os.pipe()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([BINARY, "serve", "models/demo", "--host", "127.0.0.1", "--port",
                                str(port)], stderr=write_end, cwd=ROOT)
    os.close(write_end)
    server = Serving.__new__(Serving)
    server.port = port
    try:
        log = b""
        while READY.encode() not in log:
            log += os.read(read_end, 4096)
        target = "/" + "x" * 1000
        for _ in range(200):
            assert server.ask("GET", target)[0] == 404
        assert server.ask("GET", "/health")[0] == 200
        threading.Thread(target=process.send_signal, args=(signal.SIGTERM,)).start()
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.wait()
        os.close(read_end)
