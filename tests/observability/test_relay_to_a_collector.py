"""ostiary's relay exports to a real collector, over HTTP and gRPC, with each kind of credential: all telemetry arrives, with
the operator's attributes."""

import re

import pytest

from observability.collecting import PORTS, arrived, tls_of, to_files
from support.otelcol import OtelCollector
from support.otlp import SIGNALS
from support.relayed import COLLECTOR, World
from support.telemetry import BASIC, MARKER
from support.waiting import eventually


class RealWorld(World):
    """A container, and a real collector outside of it."""

    def __init__(self, container, internet, directory, form, scheme="http", **env):
        port = PORTS[form.removesuffix("/protobuf")]
        super().__init__(container, internet, directory, port, scheme == "https", OSTIARY_AUDIT_OTLP="off", **{
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{COLLECTOR}:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": form} | env)
        self.directory, self.running = directory, None

    def serve_really(self, **how):
        self.running = OtelCollector(self.internet.network, self.directory, to_files(self.directory, **how))

    def post_all(self):
        """Posts one request of each signal."""
        assert self.python("[post('work'), post_logs('session-1'), post_metrics(5)]") == "[200, 200, 200]"

    def arrived(self, signal):
        return arrived(self.directory, signal)

    def await_all(self):
        eventually(lambda: all(self.arrived(signal) for signal in SIGNALS),
                   f"all signals arrive, not {self.log()} {self.running.log()}")


@pytest.fixture(params=["http/protobuf", "grpc"])
def form(request):
    return request.param


@pytest.fixture
def new_world(new_container, internet, tmp_path):
    made = []

    def make(form, *arguments, **env):
        made.append(RealWorld(new_container(), internet, tmp_path, form, *arguments, **env))
        return made[-1]
    yield make
    for world in made:
        if world.running:
            world.running.kill()


CREDENTIALS = {"bearer": ("bearertokenauth", f"Authorization=Bearer {MARKER}"),
               "basic": ("basicauth", f"Authorization=Basic {BASIC}")}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_all_signals_arrive_with_exactly_the_operators_attributes(new_world, form, scheme, kind):
    auth, header = CREDENTIALS[kind]
    world = new_world(form, scheme, OTEL_EXPORTER_OTLP_HEADERS=header)
    world.serve_really(auth=auth, tls=tls_of(world.authority) if scheme == "https" else "")
    world.start("agent")
    world.post_all()
    world.await_all()
    instances = set()
    for signal in SIGNALS:
        group, = world.arrived(signal)
        instances.add(group.resource["service.instance.id"])
        assert group.resource == {"service.name": "claude-code", "team": "blue",
                                  "service.instance.id": group.resource["service.instance.id"]} | (
                                      {"host.name": "agents"} if signal == "traces" else {})
    instance, = instances
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", instance)
    (span,), (record,), (metric,) = (world.arrived(signal)[0].items for signal in SIGNALS[0::2] + SIGNALS[1:2])
    assert span.name == "work" and record.attributes == {"session.id": "session-1"}
    assert (metric.name, metric.attributes, metric.temporality) == ("tokens", {"type": "input"}, "delta")
    eventually(lambda: f"telemetry arrives at {COLLECTOR}" in world.log(), "the delivery is logged")


def test_a_client_certificate_is_shown(new_world, form):
    world = new_world(form, "https", OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="/etc/client.pem",
                      OTEL_EXPORTER_OTLP_CLIENT_KEY="/etc/client.key")
    for name, path in zip(("client.pem", "client.key"), world.authority.client()):
        world.container.write(f"/etc/{name}", path.read_text(), mode=0o400)
    world.serve_really(tls=tls_of(world.authority, f", client_ca_file: {world.authority.certificate}"))
    world.start("agent")
    world.post_all()
    world.await_all()


def test_without_the_client_certificate_nothing_arrives_and_the_log_says_so(new_world, form):
    world = new_world(form, "https")
    world.serve_really(tls=tls_of(world.authority, f", client_ca_file: {world.authority.certificate}"))
    world.start("agent")
    world.post_all()
    eventually(lambda: f"telemetry waits for {COLLECTOR}" in world.log(), f"the refusal is logged: {world.log()}")
    assert not any(world.arrived(signal) for signal in SIGNALS)


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_wrong_token_is_logged_with_the_collectors_answer(new_world, form, kind):
    auth, header = CREDENTIALS[kind]
    world = new_world(form, OTEL_EXPORTER_OTLP_HEADERS=header[:-2] + "AA")
    world.serve_really(auth=auth)
    world.start("agent")
    world.post_all()
    answer = "the collector answers " + ("UNAUTHENTICATED" if form == "grpc" else "401")
    eventually(lambda: answer in world.log(), f"{answer} is in {world.log()}")
    assert f"telemetry arrives at {COLLECTOR}" not in world.log()
    assert not any(world.arrived(signal) for signal in SIGNALS)


def test_telemetry_of_the_time_before_the_collectors_start_arrives(new_world, form):
    world = new_world(form)
    world.start("agent")
    world.post_all()
    eventually(lambda: f"telemetry waits for {COLLECTOR}" in world.log(), "the outage is logged")
    world.serve_really()
    world.await_all()
