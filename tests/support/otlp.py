"""Reads OTLP export requests, as protocol buffers or JSON, into Items: spans, metrics and log
records.

The field numbers are those of opentelemetry-proto v1. In all three signals, the resource and the
list of resources are field 1, and a resource's list of scopes and a scope's list of records are
field 2.
"""

import json
from typing import NamedTuple

from support.protobuf import double, fields, signed

SIGNALS = ("traces", "metrics", "logs")
LISTS = {"traces": ("resourceSpans", "scopeSpans", "spans"),
         "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
         "logs": ("resourceLogs", "scopeLogs", "logRecords")}
DATA = {"gauge": 5, "sum": 7, "histogram": 9}  # kinds of metrics
POINT_ATTRIBUTES = {"gauge": 7, "sum": 7, "histogram": 9}
TEMPORALITY = {1: "delta", 2: "cumulative"}


class Item(NamedTuple):
    name: str  # of the span, the metric or the event
    attributes: dict  # for a metric: of its first point
    temporality: str = ""  # for metrics that have one
    trace: str = ""  # the trace's id in hexadecimal, for spans and log records that have one
    value: int | None = None  # for a sum of integers: of its first point


class Group(NamedTuple):
    resource: dict
    items: list


def from_protobuf(signal, data):
    return [Group(_attributes(_message(group, 1), 1),
                  [_ITEMS[signal](fields(item)) for scope in group.get(2, []) for item in fields(scope).get(2, [])])
            for group in map(fields, fields(data).get(1, []))]


def from_json(signal, data):
    groups, scopes, items = LISTS[signal]
    return [Group(_json_attributes(group["resource"]),
                  [_json_item(signal, item) for scope in group.get(scopes, []) for item in scope.get(items, [])])
            for group in json.loads(data)[groups]]


# Protocol buffers -----------------------------------------------------------------------------------------------------


def _message(found, number):
    return fields(b"".join(found.get(number, [])))


def _text(found, number):
    return found.get(number, [b""])[0].decode()


def _attributes(found, number):
    pairs = [fields(pair) for pair in found.get(number, [])]
    return {_text(pair, 1): _value(_message(pair, 2)) for pair in pairs}


def _value(found):
    readers = {1: bytes.decode, 2: bool, 3: signed, 4: double, 7: bytes}
    for number, reader in readers.items():
        if number in found:
            return reader(found[number][0])
    if 5 in found:
        return [_value(fields(each)) for each in _message(found, 5).get(1, [])]
    return _attributes(_message(found, 6), 1) if 6 in found else None


def _span(found):
    return Item(_text(found, 5), _attributes(found, 9), trace=found.get(1, [b""])[0].hex())


def _metric(found):
    for kind, number in DATA.items():
        if number in found:
            data = _message(found, number)
            point = fields(data[1][0])
            return Item(_text(found, 1), _attributes(point, POINT_ATTRIBUTES[kind]),
                        TEMPORALITY.get(data.get(2, [0])[0], ""),
                        value=_integer(point) if kind == "sum" else None)
    raise ValueError(f"a metric without data: {found}")


def _integer(point):
    return signed(point[6][0]) if 6 in point else None


def _log(found):
    attributes = _attributes(found, 6)
    return Item(_text(found, 12) or attributes.get("event.name", ""), attributes, trace=found.get(9, [b""])[0].hex())


_ITEMS = {"traces": _span, "metrics": _metric, "logs": _log}


# JSON -----------------------------------------------------------------------------------------------------------------


def _json_item(signal, item):
    if signal != "metrics":
        attributes = _json_attributes(item)
        return Item(item["name"] if signal == "traces" else attributes.get("event.name", ""), attributes,
                    trace=item.get("traceId", ""))
    data = next(item[kind] for kind in DATA if kind in item)
    return Item(item["name"], _json_attributes(data["dataPoints"][0]),
                TEMPORALITY.get(data.get("aggregationTemporality"), ""))


def _json_attributes(holder):
    return {pair["key"]: _json_value(pair["value"]) for pair in holder.get("attributes", [])}


def _json_value(value):
    (kind, held), = value.items()
    if kind == "intValue":
        return int(held)
    if kind == "arrayValue":
        return [_json_value(each) for each in held.get("values", [])]
    return {pair["key"]: _json_value(pair["value"]) for pair in held["values"]} if kind == "kvlistValue" else held
