"""A process of the agent's user that ostiary did not start, as by docker exec --user: its
environment holds secrets, and no filter stops it. The agent cannot take it over."""

import socket

import pytest

from support.landlock import has_domains, without_landlock
from support.rootfs import AGENT
from support.sandbox import OSTIARY

SECRET = "TOKEN_OF_ANOTHER_PROCESS=9f8e7d6c"
ABSTRACT = "\0later"

# By a child with the user of the other process.
ATTEMPTS = """
import json
pid, = (int(each) for each in os.listdir("/proc") if each.isdigit()
        and b"read line" in open(f"/proc/{each}/cmdline", "rb").read())
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

def checked(number):
    if number < 0:
        raise OSError(ctypes.get_errno(), "")
    return number

def outcome(attempt):
    try:
        attempt()
        return "done"
    except OSError as refused:
        return errno.errorcode[refused.errno]

def trace():
    checked(libc.ptrace(16, pid, None, None))
    os.waitpid(pid, 0x40000000)
    checked(libc.ptrace(17, pid, None, None))

attempts = {
    "trace": trace,
    "environment": lambda: open(f"/proc/{pid}/environ", "rb").read(),
    "memory": lambda: open(f"/proc/{pid}/mem", "r+b").close(),
    "descriptor": lambda: checked(libc.syscall(438, os.pidfd_open(pid), 0, 0)),
    "root directory": lambda: os.stat(f"/proc/{pid}/root/"),
}
here, there = os.pipe()
if os.fork() == 0:
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.write(there, json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}).encode())
    os._exit(0)
os.wait()
value = json.loads(os.read(here, 4096))
"""
NAMES = {"trace", "environment", "memory", "descriptor", "root directory"}

needs_domains = pytest.mark.skipif(not has_domains(), reason="the kernel has no Landlock domains with scopes (Linux 6.12)")


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture(params=["container", "user"])
def scope(request, who):
    if request.param == "user" and who == "root":
        pytest.skip("--scope user needs an ordinary user")
    return request.param


def attempts_at_a_process_beside(container, agent):
    outside = container.start_beside(agent.session, "/bin/sh", "-c", "echo ready; read line", env=dict([SECRET.split("=")]), uid=AGENT)
    outside.read_until("ready")
    return agent.python(f"uid = gid = {AGENT}\n" + ATTEMPTS)["answer"]


@needs_domains
def test_the_agent_cannot_take_over_a_process_of_its_user(container, who, scope):
    agent = container.start_agent("--scope", scope, who=who)
    outcomes = attempts_at_a_process_beside(container, agent)
    assert set(outcomes) == NAMES and set(outcomes.values()) <= {"EPERM", "EACCES"}, outcomes


@needs_domains
def test_nor_can_a_session(container, who, scope):
    agent = container.start_agent("--scope", scope, who=who)
    session = container.start_process_beside(agent, OSTIARY, "exec", "--")
    outcomes = attempts_at_a_process_beside(container, session)
    assert set(outcomes) == NAMES and set(outcomes.values()) <= {"EPERM", "EACCES"}, outcomes


def test_without_landlock_it_can_and_the_boot_says_so(container, who, scope):
    agent = container.start_agent("--scope", scope, who=who, prepare=without_landlock)
    outcomes = attempts_at_a_process_beside(container, agent)
    assert outcomes == dict.fromkeys(NAMES, "done"), outcomes
    agent.session.read_until("has no Landlock domains", agent.session.err)
    assert container.plan(prepare=without_landlock)["agent"]["domain"] == "none"


@needs_domains
def test_the_agent_cannot_connect_to_an_abstract_socket_that_appears_later(container, who, scope):
    agent = container.start_agent("--scope", scope, who=who)
    with container.link.network.entered(), socket.socket(socket.AF_UNIX) as service:
        service.bind(ABSTRACT)
        service.listen()
        assert agent.python(f"socket.socket(socket.AF_UNIX).connect({ABSTRACT!r})")["error"] == "EPERM"


@needs_domains
def test_where_an_abstract_socket_is_allowed_signals_are_forbidden_instead(container, who, scope):
    agent = container.start_agent("--scope", scope, "--allow-socket", "@allowed", who=who)
    outcomes = attempts_at_a_process_beside(container, agent)
    assert set(outcomes.values()) <= {"EPERM", "EACCES"}, outcomes
    with container.link.network.entered(), socket.socket(socket.AF_UNIX) as service:
        service.bind("\0allowed")
        service.listen()
        assert agent.python("socket.socket(socket.AF_UNIX).connect('\\0allowed')")["reached"]


@needs_domains
@pytest.mark.parametrize("flags, domain", [([], "without abstract sockets"), (["--allow-socket", "/run/a"], "without abstract sockets"),
                                           (["--allow-socket", "@allowed"], "without signals")])
def test_the_plan_shows_the_domain(container, flags, domain):
    assert container.plan(*flags)["agent"]["domain"] == domain


@needs_domains
def test_the_agent_can_still_mount_in_namespaces_of_its_own(container):
    """As bubblewrap does."""
    agent = container.start_agent()
    made = agent.run("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp")
    assert made["status"] == 0, made
