"""Attacks of the agent on the gate itself. The agent is an ordinary user or root."""

import re

import pytest

from support import processes
from support.internet import ALLOWED, UNLISTED
from support.outcomes import assert_refused


@pytest.fixture(autouse=True)
def gate_works_afterwards(container, agent, internet):
    rules, gate = container.rules(), container.gate(agent.session)
    yield
    internet.forget()
    assert container.rules() == rules
    assert container.gate(agent.session) == gate
    for address in UNLISTED.values():
        assert_refused(agent.connect(address, 443), internet)
    assert agent.resolves("allowed.example") == [ALLOWED[4]]


def mark_in(rules):
    """The gate's packet mark, as in its rules."""
    return int(re.search(r"meta mark (0x[0-9a-f]+)", rules)[1], 16)


def test_the_agent_cannot_set_the_gates_mark_on_a_socket(internet, container, agent, family):
    mark = mark_in(container.rules())
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 36, {mark})
s.sendto(b"out", ({UNLISTED[family]!r}, 443))""")
    assert outcome.get("error") == "EPERM", outcome
    assert internet.packets() == []


def test_the_agent_cannot_set_the_gates_mark_on_a_packet(internet, container, agent, family):
    mark = mark_in(container.rules())
    outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
s.sendmsg([b"out"], [(socket.SOL_SOCKET, 36, struct.pack("I", {mark}))], 0, ({UNLISTED[family]!r}, 443))""")
    assert not outcome["reached"], outcome
    assert internet.packets() == []


@pytest.mark.parametrize("kind", ["socket.AF_INET, socket.SOCK_RAW, 253", "socket.AF_INET6, socket.SOCK_RAW, 253",
                                  "socket.AF_INET, socket.SOCK_RAW, 255", "socket.AF_INET, socket.SOCK_RAW, 1",
                                  "socket.AF_INET6, socket.SOCK_RAW, 58",
                                  "socket.AF_PACKET, socket.SOCK_RAW, 0x300", "socket.AF_PACKET, socket.SOCK_DGRAM, 8",
                                  "44, socket.SOCK_RAW, 0"],
                         ids=["raw", "raw IPv6", "raw with header", "ICMP", "ICMPv6", "packet", "packet without header",
                              "XDP"])
def test_raw_and_packet_sockets_are_refused(agent, kind):
    outcome = agent.python(f"socket.socket({kind})")
    assert not outcome["reached"], outcome


@pytest.mark.parametrize("command", [
    "flush ruleset", "delete table inet ostiary", "flush table inet ostiary", "add table inet mine",
    "add element inet ostiary allow4 { 203.0.113.66 . tcp . 443 }", "insert rule inet ostiary output accept",
    "add chain inet ostiary output { policy accept; }", "list ruleset"])
def test_the_agent_cannot_change_the_rules(agent, command):
    assert agent.run("nft", command)["status"] != 0


@pytest.mark.parametrize("command", [
    "unshare -n true", "unshare -m true", "nsenter -t 1 -n true", "nsenter -t 1 -U true",
    "ip link set eth0 down", "ip route add 203.0.113.0/24 dev lo", "ip address add 203.0.113.9/32 dev lo",
    "ip link add tun0 type dummy", "ip rule add pref 1 lookup main", "ip neigh flush dev eth0"])
def test_the_agent_cannot_change_or_leave_the_network(agent, command):
    outcome = agent.run("sh", "-c", command)
    assert outcome["status"] != 0, outcome


def test_a_new_namespace_reaches_nothing(internet, container, agent, family):
    """If the agent can make one, it has no link to the outside, and its privileges end there."""
    outcome = agent.run("unshare", "-Urn", "sh", "-c",
                        f"nft flush ruleset; ip link set lo up; curl -sm1 --noproxy '*' http://"
                        f"{UNLISTED[4] if family == 4 else '[' + UNLISTED[6] + ']'}:80/")
    assert outcome["status"] != 0
    assert internet.packets() == []


def test_a_user_namespace_does_not_allow_to_set_the_mark(internet, agent, container):
    mark = mark_in(container.rules())
    script = (f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
              f"s.setsockopt(socket.SOL_SOCKET, 36, {mark}); s.sendto(b'out', ({UNLISTED[4]!r}, 443))")
    assert agent.run("unshare", "-Ur", "/usr/bin/python3", "-IS", "-c", script)["status"] != 0
    assert internet.packets() == []


@pytest.mark.parametrize("number", ["KILL", "STOP", "TERM", "SEGV"])
def test_the_agent_cannot_signal_the_gate(container, agent, number):
    gate = inside_pid(container.gate(agent.session))
    outcome = agent.python(f"os.kill({gate}, signal.SIG{number})")
    assert outcome.get("error") == "EPERM", outcome
    assert processes.field(container.gate(agent.session), "State")[0] not in "TZ"


@pytest.mark.parametrize("what", ["environ", "mem", "maps", "fd/0", "cwd", "root", "exe"])
def test_the_agent_cannot_read_the_gates_proc_files(container, agent, what):
    gate = inside_pid(container.gate(agent.session))
    outcome = agent.python(f"""
path = "/proc/{gate}/{what}"
value = os.readlink(path) if {what!r} in ("fd/0", "cwd", "root", "exe") else open(path, "rb").read(1)""")
    assert not outcome["reached"], outcome


