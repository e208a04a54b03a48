# SPDX-License-Identifier: Apache-2.0
"""Command-line tests: the program as its users run it.

OCTET_BIN names the binary (build/release/src/cli/octet unless set), OCTET_SHARED the shared data.
"""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("OCTET_BIN", ROOT / "build/release/src/cli/octet"))
SHARED = pathlib.Path(os.environ.get("OCTET_SHARED", ROOT.parent / "shared"))
DEMO = ROOT / "models/demo"


class Octet:
    """Runs octet; .ok() also insists on exit code 0."""

    def __call__(self, *args, stdin=None, env=None, timeout=300, text=True):
        environment = {**os.environ, "NO_COLOR": "1", **(env or {})}
        return subprocess.run(
            [str(BINARY), *map(str, args)], input=stdin, capture_output=True, text=text,
            env=environment, timeout=timeout, cwd=ROOT, check=False)

    def ok(self, *args, **kwargs):
        result = self(*args, **kwargs)
        assert result.returncode == 0, f"octet {args}: exit {result.returncode}\n{result.stderr}"
        return result


@pytest.fixture(scope="session")
def octet():
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is missing: build first, or set OCTET_BIN")
    return Octet()


@pytest.fixture(scope="session")
def demo():
    assert (DEMO / "model.safetensors").exists(), "models/demo is part of the repository"
    return DEMO


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip("no shared data")
    return SHARED
