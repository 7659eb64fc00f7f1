"""The five known mistakes of such set-ups, in docs/telemetry.md: none is in a file of ours, and each would be found."""

import json
import re

import pytest
import yaml

from support.otelcol import validate
from support.project import ROOT
from support.rootfs import AGENT
from system.conftest import sandbox  # noqa: F401

FOLDERS = [ROOT / "container" / name for name in ("collector", "stack")]
CONFIGURATIONS = {path: value for folder in FOLDERS for path in sorted(folder.glob("*.yaml"))
                  for value in yaml.safe_load_all(path.read_text()) if isinstance(value, dict) and "service" in value}
GRAFANA = ROOT / "container" / "stack" / "grafana"
PLAIN = """
receivers: { otlp: { protocols: { http: {} } } }
exporters: { debug: {} }
service: { telemetry: { metrics: { level: none } }, pipelines: { logs: { receivers: [otlp], exporters: [debug] } } }
"""


def parts(value, kind):
    """(name, settings) of each part of a kind, such as an exporter."""
    return (value.get(kind) or {}).items()


def has_old_address(value):
    return "address" in (value["service"].get("telemetry", {}).get("metrics") or {})


def has_prefix(value):
    return any("namespace" in (settings or {}) for name, settings in parts(value, "exporters") if name.startswith("prometheus"))


def has_logging(value):
    return any(re.fullmatch("logging(/.*)?", name) for name, _ in parts(value, "exporters"))


MISTAKES = {
    has_old_address: "service: { telemetry: { metrics: { address: ':8888' } } }",
    has_prefix: "{ exporters: { prometheus: { namespace: claude_code } }, service: {} }",
    has_logging: "{ exporters: { logging/all: {} }, service: {} }",
}


@pytest.mark.plain
@pytest.mark.parametrize("has", MISTAKES, ids=lambda has: has.__name__)
def test_no_configuration_of_a_collector_has_it(has):
    assert has(yaml.safe_load(MISTAKES[has]))
    assert {path.name for path in CONFIGURATIONS} >= {"receive.yaml", "to-s3.yaml", "to-otlp.yaml", "collector.yaml"}
    assert [path for path, value in CONFIGURATIONS.items() if has(value)] == []


@pytest.mark.parametrize("old, new, said", [
    ("debug", "logging", "the logging exporter has been deprecated"),
    ("level: none", "address: 127.0.0.1:8888", "invalid keys: address")])
def test_the_tested_collector_refuses_what_is_deprecated(tmp_path, old, new, said):
    assert validate(tmp_path, PLAIN) == ""
    assert said in validate(tmp_path, PLAIN.replace(old, new))


@pytest.mark.plain
def test_connect_selects_all_three_exporters_and_check_names_a_missing_one(sandbox):  # noqa: F811
    settings = "/home/agent/.claude/settings.json"

    def telemetry(*words):
        return sandbox.run("telemetry", *words, uid=AGENT, env={"HOME": "/home/agent"})
    assert telemetry("connect", "--endpoint", "http://127.0.0.1:4318").status == 0
    env = json.loads(sandbox.read(settings))["env"]
    for signal in ("TRACES", "METRICS", "LOGS"):
        assert env[f"OTEL_{signal}_EXPORTER"] == "otlp"
        left = {name: value for name, value in env.items() if name != f"OTEL_{signal}_EXPORTER"}
        sandbox.write(settings, json.dumps({"env": left}), owner=AGENT)
        assert f"OTEL_{signal}_EXPORTER" in telemetry("check").stdout


def uids(value):
    """The UIDs of data sources that a dashboard names."""
    if isinstance(value, list):
        return {uid for each in value for uid in uids(each)}
    if not isinstance(value, dict):
        return set()
    own = value.get("datasource")
    named = {own["uid"] if isinstance(own, dict) else own} if own else set()
    return named.union(*map(uids, value.values()))


@pytest.mark.plain
def test_dashboards_name_the_data_sources_that_are_provisioned():
    assert uids({"panels": [{"datasource": {"uid": "PBFA97CFB590B2093"}}, {"targets": [{"datasource": "x"}]}]}) == {
        "PBFA97CFB590B2093", "x"}
    provisioned = {each["uid"] for each in yaml.safe_load((GRAFANA / "datasources.yaml").read_text())["datasources"]}
    assert provisioned == {"metrics", "logs", "traces"}
    dashboards = sorted((GRAFANA / "dashboards").glob("*.json"))
    assert dashboards
    for path in dashboards:
        text = path.read_text()
        named = uids(json.loads(text)) - {"-- Grafana --", "-- Dashboard --"}
        assert named and named <= provisioned, path
        assert "claude_code_claude_code" not in text, path
