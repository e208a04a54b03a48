# SPDX-License-Identifier: Apache-2.0
"""The flags of serve: what vLLM's command lines may say, and what becomes of it.

KEEP works, ACCEPT gives one log line "has no effect here", REFUSE stops with one sentence and exit
code 2. Nothing here loads a model: a run that gets past its flags ends at a taken port or at a
directory that does not exist.
"""
import json
import re
import socket

import pytest

KEEP = [
    "--host 127.0.0.1", "--port 8001", "--uds /tmp/x.sock", "--uvicorn-log-level warning",
    "--disable-uvicorn-access-log", "--disable-access-log-for-endpoints /health,/metrics",
    "--allow-credentials", "--allowed-origins http://a http://b", "--allowed-origins [\"*\"]",
    "--allowed-methods GET", "--allowed-headers X-A", "--api-key a b", "--api-key-file README.md",
    "--ssl-keyfile a", "--ssl-certfile a", "--ssl-ca-certs a", "--ssl-cert-reqs 0",
    "--ssl-ciphers NORMAL", "--root-path /api", "--h11-max-incomplete-event-size 65536",
    "--h11-max-header-count 100", "--chat-template README.md", "--chat-template {{messages}}",
    "--chat-template-content-format openai",
    "--default-chat-template-kwargs {\"enable_thinking\":false}",
    "--default-chat-template-kwargs.enable_thinking false", "--response-role assistant",
    "--return-tokens-as-token-ids", "--enable-auto-tool-choice", "--no-enable-auto-tool-choice",
    "--tool-call-parser hermes", "--tool-call-parser qwen3_coder", "--tool-call-parser qwen3_xml",
    "--exclude-tools-when-tool-choice-none", "--reasoning-parser qwen3",
    "--reasoning-parser deepseek_r1", "--reasoning-field both", "--enable-per-request-metrics",
    "--enable-server-load-tracking", "--enable-force-include-usage", "--sse-keep-alive-interval 5",
    "--enable-tokenizer-info-endpoint", "--enable-log-requests",
    "--enable-log-requests --enable-log-outputs", "--max-log-len 100", "--shutdown-timeout 0",
    "--dtype auto", "--dtype bfloat16", "--dtype float32", "--dtype float", "--weight-dtype fp8",
    "--max-model-len 8k", "--max-model-len -1", "--max-model-len auto", "--max_model_len=8K",
    "--max-num-seqs 4", "--max-num-batched-tokens 512", "--enable-chunked-prefill",
    "--no-enable-chunked-prefill", "--max-num-partial-prefills 1", "--max-long-partial-prefills 1",
    "--long-prefill-token-threshold 0", "--enable-prefix-caching", "--no-enable-prefix-caching",
    "--block-size 32", "--gpu-memory-utilization 0.5", "--kv-cache-memory-bytes 4G",
    "--kv-cache-dtype auto", "--kv-cache-dtype bfloat16", "--quantization fp8", "-q fp8",
    "--load-format auto", "--load-format safetensors", "--tensor-parallel-size 1", "-tp 1",
    "--tokenizer models/demo", "--seed 0", "--generation-config auto", "--generation-config vllm",
    "--generation-config models/demo", "--override-generation-config {\"temperature\":0.5}",
    "--override-generation-config.temperature 0.5", "--served-model-name a b c",
    "--max-logprobs -1", "--logprobs-mode raw_logprobs", "--scheduling-policy fcfs",
    "--scheduling-policy priority", "--max-num-queued-reqs 3", "--max-num-queued-tokens 100K",
    "--stream-interval 2", "--disable-log-stats", "--device cpu", "--device auto", "--threads 2",
    "--numa auto", "--numa off", "--numa interleave", "--numa 0", "--reserve-cores 1",
    "--max-request-bytes 1M", "--request-timeout 9", "--strict-requests", "--revision main",
    "--hf-overrides {}", "--weight-cache off", "--api-server-count 1", "--pipeline-parallel-size 1",
    "-pp 1", "--data-parallel-size 1", "--no-trust-request-chat-template", "--runner generate",
    # llama-server's and SGLang's
    "-c 4096", "--ctx-size 4096", "--context-length 4096", "-np 2", "--parallel 2",
    "--max-running-requests 2", "-t 2", "--mem-fraction-static 0.5", "--tp 1", "-a name",
]

