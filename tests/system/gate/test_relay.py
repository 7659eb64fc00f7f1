"""The relay: the agent's telemetry reaches the collector with the operator's credential and attributes. The
agent has neither the credential nor a way to the collector."""

import os
import re
import signal

import pytest

from support import processes
from support.agent import code
from support.authority import Authority
from support.capabilities import names_of
from support.grpc import GrpcServer
from support.journal import JOURNAL
from support.outcomes import assert_refused
from support.relayed import AT, COLLECTOR, World, connects
from support.rootfs import OTHER
from support.telemetry import MARKER, shows_a_secret
from support.waiting import eventually

RELAYS_USER = 53055


def relayed(*arguments, **how):
    """Without ostiary's own telemetry: test_events_in_telemetry.py is about that."""
    return World(*arguments, **how, OSTIARY_AUDIT_OTLP="off")


@pytest.fixture(params=[("https", 8443), ("http", 8318)], ids=lambda param: param[0])
def world(request, new_container, internet, tmp_path):
    scheme, port = request.param
    made = relayed(new_container(), internet, tmp_path, port, scheme == "https")
    made.serve()
    yield made
    if made.web:
        made.web.close()


@pytest.fixture
def plain_world(new_container, internet, tmp_path):
    made = relayed(new_container(), internet, tmp_path, 8318, tls=False)
    made.serve()
    yield made
    if made.web:
        made.web.close()


# What arrives ---------------------------------------------------------------------------------------------------------


def test_the_collector_gets_the_operators_credential_and_attributes(world, who):
    world.start(who)
    assert world.python("post('work', Authorization='Bearer forged', Host='other.example')") == "200"
    world.await_spans("work")
    export, = world.collector.exports
    assert export.headers["authorization"] == f"Bearer {MARKER}"
    assert export.headers["host"] == f"{COLLECTOR}:{world.port}"
    resource = export.groups[0].resource
    assert resource["service.name"] == "claude-code" and resource["team"] == "blue"
    assert resource["host.name"] == "agents"
    eventually(lambda: f"telemetry arrives at {COLLECTOR}:{world.port}" in world.log(), "the delivery is logged")


def test_a_collector_that_speaks_grpc(plain_world, internet, who):
    server = GrpcServer(internet.network, AT, 8317, plain_world.collector.over_grpc())
    plain_world.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:8317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    try:
        agent = plain_world.start(who)
        assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in agent.run("env")["out"]
        assert plain_world.post() == "200"
        plain_world.await_spans("work")
        export, = plain_world.collector.exports
        assert export.form == "grpc" and export.headers["authorization"] == f"Bearer {MARKER}"
    finally:
        server.close()


def test_metrics_become_cumulative_over_all_processes_of_the_agent(plain_world, who):
    preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    plain_world.env[preference] = "cumulative"
    agent = plain_world.start(who)
    assert f"{preference}=delta" in agent.run("env")["out"]
    for delta in (5, 7):  # each from a process of its own
        assert plain_world.python(f"post_metrics({delta})") == "200"
    eventually(lambda: len(plain_world.collector.exports) == 2, "both requests arrive")
    metrics = plain_world.collector.items("metrics")
    assert [(item.name, item.attributes, item.temporality) for item in metrics] == \
        [("tokens", {"type": "input"}, "cumulative")] * 2
    assert sorted(item.value for item in metrics) == [5, 12]


def test_deltas_pass_if_nobody_wants_cumulative_metrics(plain_world, who):
    agent = plain_world.start(who)
    assert "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta" in agent.run("env")["out"]
    assert plain_world.python("[post_metrics(5), post_metrics(7)]") == "[200, 200]"
    eventually(lambda: len(plain_world.collector.exports) == 2, "both requests arrive")
    metrics = plain_world.collector.items("metrics")
    assert sorted((item.temporality, item.value) for item in metrics) == [("delta", 5), ("delta", 7)]


