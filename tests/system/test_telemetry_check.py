"""`ostiary telemetry check`: for every way in which a set-up can fail, what is wrong and what to do."""

import itertools
import json
import re
import subprocess

import pytest

from support.authority import Authority
from support.collector import Collector
from support.grpc import GrpcServer, Status
from support.network import NetworkNamespace
from support.refusal import refusal
from support.rootfs import AGENT
from support.telemetry import MARKER
from support.web import Response, Web

HOME = "/home/agent"
SETTINGS = f"{HOME}/.claude/settings.json"
HOST, PORT = "collector.example", 4318
SIGNALS = ("traces", "metrics", "logs")
FAILED = 69
HEADER = f"Authorization=Bearer {MARKER}"
DELTA = b"invalid temporality and type combination for metric"


class World:
    """A machine whose loopback has the collector."""

    def __init__(self, sandbox, directory):
        self.sandbox, self.directory = sandbox, directory
        self.network = NetworkNamespace()
        self.network.ip("link set lo up")
        self.collector = Collector()
        self._servers = []
        sandbox.write("/etc/hosts", f"127.0.0.1 localhost {HOST} other.example\n")

    def serve(self, answer=None, tls=None, port=PORT):
        self._servers.append(Web(self.network, "127.0.0.1", port, answer or self.collector.over_http(), tls))

    def serve_grpc(self, answer=None, tls=None, port=PORT):
        self._servers.append(GrpcServer(self.network, "127.0.0.1", port, answer or self.collector.over_grpc(), tls))

    def authority(self, *hosts):
        made = Authority(self.directory, hosts)
        self.sandbox.write("/etc/authority.pem", made.certificate.read_text())
        return made

    def settings(self, endpoint=f"http://{HOST}:{PORT}", protocol="http/protobuf", **more):
        env = {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
               **{f"OTEL_{signal.upper()}_EXPORTER": "otlp" for signal in SIGNALS},
               "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol} | more
        self.write({name: value for name, value in env.items() if value is not None})

    def write(self, env, path=SETTINGS):
        self.sandbox.mkdir(f"{HOME}/.claude", owner=AGENT)
        self.sandbox.write(path, json.dumps({"env": env}), owner=AGENT if path == SETTINGS else 0)

    def check(self, *words, env={}):
        result = self.sandbox.run("telemetry", "check", *words, uid=AGENT, env={"HOME": HOME} | env, prepare=self.network.enter)
        assert MARKER not in result.stdout + result.stderr, result
        return result

    def lines(self, result):
        """What is said of each signal."""
        found = dict(line.split(": ", 1) for line in result.stdout.splitlines()[2:])
        assert list(found) == list(SIGNALS), result
        return list(found.values())

    def all_fail(self, *said, **how):
        """Each signal's line says this."""
        result = self.check(**how)
        assert result.status == FAILED, result
        for line in self.lines(result):
            assert line.startswith("not taken by ") and all(each in line for each in said), result

    def close(self):
        for server in self._servers:
            server.close()
        self.network.close()


@pytest.fixture
def world(sandbox, tmp_path):
    made = World(sandbox, tmp_path)
    yield made
    made.close()


def expired(directory, authority, hosts):
    """The TLS context of a server whose certificate was valid in 2020."""
    import ssl
    (directory / "ca.conf").write_text("""[ca]
default_ca = one
[one]
database = {0}/index
new_certs_dir = {0}
default_md = sha256
policy = any
rand_serial = yes
copy_extensions = copy
[any]
commonName = optional
""".format(directory))
    (directory / "index").write_text("")
    for words in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old", "-keyout",
                   "old.key", "-out", "old.csr", "-addext", f"subjectAltName=DNS:{hosts}"],
                  ["ca", "-batch", "-config", "ca.conf", "-cert", authority.certificate, "-keyfile", "authority.key", "-in", "old.csr",
                   "-out", "old.pem", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "old.pem", directory / "old.key")
    return context


def answers(status, body=b"", type="text/plain"):
    return lambda request: Response(status, type, body)


def partial_success(count, message):
    """An answer that rejects a part, in protobuf."""
    inner = bytes([1 << 3, count, 2 << 3 | 2, len(message)]) + message
    return bytes([1 << 3 | 2, len(inner)]) + inner


def only_metrics(answer, otherwise=None):
    """A server that answers metrics so, and takes the others."""
    def reply(request):
        return answer if request.path.endswith("/v1/metrics") else otherwise or Response(200, "application/x-protobuf")
    return reply


