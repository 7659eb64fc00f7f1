"""container/collector/to-s3.yaml: what the relay sends is in the bucket, unchanged, and nothing is lost when the store or the
collector fails. Writer and reader can do their part only."""

import json
import re

import pytest

from observability.collecting import (BUCKET, FILES, PORTS, READER, WRITER, collector, names, post, records, settings,
                                      stored)
from support.otelcol import OtelCollector
from support.otlp import LISTS, SIGNALS
from support.relayed import AT, COLLECTOR, World
from support.telemetry import MARKER
from support.waiting import eventually

PATIENCE = 60  # seconds; the collector tries again after 5, then after longer
KEY = r"claude-code/{signal}/year=\d{{4}}/month=\d\d/day=\d\d/hour=\d\d/{signal}_[0-9a-f]{{8}}-[0-9a-f]{{4}}-7[0-9a-f-]{{21}}\.json\.gz"

# In front of the collector with the bucket: it writes the same telemetry to files, for the comparison.
WITNESS = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "{at}:8418"}}}}}}}}
exporters:
  file: {{path: {path}, flush_interval: 50ms}}
  otlp_http: {{endpoint: "http://{at}:8318", headers: {{Authorization: Bearer {token}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{ {pipelines} }}
"""


@pytest.fixture
def start(internet, tmp_path, store):
    """Starts the collector; again in the same directory."""
    made = []

    def start(**more):
        made.append(collector(internet.network, tmp_path, **settings(tmp_path, store, **more)))
        return made[-1]
    yield start
    for each in made:
        if each.running():
            each.kill()


@pytest.fixture
def new_world(new_container, internet, tmp_path):
    def make(port, form="http/protobuf"):
        return World(new_container(), internet, tmp_path, port, False, OSTIARY_AUDIT_OTLP="off",
                     OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{COLLECTOR}:{port}", OTEL_EXPORTER_OTLP_PROTOCOL=form)
    return make


POST_ALL = "[post('span {0}'), post_logs('session {0}'), post_metrics({0} + 1)]"


def post_all(world, number):
    assert world.python(POST_ALL.format(number)) == "[200, 200, 200]"


def count(store, signal):
    return len(records(signal, [request for _, request in stored(store, signal)]))


# What arrives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form, port", [("http/protobuf", 8318), ("grpc", 8317)])
def test_what_the_relay_sends_is_in_the_bucket(new_world, store, start, form, port):
    start()
    world = new_world(port, form)
    world.start("agent")
    for number in range(3):
        post_all(world, number)
    eventually(lambda: all(count(store, signal) == 3 for signal in SIGNALS), f"all arrives: {world.log()}", PATIENCE)
    traces = [request for _, request in stored(store, "traces")]
    assert names("traces", traces) == ["span 0", "span 1", "span 2"]
    for signal in SIGNALS:
        for key, request in stored(store, signal):
            assert re.fullmatch(KEY.format(signal=signal), key), key
            for group in request[LISTS[signal][0]]:
                found = {pair["key"]: pair["value"]["stringValue"] for pair in group["resource"]["attributes"]}
                assert found["team"] == "blue" and found["service.name"] == "claude-code"


def test_each_record_is_equal_to_what_was_sent(new_world, store, start, internet, tmp_path):
    start(COLLECTOR_CONTENT="keep")
    files = tmp_path / "witness.jsonl"
    (tmp_path / "witness").mkdir()
    pipelines = ", ".join(f"{signal}: {{receivers: [otlp], exporters: [file, otlp_http]}}" for signal in SIGNALS)
    witness = OtelCollector(internet.network, tmp_path / "witness",
                            WITNESS.format(at=AT, path=files, token=MARKER, pipelines=pipelines))
    try:
        world = new_world(8418)
        world.start("agent")
        for number in range(10):
            post_all(world, number)
        eventually(lambda: all(count(store, signal) == 10 for signal in SIGNALS), "all arrives", PATIENCE)
        sent = list(map(json.loads, files.read_text().splitlines()))
        for signal in SIGNALS:
            assert records(signal, [request for _, request in stored(store, signal)]) == \
                records(signal, [request for request in sent if LISTS[signal][0] in request])
    finally:
        witness.kill()


def test_the_collector_starts_without_a_warning(start):
    assert "\twarn\t" not in start().log()


def test_small_requests_share_an_object(store, start, internet):
    start(COLLECTOR_BATCH_TIME="2s")
    for number in range(50):
        assert post(internet.network, "logs", one_log(f"record {number}")) == 200
    eventually(lambda: count(store, "logs") == 50, "all arrives", PATIENCE)
    assert len(stored(store, "logs")) <= 2


def test_a_record_larger_than_a_batch_arrives_with_its_neighbours(store, start, internet):
    start(COLLECTOR_BATCH_TIME="1s")
    for text in ("before", "x" * 3_000_000, "after"):
        assert post(internet.network, "logs", one_log(text)) == 200
    eventually(lambda: count(store, "logs") == 3, "all arrive", PATIENCE)


def one_log(text):
    return {"resourceLogs": [{"resource": {"attributes": [{"key": "team", "value": {"stringValue": "blue"}}]}, "scopeLogs": [
        {"scope": {"name": "test"}, "logRecords": [{"body": {"stringValue": text}}]}]}]}


def test_a_client_of_grpc_connects_anew_and_nothing_is_lost(new_world, store, start, internet):
    start(COLLECTOR_CONNECTION_AGE="1s")
    world = new_world(PORTS["grpc"], "grpc")
    world.start("agent")
    connections, spans = set(), []
    while len(connections) < 4 and len(spans) < 100:
        spans.append(f"span {len(spans):03}")
        assert world.post(spans[-1]) == "200"
        shown = internet.network.command("ss", "-Htn", "state", "established", f"sport = :{PORTS['grpc']}")
        connections |= {line.split()[-1] for line in shown.splitlines()}
    assert len(connections) >= 4
    eventually(lambda: names("traces", [request for _, request in stored(store, "traces")]) == spans, f"all arrives: {world.log()}",
               PATIENCE)
    assert f"telemetry waits for {COLLECTOR}" not in world.log()


# Who may do what ------------------------------------------------------------------------------------------------------


def test_a_request_without_the_token_is_refused(start, internet, store):
    start()
    assert post(internet.network, "logs", one_log("forged"), token="other") == 401
    assert post(internet.network, "logs", one_log("forged"), token="") == 401
    assert post(internet.network, "logs", one_log("mine")) == 200
    eventually(lambda: count(store, "logs") == 1, "the other arrives", PATIENCE)


@pytest.mark.parametrize("form, port", [("http/protobuf", 8318), ("grpc", 8317)])
def test_with_mtls_only_an_agent_with_a_certificate_is_served(new_container, internet, tmp_path, store, start, form, port):
    def world(**env):
        return World(new_container(), internet, tmp_path, port, True, OSTIARY_AUDIT_OTLP="off", OTEL_EXPORTER_OTLP_PROTOCOL=form,
                     OTEL_EXPORTER_OTLP_ENDPOINT=f"https://{COLLECTOR}:{port}", **env)
    alone = world()
    known = world(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="/etc/client.pem", OTEL_EXPORTER_OTLP_CLIENT_KEY="/etc/client.key")
    alone.container.write("/etc/authority.pem", known.authority.certificate.read_text())  # the second made both anew
    for name, path in zip(("client.pem", "client.key"), known.authority.client()):
        known.container.write(f"/etc/{name}", path.read_text(), mode=0o400)
    start(COLLECTOR_TRANSPORT="mtls", COLLECTOR_CERTIFICATE=known.authority.host, COLLECTOR_KEY=known.authority.host_key,
          COLLECTOR_CLIENT_AUTHORITY=known.authority.certificate)
    for each, span in ((alone, "unknown"), (known, "known")):
        each.start("agent")
        assert each.post(span) == "200"
    eventually(lambda: f"telemetry waits for {COLLECTOR}" in alone.log(), f"the refusal is logged: {alone.log()}")
    eventually(lambda: names("traces", [request for _, request in stored(store, "traces")]) == ["known"], "it arrives", PATIENCE)


def test_a_token_that_is_added_to_the_file_is_accepted_without_a_restart(start, internet, tmp_path):
    start()
    (tmp_path / "tokens").write_text(f"{MARKER}\nnext\n")
    eventually(lambda: post(internet.network, "logs", one_log("mine"), token="next") == 200, "the new token is accepted")
    assert post(internet.network, "logs", one_log("mine")) == 200


def test_the_writer_can_only_write_and_the_reader_can_only_read(store):
    writer, reader = store.as_user(WRITER), store.as_user(READER)
    one = {"Bucket": BUCKET, "Key": "claude-code/logs/one"}
    assert writer.may("put_object", Body=b"{}", **one)
    for name, how in {"get_object": one, "head_object": one, "delete_object": one, "get_object_tagging": one,
                      "list_objects_v2": {"Bucket": BUCKET}, "get_bucket_policy": {"Bucket": BUCKET},
                      "delete_bucket": {"Bucket": BUCKET}}.items():
        assert not writer.may(name, **how), name
    assert reader.may("get_object", **one) and reader.may("list_objects_v2", Bucket=BUCKET)
    for name, how in {"put_object": one, "delete_object": one, "create_multipart_upload": one,
                      "delete_bucket": {"Bucket": BUCKET}, "get_bucket_policy": {"Bucket": BUCKET},
                      "put_bucket_policy": {"Bucket": BUCKET, "Policy": "{}"}}.items():
        assert not reader.may(name, **how), name
    assert reader.keys(BUCKET) == ["claude-code/logs/one"]


def test_the_policies_name_only_what_is_needed():
    def actions(name):
        return {action for statement in json.loads((FILES / "s3" / f"{name}.json").read_text())["Statement"]
                for action in statement["Action"]}
    assert actions("writer") == {"s3:PutObject", "s3:AbortMultipartUpload"}
    assert actions("reader") == {"s3:GetObject", "s3:ListBucket"}


def test_the_lifecycle_rules_are_what_s3_accepts():
    from botocore.session import Session
    from botocore.validate import ParamValidator
    shape = Session().get_service_model("s3").shape_for("BucketLifecycleConfiguration")
    rules = json.loads((FILES / "s3" / "lifecycle.json").read_text())
    assert not ParamValidator().validate(rules, shape).has_errors()
    assert [rule["Filter"]["Prefix"] for rule in rules["Rules"]] == ["claude-code/", ""]


# Failures -------------------------------------------------------------------------------------------------------------


def test_nothing_is_lost_if_the_store_is_down_and_the_collector_is_killed_meanwhile(new_world, store, start):
    running = start()
    world = new_world(8318)
    world.start("agent")
    post_all(world, 0)
    eventually(lambda: all(count(store, signal) == 1 for signal in SIGNALS), "the first arrive", PATIENCE)
    store.down()
    for number in range(1, 6):
        post_all(world, number)
    eventually(lambda: "Exporting failed. Will retry" in running.log(), "the collector finds the store down", PATIENCE)
    running.kill()
    post_all(world, 6)  # the relay keeps it
    running = start()
    post_all(world, 7)
    store.up()
    for signal in SIGNALS:
        wanted = [f"span {number}" for number in range(8)] if signal == "traces" else 8
        eventually(lambda: got(store, signal) == wanted, f"all {signal} arrive, not {got(store, signal)}", PATIENCE)


def got(store, signal):
    """The names of the spans, or how many different records there are. A batch may arrive twice."""
    requests = [request for _, request in stored(store, signal)]
    return sorted(set(names(signal, requests))) if signal == "traces" else len(set(records(signal, requests)))


def test_nothing_is_lost_if_the_bucket_denies_the_writer(store, start, internet):
    running = start(AWS_SECRET_ACCESS_KEY="other")
    assert post(internet.network, "logs", one_log("waits")) == 200
    eventually(lambda: "SignatureDoesNotMatch" in running.log() and "Will retry" in running.log(), "the denial is logged", PATIENCE)
    running.kill()
    start()
    eventually(lambda: count(store, "logs") == 1, "it arrives", PATIENCE)


def test_a_collector_that_is_stopped_loses_nothing(store, start, internet):
    running = start(COLLECTOR_BATCH_TIME="1h")
    assert post(internet.network, "logs", one_log("waits")) == 200
    store.down()
    assert running.end() == 0
    store.up()
    start()
    eventually(lambda: count(store, "logs") == 1, "it arrives", PATIENCE)