ACCEPT = [
    "--enable-request-id-headers", "--enable-reasoning", "--enable-prompt-tokens-details",
    "--disable-log-requests", "--disable-fastapi-docs", "--otlp-traces-endpoint http://x",
    "--prefix-caching-hash-algo sha256", "--enforce-eager", "--compilation-config {\"level\":3}",
    "-O3", "-O.cudagraph_mode FULL", "-cc {}", "--distributed-executor-backend mp",
    "--trust-remote-code", "--tokenizer-mode auto", "--async-scheduling", "--no-async-scheduling",
    "--structured-outputs-config {\"backend\":\"xgrammar\"}", "--guided-decoding-backend auto",
    "--cpu-offload-gb 4", "--swap-space 4", "--additional-config {\"enable_cpu_binding\":true}",
    "--kv-cache-metrics", "--cudagraph-metrics", "--enable-mfu-metrics",
    "--show-hidden-metrics-for-version 0.9", "--disable-custom-all-reduce",
    "--limit-mm-per-prompt {\"image\":0}", "--download-dir /x",
]

REFUSE = [
    ("--middleware a.b", "--middleware: octet runs no Python"),
    ("--log-config-file x", "VLLM_LOGGING_LEVEL"),
    ("--api-server-count 4", "--api-server-count 4: octet serves from one process"),
    ("--headless", "octet serves from one process"),
    ("--data-parallel-size 2", "one replica a process"),
    ("--data-parallel-address x", "one replica a process"),
    ("--tool-server demo", "octet calls no tools itself"),
    ("--tool-parser-plugin x.py", "octet runs no Python"),
    ("--trust-request-chat-template", "never renders a template that a request brings"),
    ("--lora-modules a=/x b=/y", "loads no LoRA adapters"),
    ("--lora-modules {\"name\":\"a\",\"path\":\"/x\"}", "loads no LoRA adapters"),
    ("--enable-lora", "loads no LoRA adapters"),
    ("--max-loras 2", "loads no LoRA adapters"),
    ("--max-lora-rank 16", "loads no LoRA adapters"),
    ("--speculative-config {\"method\":\"ngram\"}", "does not decode speculatively"),
    ("--speculative-config.method ngram", "does not decode speculatively"),
    ("-sc.method ngram", "does not decode speculatively"),
    ("--tensor-parallel-size 2", "octet runs on one rank so far"),
    ("-tp=4", "octet runs on one rank so far"),
    ("--pipeline-parallel-size 2", "does not split a model by layers"),
    ("--skip-tokenizer-init", "the OpenAI API speaks in text"),
    ("--kv-transfer-config {}", "does not move its KV cache"),
    ("--weight-cache /x", "keeps no image of the weights"),
    ("--enable-ssl-refresh", "restart octet"),
    ("--dtype float16", "overflow in float16"),
    ("--dtype half", "overflow in float16"),
    ("--quantization awq", "--quantization awq: octet reads FP8"),
    ("--quantization ascend", "--quantization ascend: octet reads FP8"),
    ("--load-format gguf", "reads safetensors"),
    ("--kv-cache-dtype fp8", "stores keys and values as bfloat16"),
    ("--kv-cache-dtype int8_per_token_head", "stores keys and values as bfloat16"),
    ("--device npu", "computes on the CPU"),
    ("--tool-call-parser mistral", "expected one of auto|hermes|qwen3_coder|qwen3_xml|none"),
    ("--reasoning-parser granite", "expected one of auto|qwen3|deepseek_r1|none"),
    ("--logprobs-mode processed_logits", "raw log-probabilities only"),
    ("--enable-log-outputs", "--enable-log-outputs requires --enable-log-requests"),
    ("--uds /tmp/x --port 1", "not both"),
    ("--numa 0-", "--numa: got '0-', expected"),
    ("--chat-template nothing", "no such file, and not a template either"),
    ("--default-chat-template-kwargs []", "expected a JSON object"),
    ("--default-chat-template-kwargs {", "--default-chat-template-kwargs: line 1"),
    ("--max-num-sequences 3", "did you mean --max-num-seqs?"),
    ("--port 99999", "--port: got 99999, expected a whole number from 0 to 65535"),
    ("--port", "--port needs a value"),
    ("--config /nonexistent.yaml", "/nonexistent.yaml"),
    ("--max-model-len 0", "--max-model-len: got 0"),
]


def split(flags):
    """Words; JSON has no spaces here."""
    return flags.split(" ")


@pytest.mark.parametrize("flags", KEEP)
def test_kept_flags_are_taken(octet, flags):
    result = octet("serve", "/nonexistent", *split(flags))
    assert result.returncode == 1, result.stderr
    assert "/nonexistent: no such directory" in result.stderr
    assert "has no effect" not in result.stderr


