"""Another root of the machine changes the gate's table. The keeper restores it or ends the agent,
and reports either."""

import signal
import socket
import time

import dns.message
import pytest

from support.behaviours import host
from support.internet import ALLOWED, UNLISTED
from support.outcomes import assert_refused
from support.waiting import eventually

TAMPERING = {
    "everything is flushed": "flush ruleset",
    "the table is deleted": "delete table inet ostiary",
    "the table is emptied": "flush table inet ostiary",
    "a chain is emptied": "flush chain inet ostiary output",
    "a rule is added in front": "insert rule inet ostiary output accept",
    "a policy is turned round": "add chain inet ostiary output { policy accept; }",
    "an admission is added": f"add element inet ostiary allow4 {{ {UNLISTED[4]} . tcp . 443 timeout 1h }}",
    "an IPv6 admission is added": f"add element inet ostiary allow6 {{ {UNLISTED[6]} . tcp . 443 timeout 1h }}",
    "admissions are removed": "flush set inet ostiary allow4",
    "the table is put to sleep": "add table inet ostiary { flags dormant; }",
}


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


@pytest.fixture
def agent(internet, container, who):
    agent = container.start_agent("--allow", "allowed.example", "--allow-inbound", "8443", who=who)
    for family in (4, 6):
        agent.resolves("allowed.example", family)
    internet.forget()
    return agent


@pytest.mark.parametrize("what", TAMPERING)
def test_the_rules_are_restored_and_the_change_is_reported(internet, container, agent, what):
    rules = container.rules()
    container.nft(TAMPERING[what])
    container.eventually_audited("tampering", response="repaired", program="nft")
    agent.session.read_error_until(r"another process changed the rules \(the table was (changed|deleted), by nft\): repaired")
    eventually(lambda: container.rules() == rules, "the rules are right")
    eventually(lambda: not container.admitted_addresses() & set(UNLISTED.values()), "the foreign admission is gone")
    eventually(lambda: container.admitted_addresses() >= set(ALLOWED.values()), "ours are")
    internet.forget()
    for family in (4, 6):
        assert_refused(agent.connect(UNLISTED[family], 443), internet)
    for family in (4, 6):
        assert agent.connect(ALLOWED[family], 443)["reached"]
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("what", ["the table is deleted", "a rule is added in front"])
def test_a_flow_that_began_meanwhile_does_not_continue(internet, container, agent, what, transport, family):
    rules = container.rules()
    agent.session.signal(signal.SIGSTOP)
    try:
        container.nft(TAMPERING[what])
        agent.open_flow("stowaway", UNLISTED[family], 9999, transport)
        assert agent.use_flow("stowaway")["reached"]
    finally:
        agent.session.signal(signal.SIGCONT)
    eventually(lambda: container.rules() == rules, "the rules are right")
    container.eventually_audited("tampering", response="repaired")
    internet.forget()
    assert not agent.use_flow("stowaway")["reached"]
    assert internet.stray_packets() == []


def test_changes_that_the_kernel_did_not_report_are_repaired_too(internet, container, agent, family):
    """A large transaction on another table fills the keeper's socket, so that the kernel discards
    later notifications."""
    rules = container.rules()
    elements = ", ".join(f"100.64.{number >> 8}.{number & 255}" for number in range(60000))
    large = f"add table inet large\nadd set inet large s {{ type ipv4_addr; }}\nadd element inet large s {{ {elements} }}\n"
    agent.session.signal(signal.SIGSTOP)
    try:
        container.nft("-f", "-", stdin=large)
        container.nft(TAMPERING["an admission is added"])
        container.nft(TAMPERING["an IPv6 admission is added"])
        container.nft(TAMPERING["a rule is added in front"])
        agent.open_flow("stowaway", UNLISTED[family], 9999, "tcp")
        assert agent.use_flow("stowaway")["reached"]
    finally:
        agent.session.signal(signal.SIGCONT)
    container.eventually_audited("tampering", response="repaired", what="too many changes at once: the kernel did not report all")
    eventually(lambda: container.rules() == rules, "the rules are right")
    eventually(lambda: container.admitted_addresses() == set(ALLOWED.values()), "only our admissions are there")
    internet.forget()
    assert not agent.use_flow("stowaway")["reached"]
    assert internet.stray_packets() == []
    assert agent.connect(ALLOWED[family], 443)["reached"]


