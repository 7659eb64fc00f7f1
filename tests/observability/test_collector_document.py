"""docs/collector.md: its commands make what the collector needs, and its environment brings an agent's telemetry there."""

import http.server
import json
import os
import re
import subprocess
import threading
import time

import pytest
import yaml

from observability.collecting import FILES, bucket, collector, names, post, settings, stored
from support.behaviours import addresses
from support.commands import of_telemetry
from support.otelcol import validate
from support.project import ROOT
from support.relayed import AT, World
from support.waiting import eventually

DOCUMENT = ROOT / "docs" / "collector.md"
TEXT = DOCUMENT.read_text()
HOST = "collector.example.com"
SAID = re.findall(r"^\| `(.*)` \| `(\w+)`.* \|$", TEXT.split("\n## ")[0], re.M)


def make_secrets(directory):
    """Runs the documented commands, and returns the folder of the secrets."""
    commands, = re.findall(r"^ *```sh\n(.*?)^ *```$", TEXT, re.M | re.S)
    secrets = directory / "container/collector/secrets"
    secrets.mkdir(parents=True)
    subprocess.run(["bash", "-euc", commands], cwd=directory, check=True, capture_output=True)
    return secrets


def secrets_of(secrets):
    """The collector's settings for the files of the secrets."""
    return {f"COLLECTOR_{name}": secrets / file
            for name, file in (("TOKENS", "tokens"), ("CERTIFICATE", "server.pem"), ("KEY", "server.key"))}


@pytest.mark.parametrize("form, port", [("http/protobuf", 8318), ("grpc", 8317)])
def test_an_agent_with_the_documented_settings_reaches_a_collector_with_the_documented_files(
        new_container, internet, tmp_path, form, port):
    secrets = make_secrets(tmp_path)
    shown = dict(re.findall(r"^ +(OTEL_\w+)=(.*)$", TEXT, re.M))
    internet.upstream.name(HOST, addresses(AT))
    world = World(new_container(), internet, tmp_path, port, False, OSTIARY_AUDIT_OTLP="off", **shown | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": shown["OTEL_EXPORTER_OTLP_ENDPOINT"].replace("4318", str(port)),
        "OTEL_EXPORTER_OTLP_HEADERS": shown["OTEL_EXPORTER_OTLP_HEADERS"].replace("TOKEN", (secrets / "tokens").read_text().strip()),
        "OTEL_EXPORTER_OTLP_PROTOCOL": form})
    world.container.write(shown["OTEL_EXPORTER_OTLP_CERTIFICATE"], (secrets / "server.pem").read_text())
    store = bucket(internet.network, tmp_path / "store")
    running = collector(internet.network, tmp_path, **settings(tmp_path, store, COLLECTOR_TRANSPORT=None, **secrets_of(secrets)))
    try:
        world.start("agent")
        assert world.post("work") == "200"
        eventually(lambda: names("traces", [request for _, request in stored(store, "traces")]) == ["work"],
                   f"it arrives: {world.log()} {running.log()}", 60)
        assert f"telemetry arrives at {HOST}:{port}" in world.log()
    finally:
        running.kill()
        store.down()


def test_a_removed_token_works_until_the_collector_starts_again_if_its_container_has_the_file_itself(internet, tmp_path):
    """A hard link is the file that a container of Compose has: what replaces the file in the folder does not reach it."""
    secrets = make_secrets(tmp_path)
    (mounted := tmp_path / "mounted").mkdir()
    old, tokens, seen = secrets / "old", secrets / "tokens", mounted / "tokens"
    old.write_text(tokens.read_text())
    tokens.write_text("0123  another\n" + old.read_text())
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".curlrc").write_text(f'connect-to = "{HOST}:4318:{AT}:8318"\n')
    ask, = re.findall(r"^ +(sed .*curl(?:.*\\\n)*.*)$", TEXT, re.M)

    def start():
        seen.unlink(missing_ok=True)
        seen.hardlink_to(tokens)
        return collector(internet.network, tmp_path, **settings(
            tmp_path, COLLECTOR_TRANSPORT=None, S3_ENDPOINT="http://127.0.0.1:9", **secrets_of(secrets) | {"COLLECTOR_TOKENS": seen}))

    def answer():
        with internet.network.entered():
            return subprocess.run(["bash", "-euc", ask], cwd=secrets.parent, capture_output=True, text=True, check=True,
                                  env=os.environ | {"CURL_HOME": str(tmp_path / "home")}).stdout
    running = start()
    try:
        assert answer() == "200\n"
        subprocess.run(["sed", "-i", "/another/!d", tokens], check=True)
        time.sleep(2)
        assert answer() == "200\n"
        running.end()
        running = start()
        assert answer() == "401\n"
    finally:
        running.kill()


