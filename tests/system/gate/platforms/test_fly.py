"""A Fly machine in small. Process 1 is another init, the resolver has only an IPv6 address, the
machine is on a private network, and the platform listens at /.fly/api."""

import os
import socket
import tomllib

import pytest

from support.agent import Agent, code
from support.behaviours import addresses, host
from support.capabilities import without_capability
from support.internet import ALLOWED
from support.outcomes import assert_reached, assert_refused
from support.project import ROOT
from support.relayed import World
from support.telemetry import shows_a_secret
from support.untracked import UNTRACKED_IPV6

RESOLVER = "fdaa::3"
API = "fdaa:0:1:a7b:1::4280"
NEIGHBOUR = "fdaa:0:1:a7b:2::2"
SOCKET = "/.fly/api"
FLY = {"FLY_APP_NAME": "agents", "FLY_MACHINE_ID": "3d8d9930b32189", "FLY_REGION": "ams", "FLY_PROCESS_GROUP": "app"}
OSTIARY = "/opt/bin/ostiary"
TRY = """
s = socket.socket(socket.AF_UNIX)
s.settimeout(1)
s.connect("/.fly/api")"""

# Attempts as root of the agent's own user and mount namespaces, and the error of each.
BELOW = """
import json
CLONE_NEWNS, CLONE_NEWUSER, MS_BIND, MS_REC, MNT_DETACH = 0x20000, 0x10000000, 4096, 16384, 2
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    return errno.errorcode[ctypes.get_errno()] if function(*arguments) < 0 else None
read, write = os.pipe()
if os.fork() == 0:
    libc.unshare(CLONE_NEWUSER | CLONE_NEWNS)
    found = {"a mount of its own": call(libc.mount, b"/tmp", b"/tmp/m", None, MS_BIND, None),
             "unmounting": call(libc.umount2, b"/.fly", MNT_DETACH),
             "the root without its mounts": call(libc.mount, b"/", b"/tmp/m", None, MS_BIND, None),
             "the root with its mounts": call(libc.mount, b"/", b"/tmp/m", None, MS_BIND | MS_REC, None),
             "unmounting there": call(libc.umount2, b"/tmp/m/.fly", MNT_DETACH)}
    os.write(write, json.dumps(found).encode())
    os._exit(0)
os.wait()
value = json.loads(os.read(read, 4096))"""


class Fly:
    """The parts of the platform in the machine."""

    def __init__(self, container):
        self._socket = None
        self._home = container
        container.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")

    def serve(self, mode):
        self._home.mkdir("/.fly")
        path = self._home.at(SOCKET)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        os.chmod(path, mode)
        self._socket.listen(100)
        self._socket.setblocking(False)

    def connections(self):
        """The number of connections since the last call."""
        count = 0
        while True:
            try:
                self._socket.accept()[0].close()
                count += 1
            except BlockingIOError:
                return count


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("_api.internal", addresses(API))
    internet.upstream.name("neighbour.internal", addresses(NEIGHBOUR))
    internet.upstream.name("rebound.example", addresses(NEIGHBOUR))
    return new_container()


@pytest.fixture
def fly(container):
    return Fly(container)


def boot(container, *flags, who="agent", **how):
    user = ["--user", "agent"] if who == "agent" else []
    return Agent(container.start_boot(*container.agent_command("driven"), flags=[*user, *flags], env=FLY, pid_1=False, **how))


# The network --------------------------------------------------------------------------------------

def test_allowed_names_resolve_through_an_ipv6_resolver(internet, container, fly, who):
    agent = boot(container, "--allow", "allowed.example", who=who)
    assert agent.resolves("allowed.example") == [ALLOWED[4]]
    assert {query.server for query in internet.upstream.queries} == {RESOLVER}
    assert ALLOWED[4] in agent.look_up("allowed.example")["addresses"]
    assert_reached(agent.connect(ALLOWED[4], 443))


