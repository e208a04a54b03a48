# SPDX-License-Identifier: Apache-2.0
"""octet pull, against a hub on loopback that fails in every way a hub and its network can."""
import fcntl
import hashlib
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import threading
import time

import pytest

import conftest
import hub_server

ID = "Org/Demo-1.0"
SEED = int(os.environ.get("OCTET_TEST_SEED", "1"))


@pytest.fixture
def hub():
    print("OCTET_TEST_SEED", SEED)
    bytes_of = random.Random(SEED).randbytes
    served = hub_server.Hub({
        "config.json": b'{"model_type": "qwen3"}', "tokenizer.json": bytes_of(3000), "README.md": b"# read me\n",
        "model-00001-of-00002.safetensors": bytes_of(300_000), "model-00002-of-00002.safetensors": bytes_of(200_001),
        "pytorch_model.bin": bytes_of(1000), "onnx/model.safetensors": bytes_of(500), "empty.txt": b"",
        "chat_template.jinja": b"{{ messages }}", "name with #+%.json": b"{}"})
    yield served
    served.close()


@pytest.fixture
def env(hub, tmp_path):
    clean = {name: "" for name in os.environ if name.startswith(("HF_", "HUGGING", "MODELSCOPE", "VLLM_USE_MODEL"))
             or name.lower().endswith("_proxy")}
    return {**clean, "HF_HOME": str(tmp_path / "hf"), "MODELSCOPE_CACHE": str(tmp_path / "scope"),
            "HF_ENDPOINT": hub.url(), "HOME": str(tmp_path)}


@pytest.fixture
def pull(octet, env):
    def run(*args, **more):
        return octet("pull", *(args or [ID]), env={**env, **more}, timeout=60)
    return run


WANTED = {"config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "empty.txt", "chat_template.jinja", "name with #+%.json"}


def repository(env):
    return pathlib.Path(env["HF_HOME"]) / "hub/models--Org--Demo-1.0"


def check_snapshot(hub, env, names=frozenset(WANTED)):
    """Everything is there, whole, in huggingface_hub's layout, and nothing else."""
    snapshot = repository(env) / "snapshots" / hub_server.COMMIT
    found = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if not path.is_dir()}
    assert found == set(names)
    for name in names:
        link, data = snapshot / name, hub.files[name]
        digest = hashlib.sha256(data).hexdigest() if hub.is_large(name) else hub_server.git_sha1(data)
        assert link.read_bytes() == data
        assert os.readlink(link) == "../" * (2 + name.count("/")) + f"blobs/{digest}"
    assert (repository(env) / "refs/main").read_text() == hub_server.COMMIT
    assert not list((repository(env) / "blobs").glob("*.incomplete"))
    return snapshot


def test_a_model_arrives_whole_and_only_what_is_needed(hub, pull, env):
    result = pull()
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{check_snapshot(hub, env)}\n"
    assert "every hash checked" in result.stderr and "fetching: 100 %" in result.stderr
    before = len(hub.requests("/resolve/"))
    again = pull("--quiet", ID)
    assert (again.returncode, again.stdout, again.stderr) == (0, result.stdout, "")
    assert len(hub.requests("/resolve/")) == before, "nothing is fetched twice"


def test_huggingface_hub_reads_the_same_cache(hub, pull, env):
    library = pytest.importorskip("huggingface_hub")
    assert pull().returncode == 0
    path = library.snapshot_download(ID, cache_dir=pathlib.Path(env["HF_HOME"]) / "hub", local_files_only=True)
    assert path == str(repository(env) / "snapshots" / hub_server.COMMIT)


def test_patterns(hub, pull, env):
    assert pull(ID, "--include", "*.safetensors", "--include", "*.md", "--exclude", "*-0000*").returncode == 0
    check_snapshot(hub, env, {"onnx/model.safetensors", "README.md"})
    none = pull(ID, "--include", "*.gguf")
    assert none.returncode == 1 and "none of the 10 files" in none.stderr


def test_dry_run_and_json(hub, pull, env):
    plan = pull(ID, "--dry-run")
    assert plan.returncode == 0 and "model-00001-of-00002.safetensors" in plan.stdout
    assert "7 files" in plan.stdout and not pathlib.Path(env["HF_HOME"]).exists()
    told = json.loads(pull(ID, "--json", "--quiet").stdout)
    assert told["commit"] == hub_server.COMMIT and told["path"].endswith(hub_server.COMMIT)
    assert told["fetched_bytes"] == told["bytes"] == sum(len(hub.files[name]) for name in WANTED)
    assert {file["path"] for file in told["files"]} == WANTED
    assert json.loads(pull(ID, "--json", "--dry-run").stdout)["present_bytes"] == told["bytes"]


