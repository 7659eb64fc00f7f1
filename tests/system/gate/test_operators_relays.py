"""Relays of the policy file: real clients use a private registry and an internal API without the secret. The agent
has neither the secret nor a way to the servers."""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import tarfile

import pytest

from support import processes
from support.agent import code
from support.authority import Authority
from support.behaviours import addresses
from support.journal import JOURNAL
from support.outcomes import assert_refused
from support.waiting import eventually
from support.web import Response, Web

REGISTRY, TICKETS = "npm.example.com", "tickets.example.com"
AT = "198.51.100.79"
TOKEN, KEY, API_KEY, COLLECTORS = (f"MARKER-{name}-donotshow" for name in ("registry", "tickets", "api", "collector"))
MARK = "donotshow"
FIRST, SECOND = "http://127.0.0.1:15356/private", "http://127.0.0.1:15357"


def relays(tls):
    """A registry on its own port, and an API whose port says whether it has TLS."""
    scheme, ports = ("https", (8443, 9443)) if tls else ("http", (8318, 9318))
    return [
        {"name": "registry", "url": f"{scheme}://{REGISTRY}:{ports[0]}", "header": "Authorization", "prefix": "Bearer ",
         "secret": "NPM_TOKEN", "allow": [{"methods": ["GET", "HEAD"], "path": "/private", "below": True}],
         "variable": "NPM_CONFIG_REGISTRY", "value": "{url}/private/"},
        {"name": "tickets", "url": f"{scheme}://{TICKETS}:{ports[1]}/base", "header": "X-Key", "secret": "TICKETS_KEY",
         "allow": [{"methods": ["POST"], "path": "/v1/tickets"},
                   {"methods": ["GET"], "path": "/v1/tickets", "below": True}],
         "variable": "TICKETS_URL", "value": "{url}/v1"}]


def tarball():
    data = json.dumps({"name": "@private/thing", "version": "1.0.0"}).encode()
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(octets.getvalue())


class Servers:
    """A registry of npm and pip packages, and an API. Without its secret each answers 401."""

    def __init__(self, world):
        self.requests, self.tarball, self.world = [], tarball(), world

    def registry(self, request):
        self.requests.append(request)
        if request.header("authorization") != f"Bearer {TOKEN}":
            return Response(401, body=b"no token")
        if request.path == "/private/@private%2fthing":
            return Response(200, "application/json", json.dumps(self.packument()).encode())
        if request.path == "/private/@private/thing/-/thing-1.0.0.tgz":
            return Response(200, "application/octet-stream", self.tarball)
        if request.path == "/private/simple/thing/":
            return Response(200, "text/html", b"<!DOCTYPE html><a href='thing-1.0-py3-none-any.whl'>thing</a>")
        return Response(404, body=b"no such package")

    def packument(self):
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()
        url = f"{self.world.relays[0]['url']}/private/@private/thing/-/thing-1.0.0.tgz"
        version = {"name": "@private/thing", "version": "1.0.0", "dist": {"tarball": url, "integrity": integrity}}
        return {"name": "@private/thing", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}

    def tickets(self, request):
        self.requests.append(request)
        if request.header("x-key") != KEY:
            return Response(401, body=b"no key")
        return Response(200, "application/json", json.dumps({"path": request.path}).encode())

    def other(self, request):
        self.requests.append(request)
        return Response(200, "application/json", b"{}")


