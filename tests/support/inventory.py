"""container/stack/inventory.json: what Claude Code and ostiary send, and what it is called in Prometheus, Loki and Tempo."""

import json
import re
from typing import NamedTuple

import yaml

from support.project import ROOT

INVENTORY = ROOT / "container" / "stack" / "inventory.json"
RULES = ROOT / "container" / "stack" / "prometheus" / "rules"

# What Loki itself adds to a record that comes over OTLP.
OF_LOKI = ("detected_level", "severity_text", "severity_number", "trace_id", "span_id", "scope_name", "scope_version")
UNITS = {"s": "seconds", "By": "bytes"}
TEXT, NUMBER, BOOL = "text", "number", "bool"


class Field(NamedTuple):
    types: frozenset  # a name may have another type elsewhere
    values: frozenset | None = None  # all that it can have, if these are known

    def merged(self, other):
        return Field(self.types | other.types, self.values | other.values if self.values and other.values else None)


class Service(NamedTuple):
    resource: dict  # {name of the attribute: Field}, as below
    metrics: dict  # {name in OTLP: {attribute: Field}}
    events: dict
    spans: dict
    span_events: dict
    units: dict  # {name of the metric in OTLP: (kind, unit)}


def load():
    return json.loads(INVENTORY.read_text())


def services():
    """{name: Service}. Every item has its own attributes and the common ones."""
    found = load()
    operator = _fields(found["operator"])
    made = {}
    for name, service in found["services"].items():
        common = _fields(service["common"])

        def items(kind, more):
            return {item: merged(common, more, _fields(content["attributes"])) for item, content in service[kind].items()}
        events = items("events", _fields(service["common_of_events"]))
        for event, fields in events.items():
            fields["event.name"] = Field(frozenset({TEXT}), frozenset({event}))
        made[name] = Service(
            merged(operator, _fields(service["resource"])), items("metrics", {}), events,
            items("spans", _fields(service["common_of_spans"])),
            {event: _fields(attributes) for content in service["spans"].values()
             for event, attributes in content.get("events", {}).items()},
            {metric: (content["kind"], content["unit"]) for metric, content in service["metrics"].items()})
    return made


def merged(*all_fields):
    made = {}
    for fields in all_fields:
        for name, field in fields.items():
            made[name] = made[name].merged(field) if name in made else field
    return made


def label(name):
    """An attribute as a label of Prometheus or Loki."""
    return re.sub(r"\W", "_", name)


def labels(fields):
    return {label(name): field for name, field in fields.items()}


def prometheus_name(metric, kind, unit):
    """A metric in Prometheus: its unit at the end, and of a counter `total` behind it."""
    words = label(metric).split("_")
    if kind == "counter" and words[-1] == "total":
        words.pop()
    if unit and "{" not in unit and (unit := UNITS.get(unit, unit)) not in words:
        words.append(unit)
    return "_".join([*words, "total"] if kind == "counter" else words)


def prometheus_metrics():
    """{name: its labels}. Attributes of the resource are labels too."""
    return {prometheus_name(name, *service.units[name]): labels(merged(service.resource, fields))
            for service in services().values() for name, fields in service.metrics.items()}


def recorded():
    """{name: (expression, labels)} of the recording rules."""
    return {rule["record"]: (rule["expr"], rule.get("labels", {})) for path in sorted(RULES.glob("*.yaml"))
            for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"] if "record" in rule}


def _fields(attributes):
    return {name: Field(frozenset({_type(attribute["type"])}), frozenset(attribute["values"]) if "values" in attribute else None)
            for name, attribute in attributes.items()}


def _type(written):
    if written.split()[0] in ("int", "double"):
        return NUMBER
    return BOOL if written == "bool" else TEXT