@pytest.fixture(scope="module")
def taken_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.mark.parametrize("flags", ACCEPT)
def test_accepted_flags_give_one_log_line(octet, demo, taken_port, flags):
    result = octet("serve", demo, *split(flags), "--host", "127.0.0.1", "--port", taken_port)
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if "has no effect here" in line]
    assert len(lines) == 1, result.stderr
    assert re.match(r"INFO \d\d-\d\d \d\d:\d\d:\d\d \[\w+\.c:\d+\] --[a-z0-9-]+ has no effect here: "
                    r"\S.+[A-Za-z0-9_)]$", lines[0]), lines[0]


@pytest.mark.parametrize("flags, sentence", REFUSE)
def test_refused_flags_stop_with_one_sentence(octet, demo, flags, sentence):
    result = octet("serve", demo, *split(flags))
    assert result.returncode in ((1,) if flags.startswith("--config") else (2,)), result.stderr
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_ignored_keys_are_named(octet, demo, taken_port):
    result = octet("serve", demo, "--host", "127.0.0.1", "--port", taken_port,
                   "--additional-config.enable_cpu_binding", "true", "--additional-config.a.b", "1")
    assert "; ignored: enable_cpu_binding, a\n" in result.stderr


def test_the_deployed_configuration_is_understood(octet, demo, taken_port):
    result = octet("serve", demo, "--config", "deploy/serve.yaml", "--port", taken_port)
    assert result.returncode == 1 and "in use" in result.stderr


def listed(octet, group):
    """(flag, whether it takes a value) of a group of the help."""
    out = octet.ok("serve", f"--help={group}").stdout
    return re.findall(r"^  --([a-z0-9-]+)((?: [A-Z]+)?)", out, re.M)


def test_every_flag_of_the_table_does_what_its_group_says(octet, demo, taken_port):
    accepted, refused = listed(octet, "accepted"), listed(octet, "refused")
    assert len(accepted) > 50 and len(refused) > 40
    words = []
    for flag, value in accepted:
        words += [f"--{flag}"] + (["{}" if value == " JSON" else "x"] if value else [])
    result = octet("serve", "--model", demo, *words, "--host", "127.0.0.1", "--port", taken_port)
    assert result.returncode == 1, result.stderr
    said = re.findall(r"--([a-z0-9-]+) has no effect here", result.stderr)
    assert sorted(said) == sorted(flag for flag, _ in accepted)
    for flag, value in refused:
        result = octet("serve", demo, f"--{flag}", *(["x"] if value else []))
        assert result.returncode == 2, (flag, result.stderr)
        assert result.stderr.startswith(f"octet: error: --{flag}"), result.stderr
        assert result.stderr.count("\n") == 1


def non_default(result):
    found = re.search(r"non-default args: (\{.*\})$", result.stderr, re.M)
    assert found, result.stderr
    return found[1]


def test_arguments_are_logged_without_keys(octet, demo, taken_port):
    result = octet("serve", demo, "--api-key", "k1", "k2", "--max_model_len", "8k", "--seed=7",
                   "--served-model-name", "a", "it's", "--host", "127.0.0.1", "--port", taken_port,
                   "--override-generation-config.temperature", "0.5",
                   "--override-generation-config.stop+", "x",
                   "--override-generation-config.stop+", "[1]",
                   "--override-generation-config.a.b", "text")
    text = non_default(result)
    assert "k1" not in result.stderr and "'api_key': ['***', '***']" in text
    assert "'max_model_len': 8000" in text and "'seed': 7" in text
    assert r"'served_model_name': ['a', 'it\'s']" in text
    config = re.search(r"'override_generation_config': (\{.*?\}\})", text)[1]
    assert json.loads(config) == {"temperature": 0.5, "stop": ["x", [1]], "a": {"b": "text"}}


def test_a_list_gives_the_model_back(octet, demo, taken_port):
    result = octet("serve", "--host", "127.0.0.1", "--port", taken_port, "--api-key", "k", demo)
    assert f"'model': '{demo}'" in non_default(result) and "'api_key': ['***']" in result.stderr
    result = octet("serve", "--api-key", "only")
    assert result.returncode == 2 and "no checkpoint directory given" in result.stderr


