"""The self-test sends packets with forged sources and routes. With the rules, none leaves."""

import os

import pytest

PROBES = {"a forged source, UDP over IPv6 to this host", "a forged source, UDP over IPv6 to elsewhere",
          "a forged source, TCP over IPv6 to this host", "a forged source, TCP over IPv6 to elsewhere",
          "a forged source, UDP over IPv4", "a forged source, a ping over IPv6", "a routing header over IPv6",
          "a source route over IPv4"}


@pytest.fixture
def container(new_container):
    return new_container()


@pytest.fixture(params=["agent", "root", "agent beside others"])
def flags(request):
    return {"agent": ["--user", "agent"], "root": ["--user", "root"],
            "agent beside others": ["--user", "agent", "--scope", "user"]}[request.param]


@pytest.fixture(params=["1 0", "0 2147483647"], ids=["no pings", "pings"])
def pings(request, container):
    container.link.network.sysctl("ipv4/ping_group_range", request.param)
    return request.param


def test_no_forged_packet_leaves(internet, container, flags, pings):
    result = container.boot("true", flags=flags)
    assert result.status == 0, result
    outcomes = {event["probe"]: (event["outcome"], event["detail"]) for event in container.audit("probe")}
    assert PROBES <= set(outcomes)
    assert {outcomes[probe][0] for probe in PROBES} == {"held"}, outcomes
    assert internet.packets() == []


def test_other_traffic_at_the_same_time_does_not_end_the_boot(internet, container):
    """The self-test counts packets by the forged addresses."""
    script = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nwhile True: s.sendto(b'x', ('127.0.0.1', 9))"
    result = container.boot("true", flags=["--user", "agent"], prepare=lambda: _in_background(script))
    assert result.status == 0, result
    outcomes = {event["probe"]: event["outcome"] for event in container.audit("probe")}
    assert {outcomes[probe] for probe in PROBES} == {"held"}, outcomes
    assert container.tables() == ["table inet ostiary"]


def _in_background(script):
    if os.fork() == 0:
        os.execv("/usr/bin/python3", ["python3", "-IS", "-c", script])