def test_such_a_flow_does_not_continue_if_the_other_end_sends_first(internet, container, agent, family):
    """The first packet that the kernel sees of the connection comes from outside, so the kernel
    takes it as begun there."""
    rules = container.rules()
    with internet.network.entered():
        accomplice = socket.create_server(("::", 7777), family=socket.AF_INET6, dualstack_ipv6=True)
    with accomplice:
        agent.session.signal(signal.SIGSTOP)
        try:
            container.nft(TAMPERING["the table is deleted"])
            agent.open_flow("stowaway", UNLISTED[family], 7777)
            accomplice.settimeout(2)
            other_end, _ = accomplice.accept()
        finally:
            agent.session.signal(signal.SIGCONT)
        with other_end:
            eventually(lambda: container.rules() == rules, "the rules are right")
            container.eventually_audited("tampering", response="repaired")
            other_end.sendall(b"come in")
            other_end.settimeout(1)
            agent.use_flow("stowaway")
            with pytest.raises(OSError):
                assert other_end.recv(100) == b"", "the agent's data comes out"
                raise ConnectionResetError


def test_a_question_from_a_port_that_asked_meanwhile_is_answered(container, agent, family):
    rules = container.rules()
    query = dns.message.make_query("allowed.example", "A").to_wire()
    ask = f"""
s = sys.modules["__main__"].kept.setdefault("asking", socket.socket(socket.{'AF_INET' if family == 4 else 'AF_INET6'}, socket.SOCK_DGRAM))
s.settimeout(2)
s.connect(({container.link.address[family]!r}, 53))
s.send({query!r})
value = len(s.recv(4096))"""
    agent.session.signal(signal.SIGSTOP)
    try:
        container.nft(TAMPERING["the table is deleted"])
        container.nft("-f", "-", stdin="table inet mine {\nchain c {\ntype filter hook output priority 0\nct state new\n}\n}\n")
        assert not agent.python(ask)["reached"]
    finally:
        agent.session.signal(signal.SIGCONT)
    eventually(lambda: container.rules() == rules, "the rules are right")
    container.eventually_audited("tampering", response="repaired")
    assert agent.python(ask)["reached"]


def test_an_allowed_flow_continues(container, agent, family):
    rules = container.rules()
    agent.open_flow("kept", ALLOWED[family], 443)
    assert agent.use_flow("kept")["reached"]
    container.nft("delete table inet ostiary")
    eventually(lambda: container.rules() == rules, "the rules are right")
    container.eventually_audited("tampering", response="repaired")
    eventually(lambda: ALLOWED[family] in container.admitted_addresses(), "it is admitted again")
    assert agent.use_flow("kept")["reached"]


def test_a_service_keeps_answering(container, agent, family):
    assert container.connect_from_outside(agent, 8443, family) == b"hello"
    rules = container.rules()
    container.nft("delete table inet ostiary")
    eventually(lambda: container.rules() == rules, "the rules are right")
    assert container.connect_from_outside(agent, 8443, family) == b"hello"


def test_the_rules_are_restored(container, agent):
    rules = container.rules()
    container.nft("delete table inet ostiary")
    eventually(lambda: container.rules() == rules, "the rules are right")


@pytest.mark.parametrize("who", ["root"])
def test_files_of_a_root_agent_do_not_block_a_repair(container, agent, who):
    """libnftables reads these files when it starts. If one is a pipe without a writer, it would
    wait forever."""
    rules = container.rules()
    for path in ("/etc/iproute2/rt_marks", "/etc/iproute2/rt_realms", "/etc/iproute2/group", "/etc/connlabel.conf"):
        assert agent.run("sh", "-c", f"mkdir -p {path.rpartition('/')[0]} && mkfifo {path}")["status"] == 0
    container.nft("flush ruleset")
    eventually(lambda: container.rules() == rules, "the rules are right")


def test_continuous_tampering_ends_the_agent(container, agent):
    end = time.monotonic() + 10
    while agent.session.running() and time.monotonic() < end:
        container.nft("flush ruleset")
        time.sleep(0.05)
    assert agent.session.wait().status == 69
    container.eventually_audited("tampering", response="agent_ended")


def test_reading_the_rules_is_not_tampering(container, agent):
    container.nft("list", "ruleset")
    container.admitted()
    assert agent.asks_for("allowed.example")
    assert container.audit("tampering") == []


def test_a_change_of_other_tables_is_not_tampering(container, agent):
    container.nft("-f", "-", stdin="table inet mine {\nchain c {\ntype filter hook output priority 0\naccept\n}\n}\n")
    container.nft("delete table inet mine")
    assert agent.asks_for("allowed.example")
    assert container.audit("tampering") == []


def test_the_gates_own_admissions_are_not_tampering(internet, container, agent, who):
    agent.resolves("allowed.example")
    assert container.audit("tampering") == []
