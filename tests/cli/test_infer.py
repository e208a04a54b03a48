# SPDX-License-Identifier: Apache-2.0
"""infer, logits, tokenize, detokenize, render on the demo model."""
import base64
import json
import os
import re
import signal
import stat
import struct
import subprocess

import pytest

from conftest import BINARY, DEMO

QUESTION = "What is the capital of France?"


def test_text_to_stdout_the_rest_to_stderr(octet, demo):
    result = octet.ok("infer", demo, "--chat", "--prompt", QUESTION, "--max-tokens", "40")
    assert "Paris" in result.stdout
    assert "tokens/s" in result.stderr and "finish reason: stop" in result.stderr
    assert re.search(r"KV cache", result.stderr)
    quiet = octet.ok("infer", demo, "--chat", "--prompt", QUESTION, "--max-tokens", "40", "--quiet")
    assert quiet.stdout == result.stdout and quiet.stderr == ""


def test_prompt_from_standard_input(octet, demo):
    typed = octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "8")
    piped = octet.ok("infer", demo, "--prompt", "-", "--max-tokens", "8", stdin="Once upon a time")
    assert typed.stdout == piped.stdout


def test_json_result(octet, demo):
    result = json.loads(octet.ok("infer", demo, "--prompt", "Once", "--max-tokens", "5", "--json").stdout)
    assert result["finish_reason"] == "length"
    assert result["output_tokens"] == 5 == len(result["token_ids"])
    assert result["prompt"] == "Once" and result["ttft_ms"] > 0


def test_threads_do_not_change_the_result(octet, demo):
    one, two = (octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "60",
                         "--threads", threads).stdout for threads in (1, 2))
    assert one == two


def test_seed_repeats_and_matters(octet, demo):
    def run(seed):
        return octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "40",
                        "--temperature", "1", "--seed", seed).stdout
    assert run(1) == run(1)
    assert len({run(seed) for seed in range(4)}) > 1


def test_stop_string(octet, demo):
    free = octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "40").stdout
    word = free.split()[3]
    stopped = octet.ok("infer", demo, "--prompt", "Once upon a time", "--max-tokens", "40",
                       "--stop", word).stdout
    assert word not in stopped and free.startswith(stopped.rstrip("\n"))


def test_prompts_file(octet, demo, tmp_path):
    lines = [
        {"prompt": "Once upon a time", "max_tokens": 4},
        {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 30},
        {"custom_id": "r3", "method": "POST", "url": "/v1/chat/completions",
         "body": {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 30}},
        {"prompt": 7},
        {"prompt": "x", "temperature": "hot"},
    ]
    prompts, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    prompts.write_text("\n".join(map(json.dumps, lines)) + "\n\nnot json\n")
    result = octet("infer", demo, "--prompts", prompts, "--output", output)
    assert result.returncode == 1 and "3 of 6 prompts failed" in result.stderr
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == 6
    assert rows[0]["output_tokens"] == 4 and rows[0]["finish_reason"] == "length"
    assert "Paris" in rows[1]["text"] and rows[1]["text"] == rows[2]["text"]
    assert rows[2]["custom_id"] == "r3"
    assert '"prompt"' in rows[3]["error"] and "line 4" in rows[3]["error"]
    assert "temperature" in rows[4]["error"]
    assert "line 7" in rows[5]["error"]


def test_alone_and_together_give_the_same_text(octet, demo, tmp_path):
    texts = ["Once upon a time", "The little dog", "A big red ball", "Tom and his friend"]
    prompts = tmp_path / "in.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": t, "max_tokens": 50}) + "\n" for t in texts))
    together = [json.loads(line)["text"] for line in
                octet.ok("infer", demo, "--prompts", prompts).stdout.splitlines()]
    for text, answer in zip(texts, together):
        alone = octet.ok("infer", demo, "--prompt", text, "--max-tokens", "50", "--json").stdout
        assert json.loads(alone)["text"] == answer


def test_shipped_prompts(octet, demo):
    rows = [json.loads(line) for line in
            octet.ok("infer", demo, "--chat", "--prompts", "prompts.jsonl").stdout.splitlines()]
    assert len(rows) == 3 and "Paris" in rows[1]["text"]


def test_logits(octet, demo, tmp_path):
    out = tmp_path / "logits.f32"
    octet.ok("logits", demo, "--ids", "1,2,3", "--out", out)
    vocab = json.loads((demo / "config.json").read_text())["vocab_size"]
    data = out.read_bytes()
    assert len(data) == 3 * vocab * 4
    assert all(abs(x) < 1e4 for x in struct.unpack(f"<{3 * vocab}f", data))
    ids = tmp_path / "ids.json"
    ids.write_text("[1, 2, 3]")
    again = tmp_path / "again.f32"
    octet.ok("logits", demo, "--ids", f"@{ids}", "--out", again)
    assert again.read_bytes() == data
    bad = octet("logits", demo, "--ids", "1,x", "--out", out)
    assert bad.returncode == 1 and "byte 2" in bad.stderr
    huge = octet("logits", demo, "--ids", "99999999", "--out", tmp_path / "none")
    assert huge.returncode in (1, 2) and not (tmp_path / "none").exists()


