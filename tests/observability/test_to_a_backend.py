"""container/collector/to-otlp.yaml: telemetry reaches another OTLP endpoint with its credential, over HTTP and gRPC, and waits while
it is down."""

import copy

import pytest

from observability.collecting import AUTHENTICATORS, arrived, collector, post, settings, tls_of, to_files
from support.authority import Authority
from support.otelcol import OtelCollector
from support.otlp import SIGNALS
from support.relayed import AT
from support.telemetry import INSTANCE, MARKER
from support.waiting import eventually

PATIENCE = 60
HTTP, GRPC = 8518, 8517
REQUESTS = {
    "traces": {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [
        {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "work"}]}]}]},
    "metrics": {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [
        {"name": "tokens", "sum": {"aggregationTemporality": 2, "dataPoints": [{"asInt": "5"}]}}]}]}]},
    "logs": {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [
        {"attributes": [{"key": "event.name", "value": {"stringValue": "api_request"}}]}]}]}]}}


class Backend:
    def __init__(self, network, directory):
        directory.mkdir()
        self.authority = Authority(directory, [AT])
        self._network, self._directory, self._running = network, directory, None

    def up(self, auth="basicauth"):
        self._running = OtelCollector(self._network, self._directory, to_files(
            self._directory, {"http": HTTP, "grpc": GRPC}, auth, tls_of(self.authority)))

    def down(self):
        if self._running and self._running.running():
            self._running.kill()

    def names(self):
        return sorted(item.name for signal in SIGNALS for group in arrived(self._directory, signal) for item in group.items)


@pytest.fixture
def backend(internet, tmp_path):
    made = Backend(internet.network, tmp_path / "backend")
    yield made
    made.down()


@pytest.fixture(params=["http", "grpc"])
def start(request, internet, tmp_path, backend):
    made = []

    def start(auth="basicauth", password=MARKER):
        for name in ("password", "token"):
            (tmp_path / name).write_text(password)
        endpoint = {"http": {"OTLP_ENDPOINT": f"https://{AT}:{HTTP}"},
                    "grpc": {"OTLP_PROTOCOL": "grpc", "OTLP_GRPC_ENDPOINT": f"https://{AT}:{GRPC}"}}[request.param]
        made.append(collector(internet.network, tmp_path, "to-otlp", **settings(
            tmp_path, OTLP_AUTH=auth, OTLP_USERNAME=INSTANCE, OTLP_PASSWORD=tmp_path / "password", OTLP_TOKEN=tmp_path / "token",
            SSL_CERT_FILE=backend.authority.certificate, **endpoint)))
        return made[-1]
    yield start
    for each in made:
        if each.running():
            each.kill()


def post_all(internet):
    assert [post(internet.network, signal, REQUESTS[signal]) for signal in SIGNALS] == [200, 200, 200]


@pytest.mark.parametrize("auth", AUTHENTICATORS)
def test_all_signals_reach_the_backend_with_its_credential(internet, backend, start, auth):
    backend.up(auth)
    assert "\twarn\t" not in start(auth).log()
    post_all(internet)
    eventually(lambda: backend.names() == ["api_request", "tokens", "work"], "all arrives", PATIENCE)


def test_a_request_is_split_only_if_it_is_too_large_for_a_backend(internet, backend, start):
    backend.up()
    start()
    request = copy.deepcopy(REQUESTS["logs"])
    record, = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"] = [record | {"body": {"stringValue": "x" * 2_000_000}}] * 4
    assert post(internet.network, "logs", request) == 200
    eventually(lambda: backend.names() == ["api_request"] * 4, "all arrives", PATIENCE)


def test_a_wrong_password_is_logged_and_not_shown(internet, backend, start):
    backend.up()
    running = start(password="otherSecret")
    post_all(internet)
    eventually(lambda: "401" in running.log() or "Unauthenticated" in running.log(), "the refusal is logged", PATIENCE)
    assert backend.names() == [] and "otherSecret" not in running.log()


def test_nothing_is_lost_if_the_backend_is_down_and_the_collector_is_killed_meanwhile(internet, backend, start):
    running = start()
    post_all(internet)
    eventually(lambda: "Exporting failed. Will retry" in running.log(), "the collector finds the backend down", PATIENCE)
    running.kill()
    start()
    backend.up()
    eventually(lambda: set(backend.names()) == {"api_request", "tokens", "work"}, "all arrives", PATIENCE)