# Taken


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json", "grpc"])
def test_each_signal_arrives_with_the_marker_the_header_and_the_attributes(world, protocol):
    world.serve_grpc() if protocol == "grpc" else world.serve()
    world.settings(protocol=protocol, OTEL_EXPORTER_OTLP_HEADERS=HEADER, OTEL_RESOURCE_ATTRIBUTES="team=blue%20whales")
    result = world.check()
    assert result.status == 0, result
    path = "" if protocol == "grpc" else "/v1/{}"
    assert world.lines(result) == [f"taken by http://{HOST}:{PORT}" + path.format(signal) for signal in SIGNALS]
    marker = re.search("ostiary.check=([0-9a-f]{16})\n", result.stdout)[1]
    assert [export.signal for export in world.collector.exports] == list(SIGNALS)
    assert {export.headers["authorization"] for export in world.collector.exports} == {f"Bearer {MARKER}"}
    for resource in world.collector.resources():
        assert resource == {"ostiary.check": marker, "service.name": "claude-code", "team": "blue whales"}
    assert {item.name for export in world.collector.exports for item in export.items()} == {"ostiary.check"}


def test_what_connect_writes_passes_the_check(world):
    world.serve(world.collector.over_http("/otlp"))
    done = world.sandbox.run("telemetry", "connect", "--endpoint", f"http://{HOST}:{PORT}/otlp", "--header", "x-key",
                             "--temporality", "cumulative", uid=AGENT, env={"HOME": HOME}, stdin=f"{MARKER} %20;a".encode())
    assert done.status == 0, done
    assert world.check().status == 0
    assert {export.headers["x-key"] for export in world.collector.exports} == {f"{MARKER} %20;a"}
    assert [item.temporality for item in world.collector.items("metrics")] == ["cumulative"]


def test_metrics_are_deltas_as_claude_code_sends_them(world):
    world.serve()
    world.settings()
    assert world.check().status == 0
    assert [item.temporality for item in world.collector.items("metrics")] == ["delta"]


@pytest.mark.parametrize("protocol, variable", [("http/protobuf", "NODE_EXTRA_CA_CERTS"), ("grpc", "OTEL_EXPORTER_OTLP_CERTIFICATE")])
def test_tls_is_verified_with_the_authority_that_the_settings_name(world, protocol, variable):
    tls = world.authority(HOST).server()
    world.serve_grpc(tls=tls) if protocol == "grpc" else world.serve(tls=tls)
    world.settings(f"https://{HOST}:{PORT}", protocol, **{variable: "/etc/authority.pem"})
    assert world.check().status == 0


