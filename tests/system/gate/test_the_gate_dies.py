"""The gate killed at any moment: what is open stays open, nothing new opens, and it comes back or the agent goes."""

import json
import os
import signal
import socket
import time

import dns.message
import pytest

from support import processes
from support.behaviours import addresses, host, silence_for_ever
from support.capabilities import names_of
from support.outcomes import assert_refused
from support.visitor import GATE
from support.waiting import PATIENCE, eventually
from support.world import ALLOWED, UNLISTED


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    world.upstream.name("*.later.example", host(ALLOWED))
    return fresh_gatehouse()


@pytest.fixture
def visitor(world, home, who):
    visitor = home.visit("--allow", "allowed.example", "--allow", "*.later.example", who=who)
    for family in (4, 6):
        visitor.opens("allowed.example", family)
    world.forget()
    return visitor


def kill(home, visitor, number=signal.SIGKILL):
    gate = home.gate(visitor.session)
    os.kill(gate, number)
    return gate


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_it_comes_back(world, home, visitor, number):
    before = kill(home, visitor, number)
    eventually(lambda: home._gates(visitor.session) not in ([], [before]), "another gate runs")
    assert visitor.asks_for("new.later.example") == [ALLOWED[4]]
    home.eventually_audited("gate_died", signal=int(number)) if number == signal.SIGKILL else \
        home.eventually_audited("gate_died")
    home.eventually_audited("gate_restarted")


def test_admissions_survive_it(world, home, visitor, family):
    admitted = home.admitted()
    kill(home, visitor)
    assert visitor.connect(ALLOWED[family], 443)["reached"]
    assert home.admitted() == admitted
    assert home.rules()


def test_open_flows_survive_it(home, visitor, family):
    visitor.open_flow("flow", ALLOWED[family], 443)
    kill(home, visitor)
    assert visitor.use_flow("flow")["reached"]


def test_while_it_stands_still_nothing_new_is_open(world, home, visitor, family):
    gate = kill(home, visitor, signal.SIGSTOP)
    try:
        for server in (GATE, UNLISTED):
            for transport in ("udp", "tcp"):
                query = visitor.ask("123401000001000000000000" + "05" + b"other".hex() + "05" + b"later".hex() + "07" +
                                    b"example".hex() + "0000010001", server[family], transport=transport, timeout=0.2)
                assert not query["reached"]
        outcome = visitor.connect(UNLISTED[family], 443)
        assert not outcome["reached"]
        assert world.packets() == []
        assert visitor.connect(ALLOWED[family], 443)["reached"]
    finally:
        os.kill(gate, signal.SIGCONT)
    assert visitor.asks_for("other.later.example")


def test_a_question_asked_meanwhile_waits_for_the_next_gate(home, visitor):
    for _ in range(3):
        kill(home, visitor)
        assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
        time.sleep(0.1)


def test_killed_at_any_moment_it_breaks_no_promise(world, home, visitor, who):
    """An address that was told can be reached, whenever the gate died."""
    world.upstream.name("*.later.example", lambda question: addresses(
        f"198.51.100.{int(question.name.partition('.')[0][1:]) % 250 + 1}")(question))
    session = visitor.session
    session.send('{"do": "look_up_and_connect_whatever_happens", "with": ["n%d.later.example", 300, "127.0.0.1", 443, '
                 '0.002], "how": {}}\n')
    for moment in (0.013, 0.05, 0.11, 0.17, 0.23):
        time.sleep(moment)
        kill(home, visitor)
        eventually(lambda: home._gates(session), "the gate is back")
    result = json.loads(visitor._line(30))["value"]
    assert result["broken"] == [] and result["made"] == 300
    strays = world.strays(*[(f"198.51.100.{n}", 443) for n in range(1, 251)])
    assert [packet for packet in strays if packet.protocol != socket.IPPROTO_ICMP] == []  # that nobody waits any more


def test_one_that_dies_while_it_begins_is_a_death_like_others(home, visitor):
    agent = home.agent_of(visitor.session)
    before = kill(home, visitor)
    seen = lambda: [pid for pid in processes.children(visitor.session.program)
                    if pid not in (before, agent)]
    end = time.monotonic() + PATIENCE
    while not (beginning := seen()) and time.monotonic() < end:
        pass
    os.kill(beginning[0], signal.SIGKILL)
    eventually(lambda: home._gates(visitor.session) not in ([], [before], beginning), "another gate runs")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert visitor.session.running()
    assert len(home.audit("gate_died")) == 2


