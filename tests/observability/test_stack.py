"""container/stack/stack, with a `docker` of this test in place of Docker: it records how it is called, and "starts" the stack by
letting this test's servers listen. They stand in for the stores and for Grafana, which cannot be had here: that the real ones
answer in this way is not tested, unless a stack runs. test_a_session_arrives.py has `check` with the real Prometheus, VictoriaLogs
and Jaeger."""

import base64
import itertools
import json
import os
import re
import shutil
import socket
import socketserver
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from support import namespaces
from support.network import NetworkNamespace
from support.stack import STACK
from support.web import Response, Web

pytestmark = pytest.mark.plain

PORTS = {"GRPC": 4317, "HTTP": 4318, "HEALTH": 13133, "GRAFANA": 3000, "PROMETHEUS": 9090, "LOKI": 3100, "TEMPO": 3200,
         "VICTORIALOGS": 9428, "JAEGER": 16686}
LISTENING = {"grafana": ("GRPC", "HTTP", "HEALTH", "GRAFANA", "PROMETHEUS", "LOKI", "TEMPO"),
             "apache": ("GRPC", "HTTP", "HEALTH", "PROMETHEUS", "VICTORIALOGS", "JAEGER")}
SERVICES = {"grafana": ("prometheus", "loki", "tempo", "collector-grafana", "grafana"),
            "apache": ("prometheus", "victorialogs", "jaeger", "collector-apache")}
RETENTION = "STACK_RETENTION_HOURS"
PROGRAM = str(STACK / "stack")

DOCKER = """#!{python} -IS
import json, os, sys, time
here, words = {here!r}, sys.argv[1:]
def profiles():
    return [words[at + 1] for at, word in enumerate(words) if word == "--profile"]
with open(here + "/calls.jsonl", "a") as file:
    file.write(json.dumps({{"program": os.path.basename(sys.argv[0]), "words": words,
                            "env": {{k: v for k, v in os.environ.items() if k.startswith("STACK_")}}}}) + "\\n")
name = os.path.basename(sys.argv[0])
if os.path.exists(here + "/fails-" + "-".join(words[:2])) or os.path.exists(here + "/fails-" + words[-1]):
    sys.exit("cannot connect to the daemon")
running = here + "/running"
states = json.load(open(here + "/states.json")) if os.path.exists(here + "/states.json") else {{}}
if words[0] == "ps" and os.path.exists(running):
    for service in open(running).read().split():
        state = states.get(service, "Up 4 minutes ago" if name == "podman" else "running")
        if state:
            print(f"ostiary-stack_{{service}}_1\\t{{state}}" if name == "podman" else f"ostiary-stack-{{service}}-1\\t{{state}}")
elif words[0] == "inspect":
    service = words[-1].removeprefix("ostiary-stack-").removesuffix("-1")
    again = here + "/restarts-" + service
    if os.path.exists(again):
        count = int(open(again).read())
        print(count)
        open(again, "w").write(str(count + 1))
    else:
        print(0)
elif words[:2] == ["volume", "ls"]:
    print("ostiary-stack_logs\\nostiary-stack_metrics")
elif "up" in words:
    open(running + ".new", "w").write("\\n".join({services!r}[profiles()[0]]))
    os.rename(running + ".new", running)
elif "down" in words and os.path.exists(running):
    os.remove(running)
    while os.path.exists(here + "/listening"):
        time.sleep(0.01)
"""


class World:
    """A machine of one user: its PATH, its state directory, its network, and the servers that listen while the stack "runs"."""

    def __init__(self, directory):
        self.directory, self.network = directory, NetworkNamespace()
        self.network.ip("link set lo up")
        self.path, self.state, self.installation = directory / "bin", directory / "state", STACK
        self.path.mkdir()
        self.env = {}
        self.asked = []  # (port, Request)
        self.answers = {}  # port: a function of the request
        self.never_listens = set()
        self._servers, self._raw, self._ended = {}, [], threading.Event()
        self._watcher = threading.Thread(target=self._follow, daemon=True)
        self._watcher.start()
        self.program("docker")

    def program(self, name):
        path = self.path / name
        path.write_text(DOCKER.format(python=sys.executable, here=str(self.directory), services=SERVICES))
        path.chmod(0o755)

    def is_in_state(self, service, state):
        """The state of this service's container; None if it has none."""
        (self.directory / "states.json").write_text(json.dumps({service: state}))

    def restarts_again_and_again(self, service):
        (self.directory / f"restarts-{service}").write_text("4")

    def runs(self, profile):
        """The containers of this profile, as after `up`."""
        self.password.parent.mkdir(parents=True, exist_ok=True)
        self.password.write_text("secret")
        (self.directory / "running").write_text("\n".join(SERVICES[profile]))

    def sends(self, port, answer):
        """What listens at this port sends octets as they are, from a function of the request that returns pieces of them."""
        self.never_listens.add(port)
        self._raw.append(Raw(self.network, port, answer))
        return self._raw[-1].asked

    def fails(self, name):
        (self.directory / f"fails-{name}").touch()

    def run(self, *words, stdin=subprocess.DEVNULL, seconds=60):
        with self.network.entered():
            return subprocess.run([sys.executable, self.installation / "stack", *words], stdin=stdin, capture_output=True, text=True,
                                  timeout=seconds, cwd=self.directory, env={"PATH": str(self.path), "HOME": str(self.directory / "home"),
                                                        "XDG_STATE_HOME": str(self.state)} | self.env)

    def up(self, *words):
        done = self.run("up", *words)
        assert done.returncode == 0, done
        return done

    def calls(self, word=None):
        path = self.directory / "calls.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call for call in lines if word is None or word in call["words"]]

    @property
    def password(self):
        return self.state / "ostiary/stack/grafana-password"

    def close(self):
        self._ended.set()
        self._watcher.join()
        self._listen(())
        for server in self._raw:
            server.close()
        self.network.close()

    def _follow(self):
        running = self.directory / "running"
        while not self._ended.wait(0.02):
            try:
                services = running.read_text().split()
            except FileNotFoundError:
                services = []
            profile = next((name for name in SERVICES if tuple(services) == SERVICES[name]), None)
            self._listen(LISTENING[profile] if profile else ())
            if self._servers:
                (self.directory / "listening").touch()
            else:
                (self.directory / "listening").unlink(missing_ok=True)

    def _listen(self, names):
        wanted = {int(self.env.get(f"STACK_PORT_{name}", PORTS[name])) for name in names} - self.never_listens
        for port in set(self._servers) - wanted:
            self._servers.pop(port).close()
        for port in wanted - set(self._servers):
            self._servers[port] = Web(self.network, "127.0.0.1", port, lambda request, port=port: self._answer(port, request))

    def _answer(self, port, request):
        self.asked.append((port, request))
        return self.answers.get(port, lambda request: Response(200))(request)


