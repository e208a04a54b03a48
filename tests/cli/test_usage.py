# SPDX-License-Identifier: Apache-2.0
"""Grammar, help, exit codes, completions, manual page."""
import json
import re
import shutil
import subprocess

import pytest

COMMANDS = ["infer", "chat", "serve", "complete", "pull", "convert", "inspect", "verify", "tokenize", "detokenize", "render",
            "logits", "bench", "collect-env", "completion"]


def test_no_arguments_is_bad_usage(octet):
    result = octet()
    assert result.returncode == 2
    assert "Commands:" in result.stderr and result.stdout == ""


def test_overview_lists_every_command(octet):
    out = octet.ok("--help").stdout
    assert re.findall(r"^  ([a-z-]+) +[A-Z]", out, re.M)[:len(COMMANDS)] == COMMANDS
    assert octet.ok("help").stdout == out


def test_version(octet):
    assert re.fullmatch(r"octet \d+\.\d+\.\d+\n", octet.ok("--version").stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(octet, command):
    out = octet.ok(command, "--help").stdout
    assert out.startswith(f"Usage: octet {command}")
    assert re.search(rf"Examples:\n  .*octet {command}", out)
    assert max(map(len, out.splitlines())) <= 170  # examples may be long, text is wrapped
    assert octet.ok("help", command).stdout == out
    assert octet.ok(command, "-h").stdout == out


@pytest.mark.parametrize("args, sentence", [
    (["infr"], "did you mean 'infer'?"),
    (["help", "infr"], "did you mean 'infer'?"),
    (["infer", "x", "--promt", "hi"], "did you mean --prompt?"),
    (["infer", "x", "--max-shard-size", "5GB"], "one of 'octet convert'"),
    (["infer", "x", "--prompt"], "--prompt needs a value"),
    (["infer", "x", "--prompt", "a", "--temperature", "warm"], "--temperature: got warm, expected a number"),
    (["infer", "x", "--prompt", "a", "--temperature", "-1"], "--temperature: got -1, expected a number from 0"),
    (["infer", "x", "--prompt", "a", "--max-tokens", "0"], "--max-tokens: got 0, expected"),
    (["infer", "x", "--prompt", "a", "--max-tokens", "1.5"], "expected a whole number"),
    (["infer", "x", "--prompt", "a", "--dtype", "int4"], "--dtype: got 'int4', expected one of auto|bfloat16|float32"),
    (["infer", "x", "--prompt", "a", "--stop", ""], "--stop: the text is empty"),
    (["infer", "x", "--prompt", "a", "--top-p", "0"], "--top-p: got 0, expected a number from 1e-06 to 1"),
    (["infer", "models/demo", "--prompt", "a", "--hf-overrides", "{bad"], "--hf-overrides: line 1"),
    (["infer", "models/demo", "--prompt", "a", "--hf-overrides", "[1]"], "expected a JSON object"),
    (["infer", "x", "--prompt", "a", "--system-prompt", "b"], "--system-prompt has an effect only with --chat"),
    (["infer", "x", "y", "--prompt", "a"], "unexpected argument 'y'"),
    (["infer", "x"], "give --prompt TEXT or --prompts"),
    (["infer", "x", "--prompt", "a", "--prompts", "b"], "not both"),
    (["infer", "--prompt", "a"], "no checkpoint directory given"),
    (["convert", "x"], "OUT"),
    (["completion"], "an argument is missing"),
    (["completion", "fish"], "expected bash, zsh or man"),
    (["bench", "nothing"], "kernels"),
    (["infer", "models/demo", "--prompt", "a", "-tp", "2"], "--tensor-parallel-size 2"),
    (["infer", "models/demo", "--prompt", "a", "--quantization", "awq"], "--quantization awq"),
    (["collect-env", "--cpu-mask", "sse9"], "unknown instruction set level 'sse9'"),
])
def test_bad_usage_exits_2_with_a_sentence(octet, args, sentence):
    result = octet(*args)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, "one sentence"


@pytest.mark.parametrize("args, sentence", [
    (["infer", "/nonexistent", "--prompt", "a"], "/nonexistent: no such directory"),
])
def test_what_cannot_be_done_exits_1_with_the_reason(octet, args, sentence):
    result = octet(*args)
    assert result.returncode == 1, result.stderr
    assert sentence in result.stderr and result.stdout == ""


def test_spellings_of_one_option(octet, demo):
    outputs = set()
    for spelling in (["--max-tokens", "3"], ["--max_tokens", "3"], ["--max-tokens=3"],
                     ["--max_tokens=3"], ["-n", "3"]):
        outputs.add(octet.ok("infer", "--model_path", demo, "--prompt", "Once", *spelling).stdout)
    assert len(outputs) == 1


def test_collect_env_is_json_on_request(octet):
    env = json.loads(octet.ok("collect-env", "--json").stdout)
    assert env["cores_usable"] >= 1 and env["memory_total_bytes"] > 0
    assert env["octet"] in octet.ok("collect-env").stdout


def test_bash_completion_completes(octet, tmp_path):
    script = tmp_path / "octet.bash"
    script.write_text(octet.ok("completion", "bash").stdout)
    probe = f"""
        source {script}
        complete_words() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _octet; echo "${{COMPREPLY[*]}}"; }}
        complete_words octet inf
        complete_words octet infer --max-t
        complete_words octet infer --dtype bf
    """
    result = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[0] == "infer"
    assert lines[1] == "--max-tokens"
    assert lines[2] == "bfloat16" or lines[2] == ""  # "bf" begins bfloat16
    assert lines[2] == "bfloat16"


def test_zsh_completion_parses(octet, tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    script = tmp_path / "_octet"
    script.write_text(octet.ok("completion", "zsh").stdout)
    subprocess.run(["zsh", "-n", str(script)], check=True)


def test_manual_page_formats(octet, tmp_path):
    page = tmp_path / "octet.1"
    page.write_text(octet.ok("completion", "man").stdout)
    if not shutil.which("man"):
        pytest.skip("no man")
    result = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True,
                            env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                            check=True)
    assert "octet infer" in result.stdout and result.stderr == ""


def test_a_full_disk_is_an_error(octet):
    with open("/dev/full", "w") as full:
        result = subprocess.run([str(octet_binary()), "collect-env"], stdout=full,
                                stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1 and "standard output" in result.stderr


def octet_binary():
    from conftest import BINARY
    return BINARY