def test_ostiary_is_not_process_1_and_its_status_is_passed_on(container, fly):
    agent = boot(container)
    agent.session.send('{"do": "leave", "with": [42], "how": {}}\n')
    assert agent.session.wait().status == 42


def test_the_api_on_the_private_network_cannot_be_resolved_or_reached(internet, container, fly, who):
    agent = boot(container, "--allow", "allowed.example", who=who)
    for server in ("::1", RESOLVER):
        assert code(agent.asks("_api.internal", "AAAA", server=server)) == "NXDOMAIN"
    assert agent.look_up("_api.internal")["addresses"] == []
    assert internet.upstream.asked("_api.internal") == []
    internet.forget()
    for address, port in ((API, 80), (NEIGHBOUR, 443), (RESOLVER, 9999)):
        assert_refused(agent.connect(address, port), internet)


def test_the_private_network_is_not_reached_through_an_allowed_name(internet, container, fly, who):
    agent = boot(container, "--allow", "rebound.example", who=who)
    assert agent.asks_for("rebound.example", "AAAA") == []
    internet.forget()
    assert_refused(agent.connect(NEIGHBOUR, 443), internet)
    container.eventually_audited("deny", name="rebound.example", why="rebinding")


def test_a_neighbour_can_be_reached_if_a_rule_with_private_names_it(container, fly):
    container.policy({"allow": [{"host": "neighbour.internal", "ports": 5432, "private": True}]})
    agent = boot(container)
    assert agent.resolves("neighbour.internal", 6) == [NEIGHBOUR]
    assert_reached(agent.connect(NEIGHBOUR, 5432))


# Telemetry --------------------------------------------------------------------------------------------------------------

def test_telemetry_arrives_over_ipv6_without_connection_tracking(internet, container, fly, tmp_path, who):
    container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    world = World(container, internet, tmp_path, 8443, tls=True, at="2001:db8:a::77", OSTIARY_AUDIT_OTLP="off", **FLY)
    world.serve()
    try:
        agent = world.start(who)
        assert world.post() == "200"
        world.await_spans("work")
        assert world.collector.exports[0].groups[0].resource["fly.app_name"] == "agents"
        assert not shows_a_secret(agent.run("env")["out"])
        internet.forget()
        assert_refused(agent.connect(world.at, 8443), internet)
    finally:
        world.web.close()


# /.fly/api ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", [0o600, 0o666], ids=["root only", "all users"])
def test_the_agent_cannot_use_the_platforms_socket(container, fly, who, mode):
    fly.serve(mode)
    agent = boot(container, who=who)
    for handle in (agent, container.start_process_beside(agent, OSTIARY, "exec", "--", prepare=container.link.network.enter)):
        assert handle.python(TRY)["error"] == "ENOENT"
        assert handle.run("ls", "-A", "/.fly") == {"status": 0, "out": "", "err": ""}
    assert fly.connections() == 0


def test_the_auth_hook_cannot_use_the_platforms_socket(container, fly):
    fly.serve(0o666)
    container.script("/opt/hook", "test ! -e /.fly/api")
    result = container.boot("true", flags=["--user", "agent", "--auth-hook", "/opt/hook"], pid_1=False)
    assert result.status == 0, result


def test_other_processes_can_use_the_platforms_socket(container, fly):
    fly.serve(0o666)
    agent = boot(container)
    assert container.start_process_beside(agent).python(TRY)["reached"]
    assert fly.connections() == 1


def test_a_recreated_socket_is_hidden_too(container, fly):
    fly.serve(0o666)
    agent = boot(container)
    fly.serve(0o666)
    assert agent.python(TRY)["error"] == "ENOENT"