def test_it_comes_back_where_nobody_reads_what_the_keeper_says(home, visitor):
    visitor.session.err.open = False  # for all that we read
    full = os.open(f"/proc/{visitor.session.program}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        for size in (4096, 1):
            with pytest.raises(BlockingIOError):
                while True:
                    os.write(full, b"x" * size)
    finally:
        os.close(full)
    kill(home, visitor)
    assert visitor.asks_for("new.later.example") == [ALLOWED[4]]


def test_deaths_without_end_are_the_end(home, visitor):
    end = time.monotonic() + 20
    while visitor.session.running() and time.monotonic() < end:
        for gate in home._gates(visitor.session):
            try:
                os.kill(gate, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
    result = visitor.session.wait()
    assert result.status == 69, result
    assert "gate" in result.stderr.splitlines()[-1]
    assert home.audit("exit", status=69)
    assert home.rules()


def test_nothing_opens_when_the_keeper_dies(world, home, visitor, family):
    """The container ends; whoever is still in its network stays behind the rules."""
    visitor.session.signal(signal.SIGKILL)
    visitor.session.wait()
    beside = home.visit_without_gate("root")
    assert_refused(beside.connect(UNLISTED[family], 443), world)
    assert not beside.connect(UNLISTED[family], 53, "udp")["reached"]
    assert world.packets() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("who", ["root"])
def test_a_root_agent_that_takes_on_the_gates_number_opens_nothing(world, home, visitor, family, number):
    """It may end the gate, or stop it. So no rule trusts a number, and nothing fails open."""
    gate, rules = home.gate(visitor.session), home.rules()
    uid, inside = int(processes.field(gate, "Uid").split()[0]), int(processes.field(gate, "NSpid").split()[-1])
    visitor.run("setpriv", f"--reuid={uid}", "--clear-groups", "sh", "-c", f"kill -{int(number)} {inside}")
    if number == signal.SIGKILL:
        home.eventually_audited("gate_died", signal=9)
    else:
        eventually(lambda: processes.field(gate, "State")[0] == "T", "it stands still")
    for transport in ("tcp", "udp"):
        assert not visitor.connect(UNLISTED[family], 443, transport)["reached"]
    assert world.strays() == []
    assert home.rules() == rules


def test_the_next_gate_is_as_confined_as_the_first(home, visitor):
    before = kill(home, visitor)
    eventually(lambda: home._gates(visitor.session) not in ([], [before]), "another gate runs")
    assert visitor.asks_for("allowed.example")
    gate = home.gate(visitor.session)
    assert names_of(processes.field(gate, "CapEff")) == names_of(processes.field(gate, "CapPrm")) == {"NET_ADMIN"}
    assert processes.field(gate, "NoNewPrivs") == "1" and processes.field(gate, "Seccomp") == "2"
    assert os.stat(f"/proc/{gate}/environ").st_uid == 0


def test_it_ends_in_order_with_questions_outstanding(world, home):
    world.upstream.name("*.silent.example", silence_for_ever)
    visitor = home.visit("--allow", "*.silent.example", pid_1=False)
    query = dns.message.make_query("one.silent.example", "A").to_wire().hex()
    assert not visitor.ask(query, GATE[4], timeout=0.1)["reached"]
    gate = home.gate(visitor.session)
    os.kill(visitor.session.pid, signal.SIGSTOP)  # so that nobody takes note of its end before us
    visitor.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(gate, "State").startswith("Z"), "the gate has ended, as its keeper has")
    assert open(f"/proc/{gate}/stat").read().split()[-1] == "0"


def test_an_agent_that_is_root_has_nothing_of_its_own_in_the_next_gate(home):
    """What it put where programs are loaded from is not loaded."""
    visitor = home.visit("--allow", "allowed.example", who="root")
    planted = visitor.python("""
import glob
value = glob.glob("/usr/lib/*/libcrypt.so.1")[0]
open("/etc/ld.so.preload", "w").write(value)""")["answer"]
    assert "libcrypt" in visitor.run("cat", "/proc/self/maps")["out"], planted
    before = kill(home, visitor)
    eventually(lambda: home._gates(visitor.session) not in ([], [before]), "another gate runs")
    assert visitor.asks_for("allowed.example")
    assert "libcrypt" not in open(f"/proc/{home.gate(visitor.session)}/maps").read()