def test_tokenize_round_trip(octet, demo):
    text = "Once upon a time, a dog — 狗 — saw a ball.\n"
    ids = octet.ok("tokenize", demo, stdin=text).stdout.strip()
    assert octet.ok("detokenize", demo, stdin=ids).stdout == text
    line = json.dumps({"text": text}) + "\n" + json.dumps(
        {"b64": base64.b64encode(text.encode()).decode()}) + "\n"
    rows = [json.loads(row) for row in
            octet.ok("tokenize", demo, "--jsonl", stdin=line).stdout.splitlines()]
    assert rows[0] == rows[1] and ",".join(map(str, rows[0]["ids"])) == ids
    streamed = json.loads(octet.ok("detokenize", demo, "--jsonl", "--stream",
                                   stdin=json.dumps({"ids": rows[0]["ids"]})).stdout)
    assert streamed["text"] == text == "".join(streamed["stream"])
    assert len(streamed["stream"]) == len(rows[0]["ids"]) + 1


def test_special_tokens_in_text(octet, demo):
    def ids(*flags):
        return json.loads(octet.ok("tokenize", demo, "--jsonl", *flags,
                                   stdin='{"text":"<|im_end|>"}').stdout)["ids"]
    assert len(ids()) == 1
    assert len(ids("--no-parse-special")) > 1
    assert len(ids("--split-special")) > 1
    skipped = octet.ok("detokenize", demo, "--skip-special", stdin=str(ids()[0])).stdout
    assert skipped == ""


def test_render(octet, demo):
    line = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": True})
    answer = json.loads(octet.ok("render", demo, "--jsonl", stdin=line).stdout)
    assert answer["rendered"].endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert answer["ids"]
    bad = octet("render", demo, "--jsonl", stdin='{"messages": 3}\n[]\n' + line)
    rows = [json.loads(row) for row in bad.stdout.splitlines()]
    assert bad.returncode == 1 and len(rows) == 3
    assert "error" in rows[1] and "rendered" in rows[2]


def test_inspect_plans_for_ranks(octet, demo):
    def plan(*flags):
        return json.loads(octet.ok("inspect", demo, "--json", *flags).stdout)["memory_plan"]
    one, two = plan(), plan("--tp", "2")
    assert one["tensor_parallel_size"] == 1 and two["tensor_parallel_size"] == 2
    assert 0.45 * one["weights_bytes"] < two["weights_bytes"] < 0.6 * one["weights_bytes"]
    small = plan("--max-model-len", "128", "--max-num-seqs", "2")
    assert small["max_model_len"] == 128 and small["kv_cache_tokens"] == 256
    bad = octet("inspect", demo, "--tp", "3")
    assert bad.returncode == 2 and "valid sizes: 1, 2, 4" in bad.stderr


def test_memory_plan_refuses_with_the_length_that_fits(octet, demo):
    result = octet("infer", demo, "--prompt", "a", "--kv-cache-memory-bytes", "1000")
    assert result.returncode == 1 and result.stdout == ""
    assert "holds no block" in result.stderr and "--kv-cache-memory-bytes" in result.stderr
    result = octet("infer", demo, "--prompt", "a", "--max-model-len", "1024", "--kv-cache-memory-bytes", "300K")
    assert result.returncode == 1 and result.stdout == ""
    assert "max_model_len 1024 does not fit" in result.stderr and "largest" in result.stderr