def test_help_topics(octet):
    everything = octet.ok("serve", "--help=all").stdout
    short = octet.ok("serve", "--help").stdout
    assert "--middleware" in everything and "--middleware" not in short
    assert "--help=all" in short
    assert "--swap-space" in octet.ok("serve", "--help=swap_space").stdout
    assert octet.ok("serve", "--help=max-num-seqs").stdout.count("\n  --") == 0
    assert octet.ok("serve", "--help=max-num").stdout.count("  --max-num") >= 3
    engine = octet.ok("serve", "--help=Engine").stdout
    assert "--block-size" in engine and "--host" not in engine
    assert octet.ok("serve", "--help=CacheConfig").stdout == engine
    aliases = octet.ok("serve", "--help=aliases").stdout
    for alias in ["--ctx-size", "-np", "--model-path", "-tp", "--mem-fraction-static"]:
        assert alias in aliases
    result = octet("serve", "--help=nothing-like-it")
    assert result.returncode == 2 and "--help=all lists everything" in result.stderr


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_of_a_command(octet, flag):
    assert octet.ok("serve", flag).stdout == octet.ok("--version").stdout


@pytest.mark.parametrize("flags", ["--served-model-name a b", "--swap-space 4", "--enforce-eager",
                                   "--disable-log-stats", "--trust-remote-code", "-O3"])
def test_infer_accepts_them_too(octet, demo, flags):
    result = octet.ok("infer", demo, "--prompt", "Once", "--max-tokens", "1", *split(flags))
    assert result.stderr.count("has no effect here") == 1


@pytest.mark.parametrize("flags", ["--no-enable-prefix-caching", "--enable-prefix-caching",
                                   "--kv-cache-dtype auto", "--kv-cache-dtype bfloat16",
                                   "--no-enable-chunked-prefill", "--block-size 32"])
def test_infer_keeps_them_too(octet, demo, flags):
    plain = octet.ok("infer", demo, "--prompt", "Once", "--max-tokens", "3").stdout
    result = octet.ok("infer", demo, "--prompt", "Once", "--max-tokens", "3", *split(flags))
    assert result.stdout == plain and "no effect" not in result.stderr


# The environment.