def test_each_boot_has_an_instance_id_of_its_own(new_container, internet, tmp_path, who):
    found = []
    for number in range(2):
        directory = tmp_path / str(number)
        directory.mkdir()
        world = relayed(new_container(), internet, directory, 8318, tls=False)
        world.serve()
        try:
            world.start(who)
            assert world.post("one") == "200" and world.post("two") == "200"
            world.await_spans("one", "two")
            found.append({export.groups[0].resource["service.instance.id"] for export in world.collector.exports})
        finally:
            world.web.close()
    assert len(found[0]) == len(found[1]) == 1 and found[0] != found[1]
    assert all(re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", each) for each in found[0] | found[1])


def test_bodies_are_compressed_on_request(plain_world, who):
    plain_world.env["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip"
    plain_world.start(who)
    assert plain_world.post() == "200"
    plain_world.await_spans("work")
    assert plain_world.collector.exports[0].headers["content-encoding"] == "gzip"


def test_a_collector_whose_certificate_is_not_trusted_gets_nothing(new_container, internet, tmp_path, who):
    world = relayed(new_container(), internet, tmp_path, 8443, tls=True)
    other = tmp_path / "other"
    other.mkdir()
    world.container.write("/etc/authority.pem", Authority(other, [COLLECTOR]).certificate.read_text())
    world.serve()
    try:
        world.start(who)
        assert world.post() == "200"
        eventually(lambda: "certificate is refused" in world.log(), "the refusal is logged")
        assert world.collector.exports == [] and world.collector.refused == []
    finally:
        world.web.close()


def test_telemetry_of_an_outage_arrives_later(plain_world, who):
    plain_world.stop_serving()
    plain_world.start(who)
    for number in range(3):
        assert plain_world.post(f"span {number}") == "200"
    eventually(lambda: "telemetry waits for" in plain_world.log(), "the outage is logged")
    plain_world.serve()
    plain_world.await_spans("span 0", "span 1", "span 2")


def test_the_last_telemetry_arrives_after_the_agents_end(plain_world, who):
    plain_world.stop_serving()
    plain_world.start(who)
    assert plain_world.post("last") == "200"
    plain_world.agent.session.signal(signal.SIGTERM)
    plain_world.serve()
    plain_world.agent.session.wait()
    assert plain_world.spans() == ["last"]


def test_what_is_not_delivered_in_time_is_told(plain_world, who):
    plain_world.stop_serving()
    plain_world.start(who, "--grace", "1")
    assert plain_world.post("last") == "200"
    plain_world.agent.session.signal(signal.SIGTERM)
    done = plain_world.agent.session.wait()
    assert "1 request of telemetry was not delivered in time" in done.stderr, done


# What the agent has ---------------------------------------------------------------------------------------------------


def test_no_variable_file_or_argument_that_the_agent_can_read_has_the_credential(world, who):
    agent = world.start(who)
    found = agent.run("/bin/sh", "-c", "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /run/ostiary/* "
                      "/etc/claude-code/*/* 2>/dev/null; true")["out"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:15354" in found
    assert not shows_a_secret(found)
    assert not shows_a_secret(world.log() + world.container.read(JOURNAL))
    for name in os.listdir(world.container.at("/run/ostiary")):
        assert not shows_a_secret(world.container.read(f"/run/ostiary/{name}")), name


def test_the_collector_is_closed_to_the_agent(world, internet, who):
    agent = world.start(who)
    assert world.post() == "200"
    world.await_spans("work")
    assert code(agent.asks(COLLECTOR, "A")) == "NXDOMAIN"
    internet.forget()
    assert_refused(agent.connect(AT, world.port), internet)


def test_the_relays_processes_have_no_privilege(world, who):
    agent = world.start(who)
    parent, serving = world.relays()
    for pid in (parent, serving):
        assert set(processes.field(pid, "Uid").split() + processes.field(pid, "Gid").split()) == {str(RELAYS_USER)}
        assert not processes.field(pid, "Groups").split()
        for each in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
            assert names_of(processes.field(pid, each)) == set()
        assert processes.field(pid, "NoNewPrivs") == "1" and processes.field(pid, "Seccomp") == "2"
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0 and os.stat(f"/proc/{pid}/mem").st_uid == 0
        assert open(f"/proc/{pid}/environ", "rb").read().strip(b"\0") == b""
        assert not shows_a_secret(open(f"/proc/{pid}/cmdline").read())
    own = re.search(r"\d+", agent.run("/bin/sh", "-c", "grep -l ostiary-relay /proc/[0-9]*/comm")["out"])[0]
    for file in ("mem", "maps", "environ", "auxv"):
        assert agent.run("/bin/cat", f"/proc/{own}/{file}")["status"] != 0
    assert agent.run("/bin/sh", "-c", f"kill -9 {own}")["status"] != 0
    assert parent in world.relays()


# What the agent can send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path, status", [
    ("/v1/traces/", 404), ("/v1/metric", 404), ("/", 404), ("/v1/../v1/traces", 404), ("/v1/%74races", 404),
    ("//v1/traces", 404), ("/v1/traces?a=b", 404), ("/base/v1/traces", 404)])
def test_only_the_three_paths_are_served(plain_world, path, status):
    plain_world.start("root")
    assert plain_world.python(f"post('work', {path!r})") == str(status)
    assert plain_world.post("marker") == "200"
    plain_world.await_spans("marker")


SMUGGLED = [
    (b"CONNECT collector.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (b"GET http://collector.example/v1/traces HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
    (b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    (b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400),
    (b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)]


@pytest.mark.parametrize("octets, status", SMUGGLED)
def test_octets_that_two_servers_could_read_differently_are_refused(plain_world, octets, status):
    plain_world.start("root")
    assert plain_world.python(f"send({octets!r})") == str(status)
    assert plain_world.post("marker") == "200"
    plain_world.await_spans("marker")
    assert plain_world.collector.refused == []


MEMORY = 48 << 10  # kB: limits::octets_in_progress, and what the process takes anyway

LONG = 120  # seconds; on a quiet machine these take about two

TEN_THOUSAND = """
begun = []
for number in range(10000):
    one = socket.create_connection(("127.0.0.1", 15354), 10)
    one.sendall(b"POST /v1/traces HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/x-protobuf\\r\\n"
                b"Content-Length: 1000\\r\\n\\r\\nbegun")
    begun.append(one)
    del begun[:-500]
print(post("work"))
"""
FRAMINGS = [f"Content-Length: {1 << 30}", "Transfer-Encoding: chunked"]
GIBIBYTE = """
relay = socket.create_connection(("127.0.0.1", 15354), 30)
relay.sendall(b"POST /v1/traces HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/x-protobuf\\r\\n{framing}\\r\\n\\r\\n")
for _ in range(1024):
    relay.sendall(b"100000\\r\\n" + bytes(1 << 20) + b"\\r\\n")
print(relay.recv(12)[9:].decode())
"""


def most_memory(world):
    """Of the relay's processes so far, in kB."""
    return max(int(processes.field(pid, "VmHWM").split()[0]) for pid in world.relays())


def test_ten_thousand_connections_do_not_stop_telemetry(plain_world):
    """Each begins a request and sends no more. The one that is idle longest makes room for another."""
    plain_world.start("agent")
    assert plain_world.script(TEN_THOUSAND, LONG) == "200"
    plain_world.await_spans("work")


@pytest.mark.parametrize("framing", FRAMINGS, ids=["length", "chunks"])
def test_a_body_of_a_gibibyte_is_refused(plain_world, framing):
    plain_world.start("agent")
    assert plain_world.script(GIBIBYTE.format(framing=framing), LONG) == "413"
    assert plain_world.post() == "200"
    plain_world.await_spans("work")


def test_neither_many_connections_nor_large_bodies_take_much_memory(plain_world):
    """A sanitized build takes more: scripts/test leaves this test out."""
    plain_world.start("agent")
    plain_world.script(TEN_THOUSAND, LONG)
    for framing in FRAMINGS:
        plain_world.script(GIBIBYTE.format(framing=framing), LONG)
    assert most_memory(plain_world) < MEMORY


def test_nothing_is_smuggled_while_the_serving_process_is_killed_again_and_again(plain_world):
    """The parent answers each death with another process; after four within a minute the keeper does."""
    plain_world.start("agent")
    forms = [octets for octets, _ in SMUGGLED]
    for number in range(3):
        os.kill(plain_world.relays()[-1], signal.SIGKILL)
        plain_world.python(f"""[send_and_wait(each) for each in {forms!r} * 3]""")
        assert plain_world.python("post_again('work')") == "200"
    eventually(lambda: len(plain_world.spans()) >= 3, "all posts arrive")
    assert set(plain_world.spans()) == {"work"} and plain_world.collector.refused == []
    for export in plain_world.collector.exports:
        assert export.headers["authorization"] == f"Bearer {MARKER}"


# When it dies ---------------------------------------------------------------------------------------------------------


def test_the_serving_process_is_replaced_and_the_agent_is_told_nothing(world, who):
    world.start(who)
    parent, serving = world.relays()
    os.kill(serving, signal.SIGKILL)
    assert world.post("after") == "200"
    world.await_spans("after")
    assert world.relays()[0] == parent and serving not in world.relays()
    assert world.container.eventually_audited("relay_died", signal=9)


def test_no_telemetry_is_lost_if_the_collector_and_the_serving_process_die(plain_world, who):
    plain_world.stop_serving()
    plain_world.start(who)
    assert plain_world.post("before") == "200"
    os.kill(plain_world.relays()[1], signal.SIGKILL)
    assert plain_world.post("after") == "200"
    plain_world.serve()
    plain_world.await_spans("before", "after")


def test_the_relay_is_started_again_beside_an_ordinary_agent(world):
    world.start("agent")
    parent, _ = world.relays()
    os.kill(parent, signal.SIGKILL)
    assert world.post("after") == "200"
    world.await_spans("after")
    assert parent not in world.relays()


def test_beside_a_root_agent_the_relays_end_is_the_agents(world):
    world.start("root")
    os.kill(world.relays()[0], signal.SIGKILL)
    done = world.agent.session.wait()
    assert done.status == 69 and "beside a root agent it cannot be started again" in done.stderr, done


# Configuration --------------------------------------------------------------------------------------------------------


def test_relay_off_leaves_the_credential_with_the_agent_and_says_so(world, who):
    agent = world.start(who, "--relay", "off")
    assert MARKER in agent.run("env")["out"]
    assert world.relays() == []
    assert "relay off: every process of the agent can read the collector's credential" in world.log()


def test_without_a_credential_there_is_no_relay(plain_world, who):
    plain_world.env.pop("OTEL_EXPORTER_OTLP_HEADERS")
    agent = plain_world.start(who)
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{COLLECTOR}:8318/base" in agent.run("env")["out"]
    assert plain_world.relays() == []


def test_a_file_of_the_credential_that_the_agent_can_read_is_a_warning(plain_world, who):
    plain_world.env.pop("OTEL_EXPORTER_OTLP_HEADERS")
    for mode, warns in ((0o444, True), (0o400, who == "root")):
        plain_world.container.write("/run/secrets/OTEL_EXPORTER_OTLP_HEADERS", f"Authorization=Bearer {MARKER}", mode=mode)
        user = ["--user", "agent"] if who == "agent" else []
        warnings = plain_world.container.plan(*user, "--", "true", env=plain_world.env)["warnings"]
        assert any("so the relay does not keep it from the agent" in each for each in warnings) == warns, (mode, warnings)


def test_a_collector_on_loopback_is_the_agents_own_affair(plain_world):
    """A process of this network answers there, which the rules cannot tell from the agent."""
    plain_world.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:4318"
    plan = plain_world.container.plan("--", "true", env=plain_world.env)
    assert plan["relay"] is None
    assert any("no relay: http://127.0.0.1:4318" in each for each in plan["warnings"]), plan["warnings"]
    done = plain_world.container.run("plan", "--relay", "on", "--", "true", env=plain_world.env)
    assert done.status == 78 and "is on loopback" in done.stderr, done


def test_a_missing_program_ends_the_boot_before_the_rules(world):
    world.container.write("/opt/alone/ostiary", world.container.binary.read_bytes(), mode=0o755)
    done = world.container.launch("/opt/alone/ostiary", "run", "--no-derive", "--", "true", env=world.env).wait()
    assert done.status == 69 and "install it beside ostiary, or write --relay off" in done.stderr, done
    assert world.container.tables() == []


def test_missing_authorities_end_the_boot(new_container, internet, tmp_path):
    world = relayed(new_container(), internet, tmp_path, 8443, tls=True)
    world.env["SSL_CERT_FILE"] = "/etc/none.pem"
    done = world.container.boot("true", env=world.env)
    assert done.status == 66 and "/etc/none.pem" in done.stderr, done


def test_a_collector_that_does_not_resolve_ends_a_boot_that_requires_telemetry(plain_world):
    plain_world.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://missing.example:8318"
    done = plain_world.container.boot("true", flags=["--require-telemetry"], env=plain_world.env)
    assert done.status == 69 and "missing.example does not exist" in done.stderr, done


def test_in_user_scope_the_relay_serves_the_agents_user_alone(plain_world):
    agent = plain_world.start("agent", "--scope", "user")
    assert plain_world.post("work") == "200"
    plain_world.await_spans("work")
    other = plain_world.container.start_process_beside(agent, uid=OTHER)
    root = plain_world.container.start_process_beside(agent)
    assert connects(agent, 15354) and not connects(other, 15354) and not connects(root, 15354)


def test_telemetry_arrives_beside_names_that_are_read(new_container, internet, tmp_path, who):
    """The self-test's port is none of the relay's."""
    made = World(new_container(check_names="on"), internet, tmp_path, 8318, tls=False)
    made.serve()
    try:
        made.start(who, "--allow", "allowed.example")
        assert made.python("post('work')") == "200"
        made.await_spans("work")
    finally:
        made.web.close()
