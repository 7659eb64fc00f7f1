"""Another root of the machine changes the gate's table: it is put right, or the agent is ended; either way told."""

import signal
import socket
import time

import dns.message
import pytest

from support.behaviours import host
from support.outcomes import assert_refused
from support.visitor import GATE
from support.waiting import eventually
from support.world import ALLOWED, UNLISTED

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
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    return fresh_gatehouse()


@pytest.fixture
def visitor(world, home, who):
    visitor = home.visit("--allow", "allowed.example", "--allow-inbound", "8443", who=who)
    for family in (4, 6):
        visitor.opens("allowed.example", family)
    world.forget()
    return visitor


@pytest.mark.parametrize("what", TAMPERING)
def test_it_is_put_right_and_told(world, home, visitor, what):
    rules = home.rules()
    home.nft(TAMPERING[what])
    home.eventually_audited("tampering", response="repaired", program="nft")
    eventually(lambda: home.rules() == rules, "the rules are right")
    eventually(lambda: not home.admitted_addresses() & set(UNLISTED.values()), "nobody else's admission is there")
    eventually(lambda: home.admitted_addresses() >= set(ALLOWED.values()), "ours are")
    world.forget()
    for family in (4, 6):
        assert_refused(visitor.connect(UNLISTED[family], 443), world)
    for family in (4, 6):
        assert visitor.connect(ALLOWED[family], 443)["reached"]
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("what", ["the table is deleted", "a rule is added in front"])
def test_a_flow_begun_meanwhile_does_not_go_on(world, home, visitor, what, transport, family):
    rules = home.rules()
    visitor.session.signal(signal.SIGSTOP)
    try:
        home.nft(TAMPERING[what])
        visitor.open_flow("stowaway", UNLISTED[family], 9999, transport)
        assert visitor.use_flow("stowaway")["reached"]
    finally:
        visitor.session.signal(signal.SIGCONT)
    eventually(lambda: home.rules() == rules, "the rules are right")
    home.eventually_audited("tampering", response="repaired")
    world.forget()
    assert not visitor.use_flow("stowaway")["reached"]
    assert world.strays() == []


def test_nor_does_one_that_the_other_end_goes_on_with(world, home, visitor, family):
    """What comes from there is the first that the kernel sees of the connection: it counts as begun there."""
    rules = home.rules()
    with world.network.entered():
        accomplice = socket.create_server(("::", 7777), family=socket.AF_INET6, dualstack_ipv6=True)
    with accomplice:
        visitor.session.signal(signal.SIGSTOP)
        try:
            home.nft(TAMPERING["the table is deleted"])
            visitor.open_flow("stowaway", UNLISTED[family], 7777)
            accomplice.settimeout(2)
            other_end, _ = accomplice.accept()
        finally:
            visitor.session.signal(signal.SIGCONT)
        with other_end:
            eventually(lambda: home.rules() == rules, "the rules are right")
            home.eventually_audited("tampering", response="repaired")
            other_end.sendall(b"come in")
            other_end.settimeout(1)
            visitor.use_flow("stowaway")
            with pytest.raises(OSError):
                assert other_end.recv(100) == b"", "what the agent says comes out"
                raise ConnectionResetError


def test_who_asked_meanwhile_can_ask_again_from_the_same_port(home, visitor, family):
    rules = home.rules()
    query = dns.message.make_query("allowed.example", "A").to_wire()
    ask = f"""
s = sys.modules["__main__"].kept.setdefault("asking", socket.socket(socket.{'AF_INET' if family == 4 else 'AF_INET6'}, socket.SOCK_DGRAM))
s.settimeout(2)
s.connect(({home.cable.address[family]!r}, 53))
s.send({query!r})
value = len(s.recv(4096))"""
    visitor.session.signal(signal.SIGSTOP)
    try:
        home.nft(TAMPERING["the table is deleted"])
        home.nft("-f", "-", stdin="table inet mine {\nchain c {\ntype filter hook output priority 0\nct state new\n}\n}\n")
        assert not visitor.python(ask)["reached"]
    finally:
        visitor.session.signal(signal.SIGCONT)
    eventually(lambda: home.rules() == rules, "the rules are right")
    home.eventually_audited("tampering", response="repaired")
    assert visitor.python(ask)["reached"]


def test_a_flow_that_may_be_goes_on(home, visitor, family):
    rules = home.rules()
    visitor.open_flow("kept", ALLOWED[family], 443)
    assert visitor.use_flow("kept")["reached"]
    home.nft("delete table inet ostiary")
    eventually(lambda: home.rules() == rules, "the rules are right")
    home.eventually_audited("tampering", response="repaired")
    eventually(lambda: ALLOWED[family] in home.admitted_addresses(), "it is admitted again")
    assert visitor.use_flow("kept")["reached"]


def test_a_service_goes_on_answering(home, visitor, family):
    assert home.speak_to_service(visitor, 8443, family) == b"hello"
    rules = home.rules()
    home.nft("delete table inet ostiary")
    eventually(lambda: home.rules() == rules, "the rules are right")
    assert home.speak_to_service(visitor, 8443, family) == b"hello"


def test_it_is_put_right(home, visitor):
    rules = home.rules()
    home.nft("delete table inet ostiary")
    eventually(lambda: home.rules() == rules, "the rules are right")


@pytest.mark.parametrize("who", ["root"])
def test_no_file_of_a_root_agent_is_waited_for(home, visitor, who):
    """libnftables reads these when it begins; where one is a pipe that nobody writes to, it would wait for ever."""
    rules = home.rules()
    for path in ("/etc/iproute2/rt_marks", "/etc/iproute2/rt_realms", "/etc/iproute2/group", "/etc/connlabel.conf"):
        assert visitor.run("sh", "-c", f"mkdir -p {path.rpartition('/')[0]} && mkfifo {path}")["status"] == 0
    home.nft("flush ruleset")
    eventually(lambda: home.rules() == rules, "the rules are right")


def test_without_end_it_is_the_end(home, visitor):
    end = time.monotonic() + 10
    while visitor.session.running() and time.monotonic() < end:
        home.nft("flush ruleset")
        time.sleep(0.05)
    assert visitor.session.wait().status == 69
    home.eventually_audited("tampering", response="agent_ended")


def test_looking_is_not_tampering(home, visitor):
    home.nft("list", "ruleset")
    home.admitted()
    assert visitor.asks_for("allowed.example")
    assert home.audit("tampering") == []


def test_other_tables_are_nobodys_business(home, visitor):
    home.nft("-f", "-", stdin="table inet mine {\nchain c {\ntype filter hook output priority 0\naccept\n}\n}\n")
    home.nft("delete table inet mine")
    assert visitor.asks_for("allowed.example")
    assert home.audit("tampering") == []


def test_admissions_of_the_gates_own_are_not_tampering(world, home, visitor, who):
    visitor.opens("allowed.example")
    assert home.audit("tampering") == []
