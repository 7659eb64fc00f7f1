"""Later sessions, by `ostiary exec` or by the runtime's own `exec`, are behind the same gate."""

import pytest

from support import processes
from support.agent import code
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.outcomes import assert_refused

OSTIARY = "/opt/bin/ostiary"


@pytest.fixture(params=["ostiary exec", "the runtime's exec"])
def later_process(request, container, agent):
    before = [OSTIARY, "exec", "--"] if request.param == "ostiary exec" else []
    return container.start_process_beside(agent, *before)


def test_an_unlisted_address_cannot_be_reached_by_a_later_process(internet, later_process, family):
    for transport in ("tcp", "udp"):
        assert_refused(later_process.connect(UNLISTED[family], 443, transport), internet)


def test_an_allowed_name_can_be_reached_by_a_later_process(later_process, family):
    assert later_process.resolves("allowed.example", family) == [ALLOWED[family]]
    assert later_process.connect(ALLOWED[family], 443)["reached"]


def test_an_unlisted_name_of_a_later_process_is_not_sent(internet, later_process, family):
    assert code(later_process.asks("unlisted.example", server=RESOLVER[family])) == "NXDOMAIN"
    assert internet.packets() == []


@pytest.mark.parametrize("attempt", [
    "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
    "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "socket.socket().setsockopt(socket.SOL_SOCKET, 36, 0x6f737469)"], ids=["raw", "packet", "vsock", "mark"])
def test_ostiary_exec_is_confined_as_the_agent_is(container, agent, attempt):
    later_process = container.start_process_beside(agent, OSTIARY, "exec", "--")
    assert not later_process.python(attempt)["reached"]


def test_ostiary_exec_cannot_end_the_gate(container, agent):
    gate = int(processes.field(container.gate(agent.session), "NSpid").split()[-1])
    later_process = container.start_process_beside(agent, OSTIARY, "exec", "--")
    assert not later_process.python(f"os.kill({gate}, signal.SIGKILL)")["reached"]
    assert later_process.run("nft", "flush", "ruleset")["status"] != 0
