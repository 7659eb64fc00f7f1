"""Packets that the kernel sends for a socket that the agent has closed: none leaves the host, and
the audit does not count them as denied."""

import time

import pytest

from support.behaviours import delayed, host
from support.internet import ALLOWED, RESOLVER

LATE = 0.5  # seconds until the upstream answers
AFTERWARDS = 2  # seconds in which the kernel retransmits
GROUP_REPORT = 143  # of ICMPv6; sent by the kernel when an interface comes up


@pytest.fixture(params=["container", "user"])
def container(request, new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("x.late.example", delayed(LATE, host(ALLOWED)))
    container = new_container()
    container.agent = container.start_agent("--scope", request.param, "--allow", "allowed.example", "--allow", "*.late.example")
    internet.forget()
    return container


def assert_nothing_left_and_nothing_denied(internet, container):
    time.sleep(AFTERWARDS)
    assert internet.stray_packets() == []
    assert [each for each in container.audit("deny") if "by" not in each and each.get("icmp_type") != GROUP_REPORT] == []


def test_a_lookup_over_tcp_leaves_no_denial(internet, container, family):
    assert container.agent.asks_for("allowed.example", server=RESOLVER[family], transport="tcp") == [ALLOWED[4]]
    assert_nothing_left_and_nothing_denied(internet, container)


def test_a_lookup_whose_answer_comes_too_late_leaves_no_denial(internet, container, family):
    container.agent.python(f"""
with socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM) as s:
    question = struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\\1x\\4late\\7example\\0" + struct.pack("!2H", 1, 1)
    s.sendto(question, ({RESOLVER[family]!r}, 53))""")
    time.sleep(LATE)
    assert internet.upstream.queries
    assert_nothing_left_and_nothing_denied(internet, container)
