# SPDX-License-Identifier: Apache-2.0
"""docs/serving: its commands run and print what it shows, and both languages show the same ones.

With OCTET_REWRITE_DOCS=1 the output that octet printed is written into the pages.
"""
import os
import re
import shlex
import subprocess
import sys
import time

import harness
import pytest
from conftest import ROOT, tool

PAGES = ["docs/serving.md", "docs/serving.zh.md"]
BLOCK = re.compile(r"(^````console\n)(.*?)(^````$)", re.S | re.M)
KEY = "sk-example"


def blocks(name):
    """[[(command, output shown)]], one list a console block."""
    found = []
    for _, body, _ in BLOCK.findall((ROOT / name).read_text()):
        parts = re.split(r"^\$ ", body, flags=re.M)[1:]
        found.append([tuple(part.partition("\n")[::2]) for part in parts])
    return found


def commands(name):
    """The lines of sh blocks."""
    return [line for block in re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(), re.S)
            for line in block.splitlines()]


def settled(text):
    """Without what differs from run to run."""
    text = re.sub(r"\b(chatcmpl|cmpl)-[0-9a-zA-Z-]+", r"\1-1", text)
    text = re.sub(r"octet-[0-9.]+-[0-9a-f]{8}", "octet-1", text)  # of the weights and the version
    return re.sub(r'"created": ?\d+', '"created":1', text)


@pytest.fixture(scope="module")
def servers(binary):
    """One without a key, one with; by whether a block sends the key. The model is named as in the
    pages."""
    with harness.Server("models/demo") as free, harness.Server("models/demo", "--api-key", KEY) as keyed:
        yield {False: free, True: keyed}


def printed(command, port, folder):
    command = command.replace("localhost:8000", f"localhost:{port}")
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "NO_COLOR": "1"}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT,
                            env=environment, timeout=120, check=False)
    assert result.returncode == 0, f"{command}\n{result.stderr}"
    return result.stdout if result.stdout.endswith("\n") else result.stdout + "\n"


def rewrite(outputs):
    for name in PAGES:
        left = iter(outputs)
        text = BLOCK.sub(lambda match: match[1] + "".join(
            f"$ {command}\n{output}" for command, output in next(left)) + match[3],
            (ROOT / name).read_text())
        (ROOT / name).write_text(text)


def test_the_output_shown_is_what_octet_prints(servers, binary, tmp_path):
    tool("curl")
    (tmp_path / "octet").symlink_to(binary)
    ran = []
    for block in blocks(PAGES[0]):
        server = servers[any(KEY in command for command, _ in block)]
        ran.append([(command, printed(command, server.port, tmp_path)) for command, _ in block])
    if os.environ.get("OCTET_REWRITE_DOCS"):
        rewrite(ran)
    for shown, real in zip(blocks(PAGES[0]), ran):
        assert [(c, settled(o)) for c, o in shown] == [(c, settled(o)) for c, o in real]


def test_the_python_example_runs(servers):
    pytest.importorskip("openai", reason="openai is not installed")
    for name in PAGES:
        code, = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.S)
        code = code.replace("localhost:8000", f"localhost:{servers[False].port}")
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                timeout=120, check=False)
        assert result.stdout == "The capital of France is Paris.\n", result.stderr


@pytest.mark.parametrize("line", commands(PAGES[0]))
def test_start_command_runs(binary, line):
    words = shlex.split(line)
    assert words[:3] == ["octet", "serve", "models/demo"]
    with harness.Server(*words[2:]) as server:
        end = time.monotonic() + 30  # /health is 200 a moment before the line
        while "Application startup complete." not in server.log():
            assert time.monotonic() < end, server.log()
            time.sleep(0.02)
        server.get("/health")
        assert server.log().count("Application startup complete.") == 1


def test_both_languages_show_the_same_commands():
    assert blocks(PAGES[0]) == blocks(PAGES[1]) and len(blocks(PAGES[0])) >= 5
    assert commands(PAGES[0]) == commands(PAGES[1])


def test_flags_named_are_octets(binary):
    """Every flag that the pages name is in the help or in its list of what is refused."""
    every = subprocess.run([str(binary), "serve", "--help=all"], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    known = set(re.findall(r"--[a-z0-9][a-z0-9-]*", every)) | {"--no-flag", "--flag", "--help", "--url",
                                                              "--quick", "--max-tokens", "--max_model_len"}
    for name in PAGES:
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", (ROOT / name).read_text()))
        assert named - known == set(), name


def test_links_within_the_page_lead_somewhere():
    for name in PAGES:
        text = (ROOT / name).read_text()
        titles = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
                  for title in re.findall(r"^##+ (.+)$", text, re.M)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= titles, name
