# SPDX-License-Identifier: Apache-2.0
"""Every command that the READMEs show runs, and both languages show the same ones."""
import contextlib
import os
import re
import shlex
import subprocess

import pytest
from conftest import BINARY, ROOT
from serving import Serving

READMES = ["README.md", "README.zh.md"]


def commands(name):
    """Lines of ```sh blocks that begin with octet, without their comments."""
    text = (ROOT / name).read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("octet ")]


def test_both_languages_show_the_same_commands():
    first, second = map(commands, READMES)
    assert first == second and len(first) >= 3


@pytest.mark.parametrize("line", sorted(set(commands(READMES[0]))))
def test_command_runs(octet, line):
    words = shlex.split(line)
    result = subprocess.run([str(BINARY), *words[1:]], input="", capture_output=True, text=True,
                            cwd=ROOT, timeout=300, check=False)
    assert result.returncode == 0, result.stderr


def console(name):
    """(command, output shown) of the ````console blocks."""
    text = (ROOT / name).read_text()
    pairs = []
    for block in re.findall(r"````console\n(.*?)````", text, re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            pairs.append((command, output))
    return pairs


def run_shown(command, environment):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT,
                          env=environment, timeout=300, check=False).stdout


def test_the_output_shown_is_what_octet_prints(octet, tmp_path):
    """A command that ends with "&" is a server: the lines shown are among those it logs, and it
    serves the commands after it, on a free port in place of 8000."""
    assert console(READMES[0]) == console(READMES[1]) and len(console(READMES[0])) >= 8
    (tmp_path / "octet").symlink_to(BINARY)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "NO_COLOR": "1"}
    ours, port = str(tmp_path / "demo-bf16"), "8000"
    with contextlib.ExitStack() as servers:
        for command, shown in console(READMES[0]):
            if command.startswith("octet serve ") and command.endswith(" &"):
                words = shlex.split(command.removesuffix(" &"))[2:]
                words[words.index("--port") + 1] = "0"
                server = servers.enter_context(Serving(*words))
                port = str(server.port)
                server.wait_for("Uvicorn running")
                assert shown and set(shown.replace(":8000", f":{port}").splitlines()) <= \
                    set(server.log().splitlines())
                continue
            command = command.replace("localhost:8000", f"localhost:{port}")
            output = run_shown(command.replace("/tmp/demo-bf16", ours), environment)
            assert output.replace(ours, "/tmp/demo-bf16") == shown, command


def test_links_of_the_readmes_exist():
    for name in READMES:
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_readme_starts_with_the_two_commands():
    for name in READMES:
        head = (ROOT / name).read_text()[:400]
        assert "scripts/demo.sh" in head and "scripts/test.sh" in head