@pytest.mark.parametrize("variable, value, sentence", [
    ("VLLM_LOGGING_LEVEL", "LOUD", "expected DEBUG, INFO"),
    ("VLLM_LOGGING_STREAM", "file.log", "expected ext://sys.stdout"),
    ("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "x", "VLLM_HTTP_TIMEOUT_KEEP_ALIVE=x: expected a number"),
    ("VLLM_CPU_KVCACHE_SPACE", "-1", "expected a number from 0"),
    ("VLLM_CPU_OMP_THREADS_BIND", "a-b", "expected auto, nobind or processors"),
    ("VLLM_CPU_NUM_OF_RESERVED_CPU", "-1", "expected a whole number"),
    ("OMP_NUM_THREADS", "many", "expected a whole number"),
    ("VLLM_MAX_N_SEQUENCES", "0", "expected a number from 1"),
    ("VLLM_MAX_STOP_STRINGS", "x", "expected a number from 1"),
    ("VLLM_MAX_COMPLETION_PROMPTS", "x", "expected a number from 1"),
    ("VLLM_LOG_STATS_INTERVAL", "x", "expected a number from 0"),
    ("CPU_VISIBLE_MEMORY_NODES", "a", "CPU_VISIBLE_MEMORY_NODES: got 'a'"),
])
def test_bad_variables_are_bad_usage(octet, demo, variable, value, sentence):
    result = octet("serve", demo, env={variable: value})
    assert result.returncode == 2 and sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_where_the_log_goes(octet, demo, taken_port):
    where = ["serve", demo, "--host", "127.0.0.1", "--port", taken_port]
    result = octet(*where, env={"VLLM_LOGGING_PREFIX": "a> "})
    assert result.stderr.startswith("a> INFO ")
    result = octet(*where, env={"VLLM_LOGGING_STREAM": "ext://sys.stdout"})
    assert result.stdout.startswith("INFO ") and "non-default" not in result.stderr
    result = octet(*where, env={"VLLM_LOGGING_LEVEL": "ERROR"})
    assert "INFO" not in result.stderr
    result = octet(*where, "--uvicorn-log-level", "info", env={"VLLM_LOGGING_LEVEL": "ERROR"})
    assert "INFO" in result.stderr


def test_variables_without_effect_say_so(octet, demo, taken_port):
    result = octet("serve", demo, "--host", "127.0.0.1", "--port", taken_port,
                   env={"PYTORCH_NPU_ALLOC_CONF": "x"})
    assert "PYTORCH_NPU_ALLOC_CONF has no effect here: octet has no such allocator" in result.stderr


# Models by id.

def test_an_id_is_looked_up_in_the_caches(octet, tmp_path, demo, taken_port):
    where = ["--host", "127.0.0.1", "--port", taken_port]
    home, scope = tmp_path / "hf", tmp_path / "scope"
    env = {"HF_HOME": str(home), "MODELSCOPE_CACHE": str(scope), "HF_HUB_CACHE": ""}
    missing = octet("serve", "Org/Demo-1.0", env=env)
    assert missing.returncode == 1
    assert f"no model of that id in {home}/hub" in missing.stderr
    assert "'octet pull Org/Demo-1.0'" in missing.stderr
    missing = octet("serve", "Org/Demo-1.0", env={**env, "VLLM_USE_MODELSCOPE": "True"})
    assert "'octet pull Org/Demo-1.0'" in missing.stderr
    repository = home / "hub/models--Org--Demo-1.0"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    (repository / "refs/main").write_text("abc123\n")
    (repository / "snapshots/abc123").symlink_to(demo)
    found = octet("serve", "Org/Demo-1.0", *where, env=env)
    assert "serving model Org/Demo-1.0" in found.stderr and found.returncode == 1
    assert "in use" in found.stderr
    assert octet("serve", "Org/Demo-1.0", "--revision", "abc123", *where, env=env).returncode == 1
    other = octet("serve", "Org/Demo-1.0", "--revision", "v2", *where, env=env)
    assert "no model of that id" in other.stderr
    (scope / "hub/models/Org").mkdir(parents=True)
    (scope / "hub/models/Org/Demo-2___0").symlink_to(demo)
    assert "in use" in octet("serve", "Org/Demo-2.0", *where, env=env).stderr
    for bad in ["../demo", "a/b/c", "Org/..", ".hidden"]:
        assert "no such directory; octet takes" in octet("serve", bad, env=env).stderr


# --config.

def test_configuration_file(octet, tmp_path, demo, taken_port):
    path = tmp_path / "serve.yaml"
    path.write_text(f"""# a comment
model: {demo}
host: 127.0.0.1
port: {taken_port}
max_model_len: 8k
enable-log-requests: yes
enable-prefix-caching: false
served-model-name: [a, "b c"]
seed: 3
override-generation-config:
  temperature: 0.5
  note: "1"
  list: [1, two, null, true]
revision: null
""")
    text = non_default(octet("serve", "--config", path))
    for part in [f"'model': '{demo}'", "'max_model_len': 8000", "'enable_log_requests': True",
                 "'enable_prefix_caching': False", "'served_model_name': ['a', 'b c']", "'seed': 3",
                 '"temperature": 0.5', '"note": "1"', '[1, "two", null, true]']:
        assert part in text, (part, text)
    assert "revision" not in text
    text = non_default(octet("serve", demo, "--config", path, "--seed", "9", "--served-model-name",
                             "c"))
    assert "'seed': 9" in text and "'served_model_name': ['c']" in text


@pytest.mark.parametrize("text, sentence", [
    ("prot: 1", "serve.yaml:1: unknown option --prot; did you mean --port?"),
    ("a: 1\nport: x", "serve.yaml:1: unknown option --a"),
    ("host: h\nport: x", "serve.yaml:2: --port: got x"),
    ("port: [1, 2]", "serve.yaml:1: --port takes one value, found a list"),
    ("- port", "expected a mapping of option names"),
    ("port: 1: 2", "serve.yaml:1: "),
    ("a: [", "serve.yaml:"),
    ("config: other.yaml", "'config' is no option for a configuration file"),
    ("port=1: 2", "'port=1' is no option for a configuration file"),
    ("\n\nenable-lora: true", "serve.yaml:3: --enable-lora: this version"),
    ("enable-log-requests: maybe", "serve.yaml:1: --enable-log-requests: got 'maybe'"),
    ("hf-overrides: &a {x: *a}", "an alias inside itself"),
    ("hf-overrides: &a [*a]", "an alias inside itself"),
    ("host: &a " + "x" * 100000 + "\nserved-model-name: [" + "*a, " * 50 + "]", "1 MiB of values"),
    ("hf-overrides: " + "[" * 60 + "]" * 60, "nested deeper than 32 levels"),
    ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n"
                               for i in range(1, 9)), "more than 10000 values"),
    ("host: \"a\\0b\"", "a NUL byte in a value"),
    ("port: 1\n---\nhost: x", "serve.yaml:3: a second document"),
])
def test_bad_configuration_files(octet, tmp_path, demo, text, sentence):
    path = tmp_path / "serve.yaml"
    path.write_text(text)
    result = octet("serve", demo, "--config", path)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr and result.stderr.count("\n") == 1


def test_large_configuration_file(octet, tmp_path, demo):
    path = tmp_path / "serve.yaml"
    path.write_text("# " + "x" * (1 << 20))
    result = octet("serve", demo, "--config", path)
    assert result.returncode == 1 and "at most 262144" in result.stderr
