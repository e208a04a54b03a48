# SPDX-License-Identifier: Apache-2.0
"""schemathesis over the server's own /openapi.json: no 5xx, no answer that the schema forbids.

OCTET_SCHEMA_EXAMPLES sets how many requests each operation gets."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import harness
import pytest


@pytest.fixture(scope="module")
def schema(talker):
    status, headers, body = talker.get("/openapi.json")
    assert status == 200 and headers["content-type"].startswith("application/json")
    return json.loads(body)


@pytest.fixture(scope="module")
def short(scripted_dir):
    """Requests without a limit end soon."""
    with harness.Server(scripted_dir, "--served-model-name", "talker", "--max-model-len", "256",
                        env={"VLLM_MAX_N_SEQUENCES": "16"}) as server:
        yield server


def test_says_what_is_served(schema, talker):
    assert schema["openapi"].startswith("3.1")
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/models", "/tokenize",
                 "/detokenize", "/v1/chat/completions/render", "/health", "/ping", "/version",
                 "/metrics", "/load", "/openapi.json"):
        assert path in schema["paths"], path
    for path, operations in schema["paths"].items():
        if "{" not in path and "get" in operations:
            assert talker.get(path)[0] in (200, 404), path


def test_schemathesis(short, seed):
    tool = pathlib.Path(sys.executable).parent / "schemathesis"
    if not tool.exists() and not shutil.which("schemathesis"):
        pytest.skip("schemathesis is not installed")
    examples = os.environ.get("OCTET_SCHEMA_EXAMPLES", "10")
    url = f"http://127.0.0.1:{short.port}"
    run = subprocess.run(
        [str(tool) if tool.exists() else "schemathesis", "run", f"{url}/openapi.json", "--url", url,
         "--seed", str(seed), "--max-examples", examples, "--phases", "examples,coverage,fuzzing",
         "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
                     "response_headers_conformance,response_schema_conformance",
         "--request-timeout", "60", "--no-color", "--generation-database", "none",
         "--suppress-health-check", "all"],
        capture_output=True, text=True, timeout=1500, check=False)
    print(run.stdout[-3000:])
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert short.idle(60)
