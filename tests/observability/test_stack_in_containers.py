"""container/stack/stack with the real podman and podman-compose, profile apache: up, check, down, up again, reset; and `ostiary
telemetry local`. The images have the names of compose.yaml, and the programs that tests/observability/build made, since none can be
downloaded here: that the published images work in the same way is not tested."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.network import NetworkNamespace
from support.otelcol import BUILT, OTELCOL
from support.podman.podman import CONFIGURATION, Podman
from support.stack import STACK, services
from support.stack_stores import JAEGER, PROMETHEUS, VICTORIALOGS, missing

PODMAN_COMPOSE = BUILT.parent / "venv/bin/podman-compose"
DNS = Path("/usr/lib/podman/aardvark-dns")
# The program of each image, and the path that its entrypoint has.
IMAGES = {"collector-apache": (OTELCOL, "otelcol-contrib"), "prometheus": (PROMETHEUS, "bin/prometheus"),
          "victorialogs": (VICTORIALOGS, "victoria-logs-prod"), "jaeger": (JAEGER, "cmd/jaeger/jaeger-linux")}
WRAPPER = """#!/bin/sh
export CONTAINERS_CONF={directory}/containers.conf TMPDIR={directory}/tmp
exec {podman} --root {directory}/store --runroot {runroot} "$@"
"""


class Machine:
    """A machine with podman and no container yet."""

    def __init__(self, directory):
        self.directory, self.network = directory, NetworkNamespace()
        self.network.ip("link set lo up")
        self._runroot = tempfile.mkdtemp(prefix="stack-", dir="/run")  # podman wants a short path
        for name in ("bin", "tmp", "home", "networks"):
            (directory / name).mkdir()
        (directory / "containers.conf").write_text(CONFIGURATION + f'network_config_dir = "{directory}/networks"\n')
        wrapper = directory / "bin/podman"
        wrapper.write_text(WRAPPER.format(directory=directory, podman=shutil.which("podman"), runroot=self._runroot))
        wrapper.chmod(0o755)
        (directory / "bin/podman-compose").symlink_to(PODMAN_COMPOSE)
        no_docker = directory / "bin/docker"
        no_docker.write_text("#!/bin/sh\nexit 1\n")
        no_docker.chmod(0o755)

    def run(self, *words, **env):
        """Runs a command that finds podman, and no Docker."""
        with self.network.entered():
            # The containers' monitors keep a pipe open, so the output goes to files.
            with open(self.directory / "out", "w+") as out, open(self.directory / "err", "w+") as err:
                done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=120, env={
                    "PATH": f"{self.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": f"{self.directory}/home", "STACK_PROFILE": "apache"} | env)
                for file in (out, err):
                    file.seek(0)
                return subprocess.CompletedProcess(words, done.returncode, out.read(), err.read())

    def podman(self, *words):
        done = self.run(self.directory / "bin/podman", *words)
        assert done.returncode == 0, done
        return done.stdout

    def stack(self, *words, status=0):
        done = self.run(sys.executable, STACK / "stack", *words)
        assert done.returncode == status, (done, self.logs())
        return done

    def logs(self):
        names = self.run(self.directory / "bin/podman", "ps", "--all", "--format", "{{.Names}}").stdout.split()
        return {name: self.run(self.directory / "bin/podman", "logs", "--tail", "5", name).stderr for name in names}

    def add_image(self, name, program, path):
        """An image with one program, and the libraries that it is linked with."""
        root = self.directory / "image"
        files = {path: program}
        linked = subprocess.run(["ldd", program], capture_output=True, text=True)
        for library in re.findall(r"(/\S+)", linked.stdout) if linked.returncode == 0 else []:
            files[library.lstrip("/")] = library
        for inside, outside in files.items():
            (root / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(outside), root / inside)
        archive = self.directory / "image.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        self.podman("import", "--change", f'ENTRYPOINT ["/{path}"]', archive, f"docker.io/{name}")
        archive.unlink()
        shutil.rmtree(root)

    def close(self):
        for command in (["rm", "--all", "--force", "--time", "0"], ["rmi", "--all", "--force"],
                        ["volume", "prune", "--force"], ["network", "prune", "--force"]):
            self.run(self.directory / "bin/podman", *command)
        shutil.rmtree(self._runroot, ignore_errors=True)
        self.network.close()


@pytest.fixture(scope="module")
def machine(scratch, tmp_path_factory):
    if why := missing() or Podman.missing():
        pytest.skip(why)
    for needed in (PODMAN_COMPOSE, DNS):
        if not needed.exists():
            pytest.skip(f"there is no {needed.name}: run scripts/setup observability, and tests/observability/build")
    made = Machine(tmp_path_factory.mktemp("machine"))
    try:
        for service, (program, path) in IMAGES.items():
            made.add_image(services("apache")[service]["image"], program, path)
        yield made
    finally:
        made.close()


def send_marked(machine, binary):
    """Sends a span, a metric and a record, and returns their mark."""
    sent = machine.run(binary, "telemetry", "check", "--scope", "environment", **{
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        **{f"OTEL_{signal}_EXPORTER": "otlp" for signal in ("TRACES", "METRICS", "LOGS")}})
    assert sent.returncode == 0, sent
    return re.search(r"ostiary\.check=\S+", sent.stdout)[0]


def test_the_whole_life_of_the_stack(machine, binary):
    done = machine.stack("up", "--retention", "2w")
    assert "podman" in done.stderr and "http://127.0.0.1:16686" in done.stdout
    assert machine.stack("status").stdout.count("ready") == 4
    assert set(re.findall(r"([^\s,]+):[\d-]+->", machine.podman("ps", "--format", "{{.Ports}}"))) == {"127.0.0.1"}
    before = send_marked(machine, binary)
    machine.stack("check", "--marked", before, "--wait", "30s")
    machine.stack("up")
    machine.stack("down")
    assert machine.podman("ps", "--all", "--quiet") == ""
    machine.stack("up")
    machine.stack("check", "--marked", before, "--wait", "30s")
    assert "336h" in machine.podman("ps", "--no-trunc", "--format", "{{.Command}}")
    machine.stack("reset", "--yes")
    assert machine.podman("volume", "ls", "--quiet") == ""
    machine.stack("up")
    machine.stack("check", "--marked", before, "--wait", "3s", status=69)
    machine.stack("check", "--marked", send_marked(machine, binary), "--wait", "30s")


def test_up_ends_early_if_a_part_ends_again_and_again(machine):
    machine.stack("reset", "--yes")
    name, (program, path) = services("apache")["jaeger"]["image"], IMAGES["jaeger"]
    machine.add_image(name, "/bin/false", path)
    try:
        done = machine.stack("up", status=69)
    finally:
        machine.stack("reset", "--yes")
        machine.add_image(name, program, path)
    assert re.search(r"Jaeger does not start: its state is .*; `podman logs ostiary-stack_jaeger_1` shows its log", done.stderr), done


def test_only_the_collector_is_in_the_agents_network(machine):
    machine.stack("up")
    there = {service for service in IMAGES
             if "ostiary-stack-agents" in json.loads(machine.podman("inspect", f"ostiary-stack_{service}_1"))[0]["NetworkSettings"]["Networks"]}
    assert there == {"collector-apache"}


def test_ostiary_telemetry_local_starts_it_connects_claude_code_and_finds_its_batch(machine, binary):
    machine.stack("reset", "--yes")
    done = machine.run(binary, "telemetry", "local", "--profile", "apache", "--stack", STACK)
    assert done.returncode == 0, (done, machine.logs())
    assert set(re.findall(r"^(.*): in (\w+) after", done.stdout, re.M)) == {
        ("span", "Jaeger"), ("metric", "Prometheus"), ("log record", "VictoriaLogs")}
    settings = json.loads((machine.directory / "home/.claude/settings.json").read_text())
    assert settings["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
