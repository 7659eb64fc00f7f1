"""The privileges that the agent loses, as an ordinary user and as root, and that it cannot get
back."""

import os
import shutil
import signal

import pytest

from support import namespaces, processes
from support.capabilities import names_of, with_inherited, without_capability
from support.execution import PATH
from support.rootfs import AGENT

LOST = set("""NET_ADMIN NET_RAW SYS_ADMIN SYS_MODULE SYS_PTRACE SYS_RAWIO SYS_BOOT SYS_TIME BPF PERFMON MAC_ADMIN
MAC_OVERRIDE SETFCAP MKNOD DAC_READ_SEARCH""".split())
KEPT = set("CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID NET_BIND_SERVICE SYS_CHROOT".split())
ANYONE = pytest.mark.parametrize("flags", [["--user", "agent"], []], ids=["agent", "root"])


@pytest.fixture
def agent_status(sandbox):
    def of(flags, **how):
        result = sandbox.boot("cat", "/proc/self/status", flags=flags, **how)
        assert result.status == 0, result
        return processes.parse_status(result.stdout)
    return of


@ANYONE
def test_the_bounding_set_has_the_capabilities_that_a_root_agent_keeps(agent_status, flags):
    assert names_of(agent_status(flags)["CapBnd"]) == KEPT


@ANYONE
def test_no_set_holds_more_than_the_bounding_set(agent_status, flags):
    status = agent_status(flags)
    assert names_of(status["CapInh"]) == names_of(status["CapAmb"]) == set()
    assert names_of(status["CapPrm"]) <= names_of(status["CapBnd"])
    assert names_of(status["CapEff"]) <= names_of(status["CapPrm"])


def test_an_agent_that_is_an_ordinary_user_has_no_capability(agent_status):
    status = agent_status(["--user", "agent"])
    assert names_of(status["CapPrm"]) == names_of(status["CapEff"]) == set()


@ANYONE
def test_inheritable_and_ambient_capabilities_of_the_container_are_dropped(agent_status, flags):
    status = agent_status(flags, prepare=with_inherited({"NET_ADMIN", "NET_RAW", "CHOWN"}))
    assert names_of(status["CapInh"]) == names_of(status["CapAmb"]) == set()
    assert not names_of(status["CapEff"]) & LOST


SUID_DUMPABLE = "/proc/sys/fs/suid_dumpable"
PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"


def saying(sandbox, settings):
    """The kernel's settings as they would be; they are the whole machine's."""
    for path, value in settings.items():
        sandbox.write(path.replace("/", "_").replace("_", "/opt/", 1), value + "\n")

    def bind():
        for path in settings:
            if os.path.exists(path):
                namespaces.bind(path.replace("/", "_").replace("_", "/opt/", 1), path)
    return bind


@pytest.mark.parametrize("value", ["0", "2"])
def test_a_change_of_user_that_hides_the_memory_is_required(sandbox, value):
    assert sandbox.boot("true", flags=["--user", "agent"], prepare=saying(sandbox, {SUID_DUMPABLE: value})).status == 0


def test_an_agents_process_could_otherwise_trace_the_next_before_it_is_confined(sandbox):
    result = sandbox.boot("true", flags=["--user", "agent"], prepare=saying(sandbox, {SUID_DUMPABLE: "1"}))
    assert result.status == 77 and "fs.suid_dumpable is 1" in result.stderr, result


def test_root_may_be_traced_by_root_in_any_case(sandbox):
    assert sandbox.boot("true", prepare=saying(sandbox, {SUID_DUMPABLE: "1"})).status == 0


@ANYONE
def test_no_new_privileges(agent_status, flags):
    assert agent_status(flags)["NoNewPrivs"] == "1"


@ANYONE
def test_system_calls_are_filtered(agent_status, flags):
    assert agent_status(flags)["Seccomp"] == "2"


@ANYONE
def test_unix_sockets_and_interface_addresses_work(sandbox, flags):
    """Uses of libraries that programs do not see: Unix sockets, and netlink for the addresses of
    interfaces."""
    script = ("import asyncio, socket; socket.socketpair(); socket.if_nameindex(); socket.getaddrinfo('localhost', 1);"
              "asyncio.run(asyncio.sleep(0)); socket.create_server(('', 0))")
    result = sandbox.boot("python3", "-c", script, flags=flags)
    assert result.status == 0, result
    result = sandbox.boot("ip", "-o", "link", "show", "dev", "lo", flags=flags)
    assert result.status == 0 and " lo: " in result.stdout, result


def test_the_agent_can_trace_its_own_program(sandbox):
    """The agent may use a debugger on its own programs."""
    if not shutil.which("strace", path=PATH):
        pytest.skip("strace is not installed")
    result = sandbox.boot("strace", "-e", "trace=none", "true", flags=["--user", "agent"])
    assert result.status == 0, result


