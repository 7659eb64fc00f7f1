"""The gate is killed at any moment: open flows continue, nothing new opens, and the gate restarts
or the agent ends."""

import json
import os
import signal
import socket
import time

import dns.message
import pytest

from support import processes
from support.agent import GATE
from support.behaviours import addresses, host, silence_for_ever
from support.capabilities import names_of
from support.internet import ALLOWED, UNLISTED
from support.outcomes import assert_refused
from support.waiting import PATIENCE, eventually


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("*.later.example", host(ALLOWED))
    return new_container()


@pytest.fixture
def agent(internet, container, who):
    agent = container.start_agent("--allow", "allowed.example", "--allow", "*.later.example", who=who)
    for family in (4, 6):
        agent.resolves("allowed.example", family)
    internet.forget()
    return agent


def kill(container, agent, number=signal.SIGKILL):
    gate = container.gate(agent.session)
    os.kill(gate, number)
    return gate


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_the_gate_restarts(internet, container, agent, number):
    before = kill(container, agent, number)
    container.await_another_gate(agent.session, before)
    assert agent.asks_for("new.later.example") == [ALLOWED[4]]
    container.eventually_audited("gate_died", signal=int(number)) if number == signal.SIGKILL else \
        container.eventually_audited("gate_died")
    container.eventually_audited("gate_restarted")


def test_admissions_survive_a_restart(internet, container, agent, family):
    admitted = container.admitted()
    kill(container, agent)
    assert agent.connect(ALLOWED[family], 443)["reached"]
    assert container.admitted() == admitted
    assert container.rules()


def test_open_flows_survive_a_restart(container, agent, family):
    agent.open_flow("flow", ALLOWED[family], 443)
    kill(container, agent)
    assert agent.use_flow("flow")["reached"]


def test_while_the_gate_is_stopped_nothing_new_opens(internet, container, agent, family):
    gate = kill(container, agent, signal.SIGSTOP)
    try:
        for server in (GATE, UNLISTED):
            for transport in ("udp", "tcp"):
                query = agent.ask("123401000001000000000000" + "05" + b"other".hex() + "05" + b"later".hex() + "07" +
                                  b"example".hex() + "0000010001", server[family], transport=transport, timeout=0.2)
                assert not query["reached"]
        outcome = agent.connect(UNLISTED[family], 443)
        assert not outcome["reached"]
        assert internet.packets() == []
        assert agent.connect(ALLOWED[family], 443)["reached"]
    finally:
        os.kill(gate, signal.SIGCONT)
    assert agent.asks_for("other.later.example")


def test_a_question_waits_for_the_next_gate(container, agent):
    for _ in range(3):
        kill(container, agent)
        assert agent.asks_for("allowed.example") == [ALLOWED[4]]
        time.sleep(0.1)


def test_an_answered_address_can_be_reached_whenever_the_gate_is_killed(internet, container, agent, who):
    internet.upstream.name("*.later.example", lambda question: addresses(
        f"198.51.100.{int(question.name.partition('.')[0][1:]) % 250 + 1}")(question))
    session = agent.session
    session.send('{"do": "look_up_and_connect_whatever_happens", "with": ["n%d.later.example", 300, "127.0.0.1", 443, '
                 '0.002], "how": {}}\n')
    for moment in (0.013, 0.05, 0.11, 0.17, 0.23):
        time.sleep(moment)
        kill(container, agent)
        eventually(lambda: container.gates(session), "the gate is back")
    result = json.loads(agent._line(30))["value"]
    assert result["broken"] == [] and result["made"] == 300
    stray_packets = internet.stray_packets(*[(f"198.51.100.{n}", 443) for n in range(1, 251)])
    assert [packet for packet in stray_packets if packet.protocol != socket.IPPROTO_ICMP] == []  # to a question whose client has timed out


def test_a_gate_that_dies_while_it_starts_is_restarted(container, agent):
    first_process = container.agent_of(agent.session)
    before = kill(container, agent)
    seen = lambda: [pid for pid in processes.children(agent.session.program)
                    if pid not in (before, first_process)]
    end = time.monotonic() + PATIENCE
    while not (beginning := seen()) and time.monotonic() < end:
        pass
    os.kill(beginning[0], signal.SIGKILL)
    eventually(lambda: container.gates(agent.session) not in ([], [before], beginning), "another gate runs")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert agent.session.running()
    assert len(container.audit("gate_died")) == 2