class World:
    """A container, and the servers outside of it."""

    def __init__(self, container, internet, directory, tls):
        self.container, self.internet, self.tls = container, internet, tls
        self.relays = relays(tls)
        self.servers = Servers(self)
        self.authority = Authority(directory, [REGISTRY, TICKETS])
        internet.upstream.name(REGISTRY, addresses(AT))
        internet.upstream.name(TICKETS, addresses(AT))
        container.write("/etc/authority.pem", self.authority.certificate.read_text())
        container.policy({"relays": self.relays})
        self.env = {"NPM_TOKEN": TOKEN, "TICKETS_KEY": KEY, "SSL_CERT_FILE": "/etc/authority.pem",
                    "PATH": "/usr/bin:/bin"}
        self.webs = []
        for answer, port in zip((self.servers.registry, self.servers.tickets), self.ports()):
            self.serve(answer, port, tls)

    def ports(self):
        return (8443, 9443) if self.tls else (8318, 9318)

    def serve(self, answer, port, tls=False):
        self.webs.append(Web(self.internet.network, AT, port, answer, self.authority.server() if tls else None))

    def start(self, who, *flags):
        self.agent = self.container.start_agent(*flags, who=who, env=self.env)
        return self.agent

    def curl(self, *words):
        """The status of the answer, and its body."""
        done = self.agent.run("/usr/bin/curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *words)
        assert done["status"] == 0, done
        body, status = done["out"].rsplit("\n", 1)
        return int(status), body

    def paths(self):
        return [request.path for request in self.servers.requests]

    def log(self):
        self.agent.session._pump(0)
        return self.agent.session.err.data.decode()

    def processes(self):
        """The relay's processes, the parent first."""
        found = processes.named(self.agent.session, "ostiary-relay")
        return sorted(found, key=lambda pid: processes.field(pid, "PPid") in map(str, found))


def worlds(new_container, internet, tmp_path, tls):
    made = World(new_container(), internet, tmp_path, tls)
    yield made
    for web in made.webs:
        web.close()


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def world(request, new_container, internet, tmp_path):
    yield from worlds(new_container, internet, tmp_path, request.param)


@pytest.fixture
def plain_world(new_container, internet, tmp_path):
    yield from worlds(new_container, internet, tmp_path, False)


# What arrives ---------------------------------------------------------------------------------------------------------


def test_curl_reaches_both_servers_each_with_its_own_secret(world, who):
    world.start(who)
    status, body = world.curl(f"{FIRST}/@private%2fthing", "-H", "Authorization: Bearer forged", "-H", "npm-command: ci",
                              "-H", "X-Key: forged", "-H", "Cookie: forged", "-H", "X-Forwarded-For: 192.0.2.1")
    assert status == 200 and json.loads(body)["name"] == "@private/thing"
    assert world.curl(f"{SECOND}/v1/tickets", "-d", "{}") == (200, '{"path": "/base/v1/tickets"}')
    assert world.curl(f"{SECOND}/v1/tickets/7/notes?all=true")[0] == 200
    first, second, _ = world.servers.requests
    assert first.path == "/private/@private%2fthing" and "forged" not in str(first.headers)
    assert first.header("authorization") == f"Bearer {TOKEN}" and first.header("npm-command") == "ci"
    assert first.header("host") == f"{REGISTRY}:{world.ports()[0]}" and first.header("x-forwarded-for") is None
    assert second.header("x-key") == KEY and second.header("authorization") is None and second.body == b"{}"


def test_npm_installs_a_package_of_a_scope(world):
    world.env["NPM_CONFIG_REPLACE_REGISTRY_HOST"] = "always"  # the packument names the registry's own host
    agent = world.start("agent")
    done = agent.run("/bin/sh", "-c", "mkdir -p ~/work && cd ~/work && echo '{}' >package.json && npm install "
                     "--no-audit --no-fund --no-update-notifier @private/thing 2>&1")
    assert done["status"] == 0, done
    assert world.container.exists("/home/agent/work/node_modules/@private/thing/package.json")
    assert world.paths() == ["/private/@private%2fthing", "/private/@private/thing/-/thing-1.0.0.tgz"]
    assert TOKEN not in world.container.read("/home/agent/work/package-lock.json")


def test_pip_reads_an_index(plain_world):
    agent = plain_world.start("agent")
    done = agent.run("/bin/sh", "-c", f"/usr/bin/python3 -m pip download --no-deps --disable-pip-version-check "
                     f"--index-url {FIRST}/simple/ --dest ~/wheels thing 2>&1; true")
    assert plain_world.paths()[0] == "/private/simple/thing/", done


def test_git_clones_over_http_and_cannot_push(plain_world, tmp_path):
    """With `git http-backend` as the server."""
    root = tmp_path / "repositories"
    git = ["/usr/bin/git", "-c", "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q", str(root / "work")], check=True)
    subprocess.run([*git, "-C", str(root / "work"), "commit", "-q", "--allow-empty", "-m", "first commit"], check=True)
    subprocess.run([*git, "clone", "-q", "--bare", str(root / "work"), str(root / "team.git")], check=True)
    seen = []

    def answer(request):
        path, _, query = request.path.partition("?")
        seen.append(path)
        if request.header("authorization") != f"Basic {TOKEN}":
            return Response(401)
        done = subprocess.run([*git, "http-backend"], input=request.body, capture_output=True, check=True, env={
            "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": request.method,
            "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_TYPE": request.header("content-type") or "",
            "CONTENT_LENGTH": str(len(request.body)), "GIT_PROTOCOL": request.header("git-protocol") or "",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"})
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        return Response(200, re.search(rb"(?i)content-type: (\S+)", head)[1].decode(), body)

    plain_world.serve(answer, 8001)
    plain_world.relays.append({
        "name": "git", "url": f"http://{TICKETS}:8001", "header": "Authorization", "prefix": "Basic ", "secret": "NPM_TOKEN",
        "allow": [{"methods": ["GET"], "path": "/team.git/info/refs"}, {"methods": ["POST"], "path": "/team.git/git-upload-pack"}],
        "variable": "TEAM_GIT"})
    plain_world.container.policy({"relays": plain_world.relays})
    agent = plain_world.start("agent")
    done = agent.run("/bin/sh", "-c", "cd ~ && git config --global url.http://127.0.0.1:15358/.insteadOf https://git.example/ "
                     "&& git clone -q https://git.example/team.git && git -C team log --format=%s && git -C team push 2>&1; true")
    assert done["out"].splitlines()[0] == "first commit", (done, seen)
    assert "/team.git/git-upload-pack" in seen and "/team.git/git-receive-pack" not in seen


# What the agent has ---------------------------------------------------------------------------------------------------


def test_no_variable_file_argument_or_memory_that_the_agent_can_read_has_a_secret(world, who):
    agent = world.start(who)
    found = agent.run("/bin/sh", "-c", "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /run/ostiary/* "
                      "/etc/claude-code/*/* 2>/dev/null; true")["out"]
    assert f"NPM_CONFIG_REGISTRY={FIRST}/\n" in found and f"TICKETS_URL={SECOND}/v1\n" in found
    assert MARK not in found and "NPM_TOKEN" not in found and "TICKETS_KEY" not in found
    assert MARK not in world.log() + world.container.read(JOURNAL)
    for name in os.listdir(world.container.at("/run/ostiary")):
        assert MARK not in world.container.read(f"/run/ostiary/{name}"), name
    settings = json.loads(world.container.read("/etc/claude-code/managed-settings.d/50-ostiary.json"))
    assert settings == {"env": {"NPM_CONFIG_REGISTRY": f"{FIRST}/", "TICKETS_URL": f"{SECOND}/v1"}}
    own = re.findall(r"\d+", agent.run("/bin/sh", "-c", "grep -l ostiary-relay /proc/[0-9]*/comm")["out"])
    assert len(own) == 2
    for file in (f"/proc/{pid}/{name}" for pid in own for name in ("mem", "maps", "environ")):
        assert agent.run("/bin/cat", file)["status"] != 0, file


def test_the_boots_log_names_each_relay_with_its_port_and_server(world):
    world.start("agent")
    first, second = world.ports()
    assert f"phase 1: the relay takes requests to registry at 127.0.0.1:15356, for {REGISTRY}:{first}\n" in world.log()
    assert f"phase 1: the relay takes requests to tickets at 127.0.0.1:15357, for {TICKETS}:{second}\n" in world.log()


def test_the_servers_are_closed_to_the_agent(world, internet, who):
    agent = world.start(who)
    assert world.curl(f"{FIRST}/@private%2fthing")[0] == 200
    for name, port in zip((REGISTRY, TICKETS), world.ports()):
        assert code(agent.asks(name, "A")) == "NXDOMAIN"
        internet.forget()
        assert_refused(agent.connect(AT, port), internet)


def test_a_secret_from_a_file(plain_world):
    plain_world.container.write("/run/secrets/NPM_TOKEN", TOKEN + "\n", mode=0o400)
    plain_world.container.write("/etc/key", KEY, mode=0o400)
    del plain_world.env["NPM_TOKEN"], plain_world.env["TICKETS_KEY"]
    plain_world.env["TICKETS_KEY_FILE"] = "/etc/key"
    agent = plain_world.start("agent")
    assert plain_world.curl(f"{FIRST}/@private%2fthing")[0] == plain_world.curl(f"{SECOND}/v1/tickets")[0] == 200
    assert MARK not in agent.run("/bin/sh", "-c", "env; cat /etc/key /run/secrets/*")["out"]


def test_a_file_of_the_secret_that_the_agent_can_read_is_a_warning(plain_world):
    del plain_world.env["NPM_TOKEN"]
    plain_world.container.write("/run/secrets/NPM_TOKEN", TOKEN, mode=0o444)
    plan = plain_world.container.plan("--user", "agent", env=plain_world.env)
    assert [warning for warning in plan["warnings"] if warning.startswith(
        'the agent can read "/run/secrets/NPM_TOKEN" of NPM_TOKEN, so the relay does not keep it from the agent')]
    plain_world.container.write("/run/secrets/NPM_TOKEN", TOKEN, mode=0o400)
    assert "the agent can read" not in str(plain_world.container.plan("--user", "agent", env=plain_world.env)["warnings"])


# What the agent can send ----------------------------------------------------------------------------------------------


# For the agent: sends these octets over a connection of its own, and waits until the relay closes it or is silent.
TALK = """
import socket
for octets in {messages!r}:
    with socket.create_connection(("127.0.0.1", {port}), 10) as relay:
        relay.sendall(octets)
        relay.settimeout(0.5)
        try:
            while relay.recv(65536):
                pass
        except TimeoutError:
            pass
"""


@pytest.mark.parametrize("port, head, next", [
    (15356, b"GET /private/a", b"GET /private/b"), (15356, b"HEAD /private/a", b"GET /private/b"),
    (15357, b"POST /v1/tickets", b"GET /v1/tickets/1")])
def test_a_body_that_the_server_does_not_read_does_not_become_a_request(plain_world, port, head, next):
    """The servers answer at once, and take what they have not read for the next request, as some do."""
    for web in plain_world.webs:
        web.read_bodies = False
    plain_world.start("agent")
    hidden = b"DELETE /admin/everything HTTP/1.1\r\nX-Ignore: "
    smuggling = head + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
    following = next + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    done = plain_world.agent.run("/usr/bin/python3", "-IS", "-c",
                                 TALK.format(port=port, messages=[smuggling, following, smuggling, following]))
    assert done["status"] == 0, done
    eventually(lambda: len(plain_world.servers.requests) >= 2, "the following requests arrive")
    # A server may go on reading; what it then reads has no secret.
    asked = {(request.method, request.path) for request in plain_world.servers.requests if MARK in str(request.headers)}
    base = b"" if port == 15356 else b"/base"
    allowed = {(each.split()[0].decode(), (base + each.split()[1]).decode()) for each in (head, next)}
    assert asked <= allowed, asked


@pytest.mark.parametrize("method, url, status", [
    ("PUT", f"{FIRST}/@private%2fthing", 403), ("DELETE", f"{FIRST}/thing", 403), ("POST", f"{SECOND}/v1/tickets/7", 403),
    ("POST", f"{SECOND}/v1/tickets/", 403), ("GET", f"{SECOND}/v1", 404), ("GET", f"{SECOND}/", 404),
    ("GET", f"{SECOND}/v1/tickets/../users", 404), ("GET", f"{SECOND}/v1/tickets/..%2fusers", 404),
    ("GET", f"{SECOND}/v1/tickets/%2e%2e/users", 404), ("GET", f"{SECOND}/v1%2ftickets", 404),
    ("GET", f"{SECOND}/v1/ticketsx", 404), ("GET", f"{FIRST}/a%2f%2fb", 404), ("GET", f"{FIRST}//a", 404),
    ("GET", f"{FIRST}/../other", 404), ("GET", "http://127.0.0.1:15356/", 404),
    ("GET", "http://127.0.0.1:15356/private%2fa", 404)])
def test_other_paths_and_methods_are_refused_in_plain_text(plain_world, method, url, status):
    plain_world.start("root")
    assert plain_world.curl("--path-as-is", "-X", method, url)[0] == status
    assert plain_world.curl("--path-as-is", "-X", method, url)[1].startswith("ostiary: the ")
    assert plain_world.servers.requests == []
    name = "tickets" if url.startswith(SECOND) else "registry"
    eventually(lambda: f"1 request for {name} was not forwarded: {method} " in plain_world.log(), "it is logged")


# Together -------------------------------------------------------------------------------------------------------------


def test_both_serve_beside_telemetry_and_the_api_also_after_the_serving_process_was_killed(plain_world, who):
    plain_world.serve(plain_world.servers.other, 8000)
    plain_world.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{REGISTRY}:8000/otlp", "OTEL_EXPORTER_OTLP_HEADERS": f"x-token={COLLECTORS}",
        "OSTIARY_AUDIT_OTLP": "off", "OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": API_KEY,
        "ANTHROPIC_BASE_URL": f"http://{TICKETS}:8000"}
    plain_world.start(who)

    def use_all():
        plain_world.servers.requests.clear()
        assert plain_world.curl(f"{FIRST}/@private%2fthing")[0] == 200
        assert plain_world.curl(f"{SECOND}/v1/tickets")[0] == 200
        assert plain_world.curl("http://127.0.0.1:15355/v1/models")[0] == 200
        assert plain_world.curl("http://127.0.0.1:15354/v1/traces", "-H", "Content-Type: application/x-protobuf",
                                "--data-binary", "\n")[0] in (200, 400)
        registry, tickets, api = plain_world.servers.requests[:3]
        assert registry.header("authorization") == f"Bearer {TOKEN}" and tickets.header("x-key") == KEY
        assert api.header("x-api-key") == API_KEY
        for request, own in ((registry, TOKEN), (tickets, KEY), (api, API_KEY)):
            assert not [mark for mark in (TOKEN, KEY, API_KEY, COLLECTORS) if mark != own and mark in str(request.headers)]

    use_all()
    parent, serving = plain_world.processes()
    os.kill(serving, signal.SIGKILL)
    use_all()
    assert plain_world.processes()[0] == parent and serving not in plain_world.processes()
    assert MARK not in plain_world.log()


# Configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env, flags, words", [
    ({}, ["--gate", "off"], "policy.json: line 1: the relay gets its connections from the gate, which is off"),
    ({"NPM_TOKEN": ""}, [], "the relay registry has no secret to add: set the variable that its"),
    ({"NPM_TOKEN": f"two {TOKEN}"}, [], "NPM_TOKEN: has a space, or a letter that is not ASCII"),
    ({"HTTPS_PROXY": "http://proxy.example:3128"}, [], "HTTPS_PROXY is set, and the relay connects directly")])
def test_a_configuration_that_the_relay_cannot_serve_is_refused(plain_world, env, flags, words):
    done = plain_world.container.run("run", *flags, "--", "true", env=plain_world.env | env)
    assert done.status == 78 and words in done.stderr and MARK not in done.stderr, done


def test_a_server_on_loopback_is_refused_in_container_scope(plain_world):
    plain_world.relays[1]["url"] = "http://localhost:8080"
    plain_world.container.policy({"relays": plain_world.relays})
    done = plain_world.container.run("run", "--", "true", env=plain_world.env)
    assert done.status == 78 and "the url of tickets is on loopback" in done.stderr, done
