# SPDX-License-Identifier: Apache-2.0
"""The files of deploy/, by the tools that read them and against octet serve.

OCTET_BIN names octet (build/release/src/cli/octet unless set).
"""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
sys.path.append(str(ROOT / "tests/server"))

import harness  # noqa: E402


def tool(name):
    """The path of a program, or a skip that names it."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, check=False, **options)


@pytest.fixture(scope="session")
def binary():
    path = harness.binary()
    assert path.exists(), f"{path} is missing: build first, or set OCTET_BIN"
    return path


@pytest.fixture(scope="module")
def demo(binary):
    with harness.Server(harness.DEMO) as server:
        yield server
