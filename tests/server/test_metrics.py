# SPDX-License-Identifier: Apache-2.0
"""/metrics: vLLM's names, readable by Prometheus, right."""
import shutil
import subprocess

import pytest

from scripts_data import say

GAUGES = ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"]
COUNTERS = ["prompt_tokens", "generation_tokens", "prompt_tokens_cached",
            "prompt_tokens_recomputed", "prompt_tokens_by_source", "prefix_cache_queries",
            "prefix_cache_hits", "external_prefix_cache_queries", "external_prefix_cache_hits",
            "mm_cache_queries", "mm_cache_hits", "num_preemptions", "request_success"]
HISTOGRAMS = ["time_to_first_token_seconds", "inter_token_latency_seconds",
              "request_time_per_output_token_seconds", "e2e_request_latency_seconds",
              "request_queue_time_seconds", "request_inference_time_seconds",
              "request_prefill_time_seconds", "request_decode_time_seconds",
              "request_prompt_tokens", "request_generation_tokens",
              "request_max_num_generation_tokens", "request_params_max_tokens",
              "request_prefill_kv_computed_tokens", "iteration_tokens_total", "request_params_n",
              "request_num_preemptions"]
LABELS = {("engine", "0"), ("model_name", "talker")}


@pytest.fixture(scope="module")
def fresh(scripted_dir):
    import harness
    with harness.Server(scripted_dir, "--served-model-name", "talker", "alias") as server:
        yield server


def test_all_names_at_zero_from_the_start(fresh):
    found = fresh.metrics()
    names = {name for name, _ in found}
    for name in [*GAUGES, *(c + "_total" for c in COUNTERS),
                 *(h + end for h in HISTOGRAMS for end in ("_bucket", "_sum", "_count"))]:
        assert f"vllm:{name}" in names, name
    for (name, labels), value in found.items():
        plain = name.removeprefix("vllm:")
        if plain in GAUGES or plain.removesuffix("_total") in COUNTERS or \
                plain.rsplit("_", 1)[0] in HISTOGRAMS:
            assert value == 0, (name, labels, value)
            assert LABELS <= set(labels), (name, labels)
    reasons = {dict(labels)["finished_reason"] for name, labels in found
               if name == "vllm:request_success_total"}
    assert reasons >= {"stop", "length", "abort", "error", "repetition"}
    sources = {dict(labels)["source"] for name, labels in found
               if name == "vllm:prompt_tokens_by_source_total"}
    assert sources == {"local_compute", "local_cache_hit", "external_kv_transfer"}
    config = [dict(labels) for name, labels in found if name == "vllm:cache_config_info"][0]
    assert int(config["block_size"]) > 0 and int(config["num_gpu_blocks"]) > 0, config
    for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes",
                 "process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds",
                 "process_max_fds", "http_requests_total", "http_request_duration_seconds_bucket"):
        assert name in names, name
    phases = {dict(labels)["phase"]: value for (name, labels), value in found.items()
              if name == "octet_startup_seconds"}
    assert set(phases) == {"plan", "load", "all"}, phases
    assert 0 < phases["load"] <= phases["all"], phases
    assert not any("created" in name or name.startswith("python_") for name in names)


def test_bucket_bounds(fresh):
    bounds = {}
    for (name, labels), _ in fresh.metrics().items():
        if name.endswith("_bucket"):
            bounds.setdefault(name.removesuffix("_bucket"), []).append(dict(labels)["le"])
    assert bounds["vllm:time_to_first_token_seconds"] == (
        "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 "
        "160.0 640.0 2560.0 +Inf").split()
    assert bounds["vllm:inter_token_latency_seconds"] == (
        "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 "
        "+Inf").split()
    assert bounds["vllm:iteration_tokens_total"] == (
        "1.0 8.0 16.0 32.0 64.0 128.0 256.0 512.0 1024.0 2048.0 4096.0 8192.0 16384.0 +Inf").split()
    assert bounds["vllm:request_prompt_tokens"][:6] == ["1.0", "2.0", "5.0", "10.0", "20.0", "50.0"]


def test_prometheus_reads_it(fresh):
    parser = pytest.importorskip("prometheus_client.parser")
    fresh.chat(say("plain"), max_tokens=10)
    status, headers, body = fresh.get("/metrics")
    assert status == 200
    assert headers["content-type"].replace(" ", "") == "text/plain;version=0.0.4;charset=utf-8"
    families = list(parser.text_string_to_metric_families(body.decode()))
    kinds = {family.name: family.type for family in families}
    for name in COUNTERS:
        assert kinds[f"vllm:{name}"] == "counter", name
    for name in HISTOGRAMS:
        assert kinds[f"vllm:{name}"] == "histogram", name
    for family in families:
        assert family.documentation, family.name
        seen = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(seen) == len(set(seen)), family.name
        if family.type == "histogram":
            check_histogram(family)


def check_histogram(family):
    series = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            series.setdefault(key, []).append(sample.value)
    for values in series.values():
        assert values == sorted(values), family.name


def test_promtool(fresh):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed")
    run = subprocess.run([promtool, "check", "metrics"], input=fresh.get("/metrics")[2],
                         capture_output=True, check=False)
    complaints = [line for line in (run.stdout + run.stderr).decode().splitlines()
                  if line and "colons" not in line and "_total" not in line
                  and not ("vllm:" in line and "should" in line)]
    assert not complaints, complaints


def test_rejected_and_aborted(fresh):
    """Requests that fail validation are in no histogram; gauges come back when a client leaves."""
    before = fresh.metrics()
    assert fresh.post("/v1/completions", {"prompt": "a", "temperature": 99})[0] == 400
    after = fresh.metrics()
    for (name, labels), value in after.items():
        if name.startswith("vllm:") and name.endswith(("_count", "_total")):
            assert value == before[name, labels], name
    import harness
    with fresh.connect() as wire:
        wire.send(harness.http_request("POST", "/v1/completions", {
            "prompt": say("loop") + "\n", "max_tokens": 20000, "stream": True, "ignore_eos": True}))
        wire.until(b"data: ")
    assert fresh.idle(5)
    assert fresh.gauge("vllm:kv_cache_usage_perc") == 0


def test_handlers_are_patterns(fresh):
    for path in ("/v1/models/talker", "/v1/models/a/b/c", "/nothing/here", "/etc/passwd"):
        fresh.get(path)
    handlers = {dict(labels)["handler"] for (name, labels) in fresh.metrics()
                if name == "http_requests_total"}
    assert "none" in handlers
    assert not any("passwd" in handler or "a/b/c" in handler for handler in handlers), handlers


def test_cache_config_without_prefix_cache(scripted_dir):
    import harness
    with harness.Server(scripted_dir, "--no-enable-prefix-caching") as server:
        config = [dict(labels) for name, labels in server.metrics()
                  if name == "vllm:cache_config_info"][0]
    assert config["enable_prefix_caching"] == "False", config