def test_output_to_a_device_or_link_does_not_replace_it(octet, demo, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    octet.ok("infer", demo, "--prompt", "Once", "--max-tokens", "2", "--output", link)
    assert link.is_symlink() and json.loads(target.read_text())["output_tokens"] == 2
    device = tmp_path / "device"
    os.mkfifo(device)
    reader = subprocess.Popen(["cat", device], stdout=subprocess.PIPE)
    octet.ok("logits", demo, "--ids", "1", "--out", device)
    assert len(reader.communicate(timeout=60)[0]) % 4 == 0 and stat.S_ISFIFO(device.stat().st_mode)
    full = octet("logits", demo, "--ids", ",".join(["1"] * 200), "--out", "/dev/full")
    assert full.returncode == 1 and "cannot write: /dev/full: No space left" in full.stderr
    full = octet("infer", demo, "--prompt", "Once", "--max-tokens", "2", "--output", "/dev/full")
    assert full.returncode == 1 and "/dev/full" in full.stderr
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("flag", ["--output", "--prompts"])
def test_wrong_file_names_cost_no_loading(octet, demo, tmp_path, flag):
    args = [] if flag == "--prompts" else ["--prompt", "a"]
    for path in (tmp_path / "none" / "file", tmp_path):
        result = octet("infer", demo, *args, flag, path)
        assert result.returncode == 1 and str(path) in result.stderr, result.stderr
        assert result.stdout == "" and "loading" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_old_output(octet, demo, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("old")
    prompts = tmp_path / "in.jsonl"
    prompts.write_text("")
    assert octet("infer", demo, "--prompts", prompts, "--output", output).returncode == 1
    assert output.read_text() == "old" and sorted(p.name for p in tmp_path.iterdir()) == [
        "in.jsonl", "out.jsonl"]


def test_a_closed_pipe_is_named(octet, demo):
    process = subprocess.Popen([str(BINARY), "infer", demo, "--prompt", "Once", "--ignore-eos",
                                "--quiet", "--max-tokens", "900"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    stderr = process.stderr.read()
    assert process.wait(timeout=60) == 1 and "standard output: Broken pipe" in stderr


def test_a_refused_prompt_prints_nothing_on_stdout(octet, demo):
    result = octet("infer", demo, "--prompt", "")
    assert result.returncode != 0 and result.stdout == "" and "empty" in result.stderr


def test_lines_that_ask_for_what_is_not_done(octet, demo, tmp_path):
    prompts = tmp_path / "in.jsonl"
    prompts.write_bytes(b"\xef\xbb\xbf" + b'{"prompt": "with a byte-order mark", "max_tokens": 2}\n'
                        b'{"prompt": "a", "n": 2}\n'
                        b'{"messages": [], "chat_template_kwargs": [1]}\n'
                        b'{"messages": [], "chat_template_kwargs": null, "n": 1, "max_tokens": 2}\r\n')
    rows = [json.loads(line) for line in
            octet("infer", demo, "--prompts", prompts).stdout.splitlines()]
    assert rows[0]["output_tokens"] == 2 and rows[3]["output_tokens"] == 2
    assert 'line 2: "n"' in rows[1]["error"]
    assert '"chat_template_kwargs" is array' in rows[2]["error"]


def test_a_prompt_beyond_any_context_is_refused_at_once(octet, demo, tmp_path):
    prompts = tmp_path / "in.jsonl"
    prompts.write_text(json.dumps({"prompt": "a" * 3000000}) + "\n")
    result = octet("infer", demo, "--prompts", prompts)
    assert result.returncode == 1
    assert "3000000 bytes" in json.loads(result.stdout)["error"]


def test_interrupted_runs_keep_their_answers(demo, tmp_path):
    prompts, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    prompts.write_text('{"prompt": "Once upon a time", "max_tokens": 60, "ignore_eos": true}\n' * 200)
    process = subprocess.Popen([str(BINARY), "infer", str(demo), "--prompts", str(prompts),
                                "--output", str(output), "--max-num-seqs", "1"],
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("prompts: 10 %"):
            break
    process.send_signal(signal.SIGINT)
    stderr = process.stderr.read()
    assert process.wait(timeout=60) == 130
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    complete = [row for row in rows if row.get("finish_reason") == "length"]
    assert len(rows) == 200 and 10 <= len(complete) < 200
    assert f"{len(complete)} of 200 answers are complete" in stderr
    assert "interrupted" in rows[-1]["error"]


def shell(command):
    return subprocess.run(["bash", "-c", command, "bash", str(BINARY)], capture_output=True,
                          text=True, cwd=DEMO, check=False)


def test_closed_streams_are_not_taken_by_files(tmp_path):
    """A file that gets the number of a closed stream would be read as a prompt, or written into."""
    result = shell('"$1" infer . --prompt - --max-tokens 2 <&-')
    assert result.returncode == 1 and "standard input: Bad file descriptor" in result.stderr
    result = shell('"$1" infer . --prompt a --max-tokens 2 >&-')
    assert result.returncode == 1 and "standard output: Bad file descriptor" in result.stderr
    assert shell(f'"$1" convert . {tmp_path}/a').returncode == 0
    shell(f'"$1" convert . {tmp_path}/b <&- >&- 2>&-')
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_wrong_chat_template_costs_no_loading(octet, demo):
    result = octet("infer", demo, "--chat", "--prompt", "a", "--chat-template", "/nonexistent")
    assert result.returncode == 1 and "/nonexistent" in result.stderr
    assert "loading" not in result.stderr