@pytest.mark.parametrize("revision, file", [("main", "main"), ("refs/pr/1", "refs/pr/1")])
def test_revisions(pull, env, revision, file):
    result = pull(f"{ID}@{revision}", "--include", "config.json")
    assert result.returncode == 0, result.stderr
    assert (repository(env) / "refs" / file).read_text() == hub_server.COMMIT
    assert pull(ID, "--revision", "nope").stderr.count("has no revision 'nope'") == 1


# ---- Resuming ----

def test_cut_connections_are_taken_up_by_range(hub, pull, env):
    large = "model-00001-of-00002.safetensors"
    hub.faults = {large: ["cut", "cut", "cut"], "tokenizer.json": ["cut"]}
    result = pull()
    assert result.returncode == 0, result.stderr
    check_snapshot(hub, env)
    starts = [headers.get("Range") for port, path, headers in hub.requests(large) if port == "store"]
    assert starts == [None, "bytes=150000-", "bytes=225000-", "bytes=262500-"]


@pytest.mark.parametrize("fault", ["no range", "wrong range", (416, {})])
def test_a_server_without_ranges_sends_all_again(hub, pull, env, fault):
    hub.faults = {"model-00001-of-00002.safetensors": ["cut", fault]}
    result = pull()
    assert result.returncode == 0, result.stderr
    check_snapshot(hub, env)


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def sizes(env):
    return [path.stat().st_size for path in (repository(env) / "blobs").glob("*.incomplete")]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on(hub, pull, env, number, code):
    hub.gate = threading.Event()
    process = subprocess.Popen([conftest.BINARY, "pull", ID], env={**os.environ, **env},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: sorted(sizes(env)) == [100_000, 150_000])
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, ""), err
    assert sorted(sizes(env)) == [100_000, 150_000]
    assert not (repository(env) / "snapshots").exists()
    hub.gate.set()
    told = json.loads(pull(ID, "--json").stdout)
    assert told["resumed_bytes"] == 250_000
    assert told["fetched_bytes"] + 250_000 + told["present_bytes"] == told["bytes"]
    check_snapshot(hub, env)


def test_a_damaged_unfinished_file_is_fetched_anew(hub, pull, env):
    data = hub.files["model-00001-of-00002.safetensors"]
    blobs = repository(env) / "blobs"
    blobs.mkdir(parents=True)
    part = blobs / (hashlib.sha256(data).hexdigest() + ".incomplete")
    part.write_bytes(b"\0" + data[1:1000])
    result = pull()
    assert result.returncode == 0 and "fetching it anew" in result.stderr
    check_snapshot(hub, env)


