"""Reads ostiary's own telemetry with the protobuf library.

The input is every example of docs/audit.md, so that each documented event becomes a record whose attributes are the fields of its
line. The messages are the part of opentelemetry/proto that concerns log records and metrics, in the wire types of the original.
"""

import datetime
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from support.project import ROOT

VERDICTS = Path(os.environ.get("OSTIARY_OWN_TELEMETRY_VERDICTS",
                               ROOT / "build" / "tests" / "fuzz" / "own_telemetry_verdicts"))
SECONDS = 1_000_000_000

SCHEMA = """
Value: text=1 string; flag=2 bool; integer=3 int64; list=5 List
List: values=1 Value*
KeyValue: key=1 string; value=2 Value
Resource: attributes=1 KeyValue*
Scope: name=1 string; version=2 string
LogRecord: time=1 fixed64; severity_number=2 int32; severity_text=3 string; body=5 Value; attributes=6 KeyValue*; trace_id=9 bytes;\
 span_id=10 bytes; observed=11 fixed64; event_name=12 string
ScopeLogs: scope=1 Scope; records=2 LogRecord*
ResourceLogs: resource=1 Resource; scopes=2 ScopeLogs*
Logs: blocks=1 ResourceLogs*
Point: start=2 fixed64; time=3 fixed64; as_int=6 sfixed64; attributes=7 KeyValue*
Gauge: points=1 Point*
Sum: points=1 Point*; temporality=2 int32; monotonic=3 bool
Metric: name=1 string; description=2 string; unit=3 string; gauge=5 Gauge; sum=7 Sum
ScopeMetrics: scope=1 Scope; metrics=2 Metric*
ResourceMetrics: resource=1 Resource; scopes=2 ScopeMetrics*
Metrics: blocks=1 ResourceMetrics*
"""


def classes():
    """The classes of the messages in SCHEMA, by name."""
    field_types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="own.proto", syntax="proto2")
    for line in SCHEMA.strip().splitlines():
        name, fields = line.split(": ")
        made = file.message_type.add(name=name)
        for label, number, kind in (re.fullmatch(r"\s*(\w+)=(\d+) (\S+)", each).groups() for each in fields.split(";")):
            field = made.field.add(name=label, number=int(number))
            field.label = field_types.LABEL_REPEATED if kind.endswith("*") else field_types.LABEL_OPTIONAL
            kind = kind.rstrip("*")
            if kind[0].isupper():
                field.type, field.type_name = field_types.TYPE_MESSAGE, f".{kind}"
            else:
                field.type = getattr(field_types, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {each.name: factory.GetPrototype(pool.FindMessageTypeByName(each.name)) for each in file.message_type}


MESSAGES = classes()


def read(name, octets):
    message = MESSAGES[name]()
    assert message.ParseFromString(octets) == len(octets)
    unknown = MESSAGES[name]()
    unknown.CopyFrom(message)
    unknown.DiscardUnknownFields()
    assert unknown.ByteSize() == message.ByteSize(), "a field that the original does not have, or of another type"
    return message


def value(of):
    if of.HasField("list"):
        return [value(each) for each in of.list.values]
    return of.text if of.HasField("text") else of.integer


def attributes(of):
    return {each.key: value(each.value) for each in of}


def examples():
    text = (ROOT / "docs" / "audit.md").read_text()
    return [json.loads(line) for line in re.findall(r'^(\{"time":.*\})$', text, re.MULTILINE)]


def own_telemetry(lines, session=""):
    text = "".join(f"{each}\n" for each in [session, *(json.dumps(line) for line in lines)])
    printed = subprocess.run([VERDICTS], input=text.encode(), capture_output=True, check=True).stdout.decode().splitlines()
    requests = [bytes.fromhex(each) for each in printed]
    return [read("Logs", each) for each in requests[:-1]], read("Metrics", requests[-1])


def records(requests):
    return [record for request in requests for block in request.blocks for scope in block.scopes for record in scope.records]


def nanoseconds(time):
    since_1970 = datetime.datetime.fromisoformat(time) - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    return (since_1970.days * 86400 + since_1970.seconds) * SECONDS + since_1970.microseconds * 1000


def of_agent(line):
    return line["event"] in ("allow", "admit", "upstream_failure", "tampering") or (
        line["event"] == "deny" and "by" not in line and line.get("why") != "inbound")


@pytest.mark.parametrize("session", ["", "5a5a-1"])
def test_every_documented_event_becomes_a_record_with_the_fields_of_its_line(session):
    lines = examples()
    assert len(lines) > 20
    found = records(own_telemetry(lines, session)[0])
    assert len(found) == len(lines)
    for line, record in zip(lines, found):
        name = line["event"] + (f"_{line['kind']}" if line["event"] == "deny" else "")
        assert record.event_name == f"ostiary.{name}"
        assert record.time == nanoseconds(line["time"]) and record.observed == 3600 * SECONDS
        assert (record.severity_number, record.severity_text) in ((9, "INFO"), (13, "WARN"), (17, "ERROR"))
        assert record.body.text and record.body.text.isprintable()
        expected = {f"ostiary.{key}": each for key, each in line.items() if key not in ("time", "event")}
        in_session = session and of_agent(line)
        if in_session:
            expected |= {"ostiary.session.match": "only", "session.id": session}
        assert attributes(record.attributes) == expected
        assert record.trace_id == (b"0123456789abcdef" if in_session else b"")
        assert record.span_id == (b"01234567" if in_session else b"")


def test_the_resource_is_that_of_the_container_with_a_service_of_its_own():
    logs, metrics = own_telemetry(examples())
    for request in [*logs, metrics]:
        (block,) = request.blocks
        assert attributes(block.resource.attributes) == {"service.name": "ostiary", "container.id": "c1"}
        (scope,) = block.scopes
        assert (scope.scope.name, scope.scope.version) == ("ostiary", "1.2")


def test_metrics_are_cumulative_sums_and_gauges():
    lines = examples()
    metrics = {each.name: each for each in own_telemetry(lines)[1].blocks[0].scopes[0].metrics}
    denials = {}
    for line in lines:
        # A boot's own attempts are in the records alone.
        if line["event"] == "deny" and "by" not in line:
            denials[line["kind"]] = denials.get(line["kind"], 0) + line["count"]

    def points(name, kind):
        data = getattr(metrics[name], kind)
        if kind == "sum":
            assert data.temporality == 2 and data.monotonic
        assert all(each.time == 3600 * SECONDS for each in data.points)
        return [(attributes(each.attributes), each.as_int) for each in data.points]

    assert points("ostiary.denials", "sum") == [({"kind": kind}, denials[kind]) for kind in sorted(denials)]
    assert points("ostiary.admissions", "sum") == [({}, sum(line["event"] == "admit" for line in lines))]
    assert points("ostiary.helper.restarts", "sum") == [({"helper": "gate"}, 1)]
    assert points("ostiary.relay.posts", "sum") == [({"outcome": "delivered"}, 1)]
    assert points("ostiary.relay.queue.octets", "gauge") == [({}, 4096)]
    assert points("ostiary.relay.queue.posts", "gauge") == [({}, 2)]