def test_the_gate_restarts_if_the_keepers_output_is_not_read(container, agent):
    agent.session.err.open = False  # for the test's reads
    full = os.open(f"/proc/{agent.session.program}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        for size in (4096, 1):
            with pytest.raises(BlockingIOError):
                while True:
                    os.write(full, b"x" * size)
    finally:
        os.close(full)
    kill(container, agent)
    assert agent.asks_for("new.later.example") == [ALLOWED[4]]


def test_too_many_deaths_end_the_agent(container, agent):
    end = time.monotonic() + 20
    while agent.session.running() and time.monotonic() < end:
        for gate in container.gates(agent.session):
            try:
                os.kill(gate, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
    result = agent.session.wait()
    assert result.status == 69, result
    assert "gate" in result.stderr.splitlines()[-1]
    assert container.audit("exit", status=69)
    assert container.rules()


def test_nothing_opens_when_the_keeper_dies(internet, container, agent, family):
    """The container ends. Other processes in its network stay behind the rules."""
    agent.session.signal(signal.SIGKILL)
    agent.session.wait()
    beside = container.start_process_without_gate("root")
    assert_refused(beside.connect(UNLISTED[family], 443), internet)
    assert not beside.connect(UNLISTED[family], 53, "udp")["reached"]
    assert internet.packets() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("who", ["root"])
def test_a_root_agent_with_the_gates_uid_opens_nothing(internet, container, agent, family, number):
    """It can kill or stop the gate. No rule trusts a uid, so that nothing opens."""
    gate, rules = container.gate(agent.session), container.rules()
    uid, inside = int(processes.field(gate, "Uid").split()[0]), int(processes.field(gate, "NSpid").split()[-1])
    agent.run("setpriv", f"--reuid={uid}", "--clear-groups", "sh", "-c", f"kill -{int(number)} {inside}")
    if number == signal.SIGKILL:
        container.eventually_audited("gate_died", signal=9)
    else:
        eventually(lambda: processes.field(gate, "State")[0] == "T", "it stands still")
    for transport in ("tcp", "udp"):
        assert not agent.connect(UNLISTED[family], 443, transport)["reached"]
    assert internet.stray_packets() == []
    assert container.rules() == rules


def test_the_next_gate_is_as_confined_as_the_first(container, agent):
    before = kill(container, agent)
    container.await_another_gate(agent.session, before)
    assert agent.asks_for("allowed.example")
    gate = container.gate(agent.session)
    assert names_of(processes.field(gate, "CapEff")) == names_of(processes.field(gate, "CapPrm")) == {"NET_ADMIN"}
    assert processes.field(gate, "NoNewPrivs") == "1" and processes.field(gate, "Seccomp") == "2"
    assert os.stat(f"/proc/{gate}/environ").st_uid == 0


def test_the_gate_ends_in_order_with_questions_outstanding(internet, container):
    internet.upstream.name("*.silent.example", silence_for_ever)
    agent = container.start_agent("--allow", "*.silent.example", pid_1=False)
    query = dns.message.make_query("one.silent.example", "A").to_wire().hex()
    assert not agent.ask(query, GATE[4], timeout=0.1)["reached"]
    gate = container.gate(agent.session)
    os.kill(agent.session.pid, signal.SIGSTOP)  # so that the test sees its end first
    agent.session.signal(signal.SIGKILL)
    eventually(lambda: processes.field(gate, "State").startswith("Z"), "the gate has ended, as its keeper has")
    assert open(f"/proc/{gate}/stat").read().split()[-1] == "0"


def test_a_root_agent_cannot_load_a_library_into_the_next_gate(container):
    agent = container.start_agent("--allow", "allowed.example", who="root")
    planted = agent.python("""
import glob
value = glob.glob("/usr/lib/*/libcrypt.so.1")[0]
open("/etc/ld.so.preload", "w").write(value)""")["answer"]
    assert "libcrypt" in agent.run("cat", "/proc/self/maps")["out"], planted
    before = kill(container, agent)
    container.await_another_gate(agent.session, before)
    assert agent.asks_for("allowed.example")
    assert "libcrypt" not in open(f"/proc/{container.gate(agent.session)}/maps").read()
