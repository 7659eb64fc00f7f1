"""container/stack with the real stores of the profile apache: what they have stays over a restart of the stack, and what is sent
while they are down arrives when they are up again. Records that are larger than a batch of the collector."""

import http.client
import json
import time

from support.otelcol import OtelCollector
from support.stack import STACK
from support.stack_stores import Stores
from support.waiting import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
BATCH = 1048576  # of collector.yaml
TAKEN = 2097152  # octets, what VictoriaLogs takes of a record at most, with its fields
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]}


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


def ask(network, port, path, method="GET", **headers):
    with network.entered():
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        server.request(method, path, headers=headers)
        answer = server.getresponse()
        return answer.status, answer.getheader("Access-Control-Allow-Origin")


def test_no_web_page_reads_the_stores_or_takes_data_away(network, tmp_path):
    page = {"Origin": "https://page.example"}
    with Stores(network, tmp_path):
        for port, path in ((9090, "/api/v1/labels"), (9428, "/select/logsql/query?query=*&limit=1"), (16686, "/api/services")):
            assert ask(network, port, path, **page) == (200, None), port
        for path in ("/internal/partition/detach?name=20260101", "/internal/force_flush", "/internal/force_merge"):
            assert ask(network, 9428, path)[0] == 401, path


def test_a_span_with_a_long_name_and_long_values_arrives_and_holds_up_no_other(network, tmp_path):
    now = time.time_ns()
    long = "\u4e2d" * 40000

    def span(name, **attributes):
        return {"traceId": TRACE, "spanId": time.time_ns().to_bytes(8).hex(), "name": name, "startTimeUnixNano": str(now),
                "endTimeUnixNano": str(now + 1000000), "attributes": [
                    {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
                "events": [{"name": "event", "timeUnixNano": str(now), "attributes": [
                    {"key": "text", "value": {"stringValue": long}}]}]}
    with Stores(network, tmp_path) as stores:
        for sent in (span("a" * 70000), span("long", value=long), span("short", value="x")):
            post(network, "traces", {"resourceSpans": [{"resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "claude-code"}},
                {"key": "long", "value": {"stringValue": long}}]}, "scopeSpans": [{"spans": [sent]}]}]})
        eventually(lambda: {"a" * 1000, "long", "short"} == {
            span["operationName"] for trace in stores.jaeger.traces("claude-code") for span in trace}, f"all arrive: {stores.log()}", 60)


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