def test_an_unfinished_file_that_is_a_link_is_not_written_through(hub, pull, env, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    blobs = repository(env) / "blobs"
    blobs.mkdir(parents=True)
    name = hashlib.sha256(hub.files["model-00001-of-00002.safetensors"]).hexdigest() + ".incomplete"
    (blobs / name).symlink_to(victim)
    assert pull().returncode == 0
    assert victim.read_bytes() == b"mine"
    check_snapshot(hub, env)


def test_two_pulls_at_once(hub, pull, env):
    hub.gate = threading.Event()
    results = []
    threads = [threading.Thread(target=lambda: results.append(pull())) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: sorted(sizes(env)) == [100_000, 150_000])
    hub.gate.set()
    for thread in threads:
        thread.join()
    assert [result.returncode for result in results] == [0, 0]
    check_snapshot(hub, env)
    assert len([1 for port, _, _ in hub.log if port == "store"]) == 2, "each large file once"


def test_the_lock_of_huggingface_hub_is_waited_for(hub, env):
    locks = pathlib.Path(env["HF_HOME"]) / "hub/.locks/models--Org--Demo-1.0"
    locks.mkdir(parents=True)
    name = hub_server.git_sha1(hub.files["config.json"])
    with open(locks / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([conftest.BINARY, "pull", ID], env={**os.environ, **env},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        while not lines or "waiting" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        assert not (repository(env) / "blobs" / name).exists()
    process.communicate(timeout=30)
    assert process.returncode == 0
    check_snapshot(hub, env)


# ---- Wrong bytes ----

def test_one_corrupt_answer_is_found_and_repeated(hub, pull, env):
    hub.faults = {"model-00002-of-00002.safetensors": ["corrupt"], "config.json": ["corrupt"]}
    result = pull()
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("fetching it anew") == 2
    check_snapshot(hub, env)


@pytest.mark.parametrize("fault", ["corrupt", "longer"])
@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "tokenizer.json"])
def test_bytes_that_stay_wrong_are_refused(hub, pull, env, name, fault):
    hub.faults = {name: [fault] * 5}
    result = pull()
    assert result.returncode == 3 and result.stdout == ""
    assert f"twice in a row: {name}: " in result.stderr
    assert not (repository(env) / "snapshots").exists()
    hub.faults = {}
    assert pull().returncode == 0
    check_snapshot(hub, env)


# ---- Refusals ----

def test_the_token_stays_with_its_host(hub, pull, env):
    hub.token = "hf_secret"
    result = pull(HF_TOKEN="hf_secret")
    assert result.returncode == 0, result.stderr
    check_snapshot(hub, env)
    hosts = {port: {headers.get("Authorization") for p, _, headers in hub.log if p == port} for port in hub.servers}
    assert hosts == {"hub": {"Bearer hf_secret"}, "store": {None}}
    wrong = pull(HF_TOKEN="hf_wrong")
    assert wrong.returncode == 1 and "401: Invalid credentials; the token is not taken" in wrong.stderr
    assert "hf_wrong" not in wrong.stderr and "hf_secret" not in result.stderr
    without = pull()
    assert without.returncode == 1 and "set HF_TOKEN" in without.stderr
    token = pathlib.Path(env["HF_HOME"]) / "token"
    token.write_text("hf_secret\n")
    assert pull().returncode == 0
    assert pull(HF_HUB_DISABLE_IMPLICIT_TOKEN="1").returncode == 1


@pytest.mark.parametrize("bad", ["two words", "hf_a\r\nX-Evil: 1", "hf\x7f"])
def test_a_token_cannot_add_headers(hub, pull, bad):
    result = pull(HF_TOKEN=bad)
    assert result.returncode == 2 and "no token has" in result.stderr and bad not in result.stderr
    assert not hub.log


def test_what_the_hub_refuses(hub, pull):
    hub.listing_faults = [(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})]
    gated = pull()
    assert gated.returncode == 1 and "403: Access is restricted" in gated.stderr
    assert f"ask for access at {hub.url()}/{ID}" in gated.stderr
    missing = pull("Org/Other")
    assert missing.returncode == 1 and "Org/Other: not found" in missing.stderr
    hub.faults = {"tokenizer.json": [(404, {"X-Error-Code": "EntryNotFound"})]}
    gone = pull()
    assert gone.returncode == 1 and "tokenizer.json: not found" in gone.stderr


def test_what_may_pass_is_tried_again(hub, pull, env):
    hub.listing_faults = [(503, {}), (429, {"Retry-After": "1"})]
    hub.faults = {"config.json": [(500, {})], "model-00001-of-00002.safetensors": [(502, {}), "cut"]}
    result = pull()
    assert result.returncode == 0, result.stderr
    check_snapshot(hub, env)


def test_five_failures_in_a_row_are_enough(hub, pull, env):
    hub.listing_faults = [(503, {})] * 5
    result = pull(OCTET_UNUSED="")
    assert result.returncode == 1 and f"{ID}: {hub.url()} answers HTTP 503" in result.stderr
    assert len(hub.log) == 5 and not hub.listing_faults


def test_nobody_listens(pull):
    result = pull(ID, "--endpoint", "http://127.0.0.1:9")
    assert result.returncode == 1 and "Org/Demo-1.0: Failed to connect" in result.stderr


def test_a_full_disk_leaves_a_state_that_goes_on(hub, pull, env):
    process = subprocess.run(
        [conftest.BINARY, "pull", ID], env={**os.environ, **env}, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)), check=False)
    assert process.returncode == 1, process.stderr
    assert "File too large" in process.stderr and process.stderr.count("error") == 1
    assert max(sizes(env)) <= 100_000 and not (repository(env) / "snapshots").exists()
    assert pull().returncode == 0
    check_snapshot(hub, env)


def test_too_little_space_is_said_before_the_first_byte(hub, pull, env):
    hub.listing = hub.hugging_face_listing()
    hub.listing["siblings"][3]["lfs"]["size"] = 1 << 49
    result = pull()
    assert result.returncode == 1 and "are needed and" in result.stderr and "HF_HOME" in result.stderr
    assert not hub.requests("/resolve/")


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "a//b.json", "", ".", "a/.",
                                  "a\\b.json", "a\nb.json", "x" * 300 + ".json"])