class Refuses(http.server.BaseHTTPRequestHandler):
    """As Grafana Cloud answers to deltas."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b"invalid temporality")

    def log_message(self, *_):
        pass


def test_metrics_that_the_endpoint_refuses_are_taken_from_the_sender_and_dropped_with_a_line_in_the_log(internet, tmp_path):
    phrase = "Dropping data"
    assert TEXT.count(f"`{phrase}`") == 2
    with internet.network.entered():
        backend = http.server.HTTPServer((AT, 0), Refuses)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("secret")
    running = collector(internet.network, tmp_path, "to-otlp", **settings(
        tmp_path, OTLP_ENDPOINT=f"http://{AT}:{backend.server_port}", OTLP_AUTH="bearertokenauth", OTLP_TOKEN=tmp_path / "token"))
    try:
        assert phrase not in running.log()
        point = {"name": "tokens", "sum": {"aggregationTemporality": 1, "dataPoints": [{"asInt": "5"}]}}
        assert post(internet.network, "metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [point]}]}]}) == 200
        eventually(lambda: phrase in running.log(), f"the log says it: {running.log()}", 30)
    finally:
        running.kill()
        backend.shutdown()
        backend.server_close()


@pytest.mark.parametrize("said, name", SAID)
def test_a_missing_setting_is_said_in_the_documented_words(tmp_path, said, name):
    there = {"OTLP_ENDPOINT": "https://otlp.example/otlp", "OTLP_AUTH": "bearertokenauth"}
    kind = "to-s3" if name.startswith("S3") else "to-otlp"
    for more in ({}, {name: ""}):
        problem = validate(tmp_path, FILES / "receive.yaml", FILES / f"{kind}.yaml", env=settings(tmp_path, **there | more))
        assert (said in problem) == bool(more), problem


@pytest.mark.plain
def test_the_messages_are_those_of_all_settings_without_a_default():
    missing = {name for path in FILES.glob("to-*.env") for name in re.findall(r"^(\w+)=$", path.read_text(), re.M)}
    assert {name for _, name in SAID} == missing


@pytest.mark.plain
def test_the_documented_command_of_a_developer_connects_to_the_documented_endpoint(binary, tmp_path):
    command, = of_telemetry(TEXT.split("\n5. ")[0])
    (tmp_path / "header.txt").write_text("Authorization: Bearer x\n")
    done = subprocess.run([binary, *command.split()[1:], "--scope", "print"], cwd=tmp_path, capture_output=True, text=True, check=True)
    env = json.loads(done.stdout)["env"]
    for name, value in re.findall(r"^ +(OTEL_\w+)=(.*)$", TEXT, re.M):
        assert name.endswith(("HEADERS", "CERTIFICATE")) or env[name] == value, name


@pytest.mark.plain
def test_the_documented_profiles_exist():
    services = yaml.safe_load((FILES / "compose.yaml").read_text())["services"]
    assert set(re.findall(r"--profile ([\w-]+)", TEXT)) == {name for each in services.values() for name in each["profiles"]}


@pytest.mark.plain
def test_the_documented_files_and_settings_exist():
    for path in re.findall(r"`(container/[\w./-]+)`", TEXT):
        assert (ROOT / path).exists(), path
    settings_of = "".join(path.read_text() for path in FILES.glob("*.*") if path.suffix in (".env", ".yaml"))
    for name in set(re.findall(r"\b(?:COLLECTOR|S3|OTLP)_[A-Z_]+\b", TEXT)):
        assert name in settings_of, name
