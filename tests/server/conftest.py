# SPDX-License-Identifier: Apache-2.0
"""Tests of `octet serve` as its clients see it. OCTET_BIN names the binary; OCTET_TEST_SEED seeds
what is random. Tests that need a client library are skipped where it is not installed
(tests/requirements.txt)."""
import os

import pytest

import harness
import scripts_data
import scripted


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long under sanitizers")


@pytest.fixture(scope="session", autouse=True)
def program():
    if not harness.binary().exists():
        pytest.fail(f"{harness.binary()} is missing: build first, or set OCTET_BIN")


@pytest.fixture(scope="session")
def seed():
    value = int(os.environ.get("OCTET_TEST_SEED", "20251125"))
    print(f"OCTET_TEST_SEED={value}")
    return value


@pytest.fixture(scope="session")
def demo():
    """The demo model, served."""
    with harness.Server(harness.DEMO, "--served-model-name", "demo") as server:
        yield server


@pytest.fixture(scope="session")
def scripted_dir(tmp_path_factory):
    return scripted.write_checkpoint(tmp_path_factory.mktemp("scripted"), scripts_data.TEXTS,
                                     loops=scripts_data.LOOPS)


@pytest.fixture(scope="session")
def talker(scripted_dir):
    """The scripted model, served: says scripts_data.TEXTS."""
    with harness.Server(scripted_dir, "--served-model-name", "talker",
                        "--max-model-len", "8192") as server:
        yield server


@pytest.fixture
def serve():
    """Start servers with flags of their own: serve(model, *flags, env=...)."""
    running = []

    def start(*args, **kwargs):
        server = harness.Server(*args, **kwargs)
        running.append(server)
        server.__enter__()
        return server

    yield start
    errors = []
    for server in reversed(running):
        try:
            server.__exit__(None, None, None)
        except AssertionError as error:
            errors.append(error)
    assert not errors, errors