def test_names_that_lead_out_are_refused(hub, pull, env, tmp_path, name):
    hub.listing = hub.hugging_face_listing()
    hub.listing["siblings"].append({"rfilename": name, "size": 2, "blobId": hub_server.git_sha1(b"{}")})
    result = pull()
    assert result.returncode == 1 and "nothing of this repository is fetched" in result.stderr
    assert not hub.requests("/resolve/") and not pathlib.Path(env["HF_HOME"]).exists()
    assert not list(tmp_path.rglob("evil.json"))


def test_a_link_in_the_snapshot_is_not_followed(hub, pull, env, tmp_path):
    snapshot = repository(env) / "snapshots" / hub_server.COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "onnx").symlink_to(tmp_path)
    result = pull(ID, "--include", "onnx/*")
    assert result.returncode == 1 and "is a link or a file where the repository has a folder" in result.stderr
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("change, sentence", [
    (lambda listing: listing.update(sha="main"), "names no commit"),
    (lambda listing: listing.update(sha="../" * 13 + "x"), "names no commit"),
    (lambda listing: listing.update(siblings={}), "no list of files"),
    (lambda listing: listing["siblings"][0].pop("size"), "no size"),
    (lambda listing: listing["siblings"][0].pop("blobId"), "no hash"),
    (lambda listing: listing["siblings"][0].update(blobId="../../x"), "no hash"),
    (lambda listing: listing["siblings"].append(dict(listing["siblings"][0])), "listed twice"),
])
def test_listings_that_make_no_sense(hub, pull, change, sentence):
    hub.listing = hub.hugging_face_listing()
    change(hub.listing)
    result = pull()
    assert result.returncode == 1 and sentence in result.stderr


@pytest.mark.parametrize("args", [["no/such/id"], ["../x"], ["Org/x@"], ["Org/x@../y"], ["Org/x@a", "--revision", "b"],
                                  ["Org/x", "--endpoint", "ftp://h"], ["Org/x", "--endpoint", "http://u:secret@h"],
                                  ["Org/x", "--connections", "0"], ["Org/x", "--hub", "other"], []])
def test_bad_usage(octet, env, hub, args):
    result = octet("pull", *args, env=env)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "secret" not in result.stderr and not hub.log


# ---- ModelScope, offline, models by name ----

def test_model_scope(hub, pull, env):
    hub.token = "ms_secret"
    hub.faults = {"model-00001-of-00002.safetensors": ["cut", "corrupt"]}
    result = pull(ID, "--hub", "modelscope", "--endpoint", hub.url(), MODELSCOPE_API_TOKEN="ms_secret")
    assert result.returncode == 0, result.stderr
    folder = pathlib.Path(env["MODELSCOPE_CACHE"]) / "models/Org/Demo-1___0"
    assert result.stdout == f"{folder}\n"
    assert {path.name for path in folder.iterdir()} == WANTED
    assert all((folder / name).read_bytes() == hub.files[name] for name in WANTED)
    assert {headers.get("Cookie") for port, _, headers in hub.log if port == "store"} == {None}
    assert "FilePath=config.json" in hub.log[-1][1], "the file that a folder is found by comes last"
    before = len(hub.log)
    (folder / "tokenizer.json").write_bytes(b"\0" * 3000)
    assert pull(ID, "--hub", "modelscope", "--endpoint", hub.url(), MODELSCOPE_API_TOKEN="ms_secret").returncode == 0
    assert (folder / "tokenizer.json").read_bytes() == hub.files["tokenizer.json"]
    assert len(hub.log) == before + 2, "the listing and the file that was wrong"


def test_offline_looks_at_the_cache_only(hub, pull, env):
    missing = pull(HF_HUB_OFFLINE="1")
    assert missing.returncode == 1 and "no model of that id" in missing.stderr
    online = pull()
    before = len(hub.log)
    offline = pull(HF_HUB_OFFLINE="1")
    assert offline.stdout == online.stdout and len(hub.log) == before


def test_a_pulled_model_runs_by_its_name(octet, env, demo, tmp_path):
    served = hub_server.Hub({path.name: path.read_bytes() for path in demo.iterdir() if path.is_file()}, "octet/demo")
    try:
        where = {**env, "HF_ENDPOINT": served.url()}
        refused = octet("inspect", "octet/demo", env=where)
        assert refused.returncode == 1 and "fetch it by 'octet pull octet/demo'" in refused.stderr
        octet.ok("pull", "octet/demo", env=where)
        by_name = octet.ok("inspect", "octet/demo", "--json", env=where)
        assert json.loads(by_name.stdout)["tensors"] == json.loads(octet.ok("inspect", demo, "--json").stdout)["tensors"]
        octet.ok("infer", "octet/demo", "--prompt", "The", "--max-tokens", "2", env=where)
    finally:
        served.close()
