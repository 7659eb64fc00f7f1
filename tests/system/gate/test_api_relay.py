"""The relay for the API's key: the agent's requests reach the API with the operator's credential. The agent has
neither the credential nor a way to the API."""

import json
import os
import signal
import threading

import pytest

from support import processes
from support.agent import code
from support.authority import Authority
from support.behaviours import addresses
from support.journal import JOURNAL
from support.outcomes import assert_refused
from support.rootfs import OTHER
from support.waiting import eventually
from support.web import Response, Web

GATEWAY = "gateway.example"
AT = "198.51.100.78"
KEY = "sk-ant-api03-MARKERdonotshow"
URL = "http://127.0.0.1:15355"

# For the agent: sends one request, or any octets, and prints what comes back.
CLIENT = """
import http.client, json, socket, time
def ask(method="POST", path="/v1/messages", body=b"{}", **fields):
    relay = http.client.HTTPConnection("127.0.0.1", 15355, timeout=20)
    relay.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
    answer = relay.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
def status(*words, **fields):
    return ask(*words, **fields)[0]
def pieces():
    relay = http.client.HTTPConnection("127.0.0.1", 15355, timeout=20)
    relay.request("POST", "/v1/messages", b"{}")
    answer = relay.getresponse()
    first = answer.read1()
    ask("POST", "/v1/messages/count_tokens")  # the stand-in goes on after it
    return first.decode(), answer.read().decode()
def send(octets):
    with socket.create_connection(("127.0.0.1", 15355), 10) as relay:
        relay.sendall(octets)
        return int((relay.recv(12) + b"000000000000")[9:12])
"""


class Api:
    """Records the requests. It answers with two events, the second after the next request."""

    def __init__(self):
        self.requests = []
        self.next = threading.Event()

    def answer(self, request):
        self.requests.append(request)
        if request.path != "/v1/messages":
            self.next.set()
            return Response(200, "application/json", b"{}")
        return Response(200, "text/event-stream", self.events())

    def events(self):
        yield b"data: first\n\n"
        self.next.wait(2)
        yield b"data: second\n\n"


class World:
    """A container, and the API outside of it."""

    def __init__(self, container, internet, directory, port, tls, base=""):
        self.container, self.internet, self.port, self.tls = container, internet, port, tls
        self.api, self.web = Api(), None
        self.authority = Authority(directory, [GATEWAY])
        internet.upstream.name(GATEWAY, addresses(AT))
        container.write("/etc/authority.pem", self.authority.certificate.read_text())
        self.env = {"ANTHROPIC_API_KEY": KEY, "SSL_CERT_FILE": "/etc/authority.pem", "OSTIARY_API_RELAY": "on",
                    "ANTHROPIC_BASE_URL": f"{'https' if tls else 'http'}://{GATEWAY}:{port}{base}"}

    def serve(self):
        self.web = Web(self.internet.network, AT, self.port, self.api.answer,
                       self.authority.server() if self.tls else None)

    def stop_serving(self):
        self.web.close()
        self.web = None

    def start(self, who, *flags):
        self.agent = self.container.start_agent(*flags, who=who, env=self.env)
        return self.agent

    def python(self, expression):
        done = self.agent.run("/usr/bin/python3", "-IS", "-c", f"{CLIENT}\nprint(json.dumps({expression}))")
        assert done["status"] == 0, done
        return json.loads(done["out"])

    def paths(self):
        return [request.path for request in self.api.requests]

    def log(self):
        self.agent.session._pump(0)
        return self.agent.session.err.data.decode()

    def relays(self):
        """The relay's processes, the parent first."""
        found = processes.named(self.agent.session, "ostiary-relay")
        return sorted(found, key=lambda pid: processes.field(pid, "PPid") in map(str, found))


@pytest.fixture(params=[("tls", 8443), ("plain", 8318)], ids=lambda param: param[0])
def world(request, new_container, internet, tmp_path):
    kind, port = request.param
    made = World(new_container(), internet, tmp_path, port, tls=kind == "tls")
    made.serve()
    yield made
    if made.web:
        made.web.close()


@pytest.fixture
def plain_world(new_container, internet, tmp_path):
    made = World(new_container(), internet, tmp_path, 8318, tls=False, base="/base/")
    made.serve()
    yield made
    if made.web:
        made.web.close()


# What arrives ---------------------------------------------------------------------------------------------------------


def test_the_api_gets_the_operators_key_once_and_none_of_the_agents(world, who):
    world.start(who)
    assert world.python("status('POST', '/v1/messages/count_tokens', b'{\"a\": 1}', x_api_key='forged', "
                        "X_API_Key='forged', Authorization='Bearer forged', Cookie='forged', anthropic_version='v1', "
                        "anthropic_beta='b1')") == 200
    request, = world.api.requests
    assert [value for name, value in request.headers if name.lower() == "x-api-key"] == [KEY]
    assert "forged" not in str(request.headers)
    assert request.header("anthropic-version") == "v1" and request.header("anthropic-beta") == "b1"
    assert request.header("host") == f"{GATEWAY}:{world.port}"
    assert request.body == b'{"a": 1}'


