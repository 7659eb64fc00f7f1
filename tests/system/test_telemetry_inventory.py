"""container/stack/inventory.json: it has what ostiary's code and documents have, and docs/telemetry-reference.md is made from it."""

import re
import subprocess

from support.audit_document import documented, kinds_of_denials
from support.inventory import load
from support.project import ROOT

OWN_METRICS = ROOT / "src" / "relay" / "own_metrics.cc"
HELPERS = ("gate", "relay")
NOT_IN_A_LINE = {"ostiary.session.match", "session.id"}
KINDS = {"sum": "counter", "gauge": "gauge"}


def own():
    return load()["services"]["ostiary"]


def test_the_reference_is_what_the_script_makes():
    made = subprocess.run([ROOT / "scripts" / "telemetry-reference", "--print"], capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "docs" / "telemetry-reference.md").read_text(), "run scripts/telemetry-reference"


def test_ostiarys_events_are_those_of_the_audits_document():
    expected = {"left_out": {"ostiary.count", "ostiary.unreadable"}}
    for event, tables in documented().items():
        names = [f"deny_{kind}" for kind in kinds_of_denials()] if event == "deny" else [event] * len(tables)
        for name, fields in zip(names, tables, strict=True):
            expected[name] = {f"ostiary.{field}" for field in fields}
    del expected["exit"]  # the relay has ended before it
    for event in ("started", "died", "restarted"):
        expected |= {f"{helper}_{event}": expected[f"gate_{event}"] for helper in HELPERS}
    found = {event: item["attributes"].keys() - NOT_IN_A_LINE for event, item in own()["events"].items()}
    assert found == {f"ostiary.{event}": fields for event, fields in expected.items()}


def test_ostiarys_metrics_are_those_of_its_code():
    code = re.findall(r'\.name = "([\w.]+)",\s+\.description = "([^"]+)",\s+\.unit = "([^"]+)",\s+\.kind = Kind::(\w+)',
                      OWN_METRICS.read_text())
    assert {name: (metric["what"], metric["unit"], metric["kind"]) for name, metric in own()["metrics"].items()} == \
        {name: (what, unit, KINDS[kind]) for name, what, unit, kind in code}


def test_each_attribute_has_a_meaning():
    def fields(value):
        if isinstance(value.get("type"), str):
            yield value
        else:
            for each in value.values():
                if isinstance(each, dict):
                    yield from fields(each)
    assert [field for field in fields(load()) if not field.get("what")] == []