class Raw:
    """A server that sends what it wants, whatever HTTP says."""

    def __init__(self, network, port, answer):
        self.asked = asked = []

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    while b"\r\n\r\n" not in asked[-1]:
                        asked[-1] += self.request.recv(65536)
                    for piece in answer(asked[-1]):
                        self.request.sendall(piece)
                except OSError:
                    pass  # the client has disconnected

            def setup(self):
                asked.append(b"")
        with network.entered():
            self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler, bind_and_activate=False)
            self._server.allow_reuse_address = self._server.daemon_threads = True
            self._server.block_on_close = False
            self._server.server_bind()
            self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def world(scratch, tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


# Up and down ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", SERVICES)
def test_up_starts_the_profile_and_says_where_it_is(world, profile):
    done = world.up("--profile", profile, "--retention", "8w")
    call, = world.calls("up")
    assert call["program"] == "docker" and call["words"][0] == "compose"
    assert call["words"][call["words"].index("--file") + 1] == str(STACK / "compose.yaml")
    assert [word for word in call["words"] if word in SERVICES] == [profile] and call["words"][-2:] == ["up", "--detach"]
    assert call["env"][RETENTION] == "1344h" and call["env"]["STACK_STATE"] == str(world.state / "ostiary/stack")
    assert re.fullmatch("[0-9a-f]{64}", call["env"]["STACK_KEY"])
    assert "http://127.0.0.1:4318" in done.stdout and "8w" in done.stdout
    for place, of in (("http://127.0.0.1:3000", "grafana"), ("http://127.0.0.1:16686", "apache")):
        assert (place in done.stdout) == (profile == of)
    for shown in ("Prometheus", "collector"):
        assert f"{shown} is ready" in done.stderr


def test_the_password_is_random_of_its_user_and_shown_only_when_asked_for(world, tmp_path):
    done = world.up()
    secret = world.password.read_text()
    assert len(secret) >= 32 and secret not in done.stdout + done.stderr and str(world.password) in done.stdout
    assert stat.S_IMODE(world.password.stat().st_mode) == 0o600 and stat.S_IMODE(world.password.parent.stat().st_mode) == 0o700
    assert all(secret not in json.dumps(call) for call in world.calls())
    assert world.run("password").stdout == secret + "\n"
    assert world.run("reset", "--yes").returncode == 0 and not world.password.exists()
    assert world.run("password").returncode == 69
    world.up()
    assert world.password.read_text() != secret


def test_a_second_up_is_harmless_and_keeps_what_was_set(world):
    world.up("--profile", "apache", "--retention", "90d")
    world.password.write_text("mine")
    world.up()
    first, second = world.calls("up")
    assert "apache" in second["words"] and second["env"][RETENTION] == first["env"][RETENTION] == "2160h"
    assert world.password.read_text() == "mine"


def test_the_other_profile_takes_the_place_of_the_first(world):
    world.up()
    done = world.up("--profile", "apache")
    assert [[word for word in call["words"] if word in ("up", "down", *SERVICES)] for call in world.calls("--profile")] == [
        ["grafana", "up"], ["grafana", "down"], ["apache", "up"]]
    assert "stopping the profile grafana" in done.stderr


def test_down_keeps_the_data_and_reset_deletes_it(world):
    world.up()
    assert world.run("down").returncode == 0
    assert world.calls("down")[-1]["words"][-3:] == ["--profile", "grafana", "down"]
    assert world.run("reset").returncode == 64 and not world.calls("volume") and world.password.exists()
    assert world.run("reset", "--yes").returncode == 0 and not world.password.exists()
    listed, removed = world.calls("volume")
    assert "label=com.docker.compose.project=ostiary-stack" in listed["words"]
    assert removed["words"] == ["volume", "rm", "ostiary-stack_logs", "ostiary-stack_metrics"]


@pytest.mark.parametrize("answer, status", [(b"yes\n", 0), (b"no\n", 64), (b"\n", 64)])
def test_reset_asks_at_a_terminal(world, answer, status):
    world.up()
    outer, inner = os.openpty()
    os.write(outer, answer)
    done = world.run("reset", stdin=inner)
    for end in (outer, inner):
        os.close(end)
    assert done.returncode == status and "deletes all telemetry" in done.stdout
    assert (world.password.exists(), bool(world.calls("down"))) == ((False, True) if status == 0 else (True, False))


def test_a_taken_port_is_named_before_anything_is_started(world):
    with world.network.entered():
        other = socket.create_server(("127.0.0.1", 3000))
    with other:
        done = world.run("up")
    assert done.returncode == 69 and "port 3000 for Grafana is taken" in done.stderr and "STACK_PORT_GRAFANA" in done.stderr
    assert "agents" not in done.stderr
    assert not world.calls("up")
    world.env["STACK_PORT_GRAFANA"] = "3001"
    assert "http://127.0.0.1:3001" in world.up().stdout


def test_of_a_taken_port_for_agents_it_says_where_these_send_then(world):
    with world.network.entered():
        others = [socket.create_server(("127.0.0.1", port)) for port in (4317, 4318)]
    done = world.run("up")
    for other in others:
        other.close()
    assert "set STACK_PORT_GRPC to another port, to which agents that use gRPC send then" in done.stderr
    assert f"set STACK_PORT_HTTP to another port, to which agents send then: `{PROGRAM} endpoint` prints it" in done.stderr


def test_a_part_that_does_not_become_ready_is_named(world):
    world.never_listens.add(3100)
    done = world.run("up", "--wait", "2s")
    assert done.returncode == 69 and "Grafana is ready" in done.stderr
    assert "Loki is not ready: its state is running; `docker logs ostiary-stack-loki-1` shows its log" in done.stderr


@pytest.mark.parametrize("state, said", [
    ("exited", "its state is exited; `docker logs ostiary-stack-loki-1` shows its log"),
    ("restarting", "its state is restarting; `docker logs ostiary-stack-loki-1` shows its log"),
    (None, "it has no container; the lines of Compose above say why")])
def test_up_does_not_wait_for_a_part_that_does_not_run(world, state, said):
    world.never_listens.add(3100)
    world.is_in_state("loki", state)
    begin = time.monotonic()
    done = world.run("up")
    assert done.returncode == 69 and f"Loki does not start: {said}" in done.stderr and time.monotonic() - begin < 30


def test_up_does_not_wait_for_a_part_that_is_restarted_again_and_again(world):
    world.never_listens.add(3100)
    world.restarts_again_and_again("loki")
    done = world.run("up", seconds=30)
    assert done.returncode == 69 and "Loki does not start: its state is running, restarted 3 times; `docker logs" in done.stderr


def test_a_part_that_starts_slowly_is_awaited(world):
    world.never_listens.add(3100)
    threading.Timer(5, lambda: world.never_listens.clear()).start()
    assert "Loki is ready" in world.up().stderr


def test_it_works_from_an_installation_that_cannot_be_written(world, tmp_path):
    world.installation = tmp_path / "installed"
    world.installation.mkdir()
    namespaces.bind(STACK, world.installation, namespaces.MS_RDONLY)
    try:
        with pytest.raises(OSError):
            (world.installation / "new").touch()
        world.up()
        for words in (["status"], ["password"], ["down"], ["reset", "--yes"]):
            assert world.run(*words).returncode == 0, words
    finally:
        namespaces.unmount(world.installation)


def test_settings_of_the_file_hold_and_those_of_the_environment_come_first(world, tmp_path):
    world.installation = tmp_path / "installed"
    shutil.copytree(STACK, world.installation)
    (world.installation / "stack.env").write_text("# mine\nSTACK_PROFILE=apache\nSTACK_RETENTION=2w\nSTACK_CONTENT=drop\n")
    world.env["STACK_RETENTION"] = "3w"
    world.up()
    call, = world.calls("up")
    assert "apache" in call["words"] and call["env"][RETENTION] == "504h" and call["env"]["STACK_CONTENT"] == "drop"
    (world.installation / "stack.env").write_text("STACK_RETENTIN=2w\n")
    done = world.run("up")
    assert done.returncode == 64 and "line 1" in done.stderr and "perhaps STACK_RETENTION" in done.stderr


@pytest.mark.parametrize("line, said", [
    ("STACK_PROFILE=jaeger", 'there is no profile "jaeger": write grafana or apache'),
    ("STACK_PORT_LOKI=none", 'STACK_PORT_LOKI is "none": write a port from 1 to 65535'),
    ("STACK_RETENTION=23h", "the retention is 23h: write at least 24h"),
    ("STACK_RETENTION=soon", 'the retention is not a time: "soon"; write a number with s, m, h, d or w'),
    ('STACK_PROFILE="apache"', 'the quotes of "apache" count as part of the value: write apache'),
    ("STACK_CONTENT=drop # for now", '"drop # for now" has a comment after the value: write the comment in a line of its own')])
def test_a_wrong_value_in_the_file_is_named_with_its_line(world, tmp_path, line, said):
    world.installation = tmp_path / "installed"
    shutil.copytree(STACK, world.installation)
    (world.installation / "stack.env").write_text(f"# mine\n\n{line}\n")
    done = world.run("up")
    assert done.returncode == 64 and f"line 3 of {world.installation}/stack.env: {said}" in done.stderr and not world.calls()


def test_a_mistyped_variable_is_named_and_one_of_another_program_is_not(world):
    world.env["STACK_PORT_HTPP"] = "14318"
    done = world.run("endpoint")
    assert done.returncode == 64 and "STACK_PORT_HTPP, which is no setting: write STACK_PORT_HTTP, or unset it" in done.stderr
    del world.env["STACK_PORT_HTPP"]
    world.env |= {"STACK_ROOT": "/home/me/.stack", "STACK_YAML": "stack.yaml"}
    assert world.run("endpoint").returncode == 0


@pytest.mark.parametrize("written", ["{", "[]", '{"STACK_PORT_LOKI": "none"}'])
def test_a_stack_with_a_broken_state_can_be_deleted(world, written):
    world.up()
    settings = world.password.with_name("settings.json")
    settings.write_text(written)
    assert world.run("status").returncode != 0
    done = world.run("reset", "--yes")
    assert done.returncode == 0 and world.calls("down") and not settings.exists() and not world.password.exists(), done


def test_endpoint_is_where_the_next_up_takes_telemetry(world):
    assert world.run("endpoint").stdout == "http://127.0.0.1:4318\n" and not world.calls()
    world.env["STACK_PORT_HTTP"] = "14318"
    assert world.run("endpoint").stdout == "http://127.0.0.1:14318\n"
    assert "http://127.0.0.1:14318" in world.up().stdout
    assert world.run("down").returncode == 0
    del world.env["STACK_PORT_HTTP"]
    assert world.run("endpoint").stdout == "http://127.0.0.1:14318\n"
    world.env["STACK_PORT_HTTP"] = "http"
    assert world.run("endpoint").returncode == 64


def test_status_says_which_parts_run(world):
    done = world.run("status")
    assert done.returncode == 69 and done.stdout.count("not started") == 5
    world.answers[9090] = lambda request: Response(
        200, body=b"prometheus_tsdb_storage_blocks_bytes 2e+06\nprometheus_tsdb_wal_storage_size_bytes 500000\n")
    world.never_listens.add(3200)
    world.run("up", "--wait", "1s")
    lines = {line.split()[0]: line for line in world.run("status").stdout.splitlines()}
    assert "ready" in lines["Prometheus"] and "2.5 MB" in lines["Prometheus"] and "http://127.0.0.1:9090" in lines["Prometheus"]
    assert "running, not ready" in lines["Tempo"]


# What is missing, and what is wrong -----------------------------------------------------------------------------------


def test_without_docker_and_podman_it_says_what_to_install(world):
    (world.path / "docker").unlink()
    done = world.run("up")
    assert done.returncode == 69 and "neither Docker nor podman" in done.stderr and "podman-compose" in done.stderr


@pytest.mark.parametrize("broken, said", [("info", "`docker info` says why"), ("compose-version", "docker-compose-plugin")])
def test_a_docker_that_cannot_be_used_is_named_or_podman_is_used(world, broken, said):
    world.fails(broken)
    done = world.run("up")
    assert done.returncode == 69 and said in done.stderr and not world.calls("up")
    (world.directory / f"fails-{broken}").unlink()
    (world.path / "docker").unlink()
    world.program("podman")
    world.program("podman-compose")
    world.up()
    assert world.calls("up")[-1]["program"] == "podman-compose"
    assert world.run("status").returncode == 0
    assert world.run("down").returncode == 0 and world.calls("down")[-1]["program"] == "podman-compose"


def test_a_compose_that_fails_ends_the_command(world):
    world.fails("--detach")
    done = world.run("up")
    assert done.returncode == 69 and "failed with status 1" in done.stderr and "cannot connect to the daemon" in done.stderr


@pytest.mark.parametrize("words, said", [
    ([], None), (["upp"], "perhaps up"), (["up", "--profil", "apache"], "perhaps --profile"),
    (["up", "--profile"], "write --profile PROFILE"),
    (["up", "--profile", "jaeger"], "write grafana or apache"), (["up", "--retention", "soon"], "such as 60s or 30d"),
    (["up", "--retention", "23h"], "at least 24h"), (["up", "--retention", "11000d"], "at most ten years"),
    (["up", "--retention", "30d", "--retention", "30d"], "twice"), (["down", "now"], '"now"'),
    (["reset", "--yes=1"], "takes no value"),
    (["check", "--wait", "3s"], "--marked"), (["check", "--marked", "ostiary.check"], "KEY=VALUE"),
    (["check", "--marked", 'a="} or {b', "--wait", "1s"], "KEY=VALUE"), (["start"], "write up;"), (["stop"], "write down;"),
    (["restart"], "write down, then up;"), (["ps"], "write status;"), (["logs"], "`docker logs NAME`")])
def test_a_wrong_command_is_told_what_to_write(world, words, said):
    done = world.run(*words)
    assert done.returncode == 64 and not world.calls()
    assert said is None and "Usage" in done.stdout or said in done.stderr and len(done.stderr.splitlines()) == 1
    assert said is None or f"`{PROGRAM} --help` lists the commands" in done.stderr


@pytest.mark.parametrize("name, value, said", [
    ("STACK_PORT_LOKI", "none", "from 1 to 65535"), ("STACK_PORT_LOKI", "65536", "from 1 to 65535"),
    ("STACK_PORT_LOKI", "3000", "write two ports"), ("STACK_CONTENT", "some", "write keep or drop"),
    ("STACK_PROFILE", "x", "grafana or apache")])
def test_a_wrong_setting_is_named(world, name, value, said):
    world.env[name] = value
    done = world.run("up")
    assert done.returncode == 64 and said in done.stderr and value in done.stderr and not world.calls()


def test_help_names_each_command_and_flag(world):
    text = world.run("--help").stdout
    for word in ("up", "down", "status", "check", "endpoint", "password", "reset",
                 "--profile", "--retention", "--marked", "--wait", "--yes"):
        assert word in text
    for words in (["-h"], ["help"], ["up", "--help"], ["up", "-h"], ["up", "--profile", "apache", "-h"]):
        done = world.run(*words)
        assert (done.returncode, done.stdout) == (0, text)


def test_each_command_that_it_names_can_be_run(world, tmp_path):
    """From an installation whose path a shell takes as two words."""
    world.installation = tmp_path / "my programs"
    shutil.copytree(STACK, world.installation)
    program = f"'{world.installation}/stack'"
    assert f"{program} password` prints it" in world.up().stdout
    assert world.run("down").returncode == 0
    said = [world.run("--help").stdout, *(world.run(*words).stderr for words in (["status"], ["check"], ["upp"])),
            world.run("check", "--marked", "a=b", "--wait", "1s").stderr]
    assert world.run("reset", "--yes").returncode == 0
    said += [world.run("password").stderr, world.run("check").stderr]
    for text in said:
        assert program in text and not re.search(r"`stack |^ *stack [a-z]+$", text, re.M), text


# Check, against the test's Grafana ------------------------------------------------------------------------------------

DASHBOARD = {
    "title": "Everything", "time": {"from": "now-24h", "to": "now"},
    "templating": {"list": [
        {"name": "service", "type": "query", "includeAll": True, "allValue": ".+", "current": {"value": ["$__all"]}},
        {"name": "team", "type": "query", "includeAll": True, "current": {"value": ["blue", "red"]}},
        {"name": "trace", "type": "textbox", "query": ""}, {"name": "who", "type": "textbox", "query": "me"},
        {"name": "session", "type": "query", "current": {"value": ""},
         "query": {"query": 'label_values(x{team=~"$team"}, session_id)'}}]},
    "panels": [
        {"id": 1, "type": "text", "title": "Words"},
        {"id": 2, "title": "Cost", "datasource": {"type": "prometheus", "uid": "metrics"}, "targets": [
            {"refId": "A", "expr": 'sum_over_time(x{service_name=~"$service",team=~"${team:regex}"}[$__range])/$__interval+$other'}]},
        {"id": 3, "type": "row", "title": "A row", "collapsed": True, "panels": [
            {"id": 4, "title": "Errors", "fieldConfig": {"defaults": {"noValue": "No request failed"}}, "targets": [
                {"refId": "A", "datasource": {"type": "loki", "uid": "logs"},
                 "expr": '{service_name="claude-code"} | session_id="$session" | who="${who}"'}]}]},
        {"id": 5, "title": "Slow", "targets": [
            {"refId": "A", "datasource": {"type": "tempo", "uid": "traces"}, "query": "{ duration > 1s }"}]},
        {"id": 6, "title": "Rate", "targets": [
            {"refId": "B", "datasource": {"type": "tempo", "uid": "traces"}, "query": "{ } | rate()"}]},
        {"id": 7, "title": "Trace", "description": "Choose a trace", "targets": [
            {"refId": "A", "datasource": {"type": "tempo", "uid": "traces"}, "query": "$trace"}]}]}


class Grafana:
    """Answers as Grafana does, from what the test says about each query."""

    def __init__(self, world):
        self.world, self.queries, self.health = world, [], {"status": "OK"}
        self.errors, self.empty, self.sessions = {}, set(), ["abc", "def"]

    def __call__(self, request):
        path, _, query = request.path.partition("?")
        if path != "/api/health":
            login = "Basic " + base64.b64encode(f"admin:{self.world.password.read_text()}".encode()).decode()
            if request.header("Authorization") != login:
                return answer(401, {"message": "Invalid username or password"})
        if path == "/api/ds/query":
            asked, = json.loads(request.body)["queries"]
            return self._query(asked["expr"], asked)
        if path.startswith("/api/datasources/proxy/uid/traces/api/"):
            asked = dict(urllib.parse.parse_qsl(query))
            self.queries.append(asked["q"])
            member = "series" if path.endswith("/metrics/query_range") else "traces"
            return answer(200, {member: [] if asked["q"] in self.empty else [{}]})
        if path == "/api/datasources/uid/metrics/resources/api/v1/label/session_id/values":
            assert urllib.parse.unquote_plus(query) == 'match[]=x{team=~"blue|red"}'
            return answer(200, {"data": self.sessions})
        return answer(200, self.health if "/health" in path else {})

    def _query(self, expression, asked):
        self.queries.append(expression)
        if expression in self.errors:
            return answer(400, {"results": {asked["refId"]: {"status": 400, "error": self.errors[expression]}}})
        values = [[], []] if expression in self.empty else [[1], [2]]
        return answer(200, {"results": {asked["refId"]: {"frames": [{"schema": {}, "data": {"values": values}}]}}})


def answer(status, content):
    return Response(status, "application/json", json.dumps(content).encode())


COST = 'sum_over_time(x{service_name=~".+",team=~"blue|red"}[86400s])/172s+$other'
ERRORS = '{service_name="claude-code"} | session_id="abc" | who="me"'


def install_one_dashboard(world):
    world.installation = world.directory / "installed"
    shutil.copytree(STACK, world.installation)
    shutil.rmtree(world.installation / "grafana/dashboards", ignore_errors=True)
    (world.installation / "grafana/dashboards").mkdir()
    (world.installation / "grafana/dashboards/everything.json").write_text(json.dumps(DASHBOARD))


@pytest.fixture
def grafana(world):
    install_one_dashboard(world)
    made = world.answers[3000] = Grafana(world)
    world.up()
    return made


def lines_of(done):
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_check_asks_for_each_panel_with_its_variables_filled_in(world, grafana):
    done = world.run("check")
    assert done.returncode == 0, done
    assert lines_of(done) == {
        **{f"data source {uid}": "answers" for uid in ("metrics", "logs", "traces")},
        **{f"Everything / {title}": "data" for title in ("Cost", "Errors", "Slow", "Rate")},
        "Everything / Trace": "no data: Choose a trace"}
    assert grafana.queries == [COST, ERRORS, "{ duration > 1s }", "{ } | rate()"]


def test_check_says_when_no_data_is_normal(world, grafana):
    grafana.empty |= {ERRORS, "{ duration > 1s }"}
    done = world.run("check")
    assert done.returncode == 0
    assert lines_of(done)["Everything / Errors"] == "no data: No request failed"
    assert lines_of(done)["Everything / Slow"].startswith("no data: normal if the last 24h")


def test_a_dashboard_whose_time_cannot_be_asked_is_in_error_and_the_others_are_asked(world, grafana):
    other = DASHBOARD | {"title": "Today", "time": {"from": "now/d", "to": "now"}}
    (world.installation / "grafana/dashboards/earlier.json").write_text(json.dumps(other))
    done = world.run("check")
    assert done.returncode == 69 and "5 in error" in done.stderr
    assert lines_of(done)["Today / Cost"].startswith('error: the time of the dashboard begins at "now/d"')
    assert lines_of(done)["Everything / Cost"] == "data"


def test_check_shows_a_panels_error_and_goes_on(world, grafana):
    grafana.errors[COST] = "parse error: unexpected\ncharacter"
    done = world.run("check")
    assert done.returncode == 69 and "1 in error" in done.stderr
    assert lines_of(done)["Everything / Cost"] == "error: parse error: unexpected character"
    assert lines_of(done)["Everything / Errors"] == "data"


def test_a_panel_with_another_data_source_is_an_error(world, grafana):
    text = json.dumps(DASHBOARD).replace('"uid": "logs"', '"uid": "P8E80F9AEF21F6940"')
    (world.installation / "grafana/dashboards/everything.json").write_text(text)
    done = world.run("check")
    assert done.returncode == 69 and "P8E80F9AEF21F6940" in lines_of(done)["Everything / Errors"]


def test_check_says_that_a_data_source_is_ill_or_the_password_is_not_grafanas(world, grafana):
    grafana.health = {"status": "ERROR", "message": "connection refused"}
    done = world.run("check")
    assert done.returncode == 69 and "data source logs: error: connection refused" in done.stdout
    other = Grafana(world)
    world.answers[3000] = lambda request: other(request) if request.path == "/api/health" else answer(401, {"message": "no"})
    done = world.run("check")
    assert done.returncode == 69 and "refuses the password" in done.stderr and not done.stdout


def test_check_of_a_stack_that_does_not_run_says_so(world):
    done = world.run("check")
    assert done.returncode == 69 and "stack up" in done.stderr


def test_a_marked_batch_is_awaited_in_tempo_prometheus_and_loki(world, grafana):
    arrived = threading.Event()

    def store(full, empty):
        return lambda request: answer(200, full if arrived.is_set() else empty)
    world.answers[3200] = store({"traces": [{}]}, {"traces": []})
    world.answers[3100] = store({"data": {"result": [{}]}}, {"data": {"result": []}})
    world.answers[9090] = store({"data": {"result": [{"value": [0, "1"]}]}}, {"data": {"result": []}})
    done = world.run("check", "--marked", "ostiary.check=4be1", "--wait", "1s")
    assert done.returncode == 69 and "log record: not in Loki after 1 s (Loki does not have it)" in done.stdout
    queries = {port: urllib.parse.unquote_plus(request.path) for port, request in world.asked}
    assert '{ resource.ostiary.check = "4be1" }' in queries[3200]
    assert '{service_name=~".+"} | ostiary_check="4be1"' in queries[3100] and '{ostiary_check="4be1"}' in queries[9090]
    threading.Timer(1, arrived.set).start()
    done = world.run("check", "--marked", "ostiary.check=4be1", "--wait", "30s")
    assert done.returncode == 0, done
    *arrivals, way_in, way_out = done.stdout.splitlines()
    assert {re.fullmatch(r"(.*) after [0-9.]+ s", line)[1] for line in arrivals} == {
        "span: in Tempo", "metric: in Prometheus", "log record: in Loki"}
    program = world.installation / "stack"
    assert way_in == f"Open http://127.0.0.1:3000 as admin; `{program} password` prints the password."
    assert way_out == f"`{program} down` stops the stack; the data stays."


def test_check_of_a_real_stack():
    if not os.environ.get("OSTIARY_STACK_RUNS"):
        pytest.skip("Grafana, Loki and Tempo cannot be had here: where the stack runs, OSTIARY_STACK_RUNS=1 asks for each panel")
    done = subprocess.run([sys.executable, STACK / "stack", "check"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done


# Others on the machine ------------------------------------------------------------------------------------------------


def whole(body, status="200 OK", headers=""):
    body = body.encode() if isinstance(body, str) else body
    return lambda request: [f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body]


def refused(done, said):
    """Whether the command says in one line why it ends."""
    return done.returncode == 69 and said in done.stderr and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("stack: ")


def test_only_the_container_of_grafana_gets_the_password(world):
    asked = world.sends(3000, whole("{}"))
    world.runs("grafana")
    for state in (None, "exited"):
        world.is_in_state("grafana", state)
        done = world.run("check")
        assert refused(done, "Grafana does not run") and f"`{PROGRAM} up` starts it" in done.stderr and not asked
    world.is_in_state("grafana", "running")
    world.run("check")
    assert asked[0].startswith(b"GET /api/health ") and b"authorization" not in asked[0].lower()
    assert asked[1].startswith(b"GET /api/user ") and base64.b64encode(b"admin:secret") in asked[1]


def test_no_redirect_is_followed(world):
    other = world.sends(4000, whole("{}"))
    redirect = whole("", "302 Found", "Location: http://127.0.0.1:4000/there\r\n")
    world.sends(3000, lambda request: whole("{}")(request) if b"/api/health" in request else redirect(request))
    world.sends(9090, redirect)
    world.runs("grafana")
    assert refused(world.run("check"), "redirects to http://127.0.0.1:4000/there")
    assert "Prometheus: 302: " in world.run("check", "--marked", "a=b", "--wait", "0s").stdout and not other


def test_a_full_disk_leaves_no_empty_password(world):
    world.state.mkdir()
    namespaces.call("mount", "tmpfs", world.state, "tmpfs", 0, b"size=8k")
    try:
        (world.state / "filler").write_bytes(bytes(8192))
        done = world.run("up")
        assert refused(done, "No space left on device") and not world.calls("up") and not os.listdir(world.password.parent)
        (world.state / "filler").write_bytes(b"")
        world.up()
        assert len(world.password.read_text()) >= 32
    finally:
        namespaces.unmount(world.state)


def test_an_empty_password_is_made_anew_only_before_the_first_start(world):
    world.password.parent.mkdir(parents=True)
    world.password.touch()
    assert refused(world.run("password"), "there is no password yet")
    world.up()
    assert len(world.password.read_text()) >= 32
    world.password.write_text("\n")
    for command in ("up", "password", "check"):
        done = world.run(command)
        assert refused(done, f"{world.password} is empty") and not done.stdout
    assert len(world.calls("up")) == 1 and world.password.read_text() == "\n"


@pytest.mark.parametrize("spoil, said", [
    (lambda state: os.chown(state, 1000, 0), "belongs to another user"),
    (lambda state: state.chmod(0o770), "other users can write"), (lambda state: state.chmod(0o702), "other users can write")])
def test_a_state_directory_of_others_is_not_trusted(world, spoil, said):
    world.runs("grafana")
    (world.password.parent / "settings.json").write_text('{"STACK_PORT_HTTP": "4319"}')
    spoil(world.password.parent)
    for command in ("up", "endpoint", "password", "check", "status"):
        done = world.run(command)
        assert refused(done, said) and str(world.password.parent) in done.stderr and not done.stdout, command


@pytest.mark.parametrize("name, command", [("grafana-password", "password"), ("settings.json", "endpoint")])
def test_a_file_of_the_state_is_a_regular_one_of_its_user(world, name, command):
    world.runs("grafana")
    path = world.password.parent / name
    path.write_text("{}")
    os.chown(path, 1000, 0)
    assert refused(world.run(command), f"{path} belongs to another user")
    path.unlink()
    path.symlink_to(world.directory / "calls.jsonl")
    assert refused(world.run(command), "symbolic link")
    path.unlink()
    os.mkfifo(path)
    assert refused(world.run(command, seconds=10), f"{path} is not a regular file")
    path.unlink()
    path.mkdir()
    assert refused(world.run(command), f"{path} is not a regular file")


def test_a_relative_xdg_state_home_is_ignored(world):
    world.env["XDG_STATE_HOME"] = "here"
    world.up()
    assert (world.directory / "home/.local/state/ostiary/stack/grafana-password").exists()
    assert not (world.directory / "here").exists()


def slowly(octets):
    for octet in octets:
        yield bytes([octet])
        time.sleep(0.2)


def endlessly(start, piece):
    """More than an answer may have, then an octet now and then."""
    return lambda request: itertools.chain([start], itertools.repeat(piece, (20 << 20) // len(piece)), slowly(itertools.repeat(32)))


def test_an_answer_has_an_end(world):
    world.sends(3200, lambda request: slowly(b"HTTP/1.1 200 OK\r\nX: " + bytes(1000)))
    world.sends(3100, endlessly(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 60000 + b"\r\n\r\n"))
    world.sends(9090, endlessly(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536))
    begin = time.monotonic()
    done = world.run("check", "--marked", "a=b", "--wait", "4s", seconds=20)
    assert time.monotonic() - begin < 8 and done.returncode == 69
    assert "timed out" in lines_of(done)["span"]
    assert "more than 16 MiB" in lines_of(done)["metric"] and "more than 16 MiB" in lines_of(done)["log record"]


def test_a_slow_store_leaves_the_others_their_time(world):
    world.sends(3200, lambda request: slowly(b"HTTP/1.1 200 OK\r\nX: " + bytes(1000)))
    for port, found in (9090, [{"value": [0, "1"]}]), (3100, [{}]):
        world.sends(port, whole(json.dumps({"data": {"result": found}})))
    done = world.run("check", "--marked", "a=b", "--wait", "3s", seconds=20)
    assert "metric: in Prometheus" in done.stdout and "log record: in Loki" in done.stdout and "span: not in Tempo" in done.stdout


TRICK = "\x1b]0;title\x07\x9b2J"


def test_no_command_prints_what_a_terminal_obeys(world):
    install_one_dashboard(world)
    answers = [whole(json.dumps({"message": TRICK}), "500 Error"), whole("", "302 Found", f"Location: {TRICK}\r\n"),
               whole(TRICK), lambda request: [TRICK.encode("latin-1") + b"\r\n"]]
    now = answers[0]
    for port in (3000, 3100, 3200, 9090, 9428, 16686):
        world.sends(port, lambda request: now(request))
    world.runs("grafana")
    (world.state / "ostiary/stack/settings.json").write_text(json.dumps({"STACK_PROFILE": TRICK}))
    done = [world.run("status"), world.run(TRICK), world.run("up", TRICK), world.run("up", "--profile", TRICK)]
    (world.state / "ostiary/stack/settings.json").unlink()
    for now in answers:
        done += [world.run("check"), world.run("check", "--marked", "a=b", "--wait", "0s")]
    world.env["STACK_PROFILE"] = "apache"
    done.append(world.run("check"))
    world.is_in_state("prometheus", TRICK)
    done.append(world.run("status"))
    now = lambda request: whole("{}" if b"/api/user" in request else json.dumps({"message": TRICK}))(request)
    world.env.clear()
    done.append(world.run("check"))
    for each in done:
        assert each.returncode in (64, 69) and "Traceback" not in each.stderr and r"\x1b" in each.stdout + each.stderr, each
        assert not [mark for mark in each.stdout + each.stderr if mark != "\n" and not mark.isprintable()], each


DEEP = "[" * 100000
OTHER_ANSWERS = {
    "no HTTP": lambda request: [b"nonsense\r\n\r\n"], "no answer": lambda request: [],
    "too short": lambda request: [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"],
    "too short a chunk": lambda request: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}"],
    "huge": lambda request: [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}"],
    "deep": whole(DEEP), "a deep error": whole(DEEP, "500 Error"), "a list": whole("[]"), "a number": whole("1"),
    "a list inside": whole('{"data": ["x"]}'), "no list": whole('{"data": {"result": 1}, "traces": []}'),
    "an endless number": whole('{"data": {"result": [{"value": [0, "1e999"]}]}, "found": 1e999}')}


def test_an_answer_of_another_form_is_an_error_of_its_store(world):
    now = None
    for port in (3100, 3200, 9090, 9428, 16686):
        world.sends(port, lambda request: now(request))
    for name, now in OTHER_ANSWERS.items():
        for profile, *words in (("apache", "check"), ("apache", "check", "--marked", "a=b", "--wait", "0s"),
                                ("grafana", "check", "--marked", "a=b", "--wait", "0s")):
            world.env["STACK_PROFILE"] = profile
            done = world.run(*words)
            assert done.returncode == 69 and len(done.stderr.splitlines()) == 1, (name, words, done)
            assert len(done.stdout.splitlines()) == 3, (name, words, done)
            assert ": error: " in done.stdout or ": not in " in done.stdout, (name, words, done)


@pytest.mark.parametrize("name, said", [
    ("no HTTP", "nonsense"), ("too short", "IncompleteRead"), ("huge", "IncompleteRead"), ("deep", "is not JSON"),
    ("a deep error", "Grafana: 500: [["), ("a list", "8 in error")])
def test_an_answer_of_another_form_is_an_error_of_grafana(world, name, said):
    install_one_dashboard(world)
    world.sends(3000, OTHER_ANSWERS[name])
    world.runs("grafana")
    done = world.run("check")
    assert refused(done, said), done
    assert name != "a list" or "data source logs: error: an answer of another form" in done.stdout


@pytest.mark.parametrize("text", [DEEP, '{"a":' * 100000, "[]", "{", "\udcff"],
                         ids=["deep", "deep object", "list", "short", "no UTF-8"])
def test_settings_of_another_form_are_named(world, text):
    world.runs("grafana")
    path = world.password.parent / "settings.json"
    path.write_text(text, errors="surrogateescape")
    assert refused(world.run("endpoint"), f"{path} cannot be read")


def test_a_value_that_an_agent_chose_stays_a_value(world, grafana):
    grafana.sessions = ['!"} or vector(1) #\n\\.+']
    panel = {"id": 8, "title": "Chosen", "datasource": {"type": "loki", "uid": "logs"}, "targets": [
        {"refId": "A", "expr": '{a=~"$session", b!~ "x${session}", c="$session"} |~ "$session" | d="$who"'}]}
    (world.installation / "grafana/dashboards/everything.json").write_text(json.dumps(DASHBOARD | {"panels": [panel]}))
    assert world.run("check").returncode == 0
    equal, matched = r'!\"} or vector(1) #\n\\.+', r'!\"\\} or vector\\(1\\) #\n\\\\\\.\\+'
    assert grafana.queries == [f'{{a=~"{matched}", b!~ "x{matched}", c="{equal}"}} |~ "{matched}" | d="me"']