@pytest.mark.parametrize("variable", ["ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"])
def test_a_token_is_sent_as_authorization(plain_world, variable):
    del plain_world.env["ANTHROPIC_API_KEY"]
    plain_world.env[variable] = KEY
    agent = plain_world.start("agent")
    assert f"{variable}=" in agent.run("env")["out"] and KEY not in agent.run("env")["out"]
    assert plain_world.python("status('GET', '/v1/models', None, authorization='Bearer forged', x_api_key='forged')") == 200
    request, = plain_world.api.requests
    assert request.header("authorization") == f"Bearer {KEY}" and request.header("x-api-key") is None
    assert request.path == "/base/v1/models"


def test_a_key_from_a_file(plain_world):
    plain_world.env["ANTHROPIC_API_KEY_FILE"] = "/etc/key"
    del plain_world.env["ANTHROPIC_API_KEY"]
    plain_world.container.write("/etc/key", KEY, mode=0o400)
    agent = plain_world.start("agent")
    assert plain_world.python("status('GET', '/v1/models', None)") == 200
    assert plain_world.api.requests[0].header("x-api-key") == KEY
    assert KEY not in agent.run("/bin/sh", "-c", "env; cat /etc/key")["out"]


def test_events_arrive_one_by_one(world, who):
    world.start(who)
    assert world.python("pieces()") == ["data: first\n\n", "data: second\n\n"]


# What the agent has ---------------------------------------------------------------------------------------------------


def test_no_variable_file_or_argument_that_the_agent_can_read_has_the_key(world, who):
    agent = world.start(who)
    found = agent.run("/bin/sh", "-c", "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /run/ostiary/* "
                      "/etc/claude-code/*/* 2>/dev/null; true")["out"]
    assert f"ANTHROPIC_BASE_URL={URL}" in found and "kept-by-ostiary" in found
    assert "CLAUDE_CODE_PROPAGATE_TRACEPARENT=1" in found
    assert KEY not in found and KEY not in world.log() + world.container.read(JOURNAL)
    for name in os.listdir(world.container.at("/run/ostiary")):
        assert KEY not in world.container.read(f"/run/ostiary/{name}"), name
    settings = json.loads(world.container.read("/etc/claude-code/managed-settings.d/50-ostiary.json"))
    assert settings == {"env": {"ANTHROPIC_BASE_URL": URL, "CLAUDE_CODE_PROPAGATE_TRACEPARENT": "1"}}


def test_the_dummy_is_the_key_that_claude_code_finds_approved(plain_world):
    plain_world.start("agent", "--prepare-claude")
    answers = json.loads(plain_world.container.read("/home/agent/.claude.json"))
    found = plain_world.agent.run("/bin/sh", "-c", "echo $ANTHROPIC_API_KEY")["out"].strip()
    assert answers["customApiKeyResponses"]["approved"] == [found[-20:]] and "kept-by-ostiary" in found


def test_the_auth_hook_has_the_dummy_and_can_use_the_api(plain_world):
    plain_world.container.write("/opt/hook", "#!/bin/sh\nenv\n/usr/bin/python3 -IS /opt/ask\n", mode=0o755)
    plain_world.container.write("/opt/ask", f"{CLIENT}\nprint('answered', status('GET', '/v1/models', None))\n")
    plain_world.start("agent", "--auth-hook", "/opt/hook")
    assert "answered 200" in plain_world.log() or "answered 200" in plain_world.agent.session.out.data.decode()
    assert KEY not in plain_world.log() + plain_world.agent.session.out.data.decode()


def test_the_api_is_closed_to_the_agent(world, internet, who):
    agent = world.start(who)
    assert world.python("status('GET', '/v1/models', None)") == 200
    assert code(agent.asks(GATEWAY, "A")) == "NXDOMAIN"
    internet.forget()
    assert_refused(agent.connect(AT, world.port), internet)


def test_derived_rules_leave_out_the_api(world):
    env = world.env | {"OSTIARY_USER": "agent"}
    plan = world.container.plan(env=env)
    assert plan["rules"] == []
    forward, = plan["relay"]["forwards"]
    assert forward["host"] == GATEWAY and forward["port"] == world.port and forward["headers"] == ["x-api-key"]
    assert plan["relay"]["collectors"] == [] and KEY not in json.dumps(plan)
    text = world.container.run("plan", env=env).stdout
    assert "lost" in text and KEY not in text


def test_the_relay_serves_telemetry_beside_it(plain_world, internet):
    plain_world.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{GATEWAY}:8318/otlp",
                        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=of-the-collector"}
    plain_world.start("agent")
    assert plain_world.python("status('GET', '/v1/models', None)") == 200
    posted = CLIENT.replace("15355", "15354")
    done = plain_world.agent.run("/usr/bin/python3", "-IS", "-c",
                                 f"{posted}\nprint(status('POST', '/v1/traces', b'', Content_Type='application/x-protobuf'))")
    assert done["out"].strip() == "200", done
    request, = plain_world.api.requests
    assert request.header("x-api-key") == KEY and request.header("x-key") is None


