# SPDX-License-Identifier: Apache-2.0
"""What deploy/README.md says was checked."""
import json
import os
import re
import shlex
import shutil
import socket
import sys
import threading

import harness
import pytest
from conftest import DEPLOY, ROOT, run, tool

UNIT = DEPLOY / "octet.service"


# ---- systemd


def test_unit_is_valid(tmp_path):
    """With the binary and the manual page where this machine has them: their absence is no fault."""
    text = UNIT.read_text().replace("/usr/local/bin/octet", sys.executable)
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub("^Documentation=.*\n", "", text, flags=re.M))
    result = run(tool("systemd-analyze"), "verify", "--recursive-errors=no", copy)
    assert result.returncode == 0 and result.stderr == "", result.stderr


def test_unit_is_hardened():
    result = run(tool("systemd-analyze"), "security", "--offline=true", "--threshold=20", UNIT)
    assert result.returncode == 0, result.stdout


def test_unit_drains_before_it_kills():
    options = dict(re.findall(r"^(\w+)=(\S+)$", UNIT.read_text(), re.M))
    drain = int(re.search(r"^shutdown-timeout: (\d+)$", (DEPLOY / "serve.yaml").read_text(), re.M)[1])
    assert int(options["TimeoutStopSec"]) > drain
    assert options["Type"] == "notify" and options["User"] == "octet"


class Notified:
    """The socket on which systemd hears of a service."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.lines = []

    def wait(self, line):
        self.socket.settimeout(30)
        while line not in self.lines:
            self.lines += self.socket.recv(4096).decode().splitlines()

    def drain(self):
        self.socket.settimeout(0.1)
        try:
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return self.lines


def test_systemd_hears_of_every_state(tmp_path, binary):
    systemd = Notified(tmp_path)
    environment = {"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "200000"}
    with harness.Server(harness.DEMO, env=environment) as server:
        systemd.wait("READY=1")
        assert server.get("/health")[0] == 200
        systemd.wait("WATCHDOG=1")
    assert "STOPPING=1" in systemd.drain()
    assert systemd.lines.index("READY=1") < systemd.lines.index("STOPPING=1")


def test_options_of_the_unit_are_octets(binary, tmp_path):
    """serve.yaml as it is but for the model's place and the port."""
    text = (DEPLOY / "serve.yaml").read_text()
    text = text.replace("/srv/models/Qwen3-4B-FP8", str(harness.DEMO)).replace("8192", "1024")
    config = tmp_path / "serve.yaml"
    config.write_text(re.sub("^(host|port): .*\n", "", text, flags=re.M))
    with harness.Server(harness.DEMO, "--config", config) as server:
        assert b'"qwen3-4b"' in server.get("/v1/models")[2]
        assert "GET /health" not in server.log()


# ---- Docker


def dockerfile():
    """[(instruction, arguments)], continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and line[0] != "#"]


def installed_packages():
    """What each stage installs."""
    stages = []
    for instruction, arguments in dockerfile():
        if instruction == "FROM":
            stages.append(set())
        match = re.search(r"apt-get install -y --no-install-recommends (.*?) &&", arguments)
        if match:
            stages[-1].update(match[1].split())
    return stages


def test_image_builds_with_the_packages_of_setup_env():
    needed = re.search(r"needed='(.*?)'", (ROOT / "scripts/setup_env.sh").read_text(), re.S)[1].split()
    for_tests = {"git", "libcmocka-dev", "python3", "python3-venv", "python3-pytest", "python3-pexpect"}
    assert installed_packages()[0] == set(needed) - for_tests


def test_image_has_the_libraries_that_octet_links(binary):
    tool("dpkg-query")
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", binary).stdout)
    paths = dict(re.findall(r"(\S+) => (\S+) \(", run("ldd", binary).stdout))
    owners = set()
    for path in (paths[name] for name in needed if name in paths):
        for spelled in (path, os.path.realpath(path), "/usr" + os.path.realpath(path)):
            found = re.match(r"([^:,]+)", run("dpkg-query", "-S", spelled).stdout)
            if found:
                owners.add(found[1].removesuffix("t64"))  # Ubuntu's spelling
    assert owners - {"libc6"} == installed_packages()[1] - {"ca-certificates"}


def test_image_is_built_from_files_that_are_there(tmp_path):
    """Configures and plans the build from what the image would be given."""
    rules = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
             if line and line[0] != "#"]
    assert rules[0] == "*"
    for rule in rules[1:]:
        source, target = ROOT / rule[1:], tmp_path / rule[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    steps = next(text for kind, text in dockerfile() if text.startswith("cmake ")).split("&&")
    configured = run(*shlex.split(steps[0]), cwd=tmp_path)
    assert configured.returncode == 0, configured.stderr
    planned = run("ninja", "-n", "-C", "build/release", cwd=tmp_path)
    assert planned.returncode == 0, planned.stdout
    for kind, text in dockerfile():
        if kind == "COPY" and not text.startswith("--from") and text != ". .":
            assert (tmp_path / text.split()[0]).exists(), text


def test_image_does_not_run_as_root():
    kinds = [kind for kind, _ in dockerfile()]
    last = len(kinds) - 1 - kinds[::-1].index("FROM")
    assert "USER" in kinds[last:] and "HEALTHCHECK" in kinds[last:]


def test_health_check(demo):
    script = DEPLOY / "healthcheck.sh"
    assert run("bash", script, demo.port).returncode == 0
    assert run("bash", script, harness.free_port()).returncode != 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=lambda: other.accept()[0].sendall(b"HTTP/1.1 503 x\r\n\r\n"),
                         daemon=True).start()
        assert run("bash", script, other.getsockname()[1]).returncode != 0


# ---- Kubernetes


def manifests(name):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return [document for document in yaml.safe_load_all((DEPLOY / name).read_text()) if document]


def by_kind(kind, name="kubernetes.yaml"):
    return next(document for document in manifests(name) if document["kind"] == kind)


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-monitoring.yaml"])
def test_manifests_follow_the_schema(name):
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in manifests(name):
        if document["kind"] != "PodMonitor":  # the operator's, not Kubernetes' own
            validate.validate(document, "1.30", strict=True)


def test_manifests_fit_together():
    pod = by_kind("Deployment")["spec"]["template"]
    container, = pod["spec"]["containers"]
    labels = by_kind("Service")["spec"]["selector"]
    assert labels.items() <= pod["metadata"]["labels"].items()
    assert by_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert container["envFrom"][0]["secretRef"]["name"] == by_kind("Secret")["metadata"]["name"]
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == by_kind("PersistentVolumeClaim")["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
        assert container[probe]["httpGet"]["path"] == "/health"
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(ports["http"])
    monitor = by_kind("PodMonitor", "kubernetes-monitoring.yaml")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    scaled = by_kind("HorizontalPodAutoscaler", "kubernetes-monitoring.yaml")["spec"]["scaleTargetRef"]
    assert scaled["name"] == by_kind("Deployment")["metadata"]["name"]


def test_pod_drains_before_it_is_killed():
    spec = by_kind("Deployment")["spec"]["template"]["spec"]
    container, = spec["containers"]
    drain = next(int(a.split("=")[1]) for a in container["args"] if a.startswith("--shutdown-timeout="))
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > pause + drain


def test_arguments_of_the_pod_are_octets(binary):
    container, = by_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    flags = [a.replace("8192", "1024") for a in container["args"][1:]]
    with harness.Server(harness.DEMO, *flags) as server:
        assert b'"qwen3-4b"' in server.get("/v1/models")[2]


# ---- Prometheus and Grafana


def board():
    return json.loads((DEPLOY / "grafana.json").read_text())


def queries():
    """Every expression of the board with Grafana's variables filled in."""
    for panel in board()["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m")
            yield panel["title"], expression.replace("$model_name", "m").replace("$instance", ".*")