def test_a_header_is_sent_as_claude_code_sends_it(world):
    """Over HTTP it does not decode percent sequences."""
    world.serve()
    world.settings(OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20abc")
    assert world.check().status == 0
    assert {export.headers["authorization"] for export in world.collector.exports} == {"Basic%20abc"}


# The way there


def test_a_name_that_does_not_resolve(world):
    world.settings("http://no-such.example:4318")
    world.all_fail("the name does not resolve: correct the host of the endpoint")


def test_a_port_where_no_program_listens(world):
    world.settings()
    world.all_fail("Connection refused: no program listens there: start the collector, or correct the port")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_unknown_authority(world, protocol):
    tls = world.authority(HOST).server()
    world.serve_grpc(tls=tls) if protocol == "grpc" else world.serve(tls=tls)
    world.settings(f"https://{HOST}:{PORT}", protocol)
    world.all_fail("the server's certificate is refused: ", "put the certificate of the authority that signed it into a file")


def test_a_certificate_of_another_name(world):
    world.serve(tls=world.authority("other.example").server())
    world.settings(f"https://{HOST}:{PORT}", NODE_EXTRA_CA_CERTS="/etc/authority.pem")
    world.all_fail("hostname mismatch: write the host that the certificate names into the endpoint")


def test_a_certificate_of_another_address(world):
    world.serve(tls=world.authority(HOST).server())
    world.settings(f"https://127.0.0.1:{PORT}", NODE_EXTRA_CA_CERTS="/etc/authority.pem")
    world.all_fail("IP address mismatch: write the host that the certificate names into the endpoint")


def test_an_expired_certificate(world):
    authority = world.authority(HOST)
    world.serve(tls=expired(world.directory, authority, HOST))
    world.settings(f"https://{HOST}:{PORT}", NODE_EXTRA_CA_CERTS="/etc/authority.pem")
    world.all_fail("certificate has expired: renew the collector's certificate, or set this machine's clock")


def test_a_file_of_authorities_that_is_none(world):
    world.settings(f"https://{HOST}:{PORT}", SSL_CERT_FILE="/etc/hosts")
    world.all_fail("/etc/hosts: holds no certificate in PEM form", "correct the file")


def test_a_certificate_for_grpc_alone_does_not_count_over_http(world):
    world.serve(tls=world.authority(HOST).server())
    world.settings(f"https://{HOST}:{PORT}", OTEL_EXPORTER_OTLP_CERTIFICATE="/etc/authority.pem")
    world.all_fail("NODE_EXTRA_CA_CERTS")
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE counts for gRPC alone: name the file in NODE_EXTRA_CA_CERTS" in world.check().stderr


# Another protocol


def test_http_to_a_grpc_port(world):
    world.serve_grpc()
    world.settings()
    world.all_fail("the server speaks gRPC without TLS: write http:// and --protocol grpc")


def test_grpc_to_an_http_port(world):
    world.serve()
    world.settings(protocol="grpc")
    world.all_fail("the server speaks HTTP without TLS: write http:// and --protocol http/protobuf")


@pytest.mark.parametrize("protocol, said", [("http/protobuf", "HTTP with TLS: write https:// and --protocol http/protobuf"),
                                            ("grpc", "gRPC with TLS: write https:// and --protocol grpc")])
def test_plain_text_to_a_port_with_tls(world, protocol, said):
    tls = world.authority(HOST).server()
    world.serve_grpc(tls=tls) if protocol == "grpc" else world.serve(tls=tls)
    world.settings(protocol=protocol, OTEL_EXPORTER_OTLP_HEADERS=HEADER)
    world.all_fail("the server speaks " + said)


def test_tls_to_a_port_without_it_and_no_credential_goes_there(world):
    world.serve()
    world.settings(f"https://{HOST}:{PORT}", OTEL_EXPORTER_OTLP_HEADERS=HEADER)
    world.all_fail("the server speaks HTTP without TLS, in which others could read the header: give it TLS, or write http:// and --protocol")
    assert world.collector.exports and not any("authorization" in export.headers for export in world.collector.exports)


def test_grpc_with_tls_to_an_http_port_without_it(world):
    world.serve()
    world.settings(f"https://{HOST}:{PORT}", "grpc")
    world.all_fail("the server speaks HTTP without TLS: write http:// and --protocol http/protobuf")


def test_a_server_that_is_no_collector(world):
    world.serve(answers(418, b"I am a teapot"))
    world.settings()
    world.all_fail("the collector answers 418 (I am a teapot): see the collector's log")


def test_a_server_whose_answer_has_no_end(world):
    """The check ends after ten seconds."""
    world.serve(answers(200, itertools.repeat(b"x")))
    world.settings(OTEL_TRACES_EXPORTER=None, OTEL_METRICS_EXPORTER=None)
    result = world.check()
    assert result.status == FAILED and "the server did not answer within ten seconds" in result.stdout, result


def test_a_server_that_does_not_answer_is_asked_once_and_not_for_each_signal(world):
    asked = []

    def answer(request):
        asked.append(request.path)
        return Response(200, body=itertools.repeat(b"x"))
    world.serve(answer)
    world.settings()
    result = world.check()
    assert result.status == FAILED and result.stdout.count("the server did not answer within ten seconds") == 3, result
    assert [path for path in asked if path.startswith("/v1/")] == ["/v1/traces"], asked


# The answer


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("header, said", [(None, "it wants a credential: write --header-file"),
                                          (HEADER, "it does not accept the credential: correct the header")])
def test_a_refused_credential(world, status, header, said):
    world.serve(answers(status, b"no"))
    world.settings(OTEL_EXPORTER_OTLP_HEADERS=header)
    world.all_fail(f"the collector answers {status} (no): {said}")


def test_a_refused_credential_over_grpc(world):
    world.serve_grpc(lambda *call: Status(16, "bad token"))
    world.settings(protocol="grpc", OTEL_EXPORTER_OTLP_HEADERS=HEADER)
    world.all_fail("the collector answers UNAUTHENTICATED (bad token): it does not accept the credential")


def test_a_credential_that_the_collector_repeats_is_not_shown(world):
    world.serve(answers(401, f"the Bearer token {MARKER} is expired".encode()))
    world.settings(OTEL_EXPORTER_OTLP_HEADERS=HEADER)
    world.all_fail("the collector answers 401 (the Bearer token (secret) is expired)")


def test_a_wrong_path(world):
    world.serve(world.collector.over_http("/otlp"))
    world.settings()
    world.all_fail("the collector answers 404: there is no OTLP at this path: write the collector's base URL")


def test_a_signal_that_the_collector_does_not_receive_over_grpc(world):
    world.serve_grpc(lambda path, *_: None if "metrics" in path else b"")
    world.settings(protocol="grpc")
    result = world.check()
    assert result.status == FAILED
    traces, metrics, logs = world.lines(result)
    assert "UNIMPLEMENTED: no service of OTLP takes metrics there" in metrics
    assert traces.startswith("taken by ") and logs.startswith("taken by ")


def test_a_web_page(world):
    world.serve(answers(200, b"<html>welcome</html>", "text/html; charset=utf-8"))
    world.settings()
    world.all_fail("a web page answers, no collector: write the collector's URL")


def test_a_redirect(world):
    world.serve(answers(308))
    world.settings()
    world.all_fail("the collector answers 308: Claude Code follows no redirect: write the URL to which it leads")


def test_a_collector_that_is_busy(world):
    world.serve(answers(503, b"full"))
    world.settings()
    world.all_fail("the collector answers 503 (full): it takes nothing at present: try again later")


@pytest.mark.parametrize("answer", [
    Response(400, "text/plain", DELTA), Response(400, "application/x-protobuf", bytes([2 << 3 | 2, len(DELTA)]) + DELTA),
    Response(200, "application/x-protobuf", partial_success(1, DELTA))], ids=["text", "protobuf", "in part"])
def test_deltas_that_the_collector_refuses(world, answer):
    world.serve(only_metrics(answer))
    world.settings()
    result = world.check()
    assert result.status == FAILED, result
    traces, metrics, logs = world.lines(result)
    assert metrics.startswith("not taken by ") and metrics.endswith(f"({DELTA.decode()}): write --temporality cumulative")
    assert traces.startswith("taken by ") and logs.startswith("taken by ")


def test_a_batch_that_is_rejected_in_part(world):
    world.serve(only_metrics(Response(200, "application/x-protobuf", partial_success(1, b"no such tenant"))))
    world.settings()
    result = world.check()
    assert result.status == FAILED, result
    assert world.lines(result)[1].endswith("rejects what is in it (no such tenant): see the collector's log")


# What Claude Code does not send


@pytest.mark.parametrize("missing, signal", [("OTEL_TRACES_EXPORTER", "traces"), ("OTEL_METRICS_EXPORTER", "metrics"),
                                             ("OTEL_LOGS_EXPORTER", "logs"), ("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "traces")])
def test_a_missing_exporter_is_found(world, missing, signal):
    world.serve()
    world.settings(**{missing: None})
    result = world.check()
    assert result.status == FAILED, result
    assert f"{signal}: not sent by Claude Code, because {missing} is not" in result.stdout
    assert {export.signal for export in world.collector.exports} == set(SIGNALS) - {signal}


@pytest.mark.parametrize("more, said", [
    ({"CLAUDE_CODE_ENABLE_TELEMETRY": None}, "CLAUDE_CODE_ENABLE_TELEMETRY is not set: write ostiary telemetry connect"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": None}, "so Claude Code sends to http://localhost:4318"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector.example:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: has no scheme"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}/v1/logs"}, "which Claude Code appends itself"),
    ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http"}, "write http/protobuf"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "team"}, "OTEL_RESOURCE_ATTRIBUTES: pair 1 has no '='"),
])
def test_settings_that_claude_code_would_ignore_are_refused(world, more, said):
    world.settings(**more)
    assert said in refusal(world.check(), 78)


def test_without_settings_the_command_names_connect(world):
    assert "write ostiary telemetry connect --endpoint URL" in refusal(world.check(), 78)


def test_broken_settings_are_named_with_their_place(world):
    world.sandbox.mkdir(f"{HOME}/.claude", owner=AGENT)
    world.sandbox.write(SETTINGS, '{"env": {\n"A": 1,}}', owner=AGENT)
    assert f"{SETTINGS}: line 2, column 8: is not valid JSON" in refusal(world.check(), 78)


# Which settings


def test_managed_settings_override_the_users_and_these_the_environment(world):
    world.serve()
    world.serve(port=5318)
    managed = "/etc/claude-code/managed-settings.d/60-ostiary-telemetry.json"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:1", "OTEL_RESOURCE_ATTRIBUTES": "from=environment"}
    world.settings()
    assert world.check(env=environment).status == 0
    world.write({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:5318"}, managed)
    result = world.check(env=environment)
    assert result.stdout.startswith(f"settings: {SETTINGS} {managed} environment\n")
    assert world.lines(result)[0] == f"taken by http://{HOST}:5318/v1/traces"
    assert {resource["from"] for resource in world.collector.resources()} == {"environment"}
    assert "taken by http://collector.example:4318/" in world.check("--scope", "user", env=environment).stdout
    assert "CLAUDE_CODE_ENABLE_TELEMETRY is not set" in refusal(world.check("--scope", "managed"), 78)


def test_the_environment_alone_is_enough(world):
    world.serve()
    env = {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1", "OTEL_TRACES_EXPORTER": "otlp",
           "OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{PORT}"}
    assert world.check("--scope", "environment", env=env).status == 0


def test_without_the_relays_program_the_error_says_where_to_install_it(world):
    world.sandbox.relay = world.sandbox.relay.with_name("absent")
    world.sandbox.at("/opt/bin/ostiary-relay").unlink()
    world.settings()
    result = world.check()
    assert result.status == FAILED and "ostiary-relay: No such file or directory: install it beside ostiary\n" in result.stderr, result
