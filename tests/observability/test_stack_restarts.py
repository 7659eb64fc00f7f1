"""container/stack with the real stores of the profile apache: what they have stays over a restart of the stack, and what is sent
while they are down arrives when they are up again. Records that are larger than a batch of the collector."""

import http.client
import json
import time

import pytest

from support.network import NetworkNamespace
from support.otelcol import OtelCollector
from support.stack import STACK
from support.stack_stores import Stores, missing
from support.waiting import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
BATCH = 1048576  # of collector.yaml
TAKEN = 2097152  # octets, what VictoriaLogs takes of a record at most, with its fields
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]}


@pytest.fixture
def network(scratch):
    if why := missing():
        pytest.skip(why)
    made = NetworkNamespace()
    made.ip("link set lo up")
    yield made
    made.close()


def post(network, signal, content):
    with network.entered():
        server = http.client.HTTPConnection("127.0.0.1", 4318, timeout=10)
        server.request("POST", f"/v1/{signal}", json.dumps(content), {"Content-Type": "application/json"})
        assert server.getresponse().status == 200


def post_records(network, *texts):
    records = [{"timeUnixNano": str(time.time_ns()), "body": {"stringValue": text}} for text in texts]
    post(network, "logs", {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": records}]}]})


def post_all(network, event):
    now = time.time_ns()
    post(network, "traces", {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [
        {"traceId": TRACE, "spanId": now.to_bytes(8).hex(), "name": event, "startTimeUnixNano": str(now),
         "endTimeUnixNano": str(now + 1000000)}]}]}]})
    post_records(network, event)
    post(network, "metrics", {"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"metrics": [
        {"name": event, "gauge": {"dataPoints": [{"asInt": "5", "timeUnixNano": str(now)}]}}]}]}]})


def has(stores, *events):
    """Whether each store has each of these events."""
    spans = {span["operationName"] for trace in stores.jaeger.traces("claude-code") for span in trace}
    records = {record["_msg"] for record in stores.logs.query()}
    return all(event in spans & records and event in stores.prometheus.names() for event in events)


def test_what_the_stores_have_stays_over_a_restart(network, tmp_path):
    with Stores(network, tmp_path) as stores:
        post_all(network, "before")
        eventually(lambda: has(stores, "before"), f"all arrives: {stores.log()}", 60)
    with Stores(network, tmp_path) as stores:
        post_all(network, "after")
        eventually(lambda: has(stores, "before", "after"), f"all is there: {stores.log()}", 60)


def test_traces_and_logs_that_are_sent_while_the_stores_are_down_arrive_later(network, tmp_path):
    with Stores(network, tmp_path) as stores:
        configurations, env = stores.collector_setup
    collector = OtelCollector(network, tmp_path, *configurations, env=env)
    post_all(network, "meanwhile")
    eventually(lambda: "Exporting failed. Will retry" in collector.log(), "the collector finds the stores down", 60)
    collector.kill()
    with Stores(network, tmp_path) as stores:
        def arrived():
            spans = {span["operationName"] for trace in stores.jaeger.traces("claude-code") for span in trace}
            return "meanwhile" in spans and "meanwhile" in {record["_msg"] for record in stores.logs.query()}
        eventually(arrived, f"both arrive: {stores.log()}", 60)


# Large records ----------------------------------------------------------------------------------------------------------


def test_a_record_that_is_larger_than_a_batch_arrives_whole(network, tmp_path):
    assert f"min_size: {BATCH}\n" in (STACK / "collector.yaml").read_text()
    text = ("large " * BATCH)[:TAKEN - 1000]
    with Stores(network, tmp_path) as stores:
        post_records(network, text)
        record, = eventually(stores.logs.query, f"it arrives: {stores.log()[-2000:]}", 60)
        assert record["_msg"] == text


def test_of_a_record_that_is_too_large_for_victorialogs_only_that_one_is_lost_and_its_log_says_so(network, tmp_path):
    with Stores(network, tmp_path) as stores:
        post_records(network, "before", "x" * TAKEN, "after")
        eventually(lambda: len(stores.logs.query()) == 2, f"the others arrive: {stores.log()[-2000:]}", 60)
        assert {record["_msg"] for record in stores.logs.query()} == {"before", "after"}
        assert "ignoring too long log entry" in stores.log()