def test_the_agent_cannot_uncover_the_socket(container, fly, who):
    fly.serve(0o666)
    agent = boot(container, who=who)
    agent.run("mkdir", "/tmp/m")
    for attempt in ("umount /.fly", "umount -l /.fly", "ls /proc/1/root/.fly/api", "mv /.fly /.fly2", "rmdir /.fly",
                    "nsenter --mount=/proc/1/ns/mnt ls /.fly/api"):
        assert agent.run("sh", "-c", attempt)["status"] != 0, attempt
    below = agent.python(BELOW)["answer"]
    assert below == {"a mount of its own": None, "unmounting": "EINVAL", "the root without its mounts": "EINVAL",
                     "the root with its mounts": None, "unmounting there": "EINVAL"}
    assert agent.python(TRY)["error"] == "ENOENT"
    assert fly.connections() == 0


@pytest.mark.parametrize("who, mode, status", [("agent", 0o600, 0), ("agent", 0o666, 77), ("root", 0o600, 77)])
def test_if_the_socket_cannot_be_hidden_the_boot_continues_only_if_the_agent_cannot_connect(container, fly, who, mode, status):
    fly.serve(mode)
    user = ["--user", "agent"] if who == "agent" else []
    result = container.boot("touch", "/tmp/started", flags=user, pid_1=False, prepare=without_capability("SYS_ADMIN"))
    assert result.status == status, result
    if status:
        line = result.stderr.splitlines()[-1]
        assert SOCKET in line and "CAP_SYS_ADMIN" in line and "--user" in line, result
    assert container.exists("/tmp/started") == (status == 0)
    assert fly.connections() == 0


# An operator's SSH --------------------------------------------------------------------------------

MACHINE, OPERATOR, STRANGER = "fdaa:0:1:a7b:1::2", "fdaa:0:1:a7b:9::9", "2001:db8:77::77"
INBOUND = tomllib.loads((ROOT / "container" / "fly" / "fly.toml").read_text())["env"]["OSTIARY_ALLOW_INBOUND"]


@pytest.fixture
def machine(internet, container, fly):
    """A machine on the private network whose kernel does not track IPv6 connections. The
    platform's SSH service listens before the boot."""
    container.link.network.ip(f"address add {MACHINE}/112 dev eth0 nodad")
    internet.network.ip(f"route replace {MACHINE}/128 dev {container.link.outside_name} table local")
    container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    platform = Agent(container.launch(*container.agent_command("driven")))
    platform.listen("ssh", 22)
    return platform


def speaks(internet, platform, source):
    with internet.network.entered():
        client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    with client:
        client.settimeout(0.6)
        client.bind((source, 0))
        try:
            client.connect((MACHINE, 22))
        except TimeoutError:
            return False
        client.sendall(b"hello")
        platform.serve_one("ssh")
        return client.recv(10) == b"hello"


def boot_beside(container, platform, *flags):
    return Agent(container.start_beside(platform.session, OSTIARY, "run", "--no-derive", "--user", "agent", *flags, "--",
                                        *container.agent_command("driven"), env=FLY))


def test_an_operator_gets_answers_with_the_rule_of_fly_toml(internet, container, machine):
    boot_beside(container, machine, f"--allow-inbound={INBOUND}")
    assert speaks(internet, machine, OPERATOR)


def test_other_hosts_get_no_answers(internet, container, machine):
    boot_beside(container, machine, f"--allow-inbound={INBOUND}")
    assert not speaks(internet, machine, STRANGER)


def test_without_the_rule_an_operator_gets_no_answers(internet, container, machine):
    boot_beside(container, machine)
    assert not speaks(internet, machine, OPERATOR)


def test_the_agent_cannot_use_that_rule_to_get_out(internet, container, machine):
    agent = boot_beside(container, machine, f"--allow-inbound={INBOUND}")
    internet.forget()
    for port in (22, 4280):
        outcome = agent.connect(OPERATOR, port)
        assert not outcome["reached"] and internet.packets() == [], outcome


def test_a_console_is_another_session_behind_the_gate(internet, container, machine):
    boot_beside(container, machine, f"--allow-inbound={INBOUND}")
    console = container.start_process_beside(machine, OSTIARY, "exec", "--")
    assert console.run("id", "-un")["out"] == "agent\n"
    internet.forget()
    assert_refused(console.connect(NEIGHBOUR, 443), internet)