# What the agent can send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/messages", 403), ("PUT", "/v1/messages", 403), ("POST", "/v1/messages/", 404),
    ("POST", "/v1/messages/batches", 404), ("GET", "/v1/files", 404), ("GET", "/", 404), ("POST", "/v1/complete", 404),
    ("GET", "/v1/organizations/api_keys", 404), ("POST", "/v1/../v1/messages", 404), ("POST", "/v1/%6dessages", 404),
    ("POST", "//v1/messages", 404), ("POST", "/base/v1/messages", 404), ("DELETE", "/v1/models/a", 403),
    ("GET", "/v1/models/../files", 404), ("POST", "/v1/messages?a=/../", 404)])
def test_other_paths_and_methods_are_refused(plain_world, method, path, status):
    plain_world.start("root")
    assert plain_world.python(f"status({method!r}, {path!r})") == status
    assert plain_world.api.requests == []
    eventually(lambda: f"1 request for Claude's API was not forwarded: {method} " in plain_world.log(), "it is logged")


@pytest.mark.parametrize("method, path", [
    ("POST", "/v1/messages?beta=true"), ("POST", "/v1/messages/count_tokens?beta=true"), ("GET", "/v1/models"),
    ("GET", "/v1/models/claude-x"), ("HEAD", "/api/hello"), ("GET", "/api/hello")])
def test_what_a_session_asks_for_is_forwarded(plain_world, method, path):
    plain_world.start("agent")
    assert plain_world.python(f"status({method!r}, {path!r}, None)") == 200
    assert plain_world.paths() == [f"/base{path}"]


@pytest.mark.parametrize("octets, status", [
    (b"CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (b"POST http://other.example/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nConnection: x-api-key\r\nContent-Length: 0\r\n\r\n", 400),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400),
    (b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /v1/messages HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)])
def test_octets_that_two_servers_could_read_differently_are_refused(plain_world, octets, status):
    plain_world.start("root")
    assert plain_world.python(f"send({octets!r})") == status
    assert plain_world.python("status('GET', '/v1/models', None)") == 200
    assert plain_world.paths() == ["/base/v1/models"]


# When something is down -----------------------------------------------------------------------------------------------


def test_while_the_api_is_down_the_agent_is_to_try_again(world, who):
    world.stop_serving()
    world.start(who)
    status, headers, body = world.python("ask()")
    assert status == 503 and int(headers["retry-after"]) > 0 and json.loads(body)["type"] == "error"
    world.serve()
    assert world.python("status('GET', '/v1/models', None)") == 200


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(new_container, internet, tmp_path):
    world = World(new_container(), internet, tmp_path, 8443, tls=True)
    other = tmp_path / "other"
    other.mkdir()
    world.container.write("/etc/authority.pem", Authority(other, [GATEWAY]).certificate.read_text())
    world.serve()
    try:
        world.start("agent")
        assert world.python("status()") == 503
        assert world.api.requests == []
    finally:
        world.web.close()


def test_a_request_waits_while_the_serving_process_is_replaced(world, who):
    world.start(who)
    parent, serving = world.relays()
    os.kill(serving, signal.SIGKILL)
    assert world.python("status('GET', '/v1/models', None)") == 200
    assert world.api.requests[0].header("x-api-key") == KEY
    assert world.relays()[0] == parent and serving not in world.relays()


# Configuration --------------------------------------------------------------------------------------------------------


def test_by_default_the_agent_has_the_key(world, who):
    world.env["OSTIARY_API_RELAY"] = ""
    agent = world.start(who)
    assert KEY in agent.run("env")["out"] and world.relays() == []


@pytest.mark.parametrize("env, words", [
    ({"OSTIARY_GATE": "off"}, "OSTIARY_API_RELAY: the relay gets its connections from the gate, which is off"),
    ({"ANTHROPIC_API_KEY": ""}, "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or CLAUDE_CODE_OAUTH_TOKEN"),
    ({"ANTHROPIC_AUTH_TOKEN": KEY}, "ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are both set"),
    ({"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "us-east-1"}, "CLAUDE_CODE_USE_BEDROCK is set"),
    ({"HTTPS_PROXY": "http://proxy.example:3128"}, "HTTPS_PROXY is set, and the relay connects directly"),
    ({"ANTHROPIC_BASE_URL": "gateway.example"}, "ANTHROPIC_BASE_URL"),
    ({"ANTHROPIC_BASE_URL": "https://gateway.example/a?b"}, "ANTHROPIC_BASE_URL has a path")])
def test_a_configuration_that_the_relay_cannot_serve_is_refused(world, env, words):
    done = world.container.run("run", "--", "true", env=world.env | env)
    assert done.status == 78 and words in done.stderr and KEY not in done.stderr, done


def test_in_user_scope_the_relay_serves_the_agents_user_alone(plain_world):
    agent = plain_world.start("agent", "--scope", "user")
    assert plain_world.python("status('GET', '/v1/models', None)") == 200
    other = plain_world.container.start_process_beside(agent, uid=OTHER)
    assert not other.connect("127.0.0.1", 15355)["reached"]
    root = plain_world.container.start_process_beside(agent)
    assert not root.connect("127.0.0.1", 15355)["reached"]
