# SPDX-License-Identifier: Apache-2.0
"""The files of deploy/, by the tools that read them and against octet serve.

OCTET_BIN names octet (build/release/src/cli/octet unless set).
"""
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BINARY = pathlib.Path(os.environ.get("OCTET_BIN", ROOT / "build/release/src/cli/octet"))


def tool(name):
    """The path of a program, or a skip that names it."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120, check=False, **options)


@pytest.fixture(scope="session")
def binary():
    assert BINARY.exists(), f"{BINARY} is missing: build first, or set OCTET_BIN"
    return BINARY


class Serve:
    """octet serve models/demo on a free port; stopped by SIGTERM."""

    def __init__(self, *arguments, env=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "models/demo", "--host", "127.0.0.1", "--port", str(self.port),
             *arguments], cwd=ROOT, env={**os.environ, "NO_COLOR": "1", **(env or {})},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def get(self, path):
        """(status, body); (0, "") while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_until_ready(self):
        end = time.monotonic() + 60
        while self.get("/health")[0] != 200:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, "octet serve does not become ready"
            time.sleep(0.05)
        return self

    def stop(self):
        self.process.terminate()
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


@pytest.fixture(scope="module")
def serve():
    server = Serve().wait_until_ready()
    yield server
    server.stop()
