"""A kernel that knows no IPv6 connections, as Fly's is reported to be: the gate finds out, says so, and holds.

Made here by another table that exempts IPv6 from tracking, before the gate comes.
"""

import json

import pytest

from support.behaviours import host
from support.outcomes import assert_reached, assert_refused
from support.visitor import code
from support.world import ALLOWED, PUBLIC_RESOLVER, RESOLVER, UNLISTED

SERVICE, OTHER_SERVICE = 2222, 2223
NO_TRACKING = """table ip6 untracked {
    chain out { type filter hook output priority raw; notrack; }
    chain in { type filter hook prerouting priority raw; notrack; }
}
"""


@pytest.fixture(scope="module")
def home(new_gatehouse, world, who):
    world.upstream.name("allowed.example", host(ALLOWED))
    home = new_gatehouse()
    home.nft("-f", "-", stdin=NO_TRACKING)
    return home


@pytest.fixture(scope="module")
def visitor(home, who):
    return home.visit("--allow", "allowed.example", "--allow-inbound", f"[2001:db8::/32]:{SERVICE}", who=who)


def test_the_boot_says_so(fresh_gatehouse, who):
    home = fresh_gatehouse()
    home.nft("-f", "-", stdin=NO_TRACKING)
    result = home.boot("true", flags=["--user", "agent"] if who == "agent" else [])
    assert result.status == 0 and "IPv6 connections" in result.stderr, result


def test_the_status_says_so(home, visitor):
    status = json.loads(home.beside(visitor.session, "/opt/bin/ostiary", "status").stdout)
    assert status["tracking"] == "IPv4"


def test_an_unlisted_address_cannot_be_reached(world, visitor, family):
    for transport in ("tcp", "udp"):
        assert_refused(visitor.connect(UNLISTED[family], 443, transport), world)


def test_an_allowed_name_is_reached_over_both_families(world, visitor, family):
    assert visitor.opens("allowed.example", family) == [ALLOWED[family]]
    assert_reached(visitor.connect(ALLOWED[family], 443))
    world.forget()
    assert_refused(visitor.connect(ALLOWED[family], 80), world)


def test_the_c_library_asks_the_gate_as_resolv_conf_says(world, home, visitor):
    assert "nameserver 127.0.0.1\n" in home.read("/etc/resolv.conf")
    assert ALLOWED[4] in visitor.run("getent", "ahosts", "allowed.example")["out"]
    assert visitor.run("getent", "ahosts", "unlisted.example")["status"] != 0
    assert "unlisted.example" not in world.upstream.names()


@pytest.mark.parametrize("server", [RESOLVER, PUBLIC_RESOLVER], ids=["the upstream", "a public one"])
def test_a_resolver_that_is_written_down_is_the_gate_or_denied(world, visitor, server):
    assert code(visitor.asks("unlisted.example", server=server[4])) == "NXDOMAIN"
    for transport in ("tcp", "udp"):
        assert_refused(visitor.connect(server[6], 53, transport), world)
    assert world.upstream.queries == []


def test_a_service_named_inbound_answers(world, home, visitor):
    assert home.speak_to_service(visitor, SERVICE, 6) == b"hello"


def test_no_other_service_answers(world, home, visitor, family):
    with pytest.raises(OSError):
        home.speak_to_service(visitor, OTHER_SERVICE, family)


def test_beside_others_there_is_no_such_gate(fresh_gatehouse):
    home = fresh_gatehouse()
    home.nft("-f", "-", stdin=NO_TRACKING)
    result = home.boot("true", flags=["--scope", "user", "--user", "agent"])
    assert result.status == 69 and "--scope user" in result.stderr and "IPv6" in result.stderr, result


def test_without_tracking_for_ipv4_there_is_no_gate(fresh_gatehouse, who):
    home = fresh_gatehouse()
    home.nft("-f", "-", stdin=NO_TRACKING.replace("ip6", "ip"))
    result = home.boot("touch", "/home/agent/started", flags=["--user", "agent"] if who == "agent" else [])
    assert result.status == 69 and not home.exists("/home/agent/started"), result
    assert "nf_conntrack" in result.stderr.splitlines()[-1]


def test_where_both_families_are_tracked_nothing_is_said(fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    assert json.loads(home.beside(visitor.session, "/opt/bin/ostiary", "status").stdout)["tracking"] == "IPv4, IPv6"