@pytest.mark.parametrize("call", ["ptrace(16, {pid}, 0, 0)", "ptrace(0x4206, {pid}, 0, 0)",
                                  "syscall(438, pidfd, 0, 0)"], ids=["attach", "seize", "take a descriptor"])
def test_the_agent_cannot_trace_the_gate_or_take_its_descriptors(container, agent, call):
    gate = inside_pid(container.gate(agent.session))
    outcome = agent.python(f"""
libc = ctypes.CDLL(None, use_errno=True)
pidfd = libc.syscall(434, {gate}, 0)
value = libc.{call.format(pid=gate)}
if value < 0: raise OSError(ctypes.get_errno(), "refused")""")
    assert not outcome["reached"], outcome


def test_root_with_the_gates_uid_cannot_get_out(internet, container, agent, who, family):
    uid = int(processes.field(container.gate(agent.session), "Uid").split()[0])
    outcome = agent.run("setpriv", f"--reuid={uid}", "--clear-groups", "/usr/bin/python3", "-IS", "-c",
                        f"import socket; socket.create_connection(({UNLISTED[family]!r}, 443), 0.3)")
    assert outcome["status"] != 0
    assert internet.packets() == []


@pytest.mark.parametrize("setting, value", [
    ("ipv4/conf/all/route_localnet", 1), ("ipv4/ip_forward", 1), ("ipv6/conf/all/forwarding", 1),
    ("ipv4/ip_unprivileged_port_start", 0), ("ipv4/ip_nonlocal_bind", 1), ("netfilter/nf_conntrack_max", 1),
    ("netfilter/nf_conntrack_tcp_loose", 1), ("netfilter/nf_conntrack_tcp_be_liberal", 1),
    ("ipv4/conf/all/accept_local", 1), ("ipv6/conf/all/disable_ipv6", 0), ("netfilter/nf_hooks_lwtunnel", 1),
    ("netfilter/nf_conntrack_udp_timeout", 1)])
def test_no_sysctl_opens_the_gate(internet, container, agent, who, setting, value, family):
    """If /proc/sys is writable, root may write there. Still no packet leaves."""
    if who == "agent":
        assert not agent.python(f"open('/proc/sys/net/{setting}', 'w').write('{value}')")["reached"]
        return
    before = agent.python(f"value = open('/proc/sys/net/{setting}').read()").get("answer")
    if before is None:
        pytest.skip(f"this kernel has no {setting}")
    agent.python(f"open('/proc/sys/net/{setting}', 'w').write('{value}')")
    try:
        for transport in ("tcp", "udp"):
            for port in (443, 53):
                outcome = agent.connect(UNLISTED[family], port, transport, timeout=0.2)
                assert not outcome["reached"], outcome
        assert internet.packets() == []
    finally:
        agent.python(f"open('/proc/sys/net/{setting}', 'w').write({before!r})")


def test_forwarded_packets_are_denied_too(internet, container, agent, who, family):
    """Packets of a container inside the container."""
    with container.container_inside(family) as out:
        for port in (443, 53):
            out.sendto(b"out", (UNLISTED[family], port))
        assert internet.packets() == []


def test_the_agent_cannot_read_the_state_files(agent, who):
    if who == "root":
        pytest.skip("root can read root's files")
    listing = agent.run("sh", "-c", "find /run/ostiary /var/log/ostiary -type f -writable 2>/dev/null; "
                        "find /run/ostiary -type s -writable 2>/dev/null")
    assert listing["out"] == ""


def test_the_agent_cannot_bind_the_gates_port(container, agent, family):
    """Otherwise it could answer instead of the gate."""
    port = int(re.search(r"redirect to :(\d+)", container.rules())[1])
    for kind in ("SOCK_DGRAM", "SOCK_STREAM"):
        outcome = agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.{kind})
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(({'"127.0.0.1"' if family == 4 else '"::1"'}, {port}))""")
        assert not outcome["reached"], outcome


def test_a_process_that_binds_port_53_gets_no_questions(container, agent, who, family):
    """The gate has bound port 53 of its own address. Questions to other loopback addresses are
    redirected."""
    if who == "agent":
        pytest.skip("only root may bind low ports")
    gate, other = ("127.0.0.1", "127.0.0.2") if family == 4 else ("::1", container.link.address[6])
    kind = "AF_INET6" if family == 6 else "AF_INET"
    taken = agent.python(f"socket.socket(socket.{kind}, socket.SOCK_DGRAM).bind(({gate!r}, 53))")
    assert taken.get("error") == "EADDRINUSE", taken
    outcome = agent.python(f"""
s = socket.socket(socket.{kind}, socket.SOCK_DGRAM)
s.bind(({other!r}, 53))
c = socket.socket(socket.{kind}, socket.SOCK_DGRAM)
c.sendto(b"x", ({other!r}, 53))
s.settimeout(0.1)
s.recv(10)""")
    assert outcome.get("error") == "timeout", outcome


def inside_pid(pid):
    return int(processes.field(pid, "NSpid").split()[-1])
