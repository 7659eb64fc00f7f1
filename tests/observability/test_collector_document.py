"""docs/collector.md: its commands make what the collector needs, and its environment brings an agent's telemetry there."""

import re
import subprocess

import pytest

from observability.collecting import FILES, bucket, collector, names, settings, stored
from support.behaviours import addresses
from support.project import ROOT
from support.relayed import AT, World
from support.waiting import eventually

DOCUMENT = ROOT / "docs" / "collector.md"
HOST = "collector.example.com"


@pytest.mark.parametrize("form, port", [("http/protobuf", 8318), ("grpc", 8317)])
def test_an_agent_with_the_documented_settings_reaches_a_collector_with_the_documented_files(
        new_container, internet, tmp_path, form, port):
    commands, = re.findall(r"^ *```sh\n(.*?)^ *```$", DOCUMENT.read_text(), re.M | re.S)
    (tmp_path / "container/collector/secrets").mkdir(parents=True)
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, check=True, capture_output=True)
    secrets = tmp_path / "container/collector/secrets"
    shown = dict(re.findall(r"^ +(OTEL_\w+)=(.*)$", DOCUMENT.read_text(), re.M))
    internet.upstream.name(HOST, addresses(AT))
    world = World(new_container(), internet, tmp_path, port, False, OSTIARY_AUDIT_OTLP="off", **shown | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": shown["OTEL_EXPORTER_OTLP_ENDPOINT"].replace("4318", str(port)),
        "OTEL_EXPORTER_OTLP_HEADERS": shown["OTEL_EXPORTER_OTLP_HEADERS"].replace("TOKEN", (secrets / "tokens").read_text().strip()),
        "OTEL_EXPORTER_OTLP_PROTOCOL": form})
    world.container.write(shown["OTEL_EXPORTER_OTLP_CERTIFICATE"], (secrets / "server.pem").read_text())
    store = bucket(internet.network, tmp_path / "store")
    running = collector(internet.network, tmp_path, **settings(tmp_path, store, COLLECTOR_TRANSPORT=None, **{
        f"COLLECTOR_{name}": secrets / file
        for name, file in (("TOKENS", "tokens"), ("CERTIFICATE", "server.pem"), ("KEY", "server.key"))}))
    try:
        world.start("agent")
        assert world.post("work") == "200"
        eventually(lambda: names("traces", [request for _, request in stored(store, "traces")]) == ["work"],
                   f"it arrives: {world.log()} {running.log()}", 60)
        assert f"telemetry arrives at {HOST}:{port}" in world.log()
    finally:
        running.kill()
        store.down()


@pytest.mark.plain
def test_the_documented_files_and_settings_exist():
    text = DOCUMENT.read_text()
    for path in re.findall(r"`(container/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    settings_of = "".join(path.read_text() for path in FILES.glob("*.*") if path.suffix in (".env", ".yaml"))
    for name in set(re.findall(r"\b(?:COLLECTOR|S3|OTLP)_[A-Z_]+\b", text)):
        assert name in settings_of, name
