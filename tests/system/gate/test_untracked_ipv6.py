"""A kernel that does not track IPv6 connections, as reported for Fly: the gate detects it, says so,
and still denies.

Simulated by another table that exempts IPv6 from tracking before the gate starts.
"""

import json

import pytest

from support.agent import code
from support.behaviours import host
from support.internet import ALLOWED, PUBLIC_RESOLVER, RESOLVER, UNLISTED
from support.outcomes import assert_reached, assert_refused
from support.untracked import UNTRACKED_IPV6

SERVICE, OTHER_SERVICE = 2222, 2223


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    internet.upstream.name("allowed.example", host(ALLOWED))
    container = shared_container()
    container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    return container


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", "--allow-inbound", f"[2001:db8::/32]:{SERVICE}", who=who)


def test_the_boot_says_so(new_container, who):
    container = new_container()
    container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    result = container.boot("true", flags=["--user", "agent"] if who == "agent" else [])
    assert result.status == 0 and "IPv6 connections" in result.stderr, result


def test_the_status_says_so(container, agent):
    status = json.loads(container.beside(agent.session, "/opt/bin/ostiary", "status").stdout)
    assert status["tracking"] == "IPv4"


def test_an_unlisted_address_cannot_be_reached(internet, agent, family):
    for transport in ("tcp", "udp"):
        assert_refused(agent.connect(UNLISTED[family], 443, transport), internet)


def test_an_allowed_name_can_be_reached_over_both_families(internet, agent, family):
    assert agent.resolves("allowed.example", family) == [ALLOWED[family]]
    assert_reached(agent.connect(ALLOWED[family], 443))
    internet.forget()
    assert_refused(agent.connect(ALLOWED[family], 80), internet)


def test_the_c_library_asks_the_gate_as_resolv_conf_says(internet, container, agent):
    assert "nameserver 127.0.0.1\n" in container.read("/etc/resolv.conf")
    assert ALLOWED[4] in agent.run("getent", "ahosts", "allowed.example")["out"]
    assert agent.run("getent", "ahosts", "unlisted.example")["status"] != 0
    assert "unlisted.example" not in internet.upstream.names()


@pytest.mark.parametrize("server", [RESOLVER, PUBLIC_RESOLVER], ids=["the upstream", "a public one"])
def test_an_explicit_resolver_is_redirected_or_denied(internet, agent, server):
    assert code(agent.asks("unlisted.example", server=server[4])) == "NXDOMAIN"
    for transport in ("tcp", "udp"):
        assert_refused(agent.connect(server[6], 53, transport), internet)
    assert internet.upstream.queries == []


def test_an_allowed_service_answers(internet, container, agent):
    assert container.connect_from_outside(agent, SERVICE, 6) == b"hello"


def test_no_other_service_answers(internet, container, agent, family):
    with pytest.raises(OSError):
        container.connect_from_outside(agent, OTHER_SERVICE, family)


def test_with_scope_user_the_boot_fails(new_container):
    container = new_container()
    container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    result = container.boot("true", flags=["--scope", "user", "--user", "agent"])
    assert result.status == 69 and "--scope user: the kernel does not track IPv6 connections" in result.stderr, result
    assert "use --scope container, or disable IPv6" in result.stderr, result


def test_without_ipv4_tracking_the_boot_fails(new_container, who):
    container = new_container()
    container.nft("-f", "-", stdin=UNTRACKED_IPV6.replace("ip6", "ip"))
    result = container.boot("touch", "/home/agent/started", flags=["--user", "agent"] if who == "agent" else [])
    assert result.status == 69 and not container.exists("/home/agent/started"), result
    error = result.stderr.splitlines()[-1]
    assert "did not reach the gate: the kernel does not track connections, or other nftables rules" in error
    assert "nf_conntrack" in error


def test_if_both_families_are_tracked_nothing_is_printed(new_container, who):
    container = new_container()
    agent = container.start_agent(who=who)
    assert json.loads(container.beside(agent.session, "/opt/bin/ostiary", "status").stdout)["tracking"] == "IPv4, IPv6"