@ANYONE
@pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "subreaper"])
def test_the_agent_has_only_the_three_standard_descriptors(sandbox, flags, pid_1):
    kept = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(3)] + [os.dup(2)]
    try:
        session = sandbox.start_boot("sh", "-c", "echo ready; read x", flags=flags, keep_fds=kept, pid_1=pid_1)
        session.read_until("ready")
        assert sorted(os.listdir(f"/proc/{session.agent}/fd")) == ["0", "1", "2"]
    finally:
        for fd in kept:
            os.close(fd)


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_the_agents_standard_descriptors_are_never_the_keepers(sandbox, closed):
    """A container may start with some of them closed. The next opened descriptors would get their
    numbers."""
    script = "for fd in 0 1 2; do readlink /proc/$$/fd/$fd || echo closed; done > /work/seen 2>/dev/null"
    sandbox.boot("sh", "-c", script, prepare=lambda: [os.close(fd) for fd in closed])
    seen = sandbox.read("/work/seen").splitlines()
    for fd in set(closed) - {1, 2}:  # the script itself redirects the other two
        assert seen[fd] in ("closed", "/dev/null")


@ANYONE
def test_the_agents_signal_mask_and_dispositions_are_the_defaults(agent_status, flags):
    def disturb():
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2, signal.SIGCHLD])
    for prepare in (lambda: None, disturb):
        status = agent_status(flags, prepare=prepare)
        assert [int(status[name], 16) for name in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]


def test_ostiary_works_if_the_container_ignores_sigchld(sandbox):
    """If SIGCHLD is ignored, the kernel reaps children itself, and the agent's status is lost."""
    prepare = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    assert sandbox.boot("sh", "-c", "exit 9", prepare=prepare).status == 9


def test_a_setuid_program_gives_the_agent_no_privileges(sandbox):
    sandbox.write("/opt/bin/become", open("/usr/bin/id", "rb").read(), mode=0o4755)
    if sandbox.launch("/opt/bin/become", "-u", uid=AGENT).wait().stdout != "0\n":
        pytest.skip("the file system does not honour setuid programs")
    assert sandbox.boot("/opt/bin/become", "-u", flags=["--user", "agent"]).stdout == f"{AGENT}\n"


ATTEMPTS = {
    "mount": "mount -t tmpfs none /tmp",
    "bring an interface up": "ip link set lo up",
    "a network namespace": "unshare -n true",
    "a mount namespace": "unshare -m true",
    "a device": "mknod /work/device c 1 3",
    "the clock": "date -s @$(date +%s)",
    "the host's name": "hostname another",
    "nftables": "nft flush ruleset",
    "a raw socket": "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
    "a packet socket": "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
    "a vsock socket": "python3 -c 'import socket; socket.socket(40, socket.SOCK_STREAM)'",
    "a vsock socket in a user namespace": "unshare -Urn python3 -c 'import socket; socket.socket(40, 1)'",
    "an MPTCP socket": "python3 -c 'import socket; socket.socket(2, 1, 262)'",
    "a socket mark": "python3 -c 'import socket; socket.socket().setsockopt(1, 36, 1)'",
    "file capabilities": "setcap cap_net_admin+ep /opt/bin/of-agent",
    "the keeper's environment": "cat /proc/1/environ",
    "the keeper's memory": "head -c1 /proc/1/mem",
    "the keeper's descriptors": "readlink /proc/1/fd/0",
}


@ANYONE
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_the_agent_cannot_use_a_privileged_operation(sandbox, flags, attempt):
    sandbox.write("/opt/bin/of-agent", "", owner=AGENT)
    tool = attempt.split()[0]
    if not shutil.which(tool, path=PATH):
        pytest.skip(f"{tool} is not installed")
    result = sandbox.boot("sh", "-c", attempt, flags=flags)
    assert result.status not in (0, 126, 127), result


@ANYONE
def test_the_agent_cannot_trace_the_keeper(sandbox, flags):
    script = "import ctypes, sys; sys.exit(0 if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0 else 3)"
    assert sandbox.boot("python3", "-c", script, flags=flags).status == 3


def test_a_keeper_without_the_capabilities_to_confine_starts_no_agent(sandbox):
    result = sandbox.boot("touch", "/work/started", flags=["--user", "agent"], prepare=without_capability("SETUID"))
    assert result.status == 77 and not sandbox.exists("/work/started"), result
    assert "CAP_SETUID" in result.stderr, result


def test_a_keeper_that_cannot_empty_the_bounding_set_starts_no_agent(sandbox):
    result = sandbox.boot("touch", "/work/started", prepare=without_capability("SETPCAP"))
    assert result.status == 77 and not sandbox.exists("/work/started"), result
    assert "CAP_SETPCAP" in result.stderr, result


def test_docker_default_capabilities_are_enough(sandbox):
    """Docker's default set lacks most capabilities that ostiary drops. That is not an error."""
    def as_docker():
        for name in LOST | {"SYS_RESOURCE", "SYS_NICE", "IPC_LOCK", "LINUX_IMMUTABLE", "AUDIT_CONTROL", "SYSLOG"}:
            without_capability(name)()
    assert sandbox.boot("id", "-un", flags=["--user", "agent"], prepare=as_docker).stdout == "agent\n"


def test_ostiary_resets_signals_that_its_parent_ignores(sandbox):
    """The C library's posix_spawn leaves even its own two signals ignored."""
    start = """
import os, signal
for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
pid = os.posix_spawn("/opt/bin/ostiary", ["ostiary", "run", "--gate", "off", "--", "grep", "SigIgn", "/proc/self/status"], os.environ)
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    result = sandbox.launch("python3", "-c", start).wait()
    assert result.stdout == "SigIgn:\t0000000000000000\nstatus 0\n", result