def test_rules_and_configuration_are_valid():
    promtool = tool("promtool")
    for command in (["check", "rules", DEPLOY / "alerts.yml"],
                    ["check", "config", DEPLOY / "prometheus.yml"],
                    ["test", "rules", ROOT / "tests/deploy/alerts_test.yml"]):
        result = run(promtool, *command)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_test():
    alerts = set(re.findall(r"alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (ROOT / "tests/deploy/alerts_test.yml").read_text()))
    assert alerts == tested


def test_queries_of_the_board_are_valid(tmp_path):
    rules = [{"record": f"panel:query:{i}", "expr": expression}
             for i, (_, expression) in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    result = run(tool("promtool"), "check", "rules", tmp_path / "rules.yml")
    assert result.returncode == 0, result.stderr


def test_board_can_be_imported():
    data = board()
    assert data["title"] == "octet" and data["schemaVersion"] >= 36 and "id" not in data
    source, = data["__inputs"]
    ids = [panel["id"] for panel in data["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in data["panels"]:
        assert panel["datasource"]["uid"] == "${%s}" % source["name"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])
    spots = [(cell_x, cell_y) for panel in data["panels"] for place in [panel["gridPos"]]
             for cell_x in range(place["x"], place["x"] + place["w"])
             for cell_y in range(place["y"], place["y"] + place["h"])]
    assert len(set(spots)) == len(spots) and max(x for x, _ in spots) < 24, "panels overlap"


@pytest.mark.parametrize("title", [
    "E2E Request Latency", "Token Throughput", "Inter Token Latency", "Scheduler State",
    "Time To First Token Latency", "Cache Utilization", "Request Prompt Length",
    "Request Generation Length", "Finish Reason", "Queue Time", "Requests Prefill and Decode Time",
    "Max Generation Token in Sequence Group"])
def test_board_has_the_panels_of_vllms(title):
    assert title in [panel["title"] for panel in board()["panels"]]


def metrics_named(text):
    """Names of metrics in PromQL: what is neither a function, a label, nor a word of the language."""
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|on)\s*\([^)]*\)", " ", text)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", text)
    return {word for word in words if "_" in word and not text.count(word + "(")}


def test_every_metric_that_is_asked_for_is_there(demo):
    demo.chat("What is the capital of France?")
    exported = {name for name, _ in demo.metrics()}
    asked = {name for _, expression in queries() for name in metrics_named(expression)}
    rules = re.findall(r"^ +expr: (.*)$", (DEPLOY / "alerts.yml").read_text(), re.M)
    asked |= {name for rule in rules for name in metrics_named(rule)}
    asked.add("vllm:num_requests_waiting")  # the autoscaler's
    assert len(asked) > 25 and asked - exported == set()


def test_labels_that_are_asked_for_are_there(demo):
    """The board filters by model_name and groups by what the metric is split into."""
    labels = {}
    for name, pairs in demo.metrics():
        labels.setdefault(name, set()).update(key for key, _ in pairs)
    for name in ("vllm:num_requests_running", "vllm:request_success_total"):
        assert "model_name" in labels[name]
    assert "finished_reason" in labels["vllm:request_success_total"]
    assert {"handler", "status"} <= labels["http_requests_total"]
    assert "reason" in labels["octet_requests_rejected_total"]
    assert "state" in labels["octet_client_disconnects_total"]
