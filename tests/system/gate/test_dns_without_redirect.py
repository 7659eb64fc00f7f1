"""If resolv.conf names the gate, questions over UDP reach it directly at port 53 of 127.0.0.1 and
::1, neither redirected nor tracked. All other questions are redirected."""

import os
import signal
import socket

import pytest

from support.agent import GATE, code
from support.behaviours import host
from support.internet import ALLOWED, PUBLIC_RESOLVER, UNLISTED
from support.waiting import eventually

LOOKS = """table inet looks {
  chain seen {
    type filter hook output priority -100
    meta l4proto { tcp, udp } th dport 53 ct state untracked counter
    meta l4proto { tcp, udp } th dport 53 ct state new counter
  }
}
"""


def questions_seen(container):
    """The numbers of untracked and of tracked questions."""
    lines = [line for line in container.nft("list", "table", "inet", "looks").splitlines() if "counter" in line]
    return tuple(int(line.split("packets ")[1].split()[0]) for line in lines)


@pytest.fixture(scope="module")
def looking(container, agent):
    container.nft("-f", "-", stdin=LOOKS)
    yield container
    container.nft("delete", "table", "inet", "looks")


def test_a_question_to_the_gates_address_is_not_tracked(looking, agent, family):
    before = questions_seen(looking)
    assert agent.asks_for("allowed.example", server=GATE[family]) == [ALLOWED[4]]
    after = questions_seen(looking)
    assert after[0] > before[0] and after[1] == before[1]


def test_a_question_over_tcp_is_redirected(looking, agent, family):
    before = questions_seen(looking)
    assert agent.asks_for("allowed.example", server=GATE[family], transport="tcp") == [ALLOWED[4]]
    after = questions_seen(looking)
    assert after[0] == before[0] and after[1] > before[1]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_question_to_another_address_is_redirected(looking, agent, family, transport):
    before = questions_seen(looking)
    assert code(agent.asks("unlisted.example", server=PUBLIC_RESOLVER[family], transport=transport)) == "NXDOMAIN"
    after = questions_seen(looking)
    assert after[0] == before[0] and after[1] > before[1]


BIND = """
value = []
for option in None, socket.SO_REUSEADDR, socket.SO_REUSEPORT:
    for device in None, b"eth0", b"lo":
        for address in {addresses!r}:
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                if option:
                    s.setsockopt(socket.SOL_SOCKET, option, 1)
                if device:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
                s.bind((address, 53))
                value.append([address, str(option), str(device)])
            except OSError:
                pass
            finally:
                s.close()
"""


def test_the_agent_cannot_listen_where_the_gate_answers(internet, container, agent):
    """Not even if ordinary users may bind low ports as with Docker, and not while there is no
    gate."""
    container.link.network.sysctl("ipv4/ip_unprivileged_port_start", 0)
    bind = BIND.format(addresses=["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
    try:
        assert agent.python(bind)["answer"] == []
        gate = container.gate(agent.session)
        os.kill(gate, signal.SIGSTOP)
        try:
            assert agent.python(bind)["answer"] == []
        finally:
            os.kill(gate, signal.SIGKILL)
        assert agent.python(bind)["answer"] == []
        assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    finally:
        container.link.network.sysctl("ipv4/ip_unprivileged_port_start", 1024)


FORGE = """
IP_FREEBIND, IPV6_FREEBIND = 15, 78
six = ":" in {server!r}
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, IPV6_FREEBIND if six else IP_FREEBIND, 1)
s.bind(({source!r}, 40053))
s.sendto(bytes.fromhex({query!r}), ({server!r}, 53))
"""


def test_a_question_with_a_spoofed_source_is_not_answered_outside(internet, agent, family):
    query = bytes.fromhex("0007010000010000000000000c") + b"secret-words" + bytes.fromhex("07") + b"example" + \
        bytes.fromhex("0000010001")
    agent.python(FORGE.format(server=GATE[family], source=UNLISTED[family], query=query.hex()))
    assert code(agent.asks("unlisted.example", server=GATE[family])) == "NXDOMAIN"
    assert internet.packets() == []


def test_a_question_waits_while_there_is_no_gate(container, agent, family):
    os.kill(container.gate(agent.session), signal.SIGKILL)
    assert agent.asks_for("allowed.example", server=GATE[family]) == [ALLOWED[4]]


def test_after_a_repair_questions_still_reach_the_gate_directly(looking, agent, family):
    rules = looking.rules()
    assert "notrack" in rules
    looking.nft("flush", "chain", "inet", "ostiary", "untrack")
    eventually(lambda: looking.rules() == rules, "the rules are back")
    before = questions_seen(looking)
    assert agent.asks_for("allowed.example", server=GATE[family]) == [ALLOWED[4]]
    assert questions_seen(looking)[0] > before[0]


# If the gate does not have that port --------------------------------------------------------------

@pytest.fixture
def container_with_a_resolver(new_container, internet):
    """A container with its own resolver at the gate's address."""
    internet.upstream.name("unlisted.example", host(UNLISTED))
    container = new_container()
    with container.link.network.entered():
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        resolver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        resolver.bind(("127.0.0.1", 53))
    resolver.setblocking(False)
    with resolver:
        yield container, resolver


def test_another_resolver_keeps_the_port_and_the_redirect_works(container_with_a_resolver, who, family):
    container, resolver = container_with_a_resolver
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert "notrack" not in container.rules()
    assert agent.asks_for("allowed.example", server=GATE[family]) == [ALLOWED[4]]
    assert code(agent.asks("unlisted.example", server=GATE[family])) == "NXDOMAIN"
    with pytest.raises(BlockingIOError):
        resolver.recv(512)


def test_with_scope_user_other_processes_can_bind_the_port(new_container):
    container = new_container()
    agent = container.start_agent("--scope", "user", "--allow", "allowed.example")
    assert "notrack" not in container.rules()
    root = container.start_process_beside(agent, uid=0)
    for family in (4, 6):
        kind = "socket.AF_INET6" if family == 6 else "socket.AF_INET"
        assert root.python(f"socket.socket({kind}, socket.SOCK_DGRAM).bind(({GATE[family]!r}, 53))")["reached"]
